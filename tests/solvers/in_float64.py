"""The engine's iterations in float64, from any start, unbalanced, as a solver leaves them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from dasknmf.driver import Run
from dasknmf.engine.executor import Threads
from dasknmf.engine.sweep import Sweep
from dasknmf.exact import known_of, unseen_of
from dasknmf.model import Model
from dasknmf.options import RunOptions
from dasknmf.progress import silent

if TYPE_CHECKING:
    from numpy.typing import NDArray


def iterate(
    A: NDArray[Any],
    solver: Any,
    W: NDArray[Any],
    Ht: NDArray[Any],
    iterations: int,
    *,
    tile: int = 16,
    diagonal: str = "keep",
    rows: dict[str, NDArray[Any]] | None = None,
) -> Model:
    """Return a model after so many iterations from W and Hᵀ, or from rows of its own."""
    model = Model(solver.name, solver, rows or solver.rows_from(W.copy(), Ht.copy()))
    with Threads(2) as executor:
        operator = Sweep.of_array(A, executor, tile=tile)
        Run(
            operator,
            executor,
            [model],
            RunOptions(max_iter=iterations, tol=0, tol_objective=0),
            bytes_per_sweep=1,
            listener=silent,
            unseen=unseen_of(operator, executor, diagonal=diagonal == "keep"),
            known=known_of(operator, diagonal=diagonal == "keep"),
        ).go()
    return model


def squared_error(A: NDArray[Any], model: Model, *, diagonal: str = "keep") -> float:
    """Return ‖A − WH‖² of the factors the solver iterates on, over the entries that count."""
    factors = model.solver.factors(model.rows, model.state)
    residual = A - factors["W"] @ factors["H"].T
    if diagonal == "ignore":
        np.fill_diagonal(residual, 0)
    return float((residual**2).sum())


def starts(n: int, k: int, seed: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return a positive W and Hᵀ."""
    rng = np.random.default_rng(seed)
    return rng.random((n, k)) + 0.05, rng.random((n, k)) + 0.05
