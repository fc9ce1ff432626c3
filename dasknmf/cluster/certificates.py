"""A CA for one cluster, and a certificate for each role in it.

Dask takes whoever has a certificate of its CA, and does not look at the names in it: so a CA is of one cluster, is
short-lived, and its key is thrown away once it has signed.
"""

from __future__ import annotations

import datetime as dt
import os
import shlex
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dasknmf.aside import place_beside, sweep
from dasknmf.errors import InputError, missing_dependency, whole
from dasknmf.storage import is_remote, remove, require_folder

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec

#: Who has a certificate; a client's is none of a server, so whoever has it cannot pass for the scheduler.
ROLES = ("scheduler", "worker", "client")
#: Clocks of machines differ.
SKEW = dt.timedelta(hours=1)


def make_certificates(folder: str | os.PathLike[str], *, days: int = 14) -> dict[str, Any]:
    """Make a folder with a CA of its own, and a certificate and a key for scheduler, workers and clients.

    The folder can be read by its owner alone (0700), and so can the keys (0600). What is there is never replaced.

    Parameters
    ----------
    folder : path
        Must not exist yet.
    days : int
        How long all of them are valid, from now on.

    Returns
    -------
    dict
        ``folder``, ``valid_until`` (a date in UTC) and ``commands``: what to type next, for each role.

    Raises
    ------
    InputError
        If the folder is there already, or its parent is not.
    MissingDependencyError
        Without the extra ``tls``.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as place:
    ...     made = make_certificates(place + "/certs", days=1)
    ...     sorted(file.name for file in Path(place + "/certs").iterdir())[:3]
    ['ca.pem', 'client-key.pem', 'client.pem']
    """
    days = whole("days", days, least=1)
    if days > 365:
        msg = f"days={days}: needs 365 at most; make new ones with each cluster instead"
        raise InputError(msg)
    if is_remote(folder):
        msg = f"{os.fspath(folder)}: keys belong on a local disk; give a path"
        raise InputError(msg)
    place = Path(folder).expanduser()
    require_folder(place)
    if place.exists() or place.is_symlink():
        msg = (
            f"{place} exists already, and keys are never replaced; choose another name, or remove it yourself"
        )
        raise InputError(msg)
    files, until = _signed(days)
    # also the keys of one that was killed as it made them
    sweep(place)
    aside = place_beside(place.absolute())
    try:
        aside.mkdir(mode=0o700)
        for name, content in files.items():
            _write(aside / name, content, mode=0o600 if name.endswith("-key.pem") else 0o644)
        aside.rename(place)
    except BaseException:
        remove(aside)
        raise
    return {"folder": str(place), "valid_until": f"{until:%Y-%m-%d}", "commands": next_commands(place)}


def next_commands(folder: Path) -> dict[str, str]:
    """Return what to type after that, for each role."""
    quoted = shlex.quote(str(folder))

    def files(role: str) -> str:
        return (
            f"--tls-ca-file {quoted}/ca.pem --tls-cert {quoted}/{role}.pem --tls-key {quoted}/{role}-key.pem"
        )

    return {
        # the pages of scheduler and workers have no password, so they stay on loopback
        "scheduler": (
            f"dask scheduler --protocol tls --port 8786 --dashboard-address 127.0.0.1:8787 {files('scheduler')}"
        ),
        "worker": f"dask worker tls://HOST:8786 --dashboard-address 127.0.0.1:0 {files('worker')}",
        "client": f"dasknmf fit NETWORK -k 32 -o fit.zarr --cluster tls://HOST:8786 --tls {quoted}",
    }


def _write(file: Path, content: bytes, *, mode: int) -> None:
    # made with its mode, so that a key is at no moment readable by others
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as opened:
        opened.write(content)
        opened.flush()
        os.fsync(opened.fileno())


def _signed(days: int) -> tuple[dict[str, bytes], dt.datetime]:
    try:
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ec
    except ImportError as error:
        raise missing_dependency("cryptography", extra="tls", purpose="making certificates") from error

    now = dt.datetime.now(dt.UTC).replace(microsecond=0)
    until = now + dt.timedelta(days=days)
    authority = ec.generate_private_key(ec.SECP256R1())
    cluster = uuid.uuid4().hex[:8]
    ca = _authority(authority, cluster, now, until)
    pem = serialization.Encoding.PEM
    files = {"ca.pem": ca.public_bytes(pem)}
    for role in ROLES:
        key = ec.generate_private_key(ec.SECP256R1())
        files[f"{role}.pem"] = _of_role(key, role, cluster, ca, authority).public_bytes(pem)
        files[f"{role}-key.pem"] = key.private_bytes(
            pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    return files, until


def _authority(
    key: ec.EllipticCurvePrivateKey, cluster: str, now: dt.datetime, until: dt.datetime
) -> x509.Certificate:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes

    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, f"dasknmf cluster {cluster}")])
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - SKEW)
        .not_valid_after(until)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )


def _of_role(
    key: ec.EllipticCurvePrivateKey,
    role: str,
    cluster: str,
    ca: x509.Certificate,
    authority: ec.EllipticCurvePrivateKey,
) -> x509.Certificate:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.x509.oid import ExtendedKeyUsageOID

    purposes = [ExtendedKeyUsageOID.CLIENT_AUTH]
    if role != "client":
        purposes.append(ExtendedKeyUsageOID.SERVER_AUTH)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, f"dasknmf {role} {cluster}")]))
        .issuer_name(ca.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(ca.not_valid_before_utc)
        .not_valid_after(ca.not_valid_after_utc)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(f"dasknmf-{role}")]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        # Python 3.13 refuses certificates without it
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key()), critical=False
        )
        .sign(authority, hashes.SHA256())
    )


def _usage(*, signs: bool) -> x509.KeyUsage:
    from cryptography import x509

    return x509.KeyUsage(
        digital_signature=not signs,
        key_cert_sign=signs,
        crl_sign=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
