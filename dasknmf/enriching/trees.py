"""Trees of gene clusters as flat arrays, and how to get one from levels or a linkage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from dasknmf.enriching.cuts import branch_levels
from dasknmf.enriching.relations import topological
from dasknmf.errors import InputError, whole

if TYPE_CHECKING:
    from collections.abc import Sequence

    import scipy.sparse as sp
    from numpy.typing import ArrayLike, NDArray

    #: Number, number of the parent or -1, and places of genes.
    Cluster: TypeAlias = tuple[int, int, NDArray[np.int64]]

#: Numbers of clusters at which a linkage is cut: each level twice as fine as the one above.
CUTS = (4, 8, 16, 32, 64, 128)


@dataclass(frozen=True, eq=False)
class Tree:
    """Clusters of genes, each inside its parent; clusters may overlap, and there may be several roots.

    Nested factorizations keep their tree in these arrays, and whatever makes levels of clusters that refine each other
    fits in by :func:`level_tree`: a nested stochastic block model, for one, by the blocks of each gene at each level.

    Attributes
    ----------
    parent : ndarray of int, shape (nodes,)
        -1 for a root.
    offset : ndarray of int, shape (nodes + 1,)
        The genes of node v are ``genes[member[offset[v]:offset[v + 1]]]``.
    member : ndarray of int
        Places in ``genes``, unique within a node.
    genes : ndarray of str, shape (genes,)
        Unique names.

    Raises
    ------
    InputError
        If the arrays do not fit each other, or a node is its own ancestor.
    """

    parent: NDArray[np.int64]
    offset: NDArray[np.int64]
    member: NDArray[np.int64]
    genes: NDArray[np.object_]

    def __post_init__(self) -> None:
        for name in ("parent", "offset", "member"):
            object.__setattr__(self, name, np.asarray(getattr(self, name), dtype=np.int64))
        object.__setattr__(self, "genes", np.asarray(self.genes, dtype=object))
        problem = self._problem()
        if problem:
            msg = f"tree of {len(self.parent):,} nodes and {len(self.genes):,} genes: {problem}"
            raise InputError(msg)

    def __len__(self) -> int:
        return len(self.parent)

    def _problem(self) -> str | None:
        nodes, genes, offset = len(self), len(self.genes), self.offset
        if len(offset) != nodes + 1 or offset[0] != 0 or offset[-1] != len(self.member):
            return f"offset must have {nodes + 1:,} places from 0 to the {len(self.member):,} members"
        if (np.diff(offset) < 0).any():
            return "offset must not fall"
        if ((self.member < 0) | (self.member >= genes)).any():
            return f"members must be places in genes, from 0 to {genes - 1:,}"
        if len(set(self.genes.tolist())) < genes:
            return "names of genes must be unique"
        if len(np.unique(np.repeat(np.arange(nodes), np.diff(offset)) * genes + self.member)) < len(
            self.member
        ):
            return "a gene may be in a node only once"
        if ((self.parent < -1) | (self.parent >= nodes)).any():
            return f"parents must be nodes, from 0 to {nodes - 1:,}, or -1 for a root"
        inner = np.flatnonzero(self.parent >= 0)
        if len(topological(self.parent[inner], inner, nodes)) < nodes:
            return "a node is its own ancestor"
        return None

    def members(self) -> sp.csr_array:
        """Return which gene is in which node: ones of float64, shape (nodes, genes)."""
        import scipy.sparse as sp

        shape = (len(self), len(self.genes))
        return sp.csr_array((np.ones(len(self.member)), self.member, self.offset), shape=shape)

    def descent(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return all pairs of a node and one of its descendants, by distance."""
        above, below = [], []
        node = np.arange(len(self))
        ancestor = self.parent.copy()
        while (live := ancestor >= 0).any():
            node, ancestor = node[live], ancestor[live]
            above.append(ancestor)
            below.append(node)
            ancestor = self.parent[ancestor]
        if not above:
            return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
        return np.concatenate(above), np.concatenate(below)


def level_tree(levels: ArrayLike, genes: Sequence[str] | NDArray[Any], *, min_size: int = 5) -> Tree:
    """Return the tree of levels of clusters that refine each other.

    Parameters
    ----------
    levels : array_like of int, shape (levels, genes)
        The cluster of each gene, from the coarsest level to the finest; -1 for none.
    genes : sequence of str, shape (genes,)
        Their names.
    min_size : int
        Smaller clusters, and those equal to the one above, are left out.

    Returns
    -------
    Tree
        Nodes by level, within a level by number of cluster.

    Raises
    ------
    InputError
        If a cluster is not inside one cluster of the level above.

    Examples
    --------
    >>> tree = level_tree([[0, 0, 0, 0, 1, 1], [0, 0, 1, 1, 2, 2]], list("abcdef"), min_size=2)
    >>> tree.parent.tolist(), tree.offset.tolist()
    ([-1, -1, 0, 0], [0, 4, 6, 8, 10])
    """
    whole("min_size", min_size, least=1)
    given = np.atleast_2d(np.asarray(levels))
    if given.ndim != 2 or given.shape[1] != len(genes) or given.dtype.kind not in "iu":
        msg = f"levels of shape {given.shape} and {given.dtype}; needs whole numbers, (levels, {len(genes):,} genes)"
        raise InputError(msg)
    clusters: list[Cluster] = []
    # the cluster that each gene was last in
    last = np.full(given.shape[1], -1, dtype=np.int64)
    for level, labels in enumerate(given):
        for cluster in np.unique(labels[labels >= 0]):
            inside = np.flatnonzero(labels == cluster)
            if level and len(np.unique(given[level - 1, inside])) > 1:
                msg = f"cluster {cluster} of level {level} is in several of level {level - 1}; levels must refine"
                raise InputError(msg)
            above, last[inside] = int(last[inside[0]]), len(clusters)
            clusters.append((len(clusters), above, inside))
    return tree_of_clusters(clusters, genes, min_size=min_size)


def tree_of_clusters(
    clusters: Sequence[Cluster], genes: Sequence[str] | NDArray[Any], *, min_size: int
) -> Tree:
    """Return the tree of clusters, without those that are too small or equal to the one above.

    Parameters
    ----------
    clusters : sequence of (number, number of the parent or -1, places of genes)
        Parents before children; a parent that is left out hands its children to its own.
    genes : sequence of str
        Names.
    min_size : int
        Smaller clusters are left out.

    Raises
    ------
    InputError
        If none is left.

    Examples
    --------
    >>> clusters = [(7, -1, np.array([0, 1, 2])), (8, 7, np.array([0])), (9, 7, np.array([1, 2]))]
    >>> tree_of_clusters(clusters, list("abc"), min_size=2).parent.tolist()
    [-1, 0]
    """
    parents: list[int] = []
    members: list[NDArray[np.int64]] = []
    node_of: dict[int, int] = {-1: -1}
    for number, above, inside in clusters:
        parent = node_of[above]
        if len(inside) >= min_size and (parent < 0 or len(members[parent]) > len(inside)):
            node_of[number] = len(parents)
            parents.append(parent)
            members.append(inside)
        else:
            node_of[number] = parent
    if not parents:
        msg = "no cluster is large enough for a tree; lower min_size, or cut elsewhere"
        raise InputError(msg)
    offset = np.concatenate([[0], np.cumsum([len(part) for part in members])])
    return Tree(np.array(parents), offset, np.concatenate(members), np.asarray(genes, dtype=object))


def linkage_tree(
    linkage: ArrayLike,
    genes: Sequence[str] | NDArray[Any],
    *,
    clusters: Sequence[int] = CUTS,
    heights: Sequence[float] | None = None,
    min_size: int = 5,
) -> Tree:
    """Return the tree of a hierarchical clustering of genes, cut at several heights.

    The average linkage of topological overlaps is what WGCNA clusters by, there cut by a rule with more conditions.

    Parameters
    ----------
    linkage : array_like, shape (genes - 1, 4)
        From :func:`scipy.cluster.hierarchy.linkage`.
    genes : sequence of str
        Names of what was linked.
    clusters : sequence of int
        Cut where there are so many branches of ``min_size`` genes, each, or as many as there are; see
        :func:`~dasknmf.enriching.cuts.branch_levels`.
    heights : sequence of float, optional
        Cut at these heights instead, the same for all branches.
    min_size : int
        Smaller clusters are left out.

    Raises
    ------
    InputError
        If it is no linkage of these genes, or its heights fall (centroid and median linkage).

    Notes
    -----
    Zhang & Horvath, Statistical Applications in Genetics and Molecular Biology 4:17, 2005.

    Examples
    --------
    >>> from scipy.cluster.hierarchy import linkage
    >>> Z = linkage(np.array([[0.0], [1.0], [10.0], [11.5]]), "average")
    >>> linkage_tree(Z, list("abcd"), clusters=(2, 3), min_size=2).parent.tolist()
    [-1, -1]
    """
    from scipy.cluster.hierarchy import fcluster, is_monotonic, is_valid_linkage

    Z = np.asarray(linkage, dtype=np.float64)
    if not is_valid_linkage(Z) or len(Z) != len(genes) - 1 or not is_monotonic(Z):
        msg = (
            f"linkage of shape {Z.shape} for {len(genes):,} genes; needs what scipy.cluster.hierarchy.linkage "
            "returned for them, by a method whose heights never fall, such as average"
        )
        raise InputError(msg)
    cuts: Sequence[float] = sorted(clusters) if heights is None else sorted(heights, reverse=True)
    if not len(cuts):
        msg = "no cuts; give clusters=(4, 8, 16) or heights"
        raise InputError(msg)
    if heights is None:
        whole("min_size", min_size, least=1)
        levels = branch_levels(Z, [whole("clusters", cut, least=1) for cut in cuts], min_size=min_size)
    else:
        levels = np.array([fcluster(Z, t=cut, criterion="distance") for cut in cuts], dtype=np.int64)
    return level_tree(levels, genes, min_size=min_size)
