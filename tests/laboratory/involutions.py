"""Factors and networks whose involution is planted, and what it looks like after factors changed their order."""

from __future__ import annotations

import numpy as np


def sides(n, modules, pairs, rng, *, share=0.2):
    """W and Hᵀ of modules (own partners) and then pairs (each other's), of which A = WH is symmetric.

    Each gene set has genes that no other has, so that the factorization is essentially unique (separability:
    Donoho & Stodden 2003).
    """
    k = modules + 2 * pairs
    V = rng.uniform(0.5, 1.5, (n, k)) * (rng.random((n, k)) < share)
    own = np.arange(k * (n // (2 * k))) % k
    V[: len(own)] = 0
    V[np.arange(len(own)), own] = rng.uniform(0.5, 1.5, len(own))
    planted = np.arange(k)
    for first in range(modules, k, 2):
        planted[[first, first + 1]] = first + 1, first
    return V, V[:, planted], planted


def network(n, modules, pairs, *, seed, noise):
    """A = Σ w wᵀ + Σ (w hᵀ + h wᵀ) and noise, uniform from 0 to ``noise`` times the mean of the planted part."""
    rng = np.random.default_rng(seed)
    W, Ht, _ = sides(n, modules, pairs, rng)
    A = W @ Ht.T
    E = np.triu(rng.random((n, n))) * noise * A.mean()
    return A + E + np.triu(E, 1).T, W, Ht
