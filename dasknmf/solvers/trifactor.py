"""Symmetric tri-factorization: a network between the factors, in which partners have a place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dasknmf.solvers.directed import Directed, DirectedState

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Passes over the entries of S in an iteration: they are k×k work, and the next iteration goes on from there.
PASSES = 10


@dataclass(frozen=True)
class TriFactor(Directed):
    """A ≈ W S Wᵀ, S = Sᵀ ≥ 0: W by an exact step towards a pass of HALS, S by coordinate descent; neither ascends.

    The diagonal of S holds modules, what is beside it partners. Columns of W have norm 1. The multiplicative updates
    of the paper, of which the exponent for W must be ¼ to descend (Wang, Li, Wang, Zhu, Ding 2011), are many times
    slower; the minimised function is theirs.

    References
    ----------
    Ding, Li, Peng, Park, KDD 2006, section 5.
    """

    name = "trifactor"
    minimises = "½‖A − W S Wᵀ‖², S = Sᵀ ≥ 0"
    source = "Ding, Li, Peng & Park 2006; updates as in dasknmf.solvers.directed"

    def core(self, state: DirectedState) -> NDArray[np.float64]:
        """Return S, of which factors are W and W S."""
        return state.core

    def best_core(
        self, core: NDArray[np.float64], gram: NDArray[np.float64], product: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return S after some passes of coordinate descent on ½ ⟨S, G S G⟩ − ⟨WᵀAW, S⟩."""
        from dasknmf.solvers.compiled import core_passes

        S, G, B = (np.ascontiguousarray(array) for array in (core, gram, product))
        return np.asarray(core_passes(S, G, B, PASSES))

    def scale_of(self, gram: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what makes norms 1; a column that has died stays as it is."""
        norms = np.sqrt(np.diag(gram))
        return 1 / np.where(norms > 0, norms, 1.0)
