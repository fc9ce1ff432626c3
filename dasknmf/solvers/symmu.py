"""Multiplicative updates of one symmetric factor."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from dasknmf.solvers.alternating import gram_of
from dasknmf.solvers.face import Plain
from dasknmf.solvers.initial import symmetric_start

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dasknmf.solvers.face import Known, Rows, Sums, Want

#: What zeros of a start become, as a share of the mean of their column.
RAISED = 0.01


@dataclass(frozen=True)
class SymMUState:
    """Between two iterations; the objective is that of the factor before the last.

    Attributes
    ----------
    gram : ndarray, shape (k, k)
        WᵀW.
    sum_of_squares : float
        ‖A‖².
    """

    gram: NDArray[np.float64]
    sum_of_squares: float
    iteration: int = 0
    objective: float = float("nan")
    squared_error: float = float("nan")
    relative_gradient: float = float("nan")

    @property
    def between(self) -> bool:
        """Every round is an iteration."""
        return True


@dataclass(frozen=True)
class SymMU(Plain):
    """W ← W ∘ (½ + ½ AW ⊘ WWᵀW), which lowers ½‖A − WWᵀ‖²; without the halves it would oscillate.

    A zero stays zero, so those of a start are raised to 1 % of the mean of their column. NNDSVDa raises them to the
    mean of A, which has another unit than W, and from there it ended up to 20 % above the least error of a Soules
    matrix, which from 1 % it reached.

    References
    ----------
    Ding, He, Simon, SDM 2005, section 5.
    """

    name: ClassVar[str] = "symmu"
    minimises: ClassVar[str] = "½‖A − WWᵀ‖²"
    source: ClassVar[str] = "Ding, He & Simon 2005"
    rounds: ClassVar[int] = 1
    looks_back: ClassVar[bool] = True
    # a start may have zeros

    def rows_from(self, W: NDArray[Any], Ht: NDArray[Any]) -> Rows:
        """Return the one factor, positive; see :func:`dasknmf.solvers.initial.symmetric_start`."""
        start = symmetric_start(W, Ht)
        means = start.mean(axis=0, dtype=np.float64)
        # of a column that is nothing else, that of all
        fill = RAISED * np.where(means > 0, means, means.mean())
        return {"W": np.where(start > 0, start, fill.astype(start.dtype))}

    def factors(self, rows: Rows, state: SymMUState) -> Rows:  # noqa: ARG002
        """Return the factor, twice."""
        return {"W": rows["W"], "H": rows["W"]}

    def measure(self, rows: Rows) -> Sums:
        """Return the factor's share of its Gram."""
        return {"gram": gram_of(rows["W"])}

    def start(self, sums: Sums, known: Known) -> SymMUState:
        """Return the state before the first iteration."""
        return SymMUState(gram=sums["gram"], sum_of_squares=known.sum_of_squares)

    def restore(self, saved: dict[str, Any]) -> SymMUState:
        """Return the state of a checkpoint."""
        return SymMUState(**saved)

    def wants(self, state: SymMUState) -> Want:  # noqa: ARG002
        """Return that each iteration wants a product."""
        return "product"

    def asks(self, rows: Rows, state: SymMUState) -> NDArray[Any]:  # noqa: ARG002
        """Return the factor."""
        return rows["W"]

    def update_rows(self, rows: Rows, AX: NDArray[Any], state: SymMUState) -> tuple[Rows, Sums]:
        """Update a row panel."""
        W = rows["W"]
        # the product of a sketch can be below zero, that of A by rounding, where its diagonal is ignored
        Y = AX.astype(W.dtype, copy=False)
        below = W @ state.gram.astype(W.dtype)
        gradient = np.where(W > 0, below - Y, 0).astype(np.float64)
        ratio = np.maximum(Y, 0) / np.maximum(below, np.finfo(W.dtype).tiny)
        new = np.asarray(np.where(W > 0, W * (1 + ratio) / 2, 0), dtype=W.dtype)
        sums = {
            "gram": gram_of(new),
            "cross": float(np.einsum("ij,ij->", W, Y, dtype=np.float64)),
            "product": float(np.einsum("ij,ij->", Y, Y, dtype=np.float64)),
            "gradient": float(np.vdot(gradient, gradient)),
        }
        return {"W": new}, sums

    def reduce(self, state: SymMUState, sums: Sums) -> SymMUState:
        """Return the next state."""
        fitted = float(np.vdot(state.gram, state.gram))
        squared = max(0.0, state.sum_of_squares - 2 * sums["cross"] + fitted + sums.get("unseen", 0.0))
        product = sums["product"]
        return replace(
            state,
            gram=sums["gram"],
            iteration=state.iteration + 1,
            objective=squared / 2,
            squared_error=squared,
            relative_gradient=float(np.sqrt(sums["gradient"] / product)) if product > 0 else 0.0,
        )
