"""The default way, sketch, fit, polish: how near it is to iterations on A, what it reads, and how it goes on."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import dasknmf
from dasknmf.errors import DasknmfError
from dasknmf.events import CheckpointWritten, IterationEnded, ModelsFitted, RunStarted, SketchSwept
from dasknmf.network.soules import SoulesMatrix, write_soules
from tests.conftest import planted

if TYPE_CHECKING:
    from pathlib import Path

    import xarray as xr
    from distributed import Client

A = planted(150, 5, seed=0)


def same_bits(one: xr.Dataset, two: xr.Dataset) -> bool:
    names = ("W", "H", "scale", "gauge", "objective", "relative_error", "relative_gradient")
    return all(np.array_equal(one[name], two[name]) for name in names) and all(
        one.attrs[name] == two.attrs[name]
        for name in ("relative_error", "stop_reason", "converged", "n_iter")
    )


@pytest.mark.parametrize("diagonal", ["keep", "ignore"])
@pytest.mark.parametrize("solver", ["hals", "mu"])
@pytest.mark.parametrize("k", [3, 8])
def test_errors_are_those_of_iterations_on_the_matrix(k: int, solver: str, diagonal: str) -> None:
    B = planted(300, 8, seed=1, noise=0.3)
    options: dict[str, Any] = {"solver": solver, "diagonal": diagonal, "max_iter": 100}
    exact = dasknmf.nmf(B, k, exact=True, **options)
    default = dasknmf.nmf(B, k, **options)
    # after 100 iterations mu is still on its way, and two ways of it are further apart than two ends of hals
    near = 1e-3 if solver == "hals" else 2e-3
    assert default.attrs["relative_error"] == pytest.approx(exact.attrs["relative_error"], abs=near)
    assert default.attrs["reads"] <= 8 + 2 * 2 + 1 < exact.attrs["reads"]


@pytest.mark.parametrize("diagonal", ["keep", "ignore"])
def test_the_reported_error_is_exact(diagonal: str) -> None:
    fit = dasknmf.nmf(A, 5, diagonal=diagonal, max_iter=30)
    counts = np.ones_like(A, bool) if diagonal == "keep" else ~np.eye(len(A), dtype=bool)
    residual = (A - fit["W"].values.astype(float) @ fit["H"].values.astype(float))[counts]
    assert fit.attrs["squared_error"] == pytest.approx((residual**2).sum(), rel=1e-9)
    expected = np.linalg.norm(residual) / np.linalg.norm(A[counts])
    assert fit.attrs["relative_error"] == pytest.approx(expected, rel=1e-9)
    assert float(fit["relative_error"][-1]) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("k", range(1, 8))
def test_the_soules_oracle_is_met_at_every_rank(k: int, tmp_path: Path) -> None:
    values = (8, 5, 3, 2.5, 1.2, 1.1, 1, 0.9)
    matrix = SoulesMatrix(16, values, rest=0.3)
    network = write_soules(tmp_path / "soules.zarr", 16, values, rest=0.3)
    fit = dasknmf.nmf(network, k, max_iter=2000, tol=0, tol_objective=0)
    assert fit.attrs["squared_error"] == pytest.approx(matrix.squared_error(k), rel=1e-6)
    assert fit.attrs["relative_error"] >= fit.attrs["eckart_young"]
    assert fit.attrs["relative_error"] == pytest.approx(fit.attrs["eckart_young"], rel=1e-3)


@pytest.mark.parametrize("polish", [0, 1, 5])
def test_polish_is_the_number_of_iterations_on_the_matrix(polish: int) -> None:
    fit = dasknmf.nmf(A, 4, polish=polish, max_iter=7, tol=0, tol_objective=0)
    assert fit.attrs["n_iter"] == 7 + polish
    ending = f"max_iter reached on the sketch, then {polish} iteration(s) on A"
    assert fit.attrs["stop_reason"] == ending
    assert fit.attrs["converged"] == 0
    sketched = dasknmf.nmf(A, 4, polish=0, max_iter=7, tol=0, tol_objective=0)
    assert fit.attrs["reads"] == sketched.attrs["reads"] + 2 * polish
    np.testing.assert_array_equal(fit["objective"][:7], sketched["objective"])


def test_polishing_is_iterating_on_the_matrix_from_where_the_sketch_ended() -> None:
    options: dict[str, Any] = {"tol": 0, "tol_objective": 0}
    sketched = dasknmf.nmf(A, 4, polish=0, max_iter=9, **options)
    start = {name: sketched[name].values for name in ("W", "H")}
    on = dasknmf.nmf(A, 4, exact=True, max_iter=3, **start, **options)
    polished = dasknmf.nmf(A, 4, polish=3, max_iter=9, **options)
    assert polished.attrs["relative_error"] == pytest.approx(on.attrs["relative_error"], rel=1e-5)
    np.testing.assert_allclose(polished["objective"][9:], on["objective"], rtol=1e-5)
    assert (np.diff(polished["objective"][9:]) <= 0).all()


@pytest.mark.parametrize(
    ("options", "reason", "converged"),
    [
        ({"max_iter": 3, "tol": 0}, "max_iter reached", 0),
        ({"max_seconds": 1e-9, "max_iter": 50, "tol": 0}, "max_seconds reached", 0),
        ({"tol": 0.9, "max_iter": 50}, "projected gradient below tol", 1),
        ({"tol": 0, "tol_objective": 0.5, "max_iter": 50}, "objective settled below tol_objective", 1),
    ],
)
def test_every_stop_on_the_sketch_has_its_reason(
    options: dict[str, float], reason: str, converged: int
) -> None:
    fit = dasknmf.nmf(A, 4, **options)
    assert fit.attrs["stop_reason"].startswith(f"{reason} on the sketch, then ")
    assert fit.attrs["converged"] == converged


def test_several_models_share_the_reads_of_one() -> None:
    models = [{"n_components": k, "init": "random_acol", "seed": s} for k in (2, 3, 8) for s in range(4)]
    models.append({"n_components": 5, "solver": "mu"})
    options: dict[str, Any] = {"max_iter": 10, "tol": 0, "tol_objective": 0}
    events: list[object] = []
    fits = dasknmf.nmf_many(A, models, progress=events.append, **options)
    assert len(fits.children) == 13
    assert {child.attrs["reads"] for child in fits.children.values()} == {
        dasknmf.nmf(A, 8, **options).attrs["reads"]
    }
    fitted = [event for event in events if isinstance(event, ModelsFitted)]
    assert [event.done for event in fitted] == sorted(event.done for event in fitted)
    assert fitted[-1].done == fitted[-1].models == 13
    assert fitted[-1].seconds_left == 0
    assert any(isinstance(event, SketchSwept) for event in events)


def test_an_overflow_on_the_sketch_stops_at_once() -> None:
    with pytest.raises(DasknmfError, match=r"objective is (nan|inf) after iteration 1; .* rescale"):
        dasknmf.nmf(A, 2, W=np.full((150, 2), 1e30), H=np.full((2, 150), 1e30))


class Stopped(Exception):  # noqa: N818
    """Stands for whatever ends a run."""


@pytest.mark.parametrize("solver", ["hals", "mu"])
@pytest.mark.parametrize("diagonal", ["keep", "ignore"])
def test_a_run_that_ends_while_it_polishes_resumes_to_the_same_bits(
    tmp_path: Path, solver: str, diagonal: str
) -> None:
    models = [{"n_components": k, "solver": solver} for k in (2, 5)]
    options: dict[str, Any] = {
        "max_iter": 12,
        "polish": 6,
        "tol": 0,
        "tol_objective": 0,
        "diagonal": diagonal,
    }
    network = dasknmf.import_network(A, tmp_path / "net.zarr", tile=64)
    whole = dasknmf.nmf_many(network, models, **options)
    saved: list[int] = []

    def stop(event: object) -> None:
        if isinstance(event, CheckpointWritten):
            saved.append(event.iteration)
        if isinstance(event, IterationEnded) and saved == [2, 4]:
            raise Stopped

    place = tmp_path / "run.checkpoint"
    with pytest.raises(Stopped):
        dasknmf.nmf_many(network, models, **options, checkpoint=place, checkpoint_iterations=2, progress=stop)
    events: list[object] = []
    resumed = dasknmf.nmf_many(
        network, models, **options, checkpoint=place, resume=True, progress=events.append
    )
    assert isinstance(events[0], RunStarted)
    assert events[0].resumed_at == 4
    assert not any(isinstance(event, ModelsFitted) for event in events)
    for name, child in whole.children.items():
        assert same_bits(resumed[name].to_dataset(), child.to_dataset())
    assert not place.exists()


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("stages") / "net.zarr"
    dasknmf.import_network(planted(400, 5, seed=0), place, tile=64)
    return place


MODELS = [{"n_components": k, "init": "random_acol", "seed": seed} for k in (2, 6) for seed in (0, 1)]
MANY: dict[str, Any] = {"max_iter": 8, "tol": 0, "tol_objective": 0}


@pytest.fixture(scope="module", params=["keep", "ignore"])
def serial(store: Path, request: pytest.FixtureRequest) -> tuple[str, xr.DataTree]:
    return request.param, dasknmf.nmf_many(store, MODELS, scheduler="serial", diagonal=request.param, **MANY)


def check(fits: xr.DataTree, serial: tuple[str, xr.DataTree]) -> None:
    for name, child in serial[1].children.items():
        assert same_bits(fits[name].to_dataset(), child.to_dataset())


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_threads_give_the_bits_of_a_serial_run(
    store: Path, serial: tuple[str, xr.DataTree], workers: int
) -> None:
    check(dasknmf.nmf_many(store, MODELS, workers=workers, diagonal=serial[0], **MANY), serial)


@pytest.mark.parametrize("kept", [True, False])
def test_a_cluster_gives_them_too(
    store: Path, serial: tuple[str, xr.DataTree], client: Client, tmp_path: Path, kept: bool
) -> None:
    if not kept:
        dasknmf.import_network(planted(400, 5, seed=0), tmp_path / "net.zarr", tile=64)
        store = tmp_path / "net.zarr"
    check(dasknmf.nmf_many(store, MODELS, scheduler=client, diagonal=serial[0], **MANY), serial)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("k", [1, 2, 17])
def test_a_matrix_in_memory_too(client: Client, k: int, order: str) -> None:
    B = np.asarray(planted(300, 4, seed=1), dtype=np.float32, order=order)
    serial = dasknmf.nmf(B, k, scheduler="serial", max_iter=4, tol=0)
    assert same_bits(dasknmf.nmf(B, k, scheduler=client, max_iter=4, tol=0), serial)


def test_several_row_panels_too(client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dasknmf.engine.grid.SMALL_PANEL", 128)
    monkeypatch.setattr("dasknmf.engine.grid.SMALLEST_DENSE_GROUP", 1)
    dasknmf.import_network(planted(700, 4, seed=1), tmp_path / "net.zarr", tile=64)
    options = {**MANY, "diagonal": "ignore"}
    serial = dasknmf.nmf(tmp_path / "net.zarr", 9, scheduler="serial", **options)
    for other in ({"workers": 3}, {"scheduler": client}):
        shutil.rmtree(tmp_path / "net.zarr.sketch")
        assert same_bits(dasknmf.nmf(tmp_path / "net.zarr", 9, **other, **options), serial)
