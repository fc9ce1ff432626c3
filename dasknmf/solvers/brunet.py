"""Multiplicative updates for the Kullback–Leibler divergence."""

from __future__ import annotations

from dataclasses import dataclass

from dasknmf.solvers.divergence import Divergence


@dataclass(frozen=True)
class Brunet(Divergence):
    """H ← H ∘ (Wᵀ(A ⊘ WH)) ⊘ (Wᵀ1); then W ← W ∘ ((A ⊘ WH)Hᵀ) ⊘ (1Hᵀ).

    A step lowers the divergence or leaves it; only raising entries to the floor can raise it, by that much.

    Parameters
    ----------
    floor, connectivity
        See :class:`dasknmf.solvers.divergence.Divergence`.

    References
    ----------
    Brunet, Tamayo, Golub, Mesirov, PNAS 101 (2004) 4164; the updates: Lee, Seung, NIPS 13 (2001), theorem 2.
    """

    name = "brunet"
    source = "Brunet et al. 2004; Lee & Seung 2001"
