"""A run outlives its scheduler and its workers, and says what it waits for."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import dasknmf
from dasknmf.cluster import on_cluster
from dasknmf.cluster.surviving import LOSSES
from dasknmf.engine.dask_executor import Distributed
from dasknmf.engine.executor import Threads
from dasknmf.errors import ClusterError, InputError, KilledWorkerError, LostClusterError
from dasknmf.events import ClusterLost, GroupsCut, IterationEnded, RunStarted, Waiting
from dasknmf.execution import Execution
from dasknmf.progress import describe
from tests.conftest import planted
from tests.rigs.loopback import Processes

if TYPE_CHECKING:
    from pathlib import Path

    from distributed import Client

OPTIONS: dict[str, Any] = {
    "max_iter": 40,
    "tol": 0,
    "tol_objective": 0,
    "seed": 3,
    "init": "random",
    "exact": True,
    "bound": False,
}


@pytest.fixture
def store(tmp_path: Path) -> Path:
    dasknmf.import_network(planted(120, 3, seed=0), tmp_path / "net.zarr", tile=64)
    return tmp_path / "net.zarr"


@pytest.mark.cluster
def test_a_scheduler_that_is_killed_and_comes_back_costs_no_bit_and_workers_that_do_not_are_an_error(
    store: Path, tmp_path: Path
) -> None:
    whole = dasknmf.nmf(store, 3, scheduler="serial", **OPTIONS)
    events: list[Any] = []
    with Processes(tmp_path) as cluster:
        cluster.start_scheduler()
        cluster.start_workers(1, "--no-nanny")

        def again() -> None:
            assert cluster.scheduler is not None
            cluster.kill(cluster.scheduler)
            cluster.start_scheduler()
            cluster.start_workers(1, "--no-nanny")

        faults = {30: again}

        def listen(event: object) -> None:
            events.append(event)
            if isinstance(event, IterationEnded) and event.iteration in faults:
                threading.Thread(target=faults.pop(event.iteration)).start()

        fit = dasknmf.nmf(store, 3, scheduler=cluster.address, progress=listen, **OPTIONS)
        for name in ("W", "H", "objective", "scale"):
            np.testing.assert_array_equal(fit[name], whole[name])
        # rows were collected to cut the lineage, and held: no checkpoint was asked for
        assert [event.reached for event in events if isinstance(event, ClusterLost)] == ["iteration 25"]
        assert [event.resumed_at for event in events if isinstance(event, RunStarted)] == [0, 25]

        faults[3] = cluster.kill_workers
        events.clear()
        with pytest.raises(
            ClusterError, match=f"waited 2 s for a worker at {cluster.address}; start one: dask worker"
        ):
            dasknmf.nmf(store, 3, scheduler=cluster.address, progress=listen, patience=2, **OPTIONS)
        waits = [event for event in events if isinstance(event, Waiting)]
        assert waits
        assert all(
            describe(event).startswith(f"waiting for a worker at {cluster.address}, ") for event in waits
        )


def failing(times: int, error: type[Exception]) -> tuple[Any, list[int]]:
    """Return work that fails so many times, and a list with the groups' parts of each attempt."""
    attempts: list[int] = []

    def work(executor: Any) -> str:
        attempts.append(executor.parts)
        if len(attempts) <= times:
            msg = "it was lost"
            raise error(msg)
        return "done"

    return work, attempts


def test_losses_without_progress_end_and_losses_with_progress_do_not() -> None:
    events: list[Any] = []
    execution = Execution(scheduler="serial", progress=events.append)
    work, attempts = failing(LOSSES, LostClusterError)
    assert on_cluster(execution, work) == "done"
    assert len(attempts) == LOSSES + 1
    assert {event.reached for event in events} == {"the beginning"}
    work, _ = failing(LOSSES + 1, LostClusterError)
    with pytest.raises(
        ClusterError, match=f"it was lost, {LOSSES + 1} times before anything was kept; .* --resume"
    ):
        on_cluster(execution, work)
    work, attempts = failing(3 * LOSSES, LostClusterError)
    assert on_cluster(execution, work, reached=lambda: f"iteration {len(attempts)}") == "done"


def test_killed_workers_are_one_more_attempt(client: Client) -> None:
    events: list[Any] = []
    execution = Execution(scheduler=client, progress=events.append)
    work, attempts = failing(1, KilledWorkerError)
    assert on_cluster(execution, work) == "done"
    assert attempts == [1, 4]
    assert [type(event) for event in events] == [GroupsCut]
    work, _ = failing(2, KilledWorkerError)
    with pytest.raises(KilledWorkerError, match="it was lost"):
        on_cluster(execution, work)


def test_smaller_groups_are_more_groups_of_the_same_matrix_and_the_result_says_so(
    store: Path, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dasknmf.engine.grid.SMALL_PANEL", 128)
    monkeypatch.setattr("dasknmf.engine.grid.FEWEST_GROUPS", 1)
    monkeypatch.setattr("dasknmf.engine.sweep.SMALLEST_DENSE_GROUP", 1)
    groups: list[int] = []
    killed: list[bool] = []

    def listen(event: object) -> None:
        if isinstance(event, RunStarted):
            groups.append(event.groups)
        # stands for the fifth worker in a row that Dask ends for want of memory
        if isinstance(event, IterationEnded) and not killed:
            killed.append(True)
            msg = "a task ended its worker several times"
            raise KilledWorkerError(msg)

    fit = dasknmf.nmf(store, 3, scheduler=client, progress=listen, **{**OPTIONS, "max_iter": 4})
    assert groups[1] > groups[0]
    assert fit.attrs["smaller_groups"] == 4
    whole = dasknmf.nmf(store, 3, scheduler="serial", **{**OPTIONS, "max_iter": 4})
    assert "smaller_groups" not in whole.attrs
    np.testing.assert_allclose(fit["W"], whole["W"], rtol=1e-3, atol=1e-4)
    monkeypatch.setattr(Threads, "parts", 4)
    same = dasknmf.nmf(store, 3, scheduler="serial", **{**OPTIONS, "max_iter": 4})
    np.testing.assert_array_equal(fit["W"], same["W"])


@pytest.mark.parametrize("error", [TimeoutError, OSError, ConnectionResetError])
def test_what_a_task_raises_is_its_own(client: Client, error: type[Exception]) -> None:
    def fail(number: int) -> None:
        msg = f"the store of {number}"
        raise error(msg)

    with Distributed(client) as executor, pytest.raises(error, match="the store of 7") as raised:
        executor.get(executor.map(fail, [7], label="read"))
    assert not isinstance(raised.value, ClusterError)


def test_a_long_task_is_told_of_and_has_no_bound(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dasknmf.engine.watching.STALLED", 0.5)
    events: list[Any] = []
    with Distributed(client) as executor:
        executor.listener, executor.patience = events.append, 0.8
        assert executor.get(executor.map(time.sleep, [2.5, 0], label="long")) == [None, None]
    assert any(
        describe(event).startswith(
            f"waiting for 1 task(s) 'long' on 2 worker(s) at {client.scheduler.address}, "
        )
        for event in events
    )


def test_patience_is_a_number_of_seconds() -> None:
    with pytest.raises(InputError, match="patience=-1: needs a finite number of at least 0"):
        dasknmf.nmf(np.ones((4, 4)), 1, patience=-1)
