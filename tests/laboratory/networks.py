"""Symmetric networks of which the spectrum, or the involution, is known."""

from __future__ import annotations

import numpy as np


def involution(k: int, pairs: int) -> np.ndarray:
    """Return the permutation of ``k`` factors with ``pairs`` 2-cycles, the last ones."""
    partner = np.arange(k)
    first = k - 2 * pairs
    for pair in range(pairs):
        a = first + 2 * pair
        partner[[a, a + 1]] = a + 1, a
    return partner


def of_involution(
    n: int, k: int, pairs: int, *, seed: int, noise: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """Return A = WΠDWᵀ + noise on disjoint gene sets, and W."""
    rng = np.random.default_rng(seed)
    W = np.zeros((n, k))
    for j, genes in enumerate(np.array_split(rng.permutation(n), k)):
        W[genes, j] = rng.random(len(genes)) + 0.2
    W /= np.linalg.norm(W, axis=0)
    partner = involution(k, pairs)
    # partners share their scale; no two blocks have the same
    size = 2 + np.minimum(np.arange(k), partner) * 0.25
    core = np.zeros((k, k))
    core[np.arange(k), partner] = size
    E = rng.random((n, n)) * noise
    return W @ core @ W.T + E + E.T, W


def spectrum(A: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return eigenvalues by descending magnitude, and eigenvectors."""
    values, vectors = np.linalg.eigh(A)
    order = np.argsort(-np.abs(values), kind="stable")
    return values[order], vectors[:, order]
