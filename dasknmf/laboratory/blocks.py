"""The block between the two gene sets of a pair of factors, gene by gene: what A has there, and what the model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dasknmf.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from dasknmf.analysis.matching import Factors

#: Genes of each side: a block of a hundred entries is a page.
TOP = 10


@dataclass(frozen=True, eq=False)
class Blocks:
    """Entries between the leading genes of pairs of factors.

    Attributes
    ----------
    pair_first, pair_second : ndarray of int, shape (pairs,)
        The factor whose W side is the first gene set, and its partner, whose W side is the second.
    entry_pair : ndarray of int, shape (entries,)
        Which pair.
    entry_gene : ndarray of int, shape (entries, 2)
        Places of a gene of the first and one of the second set.
    entry_weight : ndarray, shape (entries,)
        Their weight in A.
    entry_model : ndarray, shape (entries,)
        Their weight in WH, the mean of both directions.
    """

    pair_first: NDArray[np.intp]
    pair_second: NDArray[np.intp]
    entry_pair: NDArray[np.intp]
    entry_gene: NDArray[np.intp]
    entry_weight: NDArray[np.float64]
    entry_model: NDArray[np.float64]


def pairs_of(partner_of: ArrayLike) -> NDArray[np.intp]:
    """Return the 2-cycles of an assignment, the lower factor first, in its order.

    Parameters
    ----------
    partner_of : array-like of int, shape (k,)
        The row of H assigned to each column of W; -1 where there is none.

    Returns
    -------
    ndarray of int, shape (pairs, 2)

    Examples
    --------
    A module, a pair, and a cycle of three that is neither.

    >>> pairs_of([0, 2, 1, 4, 5, 3]).tolist()
    [[1, 2]]
    """
    partner = np.asarray(partner_of, dtype=np.intp).reshape(-1)
    return np.array(
        [(j, i) for j, i in enumerate(partner) if j < i < len(partner) and partner[i] == j], dtype=np.intp
    ).reshape(-1, 2)


def leading_genes(model: Factors, pairs: ArrayLike, *, top: int = TOP) -> list[tuple[NDArray[np.intp], ...]]:
    """Return the genes with the largest loadings on the W side and on the H side of the first factor of each pair.

    Parameters
    ----------
    model : (W, Ht), each of shape (n, k)
        A fit.
    pairs : array-like of int, shape (pairs, 2)
        From :func:`pairs_of`.
    top : int
        Most genes of each side; those with loading 0 are none. Equal loadings keep the order of genes.

    Returns
    -------
    list of (first, second)
        Places of genes.

    Raises
    ------
    InputError
        If ``top`` is below 1.

    Examples
    --------
    >>> W = np.array([[0.0, 3.0], [1.0, 0.0], [2.0, 0.0]])
    >>> [[side.tolist() for side in sets] for sets in leading_genes((W, W[:, ::-1]), [(0, 1)])]
    [[[2, 1], [0]]]
    """
    if top < 1:
        msg = f"top={top}: needs at least 1 gene a side"
        raise InputError(msg)
    chosen = np.asarray(pairs, dtype=np.intp).reshape(-1, 2)
    return [tuple(_leading(np.asarray(side)[:, first], top) for side in model) for first, _ in chosen]


def _leading(column: NDArray[np.floating], top: int) -> NDArray[np.intp]:
    order = np.argsort(-column, kind="stable")[:top]
    return np.asarray(order[column[order] > 0], dtype=np.intp)


def genes_between(sets: Sequence[tuple[NDArray[np.intp], ...]]) -> NDArray[np.intp]:
    """Return the genes of all sets, once each, ascending: what :func:`~dasknmf.laboratory.facts.network_facts` asks.

    Examples
    --------
    >>> genes_between([(np.array([2, 1]), np.array([0])), (np.array([2]), np.array([5]))]).tolist()
    [0, 1, 2, 5]
    """
    return np.unique(np.concatenate([np.zeros(0, np.intp), *(side for both in sets for side in both)]))


def blocks(
    model: Factors,
    pairs: ArrayLike,
    sets: Sequence[tuple[NDArray[np.intp], ...]],
    chosen: NDArray[np.intp],
    between: NDArray[np.float64],
) -> Blocks:
    """Return the weights between the gene sets of each pair, in A and in WH, largest in A first within a pair.

    A gene that is in both sets has no entry with itself, and two genes that are both in both sets have one entry.

    Parameters
    ----------
    model : (W, Ht), each of shape (n, k)
        A fit.
    pairs : array-like of int, shape (pairs, 2)
        From :func:`pairs_of`.
    sets : sequence of (first, second)
        From :func:`leading_genes`, for the same pairs.
    chosen : ndarray of int, shape (m,)
        Genes whose weights are known, ascending.
    between : ndarray, shape (m, m)
        Weights in A between them.

    Returns
    -------
    Blocks

    Raises
    ------
    InputError
        If a gene of a set is not among those chosen.

    Examples
    --------
    >>> A = np.array([[0.0, 4.0, 6.0], [4.0, 0.0, 0.0], [6.0, 0.0, 0.0]])
    >>> model = (np.array([[0.0, 2.0], [2.0, 0.0], [3.0, 0.0]]), np.array([[2.0, 0.0], [0.0, 2.0], [0.0, 3.0]]))
    >>> found = blocks(model, [(0, 1)], leading_genes(model, [(0, 1)]), np.arange(3), A)
    >>> found.entry_gene.tolist(), found.entry_weight.tolist(), found.entry_model.tolist()
    ([[2, 0], [1, 0]], [6.0, 4.0], [6.0, 4.0])
    """
    W, Ht = (np.asarray(side) for side in model)
    of_pairs = np.asarray(pairs, dtype=np.intp).reshape(-1, 2)
    lacking = np.setdiff1d(genes_between(sets), chosen)
    if len(lacking):
        msg = f"{len(lacking)} genes of the sets, such as the one at place {lacking[0]}, are not among those chosen"
        raise InputError(msg)
    numbers, genes, weights, models = [], [], [], []
    for number, (first, second) in enumerate(sets):
        entries = _entries(first, second)
        a, b = entries.T
        weight = between[np.searchsorted(chosen, a), np.searchsorted(chosen, b)]
        there, back = (np.einsum("ej,ej->e", W[x], Ht[y], dtype=np.float64) for x, y in ((a, b), (b, a)))
        made = (there + back) / 2
        order = np.lexsort((b, a, -made, -weight))
        numbers.append(np.full(len(entries), number, dtype=np.intp))
        genes.append(entries[order])
        weights.append(weight[order])
        models.append(made[order])
    return Blocks(
        of_pairs[:, 0],
        of_pairs[:, 1],
        np.concatenate([np.zeros(0, np.intp), *numbers]),
        np.concatenate([np.zeros((0, 2), np.intp), *genes]),
        np.concatenate([np.zeros(0), *weights]),
        np.concatenate([np.zeros(0), *models]),
    )


def _entries(first: NDArray[np.intp], second: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return the pairs of a gene of each set, each unordered pair of two different genes once."""
    seen: set[tuple[int, int]] = set()
    for a in first.tolist():
        seen |= {(a, b) for b in second.tolist() if a != b and (b, a) not in seen}
    return np.array(sorted(seen), dtype=np.intp).reshape(-1, 2)
