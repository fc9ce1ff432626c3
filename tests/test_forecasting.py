"""A forecast is the plan of a run: its bytes, groups and memory are those of the run itself."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import scipy.sparse as sp
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

import dasknmf
from dasknmf.cli import commands
from dasknmf.errors import InputError
from dasknmf.events import RunStarted
from dasknmf.forecasting import Rates, forecast
from dasknmf.options import RunOptions
from dasknmf.sizing import Size
from tests.conftest import planted

if TYPE_CHECKING:
    from pathlib import Path


def _sparse(n: int, edges: int) -> Any:
    rng = np.random.default_rng(0)
    chosen = rng.choice(n * n, size=2 * edges, replace=False)
    upper = sp.triu(sp.coo_array((np.ones(len(chosen)), (chosen // n, chosen % n)), shape=(n, n)), k=1)
    return sp.csr_array(upper + upper.T)


@pytest.mark.parametrize(
    ("matrix", "solver"),
    [(planted(700, 4, seed=0), "brunet"), (_sparse(3000, 20_000), "hals")],
    ids=["dense", "sparse"],
)
def test_the_forecast_of_a_store_is_what_the_run_itself_plans(
    tmp_path: Path, matrix: Any, solver: str
) -> None:
    network = dasknmf.import_network(matrix, tmp_path / "net.zarr")
    told: list[RunStarted] = []

    def listen(event: object) -> None:
        if isinstance(event, RunStarted):
            told.append(event)

    models = [{"n_components": k, "solver": solver} for k in (3, 5)]
    dasknmf.nmf_many(network, models, max_iter=1, polish=1, workers=2, scheduler="threads", progress=listen)
    made = forecast(Size.of_network(network), [3, 5], solver=solver, threads=2)
    (run,) = told
    assert (made.groups, made.bytes_per_sweep, made.worker_bytes) == (
        run.groups,
        run.bytes_per_sweep,
        run.memory,
    )


def test_a_size_alone_is_planned_as_a_dense_store_of_it_is(tmp_path: Path) -> None:
    network = dasknmf.import_network(planted(700, 4, seed=0), tmp_path / "net.zarr")
    assert forecast(Size(700), [4]).as_dict() == forecast(Size.of_network(network), [4]).as_dict()


def test_edges_that_are_spread_evenly_are_planned_much_as_a_sparse_store_of_them_is(tmp_path: Path) -> None:
    network = dasknmf.import_network(_sparse(3000, 20_000), tmp_path / "net.zarr")
    stored = forecast(Size.of_network(network), [4])
    edges = round(stored.bytes_per_sweep / 8)
    made = forecast(Size(3000, edges), [4])
    assert made.groups == stored.groups
    assert made.bytes_per_sweep == pytest.approx(stored.bytes_per_sweep, rel=1e-3)
    assert made.worker_bytes == pytest.approx(stored.worker_bytes, rel=0.05)


@given(n=st.integers(1, 300_000), k=st.integers(1, 64), workers=st.integers(1, 500), dense=st.booleans())
def test_any_size_has_a_forecast(n: int, k: int, workers: int, *, dense: bool) -> None:
    size = Size(n) if dense else Size(n, min(n * 20, n * (n + 1) // 2))
    made = forecast(size, [min(n, k)], processes=workers)
    assert made.bytes_per_sweep >= (2 * n * (n + 1) if dense else 0)
    assert made.memory_limit * 0.6 >= made.worker_bytes > 256 * 2**20
    assert all(seconds >= 0 for seconds in made.seconds.values())


def test_the_limit_it_gives_is_the_least_that_is_not_refused(tmp_path: Path) -> None:
    network = dasknmf.import_network(planted(700, 4, seed=0), tmp_path / "net.zarr")
    least = forecast(Size.of_network(network), [4], threads=1).memory_limit
    run: dict[str, Any] = {"max_iter": 1, "polish": 0, "workers": 1, "scheduler": "threads"}
    dasknmf.nmf(network, 4, memory_limit=least, **run)
    with pytest.raises(dasknmf.errors.MemoryLimitError):
        dasknmf.nmf(network, 4, memory_limit=least - 1, **run)


def test_seconds_grow_with_the_work_and_shrink_with_the_workers() -> None:
    def seconds(size: Size, workers: int, **more: Any) -> float:
        return sum(forecast(size, [32], processes=workers, **more).seconds.values())

    assert seconds(Size(40_000), 4) > seconds(Size(20_000), 4) > seconds(Size(20_000), 16)
    assert seconds(Size(20_000), 4, run=RunOptions(exact=True)) > seconds(Size(20_000), 4)
    slow = Rates(read=0.05)
    assert seconds(Size(20_000), 4, rates=slow) > seconds(Size(20_000), 4)
    # what fits into memory is read once
    assert seconds(Size(20_000), 4, rates=slow) > seconds(Size(20_000), 4, rates=slow, memory=16 * 2**30)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda: Size(0), "genes=0"),
        (lambda: Size(10, 56), "at most 55 pairs"),
        (lambda: Size.of_density(10, 1.5), "above 0 and at most 1"),
        (lambda: forecast(Size(10), [11]), "ranks from 1 to 10"),
        (lambda: forecast(Size(10), []), "ranks from 1 to 10"),
        (lambda: forecast(Size(10), [2], processes=0), "processes=0"),
        (lambda: forecast(Size(10), [2], solver="svd"), "no iterations"),
    ],
)
def test_what_is_no_size_is_refused(wrong: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        wrong()


def test_the_command_says_whether_a_run_fits(tmp_path: Path) -> None:
    dasknmf.import_network(planted(700, 4, seed=0), tmp_path / "net.zarr")
    runner = CliRunner()
    command = ["plan", str(tmp_path / "net.zarr"), "-k", "4,8", "--workers", "2", "--json"]
    told = json.loads(runner.invoke(commands, [*command, "--memory-limit", "8GiB"]).stdout)
    assert told["fits"] is True
    assert (told["genes"], told["columns"], told["models"]) == (700, 12, 2)
    assert json.loads(runner.invoke(commands, [*command, "--memory-limit", "256MiB"]).stdout)["fits"] is False
    text = runner.invoke(commands, command[:-1]).stdout
    assert "memory of each worker\t" in text
    assert "memory of the client\t" in text


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "needs a network, or its size"),
        (["--genes", "100"], "needs a network, or its size"),
        (["--genes", "100", "--density", "1", "--edges", "5"], "needs a network, or its size"),
        (["net.zarr", "--genes", "100"], "has a size of its own"),
        (["--genes", "100", "--density", "1", "--read-rate", "0"], "GB/s above 0"),
    ],
)
def test_the_command_needs_one_size(options: list[str], said: str) -> None:
    found = CliRunner().invoke(commands, ["plan", *options, "-k", "2"])
    assert said in str(found.exception)
