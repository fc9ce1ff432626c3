"""A Dask cluster on loopback of which every process can be killed, and is started again as something outside would."""

from __future__ import annotations

import socket
import sys
import time
from typing import TYPE_CHECKING

from tests.rigs.sessions import LOOK, children, command_of, kill

if TYPE_CHECKING:
    from pathlib import Path

    from tests.rigs.sessions import Rig, Started

SETTINGS = {"OMP_NUM_THREADS": "1"}


class LoopbackCluster:
    """A scheduler, and workers with nannies.

    Parameters
    ----------
    rig : Rig
        What the processes belong to.
    folder : path
        For logs and scratch.
    workers : int
        How many.
    """

    def __init__(self, rig: Rig, folder: Path, *, workers: int = 2) -> None:
        self.rig, self.folder = rig, folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.scheduler = self._scheduler()
        self.workers = [self._worker(number) for number in range(workers)]
        for worker in self.workers:
            worker.wait_for("Starting established connection", seconds=120)

    @property
    def address(self) -> str:
        """Where clients find it."""
        return f"tcp://127.0.0.1:{self.port}"

    def _scheduler(self) -> Started:
        command = ["scheduler", "--host", "127.0.0.1", "--port", str(self.port), "--no-dashboard"]
        return self._dask(*command, log="scheduler.log")

    def _worker(self, number: int) -> Started:
        command = ["worker", self.address, "--host", "127.0.0.1", "--nthreads", "1", "--no-dashboard"]
        scratch = ["--memory-limit", "4GB", "--local-directory", str(self.folder / f"scratch{number}")]
        return self._dask(*command, *scratch, log=f"worker{number}.log")

    def _dask(self, *arguments: str, log: str) -> Started:
        command = [sys.executable, "-m", "dask", *arguments]
        return self.rig.start(command, log=self.folder / log, environment=SETTINGS)

    def strike(self, victim: str, number: int) -> None:
        """Kill the scheduler, a nanny, or the worker of a nanny."""
        nanny = self.workers[number % len(self.workers)]
        if victim == "scheduler":
            self.scheduler.kill()
        elif victim == "nanny":
            nanny.kill()
        else:
            for pid in working(nanny.pid):
                kill(pid)

    def pids(self) -> set[int]:
        """Return the processes that are part of it, those whose parent has died not among them."""
        own = [self.scheduler.pid, *(worker.pid for worker in self.workers)]
        return {*own, *(child for pid in own for child in children(pid))}

    def tend(self) -> None:
        """Start again what has ended."""
        if not self.scheduler.alive:
            self.scheduler = self._scheduler()
        for number, worker in enumerate(self.workers):
            if not worker.alive:
                self.workers[number] = self._worker(number)

    def settle(self, *, seconds: float) -> None:
        """Tend it until every nanny has a worker that is known to the scheduler."""
        from distributed import Client

        until = time.monotonic() + seconds
        while True:
            self.tend()
            if all(working(worker.pid) for worker in self.workers):
                try:
                    with Client(self.address, set_as_default=False, timeout="5s") as client:
                        if len(client.scheduler_info(n_workers=-1)["workers"]) == len(self.workers):
                            return
                except OSError:
                    pass
            assert time.monotonic() < until, f"the cluster has not come back in {seconds} s"
            time.sleep(LOOK)


def working(nanny: int) -> list[int]:
    """Return the worker process of a nanny; nothing while there is none."""
    return [pid for pid in children(nanny) if "spawn_main" in command_of(pid)]
