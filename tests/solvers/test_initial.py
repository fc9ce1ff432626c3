"""Starts: random ones do not depend on tiles, NNDSVD equals its definition and scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.decomposition._nmf import _initialize_nmf

from dasknmf.solvers.initial import nndsvd_start, random_start
from tests.conftest import planted


def test_a_random_start_is_the_seeds_alone_and_has_the_mean_of_A() -> None:
    F = np.dtype(np.float64)
    W, Ht = random_start(9000, 4, seed=7, mean=3.0, dtype=F)
    again, _ = random_start(9000, 4, seed=7, mean=3.0, dtype=F)
    np.testing.assert_array_equal(W, again)
    shorter, _ = random_start(5000, 4, seed=7, mean=3.0, dtype=F)
    np.testing.assert_array_equal(W[:4096], shorter[:4096])
    other, _ = random_start(9000, 4, seed=8, mean=3.0, dtype=F)
    assert not np.isclose(W, other).any(axis=1).all()
    assert (W > 0).all()
    # mean of |N|² terms: k (2/π) mean/k
    assert (W @ Ht.T[:, :2000]).mean() == pytest.approx(3.0 * 2 / np.pi, rel=0.05)


def test_nndsvd_of_a_positive_definite_matrix_is_scikit_learns() -> None:
    A = planted(50, 6, seed=0)
    values, vectors = np.linalg.eigh(A)
    order = np.argsort(-np.abs(values))[:4]
    assert (values[order] > 0).all()
    W, Ht = nndsvd_start(values[order], vectors[:, order], fill=0.0, dtype=np.dtype(np.float64))
    theirs_W, theirs_H = _initialize_nmf(A, 4, init="nndsvd", random_state=0)
    np.testing.assert_allclose(W, theirs_W, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(Ht.T, theirs_H, rtol=1e-6, atol=1e-6)


def test_a_negative_eigenvalue_starts_two_partners() -> None:
    A = np.array([[0.0, 1.0], [1.0, 0.0]])
    values, vectors = np.linalg.eigh(A)
    W, Ht = nndsvd_start(values[:1], vectors[:, :1], fill=0.0, dtype=np.dtype(np.float64))
    assert values[0] < 0
    assert (W[:, 0] > 0).tolist() != (Ht[:, 0] > 0).tolist()
    filled, _ = nndsvd_start(values[:1], vectors[:, :1], fill=0.5, dtype=np.dtype(np.float64))
    assert (filled > 0).all()
