"""The four claims on comparisons whose verdict is known by construction."""

import numpy as np
import pytest
import xarray as xr
from scipy.stats import t, ttest_1samp

from dasknmf.comparing.claims import (
    NOT_REPRODUCED,
    REPRODUCED,
    UNDECIDED,
    claims_of,
    interval,
)
from tests.comparing.made_up import comparison


def verdicts(values, **given):
    return [one.verdict for one in claims_of(comparison(values, **given))]


def on(kind, **by_solver):
    return {kind: by_solver}


def of_all(network, random, *, solvers=("hals", "cogaps", "brunet")):
    """One number for a structured and one for a random network, for each solver alike."""
    return {"network": dict.fromkeys(solvers, network), "shuffle": dict.fromkeys(solvers, random)}


def test_the_interval_is_students():
    values = np.array([0.2, 0.5, 0.9, np.nan])
    mean, low, high = interval(values)
    own = ttest_1samp(values[:3], 0).confidence_interval(0.95)
    assert (low, high) == pytest.approx((own.low, own.high))
    wide = interval(values, level=0.01)
    assert wide[2] - mean == pytest.approx((high - mean) * t.ppf(0.995, 2) / t.ppf(0.975, 2))
    assert interval(np.array([0.3]))[0] == 0.3
    assert np.isnan(interval(np.array([0.3]))[1:]).all()
    assert np.isnan(interval(np.array([np.nan]))).all()


@pytest.mark.parametrize(
    ("index", "matched", "expected"),
    [
        (0.0, 0.1, REPRODUCED),
        (0.7, 0.9, NOT_REPRODUCED),
        # strongly opposed is related as well
        (-0.7, 0.1, f"{NOT_REPRODUCED} index by index, {REPRODUCED} after matching partners"),
        (0.0, 0.8, f"{REPRODUCED} index by index, {NOT_REPRODUCED} after matching partners"),
        (0.3, 0.3, UNDECIDED),
        (0.0, 0.3, f"{REPRODUCED} index by index, {UNDECIDED} after matching partners"),
    ],
)
def test_unrelated_on_random_networks(index, matched, expected):
    values = {"pearson_index": of_all(0.9, index), "pearson": of_all(0.9, matched)}
    assert verdicts(values, spread=0.01)[0] == expected


@pytest.mark.parametrize(
    ("correlation", "slopes", "expected"),
    [
        (0.95, 0.5, REPRODUCED),
        (0.5, 0.5, f"{NOT_REPRODUCED} for correlation, {REPRODUCED} for slopes"),
        (0.95, 0.01, f"{REPRODUCED} for correlation, {NOT_REPRODUCED} for slopes"),
        (0.5, 0.01, NOT_REPRODUCED),
        (0.8, 0.05, UNDECIDED),
        (0.95, np.nan, f"{REPRODUCED} for correlation, {UNDECIDED} for slopes"),
    ],
)
def test_strong_with_slopes_that_differ_on_structured_networks(correlation, slopes, expected):
    values = {
        "pearson": of_all(correlation, 0.1),
        "pearson_index": of_all(0.4, 0.0),
        "own_slope_dispersion": of_all(slopes, 0.3),
    }
    assert verdicts(values, spread=0.005)[1] == expected


def test_one_algorithm_that_is_weak_is_enough_and_is_named():
    values = {
        "pearson": on("network", hals=0.95, mu=0.4, bpp=0.8),
        "own_slope_dispersion": on("network", hals=0.5, mu=0.5, bpp=0.02),
    }
    claim = claims_of(comparison(values, spread=0.005))[1]
    assert claim.verdict == NOT_REPRODUCED
    assert "Weaker than 0.8: mu on network." in claim.evidence
    assert "Not clear whether above 0.8: bpp on network." in claim.evidence
    assert "Slopes that do not differ: bpp on network." in claim.evidence


@pytest.mark.parametrize(("place", "measure", "sign"), [(2, "linearity", 1), (3, "own_slope_dispersion", -1)])
def test_the_best_is_better_than_each_other_one(place, measure, sign):
    solver = {2: "cogaps", 3: "brunet"}[place]

    def verdict(others, *, spread=0.0, restarts=4):
        table = {solver: 0.5, **{name: 0.5 - sign * ahead for name, ahead in others.items()}}
        values = {"pearson": on("network", **dict.fromkeys(table, 0.9)), measure: on("network", **table)}
        return claims_of(comparison(values, spread=spread, restarts=restarts))[place]

    wave = np.array([-0.04, 0.04, 0.04, -0.04])
    assert verdict({"hals": 0.1, "mu": 0.2}).verdict == REPRODUCED
    assert verdict({"hals": 0.1, "mu": -0.2}).verdict == NOT_REPRODUCED
    assert verdict({"hals": 0.1, "mu": -0.2}).evidence.endswith(f"Better than {solver}: mu.")
    # a tie, also one that only rounding breaks
    assert verdict({"hals": 0.0}).verdict == UNDECIDED
    assert verdict({"hals": 1e-8}).verdict == UNDECIDED
    # the next best is behind for certain, another one only on average
    assert verdict({"hals": 0.01, "mu": 0.02 + wave}).verdict == UNDECIDED
    # of ten others one is ahead at 5 %, which by chance one of ten is
    ahead = -0.04 + wave * 0.5
    assert verdict({"hals": ahead}).verdict == NOT_REPRODUCED
    assert verdict({"hals": ahead, **{f"other{i}": 0.0 for i in range(9)}}).verdict == UNDECIDED
    assert verdict({"hals": 0.1}, restarts=1).verdict == UNDECIDED
    assert "One restart has no interval" in verdict({"hals": 0.1}, restarts=1).evidence
    assert verdict({}).verdict == UNDECIDED


def test_one_restart_decides_nothing():
    values = {"pearson": of_all(0.99, 0.0), "pearson_index": of_all(0.9, 0.0)}
    values |= {"own_slope_dispersion": of_all(0.5, 0.5), "linearity": of_all(0.9, 0.1)}
    assert verdicts(values, restarts=1) == [UNDECIDED] * 4


def test_solvers_that_end_symmetric_or_have_signs_are_no_evidence():
    values = {
        "pearson": on("network", symline=1.0, svd=np.nan) | on("shuffle", symline=1.0, svd=np.nan),
        "pearson_index": on("shuffle", symline=1.0),
        "linearity": on("network", symline=1.0),
    }
    found = claims_of(comparison(values))
    assert [one.verdict for one in found] == [UNDECIDED] * 4
    assert all("needs" in one.evidence for one in found)


@pytest.mark.filterwarnings("error")
def test_measures_that_are_not_there_leave_no_warning():
    found = claims_of(comparison({"pearson": of_all(0.9, 0.1)}))
    assert "unknown" in found[1].evidence
    assert [one.verdict for one in found[2:]] == [UNDECIDED] * 2


def test_chains_that_have_not_settled_are_no_evidence_where_they_have_not():
    values = {"pearson": of_all(0.9, 0.1), "linearity": of_all(0.8, 0.1)}
    values["linearity"]["network"] = {"hals": 0.8, "cogaps": 0.95, "brunet": 0.7}
    found = comparison(values, spread=0.001)
    settled = xr.ones_like(found["linearity"])
    assert claims_of(found.assign(settled=settled))[2].verdict == REPRODUCED

    def but(kind):
        return settled.where((found["solver"] != "cogaps") | (found["network"] != kind), 0.0)

    here = claims_of(found.assign(settled=but("network")))[2]
    assert here.verdict == UNDECIDED
    assert here.evidence.endswith("as chains have not settled (give more iterations): cogaps.")
    assert claims_of(found.assign(settled=but("shuffle")))[2].verdict == REPRODUCED
