"""Each fault on real processes of this machine, with the seconds it costs; the result has the bits it has without.

``DASKNMF_PROOFS=long`` waits out the settings that users have, such as a minute for a worker that is frozen.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import dasknmf
from dasknmf.cluster.timeouts import SETTINGS
from dasknmf.errors import ClusterError, KilledWorkerError
from dasknmf.events import ClusterLost, GroupsCut, IterationEnded, Waiting
from dasknmf.progress import describe
from tests.conftest import planted
from tests.rigs.loopback import Processes, free_port

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import xarray as xr

pytestmark = pytest.mark.proof

LONG = os.environ.get("DASKNMF_PROOFS") == "long"
OPTIONS: dict[str, Any] = {
    "max_iter": 40,
    "tol": 0,
    "tol_objective": 0,
    "seed": 3,
    "init": "random",
    "exact": True,
    "bound": False,
}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("faults") / "net.zarr"
    dasknmf.import_network(planted(400, 5, seed=0), place, tile=64)
    return place


@pytest.fixture(scope="module")
def whole(store: Path) -> xr.Dataset:
    return dasknmf.nmf(store, 5, scheduler="serial", **OPTIONS)


class Faulty:
    """Listens to a run, does something to its cluster after an iteration, and measures how long the run stood still."""

    def __init__(self, iteration: int, fault: Callable[[], None]) -> None:
        self.iteration, self.fault = iteration, fault
        self.events: list[Any] = []
        self.times: list[float] = []
        self.thread: threading.Thread | None = None

    def __call__(self, event: object) -> None:
        self.events.append(event)
        if isinstance(event, IterationEnded):
            self.times.append(time.monotonic())
            if event.iteration == self.iteration and self.thread is None:
                self.thread = threading.Thread(target=self.fault)
                self.thread.start()

    def check(self, fit: xr.Dataset, whole: xr.Dataset, what: str) -> None:
        assert self.thread is not None
        self.thread.join()
        for name in ("W", "H", "objective", "scale"):
            np.testing.assert_array_equal(fit[name], whole[name])
        print(f"\nfault: {what}: stood still for {max(np.diff(self.times)):.1f} s")

    def lines(self, kind: type[Any]) -> list[str]:
        return [describe(event) for event in self.events if isinstance(event, kind)]


def test_every_worker_killed(store: Path, whole: xr.Dataset, tmp_path: Path) -> None:
    with Processes(tmp_path) as cluster:
        cluster.start_scheduler()
        cluster.start_workers(2)

        def fault() -> None:
            cluster.kill_workers()
            time.sleep(12)
            cluster.start_workers(2)

        listen = Faulty(30, fault)
        fit = dasknmf.nmf(store, 5, scheduler=cluster.address, progress=listen, **OPTIONS)
        listen.check(fit, whole, "every worker killed, new ones after 12 s")
        assert f"waiting for a worker at {cluster.address}, 10 s of 600 s" in listen.lines(Waiting)
        assert listen.lines(ClusterLost) == []


def test_a_scheduler_that_is_away_for_longer_than_a_client_waits(
    store: Path, whole: xr.Dataset, tmp_path: Path
) -> None:
    from distributed import Client

    with Processes(tmp_path) as cluster:
        cluster.start_scheduler()
        cluster.start_workers(2)

        def fault() -> None:
            assert cluster.scheduler is not None
            cluster.kill(cluster.scheduler)
            time.sleep(33)
            cluster.start_scheduler()
            cluster.start_workers(2)

        listen = Faulty(30, fault)
        # distributed's client gives up after 30 s, and closes itself
        with Client(cluster.address, set_as_default=False) as client:
            fit = dasknmf.nmf(store, 5, scheduler=client, progress=listen, **OPTIONS)
            assert client.status == "closed"
        listen.check(fit, whole, "scheduler of a given client killed, another after 33 s")


def test_a_scheduler_file_that_names_another_address(store: Path, whole: xr.Dataset, tmp_path: Path) -> None:
    file = tmp_path / "scheduler.json"
    with Processes(tmp_path) as cluster:
        cluster.start_scheduler()
        cluster.start_workers(1)
        file.write_text(json.dumps({"address": cluster.address}))

        def fault() -> None:
            assert cluster.scheduler is not None
            cluster.kill(cluster.scheduler)
            cluster.port = free_port()
            cluster.address = f"tcp://127.0.0.1:{cluster.port}"
            cluster.start_scheduler()
            cluster.start_workers(1)
            file.write_text(json.dumps({"address": cluster.address}))

        listen = Faulty(30, fault)
        fit = dasknmf.nmf(store, 5, scheduler=str(file), progress=listen, **OPTIONS)
        listen.check(fit, whole, "scheduler killed, another at once at another address")


def test_a_scheduler_that_is_frozen(store: Path, tmp_path: Path) -> None:
    with Processes(tmp_path) as cluster:
        cluster.start_scheduler()
        cluster.start_workers(1)

        def fault() -> None:
            assert cluster.scheduler is not None
            cluster.scheduler.send_signal(signal.SIGSTOP)

        listen = Faulty(5, fault)
        began = time.monotonic()
        with pytest.raises(ClusterError, match="waited 15 s for an answer of the scheduler at tcp"):
            dasknmf.nmf(store, 5, scheduler=cluster.address, progress=listen, patience=15, **OPTIONS)
        assert listen.lines(Waiting)
        print(f"\nfault: scheduler frozen: one clear error after {time.monotonic() - began:.1f} s")


def test_a_frozen_worker_of_a_local_cluster(
    store: Path, whole: xr.Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    import psutil

    if not LONG:
        monkeypatch.setitem(SETTINGS, "distributed.scheduler.worker-ttl", "6s")

    def fault() -> None:
        # the processes of workers are children of this one; the others are those that track its resources
        children = [p for p in psutil.Process().children() if "spawn_main" in " ".join(p.cmdline())]
        children[0].suspend()

    listen = Faulty(20, fault)
    fit = dasknmf.nmf(store, 5, scheduler="local", workers=2, progress=listen, **OPTIONS)
    listen.check(fit, whole, f"a worker of --scheduler local frozen, worker-ttl {'60 s' if LONG else '6 s'}")


HOG = """
from pathlib import Path

import numpy as np


def dask_setup(worker):
    # another program that leaves a worker little memory, until it is relieved
    if not Path("relieved").exists():
        worker.other = np.ones(2**25)
"""


@pytest.mark.parametrize("relieved", [True, False] if LONG else [True])
def test_workers_killed_for_memory(store: Path, whole: xr.Dataset, tmp_path: Path, relieved: bool) -> None:
    (tmp_path / "hog.py").write_text(HOG)
    settings = {"DASK_DISTRIBUTED__WORKER__MEMORY__PAUSE": "False"}
    with Processes(tmp_path, settings) as cluster:
        cluster.start_scheduler()
        # room for the worker and the other program, but not for what our tasks load beside them
        cluster.start_workers(1, "--memory-limit", "370MiB", "--preload", str(tmp_path / "hog.py"))
        events: list[Any] = []
        began = time.monotonic()

        def listen(event: object) -> None:
            events.append(event)
            if isinstance(event, GroupsCut) and relieved:
                (tmp_path / "relieved").touch()

        def fit() -> xr.Dataset:
            return dasknmf.nmf(store, 5, scheduler=cluster.address, progress=listen, **OPTIONS)

        with pytest.MonkeyPatch.context() as patch:
            # the projection is right that so little memory is not enough
            patch.setattr("dasknmf.planning.check_memory", lambda *_, **__: None)
            if relieved:
                made = fit()
                assert made.attrs["smaller_groups"] == 4
                np.testing.assert_allclose(made["objective"], whole["objective"], rtol=1e-5)
            else:
                with pytest.raises(
                    KilledWorkerError, match=r"most likely for want of memory; .*--memory-limit"
                ):
                    fit()
        assert [type(event) for event in events if isinstance(event, GroupsCut)] == [GroupsCut]
        print(f"\nfault: workers killed for memory, {relieved=}: {time.monotonic() - began:.1f} s in all")


RUNS: dict[str, Callable[..., xr.Dataset]] = {
    "survey": lambda net, **how: dasknmf.survey(net, [2, 3, 4], restarts=2, max_iter=20, **how),
    "nested": lambda net, **how: dasknmf.nested(net, [4, 2, 1], restarts=2, max_iter=20, **how),
    "zoom": lambda net, **how: dasknmf.nested(net, 2, method="zoom", levels=1, restarts=2, **how),
    "compare": lambda net, **how: dasknmf.compare(
        net, 2, solvers=["hals", "mu"], restarts=2, kinds=["network"], max_iter=10, **how
    ),
}


@pytest.mark.parametrize("run", list(RUNS) if LONG else ["survey", "nested", "compare"])
def test_other_runs_go_on_from_what_they_kept(store: Path, tmp_path: Path, run: str) -> None:
    here = RUNS[run](store, keep_sketch=False) if run != "compare" else RUNS[run](store)
    with Processes(tmp_path) as cluster:
        cluster.start_scheduler()
        cluster.start_workers(2)
        place = tmp_path / "kept"
        over = threading.Event()

        def fault() -> None:
            # as soon as something is kept
            while not over.is_set() and not (place.exists() and any(place.iterdir())):
                time.sleep(0.01)
            assert cluster.scheduler is not None
            cluster.kill(cluster.scheduler)
            cluster.start_scheduler()
            cluster.start_workers(2)

        thread = threading.Thread(target=fault)
        thread.start()
        events: list[Any] = []
        try:
            there = RUNS[run](
                store, scheduler=cluster.address, checkpoint=place, progress=events.append, keep_sketch=False
            )
        finally:
            over.set()
            thread.join()
    for name in here.data_vars:
        if here[name].dtype.kind in "fiu" and "second" not in str(name):
            np.testing.assert_array_equal(there[name], here[name], err_msg=str(name))
    assert not place.exists()
    print(f"\nfault: scheduler killed in {run}:", [describe(e) for e in events if isinstance(e, ClusterLost)])


COMMANDS = {
    "survey": "survey net.zarr --ranks 2:6 --restarts 2",
    "nest": "nest net.zarr -k 6,3,1 --restarts 2",
    "symmetry": "symmetry fit.zarr --network net.zarr --restarts 3 --nulls 1",
    "compare": "compare net.zarr -k 3 --solvers hals,mu --restarts 3",
}


@pytest.mark.parametrize("name", list(COMMANDS) if LONG else ["survey", "symmetry"])
def test_a_command_that_is_killed_goes_on_with_resume(store: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "net.zarr").symlink_to(store)
    dasknmf.save(dasknmf.nmf(store, 3), tmp_path / "fit.zarr")
    command = [sys.executable, "-m", "dasknmf", *COMMANDS[name].split(), "-o", "made.zarr"]
    place = tmp_path / "made.zarr.checkpoint"
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None and not (place.exists() and any(place.iterdir())):
            time.sleep(0.002)
        process.kill()
    assert process.returncode == -signal.SIGKILL, "it ended before it could be killed"
    assert any(place.iterdir())
    assert not (tmp_path / "made.zarr").exists()
    subprocess.run([*command, "--resume"], cwd=tmp_path, capture_output=True, check=True)
    again = dasknmf.load(tmp_path / "made.zarr")
    assert not list(tmp_path.glob("*checkpoint*"))
    subprocess.run([*command, "--force"], cwd=tmp_path, capture_output=True, check=True)
    whole = dasknmf.load(tmp_path / "made.zarr")
    for variable in whole.data_vars:
        if whole[variable].dtype.kind in "fiu":
            np.testing.assert_array_equal(again[variable], whole[variable], err_msg=str(variable))
