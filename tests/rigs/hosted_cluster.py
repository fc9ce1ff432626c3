"""A Dask cluster of which scheduler, workers and client have a host each; see :mod:`tests.rigs.namespaces`."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.rigs.namespaces import Host, hosts
from tests.rigs.sessions import LOOK, Rig, Started, children, command_of, cpu_ticks, rig, state

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

#: Seconds after which a run that has not ended never will.
BOUND = 240.0
#: Those to recommend. Not distributed.comm.retry.count: with 3, workers that fetch from one whose link is cut for good
#: try for four times the 30 s of a connection, and a run stalled for 114 s instead of 21.
SETTINGS = {
    "DASK_DISTRIBUTED__COMM__TIMEOUTS__TCP": "20s",
    "DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "30s",
    "DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL": "60s",
    "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "5",
    "OMP_NUM_THREADS": "1",
}
WORKERS = ("worker1", "worker2", "worker3")

#: Waits until the scheduler knows so many workers, those that are lost no longer among them.
COUNTED = """
import sys, time
from distributed import Client
client = Client(sys.argv[1], timeout=60)
while len(client.scheduler_info(n_workers=-1)["workers"]) != int(sys.argv[2]):
    time.sleep(0.1)
"""


@dataclass
class Cluster:
    """A scheduler and workers on hosts, as an operator starts them."""

    rig: Rig
    hosts: dict[str, Host]
    folder: Path
    scheduler: Started
    workers: dict[str, Started] = field(default_factory=dict)
    #: Workers that are started again when they end, as Kubernetes would.
    tended: set[str] = field(default_factory=set)
    #: Workers whose link is away.
    cut: set[str] = field(default_factory=set)

    @property
    def address(self) -> str:
        return f"tcp://{self.hosts['scheduler'].address}:8786"

    def start_scheduler(self) -> None:
        self.scheduler = start_scheduler(self.hosts["scheduler"], self.folder)

    def start_worker(self, name: str) -> None:
        host = self.hosts[name]
        command = ["worker", self.address, "--host", host.address, "--nthreads", "1", "--no-dashboard"]
        scratch = ["--memory-limit", "2GB", "--local-directory", str(self.folder / name)]
        self.workers[name] = host.run(
            dask(*command, *scratch), log=self.folder / f"{name}.log", environment=SETTINGS
        )

    def of_nanny(self, name: str) -> int:
        """Return the number of the process that works, a child of the nanny that was started."""
        found = [pid for pid in children(self.workers[name].pid) if "spawn_main" in command_of(pid)]
        assert len(found) == 1, [command_of(pid) for pid in found]
        return found[0]

    def repair(self) -> None:
        """Restore links, and replace what has ended or is stopped."""
        self.tended.clear()
        if not self.scheduler.alive:
            self.start_scheduler()
        new = []
        for name, worker in self.workers.items():
            self.hosts[name].restore()
            if (
                worker.alive
                and all(state(pid) != "T" for pid in children(worker.pid))
                and name not in self.cut
            ):
                continue
            worker.end()
            self.start_worker(name)
            new.append(name)
        self.cut.clear()
        self.wait_for(new)
        counted = self.hosts["client"].run(
            [sys.executable, "-c", COUNTED, self.address, str(len(WORKERS))],
            log=self.folder / "counted.log",
            environment=SETTINGS,
        )
        assert counted.wait(seconds=BOUND) == 0, counted.text()

    def wait_for(self, names: Sequence[str]) -> None:
        """Wait until workers have found the scheduler."""
        for name in names:
            self.workers[name].wait_for("Starting established connection", seconds=90)

    def busiest(self) -> str:
        """Return the worker that works most at this moment: the others may have nothing to lose."""
        pids = {name: self.of_nanny(name) for name in WORKERS}
        before = {name: cpu_ticks(pid) for name, pid in pids.items()}
        time.sleep(0.5)
        return max(WORKERS, key=lambda name: cpu_ticks(pids[name]) - before[name])

    def client(self, folder: Path, *arguments: str) -> Started:
        """Start a `dasknmf` command on the host of the client."""
        command = [sys.executable, "-m", "dasknmf", *arguments, "--scheduler", self.address]
        return self.hosts["client"].run(command, log=folder / "client.log", environment=SETTINGS, cwd=folder)

    def ended(self, client: Started) -> int:
        """Wait for the end of a command, starting workers again meanwhile that have ended and are tended."""
        until = time.monotonic() + BOUND
        while client.alive:
            assert time.monotonic() < until, f"the run hangs:\n{client.text()[-4000:]}"
            for name in self.tended:
                if not self.workers[name].alive:
                    self.start_worker(name)
            time.sleep(LOOK)
        return client.wait(seconds=1)


def dask(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "dask", *arguments]


def start_scheduler(host: Host, folder: Path) -> Started:
    command = dask("scheduler", "--host", host.address, "--port", "8786", "--no-dashboard")
    return host.run(command, log=folder / "scheduler.log", environment=SETTINGS)


@contextmanager
def cluster(folder: Path) -> Iterator[Cluster]:
    """Give a cluster of which every process and host is gone at the end."""
    with rig() as own, hosts(["scheduler", *WORKERS, "client"], own) as made:
        found = Cluster(own, made, folder, start_scheduler(made["scheduler"], folder))
        for name in WORKERS:
            found.start_worker(name)
        found.wait_for(WORKERS)
        yield found
