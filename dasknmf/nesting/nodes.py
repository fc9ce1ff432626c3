"""Nodes of a zoomed tree: the genes of a factor, what was found among them, and the factors inside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dasknmf.engine.gathering import Members
from dasknmf.nesting.memberships import belongs_to

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from dasknmf.nesting.examining import Fits
    from dasknmf.nesting.zoom_options import ZoomOptions


@dataclass(frozen=True, eq=False)
class Found:
    """What was found among the genes of a node.

    Attributes
    ----------
    edges : int
        Pairs of them with a weight above 0.
    ranks : tuple of int
        Numbers of factors that were tried; none in a node that is not factorized.
    fits : Fits, optional
        Of its subnetwork.
    explained : ndarray, shape (ranks, 1 + nulls)
        What fits of its subnetwork and of its null networks explain.
    """

    edges: int
    ranks: tuple[int, ...]
    fits: Fits | None
    explained: NDArray[np.float64]


@dataclass(eq=False)
class Node:
    """A factor of some node, or the root.

    Attributes
    ----------
    path : tuple of int
        Factors from the root to it.
    parent : int
        Number of the node that it is a factor of; -1 for the root.
    members : Members
        Its genes.
    loading : ndarray of float32, shape (m,)
        Theirs in the fit it comes from.
    cosine : float
        Of the factor with those matched to it in other restarts; nan for the root.
    found : Found, optional
        When it is known.
    rank : int
        Place, among the ranks tried, of that which is shown.
    p, corrected : float
        Rank p-value, and that corrected for its level; nan where none.
    stop_reason : str
        Empty where the tree goes on.
    """

    path: tuple[int, ...]
    parent: int
    members: Members
    loading: NDArray[np.float32]
    cosine: float = float("nan")
    found: Found | None = None
    rank: int = 0
    p: float = float("nan")
    corrected: float = float("nan")
    stop_reason: str = ""

    @property
    def level(self) -> int:
        """Splits above it."""
        return len(self.path)

    @property
    def name(self) -> str:
        """Of the file it is kept in."""
        return "-".join(["node", *map(str, self.path)])


def children_of(node: Node, number: int, options: ZoomOptions) -> list[Node]:
    """Return the factors of a node, as nodes; one that no gene belongs to is none.

    Parameters
    ----------
    node : Node
        Which was factorized.
    number : int
        Its number among all nodes.
    options : ZoomOptions
        Whose ``membership`` says which genes are in a factor.

    Examples
    --------
    >>> from dasknmf.nesting.examining import Fits
    >>> from dasknmf.nesting.zoom_options import ZoomOptions
    >>> L = np.array([[2.0, 1.0], [0.0, 3.0], [0.0, 0.0]], dtype=np.float32)
    >>> fits = Fits(np.ones(1), np.ones(1), np.ones(1), [L], [np.ones(2)])
    >>> node = Node((), -1, Members(np.array([4, 5, 6])), np.ones(3), found=Found(3, (2,), fits, np.ones((1, 20))))
    >>> [child.members.genes.tolist() for child in children_of(node, 0, ZoomOptions((2,)))]
    [[4], [5]]
    >>> soft = children_of(node, 0, ZoomOptions((2,), membership="soft"))
    >>> [(child.members.genes.tolist(), child.members.weights.tolist()) for child in soft]
    [([4], [1.0]), ([4, 5], [0.5, 1.0])]
    """
    assert node.found is not None
    assert node.found.fits is not None
    L = node.found.fits.loadings[node.rank]
    cosines = node.found.fits.cosines[node.rank]
    made = []
    label = belongs_to(L)
    share = shares_of(L)
    for factor in range(L.shape[1]):
        weights = None
        if options.membership == "hard":
            inside = np.flatnonzero(label == factor)
        else:
            inside = np.flatnonzero(share[:, factor] >= options.share)
            above = 1.0 if node.members.weights is None else node.members.weights[inside]
            weights = share[inside, factor] * above
        if len(inside):
            members = Members(node.members.genes[inside], weights)
            made.append(
                Node((*node.path, factor), number, members, L[inside, factor], float(cosines[factor]))
            )
    return made


def shares_of(loadings: NDArray[Any]) -> NDArray[np.float64]:
    """Return the loadings of each gene over its largest; 0 for a gene without any.

    Examples
    --------
    >>> shares_of(np.array([[2.0, 1.0], [0.0, 0.0]])).tolist()
    [[1.0, 0.5], [0.0, 0.0]]
    """
    exact = loadings.astype(np.float64)
    most = exact.max(axis=1, keepdims=True, initial=0.0)
    return np.asarray(np.divide(exact, most, out=np.zeros_like(exact), where=most > 0))


def columns_of_nodes(nodes: Sequence[Node], n: int) -> NDArray[np.float32]:
    """Return the loadings of nodes side by side, 0 outside each, shape (n, nodes)."""
    made = np.zeros((n, len(nodes)), dtype=np.float32)
    for column, node in enumerate(nodes):
        made[node.members.genes, column] = node.loading
    return made
