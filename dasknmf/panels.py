"""What tasks do with a row panel: the rows of every live model for one range of genes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from dasknmf.solvers.face import Rows, Solver, Sums


@dataclass(frozen=True)
class PanelStep:
    """A row panel after a step: rows by model, and what the step adds to the sums of each model."""

    rows: dict[int, Rows]
    sums: dict[int, Sums] = field(default_factory=dict)


def measure(step: PanelStep, solvers: Mapping[int, Solver]) -> dict[int, Sums]:
    """Return the sums that solvers start from."""
    return {index: solver.measure(step.rows[index]) for index, solver in solvers.items()}


def stack(step: PanelStep, wanted: Mapping[int, str], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Put the row arrays that models want multiplied side by side, shape (rows, sum of k)."""
    parts = [step.rows[index][name] for index, name in wanted.items()]
    return np.concatenate(parts, axis=1, dtype=dtype)


def advance(
    step: PanelStep,
    AX: NDArray[Any],
    jobs: Mapping[int, tuple[Solver, Any]],
    diagonal: NDArray[np.float64] | None,
) -> PanelStep:
    """Update the rows of every live model, each from its columns of A·X.

    Where the diagonal is ignored, A_ii is replaced by the model's own (WH)_ii before the update: an EM step
    that lowers the objective over i ≠ j. ``sums["diagonal"]`` then turns the objective of the filled-in
    matrix, as the solver computes it, into the one without the diagonal.
    """
    # an overflow ends in an objective that is not finite, which the driver turns into one clear error
    with np.errstate(over="ignore", invalid="ignore"):
        return _advance(step, AX, jobs, diagonal)


def _advance(
    step: PanelStep,
    AX: NDArray[Any],
    jobs: Mapping[int, tuple[Solver, Any]],
    diagonal: NDArray[np.float64] | None,
) -> PanelStep:
    rows: dict[int, Rows] = {}
    sums: dict[int, Sums] = {}
    first = 0
    for index, (solver, state) in jobs.items():
        old = step.rows[index]
        X = old[solver.wants(state)]
        own = slice(first, first + X.shape[1])
        first += X.shape[1]
        if diagonal is None:
            rows[index], sums[index] = solver.update_rows(old, AX[:, own], state)
            continue
        before = _own_diagonal(old)
        filled = AX[:, own] + ((before - diagonal)[:, None] * X).astype(X.dtype)
        rows[index], sums[index] = solver.update_rows(old, filled, state)
        after = _own_diagonal(rows[index])
        sums[index]["diagonal"] = 2 * float(before @ after) - float(after @ after)
    return PanelStep(rows, sums)


def _own_diagonal(rows: Rows) -> NDArray[np.float64]:
    """Return (WH)_ii for the genes of a panel."""
    return np.asarray(np.einsum("ij,ij->i", rows["W"], rows["H"], dtype=np.float64))


def sums_of(step: PanelStep) -> dict[int, Sums]:
    """Return the sums of a step alone, which is all the client needs of it."""
    return step.sums


def rows_of(step: PanelStep, indices: tuple[int, ...]) -> dict[int, Rows]:
    """Return the rows of some models."""
    return {index: step.rows[index] for index in indices}


def without(step: PanelStep, indices: tuple[int, ...]) -> PanelStep:
    """Leave out the models that have stopped."""
    return PanelStep({index: rows for index, rows in step.rows.items() if index not in indices})


def exact_sums(
    step: PanelStep, AX: NDArray[np.float64], diagonal: NDArray[np.float64] | None
) -> dict[int, Sums]:
    """Return, per model, what the exact objective needs: ⟨A·Hᵀ, W⟩, both Grams and the diagonal's share."""
    found: dict[int, Sums] = {}
    first = 0
    for index, rows in step.rows.items():
        W, H = (rows[name].astype(np.float64) for name in ("W", "H"))
        cross = float(np.vdot(AX[:, first : first + W.shape[1]], W))
        first += W.shape[1]
        ignored = 0.0
        if diagonal is not None:
            own = _own_diagonal(rows)
            cross -= float(own @ diagonal)
            ignored = float(own @ own)
        found[index] = {"cross": cross, "gram_W": W.T @ W, "gram_H": H.T @ H, "diagonal": ignored}
    return found
