from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from dasknmf.errors import InputError
from dasknmf.laboratory.crossing import crossed
from dasknmf.laboratory.orientation import UNDECIDED, orientation_of


def random_fits(seed, R, k, *, n=40, density=0.5):
    rng = np.random.default_rng(seed)
    sides = rng.random((R + 1, 2, n, k)) * (rng.random((R + 1, 2, n, k)) < density)
    fits = [tuple(one) for one in sides]
    return fits[0], fits[1:]


def half_pairs(coins):
    """k half pairs of disjoint gene sets, and restarts that have each as it is (True) or transposed."""
    k = coins.shape[1]
    W, Ht = np.eye(2 * k)[:, :k] + 0.01, np.eye(2 * k)[:, k:] + 0.01
    return (W, Ht), [(np.where(row, W, Ht), np.where(row, Ht, W)) for row in coins]


@given(seed=st.integers(0, 10_000), k=st.integers(1, 4), R=st.integers(1, 4))
def test_a_is_that_of_the_dense_matrix(seed, k, R):
    reference, restarts = random_fits(seed, R, k)
    P, Q = (side / np.linalg.norm(side, axis=0) for side in reference)
    found = orientation_of(crossed(reference, restarts)).signed
    for r, (W, Ht) in enumerate(restarts):
        M = W @ Ht.T
        for j in range(k):
            there, back = P[:, j] @ M @ Q[:, j], Q[:, j] @ M @ P[:, j]
            assert found[j, r] == pytest.approx((there - back) / (there + back), abs=UNDECIDED / 2)


def test_shares_intervals_and_p_are_those_of_scipy():
    coins = np.array(
        [[1, 1, 0], [1, 1, 1], [1, 0, 0], [1, 0, 1], [1, 0, 1], [1, 0, 1], [1, 1, 0]], dtype=bool
    )
    found = orientation_of(crossed(*half_pairs(coins)))
    assert found.same.tolist() == [7, 3, 4]
    assert found.trials.tolist() == [7, 7, 7]
    for j, heads in enumerate((7, 3, 4)):
        test = binomtest(heads, 7)
        interval = test.proportion_ci(0.95, "exact")
        given = found.orientation[j], found.low[j], found.high[j], found.p[j]
        assert given == (heads / 7, interval.low, interval.high, test.pvalue)
    np.testing.assert_allclose(found.q, [3 * 2 / 2**7, 1, 1])


def test_a_module_and_a_pair_modelled_both_ways_are_undecided():
    W, Ht = np.eye(6)[:, :3] + 0.1, np.eye(6)[:, 3:] + 0.1
    module = W + Ht
    reference = np.hstack([W, Ht, module]), np.hstack([Ht, W, 2 * module])
    restarts = [
        tuple(side[:, order] for side in reference) for order in (range(9), [8, 2, 4, 5, 1, 7, 0, 3, 6])
    ]
    found = orientation_of(crossed(reference, restarts))
    assert np.abs(found.signed).max() <= UNDECIDED
    assert found.trials.tolist() == [0] * 9
    assert np.isnan([found.orientation, found.low, found.high, found.p, found.q]).all()
    assert np.isnan([found.alignment, found.pooled_p]).all()


def test_a_restart_without_the_factor_is_no_trial():
    W, Ht = np.eye(6)[:, :1], np.eye(6)[:, 1:2]
    found = orientation_of(crossed((W, Ht), [(W, Ht), (np.eye(6)[:, 4:5], np.eye(6)[:, 5:])]))
    np.testing.assert_array_equal(found.signed, [[1, np.nan]])
    assert found.trials.tolist() == [1]


def test_a_fair_coin_is_found_fair_and_always_the_same_is_not():
    rng = np.random.default_rng(0)
    R, sets = 9, 300
    fair = [orientation_of(crossed(*half_pairs(rng.random((R, 3)) < 0.5))) for _ in range(sets)]
    # what nine coins can give at 5 %: 0, 1, 8 or 9 heads
    level = 2 * (1 + 9) / 2**9
    rejected = sum(int((found.p <= 0.05).sum()) for found in fair)
    assert binomtest(rejected, 3 * sets, level).pvalue > 0.01
    # three coins a restart: 2^8 ways to transpose them, nearly all of different length
    pooled = sum(found.pooled_p <= 0.05 for found in fair)
    assert binomtest(pooled, sets, 0.05).pvalue > 0.01
    # factors that always go together have one coin, not three: the pooled test must not take it for more
    together = [
        orientation_of(crossed(*half_pairs(np.repeat(rng.random((R, 1)) < 0.5, 3, axis=1))))
        for _ in range(sets)
    ]
    pooled = sum(found.pooled_p <= 0.05 for found in together)
    assert binomtest(pooled, sets, level).pvalue > 0.01
    same = orientation_of(crossed(*half_pairs(np.tile([True, False, True], (R, 1)))))
    np.testing.assert_allclose(same.p, 2.0 ** (1 - R))
    assert same.pooled_p == 2.0 ** (1 - R)
    assert same.alignment == pytest.approx(1)
    assert (same.q < 0.01).all()


@pytest.mark.parametrize("seed", range(4))
def test_the_pooled_p_counts_all_ways_to_transpose_restarts(seed):
    found = orientation_of(crossed(*random_fits(seed, 5, 3)))
    lengths = np.array([np.linalg.norm((found.signed * s).sum(axis=1)) for s in product([1, -1], repeat=5)])
    assert found.pooled_p == (lengths >= lengths[0] * (1 - 1e-9)).mean()
    mean = np.linalg.norm(found.signed, axis=0).mean()
    assert found.alignment == pytest.approx(lengths[0] / 5 / mean, rel=1e-12)


def test_many_restarts_are_transposed_at_random():
    R = 20
    sides = crossed(*half_pairs(np.random.default_rng(3).random((R, 2)) < 0.75))
    one, again = (orientation_of(sides, flips=999, seed=4) for _ in range(2))
    assert one.pooled_p == again.pooled_p
    flips = np.random.default_rng(9).choice([1, -1], size=(200_000, R))
    lengths = np.linalg.norm(flips @ one.signed.T, axis=1)
    expected = (lengths >= np.linalg.norm(one.signed.sum(axis=1)) - 1e-4).mean()
    assert one.pooled_p == pytest.approx(expected, abs=5 * np.sqrt(expected / 999) + 2 / 1000)


@given(seed=st.integers(0, 10_000), k=st.integers(1, 4), R=st.integers(1, 4))
def test_order_and_scale_do_not_matter_and_swapped_sides_flip_the_sign(seed, k, R):
    reference, restarts = random_fits(seed, R, k)
    rng = np.random.default_rng(seed)
    flips, changed = rng.choice([-1, 1], R), []
    for (W, Ht), flip in zip(restarts, flips, strict=True):
        order, scale = rng.permutation(k), 10.0 ** rng.uniform(-3, 3, k)
        changed.append(((W * scale)[:, order] * 7, (Ht / scale)[:, order])[::flip])
    one, other = (orientation_of(crossed(reference, fits)) for fits in (restarts, changed))
    np.testing.assert_allclose(other.signed, one.signed * flips, atol=UNDECIDED)
    transposed = orientation_of(crossed(reference[::-1], restarts))
    np.testing.assert_allclose(transposed.signed, -one.signed, atol=UNDECIDED)
    assert transposed.pooled_p == one.pooled_p


def test_no_restarts_have_no_trials():
    found = orientation_of(crossed(random_fits(0, 0, 3)[0], []))
    assert found.signed.shape == (3, 0)
    assert found.trials.tolist() == [0, 0, 0]
    assert np.isnan([*found.p, found.pooled_p]).all()
    with pytest.raises(InputError, match="flips=0"):
        orientation_of(crossed(*random_fits(0, 2, 3)), flips=0)
