"""Hierarchical alternating least squares: one column of a factor at a time, each in closed form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dasknmf.solvers.alternating import Alternating

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class HALS(Alternating):
    """w_j ← [w_j + (A·Hᵀ − W G − l1 − l2 w_j)_j / (G_jj + l2)]₊ for j = 1…k, G = HHᵀ; then H likewise.

    References
    ----------
    Cichocki, Phan, IEICE Transactions E92-A (2009), algorithm 2; Gillis, Glineur, Neural Computation 24
    (2012), section 2.3.
    """

    name = "hals"
    source = "Cichocki & Phan 2009; Gillis & Glineur 2012"

    def update(
        self,
        F: NDArray[Any],
        Y: NDArray[Any],
        G: NDArray[Any],
        FG: NDArray[Any],  # noqa: ARG002 - its columns change while those of F do
        *,
        l1: float,
        l2: float,
    ) -> NDArray[Any]:
        """Return new rows, column after column.

        A column whose partner has died (G_jj = 0) matters to its penalties alone, which want it to be zero.
        """
        from dasknmf.solvers.compiled import hals_rows

        kind = F.dtype.type
        F, Y, G = (np.ascontiguousarray(array, dtype=kind) for array in (F, Y, G))
        return np.asarray(hals_rows(F, Y, G, kind(l1), kind(l2)))
