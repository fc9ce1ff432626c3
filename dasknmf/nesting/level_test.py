"""Which nodes of a level are more than their null networks, corrected for how many there are; and why others end."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from dasknmf.nesting.zoom_options import ZoomOptions

#: Why a node is a leaf, in the order in which they are asked.
TOO_FEW_GENES = "too small: {have} genes, {need} are needed"
TOO_FEW_EDGES = "too small: {have} edges, {need} are needed"
NOT_BETTER = "not better than its null"
NOT_REPRODUCIBLE = "not reproducible over restarts"
DEEPEST = "deepest level reached"


class Verdict(NamedTuple):
    """What becomes of a node: the place of the rank that is taken, and the reason to stop, empty where it goes on."""

    rank: int
    stop_reason: str


def rank_p(explained: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the one-sided rank p-value of the first of each row among all of it: (1 + nulls as high) / (1 + nulls).

    Examples
    --------
    >>> rank_p(np.array([[3.0, 1.0, 2.0, 0.0], [1.0, 1.0, 2.0, 0.0]])).tolist()
    [0.25, 0.75]
    """
    return np.asarray((explained >= explained[:, :1]).mean(axis=1))


def corrected_p(explained: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return p-values corrected for all rows together: the chance that any null is as far out as this one.

    Parameters
    ----------
    explained : ndarray, shape (tests, 1 + B)
        What fits of each network and of its B null networks explain.

    Returns
    -------
    ndarray, shape (tests,)
        At least 1 / (1 + B), and at least :func:`rank_p`.

    Notes
    -----
    Single-step max-T: every row is brought to mean 0 and variance 1, the network itself among its nulls, so that under
    the null hypothesis all columns are alike; p is the rank of a row's first value among the column maxima of the
    nulls. Westfall & Young, Resampling-Based Multiple Testing, Wiley 1993, section 2.3. The error of a family is kept
    whatever other rows are, since nulls are drawn row by row. Unlike a correction of rank p-values, it can find
    something with 19 nulls however many rows there are.

    Examples
    --------
    >>> nulls = np.random.default_rng(0).normal(size=(5, 20))
    >>> nulls[0, 0] = 50
    >>> float(corrected_p(nulls)[0])
    0.05
    """
    spread = explained.std(axis=1, keepdims=True)
    away = explained - explained.mean(axis=1, keepdims=True)
    far = np.divide(away, spread, out=np.zeros_like(away), where=spread > 0)
    most = far[:, 1:].max(axis=0, initial=-np.inf)
    count = explained.shape[1]
    corrected = (1 + (most >= far[:, :1]).sum(axis=1)) / count
    # a row without spread is as its nulls are
    return np.asarray(np.where(spread[:, 0] > 0, np.maximum(corrected, rank_p(explained)), 1.0))


def verdict(corrected: Sequence[float], reproducibility: Sequence[float], options: ZoomOptions) -> Verdict:
    """Return the first rank that is better than its null and reproducible, or why there is none.

    Parameters
    ----------
    corrected : sequence of float
        Corrected p-values of the ranks that were tried, ascending.
    reproducibility : sequence of float
        Mean matched cosine of restarts at these ranks.
    options : ZoomOptions
        What is enough.

    Returns
    -------
    Verdict
        Of a node that stops, the rank is the first one that passed the most tests.

    Examples
    --------
    >>> from dasknmf.nesting.zoom_options import ZoomOptions
    >>> options = ZoomOptions((2,))
    >>> verdict([0.05, 0.05], [0.6, 0.99], options), verdict([0.05, 0.4], [0.6, 0.99], options)
    (Verdict(rank=1, stop_reason=''), Verdict(rank=0, stop_reason='not reproducible over restarts'))
    """
    better = [place for place, p in enumerate(corrected) if p <= options.alpha]
    if not better:
        return Verdict(0, NOT_BETTER)
    for place in better:
        if reproducibility[place] >= options.reproducible:
            return Verdict(place, "")
    return Verdict(better[0], NOT_REPRODUCIBLE)
