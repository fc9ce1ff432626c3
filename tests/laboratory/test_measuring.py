"""One number each: against the medians of numpy and scipy, in every gauge and order."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr

from dasknmf.errors import InputError
from dasknmf.laboratory.assignment import partners
from dasknmf.laboratory.measuring import MEASURES, interval_over_factors, measures
from dasknmf.laboratory.relating import gauge_of, relations
from dasknmf.laboratory.skew import asymmetry
from tests.laboratory.test_relating import noisy


@given(seed=st.integers(0, 10_000))
def test_every_measure_written_out(seed):
    W, Ht = noisy(seed)
    found, gauge = partners((W, Ht)), gauge_of((W, Ht))
    table = measures((W, Ht), gauge)
    assert list(table) == list(MEASURES)
    detail = relations((W, Ht), found, gauge, resamples=1)
    for name in ("pearson", "spearman", "linearity"):
        assert table[name] == pytest.approx(np.median(detail[name]))
    assert table["curvature"] == pytest.approx(np.median(detail["monotone"] - detail["linearity"]), abs=1e-12)
    assert table["slope_dispersion"] == pytest.approx(np.log(detail["slope"]).std(ddof=1))
    assert table["own_slope_dispersion"] == pytest.approx(np.log(detail["own_slope"]).std(ddof=1))
    own = list(zip(W.T, Ht.T, strict=True))
    cosine = np.array([w @ h / np.linalg.norm(w) / np.linalg.norm(h) for w, h in own])
    assert table["cosine_index"] == pytest.approx(np.median(cosine))
    assert table["linearity_index"] == pytest.approx(np.median(cosine**2))
    assert table["cosine"] == pytest.approx(np.median(found.partner_cosine))
    assert table["pearson_index"] == pytest.approx(np.median([np.corrcoef(w, h)[0, 1] for w, h in own]))
    assert table["spearman_index"] == pytest.approx(np.median([spearmanr(w, h).statistic for w, h in own]))
    slopes = np.array([np.linalg.lstsq(w[:, None], h)[0].item() for w, h in own])
    expected = np.log(slopes[slopes > 0]).std(ddof=1)
    assert table["own_slope_dispersion_index"] == pytest.approx(expected)
    assert table["asymmetry"] == asymmetry((W, Ht))
    assert table["fixed_points"] + 2 * table["two_cycles"] + 6 * table["broken"] == 6


@given(seed=st.integers(0, 10_000), decades=st.floats(0, 6))
def test_no_rescaling_of_factors_changes_a_gauge_free_measure(seed, decades):
    W, Ht = noisy(seed)
    d = 10.0 ** np.random.default_rng(seed).uniform(-decades, decades, W.shape[1])
    gauge = gauge_of((W, Ht))
    before, after = measures((W, Ht), gauge), measures((W * d, Ht / d), gauge * d**2)
    for name, measure in MEASURES.items():
        if measure.gauge_free:
            assert after[name] == pytest.approx(before[name], rel=1e-9, abs=1e-12), name
    found = partners((W, Ht))
    slope = relations((W, Ht), found, gauge, resamples=1)["own_slope"] / (d * d[found.partner_of])
    assert after["own_slope_dispersion"] == pytest.approx(np.log(slope).std(ddof=1))
    own = found.own_cosine / gauge / d**2
    expected = np.log(own[own > 0]).std(ddof=1)
    assert after["own_slope_dispersion_index"] == pytest.approx(expected)
    # and both are bound to it: a measure that says so does change
    assert decades < 1 or after["own_slope_dispersion_index"] != before["own_slope_dispersion_index"]


@given(seed=st.integers(0, 10_000))
def test_order_of_genes_and_factors_changes_no_measure(seed):
    W, Ht = noisy(seed)
    rng = np.random.default_rng(seed)
    genes, factors = (rng.permutation(size) for size in W.shape)
    moved = W[genes][:, factors], Ht[genes][:, factors]
    assert measures(moved, gauge_of(moved)) == pytest.approx(measures((W, Ht), gauge_of((W, Ht))), abs=1e-12)


def test_the_swap_of_two_gene_sets_has_nothing_in_common_index_by_index():
    table = measures((np.eye(4)[:, :2], np.eye(4)[:, [1, 0]]), np.array([4.0, 1.0]))
    assert [table[name] for name in ("cosine_index", "linearity_index")] == [0, 0]
    assert [table[name] for name in ("cosine", "pearson", "spearman", "linearity")] == pytest.approx([1] * 4)
    assert [table[name] for name in ("two_cycles", "broken", "asymmetry", "involution_defect")] == [
        1,
        0,
        0,
        0,
    ]
    assert table["own_slope_dispersion"] == pytest.approx(0, abs=1e-12)
    # no slope above zero to take a logarithm of
    assert np.isnan(table["own_slope_dispersion_index"])


def test_a_factor_that_is_zero_on_a_side_is_counted_and_left_out_of_medians():
    W, Ht = np.eye(4), np.eye(4)
    W[:, 3] = 0
    table = measures((W, Ht))
    assert (table["unmatched"], table["broken"], table["cosine"]) == (1, 0.25, 1)
    nothing = measures((np.zeros((4, 2)), np.zeros((4, 2))))
    assert np.isnan([nothing[name] for name in ("cosine", "asymmetry", "slope_dispersion")]).all()
    assert (nothing["unmatched"], nothing["broken"]) == (2, 1)


def test_without_the_gauge_bound_measures_are_nan_and_no_others():
    table = measures(noisy(0))
    assert {name for name, value in table.items() if np.isnan(value)} == {
        name for name, measure in MEASURES.items() if not measure.gauge_free
    }


def test_the_interval_is_a_bootstrap_over_factors_written_out():
    W, Ht = noisy(3, modules=3, pairs=3)
    found, gauge = partners((W, Ht)), gauge_of((W, Ht))
    intervals = interval_over_factors((W, Ht), gauge, seed=5)
    drawn = np.random.default_rng(5).integers(9, size=(2000, 9))
    medians = np.median(found.partner_cosine[drawn], axis=1)
    assert intervals["cosine"] == pytest.approx(tuple(np.percentile(medians, [2.5, 97.5])))
    slope = relations((W, Ht), found, gauge, resamples=1)["own_slope"]
    deviations = np.log(slope)[drawn].std(axis=1, ddof=1)
    expected = tuple(np.percentile(deviations, [2.5, 97.5]))
    assert intervals["own_slope_dispersion"] == pytest.approx(expected)
    table = measures((W, Ht), gauge)
    assert all(low <= table[name] <= high for name, (low, high) in intervals.items())
    assert not intervals.keys() & {"fixed_points", "asymmetry", "involution_defect"}


def test_one_factor_has_no_interval():
    assert np.isnan(interval_over_factors((np.eye(2)[:, :1], np.eye(2)[:, :1]))["cosine"]).all()
    with pytest.raises(InputError, match="resamples=0"):
        interval_over_factors((np.eye(2), np.eye(2)), resamples=0)
