"""What is taken as fits to examine, with which options, and which seeds are free."""

import numpy as np
import pytest
import xarray as xr

import dasknmf
from dasknmf.errors import InputError
from dasknmf.laboratory.fits import (
    ALWAYS_SYMMETRIC,
    examined,
    gauge_of,
    medoid,
    options_of,
    restart_options,
    seeds_of,
)
from dasknmf.options import ModelOptions, RunOptions
from dasknmf.solvers import solver_of
from tests.laboratory.planted import planted


@pytest.fixture(scope="module")
def A():
    return planted()[1]


@pytest.fixture(scope="module")
def restarts(A):
    return dasknmf.nmf_many(A, [{"n_components": 4, "init": "random", "seed": s} for s in (2, 5, 7)])


def test_of_several_fits_the_one_most_like_the_others_is_the_reference(A, restarts):
    given = {name: child.to_dataset() for name, child in restarts.children.items()}
    noise = np.random.default_rng(0).random
    far = given["hals-k4-seed2"].copy()
    far["W"], far["H"] = (far[side].copy(data=noise(far[side].shape)) for side in "WH")
    alike = [far, given["hals-k4-seed5"], given["hals-k4-seed5"]]
    assert examined(alike).reference == 1
    assert [one.name for one in examined(alike).others] == ["0", "2"]
    assert [one.name for one in examined(given).restarts] == list(given)
    assert medoid([(np.eye(2), np.eye(2))]) == 0


def test_a_tree_a_mapping_and_a_list_are_the_same_fits(restarts):
    given = {name: child.to_dataset() for name, child in restarts.children.items()}
    errors = [
        [one.relative_error for one in examined(form).restarts]
        for form in (restarts, given, list(given.values()), tuple(given.values()))
    ]
    assert all(each == errors[0] for each in errors)


def refused(fits, message):
    with pytest.raises(InputError, match=message):
        examined(fits)


def test_what_is_no_fit_is_refused(A, restarts):
    refused(3, "int was given; needs what dasknmf.nmf")
    refused("fit.zarr", "str was given")
    refused([1, 2], "'0' is a int; needs what dasknmf.nmf returned")
    refused([], "no fits")
    refused({}, "there is none")
    refused(xr.Dataset(), "W")
    refused(dasknmf.survey(A, [2], restarts=2), r"dasknmf\.survey_fit\(survey, rank\)")
    refused(dasknmf.nmf(A, 3, solver="svd"), "factors with signs")


def test_fits_that_are_no_restarts_of_each_other_are_refused(A):
    refused([dasknmf.nmf(A, k) for k in (2, 3)], "rank 3 and '0' 2")
    refused([dasknmf.nmf(A, 3, solver=s) for s in ("hals", "mu")], "solvers hals, mu.*dasknmf.compare")
    refused(
        [dasknmf.nmf(A, 3, diagonal=d) for d in ("keep", "ignore")], "differ in their diagonal: ignore, keep"
    )
    refused([dasknmf.nmf(A, 3), dasknmf.nmf(A * 2, 3)], "differ in their network_checksum")
    missing = np.zeros((120, 120))
    missing[0, 1] = missing[1, 0] = 1
    refused(
        [dasknmf.nmf(A, 3, max_iter=2), dasknmf.nmf(A, 3, max_iter=2, missing=missing)], "weights_checksum"
    )


@pytest.mark.parametrize(
    "options",
    [
        {"solver": "hals", "l1_W": 0.25, "passes": 2, "max_iter": 7, "tol": 0.0, "polish": 1},
        {"solver": "mu", "init": "random", "seed": 4, "exact": True, "max_iter": 3},
        {"solver": "brunet", "floor": 0.0, "max_iter": 5, "diagonal": "keep"},
        {"solver": "cogaps", "iterations": 10, "alpha": 0.02, "seed": 2},
        {"solver": "hals", "diagonal": "ignore", "max_seconds": 100.0},
    ],
    ids=lambda options: options["solver"],
)
def test_the_options_of_a_fit_are_read_back_from_it(A, options):
    model, run = options_of(dasknmf.nmf(A, 3, **options))
    of_run = {name: options[name] for name in options if name in RunOptions.__dataclass_fields__}
    of_model = {name: options[name] for name in options if name not in of_run}
    asked = ModelOptions(3, **of_model)
    # a fit also says what the solver took where nothing was given
    assert (model.name, model.seed, model.init) == (asked.name, asked.seed, asked.init)
    assert solver_of(model) == solver_of(asked)
    assert run == RunOptions(**{"exact": options["solver"] == "brunet", **of_run})


def test_a_fit_from_given_factors_is_made_again_from_the_usual_start(A):
    fit = dasknmf.nmf(A, 2, W=np.ones((120, 2)) + np.eye(120, 2), H=np.ones((2, 120)))
    assert options_of(fit)[0].init == "nndsvd"
    with pytest.raises(InputError, match="does not say its solver"):
        options_of(fit.assign_attrs(attrs_dropped=1).drop_attrs())


def test_seeds_that_were_used_are_not_free(A, restarts):
    assert seeds_of(dasknmf.nmf(A, 2, seed=3)) == set()
    assert seeds_of(dasknmf.nmf(A, 2, seed=3, init="random_acol")) == {3}
    # a direct method has no start, but a seed
    assert seeds_of(dasknmf.nmf(A, 2, seed=3, solver="cogaps", iterations=5)) == {3}
    assert seeds_of(dasknmf.consensus(restarts)) == {2, 5, 7}
    assert seeds_of(dasknmf.survey_fit(dasknmf.survey(A, [2, 3], restarts=3, seed=4), 3)) == {4, 5, 6}


def test_restarts_begin_at_random_as_far_as_the_solver_has_a_start():
    names = [one.name for one in restart_options(ModelOptions(3, init="random", seed=9), [0, 1])]
    assert names == ["hals-k3-seed0", "hals-k3-seed1"]
    assert [one.init for one in restart_options(ModelOptions(3, solver="mu"), [0])] == ["random_acol"]
    assert [one.seed for one in restart_options(ModelOptions(3, solver="cogaps"), [4, 6])] == [4, 6]
    with pytest.raises(InputError, match="has nothing random"):
        restart_options(ModelOptions(3, solver="svd"), [0])


def test_the_gauge_is_that_of_the_algorithm_or_is_not_known(A):
    fit = dasknmf.nmf(A, 3)
    assert gauge_of(fit).tolist() == fit["gauge"].values.tolist()
    assert gauge_of(fit.drop_vars("gauge")) is None
    assert gauge_of(dasknmf.survey_fit(dasknmf.survey(A, [2], restarts=2), 2)) is None


@pytest.mark.parametrize("solver", sorted(ALWAYS_SYMMETRIC))
def test_solvers_that_end_symmetric_do_so_on_a_network_of_pairs_alone(solver):
    _, A = planted(60, modules=0, pairs=2)
    fit = dasknmf.nmf(A, 4, solver=solver, max_iter=200)
    W, H = fit["W"].values.astype(float), fit["H"].values.T.astype(float)
    size = np.linalg.norm(W, axis=0) * np.linalg.norm(H, axis=0)
    assert ((W * H).sum(axis=0) >= 0.999 * size).all()
