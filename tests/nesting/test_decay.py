"""γ over levels: its estimate, its interval over restarts, and the γ that would have been seen."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from dasknmf.nesting.decay import decay_of, half_life
from dasknmf.nesting.intervals import BOOTSTRAP_FROM, difference_interval, mean_interval
from dasknmf.nesting.power import detectable, power_of


def simulated(rng, R, gamma, *, levels=5, between=0.03, within=0.03):
    """ρ of restarts that differ in γ, and from level to level."""
    slopes = gamma + between * rng.standard_normal((R, 1))
    return 0.95 * np.exp(-slopes * np.arange(levels) + within * rng.standard_normal((R, levels)))


@given(seed=st.integers(0, 10_000), R=st.integers(1, 12), n=st.integers(2, 7))
def test_gamma_is_that_of_least_squares_with_a_start_of_each_restart(seed, R, n):
    rng = np.random.default_rng(seed)
    values = rng.uniform(0.5, 1, (R, n))
    design = np.hstack([np.kron(np.eye(R), np.ones((n, 1))), -np.tile(np.arange(n), R)[:, None]])
    solution = np.linalg.lstsq(design, np.log(values).ravel(), rcond=None)[0]
    found = decay_of(values, floor=0.0)
    assert found.gamma.mean == pytest.approx(solution[-1], abs=1e-10)
    assert found.start == pytest.approx(np.exp(solution[:-1].mean()))
    np.testing.assert_allclose(found.fitted(), found.start * np.exp(-found.gamma.mean * np.arange(n)))


@given(seed=st.integers(0, 10_000), scale=st.floats(1e-3, 1e3), R=st.integers(2, 12))
def test_a_constant_changes_no_gamma(seed, scale, R):
    values = simulated(np.random.default_rng(seed), R, 0.4)
    one, other = decay_of(values), decay_of(values * scale)
    np.testing.assert_allclose(one.gamma, other.gamma, rtol=1e-9, atol=1e-12)
    assert other.start == pytest.approx(scale * one.start)


@given(seed=st.integers(0, 10_000), R=st.integers(2, 12))
def test_the_order_of_restarts_changes_no_bit(seed, R):
    rng = np.random.default_rng(seed)
    values = simulated(rng, R, 0.4)
    one, other = decay_of(values), decay_of(values[rng.permutation(R)])
    assert (one.gamma, one.start, one.spread) == (other.gamma, other.start, other.spread)


@pytest.mark.parametrize("R", [5, 10])
@pytest.mark.parametrize("gamma", [0.0, 0.3])
def test_intervals_hold_gamma_nine_times_in_ten(R, gamma):
    rng = np.random.default_rng(R)
    found = [decay_of(simulated(rng, R, gamma)).gamma for _ in range(400)]
    assert np.mean([low <= gamma <= high for _, low, high, _, _ in found]) >= 0.92
    assert np.mean([low <= gamma <= high for _, _, _, low, high in found]) >= 0.92


def test_a_skewed_spread_is_held_nine_times_in_ten_from_ten_restarts_on():
    rng = np.random.default_rng(1)
    held = 0
    for _ in range(400):
        slopes = 0.3 + 0.05 * (rng.exponential(size=(20, 1)) - 1)
        found = decay_of(np.exp(-slopes * np.arange(5))).gamma
        held += found.low <= 0.3 <= found.high
    assert held >= 360


def test_the_bootstrap_is_that_of_whole_restarts_written_out():
    rng = np.random.default_rng(2)
    values = simulated(rng, 12, 0.3)
    found = decay_of(values)
    drawn = rng.integers(0, 12, (20_000, 12))
    means = np.log(values)[drawn].mean(axis=1)
    slopes = -np.polyfit(np.arange(5), means.T, 1)[0]
    tail = stats.norm.cdf(np.sqrt(12 / 11) * stats.t.ppf(0.025, 11))
    low, high = np.quantile(slopes, [tail, 1 - tail])
    width = high - low
    assert found.gamma.low == pytest.approx(low - found.slack, abs=0.05 * width)
    assert found.gamma.high == pytest.approx(high + found.slack, abs=0.05 * width)
    assert (found.gamma.low, found.gamma.high) != (found.gamma.t_low, found.gamma.t_high)


def test_few_restarts_have_the_interval_of_student():
    values = np.array([0.1, 0.4, 0.2, 0.9])
    found = mean_interval(values)
    expected = stats.t.interval(0.95, 3, values.mean(), stats.sem(values))
    np.testing.assert_allclose(found[1:3], expected)
    assert found[1:3] == found[3:]
    assert np.isnan(mean_interval(values[:1])[1:]).all()
    assert np.isnan(mean_interval(values[:0]).mean)


@given(seed=st.integers(0, 10_000), a=st.integers(2, 15), b=st.integers(2, 15))
def test_differences_are_those_of_scipy(seed, a, b):
    rng = np.random.default_rng(seed)
    first, second = rng.random(a), 3 * rng.random(b)
    expected = stats.ttest_ind(first, second, equal_var=False).confidence_interval(0.95)
    np.testing.assert_allclose(difference_interval(first, second, paired=False)[1:3], expected, atol=1e-12)
    paired = difference_interval(first, first + second[:1], paired=True)
    np.testing.assert_allclose(paired[:3], -second[0])
    assert (paired == mean_interval(first - (first + second[:1]))) or a >= BOOTSTRAP_FROM


def test_a_soules_curve_has_gamma_zero_to_its_accuracy():
    values = 1 + 9e-5 * np.array([[0, -1, 1, -1, 0.0]] * 5)
    found = decay_of(values).gamma
    assert found.low <= 0 <= found.high < 3e-4


def test_a_value_that_is_noise_does_not_rule_gamma():
    rng = np.random.default_rng(0)
    curve = 0.9 * 3.0 ** -np.arange(8)
    values = curve + 0.02 * rng.standard_normal((10, 8))
    found = decay_of(values)
    assert found.at_least
    assert 4 <= found.logs.shape[1] <= 6
    # a lower bound, and not far below
    assert 0.75 * np.log(3) < found.gamma.mean < np.log(3)
    assert found.gamma.low <= found.gamma.mean <= found.gamma.high == np.inf
    assert found.half_life[1] == 0
    # what a line through the logarithms of noise would say changes with every restart
    naive = [np.polyfit(np.arange(8), np.log(np.maximum(row, 1e-12)), 1)[0] for row in values]
    assert np.std(naive) > 10 * found.spread


def test_a_restart_in_a_bad_minimum_is_a_loss_and_not_noise():
    values = np.array([[0.9, 0.9, 0.9, 0.9]] * 4 + [[0.9, 0.5, 0.3, 0.1]])
    found = decay_of(values)
    assert not found.at_least
    assert found.slopes[-1] == pytest.approx(-np.polyfit(np.arange(4), np.log(values[-1]), 1)[0])


def test_what_is_gone_at_once_or_is_not_there_has_no_gamma():
    assert np.isnan(decay_of(np.zeros((3, 4))).gamma.mean)
    assert np.isnan(decay_of(np.array([[0.5, np.nan, np.nan]] * 3)).gamma.mean)
    assert np.isnan(decay_of(np.full((3, 4), np.nan)).gamma.mean)


def test_levels_that_are_not_there_keep_their_distance():
    values = np.exp(-0.2 * np.arange(5)) * np.ones((2, 1))
    values[1, 2] = np.nan
    found = decay_of(values)
    assert found.levels.tolist() == [0, 1, 3, 4]
    assert found.gamma.mean == pytest.approx(0.2)


def test_half_life_is_without_end_where_nothing_falls():
    assert half_life(0.5) == pytest.approx(np.log(2) / 0.5)
    assert half_life(-0.1) == half_life(0.0) == np.inf
    assert np.isnan(half_life(np.nan))


@pytest.mark.parametrize("R", [3, 5, 10])
def test_the_gamma_that_is_seen_four_times_in_five_is_seen_so_often(R):
    rng = np.random.default_rng(R)
    between, within = 0.05, 0.02
    spread = np.hypot(between, within / np.sqrt(10))
    smallest = detectable(spread, R)
    assert power_of(smallest, spread, R) == pytest.approx(0.8, abs=1e-6)
    seen = 0
    for _ in range(600):
        found = decay_of(simulated(rng, R, smallest, between=between, within=within), floor=0.0)
        seen += found.gamma.low > found.slack
    # three standard errors of 600 draws
    assert seen / 600 == pytest.approx(0.8, abs=0.05)


def test_one_restart_would_have_seen_nothing():
    assert np.isnan(detectable(0.1, 1))
    assert np.isnan(detectable(np.nan, 5))
    assert detectable(0.0, 5) == 0.0
