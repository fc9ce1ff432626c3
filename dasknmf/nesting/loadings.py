"""Loadings: the one gene × factor matrix of a fit that goes on to the next level."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from dasknmf.errors import one_of
from dasknmf.laboratory.assignment import partners
from dasknmf.nesting.variables import BRANCHES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dasknmf.analysis.matching import Factors

#: Rows multiplied at once, in float64.
BLOCK = 4096


def loadings_of(model: Factors, branch: str) -> NDArray[np.float32]:
    """Return the loadings of a fit.

    Parameters
    ----------
    model : (W, Ht), each of shape (n, k)
        A fit; balanced, or the columns of the mean have the norms of the two sides.
    branch : {"W", "H", "partner", "index"}
        ``"W"``: the left factor; ``"H"``: the right one. ``"partner"``: the mean of w_j and the row of H that the
        optimal assignment gives it, both brought to the geometric mean of their norms: where factors are essentially
        unique, the row is w_j but for its scale, and the mean loses nothing. ``"index"``: the mean of w_j and h_j,
        which for partners is the union of two gene sets that are not joined inside.

    Returns
    -------
    ndarray of float32, shape (n, k)

    Raises
    ------
    InputError
        If there is no such branch.

    Examples
    --------
    Two partners, w_1 ∝ h_2 and w_2 ∝ h_1:

    >>> W, Ht = np.eye(2), 4 * np.eye(2)[:, ::-1]
    >>> loadings_of((W, Ht), "partner").tolist()
    [[2.0, 0.0], [0.0, 2.0]]
    >>> loadings_of((W, Ht), "index").tolist()
    [[0.5, 2.0], [2.0, 0.5]]
    """
    one_of("branch", branch, BRANCHES)
    W, Ht = (np.asarray(side, dtype=np.float32) for side in model)
    if branch == "W":
        return W
    if branch == "H":
        return Ht
    if branch == "index":
        return np.asarray((W + Ht) / 2, dtype=np.float32)
    return _with_partners(W, Ht)


def _with_partners(W: NDArray[np.float32], Ht: NDArray[np.float32]) -> NDArray[np.float32]:
    found = partners((W, Ht)).partner_of
    # a factor that is zero on a side has no partner but itself
    partner = np.where(found >= 0, found, np.arange(len(found)))
    norms = [np.sqrt(np.diag(cross(side, side))) for side in (W, Ht)]
    assigned = norms[1][partner]
    both = (norms[0] > 0) & (assigned > 0)
    size = np.sqrt(norms[0] * assigned)
    to = [
        np.divide(size, norm, out=np.zeros_like(size), where=both).astype(np.float32) / 2
        for norm in (norms[0], assigned)
    ]
    return np.ascontiguousarray(W * to[0] + Ht[:, partner] * to[1])


def cross(X: NDArray[Any], Y: NDArray[Any]) -> NDArray[np.float64]:
    """Return XᵀY in float64, added up over blocks of rows in order.

    Examples
    --------
    >>> cross(np.ones((3, 1), np.float32), np.ones((3, 2), np.float32)).tolist()
    [[3.0, 3.0]]
    """
    total = np.zeros((X.shape[1], Y.shape[1]))
    for first in range(0, len(X), BLOCK):
        rows = slice(first, first + BLOCK)
        total += X[rows].astype(np.float64).T @ Y[rows].astype(np.float64)
    return total


def cosines_of(X: NDArray[Any], Y: NDArray[Any]) -> NDArray[np.float64]:
    """Return the cosines of the columns of X with those of Y; 0 for a column that is zero.

    Examples
    --------
    >>> cosines_of(np.array([[1.0, 0.0], [1.0, 0.0]]), np.array([[3.0], [0.0]])).round(3).tolist()
    [[0.707], [0.0]]
    """
    norms = [np.sqrt(np.square(side, dtype=np.float64).sum(axis=0)) for side in (X, Y)]
    size = np.outer(*norms)
    cosines = np.divide(cross(X, Y), size, out=np.zeros_like(size), where=size > 0)
    return np.asarray(np.clip(cosines, 0.0, 1.0))
