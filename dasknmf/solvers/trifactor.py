"""Symmetric tri-factorization: a network between the factors, in which partners have a place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dasknmf.solvers.directed import Directed, DirectedState
from dasknmf.solvers.initial import partner_start

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dasknmf.solvers.face import Rows

#: Passes over the entries of S in an iteration: they are k×k work, and the next iteration goes on from there.
PASSES = 10
#: For so many iterations an entry of S keeps at least this share of itself. A factor that S has nothing left for no
#: longer moves, and the best S for a W that has hardly begun leaves many with nothing: without this, k = 16 on a
#: network of transcription factors and targets ended at a relative error of 0.851, with it at 0.845.
SOFT, KEPT = 20, 0.8
#: A column that a step leaves with less than this share of its norm has died: what is left is rounding.
ROUNDING = 1e-7


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

    def rows_from(self, W: NDArray[Any], Ht: NDArray[Any]) -> Rows:
        """Return the one factor; see :func:`dasknmf.solvers.initial.partner_start`."""
        return {"W": partner_start(W, Ht)}

    def best_core(
        self, state: DirectedState, gram: NDArray[np.float64], product: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return S after some passes of coordinate descent on ½ ⟨S, G S G⟩ − ⟨WᵀAW, S⟩."""
        from dasknmf.solvers.compiled import core_passes

        age = state.earlier + state.iteration
        core = state.core if age or state.phase != "product" else _first_core(gram, product)
        S, G, B = (np.ascontiguousarray(array) for array in (core, gram, product))
        return np.asarray(core_passes(S, G, B, PASSES, KEPT if age < SOFT else 0.0))

    def scale_of(self, before: NDArray[np.float64], after: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what makes norms 1; a column of which a step leaves but rounding ends."""
        scale = np.zeros_like(after)
        return np.divide(1, np.sqrt(after), where=after > ROUNDING**2 * before, out=scale)


def _first_core(gram: NDArray[np.float64], product: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return an S that has everything, the diagonal twice, for columns of norm 1, of the best size for A."""
    norms = np.sqrt(np.diag(gram))
    size = np.where(norms > 0, norms, 1.0)
    core = (1 + np.eye(len(gram))) / np.outer(size, size)
    fitted = float(np.vdot(gram @ core, core @ gram))
    return np.asarray(core * (max(0.0, float(np.vdot(product, core))) / fitted if fitted > 0 else 0.0))
