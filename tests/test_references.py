"""References beside NMF: through the same door, in the same runs, with the same promises."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import xarray as xr

import dasknmf
from dasknmf.errors import InputError
from dasknmf.events import IterationEnded, RunStarted, SketchSwept
from dasknmf.mixed import model_grid
from dasknmf.options import ModelOptions
from dasknmf.progress import describe
from dasknmf.survey_options import SurveyOptions
from tests.conftest import planted
from tests.references.networks import mixed, partition

if TYPE_CHECKING:
    from pathlib import Path

    from distributed import Client

METHODS = ["svd", "spectral", "random-projection"]
ALL = [{"n_components": 6, "solver": solver} for solver in ("hals", *METHODS)]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("references") / "net.zarr"
    dasknmf.import_network(mixed(400, seed=0), place, tile=64)
    return place


def same_bits(one: xr.DataTree, two: xr.DataTree) -> bool:
    return set(one.children) == set(two.children) and all(
        xr.Dataset.identical(child.to_dataset().drop_attrs(), two[name].to_dataset().drop_attrs())
        and child.attrs["squared_error"] == two[name].attrs["squared_error"]
        for name, child in one.children.items()
    )


@pytest.mark.parametrize("diagonal", ["keep", "ignore"])
def test_where_a_run_takes_place_changes_no_bit(
    store: Path, client: Client, diagonal: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dasknmf.execution import Execution

    monkeypatch.setattr("dasknmf.engine.grid.SMALL_PANEL", 128)
    monkeypatch.setattr("dasknmf.engine.grid.SMALLEST_DENSE_GROUP", 1)

    def run(scheduler: object, workers: int | None = None) -> xr.DataTree:
        execution = Execution(scheduler=scheduler, workers=workers, keep_sketch=False)
        return dasknmf.nmf_many(store, ALL, execution=execution, max_iter=5, diagonal=diagonal)

    serial = run("serial")
    assert same_bits(run("threads", 2), serial)
    assert same_bits(run(client), serial)


def test_saved_and_loaded_are_identical(store: Path, tmp_path: Path) -> None:
    fits = dasknmf.nmf_many(store, ALL, max_iter=5, diagonal="ignore")
    dasknmf.save(fits, tmp_path / "fits.zarr")
    again = dasknmf.load(tmp_path / "fits.zarr")
    assert again.identical(fits)
    for solver in METHODS:
        one = fits[f"{solver}-k6"].to_dataset()
        dasknmf.save(one, tmp_path / f"{solver}.zarr")
        assert dasknmf.load(tmp_path / f"{solver}.zarr").identical(one)
        assert all(variable.attrs["long_name"] for variable in one.data_vars.values())
        assert one["W"].dims == ("gene", "factor")
        assert one["H"].dims == ("factor", "gene")
        assert dasknmf.top_genes(one, n=3)["gene"].isin(one["gene"].values).all()


def test_a_mixed_run_shares_the_sketch_and_the_exact_read(tmp_path: Path) -> None:
    network = dasknmf.import_network(mixed(300, seed=1), tmp_path / "net.zarr", tile=64)
    swept: list[SketchSwept] = []

    def listen(event: object) -> None:
        if isinstance(event, SketchSwept):
            swept.append(event)

    fits = dasknmf.nmf_many(network, ALL, progress=listen, polish=2)
    of_A, normalised = ([event for event in swept if event.matrix == name] for name in ("", "normalised"))
    assert [event.sweep for event in of_A] == list(range(1, len(of_A) + 1))
    assert len(normalised) >= 3
    # two iterations of hals, two products of the projection, one of the modules, one for all errors
    expected = len(of_A) + len(normalised) + 4 + 2 + 1 + 1
    assert {child.attrs["reads"] for child in fits.children.values()} == {expected}
    # both sketches were kept beside the store
    again = dasknmf.nmf_many(network, ALL[1:3], progress=listen)
    assert again["svd-k6"].attrs["reads"] == 1 + 1
    assert len(swept) == len(of_A) + len(normalised)
    # of the normalised network nobody knows the norm
    assert describe(normalised[0]).startswith("sketch of the normalised network: read 1 of at most 8, ")
    assert "nan" not in describe(normalised[0])


def test_results_of_a_mixed_run_are_those_of_single_runs(store: Path) -> None:
    fits = dasknmf.nmf_many(store, ALL, max_iter=5)
    for model in ALL:
        single = dasknmf.nmf(store, 6, solver=model["solver"], max_iter=5)
        together = fits[f"{model['solver']}-k6"].to_dataset()
        for name in single.data_vars:
            np.testing.assert_allclose(together[name], single[name], rtol=1e-4, atol=1e-4, err_msg=name)


@pytest.mark.parametrize(
    "A", [planted(200, 6, seed=0), mixed(200, seed=1), partition([50, 40, 30, 20, 10], seed=0)]
)
@pytest.mark.parametrize("k", [2, 5])
def test_no_method_is_below_the_bound_and_svd_is_the_best(A: np.ndarray, k: int) -> None:
    fits = dasknmf.nmf_many(A, [{**model, "n_components": k} for model in ALL], exact=True)
    errors = {child.attrs["solver"]: child.attrs["relative_error"] for child in fits.children.values()}
    bound = fits[f"svd-k{k}"].attrs["eckart_young"]
    assert bound <= errors["svd"]
    for other in ("hals", "spectral", "random-projection"):
        assert errors["svd"] <= errors[other] + 1e-6


def test_references_alone_iterate_nothing(store: Path, tmp_path: Path) -> None:
    events: list[object] = []
    fits = dasknmf.nmf_many(
        store,
        ALL[1:],
        exact=True,
        bound=False,
        progress=events.append,
        checkpoint=tmp_path / "cp",
        resume=True,
    )
    assert not any(isinstance(event, IterationEnded) for event in events)
    assert list(tmp_path.iterdir()) == []
    for child in fits.children.values():
        assert child.attrs["n_iter"] == 0
        assert child.attrs["converged"] == 1
        assert child.attrs["init"] == "none"
        assert child.attrs["stop_reason"].startswith("direct: ")
        assert "objective" not in child


def test_a_killed_mixed_run_goes_on_to_the_same_bits(store: Path, tmp_path: Path) -> None:
    options = {"exact": True, "max_iter": 6, "tol": 0, "tol_objective": 0, "checkpoint_iterations": 1}
    whole = dasknmf.nmf_many(store, ALL, **options)

    def kill(event: object) -> None:
        if isinstance(event, IterationEnded) and event.iteration == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        dasknmf.nmf_many(store, ALL, checkpoint=tmp_path / "cp", progress=kill, **options)
    resumed = dasknmf.nmf_many(store, ALL, checkpoint=tmp_path / "cp", resume=True, **options)
    assert same_bits(resumed, whole)


def test_a_given_start_stays_with_its_model(store: Path) -> None:
    from dasknmf.execution import Execution
    from dasknmf.fitting import fit_models
    from dasknmf.options import FitOptions, RunOptions

    rng = np.random.default_rng(0)
    start = rng.random((400, 3)), rng.random((3, 400))
    run = RunOptions(max_iter=2, exact=True)
    models = ModelOptions(3, solver="svd"), ModelOptions(3, init="given")
    _, mixed_run = fit_models(store, FitOptions(models, run), Execution(), starts=[None, start])
    single = dasknmf.nmf(store, 3, W=start[0], H=start[1], max_iter=2, exact=True)
    np.testing.assert_array_equal(mixed_run["W"], single["W"])


@pytest.mark.parametrize("diagonal", ["keep", "ignore"])
def test_of_the_normalised_network_no_share_is_told(diagonal: str) -> None:
    swept: list[SketchSwept] = []

    def listen(event: object) -> None:
        if isinstance(event, SketchSwept):
            swept.append(event)

    dasknmf.nmf(mixed(60, seed=0), 3, solver="spectral", diagonal=diagonal, bound=False, progress=listen)
    assert {event.matrix for event in swept} == {"normalised"}
    assert np.isnan([event.captured for event in swept]).all()


def test_memory_of_the_second_sketch_is_projected(store: Path) -> None:
    def projected(solver: str) -> int:
        events: list[object] = []
        dasknmf.nmf(store, 6, solver=solver, progress=events.append)
        return next(event.memory for event in events if isinstance(event, RunStarted))

    assert projected("spectral") > projected("svd")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"solver": "svd", "init": "random"}, "init='random': solver 'svd' has no init; leave it out"),
        ({"solver": "spectral", "l1_W": 0.1}, "l1_W=0.1: solver 'spectral' has no l1_W"),
        (
            {"solver": "svd", "W": np.ones((4, 2)), "H": np.ones((2, 4))},
            "init='given': solver 'svd' has no init",
        ),
        ({"solver": "hals", "tau": 1}, r"tau=1.0: solver 'hals' has no tau.*\(dasknmf solvers\)"),
        ({"solver": "spectral", "tau": -1}, "tau=-1: needs a finite number of at least 0"),
        ({"solver": "hals", "init": "none"}, "init='none' is not known; choose one of auto, random"),
        ({"solver": ["svd"]}, r"solver '\['svd'\]' is not known; choose one of: .*hals.*svd"),
    ],
)
def test_what_a_method_does_not_have_is_refused(given: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        dasknmf.nmf(np.ones((4, 4)), 2, **given)


@pytest.mark.parametrize("solver", METHODS)
def test_there_is_nothing_to_survey(solver: str) -> None:
    with pytest.raises(InputError, match=f"'{solver}' is no iteration.* --solver {solver} -o FITS"):
        dasknmf.survey(np.ones((4, 4)), [2], solver=solver)
    with pytest.raises(InputError, match="no restarts to survey"):
        SurveyOptions((2,), solver=solver)


def test_names_say_what_is_not_the_default() -> None:
    names = {
        "svd-k8": ModelOptions(8, solver="svd", seed=3),
        "spectral-k8": ModelOptions(8, solver="spectral"),
        "spectral-k8-seed3-tau=0.5": ModelOptions(8, solver="spectral", seed=3, tau=0.5),
        "random-projection-k8-seed1": ModelOptions(8, solver="random-projection", seed=1),
    }
    assert [model.name for model in names.values()] == list(names)
    with pytest.raises(InputError, match="svd-k2 is there 2 times"):
        dasknmf.nmf_many(np.ones((4, 4)), [{"n_components": 2, "solver": "svd", "seed": s} for s in (0, 1)])


def test_options_that_models_share_go_to_those_that_have_them() -> None:
    models = [{"n_components": 2}, {"n_components": 2, "solver": "svd"}]
    fits = dasknmf.nmf_many(planted(30, 2, seed=0), models, init="random", seed=4, l1_W=0.1, max_iter=2)
    assert set(fits.children) == {"hals-k2-seed4-l1_W=0.1", "svd-k2"}
    grid = model_grid(
        ["hals", "svd", "spectral"], [2, 3], [0, 1], {"init": "random", "tau": 1.0, "l2_H": 0.0}
    )
    assert [model.name for model in grid[:4]] == [
        "hals-k2-seed0",
        "hals-k2-seed1",
        "hals-k3-seed0",
        "hals-k3-seed1",
    ]
    assert [model.name for model in grid[4:7]] == ["svd-k2", "svd-k3", "spectral-k2-tau=1"]
    assert len(grid) == 10
    with pytest.raises(InputError, match="solver 'svd' has no init"):
        model_grid(["svd", "spectral"], [2], [0], {"init": "random"})


def test_a_progress_line_says_what_it_knows() -> None:
    known = describe(SketchSwept(1, 8, 0.5, 2.0))
    assert known == "sketch: read 1 of at most 8, 50.0% of ‖A‖² in its leading part, 2.0 s"
    unknown = describe(SketchSwept(2, 8, float("nan"), 2.0, "normalised"))
    assert unknown == "sketch of the normalised network: read 2 of at most 8, 2.0 s"
