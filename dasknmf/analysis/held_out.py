"""Held-out error over ranks, and how sure its differences are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class HeldOutCurve:
    """Held-out errors of ranks, each of one model.

    Attributes
    ----------
    relative : ndarray, shape (ranks,)
        ‖A − WH‖² / ‖A‖² over the held-out pairs of genes.
    se : ndarray, shape (ranks,)
        Its standard error.
    difference : ndarray, shape (ranks,)
        To the rank with the lowest.
    difference_se : ndarray, shape (ranks,)
        Standard error of that paired difference; 0 at the lowest.
    """

    relative: NDArray[np.float64]
    se: NDArray[np.float64]
    difference: NDArray[np.float64]
    difference_se: NDArray[np.float64]


def held_out_curve(errors: NDArray[np.float64], squares: NDArray[np.float64]) -> HeldOutCurve:
    """Return held-out errors with their standard errors, by leaving out one group of genes at a time.

    Pairs of genes that share a gene are not independent, so genes, here groups of them, are what is resampled:
    the jackknife of Snijders and Borgatti for networks, se² = (G − 2) / (2 G) Σ (θ₋g − mean)².

    Parameters
    ----------
    errors : ndarray, shape (ranks, G)
        ‖A − WH‖² over the held-out pairs (i, j) with gene i in group g; each pair is there both ways.
    squares : ndarray, shape (G,)
        ‖A‖² over the same pairs.

    References
    ----------
    Snijders, Borgatti, Connections 22 (1999) 161.

    Examples
    --------
    >>> curve = held_out_curve(np.array([[2.0, 2.0, 2.0], [1.0, 1.0, 1.0]]), np.array([4.0, 4.0, 4.0]))
    >>> curve.relative.tolist(), curve.difference.tolist(), curve.difference_se.tolist()
    ([0.5, 0.25], [0.25, 0.0], [0.0, 0.0])
    """
    groups = len(squares)
    total = float(squares.sum())
    if total == 0:
        nothing = np.full(len(errors), np.nan)
        return HeldOutCurve(nothing, nothing, nothing, nothing)
    relative = errors.sum(axis=1) / total
    # without a group, its pairs are missing in both directions
    left = np.maximum(total - 2 * squares, np.finfo(float).tiny)
    without = (errors.sum(axis=1, keepdims=True) - 2 * errors) / left
    best = int(np.argmin(relative))

    def se(values: NDArray[np.float64]) -> NDArray[np.float64]:
        spread = ((values - values.mean(axis=1, keepdims=True)) ** 2).sum(axis=1)
        return np.sqrt((groups - 2) / (2 * groups) * spread) if groups > 2 else np.full(len(values), np.nan)

    return HeldOutCurve(
        relative, se(without), relative - relative[best], se(without - without[best : best + 1])
    )
