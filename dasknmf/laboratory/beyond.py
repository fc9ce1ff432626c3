"""Measures of a fit that need more than its factors: the spectrum of its network, or a restart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dasknmf.analysis.matching import match
from dasknmf.laboratory.crossing import crossed
from dasknmf.laboratory.measuring import MEASURES, Measure

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from dasknmf.analysis.matching import Factors

#: ``recurrence`` of a fit of a null network is with one restart, of the fit that is examined the mean over its
#: restarts: the same expectation, and less spread, so that its p is no smaller than it should be.
BEYOND: dict[str, Measure] = {
    "inertia_defect": Measure(
        "pairs of the assignment, less those that the spectrum of the network promises"
    ),
    "recurrence": Measure("median similarity of a factor to its match in a restart, W and Hᵀ swapped or not"),
}
#: What is known of the fits of a network.
EVERY: dict[str, Measure] = {**MEASURES, **BEYOND}


def inertia_defect(two_cycles: float, values: ArrayLike, k: int) -> float:
    """Return pairs found, less the negative ones of the k eigenvalues of largest magnitude.

    Parameters
    ----------
    two_cycles : float
        Pairs found.
    values : array-like, shape (p,)
        Eigenvalues by descending magnitude.
    k : int
        Rank.

    Returns
    -------
    float
        nan if fewer than k eigenvalues are known.

    Examples
    --------
    >>> inertia_defect(1.0, [3.0, -2.0, -1.0], 3)
    -1.0
    """
    leading = np.asarray(values, dtype=np.float64).reshape(-1)[:k]
    return float(two_cycles - (leading < 0).sum()) if len(leading) == k else float("nan")


def recurrence_with(model: Factors, restart: Factors) -> float:
    """Return the median over factors of their similarity to the one matched in a restart.

    Two factors are as similar as max(cos(w, w')·cos(h, h'), cos(w, h')·cos(h, w')), see
    :func:`dasknmf.laboratory.recurrence.recurrence_of`.

    Examples
    --------
    >>> W, Ht = np.eye(4)[:, :2], np.eye(4)[:, 2:]
    >>> recurrence_with((W, Ht), (Ht, W))
    1.0
    """
    sides = crossed(model, [restart])
    return float(np.median(match(np.maximum(sides.ww * sides.hh, sides.wh * sides.hw)[0])[1]))
