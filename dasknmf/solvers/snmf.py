"""Sparse non-negative matrix factorization: one factor sparse in every gene, the other kept from growing instead."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from dasknmf.solvers.alternating import AlternatingState, HalfSteps
from dasknmf.solvers.bpp import BestRows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dasknmf.solvers.face import Known, Sums


@dataclass(frozen=True)
class SparseState(AlternatingState):
    """As of other alternations; ``eta`` is the weight of the dense factor's squares."""

    eta: float = 0.0


@dataclass(frozen=True)
class SNMF(BestRows, HalfSteps):
    """Minimises ½‖A − WH‖² + ½ eta ‖D‖² + ½ beta Σ_i ‖s_i‖₁² exactly in each factor, S sparse and D dense.

    Parameters
    ----------
    beta : float
        How sparse: the larger, the fewer factors a gene has. The default is that of the R package NMF.
    eta : float, optional
        How small the other factor is kept; without it, it would grow and the penalty of the sparse one mean
        nothing. The paper takes the largest entry of A. That no sum tells, so that the default is ‖A‖² / ΣA, the mean
        weight of an edge drawn by weight: the largest entry where all weights are equal, and never above it.
    variant : {"R", "L"}
        Which is sparse: the right factor H, s_i = h_i, or the left one, s_i = w_i, of each gene i.

    References
    ----------
    Kim, Park, Bioinformatics 23 (2007) 1495; the least squares by Kim, Park, SIAM Journal on Scientific Computing 33
    (2011).
    """

    beta: float = 0.01
    eta: float | None = None
    variant: str = "R"

    name = "snmf"
    minimises: ClassVar[str] = "½‖A − WH‖² + ½ eta ‖D‖² + ½ beta Σ_i ‖s_i‖₁²"
    source = "Kim & Park 2007"

    def start(self, sums: Sums, known: Known) -> SparseState:
        """Return the state before the first iteration."""
        eta = self.eta
        if eta is None:
            eta = known.sum_of_squares / known.total if known.total > 0 else 0.0
        return SparseState(gram=sums["gram"], sum_of_squares=known.sum_of_squares, eta=eta)

    def restore(self, saved: dict[str, Any]) -> SparseState:
        """Return the state of a checkpoint."""
        return SparseState(**saved)

    def facts(self, state: SparseState) -> dict[str, float]:
        """Return what its default was."""
        return {"eta_used": state.eta}

    def penalties(self, name: str, state: SparseState) -> tuple[float, float]:
        """Return the weight of half the sum of squares, which only the dense factor has."""
        return 0.0, 0.0 if self._is_sparse(name) else state.eta

    def system(
        self,
        name: str,
        Y: NDArray[Any],
        X: NDArray[Any],  # noqa: ARG002
        state: SparseState,
    ) -> tuple[NDArray[Any], NDArray[np.float64]]:
        """Return Y and G, for the sparse factor G + beta 11ᵀ: ‖s‖₁² = s 11ᵀ sᵀ where s ≥ 0."""
        return Y, state.gram + self.beta if self._is_sparse(name) else state.gram

    def penalty(self, name: str, state: SparseState, sums: Sums) -> float:
        """Return what a new factor adds to the objective by itself."""
        if self._is_sparse(name):
            return self.beta / 2 * float(np.sum(sums["gram"]))
        return super().penalty(name, state, sums)

    def _is_sparse(self, name: str) -> bool:
        return name == ("H" if self.variant == "R" else "W")
