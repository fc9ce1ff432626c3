"""The leading part of the spectrum of A, from a few sweeps: randomized symmetric subspace iteration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dasknmf.engine.sweep import Sweep

#: Extra columns beyond those wanted; Halko et al. §4.2 take 5–10, more pay off where the spectrum is flat.
OVERSAMPLING = 16
#: The sum of squares of the wanted eigenvalues has settled when a further sweep changes it by less.
SETTLED = 1e-5


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
        """Return √(1 − Σ_{i≤k} θ_i² / ‖A‖²), the Eckart–Young bound for rank ``k`` as far as it is known."""
        if sum_of_squares == 0:
            return 0.0
        return float(np.sqrt(max(0.0, 1.0 - float((self.values[:k] ** 2).sum()) / sum_of_squares)))


def sketch_width(n: int, k: int) -> int:
    """Return the columns that the leading ``k`` eigenpairs of ``n`` genes are looked for with."""
    return min(n, k + max(OVERSAMPLING, k // 2))


def leading_spectrum(operator: Sweep, k: int, *, seed: int, most_sweeps: int = 8) -> Spectrum:
    """Return the ``k`` eigenpairs of A with the largest |λ|.

    Parameters
    ----------
    operator : Sweep
        The matrix.
    k : int
        Eigenpairs wanted; at most n are returned.
    seed : int
        Of the random start.
    most_sweeps : int
        Stop after so many, settled or not.

    Returns
    -------
    Spectrum

    References
    ----------
    Halko, Martinsson, Tropp, SIAM Review 53 (2011), algorithms 4.4 and 5.3.
    """
    n = operator.n
    k = min(k, n)
    width = sketch_width(n, k)
    start = np.random.default_rng([seed, n]).standard_normal((n, width))
    Q = np.linalg.qr(start)[0]
    before = 0.0
    for sweep in range(most_sweeps):
        Y = (operator @ Q.astype(np.float32)).astype(np.float64)
        T = Q.T @ Y
        values, U = np.linalg.eigh((T + T.T) / 2)
        order = np.argsort(-np.abs(values), kind="stable")[:k]
        captured = float((values[order] ** 2).sum())
        if (sweep and captured - before <= SETTLED * captured) or width == n or sweep == most_sweeps - 1:
            break
        before = captured
        Q = np.linalg.qr(Y)[0]
    values, U = values[order], U[:, order]
    vectors = _fix_signs(Q @ U)
    residuals = np.linalg.norm(Y @ U - (Q @ U) * values, axis=0)
    return Spectrum(values, vectors, residuals)


def _fix_signs(vectors: NDArray[Any]) -> NDArray[Any]:
    """Make the entry of largest magnitude of each vector positive; eigenvectors are known up to sign."""
    largest = np.abs(vectors).argmax(axis=0)
    signs = np.sign(vectors[largest, np.arange(vectors.shape[1])])
    return vectors * np.where(signs == 0, 1.0, signs)
