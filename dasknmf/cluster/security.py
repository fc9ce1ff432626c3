"""Who may reach a cluster: TLS for Dask, and where a port is seen from other machines."""

from __future__ import annotations

import ipaddress
import logging
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dasknmf.errors import InputError

if TYPE_CHECKING:
    from distributed import Security

    from dasknmf.cluster.sections import TLS

logger = logging.getLogger(__name__)


def security_of(tls: TLS) -> Security:
    """Return Dask's description of TLS in which nothing plain is spoken or taken.

    Raises
    ------
    InputError
        If a file is not there, is no PEM, or the key is not of the certificate; no message holds what is in a file.
    """
    from distributed import Security

    tls.require()
    ca, cert, key = (str(Path(path).expanduser()) for path in (tls.ca, tls.cert, tls.key))
    _check_files(ca, cert, key)
    pair = {
        f"tls_{role}_{part}": path
        for role in ("client", "scheduler", "worker")
        for part, path in (("cert", cert), ("key", key))
    }
    return Security(tls_ca_file=ca, require_encryption=True, **pair)


def _check_files(ca: str, cert: str, key: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(ca)
    except (ssl.SSLError, OSError) as error:
        msg = f"tls.ca: {ca} is no certificate in PEM; make a CA and certificates with: dasknmf certs FOLDER"
        raise InputError(msg) from error
    try:
        # an encrypted key would make OpenSSL ask on the terminal
        context.load_cert_chain(cert, key, password="")
    except (ssl.SSLError, OSError, ValueError) as error:
        msg = (
            f"tls: {cert} and {key} are no certificate and its key, unencrypted, in PEM; make both with: "
            "dasknmf certs FOLDER"
        )
        raise InputError(msg) from error


def configured() -> bool:
    """Tell whether Dask's own configuration names the files of a client's TLS."""
    import dask

    return all(
        dask.config.get(f"distributed.comm.tls.{name}", None)
        for name in ("ca-file", "client.cert", "client.key")
    )


def is_loopback(host: str) -> bool:
    """Tell whether a host is seen from this machine alone.

    Examples
    --------
    >>> is_loopback("127.0.0.1"), is_loopback("[::1]"), is_loopback("localhost"), is_loopback("10.0.0.1")
    (True, True, True, False)
    """
    host = host.strip("[]")
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def interface_is_loopback(interface: str | None) -> bool:
    """Tell whether a network interface, by default that of the default route, is seen from this machine alone.

    Raises
    ------
    InputError
        If there is no such interface here.
    """
    import psutil

    if interface is None:
        return False
    addresses: dict[str, Any] = psutil.net_if_addrs()
    if interface not in addresses:
        msg = f"slurm.interface={interface!r} is none of this machine; there are: {', '.join(sorted(addresses))}"
        raise InputError(msg)
    of_ip = [held.address for held in addresses[interface] if held.family.name in ("AF_INET", "AF_INET6")]
    return bool(of_ip) and all(is_loopback(address.partition("%")[0]) for address in of_ip)


def warn_of_plain(address: str) -> None:
    """Say that what is connected to is neither encrypted nor asks who comes."""
    protocol, _, rest = address.partition("://")
    if protocol == "tcp" and not is_loopback(rest.rpartition(":")[0]):
        logger.warning(
            "%s is plain tcp: whoever reaches it, or sits on the way, runs code there and sees what is sent; use TLS "
            "(dasknmf certs), or say that its network is closed: insecure: true (--insecure)",
            address,
        )
