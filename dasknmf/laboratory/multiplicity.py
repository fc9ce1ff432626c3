"""Many tests at once: what share of those called significant may be chance."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import false_discovery_control

if TYPE_CHECKING:
    from numpy.typing import NDArray


def q_values(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return p-values adjusted for being several.

    Parameters
    ----------
    p : ndarray, shape (m,)
        nan where there was nothing to test: it stays nan and does not count as a test.

    Returns
    -------
    ndarray, shape (m,)
        The smallest false-discovery rate at which each is significant.

    Notes
    -----
    Benjamini & Hochberg, Journal of the Royal Statistical Society B 57:289, 1995. It holds for independent tests and
    for those that depend positively, as of factors measured on the same restarts (Benjamini & Yekutieli, Annals of
    Statistics 29:1165, 2001).

    Examples
    --------
    >>> q_values(np.array([0.01, np.nan, 0.04])).tolist()
    [0.02, nan, 0.04]
    """
    q = np.full(p.shape, np.nan)
    tested = ~np.isnan(p)
    if tested.any():
        q[tested] = false_discovery_control(p[tested])
    return q
