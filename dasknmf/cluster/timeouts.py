"""How long a cluster that is started here waits for a part of it that is silent."""

from __future__ import annotations

#: Measured with a worker whose link was cut: with Dask's 30 s a cut of 12 s costs no worker, and one for good a stall
#: of 32 s; with 12 s the stall is 15 s; below 11 s every worker ends as it starts. 20 s is between the two. A frozen
#: worker is given up after 60 s without a heartbeat instead of 300; less would also give up one that compiles, or
#: imports over a slow file system.
SETTINGS = {
    "distributed.comm.timeouts.tcp": "20s",
    "distributed.scheduler.worker-ttl": "60s",
}


def timeouts() -> dict[str, str]:
    """Return the settings of Dask for a cluster of our own, without those that the user has set."""
    import dask

    defaults = dask.config.merge(*dask.config.defaults)
    return {
        name: value
        for name, value in SETTINGS.items()
        if dask.config.get(name) == dask.config.get(name, config=defaults)
    }


def as_environment(settings: dict[str, str]) -> dict[str, str]:
    """Return settings of Dask as variables of the environment of its processes.

    Examples
    --------
    >>> as_environment({"distributed.scheduler.worker-ttl": "60s"})
    {'DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL': '60s'}
    """
    return {
        "DASK_" + name.replace(".", "__").replace("-", "_").upper(): value for name, value in settings.items()
    }
