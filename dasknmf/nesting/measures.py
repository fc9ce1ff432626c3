"""What a level of nested factors is like: overlap, nesting in the next level, and agreement with other fits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dasknmf.analysis.matching import match
from dasknmf.nesting.loadings import BLOCK, cosines_of
from dasknmf.nesting.memberships import belongs_to, membership_agreement

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Nesting:
    """How the factors of a level lie in those of the coarser one.

    Attributes
    ----------
    share : ndarray, shape (k, m)
        Of the mass of each factor in each of the coarser ones; rows sum to 1, or 0 for a factor that is zero or has no
        gene in any coarser one.
    parent : ndarray of int, shape (k,)
        The coarser factor with the largest share; -1 for none.
    index : float
        Mean share in the parent, over factors that are not zero; nan without any.
    chance : float
        What a factor that spreads over genes as all factors of the level together would have in its parent.
    """

    share: NDArray[np.float64]
    parent: NDArray[np.intp]
    index: float
    chance: float


def nesting_of(fine: NDArray[Any], coarse: NDArray[Any]) -> Nesting:
    """Return how far the mass of each factor lies in one factor of the coarser level.

    A gene belongs to each coarser factor by its share of the gene's loadings there; a factor, by the mean of its genes
    weighted by their loadings. Genes that are in no coarser factor count as lost.

    Parameters
    ----------
    fine : ndarray, shape (n, k)
        Loadings of a level.
    coarse : ndarray, shape (n, m)
        Of the next coarser one, in the scale of its model, in which columns can be compared.

    Returns
    -------
    Nesting

    Examples
    --------
    >>> fine = np.eye(4)
    >>> coarse = np.array([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0], [1.0, 3.0]])
    >>> found = nesting_of(fine, coarse)
    >>> found.parent.tolist(), found.index, found.chance
    ([0, 0, 1, 1], 0.9375, 0.5625)
    """
    k, m = fine.shape[1], coarse.shape[1]
    inside, mass, held = np.zeros((k, m)), np.zeros(k), np.zeros(m)
    for first in range(0, len(fine), BLOCK):
        F, P = (side[first : first + BLOCK].astype(np.float64) for side in (fine, coarse))
        sums = P.sum(axis=1, keepdims=True)
        member = np.divide(P, sums, out=np.zeros_like(P), where=sums > 0)
        inside += F.T @ member
        mass += F.sum(axis=0)
        held += F.sum(axis=1) @ member
    alive = mass > 0
    share = np.divide(inside, mass[:, None], out=np.zeros_like(inside), where=alive[:, None])
    best = share.max(axis=1, initial=0.0)
    parent = np.where(best > 0, share.argmax(axis=1) if m else -1, -1)
    if not alive.any():
        return Nesting(share, parent, np.nan, np.nan)
    return Nesting(share, parent, float(best[alive].mean()), float(held.max(initial=0.0) / mass.sum()))


def overlap_of(gram: NDArray[np.float64]) -> float:
    """Return the mean cosine of different columns of L, given LᵀL; nan with fewer than two that are not zero.

    Examples
    --------
    >>> overlap_of(np.array([[4.0, 1.0], [1.0, 1.0]]))
    0.5
    """
    norms = np.sqrt(np.diag(gram))
    alive = norms > 0
    k = int(alive.sum())
    if k < 2:
        return float("nan")
    cosines = gram[np.ix_(alive, alive)] / np.outer(norms[alive], norms[alive])
    return float((cosines.sum() - k) / (k * (k - 1)))


def effective_number(contributions: NDArray[np.float64]) -> float:
    """Return exp of the entropy of the shares of factors; 0 where there is nothing to share.

    Parameters
    ----------
    contributions : ndarray, shape (k, k)
        Of :class:`dasknmf.nesting.core.Core`; the share of factor j is that of column j.

    Examples
    --------
    >>> effective_number(np.eye(4) / 4), effective_number(np.array([[1.0, 0.0], [0.0, 0.0]]))
    (4.0, 1.0)
    """
    share = contributions.sum(axis=0)
    share = share[share > 0]
    return float(np.exp(-share @ np.log(share))) if len(share) else 0.0


def matched_cosines(restarts: Sequence[NDArray[Any]]) -> NDArray[np.float64]:
    """Return the cosine of each factor with that matched to it in each other set of loadings.

    Parameters
    ----------
    restarts : sequence of ndarray, shape (n, k)
        Loadings, of restarts or of branches.

    Returns
    -------
    ndarray, shape (R, R, k)
        ``[a, b, j]`` is of factor j of a; 1 for a = b.

    Examples
    --------
    >>> matched_cosines([np.eye(3, 2), np.eye(3, 2)[:, ::-1]])[0, 1].tolist()
    [1.0, 1.0]
    """
    R, k = len(restarts), restarts[0].shape[1]
    found = np.ones((R, R, k))
    for a in range(R):
        for b in range(a + 1, R):
            there, found[a, b] = match(cosines_of(restarts[a], restarts[b]))
            found[b, a, there] = found[a, b]
    return found


def others_mean(pairs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean of each row of (R, R) beside the diagonal; nan for one restart.

    Examples
    --------
    >>> others_mean(np.array([[9.0, 1.0], [2.0, 9.0]])).tolist()
    [1.0, 2.0]
    """
    R = len(pairs)
    if R < 2:
        return np.full(R, np.nan)
    return np.asarray((pairs.sum(axis=1) - np.diag(pairs)) / (R - 1))


def membership_pairs(restarts: Sequence[NDArray[Any]]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the adjusted mutual information of memberships of every pair of restarts, and what chance gives.

    Parameters
    ----------
    restarts : sequence of ndarray, shape (n, k)
        Loadings.

    Returns
    -------
    adjusted, chance : ndarray, shape (R, R)
        Symmetric; 1 on the diagonals.
    """
    labels = [belongs_to(L) for L in restarts]
    R = len(labels)
    adjusted, chance = np.ones((R, R)), np.ones((R, R))
    for a in range(R):
        for b in range(a + 1, R):
            found = membership_agreement(labels[a], labels[b])
            adjusted[a, b] = adjusted[b, a] = found.adjusted
            chance[a, b] = chance[b, a] = found.chance
    return adjusted, chance
