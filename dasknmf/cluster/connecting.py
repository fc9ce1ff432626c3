"""Connecting to a cluster that is there already, by its address or scheduler file."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dasknmf.cluster.description import check_address
from dasknmf.cluster.security import configured, security_of, warn_of_plain
from dasknmf.cluster.waiting import wait_for_workers
from dasknmf.errors import InputError
from dasknmf.storage import read_mapping

if TYPE_CHECKING:
    from collections.abc import Iterator

    from distributed import Client

    from dasknmf.cluster.description import Cluster

#: Seconds a scheduler may take to answer, and its first worker to come.
TIMEOUT = 20.0


@contextmanager
def connected(cluster: Cluster) -> Iterator[Client]:
    """Give a client of a cluster that others started, and close the client alone.

    Raises
    ------
    InputError
        If no scheduler answers, it does not take this client, or no worker comes.
    """
    given = cluster.scheduler_file or cluster.address
    address = cluster.address or _address_in(str(cluster.scheduler_file))
    encrypted = address.startswith("tls://")
    if encrypted and cluster.tls is None and not configured():
        msg = (
            f"{given}: TLS needs a CA, a certificate and a key; give the folder that dasknmf certs made (--tls FOLDER, "
            "tls: FOLDER in a file, or DASK_DISTRIBUTED__COMM__TLS__CA_FILE and its siblings)"
        )
        raise InputError(msg)
    if cluster.tls is not None and not encrypted:
        msg = f"{given}: tls is given, but the scheduler is at {address}, plain tcp; start it with TLS"
        raise InputError(msg)
    if not cluster.insecure:
        warn_of_plain(address)
    files = " --tls-ca-file CA --tls-cert CERT --tls-key KEY" if encrypted else ""
    worker = f"dask worker {'--scheduler-file ' if cluster.scheduler_file else ''}{given}{files}"
    with _answering(str(given), address, cluster, worker) as client:
        wait_for_workers(
            client,
            cluster.workers or 1,
            wait=cluster.wait or TIMEOUT,
            of=f"the Dask scheduler at {given}",
            remedy=f"start one with: {worker}",
        )
        yield client


def _address_in(file: str) -> str:
    path = Path(file).expanduser()
    held = read_mapping(path, what="scheduler file").get("address")
    try:
        check_address(held)
    except InputError as error:
        msg = f"scheduler file {file}: {error}; dask scheduler --scheduler-file {file} writes one"
        raise InputError(msg) from error
    return str(held)


def _answering(given: str, address: str, cluster: Cluster, worker: str) -> Client:
    from distributed import Client

    security: dict[str, Any] = {} if cluster.tls is None else {"security": security_of(cluster.tls)}
    try:
        return Client(address, set_as_default=False, timeout=cluster.wait or TIMEOUT, **security)
    except (OSError, ValueError, RuntimeError, TypeError) as error:
        said = _reason(error)
        if address.startswith("tls://"):
            remedy = (
                "check that it runs, that its certificate and yours are of one CA (dasknmf certs makes one for each "
                "cluster) and are still valid"
            )
        else:
            remedy = (
                f"start one with: dask scheduler, and workers with: {worker}; one that runs with TLS is at "
                f"tls://{address.removeprefix('tcp://')}"
            )
        msg = f"no Dask scheduler answers at {given} ({said}); {remedy}"
        raise InputError(msg) from error


def _reason(error: BaseException) -> str:
    """Return what lies at the bottom of an error, in one line."""
    while error.__cause__ is not None:
        error = error.__cause__
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]
