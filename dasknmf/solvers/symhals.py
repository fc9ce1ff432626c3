"""Symmetric factorization by HALS on two coupled factors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dasknmf.solvers.coupled import Coupled

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class SymHALS(Coupled):
    """u_j ← [u_j + ((A + α)V − U(VᵀV + α))_j / (‖v_j‖² + α)]₊ for j = 1…k; then V likewise.

    References
    ----------
    Zhu, Li, Liu, Li, NeurIPS 31 (2018), algorithm 2; Li, Zhu, Li, Liu, arXiv:2301.10499.
    """

    name = "symhals"
    source = "Zhu, Li, Liu & Li 2018"

    def update(
        self,
        F: NDArray[Any],
        Y: NDArray[Any],
        G: NDArray[Any],
        FG: NDArray[Any],  # noqa: ARG002
        *,
        l1: float,
        l2: float,
    ) -> NDArray[Any]:
        """Return new rows, column after column."""
        from dasknmf.solvers.compiled import hals_rows

        kind = F.dtype.type
        return np.asarray(hals_rows(F, Y, np.ascontiguousarray(G, dtype=kind), kind(l1), kind(l2), 1))
