"""Eigenvalues ± over the same genes: found where they were planted, and never cut apart by the rank advised."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dasknmf.errors import InputError
from dasknmf.laboratory.mirroring import advised_rank, mirrors, overlaps, splits
from tests.laboratory.networks import of_involution, spectrum


@given(n=st.integers(1, 30), p=st.integers(1, 4), q=st.integers(1, 4), seed=st.integers(0, 99))
def test_overlaps_are_cosines_of_squares(n: int, p: int, q: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    U, V = rng.normal(size=(n, p)), rng.normal(size=(n, q))
    a, b = (X**2 / np.linalg.norm(X**2, axis=0) for X in (U, V))
    np.testing.assert_allclose(overlaps(U, V), a.T @ b, rtol=1e-10)


def test_every_eigenvalue_of_a_bipartite_network_has_its_mirror() -> None:
    B = np.random.default_rng(0).random((12, 20))
    values, vectors = spectrum(np.block([[np.zeros((12, 12)), B], [B.T, np.zeros((20, 20))]]))
    mirror = mirrors(values[:24], vectors[:, :24])
    assert (mirror >= 0).all()
    np.testing.assert_allclose(values[mirror], -values[:24], atol=1e-10)


@given(seed=st.integers(0, 99), pairs=st.integers(0, 4))
def test_planted_pairs_and_only_they_have_mirrors(seed: int, pairs: int) -> None:
    A, _ = of_involution(90, 8, pairs, seed=seed)
    values, vectors = spectrum(A)
    mirror = mirrors(values[:8], vectors[:, :8])
    assert (mirror >= 0).sum() == 2 * pairs
    found = np.flatnonzero(mirror >= 0)
    assert (mirror[mirror[found]] == found).all()
    np.testing.assert_allclose(values[found], -values[mirror[found]], rtol=1e-9)


def test_most_planted_pairs_are_found_in_noise_and_few_others() -> None:
    right = others = 0
    for seed in range(6):
        A, W = of_involution(320, 10, 3, seed=seed, noise=0.002)
        values, vectors = (part[..., :20] for part in spectrum(A))
        mirror = mirrors(values, vectors)
        planted = set()
        for a, b in ((4, 5), (6, 7), (8, 9)):
            w, h = W[:, a], W[:, b]
            below = int(np.argmax(np.abs(vectors.T @ (w - h)) * (values < 0)))
            above = int(np.argmax(np.abs(vectors.T @ (w + h)) * (values > 0)))
            planted.add(below)
            right += mirror[below] == above
        others += len(set(np.flatnonzero((mirror >= 0) & (values < 0)).tolist()) - planted)
    assert right >= 13
    assert others <= 12


def test_eigenvectors_of_a_random_matrix_have_no_mirrors() -> None:
    rng = np.random.default_rng(0)
    R = rng.random((400, 400))
    values, vectors = spectrum(R + R.T)
    assert (mirrors(values[:40], vectors[:, :40]) == -1).all()


@given(order=st.permutations(range(12)), pairs=st.integers(0, 6))
def test_splits_are_those_counted_one_by_one(order: list[int], pairs: int) -> None:
    mirror = np.full(12, -1)
    for pair in range(pairs):
        a, b = order[2 * pair], order[2 * pair + 1]
        mirror[a], mirror[b] = b, a
    apart = splits(mirror, range(1, 13))
    for k in range(1, 13):
        expected = sum(1 for a in range(k) if mirror[a] >= k)
        assert apart[k - 1] == expected
    for k in range(1, 13):
        advice = advised_rank(k, apart)
        free = [rank for rank in range(1, 13) if apart[rank - 1] == 0]
        assert advice.split == apart[k - 1]
        assert set(advice.nearest) <= set(free)
        nearest = min(abs(rank - k) for rank in free)
        assert {abs(rank - k) for rank in advice.nearest} == {nearest}
        assert advice.lower == max((rank for rank in free if rank < k), default=None)
        assert advice.higher == min((rank for rank in free if rank > k), default=None)


def test_advice_says_so_where_there_is_none() -> None:
    advice = advised_rank(1, [1, 2])
    assert advice.nearest == ()
    assert advice.sentence == "Rank 1 takes 1 pair of eigenvalues ± apart; so does every rank up to 2."


def test_what_does_not_fit_together_is_refused() -> None:
    with pytest.raises(InputError, match=r"3 eigenvalues and vectors of shape \(4, 2\)"):
        mirrors([1.0, 2.0, 3.0], np.zeros((4, 2)))
    with pytest.raises(InputError, match="rank 3 of ranks 1 to 2"):
        advised_rank(3, [0, 0])
