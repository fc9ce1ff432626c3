"""An executor for a run, wherever it takes place."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from dasknmf.cluster.connecting import connected
from dasknmf.cluster.kubernetes import kubernetes_pods
from dasknmf.cluster.local import local_workers
from dasknmf.cluster.quantities import parse_memory
from dasknmf.cluster.reading import read_cluster
from dasknmf.cluster.slurm import slurm_jobs
from dasknmf.engine.dask_executor import Distributed
from dasknmf.engine.executor import Executor, Threads
from dasknmf.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from distributed import Client

#: How each kind that has worker processes comes by its client.
_OPENING = {"address": connected, "local": local_workers, "slurm": slurm_jobs, "kubernetes": kubernetes_pods}


@contextmanager
def executor_for(
    scheduler: Any = None, *, workers: int | None = None, memory_limit: int | str | None = None
) -> Iterator[Executor]:
    """Give an executor for a run.

    A client is made only where one is asked for with a word, an address or a file, and is never made the current
    one: ``"local"``, ``"slurm"`` and ``"kubernetes"`` start their workers with the run and end them with it; an address
    or a scheduler file is connected to, and the connection is closed with the run. A client that is given, or that the
    caller made current, is used as it is and left open.

    Parameters
    ----------
    scheduler : str, path, mapping, Cluster or distributed.Client, optional
        ``"threads"``: this process; ``"serial"``: one task after another; ``"local"``: worker processes here, on
        loopback only; ``"slurm"``; ``"kubernetes"``; an address (``tls://host:8786``, ``tcp://host:8786``); the path
        of a scheduler file, or of a YAML file that describes a cluster; such a description, see
        :func:`dasknmf.cluster.read_cluster`; or a client. By default the client that the caller made current
        (``distributed.Client()``), otherwise threads.
    workers : int, optional
        Threads or workers, see :class:`dasknmf.cluster.Cluster`; not with a client, which has its own.
    memory_limit : int or str, optional
        Bytes of each process: of this one for threads, else of each worker.

    Raises
    ------
    InputError
        If the description is wrong, nothing answers there, or no worker comes.
    """
    from distributed import Client

    client = scheduler if isinstance(scheduler, Client) else None
    if scheduler is None:
        client = _current_client()
    if client is not None:
        _refuse_workers(workers)
        with Distributed(client, memory=parse_memory(memory_limit)) as executor:
            yield executor
        return
    where = read_cluster(scheduler, workers=workers, memory=memory_limit)
    if where.kind in ("threads", "serial"):
        count = 1 if where.kind == "serial" else where.workers
        with Threads(count, memory=where.memory) as threads:
            yield threads
        return
    with _OPENING[where.kind](where) as opened, Distributed(opened, memory=where.memory) as executor:
        yield executor


def _refuse_workers(workers: Any) -> None:
    if workers is not None:
        msg = (
            f"workers={workers!r}: the Dask client has the workers it has; leave workers out, or say where else to run "
            "(scheduler='threads')"
        )
        raise InputError(msg)


def _current_client() -> Client | None:
    from distributed import get_client

    try:
        return get_client()
    except ValueError:
        return None
