"""Eigenvalues ± over the same genes: which belong together, and at which ranks a cut takes them apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import linear_sum_assignment

from dasknmf.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

#: Two eigenvectors are over the same genes if the cosine of their squared entries is at least this. By chance it is
#: 1/3 (see :func:`overlaps`). Of 120 planted pairs among modules, whose eigenvectors noise mixes, nine in ten of the
#: right partners had more than 0.47 to 0.65, and nine in ten of wrong ones less than 0.41, where the sum of smaller
#: entries, Σ min(u², v²), had 0.37 to 0.42 and 0.40.
SHARED = 0.5
#: Least ratio of the smaller |λ| to the larger. Two factors of cosine c alone have (1 − c)/(1 + c): this is c = 1/5.
#: The 240 planted pairs had 0.68 or more. With ½, pairs of the human networks span forty ranks, a module with a weak
#: shadow of opposite sign, and no rank takes none apart.
CLOSE = 2 / 3
#: Genes at once.
BLOCK = 4096


def overlaps(left: NDArray[np.floating], right: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return how much vectors are over the same genes: the cosine of their squared entries.

    Parameters
    ----------
    left, right : ndarray, shapes (n, p) and (n, q)
        Eigenvectors.

    Returns
    -------
    ndarray, shape (p, q)
        From 0, no gene in common, to 1, the same magnitudes everywhere. Of two random directions it is 1/3, E x² E y² /
        E x⁴ of Gaussian entries.

    Examples
    --------
    >>> overlaps(np.array([[3.0], [4.0]]), np.array([[3.0, 1.0], [-4.0, 0.0]])).round(3).tolist()
    [[1.0, 0.49]]
    """
    products = np.zeros((left.shape[1], right.shape[1]))
    norms = [np.zeros(side.shape[1]) for side in (left, right)]
    for start in range(0, len(left), BLOCK):
        a, b = (np.square(side[start : start + BLOCK], dtype=np.float64) for side in (left, right))
        products += a.T @ b
        norms[0] += np.square(a).sum(axis=0)
        norms[1] += np.square(b).sum(axis=0)
    sizes = np.sqrt(np.outer(*norms))
    return np.divide(products, sizes, out=np.zeros_like(products), where=sizes > 0)


def mirrors(
    values: ArrayLike, vectors: NDArray[np.floating], *, shared: float = SHARED, close: float = CLOSE
) -> NDArray[np.intp]:
    """Return for each eigenvalue the place of the one of opposite sign over the same genes.

    A block w hᵀ + h wᵀ between two sets of genes has the eigenvectors ŵ ± ĥ with the eigenvalues ‖w‖‖h‖(cos ± 1): two
    of opposite sign whose magnitudes are the same gene by gene where the sets are disjoint.

    Parameters
    ----------
    values : array-like, shape (p,)
        Eigenvalues.
    vectors : ndarray, shape (n, p)
        Their eigenvectors.
    shared, close : float
        Least :func:`overlaps`, and least ratio of magnitudes.

    Returns
    -------
    ndarray of int, shape (p,)
        -1 where there is none; ``mirror[mirror[i]] == i`` elsewhere.

    Raises
    ------
    InputError
        If there is not one vector for each value.

    Notes
    -----
    One to one, by the assignment with the largest sum of overlap times ratio over pairs that pass both cuts. Blocks of
    equal strength share an eigenspace, in which vectors are of no block by themselves: those are not found.

    Examples
    --------
    Two genes with an edge, and one with a loop.

    >>> values, vectors = np.linalg.eigh(np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 3.0]]))
    >>> values.tolist(), mirrors(values, vectors).tolist()
    ([-1.0, 1.0, 3.0], [1, 0, -1])
    """
    lam = np.asarray(values, dtype=np.float64).reshape(-1)
    if np.ndim(vectors) != 2 or vectors.shape[1] != len(lam):
        msg = f"{len(lam)} eigenvalues and vectors of shape {np.shape(vectors)}; needs (genes, {len(lam)})"
        raise InputError(msg)
    up, down = np.flatnonzero(lam > 0), np.flatnonzero(lam < 0)
    mirror = np.full(len(lam), -1, dtype=np.intp)
    if not len(up) or not len(down):
        return mirror
    sizes = np.abs(lam)
    ratio = np.minimum.outer(sizes[up], sizes[down]) / np.maximum.outer(sizes[up], sizes[down])
    over = overlaps(vectors[:, up], vectors[:, down])
    score = np.where((over >= shared) & (ratio >= close), over * ratio, 0.0)
    rows, columns = linear_sum_assignment(score, maximize=True)
    chosen = score[rows, columns] > 0
    mirror[up[rows[chosen]]], mirror[down[columns[chosen]]] = down[columns[chosen]], up[rows[chosen]]
    return mirror


def splits(mirror: NDArray[np.intp], ranks: int | Sequence[int] | NDArray[np.intp]) -> NDArray[np.intp]:
    """Return how many pairs of eigenvalues ± a cut after the first k of them takes apart.

    Parameters
    ----------
    mirror : ndarray of int, shape (p,)
        From :func:`mirrors`, eigenvalues by descending magnitude.
    ranks : int or sequence of int
        k, each from 0 to p.

    Returns
    -------
    ndarray of int, shape (ranks,)

    Examples
    --------
    >>> splits(np.array([-1, 2, 1]), [1, 2, 3]).tolist()
    [0, 1, 0]
    """
    place = np.arange(len(mirror))
    inside = np.atleast_1d(np.asarray(ranks))[:, None]
    return np.asarray(((mirror >= 0) & (place < inside) & (mirror >= inside)).sum(axis=1), dtype=np.intp)


@dataclass(frozen=True)
class RankAdvice:
    """Ranks near one that take no pair of eigenvalues ± apart.

    Attributes
    ----------
    rank, split : int
        The rank asked about, and how many pairs it takes apart.
    nearest : tuple of int
        The nearest rank that takes none apart, itself included; two where both sides are equally near; none if empty.
    lower, higher : int or None
        The next such rank below, and above.
    sentence : str
        The same in words.
    """

    rank: int
    split: int
    nearest: tuple[int, ...]
    lower: int | None
    higher: int | None
    sentence: str


def advised_rank(rank: int, splits: ArrayLike) -> RankAdvice:
    """Return the nearest ranks at which no pair of eigenvalues ± is taken apart.

    Parameters
    ----------
    rank : int
        k.
    splits : array-like of int, shape (K,)
        From :func:`splits`, for the ranks 1, 2, …, K.

    Returns
    -------
    RankAdvice

    Raises
    ------
    InputError
        If ``rank`` is not from 1 to K.

    Examples
    --------
    >>> print(advised_rank(3, [0, 0, 1, 0]).sentence)
    Rank 3 takes 1 pair of eigenvalues ± apart; rank 2 or 4 takes none apart.
    """
    apart = np.asarray(splits, dtype=np.intp)
    if not 1 <= rank <= len(apart):
        msg = f"rank {rank} of ranks 1 to {len(apart)} that are known; needs one of them"
        raise InputError(msg)
    whole = np.flatnonzero(apart == 0) + 1
    below, above = whole[whole < rank], whole[whole > rank]
    lower = int(below[-1]) if len(below) else None
    higher = int(above[0]) if len(above) else None
    split = int(apart[rank - 1])
    if split == 0:
        said = f"Rank {rank} takes no pair of eigenvalues ± apart."
        return RankAdvice(rank, 0, (rank,), lower, higher, said)
    near = [other for other in (lower, higher) if other is not None]
    nearest = tuple(other for other in near if abs(other - rank) == min(abs(each - rank) for each in near))
    said = f"Rank {rank} takes {split} pair{'s' if split > 1 else ''} of eigenvalues ± apart; "
    if near:
        said += f"rank {' or '.join(map(str, near))} takes none apart."
    else:
        said += f"so does every rank up to {len(apart)}."
    return RankAdvice(rank, split, nearest, lower, higher, said)
