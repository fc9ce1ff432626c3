"""How far the clusters of a tree, matched with sets, stand to each other as the sets do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dasknmf.enriching.matched import Matched

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
    "pairs_order": "share of pairs of sets recovered at different nodes where the child's is below the parent's",
    "node_similarity": "mean over nodes of the similarity to their set",
    "set_similarity": "mean over sets of the similarity to their node",
}
#: How the two ends of an edge or a pair stand to each other.
RELATIONS = np.array(["unrelated", "follows", "same", "reversed"], dtype=object)


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
        apart = self.recovered - shares[4]
        order = shares[3] / apart if apart > 0 else 0.0
        agree = [shares[0] + shares[1], shares[3] + shares[4], self.recovered, order]
        means = [float(self.node_similarity.mean()), float(self.set_similarity.mean())]
        return dict(zip(MEASURES, [*shares, *agree, *means], strict=True))


def score(matched: Matched, labels: NDArray[np.int64], least: float) -> Score:
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


def possible_pairs(matched: Matched, least: float) -> NDArray[np.bool_]:
    """Return the pairs of sets that a tree with nodes of these sizes could follow, whatever their genes.

    Two sets of s and c genes have a Jaccard similarity of at most min(s, c) / max(s, c).
    """
    sizes = np.divide.outer(matched.set_size.astype(np.float64), matched.node_size)
    near = (np.minimum(sizes, 1 / sizes) >= least).astype(np.float32)
    count = len(matched.nodes)
    below = np.zeros((count, count), dtype=np.float32)
    below.flat[matched.node_descent] = 1
    parent, child = matched.pairs
    return np.asarray(((near @ below)[parent] * near[child]).any(axis=1))
