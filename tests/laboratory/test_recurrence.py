from itertools import permutations, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kstest

from dasknmf.errors import InputError
from dasknmf.laboratory.crossing import crossed
from dasknmf.laboratory.recurrence import recurrence_of


def random_fits(seed, R, k, *, n=30, density=0.6):
    """A reference and R restarts that have nothing in common."""
    rng = np.random.default_rng(seed)
    sides = rng.random((R + 1, 2, n, k)) * (rng.random((R + 1, 2, n, k)) < density)
    fits = [tuple(one) for one in sides]
    return fits[0], fits[1:]


def dense_similarity(a, b):
    """From the n × n matrices of the factors: the cosine with those of b, or with their transposes."""
    A, B = ([np.outer(w, h) for w, h in zip(W.T, Ht.T, strict=True)] for W, Ht in (a, b))
    A, B = ([M / np.linalg.norm(M) for M in Ms] for Ms in (A, B))
    return np.array([[max((M * N).sum(), (M * N.T).sum()) for N in B] for M in A])


def brute_matched(similar):
    """The best of all assignments, tried one by one."""
    k = len(similar)
    best = max(permutations(range(k)), key=lambda to: sum(similar[range(k), to]))
    return similar[range(k), best]


@pytest.mark.parametrize(("k", "R"), [(2, 3), (3, 1), (3, 2), (4, 1)])
@pytest.mark.parametrize("seed", range(3))
def test_p_is_the_share_of_all_pairings_written_out(k, R, seed):
    reference, restarts = random_fits(seed, R, k)
    values = []  # [restart][pairing]: matched similarity of each factor
    for W, Ht in restarts:
        orders = permutations(range(k))
        values.append([brute_matched(dense_similarity(reference, (W, Ht[:, order]))) for order in orders])
    observed = np.mean([of_restart[0] for of_restart in values], axis=0)
    everything = np.array([np.mean(choice, axis=0) for choice in product(*values)])
    found = recurrence_of(crossed(reference, restarts))
    np.testing.assert_allclose(found.recurrence, observed, atol=1e-6)
    assert found.exact
    assert found.pairings == len(everything)
    np.testing.assert_allclose(found.p, (everything >= observed - 1e-6).mean(axis=0), rtol=1e-12)


def test_random_pairings_estimate_the_exact_p():
    sides = crossed(*random_fits(5, 3, 5, n=60))
    exact = recurrence_of(sides)
    assert exact.exact
    rng = np.random.default_rng(1)
    orders = np.array(list(permutations(range(5))))
    values = [
        np.array([recurrence_of(crossed_pair(sides, r, order)).matched[:, 0] for order in orders])
        for r in range(3)
    ]
    sums = np.sum([of_restart[rng.integers(0, 120, 20_000)] for of_restart in values], axis=0)
    p = (sums >= exact.matched.sum(axis=1) - 6e-6).mean(axis=0)
    np.testing.assert_allclose(p, exact.p, atol=5 * 0.5 / np.sqrt(20_000))


def crossed_pair(sides, r, order):
    """The cosines of one restart with its h sides in another order."""
    take = slice(r, r + 1)
    return type(sides)(
        sides.ww[take],
        sides.hh[take][:, :, order],
        sides.wh[take][:, :, order],
        sides.hw[take],
        sides.scale[take],
    )


def test_where_all_pairings_are_too_many_random_ones_agree_with_another_seed():
    sides = crossed(*random_fits(2, 8, 7))
    one, again, other = (recurrence_of(sides, seed=seed) for seed in (0, 0, 1))
    assert not one.exact
    assert one.pairings == 1000
    np.testing.assert_array_equal(one.p, again.p)
    assert (one.p != other.p).any()
    assert (one.p * 1000 >= 1).all()
    np.testing.assert_allclose(one.p, other.p, atol=5 * 0.5 * np.sqrt(2 / 1000))


def test_permuted_rescaled_and_swapped_copies_recur_entirely():
    rng = np.random.default_rng(0)
    reference, _ = random_fits(3, 0, 5, n=80, density=0.2)
    restarts, turned = [], []
    for r in range(4):
        order, scale = rng.permutation(5), 10.0 ** rng.uniform(-3, 3, 5)
        W, Ht = (side[:, order] * s for side, s in zip(reference, (scale, 2 / scale), strict=True))
        turned.append(bool(r % 2))
        restarts.append((Ht, W) if turned[-1] else (W, Ht))
    found = recurrence_of(crossed(reference, restarts))
    np.testing.assert_allclose(found.recurrence, 1, atol=1e-6)
    np.testing.assert_allclose([found.low, found.high], 1, atol=1e-6)
    assert found.swapped.tolist() == [turned] * 5
    # the one pairing of each restart that keeps factor j: 1/5 of them, or fewer, where others suit as well
    assert (found.p <= (1 / 5) ** 4 + 1e-12).all()
    for r, (W, Ht) in enumerate(restarts):
        for j, to in enumerate(found.permutation[:, r]):
            first, second = (Ht, W) if turned[r] else (W, Ht)
            np.testing.assert_allclose(first[:, to] @ reference[0][:, j] > 0, True)
            assert (
                np.linalg.norm(
                    first[:, to] / np.linalg.norm(first[:, to])
                    - reference[0][:, j] / np.linalg.norm(reference[0][:, j])
                )
                < 1e-7
            )
            assert second[:, to].any()


def test_p_is_uniform_where_sides_are_put_together_at_random():
    p = [recurrence_of(crossed(*random_fits(seed, 3, 4))).p[seed % 4] for seed in range(300)]
    assert kstest(p, "uniform").pvalue > 0.01
    many = [recurrence_of(crossed(*random_fits(seed, 3, 7)), pairings=199).p[seed % 7] for seed in range(200)]
    assert kstest(many, "uniform").pvalue > 0.01


@given(seed=st.integers(0, 10_000), k=st.integers(1, 4), R=st.integers(1, 3))
def test_order_scale_and_swapped_sides_do_not_matter(seed, k, R):
    reference, restarts = random_fits(seed, R, k)
    rng = np.random.default_rng(seed)
    changed = []
    for W, Ht in restarts:
        order, scale = rng.permutation(k), 10.0 ** rng.uniform(-3, 3, (2, k))
        sides = [side[:, order] * s for side, s in zip((W, Ht), scale, strict=True)]
        changed.append(tuple(sides[:: rng.choice([-1, 1])]))
    one, other = (recurrence_of(crossed(reference, fits)) for fits in (restarts, changed))
    np.testing.assert_allclose(other.recurrence, one.recurrence, atol=1e-6)
    np.testing.assert_allclose(other.p, one.p, atol=1e-12)


def test_the_interval_holds_the_mean_and_needs_two_restarts():
    found = recurrence_of(crossed(*random_fits(0, 6, 3)))
    assert (found.low < found.recurrence).all()
    assert (found.recurrence < found.high).all()
    one = recurrence_of(crossed(*random_fits(0, 1, 3)))
    assert np.isnan([one.low, one.high]).all()
    assert np.isfinite(one.recurrence).all()


def test_no_restarts_leave_nothing_to_say():
    found = recurrence_of(crossed(*random_fits(0, 0, 3)))
    assert found.matched.shape == (3, 0)
    assert np.isnan([found.recurrence, found.low, found.p, found.q]).all()


def test_a_factor_that_is_zero_on_a_side_does_not_recur():
    (W, Ht), restarts = random_fits(0, 3, 3)
    W = W * [0, 1, 1]
    found = recurrence_of(crossed((W, Ht), restarts))
    assert found.recurrence[0] == 0
    assert found.p[0] == 1
    assert (found.recurrence[1:] > 0).all()


def test_wrong_input_is_refused():
    (W, Ht), restarts = random_fits(0, 2, 3)
    with pytest.raises(InputError, match="rank 2 and restarts of rank 3"):
        recurrence_of(crossed((W[:, :2], Ht[:, :2]), restarts))
    with pytest.raises(InputError, match="pairings=0"):
        recurrence_of(crossed((W, Ht), restarts), pairings=0)
