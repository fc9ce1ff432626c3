"""Networks the references are tried on, and what dense numpy says of them."""

from __future__ import annotations

import numpy as np

from tests.conftest import planted


def mixed(n: int, *, seed: int, density: float = 0.6) -> np.ndarray:
    """Return modules, pairs of gene sets that are joined to each other, self-loops, and genes without an edge."""
    rng = np.random.default_rng(seed)
    A = planted(n, 3, seed=seed)
    half = n // 2
    A[:half, half:] += 3 * rng.random((half, n - half))
    A[half:, :half] = A[:half, half:].T
    kept = np.triu(rng.random((n, n)) < density)
    A *= kept | kept.T
    alone = rng.random(n) < 0.1
    A[alone] = 0
    A[:, alone] = 0
    return A


def partition(sizes: list[int], *, seed: int, inside: float = 0.6, outside: float = 0.05) -> np.ndarray:
    """Return a planted partition: edges within modules are more frequent."""
    rng = np.random.default_rng(seed)
    module = np.repeat(np.arange(len(sizes)), sizes)
    odds = np.where(module[:, None] == module[None], inside, outside)
    upper = np.triu(rng.random(odds.shape) < odds, k=1) * rng.uniform(0.5, 1.5, odds.shape)
    return upper + upper.T


def without_diagonal(A: np.ndarray) -> np.ndarray:
    return A - np.diag(np.diag(A))


def leading(A: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the k eigenpairs with the largest |λ|."""
    values, vectors = np.linalg.eigh(A)
    order = np.argsort(-np.abs(values), kind="stable")[:k]
    return values[order], vectors[:, order]


def apart(A: np.ndarray, k: int) -> bool:
    """Tell whether the space of the k leading eigenpairs is well defined."""
    values = np.sort(np.abs(np.linalg.eigvalsh(A)))[::-1]
    return k == len(values) or values[k - 1] - values[k] > 0.02 * (values[0] or 1.0)


def normalised(A: np.ndarray, *, tau: float = 0.0) -> np.ndarray:
    """Return D^-½AD^-½ (von Luxburg 2007, section 3.2), D with tau mean degrees added; 0 where D is 0."""
    degree = A.sum(axis=1)
    whole = degree + tau * degree.mean()
    root = np.where(whole > 0, 1 / np.sqrt(np.where(whole > 0, whole, 1)), 0)
    return root[:, None] * A * root
