"""Where a dendrogram is cut, so that as many clusters of a size are left as were asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


def branch_levels(
    linkage: NDArray[np.float64], clusters: Sequence[int], *, min_size: int
) -> NDArray[np.int64]:
    """Return the branches of a dendrogram at numbers of clusters, of which each has a least size.

    One height for all branches cuts single genes off a chaining linkage, such as the average of topological overlaps:
    32 clusters are then one of nearly all genes and 31 of one or two. So from the root down, by falling height: a merge
    of two clusters of ``min_size`` genes is cut in two; where one of the two is smaller, its genes are in no cluster
    from there on; where both are, the cluster stays. It is the idea of the dynamic tree cut and of condensed trees.

    Parameters
    ----------
    linkage : ndarray, shape (genes - 1, 4)
        Whose heights do not fall.
    clusters : sequence of int
        Numbers of clusters, or as many as there are.
    min_size : int
        Least genes of a cluster.

    Returns
    -------
    ndarray of int, shape (len(clusters), genes)
        The cluster of each gene, by ascending number of clusters; -1 for none.

    Notes
    -----
    Langfelder, Zhang & Horvath, Bioinformatics 24:719, 2008; Campello, Moulavi & Sander, PAKDD 2013.

    Examples
    --------
    Two clusters of three, and a gene far from both, which one height would have cut off as the second cluster:

    >>> from scipy.cluster.hierarchy import linkage
    >>> points = np.array([0, 1, 2, 10, 11, 12.5, 40])[:, None]
    >>> branch_levels(linkage(points, "average"), [2], min_size=3).tolist()
    [[0, 0, 0, 1, 1, 1, -1]]
    """
    n = len(linkage) + 1
    left, right = linkage[:, :2].astype(np.int64).T
    size = np.concatenate([np.ones(n, dtype=np.int64), linkage[:, 3].astype(np.int64)])
    start, order = _leaf_order(left, right, size)
    alive, levels = {2 * n - 2} if size[-1] >= min_size else set(), []
    wanted = sorted(clusters)
    # merges are listed by height, and a merge follows those it is made of
    for node in range(2 * n - 2, n - 2, -1):
        while wanted and (len(alive) >= wanted[0] or node < n):
            levels.append(_labels(sorted(alive, key=lambda one: start[one]), start, size, order))
            wanted.pop(0)
        if node < n or node not in alive:
            continue
        parts = [part for part in (left[node - n], right[node - n]) if size[part] >= min_size]
        if parts:
            alive.remove(node)
            alive.update(int(part) for part in parts)
    return np.array(levels, dtype=np.int64).reshape(len(clusters), n)


def _leaf_order(
    left: NDArray[np.int64], right: NDArray[np.int64], size: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return where the genes of each node start in an order in which they follow each other, and that order."""
    n = len(left) + 1
    start = np.zeros(2 * n - 1, dtype=np.int64)
    for node in range(2 * n - 2, n - 1, -1):
        first, second = left[node - n], right[node - n]
        start[first], start[second] = start[node], start[node] + size[first]
    return start, np.argsort(start[:n], kind="stable")


def _labels(
    nodes: list[int], start: NDArray[np.int64], size: NDArray[np.int64], order: NDArray[np.int64]
) -> NDArray[np.int64]:
    labels = np.full(len(order), -1, dtype=np.int64)
    for number, node in enumerate(nodes):
        labels[order[start[node] : start[node] + size[node]]] = number
    return labels
