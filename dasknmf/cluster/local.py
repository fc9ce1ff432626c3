"""Worker processes on this machine, ended with the run."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from dasknmf.cluster.security import security_of
from dasknmf.cluster.timeouts import timeouts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from distributed import Client

    from dasknmf.cluster.description import Cluster


@contextmanager
def local_workers(cluster: Cluster) -> Iterator[Client]:
    """Start worker processes that are seen from this machine alone, give a client, and end both."""
    import dask
    from dask.system import CPU_COUNT
    from distributed import Client, LocalCluster

    security: dict[str, Any] = (
        {} if cluster.tls is None else {"security": security_of(cluster.tls), "protocol": "tls://"}
    )
    with (
        dask.config.set(timeouts()),
        LocalCluster(
            n_workers=cluster.workers or max(1, CPU_COUNT // (cluster.threads or 1)),
            threads_per_worker=cluster.threads or 1,
            memory_limit=cluster.memory or "auto",
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            **security,
        ) as started,
        Client(started, set_as_default=False) as client,
    ):
        yield client
