"""A ≈ W S Wᵀ: a dense reference, pairs, and S in the results."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from scipy.optimize import minimize

import dasknmf
from dasknmf.model import balance, balanced_core
from dasknmf.solvers import SOLVERS
from dasknmf.solvers.compiled import core_passes
from tests.conftest import planted
from tests.solvers.in_float64 import iterate, squared_error, starts
from tests.solvers.test_symmetric import PAIR, blocks


def dense_trifactor(A, W, iterations):
    """The line search of dense_symline with W S for the right factor, then S an entry at a time."""
    k = W.shape[1]
    norms = np.linalg.norm(W, axis=0)
    S = (1 + np.eye(k)) / np.outer(norms, norms)
    S = best_core(A, W, S * ((A * (W @ S @ W.T)).sum() / ((W @ S @ W.T) ** 2).sum()))
    for _ in range(iterations):
        Z, X = W.copy(), W @ S
        for j in range(k):
            residual = A - Z @ X.T + np.outer(Z[:, j], X[:, j])
            if X[:, j].any():
                Z[:, j] = np.maximum(0, residual @ X[:, j] / (X[:, j] @ X[:, j]))
        D = Z - W
        terms = [A - W @ S @ W.T, -(W @ S @ D.T + D @ S @ W.T), -D @ S @ D.T]
        quartic = np.zeros(5)
        for a, one in enumerate(terms):
            for b, other in enumerate(terms):
                quartic[a + b] += (one * other).sum()
        f = np.polynomial.Polynomial(quartic)
        roots = [t.real for t in f.deriv().roots() if abs(t.imag) < 1e-12 and 0 <= t.real <= 1]
        before = np.linalg.norm(W, axis=0)
        W = W + min([1.0, *roots], key=f) * D
        # where a step nearly empties a column, S waits for its sums to be told anew
        assume((np.linalg.norm(W, axis=0) > 0.3 * before).all())
        S = best_core(A, W, S)
        norms = np.linalg.norm(W, axis=0)
        S = S * np.outer(norms, norms)
        W = W / np.where(norms > 0, norms, 1)
    return W, S


def best_core(A, W, S):
    least = 0.8 * S
    for _ in range(10):
        for i in range(len(S)):
            for j in range(i, len(S)):
                E = np.zeros_like(S)
                E[i, j] = E[j, i] = 1
                part = W @ E @ W.T
                size = (part**2).sum()
                if size > 0:
                    step = (part * (A - W @ S @ W.T)).sum() / size
                    S = S + (max(least[i, j], S[i, j] + step) - S[i, j]) * E
    return S


@given(
    n=st.integers(3, 25),
    k=st.integers(1, 4),
    tile=st.integers(3, 30),
    pairs=st.booleans(),
    seed=st.integers(0, 999),
)
def test_iterates_equal_a_dense_reference(n: int, k: int, tile: int, pairs: bool, seed: int) -> None:
    A = blocks(n, seed=seed) if pairs else planted(n, 3, seed=seed)
    W, _ = starts(n, k, seed)
    model = iterate(A, SOLVERS["trifactor"](), W, W, 4, tile=tile, rows={"W": W.copy()})
    expected, core = dense_trifactor(A, W, 4)
    np.testing.assert_allclose(model.rows["W"], expected, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(model.state.core, core, rtol=1e-5, atol=1e-6)
    squared = ((A - expected @ core @ expected.T) ** 2).sum()
    assert model.squared_error[-1] == pytest.approx(squared, rel=1e-5, abs=1e-9 * (A**2).sum())


@given(
    n=st.integers(2, 40),
    k=st.integers(1, 7),
    diagonal=st.sampled_from(["keep", "ignore"]),
    pairs=st.booleans(),
    seed=st.integers(0, 999),
)
# steps that empty a column, of which its Gram keeps only rounding
@example(n=7, k=7, diagonal="keep", pairs=True, seed=827)
@example(n=4, k=7, diagonal="ignore", pairs=True, seed=108)
@example(n=4, k=7, diagonal="keep", pairs=False, seed=111)
@example(n=3, k=4, diagonal="ignore", pairs=True, seed=158)
def test_the_objective_never_rises(n: int, k: int, diagonal: str, pairs: bool, seed: int) -> None:
    A = blocks(n, seed=seed) if pairs else planted(n, 4, seed=seed) + np.diag(np.arange(n) % 3)
    W, Ht = starts(n, k, seed)
    model = iterate(A, SOLVERS["trifactor"](), W, Ht, 45, diagonal=diagonal)
    objectives = np.array(model.objective)
    # a network without an edge has no size of its own
    size = max(objectives[0], (A**2).sum(), 1e-3)
    assert (np.diff(objectives) <= 1e-10 * size).all()
    found = squared_error(A, model, diagonal=diagonal)
    assert objectives[-1] == pytest.approx(found / 2, rel=1e-8, abs=1e-10 * size)
    core = model.state.core
    assert (core >= 0).all()
    np.testing.assert_array_equal(core, core.T)
    norms = np.linalg.norm(model.rows["W"], axis=0)
    np.testing.assert_allclose(norms[norms > 0], 1, rtol=1e-9)


@given(k=st.integers(1, 6), seed=st.integers(0, 999))
def test_a_core_is_the_best_there_is(k: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    W, A = rng.random((12, k)), rng.standard_normal((12, 12))
    A = A + A.T
    G, B = W.T @ W, W.T @ A @ W
    S = core_passes(np.eye(k), G, B, 5000, 0.0)
    i, j = np.triu_indices(k)
    parts = [
        np.outer(W[:, a], W[:, b]) + (a != b) * np.outer(W[:, b], W[:, a]) for a, b in zip(i, j, strict=True)
    ]

    def error(entries):
        rest = sum(s * part for s, part in zip(entries, parts, strict=True)) - A
        return 0.5 * (rest**2).sum(), np.array([(rest * part).sum() for part in parts])

    found = minimize(error, np.ones(len(i)), jac=True, bounds=[(0, None)] * len(i), options={"ftol": 1e-14})
    assert error(S[i, j])[0] <= found.fun * (1 + 1e-7)


@pytest.mark.parametrize("exact", [True, False])
def test_a_pair_is_exact(exact: bool) -> None:
    fit = dasknmf.nmf(PAIR, 2, solver="trifactor", exact=exact, polish=20, tol=1e-7, tol_objective=0)
    assert fit.attrs["squared_error"] < 1e-6
    core = fit["core"].values
    # nothing in a module, all between the two
    assert np.diag(core).max() < 1e-3 * core[0, 1]


def test_a_pair_is_exact_from_most_random_starts() -> None:
    errors = [
        iterate(PAIR, SOLVERS["trifactor"](), *starts(2, 2, seed), 200).squared_error[-1]
        for seed in range(20)
    ]
    # the others end in the best that modules can do
    assert sum(error < 1e-6 for error in errors) >= 16
    assert all(error < 1e-6 or error == pytest.approx(1, abs=1e-6) for error in errors)


def test_two_groups_that_only_join_each_other() -> None:
    A = blocks(60, seed=0)
    options = {"max_iter": 500}
    free = dasknmf.nmf(A, 2, **options).attrs["relative_error"]
    one = dasknmf.nmf(A, 2, solver="symline", **options).attrs["relative_error"]
    fit = dasknmf.nmf(A, 2, solver="trifactor", **options)
    assert fit.attrs["relative_error"] == pytest.approx(free, abs=0.01)
    assert fit.attrs["relative_error"] < one - 0.05
    group = fit["W"].values.argmax(axis=1)
    assert (group[::2] == group[0]).all()
    assert (group[1::2] != group[0]).all()


@pytest.mark.parametrize("diagonal", ["keep", "ignore"])
def test_results_hold_a_core_that_fits_their_factors(diagonal: str, tmp_path) -> None:
    A = blocks(80, seed=1) + planted(80, 3, seed=1)
    fit = dasknmf.nmf(A, 5, solver="trifactor", diagonal=diagonal)
    W, H, core = (fit[name].values.astype(float) for name in ("W", "H", "core"))
    assert fit["core"].dims == ("factor", "partner")
    np.testing.assert_allclose(core @ W.T, H, rtol=1e-4, atol=1e-5 * H.max())
    np.testing.assert_allclose(core, core.T, rtol=1e-6)
    assert (np.diff(fit["scale"]) <= 0).all()
    residual = A - W @ core @ W.T
    if diagonal == "ignore":
        np.fill_diagonal(residual, 0)
    assert fit.attrs["squared_error"] == pytest.approx((residual**2).sum(), rel=1e-4)
    dasknmf.save(fit, tmp_path / "fit.zarr")
    assert dasknmf.load(tmp_path / "fit.zarr").identical(fit)


def test_of_a_factor_that_has_died_the_core_has_nothing() -> None:
    rng = np.random.default_rng(0)
    W, S = rng.random((9, 3)), rng.random((3, 3))
    S = S + S.T
    W[:, 1] = 0
    rows = {"W": W, "H": W @ S}
    balanced, _, _ = balance(rows)
    core = balanced_core(S, rows)
    np.testing.assert_allclose(balanced["W"] @ core @ balanced["W"].T, W @ S @ W.T, atol=1e-12)
    assert not core[2].any()
