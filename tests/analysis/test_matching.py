from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dasknmf.analysis.matching import (
    BLOCK,
    balanced,
    match,
    match_restarts,
    restart_similarity,
    similarity,
)
from dasknmf.errors import InputError


def random_fit(rng, n, k):
    """Sparse loadings of very different size, as fits have them."""
    W, Ht = (rng.random((n, k)) * (rng.random((n, k)) < 0.5) for _ in range(2))
    return (W * 10.0 ** rng.uniform(-12, 6, k)).astype(np.float32), Ht.astype(np.float32)


def rank_ones(W, Ht):
    """The factors as n × n matrices, each a row."""
    return np.einsum("ij,lj->jil", W.astype(float), Ht.astype(float)).reshape(W.shape[1], -1)


@given(seed=st.integers(0, 10_000), n=st.integers(1, 30), k=st.integers(1, 6), other=st.integers(1, 6))
def test_similarity_is_the_cosine_of_the_rank_one_matrices(seed, n, k, other):
    rng = np.random.default_rng(seed)
    a, b = random_fit(rng, n, k), random_fit(rng, n, other)
    A, B = rank_ones(*a), rank_ones(*b)
    norms = np.outer(np.linalg.norm(A, axis=1), np.linalg.norm(B, axis=1))
    expected = np.divide(A @ B.T, norms, out=np.zeros_like(norms), where=norms > 0)
    found = similarity([a], [b])
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, expected, atol=1e-6)


@given(seed=st.integers(0, 10_000), exponent=st.floats(-10, 10))
def test_neither_order_nor_scale_nor_gauge_matters(seed, exponent):
    rng = np.random.default_rng(seed)
    (W, Ht), b = random_fit(rng, 20, 4), random_fit(rng, 20, 4)
    order = rng.permutation(4)
    gauge = 10.0 ** (exponent * rng.random(4))
    found = similarity([(3 * (W * gauge)[:, order], (Ht / gauge)[:, order])], [b])
    np.testing.assert_allclose(found, similarity([(W, Ht)], [b])[order], atol=1e-6)


def test_stacked_fits_of_many_genes_equal_pairs_of_fits():
    rng = np.random.default_rng(0)
    fits = [random_fit(rng, BLOCK + 7, k) for k in (3, 2, 4)]
    stacked = similarity(fits)
    starts = np.cumsum([0, 3, 2, 4])
    for a, fit in enumerate(fits):
        for b, other in enumerate(fits):
            part = stacked[starts[a] : starts[a + 1], starts[b] : starts[b + 1]]
            np.testing.assert_allclose(part, similarity([fit], [other]), atol=1e-6)
    np.testing.assert_allclose(np.diag(stacked), 1, atol=1e-6)
    assert stacked.max() <= 1


def test_a_factor_that_is_zero_on_one_side_is_like_none():
    W, Ht = np.ones((5, 2)), np.ones((5, 2))
    Ht[:, 1] = 0
    assert similarity([(W, Ht)]).tolist() == [[pytest.approx(1), 0], [0, 0]]


def test_swapped_sides_are_not_the_same_factor():
    w, h = np.array([[1.0], [0]]), np.array([[0.0], [1]])
    assert similarity([(w, h)], [(h, w)]).item() == 0


@given(seed=st.integers(0, 10_000), k=st.integers(1, 5), levels=st.integers(1, 20))
def test_a_match_is_the_best_of_all_permutations(seed, k, levels):
    values = np.random.default_rng(seed).integers(0, levels, (k, k)) / levels
    permutation, matched = match(values)
    best = max(sum(values[range(k), order]) for order in permutations(range(k)))
    assert sorted(permutation) == list(range(k))
    assert matched.tolist() == values[range(k), permutation].tolist()
    assert matched.sum() == pytest.approx(best)


def test_with_fewer_factors_on_the_other_side_some_have_no_match():
    permutation, matched = match(np.array([[0.1], [0.7], [0.2]]))
    assert permutation.tolist() == [-1, 0, -1]
    assert matched.tolist() == [0, 0.7, 0]
    assert match(np.array([[0.1, 0.7, 0.2]]))[0].tolist() == [1]


def test_shuffled_restarts_are_put_in_order_again():
    rng = np.random.default_rng(5)
    W, Ht = random_fit(rng, 40, 5)
    orders = [rng.permutation(5) for _ in range(4)]
    permutation, matched = match_restarts(restart_similarity([(W[:, o], Ht[:, o]) for o in orders]))
    for a, b in np.ndindex(4, 4):
        assert orders[b][permutation[a, b]].tolist() == orders[a].tolist()
    np.testing.assert_allclose(matched, 1, atol=1e-6)


def test_balanced_factors_have_equal_norms_and_the_same_product():
    W, Ht = random_fit(np.random.default_rng(1), 30, 4)
    Ht[:, 2] = 0
    V, Gt = balanced((W, Ht))
    np.testing.assert_allclose(np.linalg.norm(V, axis=0), np.linalg.norm(Gt, axis=0), rtol=1e-6)
    np.testing.assert_allclose(V @ Gt.T, W @ Ht.T, rtol=1e-5)
    assert not V[:, 2].any()


def test_shapes_that_do_not_agree_are_refused():
    with pytest.raises(InputError, match=r"Ht of shape \(2, 5\); needs both \(n, k\).*give H transposed"):
        similarity([(np.ones((5, 2)), np.ones((2, 5)))])
    with pytest.raises(InputError, match=r"with the same n in all fits \(5 in the first"):
        similarity([(np.ones((5, 2)),) * 2], [(np.ones((6, 2)),) * 2])
    with pytest.raises(InputError, match="ranks 2, 3; needs restarts of one rank"):
        restart_similarity([(np.ones((5, k)),) * 2 for k in (3, 2)])
    with pytest.raises(InputError, match="no fits"):
        restart_similarity([])
