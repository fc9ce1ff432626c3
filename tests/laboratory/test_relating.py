"""Relations of partners against numpy and scipy, as a biologist would recompute them; gauge against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import false_discovery_control, spearmanr
from sklearn.isotonic import IsotonicRegression

from dasknmf.errors import InputError
from dasknmf.laboratory.assignment import partners
from dasknmf.laboratory.relating import gauge_of, relations
from dasknmf.laboratory.variables import VARIABLES
from tests.laboratory.involutions import sides

OWN = {"own_slope", "own_slope_tls"}


def noisy(seed, *, n=80, modules=2, pairs=2, noise=0.3):
    rng = np.random.default_rng(seed)
    W, Ht, _ = sides(n, modules, pairs, rng)
    W, Ht = (side * rng.uniform(1 - noise, 1 + noise, side.shape) for side in (W, Ht))
    return W * rng.uniform(0.1, 10, W.shape[1]), Ht


@given(seed=st.integers(0, 10_000))
def test_every_relation_is_what_numpy_and_scipy_make_of_all_genes(seed):
    W, Ht = noisy(seed)
    found = partners((W, Ht))
    gauge = gauge_of((W, Ht))
    table = relations((W, Ht), found, gauge, resamples=19)
    for j, i in enumerate(found.partner_of):
        assert table["pearson"][j] == pytest.approx(np.corrcoef(W[:, j], Ht[:, i])[0, 1])
        assert table["spearman"][j] == pytest.approx(spearmanr(W[:, j], Ht[:, i]).statistic)
        x, y = W[:, j] / np.sqrt(gauge[j]), Ht[:, i] * np.sqrt(gauge[i])
        (slope,), (left,), *_ = np.linalg.lstsq(x[:, None], y)
        assert table["slope"][j] == pytest.approx(slope)
        assert table["linearity"][j] == pytest.approx(1 - left / (y @ y))
        assert table["linearity"][j] == pytest.approx(found.partner_cosine[j] ** 2)
        rise = y - IsotonicRegression().fit(x, y).predict(x)
        assert table["monotone"][j] == pytest.approx(1 - rise @ rise / (y @ y))
        assert table["monotone"][j] >= table["linearity"][j] - 1e-12
        across, along = np.linalg.svd(np.column_stack([x, y]))[2][0]
        assert table["slope_tls"][j] == pytest.approx(along / across)
        assert table["own_slope"][j] == pytest.approx(np.linalg.lstsq(W[:, [j]], Ht[:, i])[0].item())
        assert table["slope_low"][j] <= slope <= table["slope_high"][j]
    np.testing.assert_allclose(table["curvature_q"], false_discovery_control(table["curvature_p"]))


def test_they_carry_the_names_of_the_schema():
    W, Ht = noisy(0)
    table = relations((W, Ht), partners((W, Ht)))
    for name, values in table.items():
        assert VARIABLES[name][0] == ("factor",)
        assert values.shape == (6,)
        assert values.dtype == np.float64


@given(seed=st.integers(0, 10_000), decades=st.floats(0, 6))
def test_rescaling_factors_changes_own_slopes_alone_and_by_their_closed_form(seed, decades):
    W, Ht = noisy(seed)
    found = partners((W, Ht))
    table = relations((W, Ht), found, gauge_of((W, Ht)), seed=seed, resamples=19)
    d = 10.0 ** np.random.default_rng(seed).uniform(-decades, decades, W.shape[1])
    scaled = W * d, Ht / d
    other = relations(scaled, partners(scaled), gauge_of((W, Ht)) * d**2, seed=seed, resamples=19)
    for name in table.keys() - OWN:
        np.testing.assert_allclose(other[name], table[name], rtol=1e-7, atol=1e-12)
    for name in OWN:
        np.testing.assert_allclose(other[name], table[name] / (d * d[found.partner_of]), rtol=1e-7)


@given(seed=st.integers(0, 10_000))
def test_order_of_genes_and_factors_changes_nothing_but_order(seed):
    W, Ht = noisy(seed)
    table = relations((W, Ht), partners((W, Ht)), gauge_of((W, Ht)), seed=seed, resamples=19)
    rng = np.random.default_rng(seed)
    genes, factors = (rng.permutation(size) for size in W.shape)
    moved = W[genes][:, factors], Ht[genes][:, factors]
    other = relations(moved, partners(moved), gauge_of(moved), seed=seed, resamples=19)
    for name, values in table.items():
        np.testing.assert_allclose(other[name], values[factors], rtol=1e-9)


def test_exact_partners_are_lines_of_slope_one_and_of_no_curvature():
    W, Ht, _ = sides(60, 2, 1, np.random.default_rng(0))
    own = np.array([2.0, 3.0, 5.0, 0.5])
    table = relations((W * own, Ht), partners((W, Ht)), np.ones(4))
    for name in ("pearson", "spearman", "linearity", "monotone", "curvature_p", "curvature_q", "slope_tls"):
        np.testing.assert_allclose(table[name][:2], 1)
    # the scales of the two factors of a pair, balanced: 5 and 0.5 apart
    np.testing.assert_allclose(table["slope"][2:] * table["slope"][[3, 2]], 1)


def test_without_its_gauge_a_fit_has_no_own_slopes():
    W, Ht = noisy(0)
    table = relations((W, Ht), partners((W, Ht)), resamples=1)
    assert all(np.isnan(table[name]).all() == (name in OWN) for name in table)


def test_a_factor_without_a_partner_has_no_relations_and_a_constant_one_no_correlation():
    W, Ht = np.eye(4), np.eye(4)
    Ht[:, 1] = 0
    W[:, 2] = Ht[:, 2] = 1
    table = relations((W, Ht), partners((W, Ht)), np.array([1.0, np.inf, 1.0, 1.0]))
    assert all(np.isnan(values[1]) for values in table.values())
    assert np.isnan([table["pearson"][2], table["spearman"][2]]).all()
    assert table["linearity"][[0, 2, 3]].tolist() == pytest.approx([1, 1, 1])


def test_what_does_not_fit_is_refused():
    fit = np.eye(3), np.eye(3)
    with pytest.raises(InputError, match=r"3 factors and partners of 2"):
        relations(fit, partners((np.eye(2), np.eye(2))))
    with pytest.raises(InputError, match=r"gauge of shape \(2,\).*shape \(3,\)"):
        relations(fit, partners(fit), np.ones(2))
    with pytest.raises(InputError, match=r"gauge of factor 2 is 0\.0"):
        relations(fit, partners(fit), np.array([1.0, 1.0, 0.0]))
