"""hals and mu against dense numpy references written from the papers, and against scikit-learn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.decomposition import non_negative_factorization

import dasknmf
from dasknmf.driver import Run
from dasknmf.engine.executor import Threads
from dasknmf.engine.sweep import Sweep
from dasknmf.exact import known_of, unseen_of
from dasknmf.model import Model
from dasknmf.options import RunOptions
from dasknmf.progress import silent
from dasknmf.solvers import SOLVERS
from dasknmf.solvers.alternating import Alternating
from tests.conftest import planted

PENALTIES = st.fixed_dictionaries(
    {name: st.sampled_from([0.0, 0.3]) for name in ("l1_W", "l1_H", "l2_W", "l2_H")}
)


def dense_hals(A, W, H, iterations, *, passes=4, l1_W=0.0, l1_H=0.0, l2_W=0.0, l2_H=0.0):
    """Cichocki & Phan 2009, algorithm 2, one column at a time, float64, nothing shared with the package."""
    W, H = W.copy(), H.copy()
    for _ in range(iterations):
        for F, other, data, l1, l2 in ((W, H.T, A, l1_W, l2_W), (H.T, W, A.T, l1_H, l2_H)):
            for j in [*range(F.shape[1])] * passes:
                residual = data - F @ other.T + np.outer(F[:, j], other[:, j])
                curvature = other[:, j] @ other[:, j] + l2
                if curvature > 0:
                    F[:, j] = np.maximum(0, (residual @ other[:, j] - l1) / curvature)
                elif l1 > 0:  # only the penalty is left of the objective
                    F[:, j] = 0
    return W, H


def dense_mu(A, W, H, iterations, *, l1_W=0.0, l1_H=0.0, l2_W=0.0, l2_H=0.0):
    """Lee & Seung 2001, theorem 1."""
    for _ in range(iterations):
        W = W * (A @ H.T) / (W @ H @ H.T + l1_W + l2_W * W)
        H = H * (W.T @ A) / (W.T @ W @ H + l1_H + l2_H * H)
    return W, H


PENALISED = sorted(name for name, solver in SOLVERS.items() if issubclass(solver, Alternating))
REFERENCES = {"hals": dense_hals, "mu": dense_mu}


def run_float64(
    A: np.ndarray,
    solver: str,
    W: np.ndarray,
    H: np.ndarray,
    iterations: int,
    *,
    tile: int = 16,
    diagonal: Any = "keep",
    **penalties: Any,
) -> Model:
    """The engine's iterates in float64, unbalanced, as the solver leaves them."""
    model = Model(solver, SOLVERS[solver](**penalties), {"W": W.copy(), "H": H.T.copy()})
    with Threads(2) as executor:
        operator = Sweep.of_array(A, executor, tile=tile)
        options = RunOptions(max_iter=iterations, tol=0, tol_objective=0)
        Run(
            operator,
            executor,
            [model],
            options,
            bytes_per_sweep=1,
            listener=silent,
            unseen=unseen_of(operator, executor, diagonal=diagonal == "keep"),
            known=known_of(operator, diagonal=diagonal == "keep"),
        ).go()
    return model


@given(
    n=st.integers(2, 40),
    k=st.integers(1, 6),
    tile=st.integers(3, 50),
    solver=st.sampled_from(sorted(REFERENCES)),
    penalties=PENALTIES,
    seed=st.integers(0, 1000),
)
def test_iterates_equal_a_dense_reference(
    n: int, k: int, tile: int, solver: str, penalties: dict[str, float], seed: int
) -> None:
    A = planted(n, 3, seed=seed)
    rng = np.random.default_rng(seed)
    W, H = rng.random((n, k)) + 0.1, rng.random((k, n)) + 0.1
    model = run_float64(A, solver, W, H, 5, tile=tile, **penalties)
    expected_W, expected_H = REFERENCES[solver](A, W, H, 5, **penalties)
    np.testing.assert_allclose(model.rows["W"], expected_W, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(model.rows["H"].T, expected_H, rtol=1e-6, atol=1e-9)
    squared = ((A - expected_W @ expected_H) ** 2).sum()
    assert model.squared_error[-1] == pytest.approx(squared, rel=1e-6, abs=1e-9 * (A**2).sum())
    penalty = sum(
        penalties[f"l1_{name}"] * factor.sum() + penalties[f"l2_{name}"] / 2 * (factor**2).sum()
        for name, factor in (("W", expected_W), ("H", expected_H))
    )
    assert model.objective[-1] == pytest.approx(squared / 2 + penalty, rel=1e-6, abs=1e-9 * (A**2).sum())


@given(
    n=st.integers(3, 50),
    k=st.integers(1, 8),
    solver=st.sampled_from(PENALISED),
    diagonal=st.sampled_from(["keep", "ignore"]),
    penalties=PENALTIES,
    seed=st.integers(0, 1000),
)
def test_the_objective_never_rises(
    n: int, k: int, solver: str, diagonal: str, penalties: dict[str, float], seed: int
) -> None:
    A = planted(n, 4, seed=seed)
    rng = np.random.default_rng(seed)
    W, H = rng.random((n, k)) + 0.01, rng.random((k, n)) + 0.01
    model = run_float64(A, solver, W, H, 12, diagonal=diagonal, **penalties)
    objective = np.array(model.objective)
    assert (np.diff(objective) <= 1e-9 * max(objective[0], (A**2).sum())).all()
    assert (model.rows["W"] >= 0).all()
    assert (model.rows["H"] >= 0).all()


@pytest.mark.parametrize(("solver", "peer"), [("hals", "cd"), ("mu", "mu")])
def test_scikit_learn_has_the_same_objective_from_the_same_start(solver: str, peer: str) -> None:
    A = planted(120, 5, seed=3)
    rng = np.random.default_rng(0)
    W, H = rng.random((120, 5)), rng.random((5, 120))
    # scikit-learn's cd visits every coordinate once an iteration in the order of hals
    theirs_W, theirs_H, _ = non_negative_factorization(
        A, W.copy(), H.copy(), n_components=5, init="custom", solver=peer, max_iter=20, tol=0
    )
    theirs = np.linalg.norm(A - theirs_W @ theirs_H)
    options = {"passes": 1} if solver == "hals" else {}
    ours = np.sqrt(run_float64(A, solver, W, H, 20, **options).squared_error[-1])
    assert ours == pytest.approx(theirs, rel=1e-4)


def test_an_ignored_diagonal_does_not_matter() -> None:
    A = planted(40, 3, seed=0)
    other = A.copy()
    np.fill_diagonal(other, 99.0)
    rng = np.random.default_rng(1)
    W, H = rng.random((40, 3)), rng.random((3, 40))
    one = run_float64(A, "hals", W, H, 30, diagonal="ignore")
    two = run_float64(other, "hals", W, H, 30, diagonal="ignore")
    np.testing.assert_allclose(one.rows["W"], two.rows["W"], rtol=1e-6, atol=1e-9)
    off = ~np.eye(40, dtype=bool)
    squared = ((A - one.rows["W"] @ one.rows["H"].T)[off] ** 2).sum()
    assert one.squared_error[-1] == pytest.approx(squared, rel=1e-6)


def test_a_product_of_factors_is_found_although_its_diagonal_was_lost() -> None:
    rng = np.random.default_rng(0)
    V = rng.random((60, 2)) * (rng.random((60, 2)) < 0.6)
    A = V @ V.T
    np.fill_diagonal(A, 0)
    ignoring = dasknmf.nmf(A, 2, diagonal="ignore", max_iter=2000, tol=0, tol_objective=0)
    keeping = dasknmf.nmf(A, 2, max_iter=2000, tol=0, tol_objective=0)
    assert ignoring.attrs["relative_error"] < 1e-3 < keeping.attrs["relative_error"]


@pytest.mark.parametrize("solver", [*PENALISED, "lee"])
def test_the_smallest_pair_is_exact_with_swapped_partners(solver: str) -> None:
    A = np.array([[0.0, 1.0], [1.0, 0.0]])
    rng = np.random.default_rng(0)
    fit = dasknmf.nmf(A, 2, solver=solver, W=rng.random((2, 2)), H=rng.random((2, 2)), max_iter=2000, tol=0)
    assert fit.attrs["squared_error"] < 1e-6
    W, H = fit["W"].values, fit["H"].values
    # w_i ∝ h_j and w_j ∝ h_i: each factor's gene on the left is the other's on the right
    np.testing.assert_allclose(W[:, 0] / W[:, 0].max(), H[1] / H[1].max(), atol=1e-3)
    np.testing.assert_allclose(W[:, 1] / W[:, 1].max(), H[0] / H[0].max(), atol=1e-3)
    assert W[:, 0].argmax() != H[0].argmax()


def test_penalties_do_what_they_say() -> None:
    A = planted(80, 6, seed=2)
    plain = dasknmf.nmf(A, 8, seed=0)
    sparse = dasknmf.nmf(A, 8, seed=0, l1_W=2.0, l1_H=2.0)
    small = dasknmf.nmf(A, 8, seed=0, l2_W=5.0, l2_H=5.0)
    assert (sparse["W"] == 0).mean() > (plain["W"] == 0).mean()
    assert float((small["W"] ** 2).sum()) < float((plain["W"] ** 2).sum())
    assert plain.attrs["relative_error"] <= min(sparse.attrs["relative_error"], small.attrs["relative_error"])


@pytest.mark.parametrize("passes", [1, 3])
def test_passes_are_those_that_were_asked_for(passes: int) -> None:
    A = planted(30, 3, seed=0)
    rng = np.random.default_rng(1)
    W, H = rng.random((30, 3)), rng.random((3, 30))
    model = run_float64(A, "hals", W, H, 4, passes=passes)
    expected_W, _ = dense_hals(A, W, H, 4, passes=passes)
    np.testing.assert_allclose(model.rows["W"], expected_W, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (
            {"solver": "mu", "passes": 2},
            "solver 'mu' has no passes; leave it out, or take one that has it: hals",
        ),
        ({"solver": "hals", "passes": 0}, "needs a whole number of at least 1"),
    ],
)
def test_an_option_a_solver_does_not_have_is_refused(options: dict[str, Any], says: str) -> None:
    with pytest.raises(dasknmf.errors.InputError, match=says):
        dasknmf.nmf(planted(20, 2, seed=0), 2, **options)
