"""Hierarchical alternating least squares: one column of a factor at a time, each in closed form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dasknmf.errors import whole
from dasknmf.solvers.alternating import Alternating

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class HALS(Alternating):
    """w_j ← [w_j + (A·Hᵀ − W G − l1 − l2 w_j)_j / (G_jj + l2)]₊ for j = 1…k, G = HHᵀ; then H likewise.

    Parameters
    ----------
    passes : int
        How often the columns of a factor are updated with one product A·X, which costs far more than they do. On
        expression (22,283 genes, k = 32) four passes reach in 30 to 40 iterations what one reaches in 100, on STRING
        human in about half; more gain little.

    References
    ----------
    Cichocki, Phan, IEICE Transactions E92-A (2009), algorithm 2; Gillis, Glineur, Neural Computation 24
    (2012), sections 2.3 and 3 (several passes: "accelerated HALS", here of a fixed number).
    """

    passes: int = 4

    name = "hals"
    source = "Cichocki & Phan 2009; Gillis & Glineur 2012"

    def __post_init__(self) -> None:
        """Refuse a number of passes that is none."""
        whole("passes", self.passes, least=1)

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
        """Return new rows, column after column, several times.

        A column whose partner has died (G_jj = 0) matters to its penalties alone, which want it to be zero.
        """
        from dasknmf.solvers.compiled import hals_rows

        kind = F.dtype.type
        F, Y, G = (np.ascontiguousarray(array, dtype=kind) for array in (F, Y, G))
        return np.asarray(hals_rows(F, Y, G, kind(l1), kind(l2), self.passes))
