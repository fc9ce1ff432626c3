"""Top genes of a factor, and whether a set has more of them than if they were drawn blindly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import gammaln

from dasknmf.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: A sum of terms that fall is finished when the next one is this share of it.
NEGLIGIBLE = 1e-17


@dataclass(frozen=True)
class Overlap:
    """The one-sided exact test of Fisher, elementwise; every array has the shape of the overlaps."""

    p: NDArray[np.float64]
    odds_ratio: NDArray[np.float64]
    fold: NDArray[np.float64]


def overlap_test(
    overlap: NDArray[np.float64], size: NDArray[np.float64], top: NDArray[np.float64], universe: int
) -> Overlap:
    """Test whether overlaps are larger than those of genes drawn without replacement.

    Parameters
    ----------
    overlap : ndarray
        Genes that are in the set and in the top; whole numbers.
    size, top : ndarray
        Genes of the set and of the top; they broadcast to the shape of ``overlap``.
    universe : int
        Genes that there are.

    Returns
    -------
    Overlap
        ``p``, the chance of this overlap or more, to 9 digits (it is 0 below 1e-308); ``odds_ratio`` of the
        2 × 2 table, infinite where no gene of the top is outside the set or none of the set outside the top;
        ``fold``, overlap over its expectation. Both ratios are nan where the top is empty.

    Notes
    -----
    Fisher 1935. P(X = x) is C(K, x) C(N − K, n − x) / C(N, n). From the mode outwards the terms of a tail fall, so
    the tail that does not hold the mode is summed, all cells at once, until nothing changes.

    Examples
    --------
    Four of four: 1 / C(8, 4).

    >>> found = overlap_test(np.array([4.0]), np.array([4.0]), np.array([4.0]), 8)
    >>> round(1 / found.p.item(), 6), found.fold.item()
    (70.0, 2.0)
    """
    shape = np.shape(overlap)
    x, K, n = (np.broadcast_to(part, shape).astype(np.float64).ravel() for part in (overlap, size, top))
    N = float(universe)
    upper = x > np.floor((K + 1) * (n + 1) / (N + 2))
    p = np.ones(len(x))
    p[upper] = _tail(x[upper], K[upper], n[upper], N, step=1)
    # at most as many as the mode: 1 minus the chance of fewer; fewer than 0, or than must be, has none
    lower = ~upper & (x > np.maximum(0, K + n - N))
    p[lower] = 1 - _tail(x[lower] - 1, K[lower], n[lower], N, step=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        odds = x * (N - K - n + x) / ((K - x) * (n - x))
        fold = x * N / (K * n)
    return Overlap(np.clip(p, 0, 1).reshape(shape), odds.reshape(shape), fold.reshape(shape))


def _tail(
    x: NDArray[np.float64], K: NDArray[np.float64], n: NDArray[np.float64], N: float, *, step: int
) -> NDArray[np.float64]:
    """Return P(X = x) + P(X = x + step) + …, for x beyond the mode on that side."""
    total, live, term = np.ones(len(x)), np.arange(len(x)), np.ones(len(x))
    at, size, top = x.copy(), K, n
    while len(live):
        if step > 0:
            term = term * (size - at) * (top - at) / ((at + 1) * (N - size - top + at + 1))
        else:
            term = term * at * (N - size - top + at) / ((size - at + 1) * (top - at + 1))
        at = at + step
        total[live] += term
        going = term > NEGLIGIBLE * total[live]
        live, term, at, size, top = live[going], term[going], at[going], size[going], top[going]
    return np.asarray(np.exp(_log_choose(K, x) + _log_choose(N - K, n - x) - _log_choose(N, n)) * total)


def _log_choose(n: NDArray[np.float64] | float, k: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(gammaln(n + 1.0) - gammaln(k + 1) - gammaln(n - k + 1))


def participation(loadings: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return how many genes effectively carry each factor: (Σw²)² / Σw⁴, to the nearest whole number.

    With squares, since a factor's share of ‖A‖² goes with them: a hundred genes of loading 1 stay a hundred beside
    17,000 of 0.01, where (Σw)² / Σw² would say 717.

    Parameters
    ----------
    loadings : ndarray, shape (genes, factors)
        Non-negative.

    Returns
    -------
    ndarray of int, shape (factors,)
        m for m equal loadings; 0 where all are 0.

    Notes
    -----
    The participation number of localised states: Bell & Dean, Discussions of the Faraday Society 50:55, 1970.

    Examples
    --------
    >>> participation(np.array([[2.0, 1.0], [2.0, 0.0], [2.0, 0.0], [0.0, 0.1]])).tolist()
    [3, 1]
    """
    largest = loadings.max(axis=0, initial=0)
    squares = np.square(loadings / np.where(largest > 0, largest, 1))
    fourth = np.square(squares).sum(axis=0)
    number = np.divide(np.square(squares.sum(axis=0)), fourth, out=np.zeros(len(fourth)), where=fourth > 0)
    return np.asarray(np.rint(number), dtype=np.int64)


def top_ranks(loadings: NDArray[np.float64], *, n_top: int | None) -> NDArray[np.int64]:
    """Return the rank of each gene among the top genes of each factor, 0 where it is not one of them.

    Parameters
    ----------
    loadings : ndarray, shape (genes, factors)
        Non-negative.
    n_top : int, optional
        How many; by default the :func:`participation` number of each factor. Genes that tie with the last are
        in too, so that the order of the genes does not matter; genes with loading 0 never are.

    Returns
    -------
    ndarray of int, shape (genes, factors)
        From 1 for the largest; equal loadings in the order of the genes.

    Examples
    --------
    >>> top_ranks(np.array([[1.0], [3.0], [0.0], [1.0]]), n_top=2)[:, 0].tolist()
    [2, 1, 0, 3]
    """
    if not np.isfinite(loadings).all():
        msg = "the fit has loadings that are not finite; fit again, or look at its stop_reason"
        raise InputError(msg)
    genes, factors = loadings.shape
    numbers = participation(loadings) if n_top is None else np.full(factors, min(n_top, genes))
    order = np.argsort(-loadings, axis=0, kind="stable")
    ranks = np.empty_like(order)
    np.put_along_axis(ranks, order, np.arange(1, genes + 1)[:, None], axis=0)
    last = np.take_along_axis(loadings, order[np.maximum(numbers, 1) - 1, np.arange(factors)][None], axis=0)
    return np.where((loadings >= last) & (loadings > 0), ranks, 0)
