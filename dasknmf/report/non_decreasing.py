"""The best non-decreasing function of points, for drawing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import isotonic_regression

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]


def monotone(x: Array, y: Array) -> tuple[Array, Array]:
    """Return the corners of the best non-decreasing function of x, by least squares.

    Parameters
    ----------
    x, y : ndarray, shape (n,)

    Returns
    -------
    (x, y)
        Ends of the intervals on which it is constant; between them, any line that rises will do.

    References
    ----------
    Barlow, Bartholomew, Bremner & Brunk, Statistical Inference under Order Restrictions, 1972.

    Examples
    --------
    >>> xs, ys = monotone(np.array([0.0, 1.0, 2.0, 3.0]), np.array([0.0, 4.0, 2.0, 5.0]))
    >>> xs.tolist(), ys.tolist()
    ([0.0, 0.0, 1.0, 2.0, 3.0, 3.0], [0.0, 0.0, 3.0, 3.0, 5.0, 5.0])
    """
    at, group = np.unique(x, return_inverse=True)
    # a function has one value at equal x: their mean, with their number as its weight
    count = np.bincount(group)
    found = isotonic_regression(np.bincount(group, y) / count, weights=count)
    first, last = found.blocks[:-1], found.blocks[1:] - 1
    return np.stack([at[first], at[last]], axis=1).ravel(), np.repeat(found.x[first], 2)
