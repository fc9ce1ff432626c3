"""Where a run takes place: threads of this process, worker processes here, or a cluster at an address."""

from __future__ import annotations

from contextlib import contextmanager
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dask.utils import parse_bytes, parse_timedelta

from dasknmf.engine.dask_executor import Distributed
from dasknmf.engine.executor import Executor, Threads
from dasknmf.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from distributed import Client


#: How long a scheduler may take to answer, and its first worker to come.
TIMEOUT = "20s"

#: How long a worker of a cluster that we start may give no sign of life before its tasks go to others: a worker that is
#: frozen is found out after one to two of these. Signs come every half second from a thread beside the tasks, which a
#: task that holds the GIL silences; our kernels let go of it, and the longest silence measured, of two workers that
#: compiled and fitted a sparse network while seven processes wanted each core, was 1.7 s. Dask waits 5 minutes.
FROZEN = "60s"


def parse_memory(value: int | str | None) -> int | None:
    """Return bytes for ``"4 GiB"``, ``"512MB"`` or a number of bytes.

    Raises
    ------
    InputError
        If it is neither.

    Examples
    --------
    >>> parse_memory("1 GiB"), parse_memory(None)
    (1073741824, None)
    """
    if value is None:
        return None
    try:
        size = parse_bytes(value)
    except (ValueError, TypeError, AttributeError) as error:
        msg = f"memory limit {value!r}: needs a size such as '4 GiB' or a number of bytes"
        raise InputError(msg) from error
    if size <= 0:
        msg = f"memory limit {value!r}: needs to be above 0"
        raise InputError(msg)
    return int(size)


@contextmanager
def executor_for(
    scheduler: Any = None, *, workers: int | None = None, memory_limit: int | str | None = None
) -> Iterator[Executor]:
    """Give an executor for a run.

    Parameters
    ----------
    scheduler : str or distributed.Client, optional
        ``"threads"``: this process; ``"serial"``: one task after another; ``"local"``: worker processes on
        this machine, on loopback only, ended afterwards; an address (``tcp://host:8786``,
        ``tls://host:8786``) or the path of a scheduler file; or a client, which is used and left open. By
        default the client that the caller made current (``distributed.Client()``), otherwise threads.
    workers : int, optional
        Threads, or worker processes of ``"local"``, 1 or more; by default one per core.
    memory_limit : int or str, optional
        Of this process for threads, of each worker process for ``"local"``.

    Raises
    ------
    InputError
        If there is no such scheduler, it cannot be reached, or it has no worker.
    """
    from distributed import Client

    memory = parse_memory(memory_limit)
    _check_workers(workers)
    if scheduler is None:
        scheduler = _current_client() or "threads"
    if isinstance(scheduler, Client):
        with Distributed(scheduler) as executor:
            yield executor
    elif scheduler in ("threads", "serial"):
        with Threads(1 if scheduler == "serial" else workers, memory=memory) as executor:
            yield executor
    elif scheduler == "local":
        with _local_client(workers, memory) as client, Distributed(client) as executor:
            yield executor
    else:
        with _connect(str(scheduler)) as client, Distributed(client) as executor:
            yield executor


def _check_workers(workers: Any) -> None:
    whole = isinstance(workers, Integral) and not isinstance(workers, bool)
    if workers is not None and not (whole and workers >= 1):
        msg = f"workers={workers!r}: needs a whole number, 1 or more; leave it out for one per core (--workers N)"
        raise InputError(msg)


def _current_client() -> Client | None:
    from distributed import get_client

    try:
        return get_client()
    except ValueError:
        return None


@contextmanager
def _local_client(workers: int | None, memory: int | None) -> Iterator[Client]:
    import dask
    from dask.system import CPU_COUNT
    from distributed import Client, LocalCluster

    with (
        dask.config.set({"distributed.scheduler.worker-ttl": FROZEN}),
        LocalCluster(
            n_workers=workers or CPU_COUNT,
            threads_per_worker=1,
            memory_limit=memory or "auto",
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
        ) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        yield client


@contextmanager
def _connect(scheduler: str) -> Iterator[Client]:
    from distributed import Client

    if "://" in scheduler:
        given: dict[str, Any] = {"address": scheduler}
    elif Path(scheduler).is_file():
        given = {"scheduler_file": scheduler}
    else:
        msg = (
            f"scheduler {scheduler!r} is neither a word known here nor a file; give threads, serial, local, an "
            "address such as tcp://127.0.0.1:8786, or the path of a scheduler file"
        )
        raise InputError(msg)
    worker = f"dask worker {scheduler if '://' in scheduler else '--scheduler-file ' + scheduler}"
    try:
        client = Client(**given, set_as_default=False, timeout=TIMEOUT)
    except (OSError, ValueError) as error:
        msg = (
            f"no Dask scheduler answers at {scheduler} ({error}); start one with: dask scheduler, and workers "
            f"with: {worker}"
        )
        raise InputError(msg) from error
    with client:
        try:
            client.wait_for_workers(1, timeout=parse_timedelta(TIMEOUT))
        except TimeoutError as error:
            msg = (
                f"the Dask scheduler at {scheduler} has had no worker for {TIMEOUT}; start one with: {worker}"
            )
            raise InputError(msg) from error
        yield client
