"""Symmetric solvers against dense references from the papers, closed forms and each other."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import nnls

import dasknmf
from dasknmf.driver import Run
from dasknmf.solvers import SOLVERS
from dasknmf.solvers.initial import symmetric_start
from tests.conftest import planted
from tests.solvers.in_float64 import iterate, squared_error, starts

SYMMETRIC = ("symhals", "symline", "anls-sym", "symmu")
PAIR = np.array([[0.0, 1.0], [1.0, 0.0]])


def dense_symhals(A, W, iterations, alpha):
    """Zhu, Li, Liu, Li 2018, algorithm 2, one column of the residual at a time."""
    U, V = W.copy(), W.copy()
    for _ in range(iterations):
        for F, X in ((U, V), (V, U)):
            for j in range(F.shape[1]):
                residual = A - F @ X.T + np.outer(F[:, j], X[:, j])
                top = residual @ X[:, j] + alpha * X[:, j]
                F[:, j] = np.maximum(0, top / (X[:, j] @ X[:, j] + alpha))
    return U, V


def dense_anls(A, W, iterations, alpha):
    """Kuang, Ding, Park 2012: least squares with rows √α I below and √α X beside."""
    U, V = W.copy(), W.copy()
    root = np.sqrt(alpha)

    def solved(X):
        B = np.vstack([X, root * np.eye(X.shape[1])])
        return np.array([nnls(B, b)[0] for b in np.hstack([A, root * X])])

    for _ in range(iterations):
        U = solved(V)
        V = solved(U)
    return U, V


def dense_symmu(A, W, iterations):
    """Ding, He, Simon 2005 with β = ½."""
    for _ in range(iterations):
        W = W * (0.5 + 0.5 * (A @ W) / (W @ W.T @ W))
    return W


def dense_symline(A, W, iterations):
    """A pass of HALS for the left factor, and the best of the fourth-degree polynomial along the way to it."""
    W = W.copy()
    for _ in range(iterations):
        Z = W.copy()
        for j in range(W.shape[1]):
            residual = A - Z @ W.T + np.outer(Z[:, j], W[:, j])
            if W[:, j].any():
                Z[:, j] = np.maximum(0, residual @ W[:, j] / (W[:, j] @ W[:, j]))
        D = Z - W
        terms = [A - W @ W.T, -(W @ D.T + D @ W.T), -D @ D.T]
        quartic = np.zeros(5)
        for a, one in enumerate(terms):
            for b, other in enumerate(terms):
                quartic[a + b] += (one * other).sum()
        f = np.polynomial.Polynomial(quartic)
        steps = [1.0, *(t.real for t in f.deriv().roots() if abs(t.imag) < 1e-12 and 0 <= t.real <= 1)]
        W = W + min(steps, key=f) * D
    return W


@given(
    n=st.integers(2, 30),
    k=st.integers(1, 5),
    tile=st.integers(3, 40),
    solver=st.sampled_from(["symhals", "anls-sym"]),
    alpha=st.sampled_from([0.1, 2.0, 30.0]),
    seed=st.integers(0, 999),
)
def test_coupled_iterates_equal_a_dense_reference(
    n: int, k: int, tile: int, solver: str, alpha: float, seed: int
) -> None:
    A = planted(n, 3, seed=seed)
    W, _ = starts(n, k, seed)
    model = iterate(A, SOLVERS[solver](alpha=alpha), W, W, 4, tile=tile)
    U, V = (dense_symhals if solver == "symhals" else dense_anls)(A, W, 4, alpha)
    np.testing.assert_allclose(model.rows["W"], U, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(model.rows["H"], V, rtol=1e-6, atol=1e-8)
    squared = ((A - U @ V.T) ** 2).sum()
    assert model.squared_error[-1] == pytest.approx(squared, rel=1e-6)
    assert model.objective[-1] == pytest.approx(squared / 2 + alpha / 2 * ((U - V) ** 2).sum(), rel=1e-6)
    np.testing.assert_allclose(model.factors["W"], (U + V) / 2, rtol=1e-6, atol=1e-8)
    np.testing.assert_array_equal(model.factors["H"], model.factors["W"])


@given(
    n=st.integers(2, 30),
    k=st.integers(1, 5),
    tile=st.integers(3, 40),
    solver=st.sampled_from(["symmu", "symline"]),
    iterations=st.sampled_from([1, 4, 45]),
    seed=st.integers(0, 999),
)
def test_iterates_of_one_factor_equal_a_dense_reference(
    n: int, k: int, tile: int, solver: str, iterations: int, seed: int
) -> None:
    A = planted(n, 3, seed=seed)
    W, _ = starts(n, k, seed)
    model = iterate(A, SOLVERS[solver](), W, W, iterations, tile=tile)
    reference = dense_symmu if solver == "symmu" else dense_symline
    expected = reference(A, W, iterations)
    # HALS leaves zero by rounding now and then, after which two ways of adding up go apart
    near = 1e-6 if solver == "symmu" or iterations < 10 else 1e-3
    judged = expected if solver == "symline" else reference(A, W, iterations - 1)
    squared = ((A - judged @ judged.T) ** 2).sum()
    assert model.squared_error[-1] == pytest.approx(squared, rel=near, abs=1e-9 * (A**2).sum())
    if iterations < 10:
        np.testing.assert_allclose(model.rows["W"], expected, rtol=1e-6, atol=1e-8)


@given(
    n=st.integers(2, 40),
    k=st.integers(1, 7),
    solver=st.sampled_from(SYMMETRIC),
    diagonal=st.sampled_from(["keep", "ignore"]),
    disassortative=st.booleans(),
    seed=st.integers(0, 999),
)
def test_the_objective_never_rises_at_one_coupling(
    n: int, k: int, solver: str, diagonal: str, disassortative: bool, seed: int
) -> None:
    A = blocks(n, seed=seed) if disassortative else planted(n, 4, seed=seed) + np.diag(np.arange(n) % 3)
    W, Ht = starts(n, k, seed)
    coupled = solver in ("symhals", "anls-sym")
    made = SOLVERS[solver](alpha=0.5) if coupled else SOLVERS[solver]()
    model = iterate(A, made, W, Ht, 25, diagonal=diagonal)
    objectives = np.array(model.objective)
    # a network without an edge has no size of its own
    size = max(objectives[0], (A**2).sum(), 1e-3)
    assert (np.diff(objectives) <= 1e-10 * size).all()
    assert all((rows >= 0).all() for name, rows in model.rows.items() if name in "WH")
    if solver == "symmu":  # it looks back
        model = iterate(A, made, W, Ht, 24, diagonal=diagonal)
    found = squared_error(A, model, diagonal=diagonal)
    assert objectives[-1] >= found / 2 - 1e-9 * size
    if not coupled:
        assert objectives[-1] == pytest.approx(found / 2, rel=1e-9, abs=1e-10 * size)


def blocks(n: int, *, seed: int, inside: float = 0.05, between: float = 0.5) -> np.ndarray:
    """A disassortative network of two groups."""
    rng = np.random.default_rng(seed)
    group = np.arange(n) % 2
    chance = np.where(group[:, None] == group, inside, between)
    upper = np.triu(rng.random((n, n)) < chance, 1)
    return (upper | upper.T).astype(float)


@pytest.mark.parametrize("solver", SYMMETRIC)
@pytest.mark.parametrize(
    ("where", "k"),
    # nmf refuses more factors than genes
    [
        ("in float64", 1),
        ("in float64", 3),
        *((w, k) for w in ("on the matrix", "by the sketch") for k in (1, 2)),
    ],
)
def test_no_symmetric_factor_is_a_pair(solver: str, k: int, where: str) -> None:
    W, Ht = starts(2, k, k)
    if where == "in float64":
        model = iterate(PAIR, SOLVERS[solver](), W, Ht, 1000)
        found = float(((PAIR - model.factors["W"] @ model.factors["H"].T) ** 2).sum())
    else:
        options: dict[str, Any] = {"exact": where == "on the matrix", "polish": 10, "max_iter": 1000}
        fit = dasknmf.nmf(PAIR, k, solver=solver, tol=1e-7, tol_objective=0, W=W, H=Ht.T, **options)
        np.testing.assert_array_equal(fit["W"].values, fit["H"].values.T)
        found = fit.attrs["squared_error"]
    assert found == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("solver", ["symhals", "anls-sym"])
@pytest.mark.parametrize("network", ["planted", "disassortative", "pair"])
def test_above_the_bound_both_factors_become_the_same(solver: str, network: str) -> None:
    A = {"planted": planted(60, 4, seed=1), "disassortative": blocks(60, seed=1), "pair": PAIR}[network]
    k = min(4, len(A))
    rng = np.random.default_rng(0)
    # near a minimum the last digits are not 10,000 iterations away
    near = iterate(A, SOLVERS["symline"](), *starts(len(A), k, 0), 500).rows["W"]
    rows = {name: near * (1 + 0.2 * rng.random((len(A), k))) for name in "WH"}
    # the bound of the theorem itself, from the spectrum and the start
    values = np.linalg.eigvalsh(A)
    first = np.linalg.norm(A - rows["W"] @ rows["W"].T)
    theirs = (values[-1] + first - values[0]) / 2
    made = SOLVERS[solver](alpha=1.01 * theirs)
    model = iterate(A, made, *rows.values(), 4000, rows={"W": rows["W"].copy(), "H": rows["W"].copy()})
    apart = np.abs(model.rows["W"] - model.rows["H"]).max() / np.abs(model.rows["W"]).max()
    assert apart <= 1e-10
    # without eigenvalues the bound that is reported is larger, but for what the first iteration gained
    size = np.linalg.norm(A)
    reported = made.facts(model.state)["alpha_bound"]
    assert reported == pytest.approx((np.sqrt(2) * size + np.sqrt(2 * model.objective[0])) / 2)


def test_far_below_the_bound_they_do_not() -> None:
    A = blocks(60, seed=1)
    W, Ht = starts(60, 2, 0)
    model = iterate(A, SOLVERS["symhals"](alpha=1e-3), W, Ht, 500, rows={"W": W, "H": Ht})
    assert np.linalg.norm(model.rows["W"] - model.rows["H"]) > 0.5 * np.linalg.norm(model.rows["W"])


@pytest.mark.parametrize("solver", ["symhals", "anls-sym"])
@pytest.mark.parametrize("diagonal", ["keep", "ignore"])
def test_the_coupling_grows_until_it_is_above_the_bound(solver: str, diagonal: str) -> None:
    A = planted(120, 4, seed=2)
    fit = dasknmf.nmf(A, 4, solver=solver, exact=True, diagonal=diagonal, max_iter=300)
    assert fit.attrs["alpha_reached"] > fit.attrs["alpha_bound"]
    assert fit.attrs["n_iter"] > 80
    assert fit.attrs["apart"] < 1e-4
    # 1 % of ‖A‖ at first, 5 % more each time, never beyond the next step above the bound
    assert fit.attrs["alpha_reached"] < 1.06 * fit.attrs["alpha_bound"]
    fixed = dasknmf.nmf(A, 4, solver=solver, exact=True, diagonal=diagonal, alpha=7.0, max_iter=5)
    assert fixed.attrs["alpha_reached"] == fixed.attrs["alpha"] == 7.0


@pytest.mark.parametrize("solver", ["symhals", "anls-sym"])
def test_the_coupling_goes_on_from_the_sketch(solver: str, monkeypatch: pytest.MonkeyPatch) -> None:
    A = planted(100, 4, seed=0)
    seen: list[Any] = []
    start = Run._start

    def watched(run: Any) -> None:
        start(run)
        seen.extend(model.state for model in run.models)

    monkeypatch.setattr(Run, "_start", watched)
    fit = dasknmf.nmf(A, 4, solver=solver, max_iter=40, polish=3, tol_objective=0, tol=0)
    on_sketch, on_matrix = seen
    assert on_matrix.iteration == 0
    assert on_matrix.alpha == pytest.approx(on_sketch.alpha * 1.05**40)
    assert fit.attrs["alpha_reached"] == pytest.approx(on_sketch.alpha * 1.05**43)


@pytest.mark.parametrize("solver", SYMMETRIC)
def test_the_price_of_symmetry_is_that_of_the_negative_eigenvalues(solver: str) -> None:
    A = blocks(60, seed=0)
    squares = np.sort(np.linalg.eigvalsh(A) ** 2)[::-1]
    positive = np.sort(np.linalg.eigvalsh(A))[::-1][:2]
    size = (A**2).sum()
    bound, of_positive = 1 - squares[:2].sum() / size, 1 - (positive**2).sum() / size
    free = dasknmf.nmf(A, 2, max_iter=1000).attrs["relative_error"] ** 2
    bound_to = dasknmf.nmf(A, 2, solver=solver, max_iter=1000, exact=True).attrs["relative_error"] ** 2
    assert bound <= free < bound + 0.03
    assert of_positive <= bound_to < of_positive + 0.07
    assert bound_to - free == pytest.approx(of_positive - bound, abs=0.06)
    assert bound_to - free > 0.15


def test_one_start_of_two_factors() -> None:
    rng = np.random.default_rng(0)
    W, Ht = rng.random((9, 3)), rng.random((9, 3))
    W[:, 1], Ht[:, 2] = 0, 0
    made = symmetric_start(W, Ht)
    balanced = [F[:, 0] / np.linalg.norm(F[:, 0]) for F in (W, Ht)]
    root = np.sqrt(np.linalg.norm(W[:, 0]) * np.linalg.norm(Ht[:, 0]))
    np.testing.assert_allclose(made[:, 0], root * (balanced[0] + balanced[1]) / 2)
    np.testing.assert_array_equal(made[:, 1], Ht[:, 1])
    np.testing.assert_array_equal(made[:, 2], W[:, 2])
    np.testing.assert_allclose(symmetric_start(W, 4 * W)[:, 0], 2 * W[:, 0])


@pytest.mark.parametrize("solver", SYMMETRIC)
@pytest.mark.parametrize("init", ["random", "random_acol"])
def test_random_starts_and_the_sketch_end_near_the_others(solver: str, init: str) -> None:
    A = planted(200, 5, seed=4)
    default = dasknmf.nmf(A, 5, solver=solver).attrs["relative_error"]
    errors = [
        dasknmf.nmf(A, 5, solver=solver, init=init, seed=seed).attrs["relative_error"] for seed in range(3)
    ]
    assert min(errors) < default + 0.02


def test_scale_is_the_diagonal_between_columns_of_norm_one() -> None:
    A = planted(60, 3, seed=0)
    fit = dasknmf.nmf(A, 3, solver="symline")
    d, W = fit["scale"].values, fit["W"].values
    V = W / np.sqrt(d)
    np.testing.assert_allclose(np.linalg.norm(V, axis=0), 1, rtol=1e-5)
    error = np.linalg.norm(A - V @ np.diag(d) @ V.T) / np.linalg.norm(A)
    assert error == pytest.approx(fit.attrs["relative_error"], rel=1e-5)
