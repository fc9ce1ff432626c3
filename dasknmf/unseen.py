"""Entries of A that do not count in an objective: a diagonal that is ignored, pairs of genes that are held out.

A model's own values take their place before each update (EM): Dempster, Laird, Rubin 1977; for NMF, Zhang, Wang,
Ford, Makedon, SDM 2006.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from dasknmf.compiling import compiled

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dasknmf.engine.mask import Mask
    from dasknmf.solvers.face import Rows


class Unseen(Protocol):
    """What a model, and A, say of a set U of entries of a row panel."""

    def product(self, rows: Rows, wanted: str) -> NDArray[Any]:
        """Return what is missing from A·X where A's entries in U are replaced by the model's; X = rows[wanted]."""
        ...

    def overlap(self, a: Rows, b: Rows) -> float:
        """Return Σ over U of the products of two models' entries."""
        ...

    def cross(self, rows: Rows) -> float:
        """Return Σ over U of the products of A's entries, where the operator has them, and the model's."""
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

    def product(self, rows: Rows, wanted: str) -> NDArray[Any]:
        """Return ((WH)_ii − A_ii)·X."""
        return np.asarray((_own_diagonal(rows) - self.values)[:, None] * rows[wanted])

    def overlap(self, a: Rows, b: Rows) -> float:
        """Return Σ_i (WH)_ii (W'H')_ii."""
        return float(_own_diagonal(a) @ _own_diagonal(b))

    def cross(self, rows: Rows) -> float:
        """Return Σ_i A_ii (WH)_ii."""
        return float(self.values @ _own_diagonal(rows))


def _own_diagonal(rows: Rows) -> NDArray[np.float64]:
    """Return (WH)_ii for the genes of a panel."""
    return np.asarray(np.einsum("ij,ij->i", rows["W"], rows["H"], dtype=np.float64))


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Pairs of genes that a mask holds out, of an operator that has zeros there; all genes are in one panel.

    What the other genes of a row give is a sum over pairs of gene groups: a k×k moment for each group, added up
    over the groups held out with it. So it costs as much as a few Grams, however many entries are held out.

    Parameters
    ----------
    mask : Mask
        What is held out.
    """

    mask: Mask

    @cached_property
    def _held(self) -> Any:
        import scipy.sparse as sp

        return sp.csr_array(self.mask.held.astype(np.float32))

    def _moments(self, A: NDArray[Any], B: NDArray[Any]) -> NDArray[np.float32]:
        """Return Σ a_i b_iᵀ over the genes of each group, shape (groups, k·l)."""
        made = group_moments(A, B, self.mask.group, len(self.mask.held))
        return np.asarray(made.reshape(len(made), -1))

    def product(self, rows: Rows, wanted: str) -> NDArray[Any]:
        """Return the model's entries in U times X."""
        X = rows[wanted]
        F = rows["W" if wanted == "H" else "H"]
        beside = (self._held @ self._moments(X, X)).reshape(-1, X.shape[1], X.shape[1])
        return np.asarray(times_group(F, beside, self.mask.group))

    def overlap(self, a: Rows, b: Rows) -> float:
        """Return Σ over pairs of groups of ⟨Σ w_i w'_iᵀ, Σ h_j h'_jᵀ⟩."""
        left, right = self._moments(a["W"], b["W"]), self._moments(a["H"], b["H"])
        return float(np.vdot(left.astype(np.float64), (self._held @ right).astype(np.float64)))

    def cross(self, rows: Rows) -> float:  # noqa: ARG002
        """Return 0: the operator has zeros there."""
        return 0.0


@dataclass(frozen=True, eq=False)
class Both:
    """Two sets that share no entry."""

    first: Unseen
    second: Unseen

    def product(self, rows: Rows, wanted: str) -> NDArray[Any]:
        """Return the sum."""
        return np.asarray(self.first.product(rows, wanted) + self.second.product(rows, wanted))

    def overlap(self, a: Rows, b: Rows) -> float:
        """Return the sum."""
        return self.first.overlap(a, b) + self.second.overlap(a, b)

    def cross(self, rows: Rows) -> float:
        """Return the sum."""
        return self.first.cross(rows) + self.second.cross(rows)


def group_overlap(mask: Mask, W: NDArray[Any], H: NDArray[Any]) -> NDArray[np.float64]:
    """Return Σ (WH)_ij² over held-out pairs, by the group of gene i, in float64, shape (groups,)."""
    groups = len(mask.held)
    exact = (factor.astype(np.float64) for factor in (W, H))
    left, right = (group_moments(F, F, mask.group, groups).reshape(groups, -1) for F in exact)
    return np.asarray(np.einsum("gm,gm->g", left, mask.held.astype(np.float64) @ right))


@compiled
def group_moments(A: NDArray[Any], B: NDArray[Any], group: NDArray[Any], groups: int) -> NDArray[Any]:
    """Return Σ a_i b_iᵀ over the genes i of each group, shape (groups, k, l)."""
    made = np.zeros((groups, A.shape[1], B.shape[1]), A.dtype)
    for i in range(len(A)):
        total = made[group[i]]
        for a in range(A.shape[1]):
            for b in range(B.shape[1]):
                total[a, b] += A[i, a] * B[i, b]
    return made


@compiled
def times_group(F: NDArray[Any], matrices: NDArray[Any], group: NDArray[Any]) -> NDArray[Any]:
    """Return row i of F times the matrix of its group, shape (n, l)."""
    made = np.zeros((len(F), matrices.shape[2]), F.dtype)
    for i in range(len(F)):
        matrix = matrices[group[i]]
        for a in range(F.shape[1]):
            for b in range(matrices.shape[2]):
                made[i, b] += F[i, a] * matrix[a, b]
    return made
