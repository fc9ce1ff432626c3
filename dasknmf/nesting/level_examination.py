"""The nodes of a level examined: small ones gathered by one read and fitted a task each, large ones where A lies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp

from dasknmf.engine.gathering import ENTRY, gather
from dasknmf.nesting.examining import SPREAD_GENES, Fits, Task, examine_matrix
from dasknmf.nesting.large_nodes import examine_large
from dasknmf.nesting.nodes import Found

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from dasknmf.nesting.nodes import Node
    from dasknmf.nesting.zoom_options import ZoomOptions
    from dasknmf.parts import KeptParts
    from dasknmf.stages import Session

#: Bytes of a subnetwork that is gathered, as a matrix: 4,096 genes of a dense network, 8 million entries of a sparse
#: one. It does not depend on the memory there is, as bits would.
LARGEST = 64 * 2**20
#: Bytes of an entry of a sparse matrix.
SPARSE_ENTRY = 8


@dataclass(frozen=True, eq=False)
class Workshop:
    """What all levels are examined with.

    ``degree`` are the entries of each row of A, shape (n,), and ``budget`` the bytes that may be gathered at once.
    """

    session: Session
    options: ZoomOptions
    kept: KeptParts
    degree: NDArray[np.float64]
    budget: int
    sparse: bool

    def entries(self, node: Node) -> int:
        """Return how many entries a subnetwork has, at most."""
        m = len(node.members)
        return min(m**2, int(self.degree[node.members.genes].sum())) if self.sparse else m**2

    def is_small(self, node: Node) -> bool:
        """Tell whether a subnetwork is gathered."""
        return self.entries(node) * (SPARSE_ENTRY if self.sparse else 4) <= LARGEST

    def task(self, node: Node) -> Task:
        """Return what is to be fitted of a node."""
        ranks = self.options.ranks_for(node.level, len(node.members))
        networks = tuple(range(1 + self.options.nulls))
        return Task(self.options, self.session.run, node.path, ranks, networks)


def examine_level(shop: Workshop, nodes: Sequence[Node], tell: Callable[[int, int], None]) -> None:
    """Find out what is inside each node of a level, or take it from where it was kept.

    Parameters
    ----------
    shop : Workshop
        The network and options.
    nodes : sequence of Node
        Of one level; ``found`` is set.
    tell : callable
        Called with the nodes that are done, and how many there are.
    """
    done = 0
    for node in nodes:
        saved = shop.kept.get(node.name)
        if saved is not None:
            node.found = _restored(*saved)
            done += 1
    waiting = [node for node in nodes if node.found is None]
    for examined in (_small, _large):
        for node, found in examined(shop, waiting):
            node.found = found
            shop.kept.put(node.name, *_plain(found))
            done += 1
            tell(done, len(nodes))


def _small(shop: Workshop, nodes: Sequence[Node]) -> Iterator[tuple[Node, Found]]:
    session = shop.session
    for together in _rounds(shop, [node for node in nodes if shop.is_small(node)]):
        matrices = gather(session.operator, [node.members for node in together], sparse=shop.sparse)
        edges = [_edges(matrix) for matrix in matrices]
        tasks: list[tuple[Node, Any, Task]] = []
        for number, (node, count) in enumerate(zip(together, edges, strict=True)):
            whole = shop.task(node)
            if not whole.ranks or count < shop.options.least_edges:
                yield node, _nothing(count)
                continue
            # a null network a task where they take long
            step = 1 if len(node.members) > SPREAD_GENES else len(whole.networks)
            placed = session.executor.put([matrices[number]], label="matrix")[0]
            tasks += [
                (node, placed, whole.of(whole.networks[first : first + step]))
                for first in range(0, len(whole.networks), step)
            ]
        if not tasks:
            continue
        made = session.executor.stream(
            examine_matrix, [task[1] for task in tasks], [task[2] for task in tasks], label="examine"
        )
        own = dict(zip(map(id, together), edges, strict=True))
        parts: list[Fits] = []
        for (node, _, task), found in zip(tasks, made, strict=True):
            parts += found
            if len(parts) == 1 + shop.options.nulls:
                explained = np.stack([one.explained for one in parts], axis=1)
                yield node, Found(own[id(node)], task.ranks, parts[0], explained)
                parts = []


def _large(shop: Workshop, nodes: Sequence[Node]) -> Iterator[tuple[Node, Found]]:
    large = [node for node in nodes if not shop.is_small(node)]
    tested = []
    for node in large:
        if shop.task(node).ranks:
            tested.append(node)
        else:
            yield node, _nothing(-1)
    tasks = [shop.task(node) for node in tested]
    made = examine_large(shop.session, [node.members for node in tested], tasks, sparse=shop.sparse)
    for node, task, (edges, fits, explained) in zip(tested, tasks, made, strict=True):
        yield node, Found(edges, task.ranks, fits, explained)


def _rounds(shop: Workshop, nodes: Sequence[Node]) -> Iterator[list[Node]]:
    """Put nodes together, in their order, that may be gathered at once."""
    together: list[Node] = []
    room = shop.budget
    for node in nodes:
        size = shop.entries(node) * (ENTRY if shop.sparse else 4)
        if together and size > room:
            yield together
            together, room = [], shop.budget
        together.append(node)
        room -= size
    if together:
        yield together


def _edges(matrix: Any) -> int:
    """Return the pairs of different genes with a weight above 0."""
    values = matrix.data if sp.issparse(matrix) else matrix
    return int(np.count_nonzero(values > 0) - np.count_nonzero(matrix.diagonal() > 0)) // 2


def _nothing(edges: int) -> Found:
    return Found(edges, (), None, np.zeros((0, 0)))


def _plain(found: Found) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Return what is kept of a node."""
    content = {"edges": found.edges, "ranks": list(found.ranks)}
    if found.fits is None:
        return content, {}
    fits = found.fits
    arrays: dict[str, NDArray[Any]] = {
        "explained": found.explained,
        "bound": fits.bound,
        "reproducibility": fits.reproducibility,
    }
    for place, (L, cosines) in enumerate(zip(fits.loadings, fits.cosines, strict=True)):
        arrays |= {f"loadings-{place}": L, f"cosines-{place}": cosines}
    return content, arrays


def _restored(content: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> Found:
    edges, ranks = int(content["edges"]), tuple(content["ranks"])
    if not ranks:
        return _nothing(edges)
    places = range(len(ranks))
    fits = Fits(
        arrays["explained"][:, 0],
        arrays["bound"],
        arrays["reproducibility"],
        [arrays[f"loadings-{place}"] for place in places],
        [arrays[f"cosines-{place}"] for place in places],
    )
    return Found(edges, ranks, fits, arrays["explained"])
