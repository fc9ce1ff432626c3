import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import false_discovery_control, mannwhitneyu

from dasknmf.errors import InputError
from dasknmf.laboratory.against import against_nulls


@given(seed=st.integers(0, 10_000), B=st.integers(1, 60))
def test_every_number_is_that_of_its_definition(seed, B):
    rng = np.random.default_rng(seed)
    # few different values, so that there are ties
    measured, nulls = rng.integers(0, 6, 3).astype(float), rng.integers(0, 6, (3, B)).astype(float)
    kinds = rng.choice(["shuffle", "degree"], B)
    found = against_nulls(measured, nulls, kinds)
    assert found.kinds == tuple(dict.fromkeys(kinds))
    for g, kind in enumerate(found.kinds):
        of_kind = nulls[:, kinds == kind]
        N = of_kind.shape[1]
        for m, x in enumerate(measured):
            row = of_kind[m]
            tails = [(1 + (row >= x).sum()) / (1 + N), (1 + (row <= x).sum()) / (1 + N)]
            assert found.p[m, g] == pytest.approx(min(1, 2 * min(tails)), rel=1e-12)
            U = mannwhitneyu([x], row).statistic
            assert found.effect[m, g] == pytest.approx(2 * U / N - 1, abs=1e-12)
            assert found.mean[m, g] == row.mean()
            assert [found.low[m, g], found.high[m, g]] == np.percentile(row, [2.5, 97.5]).tolist()
            if N > 1 and row.std() > 0:
                assert found.z[m, g] == pytest.approx((x - row.mean()) / row.std(ddof=1), rel=1e-12)
            else:
                assert np.isnan(found.z[m, g])
        np.testing.assert_array_equal(found.q[:, g], false_discovery_control(found.p[:, g]))
        np.testing.assert_array_equal(found.used[:, g], N)


def test_p_is_exactly_uniform_when_the_fit_is_one_more_null():
    values = np.random.default_rng(0).random(40)
    p = [against_nulls(values[[i]], np.delete(values, i)[None], ["shuffle"] * 39).p.item() for i in range(40)]
    np.testing.assert_allclose(sorted(p), np.repeat(np.arange(1, 21), 2) / 20)


def test_the_smallest_p_says_whether_there_are_enough_nulls():
    for B, enough in ((19, False), (38, False), (39, True)):
        found = against_nulls([9.0], [np.arange(B) / B], ["degree"] * B)
        assert found.p.item() == found.smallest_p.item() == 2 / (1 + B)
        assert (found.smallest_p.item() <= 0.05) == enough


def test_constant_nulls_have_ranks_but_no_z():
    found = against_nulls([2.0, 1.0, 0.3], [[1.0] * 39, [1.0] * 39, [0.1 + 0.2] * 39], ["uniform"] * 39)
    assert np.isnan(found.z).all()
    assert found.p[:2].ravel().tolist() == [0.05, 1.0]
    assert found.effect[:2].ravel().tolist() == [1.0, 0.0]
    assert np.isnan(against_nulls([1.0], [[3.0]], ["uniform"]).z).all()


def test_what_has_no_value_is_left_out_and_counted():
    nan, inf = np.nan, np.inf
    found = against_nulls(
        [nan, 5.0, 5.0, 5.0],
        [[1, 2, 3], [1, nan, 3], [nan] * 3, [-inf, 1, inf]],
        ["shuffle"] * 3,
    )
    assert found.used.ravel().tolist() == [3, 2, 0, 3]
    np.testing.assert_array_equal(found.p.ravel(), [nan, 2 / 3, nan, 1])
    np.testing.assert_array_equal(found.q.ravel(), [nan, 1, nan, 1])
    np.testing.assert_array_equal(found.mean.ravel()[:3], [2, 2, nan])
    np.testing.assert_allclose(found.effect.ravel(), [nan, 1, nan, 1 / 3])
    assert found.smallest_p.ravel().tolist() == [0.5, 2 / 3, 1, 0.5]
    assert np.isnan(found.z.ravel()[[0, 2, 3]]).all()


@given(seed=st.integers(0, 10_000))
def test_p_and_effect_depend_on_order_alone(seed):
    rng = np.random.default_rng(seed)
    x, nulls = rng.random(2), rng.random((2, 30))
    one, other = (against_nulls(f(x), f(nulls), ["shuffle"] * 30) for f in (np.copy, np.exp))
    np.testing.assert_array_equal(one.p, other.p)
    np.testing.assert_array_equal(one.effect, other.effect)
    negative = against_nulls(-x, -nulls, ["shuffle"] * 30)
    np.testing.assert_array_equal(negative.p, one.p)
    np.testing.assert_array_equal(negative.effect, -one.effect)


def test_no_nulls_and_no_measures_are_allowed_and_wrong_shapes_refused():
    assert against_nulls([1.0, 2.0], np.zeros((2, 0)), []).p.shape == (2, 0)
    assert against_nulls([], np.zeros((0, 3)), ["shuffle"] * 3).q.shape == (0, 1)
    with pytest.raises(InputError, match=r"needs m measures, \(m, B\)"):
        against_nulls([1.0], [[1.0, 2.0]], ["shuffle"])
