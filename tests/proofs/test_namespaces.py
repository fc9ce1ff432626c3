"""Scheduler, three workers and client on hosts of their own: whatever is lost, the run ends, with the same factors.

Prints a table of what each fault cost, for deploy/README.md. `DASKNMF_PROOFS=long` adds the faults that take longest.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import signal
import statistics
import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import dasknmf
from tests.conftest import planted
from tests.rigs.bits import difference, read
from tests.rigs.hosted_cluster import BOUND, SETTINGS, WORKERS, Cluster, cluster
from tests.rigs.namespaces import missing
from tests.rigs.sessions import LOOK, Started, kill

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

pytestmark = [
    pytest.mark.proof,
    pytest.mark.skipif(bool(why := missing()), reason=why or "hosts can be made here"),
]
LONG = os.environ.get("DASKNMF_PROOFS") == "long"
#: A run of 30 iterations, with a checkpoint every five.
ITERATIONS = 30
FIT = [
    *("--exact", "--init", "random", "--seed", "3", "-k", "8", "--no-bound"),
    *("--max-iter", str(ITERATIONS), "--tol", "0", "--tol-objective", "0", "--checkpoint-iterations", "5"),
]


@dataclass
class Undisturbed:
    """A network, and what runs on it give where nothing happens."""

    own: Cluster
    network: Path
    folder: Path
    seconds: float
    #: What was lost, and for how long nothing came.
    stalls: list[tuple[str, float]] = field(default_factory=list)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Undisturbed]:
    folder = tmp_path_factory.mktemp("undisturbed")
    network = folder / "network.zarr"
    dasknmf.import_network(planted(3000, 8, seed=1).astype(np.float32), network, tile=512)
    with cluster(folder) as own:
        run = own.client(folder, "fit", str(network), *FIT, "-o", "fit.zarr")
        assert own.ended(run) == 0, run.text()
        stamps = checkpoints(folder)
        found = Undisturbed(own, network, folder, (stamps[-1] - stamps[0]).total_seconds())
        yield found
    if found.stalls:
        print(table(found))


def checkpoints(folder: Path) -> list[datetime]:
    """Return when checkpoints were written, as the log of the client has it."""
    said = (folder / "client.log").read_text(encoding="utf-8")
    stamps = re.findall(r"^(\S+ \S+) checkpoint after", said, re.MULTILINE)
    return [datetime.strptime(stamp, "%Y-%m-%d %H:%M:%S,%f").astimezone() for stamp in stamps]


def stall(folder: Path, struck: datetime) -> float:
    """Return the longest time after a fault in which no checkpoint came, less what is usual, seconds."""
    stamps = checkpoints(folder)
    before = [stamp for stamp in stamps if stamp <= struck]
    after = [struck, *(stamp for stamp in stamps if stamp > struck)]
    usual = statistics.median((b - a).total_seconds() for a, b in pairwise(before))
    return max((b - a).total_seconds() for a, b in pairwise(after)) - usual


def table(found: Undisturbed) -> str:
    """Return what each fault cost, as Markdown."""
    where = f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    lines = [
        f"\n\n{datetime.now(UTC):%Y-%m-%d}, {where}; three workers, {found.seconds:.1f} s undisturbed:\n",
        "| fault | stall, seconds |\n|---|---|",
        *(f"| {name} | {max(0.0, seconds):.1f} |" for name, seconds in found.stalls),
    ]
    return "\n".join(lines)


def kill_worker(own: Cluster, run: Started) -> None:
    kill(own.of_nanny(own.busiest()))


def cut_for_seconds(own: Cluster, run: Started) -> None:
    host = own.hosts[own.busiest()]
    host.cut()
    time.sleep(12)
    host.restore()


def cut_for_good(own: Cluster, run: Started) -> None:
    name = own.busiest()
    own.cut.add(name)
    own.hosts[name].cut()


def freeze(own: Cluster, run: Started) -> None:
    kill(own.of_nanny(own.busiest()), signal.SIGSTOP)


def restart_scheduler(own: Cluster, run: Started) -> None:
    own.scheduler.kill()
    own.tended |= set(WORKERS)
    time.sleep(2)
    own.start_scheduler()


def lose_every_worker(own: Cluster, run: Started) -> None:
    for worker in own.workers.values():
        worker.end()
    time.sleep(10)
    for name in WORKERS:
        own.start_worker(name)


def kill_client(own: Cluster, run: Started) -> None:
    run.kill()


RESUMED = "client killed, --resume"
FAULTS: dict[str, Callable[[Cluster, Started], None]] = {
    "worker killed": kill_worker,
    "link of a worker cut for 12 s": cut_for_seconds,
    "scheduler killed, started again after 2 s": restart_scheduler,
    RESUMED: kill_client,
    "every worker killed, new ones after 10 s": lose_every_worker,
    "link of a worker cut for good": cut_for_good,
    "worker frozen": freeze,
}
#: Commands that keep what is done part by part, and what happens to them after the first part.
OTHERS = {
    "survey": ("--ranks 4:8 --restarts 3 --max-iter 100", restart_scheduler),
    "nest": ("-k 6,3 --restarts 3", kill_worker),
}
#: They take half a minute and more each, or show what another shows in short.
SLOW = (
    "link of a worker cut for good",
    "worker frozen",
    "every worker killed, new ones after 10 s",
    RESUMED,
    *OTHERS,
)


def quick(names: Iterable[str]) -> list[Any]:
    """Return cases, of which the slow ones are skipped in the quick form."""
    skip = pytest.mark.skipif(not LONG, reason="only with DASKNMF_PROOFS=long")
    return [pytest.param(name, marks=[skip] if name in SLOW else []) for name in names]


@pytest.mark.parametrize("name", quick(FAULTS))
def test_a_run_ends_in_the_same_bits(name: str, tmp_path: Path, undisturbed: Undisturbed) -> None:
    own, command = undisturbed.own, ["fit", str(undisturbed.network), *FIT, "-o", "fit.zarr"]
    own.repair()
    run = own.client(tmp_path, *command)
    run.wait_for("checkpoint after iteration 15:", seconds=120)
    struck = datetime.now().astimezone()
    FAULTS[name](own, run)
    if name == RESUMED:
        run = own.client(tmp_path, *command, "--resume")
    assert own.ended(run) == 0, run.text()
    undisturbed.stalls.append((name, stall(tmp_path, struck)))
    assert difference(read(tmp_path / "fit.zarr"), read(undisturbed.folder / "fit.zarr")) == ""
    assert left_in(tmp_path) == []


def left_in(folder: Path) -> list[str]:
    """Return what a run that has ended leaves of what it kept meanwhile."""
    return sorted(
        path.name for path in folder.iterdir() if re.search(r"checkpoint|partial|\.lock$", path.name)
    )


@pytest.mark.parametrize("name", quick(OTHERS))
def test_other_analyses_end_in_the_same_bits(name: str, tmp_path: Path, undisturbed: Undisturbed) -> None:
    own, (words, fault) = undisturbed.own, OTHERS[name]
    command = [name, str(undisturbed.network), *words.split()]
    # the reference is of threads: every bit is the same there
    alone = own.rig.start(
        [sys.executable, "-m", "dasknmf", *command, "-o", "alone.zarr"],
        log=tmp_path / "alone.log",
        environment=SETTINGS,
        cwd=tmp_path,
    )
    assert alone.wait(seconds=BOUND) == 0, alone.text()
    # a sketch that is there would be taken
    shutil.rmtree(f"{undisturbed.network}.sketch", ignore_errors=True)
    own.repair()
    run = own.client(tmp_path, *command, "-o", "out.zarr")
    kept = tmp_path / "out.zarr.checkpoint"
    while not list(kept.glob("[!.]*")):
        assert run.alive, run.text()
        time.sleep(LOOK)
    fault(own, run)
    assert run.alive
    assert own.ended(run) == 0, run.text()
    assert difference(read(tmp_path / "out.zarr"), read(tmp_path / "alone.zarr")) == ""
    assert left_in(tmp_path) == []
