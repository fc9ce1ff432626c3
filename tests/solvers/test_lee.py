"""The updates of the R package NMF, against numpy and against nmf-rs from the same start."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

import dasknmf
from dasknmf.solvers import SOLVERS
from tests.conftest import DATA, planted
from tests.solvers.in_float64 import iterate, squared_error, starts


def dense_lee(A, W, Ht, iterations):
    """Lee & Seung 2001, H first, and W's columns divided by their sums."""
    H, least = Ht.T, 1e-9
    for _ in range(iterations):
        H = np.maximum(H * (W.T @ A), least) / (W.T @ W @ H + least)
        W = np.maximum(W * (A @ H.T), least) / (W @ H @ H.T + least)
        W = W / W.sum(axis=0)
    return W, H.T


@given(n=st.integers(2, 40), k=st.integers(1, 6), tile=st.integers(3, 50), seed=st.integers(0, 999))
def test_iterates_equal_a_dense_reference(n: int, k: int, tile: int, seed: int) -> None:
    A = planted(n, 3, seed=seed)
    W, Ht = starts(n, k, seed)
    model = iterate(A, SOLVERS["lee"](), W, Ht, 5, tile=tile)
    expected_W, expected_Ht = dense_lee(A, W, Ht, 5)
    np.testing.assert_allclose(model.factors["W"], expected_W, rtol=1e-9)
    np.testing.assert_allclose(model.factors["H"], expected_Ht, rtol=1e-9)
    # it looks back
    before_W, before_Ht = dense_lee(A, W, Ht, 4)
    assert model.squared_error[-1] == pytest.approx(((A - before_W @ before_Ht.T) ** 2).sum(), rel=1e-9)


def test_its_objective_off_the_diagonal_is_that_of_its_factors() -> None:
    A = planted(40, 3, seed=0) + 9 * np.eye(40)
    W, Ht = starts(40, 4, 0)
    before = iterate(A, SOLVERS["lee"](), W, Ht, 29, diagonal="ignore")
    model = iterate(A, SOLVERS["lee"](), W, Ht, 30, diagonal="ignore")
    assert model.squared_error[-1] == pytest.approx(squared_error(A, before, diagonal="ignore"), rel=1e-9)
    assert model.squared_error[-1] < 0.7 * squared_error(A, iterate(A, SOLVERS["lee"](), W, Ht, 30))


def test_it_does_not_stop_where_only_the_division_is_left_to_make_up_for() -> None:
    A = np.outer(np.arange(1.0, 9), np.arange(1.0, 9))
    fit = dasknmf.nmf(A, 1, solver="lee", exact=True)
    assert fit.attrs["relative_error"] < 1e-5
    assert fit.attrs["n_iter"] > 1


@pytest.mark.data
@pytest.mark.parametrize("iterations", [1, 30, 200])
def test_nmf_rs_has_the_same_objective_of_a_real_network_from_the_same_start(iterations: int) -> None:
    theirs = pytest.importorskip("nmf_rs")
    file = DATA / "trrust_tf_target" / "adjacency_upper.npz"
    if not file.exists():
        pytest.skip("needs the real networks")
    upper = sp.load_npz(file)
    degree = np.asarray((upper + upper.T).sum(axis=0)).ravel()
    genes = np.argsort(-degree, kind="stable")[:600]
    A = np.ascontiguousarray(((upper + upper.T).tocsr()[genes][:, genes]).toarray(), dtype=np.float64)
    W, Ht = starts(len(A), 8, 0)
    H = np.ascontiguousarray(Ht.T)
    peer = theirs.nmf(A, 8, method="lee", W0=W.copy(), H0=H.copy(), max_iter=iterations, stop="max_iter")
    expected = ((A - peer.W @ peer.H) ** 2).sum()
    model = iterate(A, SOLVERS["lee"](), W, Ht, iterations, tile=200)
    assert squared_error(A, model) == pytest.approx(expected, rel=1e-6)
    np.testing.assert_allclose(model.factors["W"].sum(axis=0), 1, rtol=1e-9)
