"""Random kills over many short runs: no result is lost, none is taken for whole that is not, and no bit differs.

The seed decides what is killed, in which run and when; it is printed with every round. `DASKNMF_PROOFS=long` kills more
than a hundred times, otherwise a dozen; `DASKNMF_CHAOS_SEED` chooses another seed.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from contextlib import closing
from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from dasknmf.errors import FormatError
from tests.conftest import planted
from tests.rigs.bits import difference, read
from tests.rigs.commands import Command
from tests.rigs.kill_plan import STAGES, Round, Tally, plan
from tests.rigs.loopback_cluster import LoopbackCluster
from tests.rigs.sessions import LOOK, Rig, children, command_of, rig

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.proof
KILLS = 100 if os.environ.get("DASKNMF_PROOFS") == "long" else 12
#: By default one whose first rounds are short, without a local cluster to start.
SEED = int(os.environ.get("DASKNMF_CHAOS_SEED", "38"))
#: Seconds after which a run that has not ended never will.
BOUND = 180.0
#: Seconds in which the children of a process that was killed must have gone.
ORPHANED = 30.0


class Chaos:
    """Rounds in folders of their own, compared with what the same commands make undisturbed."""

    def __init__(self, folder: Path, rig: Rig) -> None:
        self.folder, self.rig, self.tally = folder, rig, Tally()
        self.given = folder / "given"
        self.given.mkdir()
        self._wanted: dict[str, Any] = {}
        self._steps: dict[str, int] = {}
        self._seconds: dict[tuple[str, str], float] = {}
        self._cluster: LoopbackCluster | None = None
        self._folders = count()
        self.running: list[Command] = []
        write_edges(self.given / "edges.tsv")
        for words in ("import edges.tsv net.zarr", "fit net.zarr -k 4 --init random -o fit.zarr"):
            made = Command(words.split(), self.given, mark=rig.mark)
            assert made.wait(seconds=BOUND) == 0, made.text()
        shutil.rmtree(self.given / "net.zarr.sketch")

    @property
    def cluster(self) -> LoopbackCluster:
        if self._cluster is None:
            place = self.folder / "cluster"
            place.mkdir()
            self._cluster = LoopbackCluster(self.rig, place)
        return self._cluster

    def prepare(self, name: str) -> Path:
        """Return a new folder with what a stage needs."""
        place = self.folder / f"round{next(self._folders)}"
        place.mkdir()
        one = STAGES[name]
        if one.replaces is not None:
            self.wanted(one.replaces)
            shutil.copytree(self.folder / "wanted" / one.replaces, place / one.output)
        for need in one.needs:
            if (self.given / need).is_dir():
                shutil.copytree(self.given / need, place / need)
            else:
                shutil.copy(self.given / need, place / need)
        return place

    def command(self, name: str, place: Path, where: str, *more: str, **killing: Any) -> Command:
        if where == "cluster":
            where = self.cluster.address
        given = {"threads": [], "local": ["--scheduler", where, "--workers", "2"]}.get(
            where, ["--scheduler", where]
        )
        made = Command([*STAGES[name].arguments, *given, *more], place, mark=self.rig.mark, **killing)
        self.running.append(made)
        return made

    def close(self) -> None:
        """Kill what still runs."""
        for run in self.running:
            run.kill()

    def wanted(self, name: str) -> Any:
        """Return what a stage makes where nothing happens; also counts its changes of files."""
        if name not in self._wanted:
            place = self.prepare(name)
            run = self.command(name, place, "threads")
            run.begun(seconds=BOUND)
            began = time.monotonic()
            assert run.wait(seconds=BOUND) == 0, run.text()
            self._seconds[name, "threads"] = time.monotonic() - began
            self._steps[name] = run.steps
            assert run.steps, run.text()
            kept = self.folder / "wanted" / name
            kept.parent.mkdir(exist_ok=True)
            (place / STAGES[name].output).rename(kept)
            self._wanted[name] = read(kept)
        return self._wanted[name]

    def seconds(self, name: str, where: str) -> float:
        """Return how long a stage takes after its first word where nothing happens."""
        self.wanted(name)
        if (name, where) not in self._seconds:
            place = self.prepare(name)
            run = self.command(name, place, where)
            run.begun(seconds=BOUND)
            began = time.monotonic()
            assert run.wait(seconds=BOUND) == 0, run.text()
            self._seconds[name, where] = time.monotonic() - began
            self.compare(name, place, f"{name} on {where}, undisturbed")
            shutil.rmtree(place)
        return self._seconds[name, where]

    def play(self, one: Round, label: str) -> None:
        """Kill, look at what is left, run again, and compare."""
        self.seconds(one.stage, one.where)
        place = self.prepare(one.stage)
        if one.victim == "client":
            self._kill_client(one, place, label)
        else:
            self._kill_in_cluster(one, place, label)
        self._leaves(place, label)
        if not any(label in line for lines in self.tally.wrong.values() for line in lines):
            shutil.rmtree(place)

    def _kill_client(self, one: Round, place: Path, label: str) -> None:
        resume: list[str] = []
        for moment in one.moments:
            step = 1 + int(moment.share * self._steps[one.stage]) if moment.at == "step" else 0
            run = self.command(one.stage, place, one.where, *resume, step=step, delay=moment.delay)
            if moment.at == "time":
                run.begun(seconds=BOUND)
                time.sleep(moment.share * self.seconds(one.stage, one.where))
                killed = run.kill()
            else:
                killed = run.wait(seconds=BOUND) == -9
            self._gone(label)
            if not killed:
                self._clear(run, label)
                break
            self.tally.kills[f"client, {one.stage}"] += 1
            self._look(one.stage, place, label)
            resume = ["--resume"] if STAGES[one.stage].kept else []
        # what a user would type next, whatever was reached
        there = (place / STAGES[one.stage].output).exists()
        again = [*resume, *(["--force"] if there and STAGES[one.stage].replaces is None else [])]
        self._ends(self.command(one.stage, place, one.where, *again), one.stage, place, label)

    def _kill_in_cluster(self, one: Round, place: Path, label: str) -> None:
        self.cluster.settle(seconds=BOUND)
        run = self.command(one.stage, place, "cluster")
        run.begun(seconds=BOUND)
        time.sleep(one.moments[0].share * self.seconds(one.stage, "cluster"))
        amid = run.alive
        self.cluster.strike(one.victim, one.number)
        if amid:
            self.tally.kills[f"{one.victim}, {one.stage}"] += 1
        self._gone(label, run.pid)
        code = self._tended(run)
        self._clear(run, label)
        if code:
            self.tally.ended.append(f"{label}: {run.text()[-400:]}")
            self._look(one.stage, place, label)
            self.cluster.settle(seconds=BOUND)
            self._ends(self.command(one.stage, place, "cluster", "--resume"), one.stage, place, label)
        else:
            self.compare(one.stage, place, label)

    def _tended(self, run: Command) -> int:
        """Wait for the end of a run, starting again meanwhile what has ended in the cluster."""
        until = time.monotonic() + BOUND
        while run.alive and time.monotonic() < until:
            self.cluster.tend()
            time.sleep(LOOK)
        return run.wait(seconds=1)

    def _ends(self, run: Command, name: str, place: Path, label: str) -> None:
        """Wait for a run that must end well."""
        try:
            code = self._tended(run) if self._cluster is not None else run.wait(seconds=BOUND)
        except AssertionError as hung:
            run.kill()
            self.tally.lost.append(f"{label}: {hung}")
            return
        self._clear(run, label)
        if code:
            self.tally.lost.append(f"{label}: exit {code}: {run.text()[-400:]}")
        else:
            self.compare(name, place, label)

    def compare(self, name: str, place: Path, label: str) -> None:
        """Note where what was made differs by a bit."""
        made = place / STAGES[name].output
        if not made.exists():
            self.tally.lost.append(f"{label}: nothing at {made.name}")
        elif found := difference(read(made), self.wanted(name)):
            self.tally.differ.append(f"{label}: {found}")

    def _look(self, name: str, place: Path, label: str) -> None:
        """Open what a killed run left at the place of its result."""
        one = STAGES[name]
        made = place / one.output
        if not made.exists():
            if one.replaces is not None:
                self.tally.lost.append(f"{label}: what was to be replaced is gone")
            return
        try:
            found = read(made)
        except (FormatError, OSError):
            self.tally.refused += 1
            return
        whole = [self.wanted(name), *([self.wanted(one.replaces)] if one.replaces else [])]
        if all(difference(found, wanted) for wanted in whole):
            self.tally.half.append(f"{label}: {[difference(found, wanted) for wanted in whole]}")

    def _gone(self, label: str, *running: int) -> None:
        """See that what came of a process that was killed ends; the processes of a run that goes on may stay."""
        until = time.monotonic() + ORPHANED
        while True:
            mine = {child for pid in running for child in children(pid)}
            left = {*self.rig.left()} - mine - (self._cluster.pids() if self._cluster else set())
            if not left:
                return
            if time.monotonic() > until:
                self.tally.orphans.append(f"{label}: {[command_of(pid) for pid in left]}")
                return
            time.sleep(LOOK)

    def _leaves(self, place: Path, label: str) -> None:
        """See that a run that has ended leaves its result, and nothing of what it kept meanwhile."""
        found = [str(path.relative_to(place)) for path in place.rglob("*") if LITTER.search(path.name)]
        if found:
            self.tally.litter.append(f"{label}: {found}")

    def _clear(self, run: Command, label: str) -> None:
        if "Traceback" in run.text():
            self.tally.unclear.append(f"{label}: {run.text()[-2000:]}")


LITTER = re.compile(r"\.partial-|\.replaced-|\.lock$|\.checkpoint$|\.part\.npz$")


def write_edges(file: Path) -> None:
    """Write a small network as an edge list."""
    A = planted(240, 6, seed=0)
    rows, columns = np.nonzero(np.triu(A > 0.3))
    lines = [f"g{i}\tg{j}\t{A[i, j]:.6f}\n" for i, j in zip(rows, columns, strict=True)]
    file.write_text("".join(lines))


def test_a_seed_is_a_plan() -> None:
    first, again, other = plan(3), plan(3), plan(4)
    rounds = [next(first) for _ in range(40)]
    assert rounds == [next(again) for _ in range(40)]
    assert rounds != [next(other) for _ in range(40)]


def test_whatever_is_killed(tmp_path: Path) -> None:
    with rig() as own, closing(Chaos(tmp_path, own)) as chaos:
        for number, one in enumerate(plan(SEED)):
            label = f"seed {SEED}, round {number}"
            print(f"{label}: {one}", flush=True)
            began = time.monotonic()
            chaos.play(one, label)
            done = sum(chaos.tally.kills.values())
            print(f"    {done} kills, {time.monotonic() - began:.1f} s {chaos.tally.wrong or ''}", flush=True)
            if done >= KILLS or number > 3 * KILLS:
                break
        tally = chaos.tally
        for what, times in sorted(tally.kills.items()):
            print(f"{times:4d} × {what}")
        print(
            f"{done} kills in {number + 1} rounds: {len(tally.lost)} lost, {len(tally.half)} half-written taken for "
            f"whole, {len(tally.differ)} bitwise different, {tally.refused} refused with a clear error, "
            f"{len(tally.ended)} ended by a loss in the cluster and resumed"
        )
        assert tally.wrong == {}
        assert done >= KILLS
