"""Whether a tree of gene clusters follows a known hierarchy of gene sets, beside shuffled genes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dasknmf.enriching.gene_sets import as_gene_sets
from dasknmf.enriching.matched import Matched, matched_sets
from dasknmf.enriching.relations import as_hierarchy
from dasknmf.errors import InputError, not_negative, whole
from dasknmf.results import versions

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import xarray as xr
    from numpy.typing import NDArray

    from dasknmf.enriching.gene_sets import GeneSets
    from dasknmf.enriching.relations import Hierarchy, Pair
    from dasknmf.enriching.trees import Tree
    from dasknmf.storage import Location, StorageOptions

#: What is measured of a tree, and its sentence.
MEASURES = {
    "edges_follow": "share of edges where the set of the parent node is an ancestor of that of the child",
    "edges_same": "share of edges where both nodes have the same set",
    "edges_reversed": "share of edges where the set of the child is an ancestor of that of the parent",
    "pairs_follow": "share of pairs of sets where the node of the child is a descendant of that of the parent",
    "pairs_same": "share of pairs of sets that have the same node",
    "pairs_reversed": "share of pairs of sets where the node of the parent is a descendant of that of the child",
    "edges_agree": "share of edges that follow or have the same set",
    "pairs_agree": "share of pairs of sets that follow or have the same node",
    "pairs_recovered": "share of pairs of sets whose two sets both have min_similarity to their nodes",
    "node_similarity": "mean over nodes of the similarity to their set",
    "set_similarity": "mean over sets of the similarity to their node",
}
#: How the two ends of an edge or a pair stand to each other.
RELATIONS = np.array(["unrelated", "follows", "same", "reversed"], dtype=object)


def hierarchy_score(
    tree: Tree,
    gene_sets: GeneSets | Location | Mapping[str, Iterable[str]],
    hierarchy: Hierarchy | Location | Iterable[Pair],
    *,
    min_size: int = 5,
    max_size: int = 2000,
    min_similarity: float = 0.1,
    permutations: int = 200,
    seed: int = 0,
    storage_options: StorageOptions | None = None,
) -> xr.Dataset:
    """Score how far a tree of gene clusters follows a known hierarchy of gene sets.

    Every node has a best set and every set a best node, the one of largest Jaccard similarity: it does not grow with
    size, as significance does, which would give all nodes the largest sets. Then both directions are asked. Of each
    edge of the tree: is the parent's set an ancestor of the child's, in the transitive closure? Of each pair of
    parent and child of the hierarchy: is the child's node a descendant of the parent's? The same is done with the
    genes of the tree shuffled, which leaves the shapes of tree and hierarchy, and the overlaps of sets, as they are.

    Read ``pairs_agree`` before ``pairs_follow``: a tree coarser than the hierarchy puts parent and child into one node.
    With ``min_similarity=0``, shuffles spread sets by their size alone, large ones to nodes near the root and small
    ones below these, and may follow more often.

    Parameters
    ----------
    tree : Tree
        Clusters of genes: of nested factors, or by :func:`~dasknmf.enriching.linked_factors.factor_tree`,
        :func:`~dasknmf.enriching.trees.linkage_tree` or :func:`~dasknmf.enriching.trees.level_tree`.
    gene_sets : GMT file, mapping or GeneSets
        See :func:`dasknmf.enrich`. Sets that the hierarchy does not name are left out.
    hierarchy : file, pairs (parent, child) or Hierarchy
        See :func:`dasknmf.read_hierarchy`.
    min_size, max_size : int
        Genes of a set; at least ``min_size`` of a node too. Genes that are not both in a node and in a set that the
        hierarchy names do not count.
    min_similarity : float
        A pair of sets stands in a relation only if both are recovered, with this similarity to their nodes. Shuffled
        trees recover next to nothing of 0.1, so the null is of both, recovery and order; 0 is for the order alone.
    permutations : int
        Shuffles.
    seed : int
        Of the shuffles.
    storage_options : dict, optional
        Options of the fsspec file system of a URL.

    Returns
    -------
    Dataset
        Over ``measure``: ``measured``, ``by_null (measure, null)``, ``null_mean``, ``null_sd``, ``z`` (nan where all
        shuffles have the same) and ``p``, the share of shuffles with as much or more, the measured one counted. Over
        ``node``, ``edge``, ``set`` and ``pair``: best sets and nodes (-1 for none), similarities and relations. Pairs
        of sets with the same genes are not asked for. Shares of nothing are 0.

    Raises
    ------
    InputError
        If tree, sets and hierarchy have no names in common, or no edge and no pair is left.

    Notes
    -----
    p = (1 + #{null ≥ measured}) / (1 + permutations): Phipson & Smyth, Statistical Applications in Genetics and
    Molecular Biology 9:39, 2010. Ties go to the set first by name and the node first in the tree.

    Examples
    --------
    >>> from dasknmf.enriching.trees import level_tree
    >>> genes = [f"g{i}" for i in range(20)]
    >>> tree = level_tree([[0] * 20, [0] * 10 + [1] * 10], genes)
    >>> sets = {"all": genes, "first": genes[:10], "second": genes[10:]}
    >>> found = hierarchy_score(tree, sets, [("all", "first"), ("all", "second")], permutations=19)
    >>> found["measured"].sel(measure=["edges_follow", "pairs_follow"]).values.tolist()
    [1.0, 1.0]
    """
    whole("permutations", permutations, least=1)
    whole("seed", seed, least=0)
    sets = as_gene_sets(gene_sets, storage_options=storage_options)
    known = as_hierarchy(hierarchy, storage_options=storage_options)
    matched = matched_sets(tree, sets, known, min_size=min_size, max_size=max_size)
    if not len(matched.edges[0]) and not len(matched.pairs[0]):
        msg = (
            f"neither two nodes of the tree above each other nor parent and child among the sets have {min_size} "
            "shared genes; lower min_size"
        )
        raise InputError(msg)
    least = not_negative("min_similarity", min_similarity)
    found = _score(matched, np.arange(len(matched.genes)), least)
    rng = np.random.default_rng(seed)
    null = np.array(
        [
            list(_score(matched, rng.permutation(len(matched.genes)), least).measures.values())
            for _ in range(permutations)
        ]
    ).T
    attributes = {
        "min_size": min_size,
        "max_size": max_size,
        "min_similarity": least,
        "permutations": permutations,
        "seed": seed,
        **_facts(tree, sets, known, matched),
        "versions": json.dumps(versions()),
    }
    return _dataset(tree, matched, found, null, attributes)


def _facts(tree: Tree, sets: GeneSets, known: Hierarchy, matched: Matched) -> dict[str, Any]:
    return {
        "gene_sets": sets.source,
        "gene_sets_checksum": sets.checksum,
        "hierarchy": known.source,
        "hierarchy_checksum": known.checksum,
        "sets_tested": len(matched.names),
        "sets_not_in_hierarchy": int((~np.isin(sets.names, known.names)).sum()),
        "names_without_set": int((~np.isin(known.names, sets.names)).sum()),
        "nodes_tested": len(matched.nodes),
        "nodes": len(tree),
        "genes_counted": len(matched.genes),
    }


@dataclass(frozen=True, eq=False)
class Score:
    """Best matches and relations of a tree, in places of tested nodes and sets, and its measures."""

    node_set: NDArray[np.int64]
    node_similarity: NDArray[np.float64]
    set_node: NDArray[np.int64]
    set_similarity: NDArray[np.float64]
    edges: NDArray[np.int64]
    pairs: NDArray[np.int64]
    recovered: float

    @property
    def measures(self) -> dict[str, float]:
        """The numbers of MEASURES, in their order."""
        shares = [
            float((relation == kind).mean()) if len(relation) else 0.0
            for relation in (self.edges, self.pairs)
            for kind in (1, 2, 3)
        ]
        agree = [shares[0] + shares[1], shares[3] + shares[4], self.recovered]
        means = [float(self.node_similarity.mean()), float(self.set_similarity.mean())]
        return dict(zip(MEASURES, [*shares, *agree, *means], strict=True))


def _score(matched: Matched, labels: NDArray[np.int64], least: float) -> Score:
    """Return the score of a tree whose genes have other labels: gene i stands where ``labels[i]`` stood."""
    similarity = matched.similarity(labels)
    node_set, node_similarity = _best(similarity, 0)
    set_node, set_similarity = _best(similarity, 1)
    upper, lower = (node_set[end] for end in matched.edges)
    edges = _relations(upper, lower, matched.set_descent, len(matched.names))
    recovered = np.where(set_similarity >= least, set_node, -1)
    parent, child = (recovered[end] for end in matched.pairs)
    pairs = _relations(parent, child, matched.node_descent, len(matched.nodes))
    both = float(((parent >= 0) & (child >= 0)).mean()) if len(parent) else 0.0
    return Score(node_set, node_similarity, set_node, set_similarity, edges, pairs, both)


def _best(similarity: NDArray[np.float64], axis: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    best, most = similarity.argmax(axis=axis), similarity.max(axis=axis)
    return np.where(most > 0, best, -1), most


def _relations(
    above: NDArray[np.int64], below: NDArray[np.int64], descent: NDArray[np.int64], count: int
) -> NDArray[np.int64]:
    """Return places in RELATIONS; ``descent`` holds ancestor · count + descendant, sorted."""
    there = (above >= 0) & (below >= 0)
    follows = there & _among(above * count + below, descent)
    reverse = there & _among(below * count + above, descent)
    return np.select([there & (above == below), follows, reverse], [2, 1, 3], 0)


def _among(codes: NDArray[np.int64], known: NDArray[np.int64]) -> NDArray[np.bool_]:
    if not len(known):
        return np.zeros(len(codes), dtype=bool)
    return np.asarray(known[np.minimum(np.searchsorted(known, codes), len(known) - 1)] == codes)


def _dataset(
    tree: Tree, matched: Matched, found: Score, null: NDArray[np.float64], attributes: dict[str, Any]
) -> xr.Dataset:
    import xarray as xr

    measured = np.array(list(found.measures.values()))
    mean, sd = null.mean(axis=1), null.std(axis=1)
    # the deviation of equal numbers is their rounding
    z = np.divide(measured - mean, sd, out=np.full(len(mean), np.nan), where=np.ptp(null, axis=1) > 0)
    p = (1 + (null >= measured[:, None]).sum(axis=1)) / (1 + null.shape[1])
    # tested nodes are some of the tree's; the others have no set
    node_set, node_similarity = np.full(len(tree), -1), np.zeros(len(tree))
    node_set[matched.nodes], node_similarity[matched.nodes] = found.node_set, found.node_similarity
    set_node = np.where(found.set_node >= 0, matched.nodes[found.set_node], -1)
    node_size = np.zeros(len(tree), dtype=np.int64)
    node_size[matched.nodes] = matched.node_size
    variables = {
        "measured": ("measure", measured, "of the tree"),
        "by_null": (("measure", "null"), null, "of the tree with its genes shuffled"),
        "null_mean": ("measure", mean, "mean over shuffles"),
        "null_sd": ("measure", sd, "their standard deviation"),
        "z": ("measure", z, "distance from the null mean in its standard deviations"),
        "p": ("measure", p, "chance of as much or more under shuffles, the measured one counted"),
        "node_parent": ("node", tree.parent, "parent node; -1: a root"),
        "node_size": ("node", node_size, "genes that count; 0: fewer than min_size, not tested"),
        "node_set": ("node", node_set, "its best set; -1: none"),
        "node_similarity": ("node", node_similarity, "Jaccard similarity to it"),
        "set_size": ("set", matched.set_size, "genes that count"),
        "set_node": ("set", set_node, "its best node; -1: none"),
        "set_similarity": ("set", found.set_similarity, "Jaccard similarity to it"),
        "edge_parent": (
            "edge",
            matched.nodes[matched.edges[0]],
            "upper node of an edge whose ends are tested",
        ),
        "edge_child": ("edge", matched.nodes[matched.edges[1]], "lower node"),
        "edge_relation": ("edge", RELATIONS[found.edges], "how the sets of its ends stand to each other"),
        "pair_parent": ("pair", matched.pairs[0], "set that is the parent"),
        "pair_child": ("pair", matched.pairs[1], "set that is the child"),
        "pair_relation": ("pair", RELATIONS[found.pairs], "how their nodes stand to each other"),
    }
    return xr.Dataset(
        {name: (dims, values, {"long_name": says}) for name, (dims, values, says) in variables.items()},
        coords={
            "measure": np.array(list(MEASURES), dtype=object),
            "says": ("measure", np.array(list(MEASURES.values()), dtype=object)),
            "set": matched.names,
            "description": ("set", matched.descriptions),
        },
        attrs=attributes,
    )
