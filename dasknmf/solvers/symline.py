"""Symmetric factorization by exact line searches towards a pass of HALS."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dasknmf.solvers.directed import Directed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dasknmf.solvers.directed import DirectedState


@dataclass(frozen=True)
class SymLine(Directed):
    """W ← W + t (Z − W), Z a pass of HALS for A ≈ Z Wᵀ from Z = W, t the best from 0 to 1 for ½‖A − WWᵀ‖².

    One product with A an iteration, where two coupled factors take two, and every iterate is symmetric.

    References
    ----------
    The direction of Cichocki, Phan, IEICE Transactions E92-A (2009), the line search of feasible directions, Bertsekas,
    Nonlinear Programming (1999), section 2.2; see :mod:`dasknmf.solvers.directed` for why it descends.
    """

    name = "symline"
    minimises = "½‖A − WWᵀ‖²"
    source = (
        "a feasible direction with exact line search, Bertsekas 1999; the direction of Cichocki & Phan 2009"
    )

    def best_core(
        self,
        state: DirectedState,
        gram: NDArray[np.float64],  # noqa: ARG002
        product: NDArray[np.float64],  # noqa: ARG002
    ) -> NDArray[np.float64]:
        """Return the identity that it is."""
        return state.core

    def scale_of(
        self,
        before: NDArray[np.float64],  # noqa: ARG002
        after: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """Return ones: there is no S to make up for anything else."""
        return np.ones(len(after))
