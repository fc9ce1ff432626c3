"""Where a solver starts: random, from the spectrum (NNDSVD), or from given factors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Genes whose start is drawn together: a gene's start depends on the seed and its position only, not on tiles.
_BLOCK = 4096


def random_start(
    n: int, k: int, *, seed: int, mean: float, dtype: np.dtype[Any]
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return W and Hᵀ, each |N(0, 1)|·√(mean / k), so that WH has about the mean of A.

    Parameters
    ----------
    n, k : int
        Genes and factors.
    seed : int
        The same seed gives the same start, whatever the tiles.
    mean : float
        Mean entry of A.
    dtype : dtype
        Of the factors.

    Returns
    -------
    W, Ht : ndarray, shape (n, k)

    Examples
    --------
    >>> W, Ht = random_start(5, 2, seed=0, mean=1.0, dtype=np.dtype("float32"))
    >>> W.shape, bool((W > 0).all()), bool((W == Ht).any())
    ((5, 2), True, False)
    """
    scale = np.sqrt(max(mean, float(np.finfo(np.float32).tiny)) / k)
    factors = []
    for factor in (0, 1):
        rows = [
            np.random.default_rng(
                np.random.SeedSequence(seed, spawn_key=(factor, k, first // _BLOCK))
            ).standard_normal((min(_BLOCK, n - first), k))
            for first in range(0, n, _BLOCK)
        ]
        factors.append((np.abs(np.concatenate(rows)) * scale).astype(dtype))
    return factors[0], factors[1]


def nndsvd_start(
    values: NDArray[np.float64], vectors: NDArray[np.float64], *, fill: float, dtype: np.dtype[Any]
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return W and Hᵀ from the leading eigenpairs of A: non-negative double SVD.

    A symmetric A has singular triplets (|λ|, v, sign(λ) v). Each is split in its positive and negative parts
    and the heavier product of parts of one sign is kept. For λ < 0 that product joins the positive part of v
    to its negative part: the start of two partners.

    Parameters
    ----------
    values : ndarray, shape (k,)
        Eigenvalues, largest |λ| first.
    vectors : ndarray, shape (n, k)
        Their eigenvectors.
    fill : float
        What zeros become: 0 (NNDSVD), or the mean of A (NNDSVDa), for solvers that cannot leave zero.
    dtype : dtype
        Of the factors.

    Returns
    -------
    W, Ht : ndarray, shape (n, k)

    References
    ----------
    Boutsidis, Gallopoulos, Pattern Recognition 41 (2008), algorithm 2.
    """
    W = np.zeros_like(vectors)
    Ht = np.zeros_like(vectors)
    for j, value in enumerate(values):
        u = vectors[:, j]
        v = u if value >= 0 else -u
        best, parts = -1.0, (u, v)
        for sign in (1, -1):
            x, y = np.maximum(sign * u, 0), np.maximum(sign * v, 0)
            product = float(np.linalg.norm(x) * np.linalg.norm(y))
            if product > best:
                best, parts = product, (x, y)
        norms = [float(np.linalg.norm(part)) for part in parts]
        if best <= 0:
            continue
        scale = np.sqrt(abs(value) * best)
        W[:, j], Ht[:, j] = scale * parts[0] / norms[0], scale * parts[1] / norms[1]
    for factor in (W, Ht):
        factor[factor == 0] = fill
    return W.astype(dtype), Ht.astype(dtype)
