"""The monotone fit against scikit-learn's; the test of a line by how often it rejects lines and parabolas."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression

from dasknmf.errors import InputError
from dasknmf.laboratory.curvature import curvature_test, monotone


def sparse_loadings(rng, n):
    return rng.gamma(0.7, 1.0, n) * (rng.random(n) < 0.6)


@given(seed=st.integers(0, 10_000), n=st.integers(2, 80), levels=st.sampled_from([3, 10, 10_000]))
def test_the_monotone_fit_is_that_of_scikit_learn(seed, n, levels):
    rng = np.random.default_rng(seed)
    x, y = rng.integers(0, levels, (2, n)) / levels * (rng.random((2, n)) < 0.7)
    if not y.any():
        assert np.isnan(monotone(x, y))
        return
    left = y - IsotonicRegression().fit(x, y).predict(x)
    assert monotone(x, y) == pytest.approx(1 - left @ left / (y @ y))
    line = 0.0 if not x.any() else (x @ y) ** 2 / (x @ x) / (y @ y)
    assert monotone(x, y) >= line - 1e-12


def dense_p(x, y, signs):
    """The wild bootstrap written out: one gene a row of signs, genes by rising x."""

    def gain(y):
        line = y - (x @ y) / (x @ x) * x
        rise = y - IsotonicRegression().fit(x, y).predict(x)
        return (line @ line - rise @ rise) / (line @ line)

    slope = (x @ y) / (x @ x)
    left = (y - slope * x) / (1 - x**2 / (x @ x))
    gains = np.array([gain(slope * x + one * left) for one in signs])
    return (1 + (gains >= gain(y)).sum()) / (1 + len(signs))


def test_p_is_that_of_a_bootstrap_written_out():
    rng = np.random.default_rng(4)
    # no gene is zero on both sides, so that signs go to genes one to one
    x, y = np.sort(rng.random(60)) + 0.1, rng.random(60)
    bits = np.unpackbits(
        np.frombuffer(np.random.default_rng(7).bytes(60 * 25), np.uint8).reshape(60, 25), axis=1
    )
    signs = bits.T[:199] * 2.0 - 1.0
    found = [curvature_test(x, x**2 + size * y, seed=7) for size in (0.5, 1.0, 2.0)]
    assert found == [pytest.approx(dense_p(x, x**2 + size * y, signs)) for size in (0.5, 1.0, 2.0)]
    assert len(set(found)) == 3


@pytest.mark.parametrize("growing", [0.0, 0.2])
def test_of_lines_with_symmetric_noise_about_one_in_twenty_is_called_curved(growing):
    """400 lines of 200 genes, 40 % of them zero: the noise of one size, and growing along the line."""
    rng = np.random.default_rng(3)
    p = []
    for seed in range(400):
        x = sparse_loadings(rng, 200)
        p.append(curvature_test(x, 0.7 * x + rng.normal(0, 1, 200) * (0.05 + growing * x), seed=seed))
    assert 0.02 <= np.mean(np.array(p) <= 0.05) <= 0.09


def test_a_parabola_is_seen():
    rng = np.random.default_rng(5)
    p = []
    for seed in range(50):
        x = sparse_loadings(rng, 200)
        p.append(curvature_test(x, x**2 + rng.normal(0, 0.3, 200) * x, seed=seed))
    assert np.mean(np.array(p) <= 0.05) >= 0.95


@given(seed=st.integers(0, 10_000), n=st.integers(5, 60))
def test_neither_the_order_of_genes_nor_scale_changes_p(seed, n):
    rng = np.random.default_rng(seed)
    x, y = rng.integers(0, 6, (2, n)).astype(float)
    order = rng.permutation(n)
    found = curvature_test(x, y, seed=seed)
    np.testing.assert_equal(curvature_test(x[order], y[order], seed=seed), found)
    np.testing.assert_equal(curvature_test(4 * x, y / 8, seed=seed), found)
    # in either order of equals, too
    np.testing.assert_equal(curvature_test(x[::-1], y[::-1], seed=seed), found)


def test_a_line_that_is_exact_is_no_curve_whatever_float32_makes_of_it():
    x = np.random.default_rng(0).random(500).astype(np.float32)
    y = (x * np.float32(1 / 3)).astype(float)
    assert curvature_test(x.astype(float), y) == 1
    assert np.isnan(curvature_test(np.zeros(3), np.ones(3)))
    assert np.isnan(curvature_test(np.ones(3), np.zeros(3)))
    assert curvature_test(np.array([0.0, 2, 0]), np.array([1.0, 1, 0])) > 0


def test_resamples_are_a_number():
    with pytest.raises(InputError, match="resamples=0"):
        curvature_test(np.ones(3), np.ones(3), resamples=0)
