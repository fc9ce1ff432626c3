"""Whether a tree of gene clusters follows a known hierarchy of gene sets, beside shuffled genes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from dasknmf.enriching.gene_sets import as_gene_sets
from dasknmf.enriching.matched import Matched, matched_sets
from dasknmf.enriching.relations import as_hierarchy
from dasknmf.enriching.scoring import MEASURES, RELATIONS, possible_pairs, score
from dasknmf.errors import InputError, not_negative, one_of, whole
from dasknmf.results import versions

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import xarray as xr
    from numpy.typing import NDArray

    from dasknmf.enriching.gene_sets import GeneSets
    from dasknmf.enriching.relations import Hierarchy, Pair
    from dasknmf.enriching.scoring import Score
    from dasknmf.enriching.trees import Tree
    from dasknmf.storage import Location, StorageOptions

#: What a shuffle exchanges.
NULLS = ("genes", "clusters")


def hierarchy_score(
    tree: Tree,
    gene_sets: GeneSets | Location | Mapping[str, Iterable[str]],
    hierarchy: Hierarchy | Location | Iterable[Pair],
    *,
    min_size: int = 5,
    max_size: int = 2000,
    min_similarity: float = 0.1,
    permutations: int = 200,
    null: str = "genes",
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
    But a pair in one node says nothing of nesting, and flat modules have such pairs too: for that is
    ``null="clusters"``, and ``pairs_possible`` says how many pairs nodes of these sizes can follow at all. Trees are
    only to be compared at equal numbers of nodes, as each node more is one more chance of being like a set.
    With ``min_similarity=0``, shuffles spread sets by their size alone, large ones to nodes near the root and small
    ones below these, and may follow more often.

    Parameters
    ----------
    tree : Tree
        Clusters of genes, by :func:`~dasknmf.enriching.association_trees.association_tree` of nested factors,
        :func:`~dasknmf.enriching.linked_factors.factor_tree`,
        :func:`~dasknmf.enriching.trees.linkage_tree` or :func:`~dasknmf.enriching.trees.level_tree`.
    gene_sets : GMT file, mapping or GeneSets
        See :func:`dasknmf.enrich`. Sets that the hierarchy does not name are left out.
    hierarchy : file, pairs (parent, child) or Hierarchy
        See :func:`dasknmf.read_hierarchy`.
    min_size, max_size : int
        Genes of a set; at least ``min_size`` of a node too. Genes of the tree count that are in a set the hierarchy
        names, whether they are in a node or not.
    min_similarity : float
        A pair of sets stands in a relation only if both are recovered, with this similarity to their nodes. Shuffled
        trees recover next to nothing of 0.1, so the null is of both, recovery and order; 0 is for the order alone.
    permutations : int
        Shuffles.
    null : {"genes", "clusters"}
        What is shuffled. ``"genes"``: names of genes, which asks of modules and their nesting together; modules alone
        are nearly always more than that. ``"clusters"``: clusters without parts, among places of the same depth, each
        with its genes, and clusters above are the unions of what is then below them: it asks of nesting alone, of
        clusters that do not overlap.
    seed : int
        Of the shuffles.
    storage_options : dict, optional
        Options of the fsspec file system of a URL.

    Returns
    -------
    Dataset
        Over ``measure``: ``measured``, ``by_null (measure, null)``, ``null_mean``, ``null_sd``, ``z`` (nan where all
        shuffles have the same) and ``p``, the share of shuffles with as much or more, the measured one counted. Over
        ``node``, ``edge``, ``set`` and ``pair``: best sets and nodes (-1 for none), similarities and relations, and
        ``pair_possible``, whether the sizes of sets and nodes allow it to be followed; the attribute
        ``pairs_possible`` is the share of them. Pairs of sets with the same genes are not asked for. Shares of nothing
        are 0.

    Raises
    ------
    InputError
        If tree, sets and hierarchy have no names in common, no edge and no pair is left, or clusters overlap that are
        to be shuffled.

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
    one_of("null", null, NULLS)
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
    found = score(matched, np.arange(len(matched.genes)), least)
    rng = np.random.default_rng(seed)
    shuffled = matched.exchanges() if null == "clusters" else None
    by_null = np.array(
        [
            list(
                score(
                    matched, shuffled(rng) if shuffled else rng.permutation(len(matched.genes)), least
                ).measures.values()
            )
            for _ in range(permutations)
        ]
    ).T
    possible = possible_pairs(matched, least)
    attributes = {
        "min_size": min_size,
        "max_size": max_size,
        "min_similarity": least,
        "permutations": permutations,
        "null": null,
        "seed": seed,
        "pairs_possible": float(possible.mean()) if len(possible) else 0.0,
        **_facts(tree, sets, known, matched),
        "versions": json.dumps(versions()),
    }
    return _dataset(tree, matched, found, by_null, attributes).assign(
        pair_possible=(
            "pair",
            possible,
            {"long_name": "whether sizes of sets and nodes allow it to be followed"},
        )
    )


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
        "by_null": (("measure", "null"), null, "of the tree with its genes or clusters shuffled"),
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
