from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kstest, pearsonr

from dasknmf.analysis.matching import match
from dasknmf.errors import InputError
from dasknmf.laboratory.factor_similarity import side_similarity


def random_sides(seed, k, *, n=40, density=0.5):
    rng = np.random.default_rng(seed)
    return tuple(rng.random((n, k)) * (rng.random((n, k)) < density) for _ in range(2))


def groups(rng, k, *, n=200):
    """Loadings of k factors that are alike to different degrees."""
    latent = rng.random((n, 3)) ** 4
    return latent @ (rng.random((3, k)) ** 3) + 0.02 * rng.random((n, k))


def gram(side):
    unit = side / np.linalg.norm(side, axis=0)
    return unit.T @ unit


def mantel_test(A, B, orders):
    """Correlation of the upper triangles, for every order of the second."""
    upper = np.triu_indices(len(A), 1)
    return np.array([pearsonr(A[upper], B[np.ix_(order, order)][upper]).statistic for order in orders])


def cka(K, L):
    """Kornblith et al. 2019, eq. 3: HSIC(K, L) / sqrt(HSIC(K, K) HSIC(L, L))."""
    k = len(K)
    C = np.eye(k) - np.ones((k, k)) / k

    def hsic(X, Y):
        return np.trace(X @ C @ Y @ C) / (k - 1) ** 2

    return hsic(K, L) / np.sqrt(hsic(K, K) * hsic(L, L))


def at_least(by_order, near):
    """The share of orders that reach the first, or come near to it."""
    return (by_order >= by_order[0] - near).mean()


@given(seed=st.integers(0, 10_000), k=st.integers(3, 4))
def test_correlation_and_alignment_and_p_are_those_of_all_orders(seed, k):
    W, Ht = random_sides(seed, k)
    partner = np.random.default_rng(seed).permutation(k)
    found = side_similarity((W, Ht), partner)
    np.testing.assert_allclose(found.by_w, gram(W), atol=1e-6)
    np.testing.assert_allclose(found.by_h, gram(Ht), atol=1e-6)
    orders = list(permutations(range(k)))
    for rows, agreement in ((np.arange(k), found.index), (partner, found.matched)):
        A, B = gram(W), gram(Ht[:, rows])
        by_order = mantel_test(A, B, orders)
        assert agreement.mantel == pytest.approx(by_order[0], abs=1e-4)
        # orders that differ from the data by rounding count as equal
        assert at_least(by_order, 1e-9) <= agreement.mantel_p <= at_least(by_order, 1e-3)
        kernels = np.array([cka(A, B[np.ix_(order, order)]) for order in orders])
        assert agreement.cka == pytest.approx(kernels[0], abs=1e-5)
        assert at_least(kernels, 1e-9) <= agreement.cka_p <= at_least(kernels, 1e-3)
        assert agreement.cka_expected == pytest.approx(kernels.mean(), abs=1e-5)
        assert agreement.smallest_p == 1 / len(orders)


def test_random_orders_agree_with_a_permutation_test_written_out():
    rng = np.random.default_rng(0)
    W = groups(rng, 9)
    Ht = W * rng.random(W.shape) ** 3
    A, B = gram(W), gram(Ht)
    found = side_similarity((W, Ht), np.arange(9)).index
    by_order = mantel_test(A, B, [np.arange(9)] + [rng.permutation(9) for _ in range(2000)])
    expected = (by_order >= by_order[0]).mean()
    assert found.mantel == pytest.approx(by_order[0], abs=1e-4)
    assert found.mantel_p == pytest.approx(expected, abs=5 * np.sqrt(expected / 999) + 2 / 1000)
    assert found.smallest_p == 1 / 1000


def test_p_is_uniform_where_sides_have_nothing_to_do_with_each_other():
    p = np.array(
        [
            [
                getattr(side_similarity(random_sides(seed, 7), np.arange(7), orders=199).index, name)
                for name in ("mantel_p", "cka_p")
            ]
            for seed in range(200)
        ]
    )
    assert kstest(p[:, 0], "uniform").pvalue > 0.01
    assert kstest(p[:, 1], "uniform").pvalue > 0.01


def test_the_jackknife_interval_is_that_of_factors_left_out():
    rng = np.random.default_rng(4)
    W = groups(rng, 8)
    Ht = W * rng.random(W.shape)
    A, B = gram(W), gram(Ht)
    found = side_similarity((W, Ht), np.arange(8)).index
    whole = mantel_test(A, B, [np.arange(8)])[0]
    left = [leave(A, B, j) for j in range(8)]
    error = np.sqrt(7 / 8 * np.square(left - np.mean(left)).sum())
    # Student's t with 7 degrees: 2.3646
    assert found.mantel_low == pytest.approx(whole - 2.3646 * error, abs=1e-3)
    assert found.mantel_high == pytest.approx(min(whole + 2.3646 * error, 1), abs=1e-3)
    assert np.isnan(side_similarity((W[:, :4], Ht[:, :4]), np.arange(4)).index.mantel_low)


def leave(A, B, j):
    kept = np.delete(np.arange(len(A)), j)
    upper = np.triu_indices(len(kept), 1)
    return pearsonr(A[np.ix_(kept, kept)][upper], B[np.ix_(kept, kept)][upper]).statistic


def test_the_three_verdicts():
    rng = np.random.default_rng(1)
    k = 10
    W = groups(rng, k)
    order = rng.permutation(k)
    symmetric = side_similarity((W, 3 * W), np.arange(k))
    assert symmetric.index.mantel == pytest.approx(1, abs=1e-5)
    assert symmetric.verdict.startswith("Factors may be compared within W alone, index by index")
    assert "r = 1.00" in symmetric.verdict
    # H has the factors in another order: partners are found by their cosines
    Ht = (W * 2)[:, order]
    partner, _ = match(np.array([[np.corrcoef(w, h)[0, 1] for h in Ht.T] for w in W.T]))
    assert order[partner].tolist() == list(range(k))
    turned = side_similarity((W, Ht), partner)
    assert turned.matched.mantel == pytest.approx(1, abs=1e-5)
    assert not turned.index.enough
    assert "only after partner matching" in turned.verdict
    unrelated = side_similarity((W, groups(rng, k)), rng.permutation(k))
    assert unrelated.verdict.startswith("Factors may not be compared within W alone")
    few = side_similarity((W[:, :3], W[:, :3]), np.arange(3))
    assert few.index.smallest_p == 1 / 6
    assert few.verdict.startswith("It cannot be told")


def test_a_significant_but_loose_agreement_is_not_enough():
    rng = np.random.default_rng(8)
    W = groups(rng, 40)
    found = side_similarity((W, W * (rng.random(W.shape) < 0.3)), np.arange(40)).index
    assert found.mantel_p <= 0.05
    assert found.mantel < np.sqrt(0.5)
    assert not found.enough


def test_factors_that_share_no_gene_cannot_be_told():
    found = side_similarity((np.eye(8), np.eye(8)), np.arange(8))
    assert np.isnan([found.index.mantel, found.index.mantel_p]).all()
    assert found.index.cka == pytest.approx(1)
    assert found.index.cka_p == 1
    assert found.verdict.startswith("It cannot be told")
    assert "do not vary" in found.verdict


def test_factors_that_are_zero_on_a_side_are_left_out():
    W, Ht = random_sides(3, 6)
    W[:, 2] = 0
    Ht[:, 5] = 0
    found = side_similarity((W, Ht), [1, 0, -1, 3, 5, 4])
    kept = [0, 1, 3, 4]
    np.testing.assert_allclose(
        found.index.mantel, mantel_test(gram(W[:, kept]), gram(Ht[:, kept]), [range(4)])[0], atol=1e-4
    )
    assert found.index.factors == 4
    w, h = [0, 1, 3, 5], [1, 0, 3, 4]
    np.testing.assert_allclose(
        found.matched.mantel, mantel_test(gram(W[:, w]), gram(Ht[:, h]), [range(4)])[0], atol=1e-4
    )


@given(seed=st.integers(0, 10_000), k=st.integers(1, 6))
def test_order_and_scale_of_factors_do_not_matter(seed, k):
    W, Ht = random_sides(seed, k)
    rng = np.random.default_rng(seed)
    partner, order, scale = rng.permutation(k), rng.permutation(k), 10.0 ** rng.uniform(-3, 3, k)
    one = side_similarity((W, Ht), partner)
    changed = (W * scale)[:, order], (Ht / scale)[:, order]
    other = side_similarity(changed, np.argsort(order)[partner[order]])
    for a, b in ((one.index, other.index), (one.matched, other.matched)):
        np.testing.assert_allclose(
            [a.mantel, a.mantel_p, a.cka, a.cka_p], [b.mantel, b.mantel_p, b.cka, b.cka_p], atol=1e-4
        )


@pytest.mark.parametrize("partner", [[0, 1], [0, 1, 1], [0, 1, 3], [0.0, 1.0, 2.0]])
def test_partners_that_cannot_be_are_refused(partner):
    with pytest.raises(InputError, match="needs a row of H, 0 to 2"):
        side_similarity(random_sides(0, 3), partner)
