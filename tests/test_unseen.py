"""Entries that do not count: sums over them are those of dense matrices, and filling them in lowers the rest."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dasknmf.driver import Run
from dasknmf.engine.executor import Threads
from dasknmf.engine.sweep import Sweep
from dasknmf.exact import known_of, unseen_of
from dasknmf.model import Model
from dasknmf.options import RunOptions
from dasknmf.progress import silent
from dasknmf.solvers import SOLVERS
from dasknmf.solvers.alternating import Alternating
from dasknmf.unseen import Diagonal
from tests.conftest import planted


@given(n=st.integers(1, 30), k=st.integers(1, 5), wanted=st.sampled_from(["W", "H"]), seed=st.integers(0, 99))
def test_sums_over_the_diagonal_are_those_of_dense_matrices(n: int, k: int, wanted: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = ({name: rng.random((n, k)) for name in ("W", "H")} for _ in range(2))
    values = rng.random(n)
    unseen = Diagonal(values)
    model, other = (np.diag(np.diag(rows["W"] @ rows["H"].T)) for rows in (a, b))
    expected = (model - np.diag(values)) @ a[wanted]
    np.testing.assert_allclose(unseen.product(a, a[wanted]), expected, rtol=1e-12, atol=1e-12)
    assert unseen.overlap(a, b) == pytest.approx((model * other).sum())
    assert unseen.cross(a) == pytest.approx((model * np.diag(values)).sum())


@given(
    n=st.integers(2, 40),
    k=st.integers(1, 5),
    tile=st.integers(5, 50),
    solver=st.sampled_from(sorted(name for name, made in SOLVERS.items() if issubclass(made, Alternating))),
    seed=st.integers(0, 999),
)
def test_the_objective_off_the_diagonal_never_rises_and_is_that_of_the_factors(
    n: int, k: int, tile: int, solver: str, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    A = planted(n, 3, seed=seed) + np.diag(9 * rng.random(n))
    model = Model(solver, SOLVERS[solver](), {name: rng.random((n, k)) + 0.1 for name in ("W", "H")})
    off = ~np.eye(n, dtype=bool)

    def squared() -> float:
        return float(((A - model.rows["W"] @ model.rows["H"].T)[off] ** 2).sum())

    history = [squared()]
    with Threads(1) as executor:
        operator = Sweep.of_array(A, executor, tile=tile)
        for iteration in range(1, 9):
            model.stop_reason = ""
            Run(
                operator,
                executor,
                [model],
                RunOptions(max_iter=iteration, tol=0, tol_objective=0),
                bytes_per_sweep=1,
                listener=silent,
                unseen=unseen_of(operator, executor, diagonal=False),
                known=known_of(operator, diagonal=False),
            ).go()
            history.append(squared())
    size = (A**2).sum()
    np.testing.assert_allclose(model.squared_error, history[1:], rtol=1e-9, atol=1e-12 * size)
    assert (np.diff(history) <= 1e-12 * size).all()
