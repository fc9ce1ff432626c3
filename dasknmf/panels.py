"""What tasks do with a row panel: the rows of every live model for one range of genes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from dasknmf.engine.pairs import beside, padded
from dasknmf.solvers.face import PAIRED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from dasknmf.engine.executor import Executor, Handle
    from dasknmf.engine.grid import Panels
    from dasknmf.solvers.face import Rows, Solver, Sums
    from dasknmf.unseen import Unseen


@dataclass(frozen=True)
class PanelStep:
    """A row panel after a step: rows by model, and what the step adds to the sums of each model."""

    rows: dict[int, Rows]
    sums: dict[int, Sums] = field(default_factory=dict)


def place(rows: Mapping[int, Rows], panels: Panels, executor: Executor) -> list[Handle]:
    """Cut the rows of models into panels and put them where tasks can use them."""
    split = {
        index: {name: panels.split(array) for name, array in named.items()} for index, named in rows.items()
    }
    steps = [
        PanelStep(
            {index: {name: parts[q] for name, parts in named.items()} for index, named in split.items()}
        )
        for q in range(len(panels))
    ]
    return executor.put(steps, label="rows")


def measure(step: PanelStep, solvers: Mapping[int, Solver]) -> dict[int, Sums]:
    """Return the sums that solvers start from."""
    return {index: solver.measure(step.rows[index]) for index, solver in solvers.items()}


def stack(step: PanelStep, jobs: Mapping[int, tuple[Solver, Any]], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Put what models want multiplied side by side, shape (rows, sum of k)."""
    parts = [solver.asks(step.rows[index], state) for index, (solver, state) in jobs.items()]
    rows = len(next(iter(next(iter(step.rows.values())).values())))
    return np.concatenate(parts, axis=1, dtype=dtype) if parts else np.zeros((rows, 0), dtype)


def stack_pairs(
    step: PanelStep, jobs: Mapping[int, tuple[Solver, Any]], dtype: np.dtype[Any]
) -> NDArray[Any]:
    """Put L and R of the models that want ratios side by side."""
    pairs = [solver.asks(step.rows[index], state) for index, (solver, state) in jobs.items()]
    return beside(pairs, len(pairs[0][0]), dtype)


def advance(
    step: PanelStep,
    AX: NDArray[Any],
    jobs: Mapping[int, tuple[Solver, Any]],
    unseen: Unseen | None,
    ratios: NDArray[Any] | None = None,
) -> PanelStep:
    """Update the rows of every live model, each from its columns of A·X, or of (A ⊘ LRᵀ)·R.

    Entries that do not count are replaced by the model's own before the update: an EM step that lowers the
    objective over the others. ``sums["unseen"]`` then turns the objective of the filled-in matrix, as the solver
    computes it, into the one without these entries.
    """
    # an overflow ends in an objective that is not finite, which the driver turns into one clear error
    with np.errstate(over="ignore", invalid="ignore"):
        return _advance(step, AX, jobs, unseen, ratios)


def _advance(
    step: PanelStep,
    AX: NDArray[Any],
    jobs: Mapping[int, tuple[Solver, Any]],
    unseen: Unseen | None,
    ratios: NDArray[Any] | None,
) -> PanelStep:
    rows: dict[int, Rows] = {}
    sums: dict[int, Sums] = {}
    first = first_ratio = 0
    for index, (solver, state) in jobs.items():
        old = step.rows[index]
        if solver.wants(state) == "nothing":
            rows[index], sums[index] = solver.update_rows(old, AX[:, :0], state)
            continue
        if solver.wants(state) in PAIRED:
            assert ratios is not None
            k = solver.asks(old, state)[0].shape[1]
            own = slice(first_ratio, first_ratio + k)
            first_ratio += padded(k)
            rows[index], sums[index] = _from_ratios(old, ratios[:, own], solver, state, unseen)
            continue
        X = solver.asks(old, state)
        own = slice(first, first + X.shape[1])
        first += X.shape[1]
        if unseen is None:
            rows[index], sums[index] = solver.update_rows(old, AX[:, own], state)
            continue
        before = solver.factors(old, state)
        filled = AX[:, own] + unseen.product(before, X).astype(X.dtype)
        rows[index], sums[index] = solver.update_rows(old, filled, state)
        # the objective is taken when an iteration ends; what an update before that lacks, nobody asks for
        if solver.looks_back or not state.between:
            judged = before if solver.looks_back else solver.factors(rows[index], state)
            sums[index]["unseen"] = 2 * unseen.overlap(before, judged) - unseen.overlap(judged, judged)
    return PanelStep(rows, sums)


def _from_ratios(
    old: Rows, made: NDArray[Any], solver: Solver, state: Any, unseen: Unseen | None
) -> tuple[Rows, Sums]:
    """Update the rows of a model that asks for ratios; its objective is that of the factors they were of.

    What is filled knows by itself what does not count.
    """
    if unseen is None:
        return solver.update_rows(old, made, state)
    before = solver.factors(old, state)
    rows, sums = solver.update_rows(old, made + unseen.ratio(solver.asks(old, state)[1]), state)
    return rows, {**sums, "unseen": unseen.mass(before), "unseen_squares": unseen.overlap(before, before)}


def sums_of(step: PanelStep) -> dict[int, Sums]:
    """Return the sums of a step alone, which is all the client needs of it."""
    return step.sums


def total_of(parts: Sequence[dict[int, Sums]]) -> dict[int, Sums]:
    """Add the sums of all row panels, panel by panel."""
    total: dict[int, Sums] = {}
    for part in parts:
        for index, sums in part.items():
            if index not in total:
                total[index] = dict(sums)
            else:
                for name, value in sums.items():
                    total[index][name] = total[index][name] + value
    return total


def rows_of(step: PanelStep, indices: tuple[int, ...]) -> dict[int, Rows]:
    """Return the rows of some models."""
    return {index: step.rows[index] for index in indices}


def without(step: PanelStep, indices: tuple[int, ...]) -> PanelStep:
    """Leave out the models that have stopped."""
    return PanelStep({index: rows for index, rows in step.rows.items() if index not in indices})


def factors_of(step: PanelStep, name: str) -> list[NDArray[Any]]:
    """Return W, or Hᵀ, of every model."""
    return [rows[name] for rows in step.rows.values()]


def exact_sums(step: PanelStep, unseen: Unseen | None) -> dict[int, Sums]:
    """Return both Grams of every model, and what it and A say of entries that do not count, in float64."""
    found: dict[int, Sums] = {}
    for index, rows in step.rows.items():
        W, H = (rows[name].astype(np.float64) for name in ("W", "H"))
        found[index] = {"gram_W": W.T @ W, "gram_H": H.T @ H}
        if unseen is not None:
            found[index]["unseen"] = unseen.overlap(rows, rows)
            found[index]["cross"] = unseen.cross(rows)
    return found


def mass_sums(step: PanelStep, unseen: Unseen | None) -> dict[int, Sums]:
    """Return the column sums of every model, and ΣWH over entries that do not count, in float64."""
    return {
        index: {
            **{name: rows[name].sum(axis=0, dtype=np.float64) for name in ("W", "H")},
            "unseen": unseen.mass(rows) if unseen is not None else 0.0,
        }
        for index, rows in step.rows.items()
    }
