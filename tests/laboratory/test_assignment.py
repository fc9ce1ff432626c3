"""Partners: the best assignment, its cycles, its ties, and what it costs to read it backwards."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from dasknmf.analysis.matching import BLOCK
from dasknmf.errors import InputError
from dasknmf.laboratory.assignment import classes, partners
from tests.laboratory.involutions import sides


def dense_cosines(W, Ht):
    norms = np.outer(np.linalg.norm(W, axis=0), np.linalg.norm(Ht, axis=0))
    return np.divide(W.T @ Ht, norms, out=np.zeros_like(norms), where=norms > 0)


@given(
    modules=st.integers(0, 4),
    pairs=st.integers(0, 4),
    seed=st.integers(0, 10_000),
    decades=st.floats(0, 8),
    dtype=st.sampled_from([np.float32, np.float64]),
)
def test_a_planted_involution_is_found_in_any_order_and_gauge(modules, pairs, seed, decades, dtype):
    k = modules + 2 * pairs
    assume(k > 0)
    rng = np.random.default_rng(seed)
    W, Ht, planted = sides(60, modules, pairs, rng)
    order = rng.permutation(k)
    place = np.argsort(order)
    gauge = 10.0 ** rng.uniform(-decades, decades, k)
    W, Ht = ((W * gauge)[:, order].astype(dtype), (Ht / gauge)[:, order].astype(dtype))
    found = partners((W, Ht))
    assert found.partner_of.tolist() == place[planted[order]].tolist()
    assert (found.fixed_points, found.two_cycles, found.longer_cycles, found.unmatched) == (
        modules,
        pairs,
        0,
        0,
    )
    assert found.is_involution
    assert found.involution_defect == 0
    np.testing.assert_allclose(found.partner_cosine, 1, atol=1e-6)
    kinds = np.where(found.partner_of == np.arange(k), "module", "pair")
    assert classes(found, 0.999).tolist() == kinds.tolist()


@given(seed=st.integers(0, 10_000), k=st.integers(1, 6), sparse=st.floats(0.1, 1))
def test_the_assignment_is_the_best_of_all_permutations(seed, k, sparse):
    rng = np.random.default_rng(seed)
    W, Ht = (rng.random((12, k)) * (rng.random((12, k)) < sparse) + 1e-3 for _ in range(2))
    cosine = dense_cosines(W, Ht)
    found = partners((W, Ht))
    np.testing.assert_allclose(found.cosine, cosine, atol=1e-12)
    best = max(cosine[range(k), order].sum() for order in permutations(range(k)))
    forward = cosine[range(k), found.partner_of].sum()
    assert best - k * 1e-6 <= forward <= best + 1e-12
    np.testing.assert_allclose(found.partner_cosine, cosine[range(k), found.partner_of])
    np.testing.assert_allclose(found.own_cosine, np.diag(cosine))
    backwards = cosine[found.partner_of, range(k)].sum()
    assert found.involution_defect == pytest.approx(max(0, 1 - backwards / forward), abs=1e-12)
    assert found.is_involution == (found.partner_of[found.partner_of] == np.arange(k)).all()
    assert found.fixed_points + 2 * found.two_cycles + found.longer_cycles + found.unmatched == k


def test_sums_over_many_genes_are_of_float64():
    rng = np.random.default_rng(0)
    W, Ht = rng.random((2, 2 * BLOCK + 7, 3))
    np.testing.assert_allclose(partners((W, Ht)).cosine, dense_cosines(W, Ht), rtol=1e-13)


def test_the_swap_is_one_pair():
    found = partners((np.eye(2), np.array([[0.0, 1], [1, 0]])))
    assert found.partner_of.tolist() == [1, 0]
    assert found.own_cosine.tolist() == [0, 0]
    assert found.partner_cosine.tolist() == [1, 1]
    assert found.cycle.tolist() == [0, 0]
    assert classes(found, 1.0).tolist() == ["pair", "pair"]


def test_a_cycle_of_three_is_no_involution_and_all_is_lost_backwards():
    found = partners((np.eye(3), np.eye(3)[:, [2, 0, 1]]))
    assert found.partner_of.tolist() == [1, 2, 0]
    assert found.cycle_length.tolist() == [3, 3, 3]
    assert found.longer_cycles == 3
    assert not found.is_involution
    assert found.involution_defect == 1
    assert classes(found, 0.0).tolist() == ["unresolved"] * 3


@given(share=st.floats(0.01, 0.99))
def test_the_defect_is_graded(share):
    """A cycle of three whose way back has a cosine of its own."""
    rotated = np.eye(3)[:, [2, 0, 1]]
    size = np.hypot(1.0, share)
    found = partners((np.eye(3), rotated + share * rotated.T))
    assert found.partner_cosine.tolist() == pytest.approx([1 / size] * 3)
    assert found.involution_defect == pytest.approx(1 - share)


@given(seed=st.integers(0, 10_000), copies=st.integers(2, 6), noise=st.sampled_from([0.0, 6e-8]))
def test_proportional_modules_are_fixed_points_not_cycles(seed, copies, noise):
    rng = np.random.default_rng(seed)
    w = rng.random((50, 1)) + 0.1
    W, Ht = (
        w * rng.uniform(1e-3, 1e3, copies) * (1 + noise * rng.normal(size=(50, copies))) for _ in range(2)
    )
    assert partners((W, Ht)).fixed_points == copies


@given(seed=st.integers(0, 10_000), copies=st.integers(2, 4))
def test_proportional_pairs_are_pairs_not_longer_cycles(seed, copies):
    """Copies of one pair: any way from the one set to the other and back is as good, also one of 2 · copies steps."""
    rng = np.random.default_rng(seed)
    a, b = np.zeros((2, 40, 1))
    a[:20], b[20:] = rng.random((2, 20, 1)) + 0.1
    W = np.hstack([a] * copies + [b] * copies) * rng.uniform(0.1, 10, 2 * copies)
    Ht = np.hstack([b] * copies + [a] * copies) * rng.uniform(0.1, 10, 2 * copies)
    order = rng.permutation(2 * copies)
    found = partners((W[:, order], Ht[:, order]))
    assert (found.two_cycles, found.longer_cycles) == (copies, 0)
    assert found.is_involution


def test_factors_that_are_zero_on_a_side_are_out_before_assigning():
    W, Ht = np.eye(4), np.eye(4)[:, [1, 0, 2, 3]]
    Ht[:, 2] = 0
    W[:, 3] = 0
    found = partners((W, Ht))
    assert found.partner_of.tolist() == [1, 0, -1, -1]
    assert found.cycle.tolist() == [0, 0, -1, -1]
    assert found.cycle_length.tolist() == [2, 2, 0, 0]
    assert found.unmatched == 2
    assert found.is_involution
    assert classes(found, 0.0).tolist() == ["pair", "pair", "unresolved", "unresolved"]


def test_a_fit_without_any_factor_left_has_no_involution():
    found = partners((np.zeros((3, 2)), np.ones((3, 2))))
    assert found.unmatched == 2
    assert not found.is_involution
    assert np.isnan(found.involution_defect)


def test_a_pair_needs_both_cosines():
    W = np.eye(3)[:, :2]
    Ht = np.array([[0.0, 1.0], [1.0, 0.0], [0.0, 1.0]])
    found = partners((W, Ht))
    assert found.partner_cosine.tolist() == pytest.approx([np.sqrt(0.5), 1])
    assert classes(found, 0.7).tolist() == ["pair", "pair"]
    assert classes(found, 0.8).tolist() == ["unresolved", "unresolved"]


@pytest.mark.parametrize("bad", [-1.0, np.nan, np.inf])
def test_what_is_no_factor_is_refused_with_its_place(bad):
    W, Ht = np.ones((3, 2)), np.ones((3, 2))
    Ht[1, 1] = bad
    with pytest.raises(
        InputError, match=r"Ht has loadings that are negative or not finite, first in factor 1"
    ):
        partners((W, Ht))


def test_other_input_that_makes_no_sense_is_refused():
    with pytest.raises(InputError, match=r"\(2, 3\).*give H transposed"):
        partners((np.ones((3, 2)), np.ones((2, 3))))
    with pytest.raises(InputError, match=r"threshold=1\.5"):
        classes(partners((np.eye(2), np.eye(2))), 1.5)
