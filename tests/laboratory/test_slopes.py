"""Slopes against numpy's least squares and SVD; intervals against the bootstrap and by their coverage."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dasknmf.laboratory.slopes import least_squares, total_least_squares


def loadings(rng, shape, *, zeros=0.0):
    return rng.gamma(0.7, 1.0, shape) * (rng.random(shape) >= zeros)


@given(seed=st.integers(0, 10_000), n=st.integers(3, 60), k=st.integers(1, 4))
def test_slopes_are_those_of_numpy(seed, n, k):
    x, y = np.random.default_rng(seed).random((2, n, k)) + 1e-3
    slope, total = least_squares(x, y)[0], total_least_squares(x, y)[0]
    for j in range(k):
        assert slope[j] == pytest.approx(np.linalg.lstsq(x[:, [j]], y[:, j])[0].item())
        across, along = np.linalg.svd(np.column_stack([x[:, j], y[:, j]]))[2][0]
        assert total[j] == pytest.approx(along / across)


def test_total_least_squares_treats_sides_alike():
    x, y = np.random.default_rng(0).random((2, 50, 1))
    there, back = total_least_squares(x, y), total_least_squares(y, x)
    np.testing.assert_allclose(there[0] * back[0], 1)
    np.testing.assert_allclose(there[1] * back[2], 1)


@pytest.mark.parametrize("slopes", [least_squares, total_least_squares])
def test_the_interval_is_that_of_a_bootstrap_of_genes(slopes):
    rng = np.random.default_rng(1)
    n = 1500
    x = loadings(rng, n, zeros=0.3)
    y = 0.7 * x + rng.normal(0, 1, n) * (0.05 + 0.2 * x)
    drawn = rng.integers(n, size=(n, 3000))
    resampled = slopes(x[drawn], y[drawn])[0]
    slope, low, high = (each.item() for each in slopes(x[:, None], y[:, None]))
    assert low < slope < high
    assert (high - low) / 2 / 1.96 == pytest.approx(resampled.std(), rel=0.1)
    assert [low, high] == pytest.approx(np.percentile(resampled, [2.5, 97.5]), abs=0.1 * (high - low))


@pytest.mark.parametrize("zeros", [0.0, 0.5])
def test_intervals_cover_the_slope_in_about_95_of_100_samples(zeros):
    """Heavy-tailed loadings, spread growing with them: 2,000 samples of 400 genes."""
    rng = np.random.default_rng(2)
    size = (400, 2000)
    x = loadings(rng, size, zeros=zeros)
    _, low, high = least_squares(x, 0.7 * x + rng.normal(0, 1, size) * (0.05 + 0.2 * x))
    assert 0.92 <= np.mean((low <= 0.7) & (high >= 0.7)) <= 0.97
    # errors of one size on both sides, as total least squares supposes
    spread = 0.05 + 0.1 * x
    across, along = (side + rng.normal(0, 1, size) * spread for side in (x, 0.7 * x))
    _, low, high = total_least_squares(across, along)
    assert 0.92 <= np.mean((low <= 0.7) & (high >= 0.7)) <= 0.97


def test_what_has_no_slope_is_nan_and_what_has_one_gene_has_no_interval():
    one = np.array([[0.0], [2.0], [0.0]])
    assert np.isnan(least_squares(np.zeros((3, 1)), one)).all()
    slope, low, high = least_squares(one, one * 3)
    assert slope.item() == 3
    assert np.isnan([low, high]).all()
    slope, low, high = total_least_squares(one, one)
    assert slope.item() == pytest.approx(1)
    assert np.isnan([low, high]).all()
    # no gene in common, and as long: every direction is as near
    assert np.isnan(total_least_squares(one, one[[1, 0, 2]])).all()


def test_an_interval_that_reaches_the_vertical_has_no_upper_end():
    x, y = np.array([[0.0], [0.0], [1.0]]), np.array([[2.0], [2.0], [1.0]])
    slope, low, high = (each.item() for each in total_least_squares(x, y))
    assert slope == pytest.approx(np.tan(0.5 * np.arctan2(2, -8)))
    assert 0 < low < slope
    assert high == np.inf
