"""`dasknmf.compare` on a small planted matrix: numbers, places, and what is kept."""

import json

import numpy as np
import pytest
from scipy.stats import rankdata

import dasknmf
from dasknmf.comparing.tables import CRITERIA, comparison_table, places
from dasknmf.errors import FormatError, InputError
from dasknmf.events import StageAdvanced
from dasknmf.laboratory.measuring import MEASURES, measures
from tests.laboratory.planted import planted

OPTIONS = {
    "solvers": ["hals", "symline", "svd"],
    "restarts": 2,
    "kinds": ["network", "shuffle"],
    "seed": 4,
    "max_iter": 40,
}


@pytest.fixture(scope="module")
def A():
    return planted(80)[1]


@pytest.fixture(scope="module")
def found(A):
    return dasknmf.compare(A, 6, **OPTIONS)


def test_measures_are_those_of_fits_of_the_same_starts(A, found):
    for place, seed in enumerate((4, 5)):
        fit = dasknmf.nmf(A, 6, init="random_acol", seed=seed, max_iter=40)
        own = found.sel(network="network", solver="hals").isel(restart=place)
        expected = measures((fit["W"].values, fit["H"].values.T), fit["gauge"].values)
        # beside other solvers products round otherwise
        assert {name: float(own[name]) for name in MEASURES} == pytest.approx(expected, abs=5e-3)
        assert float(own["relative_error"]) == pytest.approx(fit.attrs["relative_error"], abs=1e-5)
    assert found["restart"].values.tolist() == [4, 5]


def test_a_null_of_another_restart_is_another_network(found):
    svd = found["relative_error"].sel(solver="svd")
    assert len(set(svd.sel(network="network").values)) == 1
    assert len(set(svd.sel(network="shuffle").values)) == 2


def test_factors_with_signs_have_an_error_and_no_more(found):
    svd = found.sel(solver="svd")
    assert all(svd[name].isnull().all() for name in MEASURES)
    assert (svd["relative_error"] <= found["relative_error"] + 1e-6).all()
    assert svd["place"].sel(criterion="relative_error").values.tolist() == [1, 1]
    assert svd["place"].sel(criterion="pearson").isnull().all()


def test_symmetric_models_are_symmetric_and_pay_for_it(found):
    own = found.sel(solver="symline", network="network")
    assert (own["pearson_index"] > 0.999).all()
    assert (own["relative_error"] > found["relative_error"].sel(solver="hals", network="network") + 0.1).all()


def test_places_are_mean_ranks_of_those_that_have_the_measure():
    rng = np.random.default_rng(0)
    table = {name: rng.random((2, 4, 3)) for name in CRITERIA}
    table["pearson"][:, 1] = np.nan
    table["linearity"][0, :2] = 0.5
    found = dict(zip(CRITERIA, places(table), strict=True))
    kept = [0, 2, 3]
    expected = np.mean([rankdata(-table["pearson"][1, kept, r]) for r in range(3)], axis=0)
    np.testing.assert_allclose(found["pearson"][1, kept], expected)
    assert np.isnan(found["pearson"][:, 1]).all()
    assert found["linearity"][0, 0] == found["linearity"][0, 1]
    errors = np.mean([rankdata(table["relative_error"][0, :, r]) for r in range(3)], axis=0)
    np.testing.assert_allclose(found["relative_error"][0], errors)


def test_intervals_hold_the_mean_and_the_table_has_both(found):
    table = comparison_table(found)
    for name in ("pearson", "relative_error"):
        mean = found[name].mean("restart")
        known = mean.notnull().values
        assert (found[f"{name}_low"].values[known] <= mean.values[known] + 1e-12).all()
        assert (mean.values[known] <= found[f"{name}_high"].values[known] + 1e-12).all()
        row = table.loc[("shuffle", "hals")]
        assert row[name] == float(mean.sel(network="shuffle", solver="hals"))
    assert table.index.tolist() == [
        (kind, solver) for kind in OPTIONS["kinds"] for solver in OPTIONS["solvers"]
    ]


def test_claims_are_judged_and_what_was_asked_is_kept(A, found, tmp_path):
    assert found.sizes["number"] == 4
    assert "needs cogaps" in str(found["claim_evidence"][2].values)
    assert json.loads(found.attrs["options"])["max_iter"] == 40
    dasknmf.save(found, tmp_path / "comparison.zarr")
    assert dasknmf.load(tmp_path / "comparison.zarr").identical(found)
    assert set(found.dims) == set(found.coords)


def test_a_run_that_was_stopped_goes_on_to_the_same_bits(A, found, tmp_path):
    folder = tmp_path / "parts"

    def stop(event):
        if isinstance(event, StageAdvanced) and event.done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        dasknmf.compare(A, 6, **OPTIONS, checkpoint=folder, progress=stop)
    assert len(list(folder.iterdir())) == 3
    with pytest.raises(FormatError, match="its run is"):
        dasknmf.compare(A, 6, **{**OPTIONS, "max_iter": 41}, checkpoint=folder, resume=True)
    again = dasknmf.compare(A, 6, **OPTIONS, checkpoint=folder, resume=True)
    assert again.identical(found)
    assert not folder.exists()


def test_more_restarts_take_up_those_that_are_kept(A, found, tmp_path):
    given = {**OPTIONS, "checkpoint": tmp_path / "parts"}
    execution = dasknmf.execution.Execution(checkpoint=tmp_path / "parts", keep_checkpoint=True)
    dasknmf.compare(A, 6, **OPTIONS, execution=execution)
    more = dasknmf.compare(A, 6, **{**given, "restarts": 3}, resume=True)
    np.testing.assert_array_equal(more["cosine"][..., :2], found["cosine"])


@pytest.mark.filterwarnings("error")
def test_one_factor_has_no_dispersion_and_no_warning(A):
    one = dasknmf.compare(A, 1, solvers=["hals", "brunet"], restarts=2, kinds="network", max_iter=20)
    assert one["own_slope_dispersion"].isnull().all()
    assert str(one["claim_verdict"][3].values) == "undecided"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"solvers": []}, "solvers: there is none"),
        ({"solvers": ["hals", "bogus"]}, "'bogus' is not known"),
        ({"solver": "hals"}, "takes several"),
        ({"init": "nndsvd"}, "every restart would begin alike"),
        ({"restarts": 0}, "restarts=0"),
        ({"kinds": "real"}, "no kind of network"),
        ({"bogus": 1}, "'bogus' is not known"),
        # of which no solver that is asked for has any use
        ({"solvers": ["hals", "mu"], "iterations": 5}, "iterations"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_runs(A, options, message):
    with pytest.raises(InputError, match=message):
        dasknmf.compare(A, 3, **options)
