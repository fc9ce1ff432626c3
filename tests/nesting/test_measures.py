"""Loadings, memberships and measures of a level, beside scikit-learn and loops over genes."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import adjusted_mutual_info_score, mutual_info_score

from dasknmf.errors import InputError
from dasknmf.nesting.loadings import cosines_of, loadings_of
from dasknmf.nesting.measures import effective_number, matched_cosines, nesting_of, overlap_of
from dasknmf.nesting.memberships import belongs_to, expected_information, membership_agreement


def test_partners_are_averaged_with_each_other() -> None:
    rng = np.random.default_rng(0)
    W = rng.random((30, 5)) * (rng.random((30, 5)) < 0.4)
    order = [1, 0, 2, 4, 3]
    # of an essentially unique fit: h_j is w of the partner, in any scale
    Ht = W[:, order] * [3.0, 3.0, 1.0, 0.2, 0.2]
    L = loadings_of((W, Ht), "partner")
    np.testing.assert_allclose(np.diag(cosines_of(L, W)), 1, atol=1e-6)
    norms = np.linalg.norm(W, axis=0) * np.linalg.norm(Ht[:, np.argsort(order)], axis=0)
    np.testing.assert_allclose(np.linalg.norm(L, axis=0), np.sqrt(norms), rtol=1e-5)
    best = max(permutations(range(5)), key=lambda p: sum(cosines_of(W, Ht)[j, i] for j, i in enumerate(p)))
    assert list(best) == list(np.argsort(order))
    index = loadings_of((W, Ht), "index")
    np.testing.assert_allclose(index, (W + Ht) / 2, rtol=1e-6)
    assert cosines_of(index, W)[0, 0] < 0.99


def test_a_factor_that_is_zero_has_no_loadings() -> None:
    W = np.eye(4, 3)
    W[:, 1] = 0
    L = loadings_of((W, W), "partner")
    assert not L[:, 1].any()
    assert np.isfinite(L).all()
    with pytest.raises(InputError, match="choose one of"):
        loadings_of((W, W), "both")


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("n", "k", "m"), [(40, 3, 5), (500, 12, 4), (60, 50, 2)])
def test_adjusted_mutual_information_is_that_of_scikit_learn(n: int, k: int, m: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    a = rng.integers(0, k, n)
    b = np.where(rng.random(n) < 0.5, a % m, rng.integers(0, m, n))
    assert membership_agreement(a, b).adjusted == pytest.approx(adjusted_mutual_info_score(a, b), abs=1e-9)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=2, max_size=30))
def test_it_is_that_of_scikit_learn_for_any_memberships(pairs: list[tuple[int, int]]) -> None:
    a, b = np.array(pairs).T
    expected = adjusted_mutual_info_score(a, b)
    assert membership_agreement(a, b).adjusted == pytest.approx(expected, abs=1e-6)


def test_chance_is_the_mean_over_all_orders_of_genes() -> None:
    a, b = np.array([0, 0, 0, 1, 1, 2]), np.array([0, 1, 1, 1, 2, 2])
    mean = np.mean([mutual_info_score(a, b[list(order)]) for order in permutations(range(6))])
    assert expected_information(np.bincount(a), np.bincount(b)) == pytest.approx(mean, abs=1e-12)


def test_genes_that_belong_to_nothing_do_not_count() -> None:
    a, b = np.array([0, 0, 1, 1, -1, 0]), np.array([1, 1, 0, 0, 0, -1])
    assert membership_agreement(a, b) == membership_agreement(a[:4], b[:4])
    assert np.isnan(membership_agreement(np.array([-1]), np.array([0])).adjusted)
    assert belongs_to(np.array([[0.0, 0.0], [1.0, 2.0]])).tolist() == [-1, 1]


def test_mass_in_the_parent_is_that_of_a_loop_over_genes() -> None:
    rng = np.random.default_rng(4)
    fine, coarse = (rng.random((25, k)) * (rng.random((25, k)) < 0.3) for k in (6, 3))
    share = np.zeros((6, 3))
    for j in range(6):
        for g in range(25):
            if coarse[g].sum():
                share[j] += fine[g, j] / fine[:, j].sum() * coarse[g] / coarse[g].sum()
    found = nesting_of(fine, coarse)
    np.testing.assert_allclose(found.share, share, atol=1e-12)
    assert found.index == pytest.approx(share.max(axis=1).mean())
    assert (found.parent == share.argmax(axis=1)).all()


def test_factors_spread_as_all_are_lie_in_their_parent_by_chance() -> None:
    coarse = np.random.default_rng(5).random((40, 3))
    found = nesting_of(np.ones((40, 4)), coarse)
    assert found.index == pytest.approx(found.chance)


def test_overlap_and_effective_number_have_their_closed_forms() -> None:
    assert overlap_of(np.eye(4)) == 0
    assert np.isnan(overlap_of(np.ones((1, 1))))
    assert overlap_of(np.full((3, 3), 0.25) + 0.75 * np.eye(3)) == pytest.approx(0.25)
    assert effective_number(np.eye(5) / 5) == pytest.approx(5)
    assert effective_number(np.zeros((2, 2))) == 0


def test_matched_cosines_do_not_depend_on_order_or_scale() -> None:
    rng = np.random.default_rng(6)
    L = rng.random((50, 5))
    found = matched_cosines([L, L[:, ::-1] * 7, rng.random((50, 5))])
    np.testing.assert_allclose(found[0, 1], 1)
    np.testing.assert_allclose(found[0, 2].sum(), found[2, 0].sum())
    np.testing.assert_allclose(found[0, 2], found[1, 2, ::-1])
