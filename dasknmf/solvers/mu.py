"""Multiplicative updates for the Frobenius norm."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dasknmf.solvers.alternating import Alternating

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class MU(Alternating):
    """W ← W ∘ (A·Hᵀ) ⊘ (W HHᵀ + l1 + l2 W); then H likewise.

    A zero stays zero, so a start must be positive.

    References
    ----------
    Lee, Seung, NIPS 13 (2001), theorem 1; with penalties: Hoyer, JMLR 5 (2004), section 2.2.
    """

    name = "mu"
    source = "Lee & Seung 2001"
    multiplicative = True

    def update(
        self, F: NDArray[Any], Y: NDArray[Any], G: NDArray[Any], FG: NDArray[Any], *, l1: float, l2: float
    ) -> NDArray[Any]:
        """Return new rows."""
        del G
        below = np.maximum(FG + (l1 + l2 * F), np.finfo(F.dtype).tiny)
        # an ignored diagonal can make A·X negative by rounding; a zero stays zero, whatever its ratio overflows to
        return np.asarray(np.where(F > 0, F * (np.maximum(Y, 0) / below), 0), dtype=F.dtype)
