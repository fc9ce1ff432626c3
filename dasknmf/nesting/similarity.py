"""The similarity of genes over the loadings of a level, as its exact eigenpairs: no n×n matrix, and no read of A."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dasknmf.errors import InputError, not_negative

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Eigenvalues below this share of the largest are rounding of loadings in float32.
ROUNDING = 1e-7
#: Named similarities, and the power of row norms they divide by.
NAMED = {"inner": 0.0, "cosine": 1.0, "core": 0.0}


@dataclass(frozen=True, eq=False)
class Spectrum:
    """A symmetric matrix V diag(λ) Vᵀ, exactly.

    Attributes
    ----------
    values : ndarray, shape (p,)
        Eigenvalues that are not zero, by descending magnitude.
    vectors : ndarray of float32, shape (n, p)
        Their eigenvectors.
    sum_of_squares, total : float
        Of all entries.
    """

    values: NDArray[np.float64]
    vectors: NDArray[np.float32]
    sum_of_squares: float
    total: float


def similarity_power(similarity: str | float) -> float:
    """Return the t of rows / ‖row‖^t that a similarity stands for.

    Raises
    ------
    InputError
        If it is neither a name nor a number from 0 to 1.

    Examples
    --------
    >>> similarity_power("inner"), similarity_power("cosine"), similarity_power(0.5)
    (0.0, 1.0, 0.5)
    """
    if isinstance(similarity, str):
        if similarity not in NAMED:
            msg = (
                f"similarity={similarity!r} is not known; choose one of {', '.join(NAMED)}, or a number from 0 to 1, "
                "the power of row norms to divide by"
            )
            raise InputError(msg)
        return NAMED[similarity]
    power = not_negative("similarity", similarity)
    if power > 1:
        msg = f"similarity={similarity!r}: needs a power of row norms from 0 (inner product) to 1 (cosine)"
        raise InputError(msg)
    return power


def similarity_of(
    loadings: NDArray[Any], *, power: float = 0.0, core: NDArray[np.float64] | None = None
) -> Spectrum:
    """Return the similarity D L C Lᵀ D of genes, D = diag(‖row of L‖^−t), by its eigenpairs.

    Parameters
    ----------
    loadings : ndarray, shape (n, k)
        L, with the scale of its columns.
    power : float
        t: 0 is the inner product, 1 the cosine; a gene without loadings is like no gene.
    core : ndarray, shape (k, k), optional
        C ≥ 0 for columns of norm 1, with which L is brought to such columns; by default L as it is, and no C: LLᵀ.

    Returns
    -------
    Spectrum

    Notes
    -----
    D L = Q R, and R C Rᵀ = U diag(λ) Uᵀ is k×k: eigenvectors are Q U.

    Examples
    --------
    >>> L = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 3.0]])
    >>> similarity_of(L).values.round(6).tolist()
    [9.0, 2.0]
    >>> similarity_of(L, power=1.0).values.round(6).tolist()
    [2.0, 1.0]
    >>> sorted(similarity_of(L, core=np.array([[0.0, 1.0], [1.0, 0.0]])).values.round(6).tolist())
    [-1.0, 1.0]
    """
    L = np.asarray(loadings, dtype=np.float64)
    if core is not None:
        norms = np.linalg.norm(L, axis=0)
        L = L * np.divide(1.0, norms, out=np.zeros_like(norms), where=norms > 0)
    if power:
        rows = np.linalg.norm(L, axis=1) ** power
        L = L * np.divide(1.0, rows, out=np.zeros_like(rows), where=rows > 0)[:, None]
    Q, R = np.linalg.qr(L)
    inside = R @ R.T if core is None else R @ core @ R.T
    values, U = np.linalg.eigh((inside + inside.T) / 2)
    order = np.argsort(-np.abs(values), kind="stable")
    largest = float(np.abs(values).max(initial=0.0))
    # one is kept of a matrix that is zero
    order = order[: max(1, int((np.abs(values) > ROUNDING * largest).sum()))]
    values, vectors = values[order], Q @ U[:, order]
    # eigenvectors are known up to sign: the entry of largest magnitude is positive
    top = vectors[np.abs(vectors).argmax(axis=0), np.arange(len(order))]
    vectors = vectors * np.where(top < 0, -1.0, 1.0)
    sums = vectors.sum(axis=0)
    return Spectrum(
        values,
        np.ascontiguousarray(vectors, dtype=np.float32),
        float(values @ values),
        float(sums**2 @ values),
    )
