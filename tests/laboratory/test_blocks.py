"""The table of gene pairs is the matrix, and the model, at those places."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dasknmf.errors import InputError
from dasknmf.laboratory.blocks import blocks, genes_between, leading_genes, pairs_of
from tests.laboratory.networks import involution, of_involution


@given(seed=st.integers(0, 99), n=st.integers(6, 40), top=st.integers(1, 12), overlapping=st.booleans())
def test_entries_are_those_of_a_and_of_wh(seed: int, n: int, top: int, overlapping: bool) -> None:
    A, W = of_involution(n, 6, 2, seed=seed, noise=0.1)
    rng = np.random.default_rng(seed)
    Ht = W[:, involution(6, 2)] + (rng.random((n, 6)) if overlapping else 0)
    pairs = pairs_of(involution(6, 2))
    assert pairs.tolist() == [[2, 3], [4, 5]]
    sets = leading_genes((W, Ht), pairs, top=top)
    chosen = genes_between(sets)
    found = blocks((W, Ht), pairs, sets, chosen, A[np.ix_(chosen, chosen)])
    assert found.pair_first.tolist() == [2, 4]
    assert found.pair_second.tolist() == [3, 5]
    a, b = found.entry_gene.T
    np.testing.assert_array_equal(found.entry_weight, A[a, b])
    WH = W @ Ht.T
    np.testing.assert_allclose(found.entry_model, (WH[a, b] + WH[b, a]) / 2, rtol=1e-12)
    for number, (i, _) in enumerate(pairs):
        own = found.entry_pair == number
        assert (np.diff(found.entry_weight[own]) <= 0).all()
        first, second = (
            set(np.argsort(-side[:, i], kind="stable")[:top]) & set(np.flatnonzero(side[:, i]))
            for side in (W, Ht)
        )
        expected = {frozenset((x, y)) for x in first for y in second if x != y}
        assert {frozenset(pair) for pair in found.entry_gene[own].tolist()} == expected
        assert own.sum() == len(expected)
        assert set(a[own]) <= first
        assert set(b[own]) <= second


def test_no_pairs_make_an_empty_table() -> None:
    W = np.eye(4)
    assert pairs_of([0, 1, -1, 3]).shape == (0, 2)
    found = blocks((W, W), pairs_of([0, 1, 2, 3]), [], np.zeros(0, np.intp), np.zeros((0, 0)))
    assert found.entry_gene.shape == (0, 2)
    assert found.entry_weight.shape == found.entry_model.shape == found.entry_pair.shape == (0,)


def test_genes_that_were_not_read_and_no_genes_are_refused() -> None:
    W = np.eye(4)[:, [1, 0, 2, 3]]
    with pytest.raises(InputError, match="1 genes of the sets, such as the one at place 0"):
        blocks(
            (np.eye(4), W), [(0, 1)], leading_genes((np.eye(4), W), [(0, 1)]), np.array([1]), np.zeros((1, 1))
        )
    with pytest.raises(InputError, match="top=0"):
        leading_genes((W, W), [(0, 1)], top=0)
