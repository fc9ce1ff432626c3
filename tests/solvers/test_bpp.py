"""Exact least squares by pivoting against scipy, and what is made of them: bpp and snmf."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import nnls

import dasknmf
from dasknmf.solvers import SOLVERS
from dasknmf.solvers.bpp import best_rows
from dasknmf.solvers.pivoting import nnls_rows
from tests.conftest import planted
from tests.solvers.in_float64 import iterate, squared_error, starts

SHAPES = st.sampled_from(["full", "rank 2", "twice the same", "a zero column", "nothing"])


def problem(m: int, k: int, rows: int, shape: str, seed: int):
    """‖B xᵀ − data‖, of which G may be singular, and where to start."""
    rng = np.random.default_rng(seed)
    B = rng.random((m, k)) * (rng.random((m, k)) < 0.7)
    if shape == "rank 2":
        B = rng.random((m, 2)) @ rng.random((2, k))
    elif shape == "twice the same":
        B[:, -1] = B[:, 0]
    elif shape == "a zero column":
        B[:, k // 2] = 0
    elif shape == "nothing":
        B[:] = 0
    data = rng.standard_normal((m, rows)) + 0.5
    F = rng.random((rows, k)) * (rng.random((rows, k)) < 0.5)
    return B, data, F


def objective(x, G, Y):
    return 0.5 * np.einsum("ij,jk,ik->i", x, G, x) - (x * Y).sum(axis=1)


@given(
    m=st.integers(1, 40),
    k=st.integers(1, 12),
    rows=st.integers(1, 30),
    shape=SHAPES,
    seed=st.integers(0, 999),
)
def test_rows_are_as_good_as_those_of_scipy(m: int, k: int, rows: int, shape: str, seed: int) -> None:
    B, data, F = problem(m, k, rows, shape, seed)
    G, Y = B.T @ B, data.T @ B
    x, solved = nnls_rows(F, Y, G)
    assert solved.all()
    assert (x >= 0).all()
    expected = np.array([nnls(B, column)[0] for column in data.T])
    np.testing.assert_allclose(objective(x, G, Y), objective(expected, G, Y), rtol=1e-9, atol=1e-9)
    # the gradient is not below zero, and zero where x is not
    gradient = x @ G - Y
    size = 1e-8 * (1 + np.abs(Y).max())
    assert (gradient >= -size).all()
    assert (np.abs(gradient[x > 0]) <= size).all()
    if shape == "full" and m >= 2 * k:
        np.testing.assert_allclose(x, expected, rtol=1e-6, atol=1e-8)


@given(rows=st.integers(1, 60), cut=st.integers(1, 20), k=st.sampled_from([1, 3, 9, 70]))
def test_a_row_does_not_depend_on_the_rows_beside_it(rows: int, cut: int, k: int) -> None:
    B, data, F = problem(2 * k + 3, k, rows, "full", rows)
    G, Y = B.T @ B, data.T @ B
    whole = nnls_rows(F, Y, G)[0]
    parts = [nnls_rows(F[a : a + cut], Y[a : a + cut], G)[0] for a in range(0, rows, cut)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_where_it_starts_changes_nothing() -> None:
    B, data, F = problem(50, 20, 200, "full", 3)
    G, Y = B.T @ B, data.T @ B
    x = nnls_rows(F, Y, G)[0]
    for other in (np.zeros_like(F), np.ones_like(F), x):
        np.testing.assert_allclose(nnls_rows(other, Y, G)[0], x, rtol=1e-9, atol=1e-12)
    # from the solution, one look is enough
    assert nnls_rows(x, Y, G, most_rounds=1)[1].all()


def test_rows_that_are_given_up_are_said_so_and_do_not_ascend() -> None:
    B, data, F = problem(30, 8, 100, "full", 0)
    G, Y = B.T @ B, data.T @ B
    x, solved = nnls_rows(F, Y, G, most_rounds=2)
    assert 0 < solved.sum() < len(solved)
    assert not x[~solved].any()
    new = best_rows(F, Y, G, most_rounds=2)
    np.testing.assert_array_equal(new[solved], x[solved])
    assert (objective(new, G, Y) < objective(F, G, Y)).all()


@pytest.mark.parametrize("where", ["Y", "G"])
def test_what_is_not_a_number_does_not_become_zero(where: str) -> None:
    B, data, _ = problem(9, 4, 5, "full", 0)
    G, Y = B.T @ B, data.T @ B
    {"Y": Y, "G": G}[where][1, 1] = np.nan
    x = nnls_rows(np.ones((5, 4)), Y, G)[0]
    assert np.isnan(x).any(axis=1)[1]


def dense_snmf(A, W, Ht, iterations, *, beta, eta, variant):
    """Kim & Park 2007: two least squares with rows √eta I and √beta 1ᵀ below, a column at a time by scipy."""
    k = W.shape[1]
    below = {"sparse": np.sqrt(beta) * np.ones((1, k)), "dense": np.sqrt(eta) * np.eye(k)}
    kinds = ("dense", "sparse") if variant == "R" else ("sparse", "dense")
    for _ in range(iterations):
        W = solved(np.vstack([Ht, below[kinds[0]]]), A)
        Ht = solved(np.vstack([W, below[kinds[1]]]), A)
    return W, Ht


def solved(B, A):
    """Argmin of ‖B xᵀ − [a; 0]‖ for each column a of A."""
    tail = np.zeros(len(B) - len(A))
    return np.array([nnls(B, np.concatenate([a, tail]))[0] for a in A.T])


@given(
    n=st.integers(4, 25),
    k=st.integers(1, 4),
    tile=st.integers(3, 30),
    variant=st.sampled_from(["R", "L", "none"]),
    seed=st.integers(0, 999),
)
def test_iterates_equal_a_dense_reference(n: int, k: int, tile: int, variant: str, seed: int) -> None:
    A = planted(n, 3, seed=seed)
    W, Ht = starts(n, k, seed)
    if variant == "none":
        solver, given_up = SOLVERS["bpp"](), {"beta": 0.0, "eta": 0.0, "variant": "R"}
    else:
        given_up = {"beta": 0.3, "eta": 0.7, "variant": variant}
        solver = SOLVERS["snmf"](**given_up)
    model = iterate(A, solver, W, Ht, 4, tile=tile)
    expected_W, expected_Ht = dense_snmf(A, W, Ht, 4, **given_up)
    np.testing.assert_allclose(model.rows["W"], expected_W, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(model.rows["H"], expected_Ht, rtol=1e-5, atol=1e-6)
    squared = ((A - expected_W @ expected_Ht.T) ** 2).sum()
    sparse, dense = (expected_Ht, expected_W) if given_up["variant"] == "R" else (expected_W, expected_Ht)
    penalty = given_up["beta"] / 2 * (sparse.sum(axis=1) ** 2).sum() + given_up["eta"] / 2 * (dense**2).sum()
    assert model.squared_error[-1] == pytest.approx(squared, rel=1e-5, abs=1e-9 * (A**2).sum())
    assert model.objective[-1] == pytest.approx(squared / 2 + penalty, rel=1e-5, abs=1e-9 * (A**2).sum())


@given(
    n=st.integers(3, 40),
    k=st.integers(1, 8),
    variant=st.sampled_from(["R", "L"]),
    diagonal=st.sampled_from(["keep", "ignore"]),
    seed=st.integers(0, 999),
)
def test_the_objective_of_snmf_never_rises(n: int, k: int, variant: str, diagonal: str, seed: int) -> None:
    A = planted(n, 4, seed=seed)
    W, Ht = starts(n, k, seed)
    model = iterate(A, SOLVERS["snmf"](beta=0.2, variant=variant), W, Ht, 12, diagonal=diagonal)
    objectives = np.array(model.objective)
    assert (np.diff(objectives) <= 1e-9 * max(objectives[0], (A**2).sum())).all()
    assert model.squared_error[-1] == pytest.approx(squared_error(A, model, diagonal=diagonal), rel=1e-6)


def test_beta_makes_the_factor_sparse_that_the_variant_says() -> None:
    A = planted(80, 6, seed=2)
    right = dasknmf.nmf(A, 8, solver="snmf", beta=1.0)
    left = dasknmf.nmf(A, 8, solver="snmf", beta=1.0, variant="L")
    little = dasknmf.nmf(A, 8, solver="snmf", beta=1e-4)

    def zeros(factor) -> float:
        return float((factor == 0).mean())

    assert zeros(right["H"]) > zeros(right["W"]) + 0.1
    assert zeros(left["W"]) > zeros(left["H"]) + 0.1
    assert zeros(right["H"]) > zeros(little["H"]) + 0.1
    assert right.attrs["variant"] == "R"
    assert right.attrs["eta_used"] == pytest.approx((A**2).sum() / A.sum(), rel=1e-4)
    assert dasknmf.nmf(A, 8, solver="snmf", eta=0.5).attrs["eta_used"] == 0.5


def test_of_equal_weights_the_default_of_eta_is_the_largest_entry() -> None:
    A = 3.0 * (planted(50, 3, seed=0) > 0.5)
    assert dasknmf.nmf(A, 3, solver="snmf", max_iter=2).attrs["eta_used"] == pytest.approx(3.0, rel=1e-5)
