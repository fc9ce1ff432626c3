"""The operator that stands for A where it is fitted without a read: V·diag(λ)·Vᵀ of its sketch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from dasknmf.engine.executor import Executor, Handle
    from dasknmf.engine.grid import Panels


class SketchOperator:
    """A as its sketch: A·X ≈ V·(λ∘(Vᵀ·X)), without a read.

    Parameters
    ----------
    values : ndarray, shape (p,)
        Eigenvalues.
    vectors : sequence of handles of ndarray, shapes (rows of panel, p)
        Their vectors, in row panels.
    panels : Panels
        How rows are cut.
    executor : Executor
        Where the panels live.
    sum_of_squares, total : float
        ‖A‖² and ΣA of the matrix that is sketched, without a diagonal that is ignored.
    """

    def __init__(
        self,
        values: NDArray[np.float64],
        vectors: Sequence[Handle],
        panels: Panels,
        executor: Executor,
        *,
        sum_of_squares: float,
        total: float,
    ) -> None:
        self.values, self.vectors, self.panels, self.executor = values, vectors, panels, executor
        self.n = panels.grid.n
        self.sum_of_squares, self.total = sum_of_squares, total
        self.diagonal: NDArray[np.floating[Any]] = np.zeros(self.n)
        self.reads = 0

    def sweep(self, X: Sequence[Handle], *, columns: int, dtype: np.dtype[Any]) -> list[Handle]:
        """Return the row panels of V·(λ∘(Vᵀ·X)), given those of X, shape (n, columns)."""
        p, count = len(self.values), len(self.panels)
        inside = self.executor.add_up(
            _inside,
            list(zip(self.vectors, X, strict=True)),
            [((0, slice(0, p)),)] * count,
            [(p, columns)],
            dtype,
            label="inside",
        )
        return self.executor.map(
            _outside, self.vectors, inside * count, [self.values] * count, label="outside"
        )


def _inside(vectors: NDArray[Any], X: NDArray[Any]) -> tuple[NDArray[Any]]:
    return (vectors.T @ X,)


def _outside(vectors: NDArray[Any], inside: NDArray[Any], values: NDArray[np.float64]) -> NDArray[Any]:
    with np.errstate(over="ignore", invalid="ignore"):
        return np.asarray(vectors @ (values.astype(inside.dtype)[:, None] * inside))
