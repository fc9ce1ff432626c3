"""A tree of gene clusters and a hierarchy of gene sets over the genes that both have."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dasknmf.errors import InputError, whole

if TYPE_CHECKING:
    from collections.abc import Callable

    import scipy.sparse as sp
    from numpy.typing import NDArray

    from dasknmf.enriching.gene_sets import GeneSets
    from dasknmf.enriching.relations import Hierarchy
    from dasknmf.enriching.trees import Tree

#: Share of the names of the smaller of sets and hierarchy that both have, below which they are probably of different
#: kinds. Of Reactome's hierarchy, 0.99 of the names are sets.
FEW = 0.3

logger = logging.getLogger("dasknmf")


@dataclass(frozen=True, eq=False)
class Matched:
    """Tested sets and nodes over the genes that count; edges and pairs as places among these.

    Attributes
    ----------
    names, descriptions : ndarray of str, shape (sets,)
        Sets in the order of their names.
    sets : csr_array, shape (sets, genes)
        Their genes.
    clusters : ndarray, shape (genes, nodes)
        Genes of the nodes, 1 or 0.
    nodes : ndarray of int, shape (nodes,)
        Places of the tested nodes in the tree.
    genes : ndarray of int
        Places in the tree's genes of those that count.
    edges : (ndarray, ndarray)
        Upper and lower node of edges.
    pairs : (ndarray, ndarray)
        Parent and child of pairs of sets.
    set_descent, node_descent : ndarray of int
        ancestor · count + descendant, sorted.
    """

    names: NDArray[np.object_]
    descriptions: NDArray[np.object_]
    sets: sp.csr_array
    clusters: NDArray[np.float64]
    nodes: NDArray[np.int64]
    genes: NDArray[np.int64]
    edges: tuple[NDArray[np.int64], NDArray[np.int64]]
    pairs: tuple[NDArray[np.int64], NDArray[np.int64]]
    set_descent: NDArray[np.int64]
    node_descent: NDArray[np.int64]

    @property
    def set_size(self) -> NDArray[np.int64]:
        """Genes of each set."""
        return np.asarray(np.diff(self.sets.indptr), dtype=np.int64)

    @property
    def node_size(self) -> NDArray[np.int64]:
        """Genes of each node."""
        return np.asarray(self.clusters.sum(axis=0), dtype=np.int64)

    def similarity(self, labels: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the Jaccard similarity of every set and node, with the genes of the nodes relabelled.

        Returns
        -------
        ndarray, shape (sets, nodes)
        """
        clusters = self.clusters[labels]
        both = self.sets @ clusters
        return np.asarray(both / (self.set_size[:, None] + clusters.sum(axis=0) - both))

    def exchanges(self) -> Callable[[np.random.Generator], NDArray[np.int64]]:
        """Return what draws labels by which clusters without parts change places, within a depth.

        Genes that are in a cluster but in none of its parts stay.

        Raises
        ------
        InputError
            If clusters overlap.
        """
        count = len(self.nodes)
        above, below = np.divmod(self.node_descent, count)
        depth = np.bincount(below, minlength=count)
        held = self.clusters > 0
        deepest = np.where(held, depth, -1).argmax(axis=1)
        in_any = np.asarray(held.any(axis=1))
        if (held.sum(axis=1)[in_any] != depth[deepest[in_any]] + 1).any():
            msg = (
                "null='clusters': a gene is in several clusters that are not inside each other, so that they cannot "
                "change places; use null='genes', or a tree of clusters that do not overlap, such as association_tree"
            )
            raise InputError(msg)
        leaf = np.ones(count, dtype=bool)
        leaf[above] = False
        # of each cluster a gene that is in no part of it, to take its place by
        first = np.zeros(count, dtype=np.int64)
        first[deepest[in_any][::-1]] = np.flatnonzero(in_any)[::-1]
        of_depth = [np.flatnonzero(leaf & (depth == d)) for d in np.unique(depth)]
        moved = in_any & leaf[deepest]

        def labels(rng: np.random.Generator) -> NDArray[np.int64]:
            to = np.arange(count)
            for leaves in of_depth:
                to[leaves] = rng.permutation(leaves)
            return np.where(moved, first[to[deepest]], np.arange(len(held)))

        return labels


def matched_sets(
    tree: Tree, sets: GeneSets, hierarchy: Hierarchy, *, min_size: int, max_size: int
) -> Matched:
    """Lay sets, hierarchy and tree over each other.

    Raises
    ------
    InputError
        If they have no names in common, or nothing of a size.
    """
    whole("min_size", min_size, least=1)
    whole("max_size", max_size, least=min_size)
    named = _named(sets, hierarchy)
    members, clusters = sets.over(tree.genes)[named], tree.members()
    # those in no cluster too: without them the sets of a tree that leaves out genes would be smaller and easier to meet
    counted = np.flatnonzero(np.diff(members.tocsc().indptr) > 0)
    if not len(counted):
        theirs, ours = (", ".join(map(str, names[:3])) for names in (sets.genes, tree.genes))
        msg = (
            f"no gene of {sets.source} is in the tree: the sets have names such as {theirs}, the tree such as {ours}; "
            "take sets with the identifiers and of the species of the network"
        )
        raise InputError(msg)
    members, clusters = members[:, counted], clusters[:, counted]
    size, held = np.diff(members.indptr), np.diff(clusters.indptr)
    kept, nodes = np.flatnonzero((size >= min_size) & (size <= max_size)), np.flatnonzero(held >= min_size)
    if not len(kept) or not len(nodes):
        msg = (
            f"{len(kept):,} sets have {min_size} to {max_size} genes in the tree and {len(nodes):,} nodes have "
            f"{min_size} genes in the sets; change min_size or max_size"
        )
        raise InputError(msg)
    members, names = members[kept], sets.names[named][kept]
    place = {name: s for s, name in enumerate(names.tolist())}
    return Matched(
        names=names,
        descriptions=sets.descriptions[named][kept],
        sets=members,
        clusters=clusters[nodes].toarray().T,
        nodes=nodes,
        genes=counted,
        edges=_edges(tree, nodes),
        pairs=_pairs(hierarchy, place, members),
        set_descent=_set_descent(hierarchy, place),
        node_descent=_node_descent(tree, nodes),
    )


def _named(sets: GeneSets, hierarchy: Hierarchy) -> NDArray[np.int64]:
    """Return the sets that the hierarchy names, in the order of their names."""
    named = np.flatnonzero(np.isin(sets.names, hierarchy.names))
    theirs, ours = (", ".join(map(str, names[:3])) for names in (hierarchy.names, sets.names))
    examples = f"the hierarchy has names such as {theirs}, the sets such as {ours}"
    if not len(named):
        msg = f"{hierarchy.source} names no set of {sets.source}: {examples}; both must use the names of the sets"
        raise InputError(msg)
    if len(named) < FEW * min(len(sets), len(hierarchy.names)):
        logger.warning(
            "%s names only %d of the %d sets of %s: %s",
            *(hierarchy.source, len(named), len(sets), sets.source, examples),
        )
    return named[np.argsort(sets.names[named].astype(str), kind="stable")]


def _edges(tree: Tree, nodes: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    place = np.full(len(tree) + 1, -1)
    place[nodes] = np.arange(len(nodes))
    # a root's parent, -1, is the last place
    upper = place[tree.parent[nodes]]
    return upper[upper >= 0], np.flatnonzero(upper >= 0)


def _pairs(
    hierarchy: Hierarchy, place: dict[str, int], members: sp.csr_array
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return tested parents and children that differ in a gene."""
    of_name = np.array([place.get(name, -1) for name in hierarchy.names.tolist()])
    parent, child = of_name[hierarchy.parent], of_name[hierarchy.child]
    both = (parent >= 0) & (child >= 0)
    parent, child = parent[both], child[both]
    differ = abs(members[parent] - members[child]).sum(axis=1) > 0 if len(parent) else np.zeros(0, dtype=bool)
    return parent[differ], child[differ]


def _set_descent(hierarchy: Hierarchy, place: dict[str, int]) -> NDArray[np.int64]:
    of_name = [place.get(name, -1) for name in hierarchy.names.tolist()]
    codes = [
        of_name[above] * len(place) + of_name[below]
        for below, ancestors in enumerate(hierarchy.ancestors())
        for above in ancestors
        if of_name[above] >= 0 and of_name[below] >= 0
    ]
    return np.sort(np.array(codes, dtype=np.int64))


def _node_descent(tree: Tree, nodes: NDArray[np.int64]) -> NDArray[np.int64]:
    place = np.full(len(tree), -1)
    place[nodes] = np.arange(len(nodes))
    above, below = (place[end] for end in tree.descent())
    both = (above >= 0) & (below >= 0)
    return np.sort(above[both] * len(nodes) + below[both])
