"""Alternating non-negative least squares: each factor is the best there is for the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dasknmf.solvers.alternating import Alternating

if TYPE_CHECKING:
    from numpy.typing import NDArray


class BestRows:
    """The exact update of half-steps, whatever they minimise."""

    def update(
        self,
        F: NDArray[Any],
        Y: NDArray[Any],
        G: NDArray[Any],
        FG: NDArray[Any],  # noqa: ARG002 - only the passive sets of F matter
        *,
        l1: float,
        l2: float,
    ) -> NDArray[Any]:
        """Return new rows; the pivoting starts from the positive entries of the old ones."""
        return best_rows(F, Y, G, l1=l1, l2=l2)


@dataclass(frozen=True)
class BPP(BestRows, Alternating):
    """W ← argmin over W ≥ 0 of ‖A − WH‖² + penalties, exactly, by block principal pivoting; then H likewise.

    References
    ----------
    Kim, Park, SIAM Journal on Scientific Computing 33 (2011).
    """

    name = "bpp"
    source = "Kim & Park 2011"


def best_rows(
    F: NDArray[Any],
    Y: NDArray[Any],
    G: NDArray[Any],
    *,
    l1: float = 0.0,
    l2: float = 0.0,
    most_rounds: int | None = None,
) -> NDArray[Any]:
    """Return argmin over X ≥ 0 of ½ tr X(G + l2)Xᵀ − ⟨X, Y − l1⟩, of the type of F.

    A row on which the pivoting does not end, which rounding alone can cause, takes a pass of HALS instead: the
    objective never rises.
    """
    from dasknmf.solvers.compiled import hals_rows
    from dasknmf.solvers.pivoting import nnls_rows

    kind = F.dtype.type
    curvature = G.astype(np.float64) + l2 * np.eye(len(G))
    right, precision = Y.astype(np.float64) - l1, float(np.finfo(kind).eps)
    exact, solved = nnls_rows(F, right, curvature, most_rounds=most_rounds, precision=precision)
    new = exact.astype(kind)
    if not solved.all():
        old, product, gram = (
            np.ascontiguousarray(array, dtype=kind) for array in (F[~solved], Y[~solved], G)
        )
        new[~solved] = hals_rows(old, product, gram, kind(l1), kind(l2), 1)
    return new
