"""Symmetric Kullback–Leibler factorization A ≈ WWᵀ, in closed form."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from dasknmf.solvers.divergence import divergence, gram, squared_error, stationarity, update_factor
from dasknmf.solvers.face import Plain

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dasknmf.solvers.face import Known, Rows, Sums, Want


@dataclass(frozen=True)
class SymKLState:
    """Between two iterations.

    Attributes
    ----------
    columns, scale : ndarray, shape (k,)
        Column sums of W, and what its rows are still to be multiplied by.
    n, total, sum_of_squares
        Genes, ΣA and ‖A‖².
    iteration : int
        Iterations done.
    objective, squared_error, relative_gradient : float
        As in :class:`dasknmf.solvers.divergence.DivergenceState`, all of the W before the last iteration.
    """

    columns: NDArray[np.float64]
    scale: NDArray[np.float64]
    n: int
    total: float
    sum_of_squares: float
    iteration: int = 0
    objective: float = float("nan")
    squared_error: float = float("nan")
    relative_gradient: float = float("nan")

    @property
    def between(self) -> bool:
        """Every sweep is an iteration."""
        return True


@dataclass(frozen=True)
class SymKL(Plain):
    """U = W ∘ ((A ⊘ WWᵀ)W); W ← U·diag(1ᵀU)^(−½): one sweep an iteration, and the divergence never rises.

    It is an EM step: the exact minimum of the bound it is derived from. A given start may have W ≠ Hᵀ: it begins at
    the mean of both, their columns balanced.

    References
    ----------
    He, Xie, Zdunek, Zhou, Cichocki, IEEE Transactions on Neural Networks 22 (2011) 2117.
    """

    name: ClassVar[str] = "symkl"
    minimises: ClassVar[str] = "Σ A log(A / WWᵀ) − A + WWᵀ"
    source: ClassVar[str] = "He et al. 2011"
    rounds: ClassVar[int] = 1
    looks_back: ClassVar[bool] = True
    multiplicative: ClassVar[bool] = True
    fits_sketch: ClassVar[bool] = False

    def rows_from(self, W: NDArray[Any], Ht: NDArray[Any]) -> Rows:
        """Return the mean of both, after ‖w_j‖ = ‖h_j‖."""
        norms = [np.linalg.norm(F.astype(np.float64), axis=0) for F in (W, Ht)]
        both = (norms[0] > 0) & (norms[1] > 0)
        ratio = np.sqrt(np.where(both, norms[1], 1.0) / np.where(both, norms[0], 1.0)).astype(W.dtype)
        return {"W": np.asarray((W * ratio + Ht / ratio) / W.dtype.type(2))}

    def factors(self, rows: Rows, state: SymKLState | None) -> Rows:
        """Return W twice."""
        W = rows["W"] if state is None else rows["W"] * state.scale.astype(rows["W"].dtype)
        return {"W": W, "H": W}

    def measure(self, rows: Rows) -> Sums:
        """Return column sums."""
        return {"columns": rows["W"].sum(axis=0, dtype=np.float64)}

    def start(self, sums: Sums, known: Known) -> SymKLState:
        """Return the state before the first iteration."""
        columns = sums["columns"]
        return SymKLState(columns, np.ones(len(columns)), known.n, known.total, known.sum_of_squares)

    def restore(self, saved: dict[str, Any]) -> SymKLState:
        """Return the state of a checkpoint."""
        return SymKLState(**saved)

    def wants(self, state: SymKLState) -> Want:  # noqa: ARG002
        """Return that an iteration wants the ratios."""
        return "scored ratio"

    def asks(self, rows: Rows, state: SymKLState) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return W twice."""
        W = self.factors(rows, state)["W"]
        return W, W

    def update_rows(self, rows: Rows, AX: NDArray[Any], state: SymKLState) -> tuple[Rows, Sums]:
        """Return U divided by the column sums of W, which keeps its size; it is scaled when its own are known."""
        W, _ = self.asks(rows, state)
        new, sums = update_factor(W, AX, state.columns, state.columns / state.n)
        own = gram(W)
        return {"W": new}, {**sums, "gram_L": own, "gram_R": own}

    def reduce(self, state: SymKLState, sums: Sums) -> SymKLState:
        """Return the next state, with the divergence of the W before."""
        made = sums["columns"]
        scale = np.sqrt(np.divide(state.columns, made, out=np.zeros_like(made), where=made > 0))
        return replace(
            state,
            columns=scale * made,
            scale=scale,
            iteration=state.iteration + 1,
            objective=divergence(sums, state.total, float(state.columns @ state.columns)),
            squared_error=squared_error(sums, state.sum_of_squares),
            relative_gradient=stationarity(sums["gap"], sums["part"]),
        )
