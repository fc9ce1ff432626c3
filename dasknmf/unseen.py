"""Entries of A that do not count in an objective: a diagonal that is ignored.

A model's own values take their place before each update (EM): Dempster, Laird, Rubin 1977; for NMF, Zhang, Wang,
Ford, Makedon, SDM 2006.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dasknmf.solvers.face import Rows


class Unseen(Protocol):
    """What a model, and A, say of a set U of entries of a row panel."""

    def product(self, factors: Rows, X: NDArray[Any]) -> NDArray[Any]:
        """Return what is missing from A·X where A's entries in U are replaced by the model's."""
        ...

    def overlap(self, a: Rows, b: Rows) -> float:
        """Return Σ over U of the products of two models' entries."""
        ...

    def cross(self, factors: Rows) -> float:
        """Return Σ over U of the products of A's entries, where the operator has them, and the model's."""
        ...

    def ratio(self, R: NDArray[Any]) -> NDArray[Any]:
        """Return what is missing from (A ⊘ LRᵀ)·R, of which U was left out, where A's entries are the model's."""
        ...

    def mass(self, factors: Rows) -> float:
        """Return Σ over U of the model's entries."""
        ...


@dataclass(frozen=True, eq=False)
class Diagonal:
    """A_ii, for the genes of a row panel.

    Parameters
    ----------
    values : ndarray, shape (rows,)
        What the operator has on its diagonal.
    """

    values: NDArray[np.float64]

    def product(self, factors: Rows, X: NDArray[Any]) -> NDArray[Any]:
        """Return ((WH)_ii − A_ii)·X."""
        return np.asarray((_own_diagonal(factors) - self.values)[:, None] * X)

    def overlap(self, a: Rows, b: Rows) -> float:
        """Return Σ_i (WH)_ii (W'H')_ii."""
        return float(_own_diagonal(a) @ _own_diagonal(b))

    def cross(self, factors: Rows) -> float:
        """Return Σ_i A_ii (WH)_ii."""
        return float(self.values @ _own_diagonal(factors))

    def ratio(self, R: NDArray[Any]) -> NDArray[Any]:
        """Return R: a ratio of one, for each gene."""
        return R

    def mass(self, factors: Rows) -> float:
        """Return Σ_i (WH)_ii."""
        return float(_own_diagonal(factors).sum())


def _own_diagonal(factors: Rows) -> NDArray[np.float64]:
    """Return (WH)_ii for the genes of a panel."""
    return np.asarray(np.einsum("ij,ij->i", factors["W"], factors["H"], dtype=np.float64))
