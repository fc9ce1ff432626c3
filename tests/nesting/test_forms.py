"""Exponential, linear, or a drop at one level."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import least_squares

from dasknmf.nesting.forms import compare_forms

LEVELS = np.arange(5.0)
CURVES = {
    "exponential": 0.95 * np.exp(-0.6 * LEVELS),
    "linear": 0.95 - 0.2 * LEVELS,
    "drop": np.where(LEVELS < 2, 0.95, 0.4),
}


@pytest.mark.parametrize("form", CURVES)
@pytest.mark.parametrize("R", [5, 10])
def test_the_form_that_is_there_is_told(form, R):
    rng = np.random.default_rng(0)
    told = [compare_forms(CURVES[form] + 0.02 * rng.standard_normal((R, 5)), LEVELS).form for _ in range(100)]
    assert told.count(form) >= 95
    assert form == "exponential" or "exponential" not in told


def test_a_flat_curve_has_no_form():
    rng = np.random.default_rng(1)
    told = [compare_forms(0.9 + 0.02 * rng.standard_normal((10, 5)), LEVELS).form for _ in range(100)]
    assert told.count("untold") >= 85


def test_three_levels_or_one_restart_cannot_tell():
    exponential = CURVES["exponential"] * np.ones((6, 1))
    assert compare_forms(exponential[:, :3], LEVELS[:3]).form == "untold"
    assert np.isnan(compare_forms(exponential[:, :3], LEVELS[:3]).misfit["drop"])
    assert compare_forms(exponential[:1], LEVELS).form == "untold"
    assert compare_forms(exponential, LEVELS).form == "exponential"


@given(seed=st.integers(0, 10_000), n=st.integers(4, 7), scale=st.floats(1e-3, 1e3))
def test_misfits_are_those_of_least_squares(seed, n, scale):
    rng = np.random.default_rng(seed)
    levels = np.arange(n, dtype=float)
    rate = rng.uniform(0, 2)
    rho = np.exp(-rate * levels) + 0.05 * rng.standard_normal(n)
    found = compare_forms(scale * rho[None], levels)
    starts = [(1.0, start) for start in (-0.5, 0.1, 1.0, 3.0)]
    exponential = min(
        2 * least_squares(lambda x: x[0] * np.exp(-x[1] * levels) - rho, start).cost for start in starts
    )
    linear = np.polyfit(levels, rho, 1, full=True)[1][0]
    drop = min(s * rho[:s].var() + (n - s) * rho[s:].var() for s in range(1, n))
    assert found.misfit["exponential"] == pytest.approx(scale * np.sqrt(n * exponential) / (n - 2), rel=1e-3)
    assert found.misfit["linear"] == pytest.approx(scale * np.sqrt(n * linear) / (n - 2))
    assert found.misfit["drop"] == pytest.approx(scale * np.sqrt(n * drop) / (n - 3))


def test_a_drop_is_where_it_is():
    assert compare_forms(CURVES["drop"] * np.ones((3, 1)), LEVELS + 1).drop_at == 3
