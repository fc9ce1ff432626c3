"""What models are worth on A itself: objectives in float64, and errors on what was held out, in one read each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dasknmf.engine.completion import group_moments
from dasknmf.model import Exact
from dasknmf.panels import exact_sums, factors_of, mass_sums, place, total_of
from dasknmf.solvers.face import Known
from dasknmf.unseen import Diagonal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from dasknmf.engine.executor import Executor, Handle
    from dasknmf.engine.mask import Mask
    from dasknmf.engine.sweep import Operator, Sweep
    from dasknmf.engine.weighted import WeightedSweep
    from dasknmf.solvers.face import Rows


def unseen_of(operator: Operator, executor: Executor, *, diagonal: bool) -> list[Handle | None]:
    """Return, for each row panel, what does not count: nothing, or the diagonal that the operator has."""
    if diagonal:
        return [None] * len(operator.panels)
    exact = np.asarray(operator.diagonal, dtype=np.float64)
    return executor.put([Diagonal(part) for part in operator.panels.split(exact)], label="diagonal")


def sum_of_squares_of(operator: Operator, *, diagonal: bool) -> float:
    """Return ‖A‖² over the entries that count."""
    if diagonal:
        return operator.sum_of_squares
    exact = np.asarray(operator.diagonal, dtype=np.float64)
    off = operator.sum_of_squares - float(exact @ exact)
    # nothing but the diagonal: what is left is rounding
    return off if off > 1e-12 * operator.sum_of_squares else 0.0


def known_of(operator: Operator, *, diagonal: bool) -> Known:
    """Return what solvers may know of A, over the entries that count."""
    trace = 0.0 if diagonal else float(np.asarray(operator.diagonal, np.float64).sum())
    return Known(operator.n, sum_of_squares_of(operator, diagonal=diagonal), operator.total - trace, diagonal)


def exact_errors(
    operator: Sweep, executor: Executor, models: Sequence[Rows], *, diagonal: bool = True
) -> list[Exact]:
    """Return the squared error of each model on A, in float64, from one read.

    Parameters
    ----------
    operator : Sweep
        The matrix.
    executor : Executor
        The operator's own.
    models : sequence of Rows
        W and Hᵀ of each.
    diagonal : bool
        False leaves i = j out.
    """
    panels, W, H = _placed(operator, executor, models)
    cross = operator.inner(W, H, models=len(models))
    unseen = unseen_of(operator, executor, diagonal=diagonal)
    sums = total_of(executor.get(executor.map(exact_sums, panels, unseen, label="objective")))
    squares = sum_of_squares_of(operator, diagonal=diagonal)
    found = []
    for index, inside in enumerate(cross):
        own = sums[index]
        seen = float(inside) - own.get("cross", 0.0)
        gram = float(np.vdot(own["gram_W"], own["gram_H"])) - own.get("unseen", 0.0)
        found.append(Exact(max(0.0, squares - 2 * seen + gram), squares))
    return found


def weighted_errors(operator: WeightedSweep, executor: Executor, models: Sequence[Rows]) -> list[Exact]:
    """Return ΣΩ∘(A − WH)² of each model, beside ΣΩ∘A², in float64, from one read."""
    _, W, H = _placed(operator, executor, models)
    found = operator.errors(W, H, models=len(models))
    return [Exact(max(0.0, float(error)), operator.sum_of_squares) for error in found]


def divergences(
    operator: Sweep, executor: Executor, models: Sequence[Rows], *, diagonal: bool = True
) -> list[float]:
    """Return D(A‖WH) = Σ A log(A / WH) − A + WH of each model, in float64, from one read.

    Where A is not zero and WH is below 1e-154, WH is taken as that: the divergence would be infinite.

    Parameters
    ----------
    operator, executor, models, diagonal
        As in :func:`exact_errors`.
    """
    panels, W, H = _placed(operator, executor, models)
    logs = operator.scores(W, H, models=len(models), diagonal=diagonal)
    unseen = unseen_of(operator, executor, diagonal=diagonal)
    sums = total_of(executor.get(executor.map(mass_sums, panels, unseen, label="mass")))
    total = known_of(operator, diagonal=diagonal).total
    return [
        float(inside) - total + float(sums[index]["W"] @ sums[index]["H"]) - float(sums[index]["unseen"])
        for index, inside in enumerate(logs)
    ]


@dataclass(frozen=True, eq=False)
class HeldOutErrors:
    """Errors on entries that models have not seen.

    Attributes
    ----------
    by_group : ndarray, shape (models, gene groups)
        ‖A − WH‖² over the held-out pairs of the genes of a group.
    squares : ndarray, shape (gene groups,)
        ‖A‖² over the same pairs.
    """

    by_group: NDArray[np.float64]
    squares: NDArray[np.float64]


def held_out_errors(operator: Sweep, executor: Executor, models: Sequence[Rows], mask: Mask) -> HeldOutErrors:
    """Return the squared error of each model on the pairs a mask holds out, in float64, from one read."""
    _, W, H = _placed(operator, executor, models)
    cross, squares = operator.held_out(W, H, models=len(models), mask=mask)
    own = np.stack([_own_squares(mask, rows["W"], rows["H"]) for rows in models])
    return HeldOutErrors(squares - 2 * cross + own, squares)


def _placed(
    operator: Sweep, executor: Executor, models: Sequence[Rows]
) -> tuple[list[Handle], list[Handle], list[Handle]]:
    """Put the rows of models where tasks can use them; return their row panels, and of these W and Hᵀ."""
    panels = place(dict(enumerate(models)), operator.panels, executor)
    W, H = (executor.map(factors_of, panels, [name] * len(panels), label="factors") for name in ("W", "H"))
    return panels, W, H


def _own_squares(mask: Mask, W: NDArray[Any], H: NDArray[Any]) -> NDArray[np.float64]:
    """Return Σ (WH)_ij² over held-out pairs, by the group of gene i, in float64, shape (groups,)."""
    groups = len(mask.held)
    exact = (factor.astype(np.float64) for factor in (W, H))
    left, right = (group_moments(F, F, mask.group, groups).reshape(groups, -1) for F in exact)
    return np.asarray(np.einsum("gm,gm->g", left, mask.held.astype(np.float64) @ right))
