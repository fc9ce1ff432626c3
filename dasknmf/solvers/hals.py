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

    def update(
        self,
        F: NDArray[Any],
        Y: NDArray[Any],
        G: NDArray[Any],
        FG: NDArray[Any],  # noqa: ARG002 - its columns change while the columns of F do
        *,
        l1: float,
        l2: float,
    ) -> NDArray[Any]:
        """Return new rows, column after column.

        A column whose partner has died (G_jj = 0) matters to its penalties alone, which want it to be zero.
        """
        # factor by gene, so that each of the k steps runs along contiguous memory
        V, T = np.array(F.T, order="C"), np.ascontiguousarray(Y.T)
        for j in range(len(G)):
            curvature = G[j, j] + l2
            if curvature <= 0:
                if l1 > 0:
                    V[j] = 0
                continue
            step = T[j] - G[j] @ V
            step -= l1 + l2 * V[j]
            step /= curvature
            V[j] += step
            np.maximum(V[j], 0, out=V[j])
        return np.ascontiguousarray(V.T)
