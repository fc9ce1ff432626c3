"""The leading part of the spectrum of A, from a few sweeps: a randomized block Krylov method."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dasknmf.engine.sweep import Sweep

#: Extra columns beyond the eigenpairs wanted, as Halko et al. §4.2 advise.
OVERSAMPLING = 10
#: Settled: a further sweep changes the sum of squares of the wanted eigenvalues by less than this share.
SETTLED = 1e-6
#: Relative size of the rounding in a float32 product.
ROUNDING = 1e-6
#: Most sweeps, and most bytes of the basis, of which three blocks are kept however large they are.
MOST_SWEEPS = 12
LARGEST_BASIS = 2**29


@dataclass(frozen=True)
class Spectrum:
    """Approximate eigenpairs of A with the largest |λ|, in that order.

    Attributes
    ----------
    values : ndarray, shape (k,)
        Ritz values; their squares sum to at most those of the true eigenvalues.
    vectors : ndarray, shape (n, k)
        Orthonormal Ritz vectors.
    residuals : ndarray, shape (k,)
        ‖A v − θ v‖: an eigenvalue of A lies within it of each Ritz value.
    """

    values: NDArray[np.float64]
    vectors: NDArray[np.float64]
    residuals: NDArray[np.float64]

    def relative_error(self, k: int, sum_of_squares: float) -> float:
        """Return the Eckart–Young bound for rank ``k``, √(1 − Σ_{i≤k} λ_i² / ‖A‖²), from below.

        A Ritz value is taken as large as float32 products and its residual allow, to second order:
        |θ| (1 + rounding) + residual² / |θ|. So the bound is an estimate, but one that errs to the low side.
        """
        if sum_of_squares == 0:
            return 0.0
        values, residuals = np.abs(self.values[:k]), self.residuals[:k]
        slack = np.divide(residuals**2, values, out=np.zeros_like(values), where=values > 0)
        captured = float(((values * (1 + ROUNDING) + slack) ** 2).sum())
        return float(np.sqrt(max(0.0, 1.0 - captured / sum_of_squares)))


def sketch_width(n: int, k: int) -> int:
    """Return the columns of each block in which the leading ``k`` eigenpairs of ``n`` genes are looked for."""
    return min(n, k + OVERSAMPLING)


def basis_blocks(n: int, k: int) -> int:
    """Return how many blocks the basis may have, which is also the most sweeps made."""
    width = sketch_width(n, k)
    return max(3, min(MOST_SWEEPS, LARGEST_BASIS // (8 * n * width)))


def basis_bytes(n: int, k: int) -> int:
    """Return the bytes that :func:`leading_spectrum` takes: its basis, and six blocks on the way."""
    return (basis_blocks(n, k) + 6) * 8 * n * sketch_width(n, k)


def leading_spectrum(operator: Sweep, k: int, *, seed: int) -> Spectrum:
    """Return the ``k`` eigenpairs of A with the largest |λ|, by block Lanczos with full orthogonalisation.

    The Ritz values of all blocks Q, A·Q, A²·Q, … settle in far fewer sweeps than powers of A: on five gene
    networks the Eckart–Young bound was within 5e-8 of ARPACK's after 7 to 11 sweeps, where ten powers were
    off by 1e-6 to 8e-4.

    Parameters
    ----------
    operator : Sweep
        The matrix.
    k : int
        Eigenpairs wanted; at most n are returned.
    seed : int
        Of the random start.

    Returns
    -------
    Spectrum

    References
    ----------
    Musco, Musco, NIPS 28 (2015), algorithm 2; Golub, Underwood, Mathematical Software III (1977).
    """
    n = operator.n
    k = min(k, n)
    start = np.random.default_rng([seed, n]).standard_normal((n, sketch_width(n, k)))
    block = np.linalg.qr(start)[0]
    room = np.empty((n, basis_blocks(n, k) * block.shape[1]), order="F")
    size = 0
    T = np.empty((0, 0))
    before = 0.0
    for sweep in range(basis_blocks(n, k)):
        room[:, size : size + block.shape[1]] = block
        size += block.shape[1]
        basis = room[:, :size]
        Y = (operator @ block.astype(np.float32)).astype(np.float64)
        column = basis.T @ Y
        T = _extended(T, column)
        values, U = np.linalg.eigh(T)
        order = np.argsort(-np.abs(values), kind="stable")[:k]
        captured = float((values[order] ** 2).sum())
        rest = Y - basis @ column
        rest -= basis @ (basis.T @ rest)
        width = block.shape[1]
        if sweep and captured - before <= SETTLED * captured:
            break
        before = captured
        block = _new_directions(rest, basis, float(np.abs(values).max(initial=0.0)))
        if block.shape[1] == 0:
            break  # the space that A spans from here is exhausted: the values are exact
    chosen = U[:, order]
    residuals = np.linalg.norm(rest @ chosen[-width:], axis=0)
    return Spectrum(values[order], _fix_signs(basis @ chosen), residuals)


def _new_directions(
    rest: NDArray[np.float64], basis: NDArray[np.float64], largest: float
) -> NDArray[np.float64]:
    """Return an orthonormal basis of what is left of A·block, without directions that are only rounding."""
    n, size = basis.shape
    directions, lengths, _ = np.linalg.svd(rest, full_matrices=False)
    kept = directions[:, (lengths > ROUNDING * largest) & (np.arange(len(lengths)) < n - size)]
    # what is left may be as short as a rounding error of A·block, and then leans on the basis
    kept -= basis @ (basis.T @ kept)
    return np.asarray(np.linalg.qr(kept)[0])


def _extended(T: NDArray[np.float64], column: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return basisᵀ·A·basis after a block was added, given its block column."""
    old, width = len(T), column.shape[1]
    larger = np.zeros((old + width, old + width))
    larger[:old, :old] = T
    larger[:old, old:] = column[:old]
    larger[old:, :old] = column[:old].T
    larger[old:, old:] = (column[old:] + column[old:].T) / 2
    return larger


def _fix_signs(vectors: NDArray[Any]) -> NDArray[Any]:
    """Make the entry of largest magnitude of each vector positive; eigenvectors are known up to sign."""
    largest = np.abs(vectors).argmax(axis=0)
    signs = np.sign(vectors[largest, np.arange(vectors.shape[1])])
    return vectors * np.where(signs == 0, 1.0, signs)
