"""Symmetric factorization by exact least squares of two coupled factors in turn."""

from __future__ import annotations

from dataclasses import dataclass

from dasknmf.solvers.bpp import BestRows
from dasknmf.solvers.coupled import Coupled


@dataclass(frozen=True)
class ANLSSym(BestRows, Coupled):
    """U ← argmin over U ≥ 0 of ‖A − UVᵀ‖² + α‖U − V‖², exactly; then V likewise.

    The authors raise α by 1 % an iteration, or keep it at the square of the largest entry of A. The first would take
    470 iterations from where it begins here, and the second is not the same where weights have another unit, so it is
    raised as for ``symhals``; see :class:`dasknmf.solvers.coupled.Coupled`.

    References
    ----------
    Kuang, Ding, Park, SDM 2012; Kuang, Yun, Park, Journal of Global Optimization 62 (2015).
    """

    name = "anls-sym"
    source = "Kuang, Ding & Park 2012"
