"""What Kullback–Leibler solvers do row by row, compiled, in one pass over a factor.

Imported at the first update, since numba takes half a second to import.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from dasknmf.compiling import compiled

if TYPE_CHECKING:
    from numpy.typing import NDArray


@compiled
def ratio_rows(
    F: NDArray[Any], Y: NDArray[Any], below: NDArray[np.float64], mean: NDArray[np.float64], floor: Any
) -> tuple[NDArray[Any], NDArray[np.float64], float, float]:
    """Return F ∘ Y ⊘ below with its column sums, and how far F is from a stationary point.

    Parameters
    ----------
    F, Y : ndarray, shape (rows, k)
        Rows of the factor, and of (A ⊘ WH) times the other.
    below : ndarray, shape (k,)
        Column sums of the other factor: below − Y is the gradient.
    mean : ndarray, shape (k,)
        Of the columns of the whole factor.
    floor : number of the type of F
        What entries are raised to.

    Returns
    -------
    new : ndarray, shape (rows, k)
    columns : ndarray, shape (k,)
        Column sums of ``new``.
    gap : float
        Σ F ∘ gradient where it is positive, Σ max(F, mean) ∘ −gradient where it is negative.
    part : float
        Σ F ∘ Y.
    """
    n, k = F.shape
    new = np.empty_like(F)
    columns, gap, part = np.zeros(k), np.zeros(k), np.zeros(k)
    factor = np.empty(k, F.dtype)
    zero = F.dtype.type(0)
    for j in range(k):
        # a factor whose partner has died: Y is zero there too
        factor[j] = 1 / below[j] if below[j] > 0 else 0
    for r in range(n):
        for j in range(k):
            f, y = F[r, j], Y[r, j]
            # a zero stays zero, whatever its ratio overflows to
            made = f if f == zero else f * (y * factor[j])
            made = floor if made < floor else made
            new[r, j] = made
            columns[j] += np.float64(made)
            slope = below[j] - np.float64(y)
            own = np.float64(f)
            weight = own if slope > 0 or own > mean[j] else mean[j]
            gap[j] += weight * abs(slope)
            part[j] += own * np.float64(y)
    return new, columns, gap.sum(), part.sum()
