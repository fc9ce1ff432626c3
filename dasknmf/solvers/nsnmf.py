"""Nonsmooth NMF: Kullback–Leibler updates of A ≈ W S H, where S smooths so that W and H need not."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from dasknmf.errors import InputError
from dasknmf.solvers.divergence import Divergence

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dasknmf.solvers.divergence import DivergenceState
    from dasknmf.solvers.face import Rows


@dataclass(frozen=True)
class NsNMF(Divergence):
    """The updates of brunet with WS for W where H is updated, and SH for H where W is; S = (1 − θ)I + θ/k 11ᵀ.

    The columns of W sum to one: those of the start are scaled so, with H against them, and those of every new W
    without, as in the paper. That is the exact minimum of the bound that the update is derived from, among the W
    whose columns sum to one, where the denominators of the update cancel; so the divergence never rises.

    W and H of a result are W and S·H, so that their product is the model; the paper's H is S⁻¹ times the latter.

    Parameters
    ----------
    floor, connectivity
        See :class:`dasknmf.solvers.divergence.Divergence`; the paper has no floor, so by default there is none. W is
        raised to one before it is scaled.
    theta : float
        From 0, no smoothing, to below 1: the more S smooths, the sparser W and H.

    References
    ----------
    Pascual-Montano, Carazo, Kochi, Lehmann, Pascual-Marqui, IEEE PAMI 28 (2006) 403.
    """

    floor: float = 0.0
    theta: float = 0.5

    name = "nsnmf"
    source = "Pascual-Montano et al. 2006"
    minimises = "Σ A log(A / WSH) − A + WSH"

    def __post_init__(self) -> None:
        """Refuse parameters that mean nothing."""
        super().__post_init__()
        if not 0 <= self.theta < 1:
            msg = f"theta={self.theta!r}: needs a number from 0 to below 1"
            raise InputError(msg)

    def smooth(self, F: NDArray[Any]) -> NDArray[Any]:
        """Return F·S."""
        kind = F.dtype.type
        return np.asarray(kind(1 - self.theta) * F + kind(self.theta) * F.mean(axis=-1, keepdims=True))

    def rows_from(self, W: NDArray[Any], Ht: NDArray[Any]) -> Rows:
        """Return both factors, W with columns that sum to one."""
        columns = W.sum(axis=0, dtype=np.float64)
        by = np.where(columns > 0, columns, 1.0).astype(W.dtype)
        return {"W": np.asarray(W / by), "H": np.asarray(Ht * by)}

    def gauged(self, state: DivergenceState, columns: NDArray[np.float64]) -> DivergenceState:
        """Scale the columns of W to sum to one."""
        there = columns > 0
        by = np.where(there, columns, 1.0)
        return replace(
            state, scale=1 / by, multiplier=state.multiplier * by, columns_W=there.astype(np.float64)
        )
