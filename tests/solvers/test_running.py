"""New solvers in whole runs: the same bits anywhere, after a resume, through the sketch, and with other solvers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import dasknmf
from dasknmf.errors import InputError
from dasknmf.events import IterationEnded
from dasknmf.options import ModelOptions
from dasknmf.solvers import SOLVERS
from tests.conftest import planted

if TYPE_CHECKING:
    from pathlib import Path

    import xarray as xr
    from distributed import Client

NEW = ("bpp", "snmf", "lee", "symhals", "symline", "anls-sym", "symmu", "trifactor")
A = planted(200, 5, seed=0)
EXACT: dict[str, Any] = {"max_iter": 25, "tol": 0, "tol_objective": 0, "exact": True}


class Stopped(Exception):  # noqa: N818
    """Stands for whatever ends a run."""


def stop_after(iteration: int) -> Any:
    def listen(event: object) -> None:
        if isinstance(event, IterationEnded) and event.iteration == iteration:
            raise Stopped

    return listen


def assert_same_bits(one: xr.Dataset, two: xr.Dataset) -> None:
    for name in one.data_vars:
        np.testing.assert_array_equal(one[name], two[name])
    for name in ("relative_error", "stop_reason", "n_iter", "alpha_reached", "alpha_bound", "apart"):
        assert one.attrs.get(name) == two.attrs.get(name)


@pytest.mark.parametrize("solver", NEW)
@pytest.mark.parametrize("diagonal", ["keep", "ignore"])
def test_one_thread_and_two_give_the_same_bits(solver: str, diagonal: str) -> None:
    for options in ({**EXACT, "max_iter": 23}, {"max_iter": 30}):
        options = {**options, "solver": solver, "diagonal": diagonal}
        one = dasknmf.nmf(A, 6, scheduler="threads", workers=1, **options)
        assert_same_bits(dasknmf.nmf(A, 6, scheduler="threads", workers=2, **options), one)


@pytest.mark.parametrize("solver", ["bpp", "lee", "symhals", "symmu", "trifactor"])
def test_a_cluster_gives_the_bits_of_threads(
    solver: str, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dasknmf.engine.grid.SMALL_PANEL", 64)
    monkeypatch.setattr("dasknmf.engine.grid.SMALLEST_DENSE_GROUP", 1)
    dasknmf.import_network(A, tmp_path / "net.zarr", tile=64)
    options = {**EXACT, "max_iter": 22, "solver": solver, "diagonal": "ignore"}
    here = dasknmf.nmf(tmp_path / "net.zarr", 5, scheduler="threads", **options)
    assert_same_bits(dasknmf.nmf(tmp_path / "net.zarr", 5, scheduler=client, **options), here)
    default = {"max_iter": 20, "solver": solver}
    here = dasknmf.nmf(tmp_path / "net.zarr", 5, scheduler="threads", **default)
    assert_same_bits(dasknmf.nmf(tmp_path / "net.zarr", 5, scheduler=client, **default), here)


@pytest.mark.parametrize("solver", NEW)
@pytest.mark.parametrize("diagonal", ["keep", "ignore"])
def test_a_resumed_run_ends_in_the_same_bits(solver: str, diagonal: str, tmp_path: Path) -> None:
    options = {**EXACT, "solver": solver, "diagonal": diagonal}
    whole = dasknmf.nmf(A, 4, **options)
    place = tmp_path / "run.checkpoint"
    with pytest.raises(Stopped):
        dasknmf.nmf(A, 4, **options, checkpoint=place, checkpoint_iterations=7, progress=stop_after(23))
    assert place.exists()
    assert_same_bits(dasknmf.nmf(A, 4, **options, checkpoint=place, resume=True), whole)


@pytest.mark.parametrize("solver", ["symhals", "trifactor", "lee"])
def test_a_polish_that_is_resumed_ends_in_the_same_bits(solver: str, tmp_path: Path) -> None:
    options = {"solver": solver, "max_iter": 30, "polish": 9, "tol": 0}
    whole = dasknmf.nmf(A, 4, **options)
    place = tmp_path / "run.checkpoint"
    polishing: list[int] = []

    def stop(event: object) -> None:
        # those on the sketch come first
        if isinstance(event, IterationEnded) and event.reads:
            polishing.append(event.iteration)
            if len(polishing) == 6:
                raise Stopped

    with pytest.raises(Stopped):
        dasknmf.nmf(A, 4, **options, checkpoint=place, checkpoint_iterations=2, progress=stop)
    assert place.exists()
    assert_same_bits(dasknmf.nmf(A, 4, **options, checkpoint=place, resume=True), whole)


@pytest.mark.parametrize("solver", NEW)
@pytest.mark.parametrize("diagonal", ["keep", "ignore"])
def test_errors_by_the_sketch_are_those_of_iterations_on_the_matrix(solver: str, diagonal: str) -> None:
    B = planted(300, 8, seed=1, noise=0.3)
    options: dict[str, Any] = {"solver": solver, "diagonal": diagonal, "max_iter": 150}
    exact = dasknmf.nmf(B, 8, exact=True, **options)
    default = dasknmf.nmf(B, 8, **options)
    # those that multiply are still on their way
    near = 1e-3 if not SOLVERS[solver].multiplicative else 3e-3
    assert default.attrs["relative_error"] == pytest.approx(exact.attrs["relative_error"], abs=near)
    assert default.attrs["reads"] <= 8 + 2 * 2 + 1 < exact.attrs["reads"]
    counts = np.ones_like(B, bool) if diagonal == "keep" else ~np.eye(len(B), dtype=bool)
    residual = (B - default["W"].values.astype(float) @ default["H"].values.astype(float))[counts]
    assert default.attrs["squared_error"] == pytest.approx((residual**2).sum(), rel=1e-9)


def test_without_a_polish_models_are_those_of_the_sketch() -> None:
    for solver in ("trifactor", "symhals", "lee", "symline"):
        fit = dasknmf.nmf(A, 4, solver=solver, polish=0, max_iter=40)
        assert fit.attrs["n_iter"] == fit.attrs["n_iter_sketched"]
        assert fit.attrs["relative_error"] < 0.4


def test_all_of_them_share_a_run(tmp_path: Path) -> None:
    models = [{"n_components": 3, "solver": solver} for solver in SOLVERS]
    options = {"max_iter": 60, "tol_objective": 0, "tol": 0, "exact": True}
    fits = dasknmf.nmf_many(A, models, **options)
    assert len(fits.children) == len(SOLVERS)
    for solver in SOLVERS:
        alone = dasknmf.nmf(A, 3, solver=solver, **options)
        child = fits[f"{solver}-k3"].to_dataset()
        np.testing.assert_allclose(child["W"], alone["W"], rtol=1e-2, atol=1e-3)
        assert child.attrs["n_iter"] == 60
    dasknmf.save(fits, tmp_path / "fits.zarr")
    assert dasknmf.load(tmp_path / "fits.zarr").identical(fits)


def test_a_survey_takes_them_and_their_parameters() -> None:
    found = dasknmf.survey(A, [4, 5], restarts=2, solver="snmf", beta=0.5, held_out_restarts=1)
    assert float(found["relative_error"].max()) < 0.5
    found = dasknmf.survey(A, [4, 5], restarts=2, solver="trifactor", warm_start=True, held_out_restarts=1)
    assert float(found["relative_error"].max()) < 0.5
    with pytest.raises(InputError, match="solver 'hals' has no alpha"):
        dasknmf.survey(A, [4], restarts=1, alpha=1.0)


def test_a_name_says_parameters_that_are_given() -> None:
    assert ModelOptions(3, solver="snmf", beta=0.25, variant="L").name == "snmf-k3-beta=0.25-variant=L"
    assert ModelOptions(3, solver="symhals", alpha=10).name == "symhals-k3-alpha=10"
    assert ModelOptions(3, solver="bpp", l1_H=0.5).name == "bpp-k3-l1_H=0.5"


@pytest.mark.parametrize("solver", [name for name in NEW if name != "snmf"])
@pytest.mark.parametrize("network", ["nothing", "one edge", "no edge", "one gene", "large", "small"])
def test_networks_at_the_edge(solver: str, network: str) -> None:
    edge = np.zeros((5, 5))
    edge[0, 1] = edge[1, 0] = 1
    ones = np.ones((6, 6))
    B = {
        "nothing": 0 * ones,
        "one edge": edge,
        "no edge": np.eye(6),
        "one gene": np.ones((1, 1)),
        # the ratios of lee have a least of 1e-9, and from zeros raised to a mean of 1e12 it is long on its way
        "large": (10.0 if solver == "lee" else 1e12) * ones,
        "small": (1e-3 if solver == "lee" else 1e-12) * ones,
    }[network]
    k = min(3, len(B))
    for options in ({}, {"exact": True}, {"diagonal": "ignore"}, {"init": "random"}, {"init": "random_acol"}):
        fit = dasknmf.nmf(B, k, solver=solver, **options)
        for name in ("W", "H"):
            assert np.isfinite(fit[name]).all()
            assert (fit[name] >= 0).all()
        if network in ("one gene", "large", "small"):
            assert fit.attrs["relative_error"] < 0.03
        else:
            assert fit.attrs["relative_error"] <= 1 + 1e-6
