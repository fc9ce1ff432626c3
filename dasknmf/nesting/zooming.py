"""The tree of ``zoom``: the nodes of a level examined together, then split or ended, each kept when it is done."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from dasknmf.engine.gathering import Members
from dasknmf.events import LevelEnded, StageAdvanced
from dasknmf.nesting.core import Core, best_core
from dasknmf.nesting.large_nodes import gene_profile
from dasknmf.nesting.level_examination import Workshop, examine_level
from dasknmf.nesting.level_test import (
    DEEPEST,
    TOO_FEW_EDGES,
    TOO_FEW_GENES,
    corrected_p,
    rank_p,
    verdict,
)
from dasknmf.nesting.loadings import cross
from dasknmf.nesting.nodes import Node, children_of, columns_of_nodes
from dasknmf.sketching import vectors_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from dasknmf.nesting.zoom_options import ZoomOptions
    from dasknmf.parts import KeptParts
    from dasknmf.stages import Session

#: Loadings of nodes multiplied by A in one read.
COLUMNS = 128
#: Most factors of a level of which the bound is known: a sketch of width 128 finds so many eigenpairs.
BOUNDED = 118
#: Of its strength, that a gene has in the root beside its part of the leading eigenvector.
TRACE = 1e-6


@dataclass(eq=False)
class Zoomed:
    """A tree and what its levels are worth.

    Attributes
    ----------
    nodes : list of Node
        Level by level, the root first.
    partitions : list of list of int
        The nodes of each level and the leaves above them: together all genes that belong anywhere.
    cores : list of Core
        Between the nodes of each partition, on the whole of A.
    grams : list of ndarray
        LᵀL of their loadings, brought to norm 1.
    bounds : ndarray, shape (most factors that are known,)
        E* of one factor, two, and so on.
    """

    nodes: list[Node] = field(default_factory=list)
    partitions: list[list[int]] = field(default_factory=list)
    cores: list[Core] = field(default_factory=list)
    grams: list[NDArray[np.float64]] = field(default_factory=list)
    bounds: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))

    @property
    def bound(self) -> NDArray[np.float64]:
        """E* of as many factors as each level has, nan above what a sketch knows, shape (levels,)."""
        counts = [len(partition) for partition in self.partitions]
        return np.array([self.bounds[k - 1] if k <= len(self.bounds) else np.nan for k in counts])


def zoom_in(session: Session, options: ZoomOptions, kept: KeptParts, budget: int, *, sparse: bool) -> Zoomed:
    """Return the tree.

    Parameters
    ----------
    session : Session
        A.
    options : ZoomOptions
        What is made of it.
    kept : KeptParts
        Where nodes that are done are, and are put.
    budget : int
        Bytes of subnetworks that may be gathered at once.
    sparse : bool
        Whether tiles of A are sparse.
    """
    degree, loading, bounds = _begun(session, kept)
    there = np.flatnonzero(loading > 0)
    frontier = [Node((), -1, Members(there), loading[there].astype(np.float32))]
    workshop = Workshop(session, options, kept, degree, budget, sparse=sparse)
    found = Zoomed(bounds=bounds)
    leaves: list[int] = []
    while frontier:
        level = frontier[0].level
        first = len(found.nodes)
        found.nodes += frontier
        numbers = list(range(first, len(found.nodes)))
        examine_level(workshop, frontier, _counter(session, f"level {level}"))
        judge(frontier, options)
        found.partitions.append([*leaves, *numbers])
        _measure(session, kept, found, level)
        _tell(session, options, found)
        leaves += [number for number in numbers if found.nodes[number].stop_reason]
        frontier = [
            child
            for number in numbers
            if not found.nodes[number].stop_reason
            for child in children_of(found.nodes[number], number, options)
        ]
    return found


def judge(nodes: Sequence[Node], options: ZoomOptions) -> None:
    """Say of each node of a level whether it goes on, in how many factors, and otherwise why not.

    Parameters
    ----------
    nodes : sequence of Node
        All of one level; they are changed.
    options : ZoomOptions
        What is enough.
    """
    tested = [node for node in nodes if node.found is not None and node.found.fits is not None]
    if tested:
        explained = np.concatenate([node.found.explained for node in tested if node.found])
        corrected, own = corrected_p(explained), rank_p(explained)
        start = 0
        for node in tested:
            assert node.found is not None
            assert node.found.fits is not None
            rows = slice(start, start + len(node.found.ranks))
            start = rows.stop
            node.rank, node.stop_reason = verdict(
                corrected[rows].tolist(), node.found.fits.reproducibility.tolist(), options
            )
            node.p, node.corrected = float(own[rows][node.rank]), float(corrected[rows][node.rank])
    for node in nodes:
        if node not in tested:
            node.stop_reason = _reason(node, options)


def _reason(node: Node, options: ZoomOptions) -> str:
    """Return why a node was not factorized."""
    assert node.found is not None
    have = len(node.members)
    need = options.genes_needed(node.level)
    if have < need:
        return TOO_FEW_GENES.format(have=have, need=need)
    if node.found.edges < options.least_edges:
        return TOO_FEW_EDGES.format(have=node.found.edges, need=options.least_edges)
    return DEEPEST


def _begun(session: Session, kept: KeptParts) -> list[NDArray[np.float64]]:
    """Return degrees with self-loops, the loadings of the root, and E* of one factor, two, and so on.

    The loading of a gene in the root is that of the leading eigenvector, which is the best model of one factor; a
    trace of its strength is added, so that genes of other components, which it leaves out, are there too.
    """
    names = ("degree", "loading", "bounds")
    saved = kept.get("root")
    if saved is not None:
        session.operator.reads += int(saved[0]["reads"])
        return [saved[1][name] for name in names]
    before = session.operator.reads
    degree, strength, loop = gene_profile(session.operator)
    strength = strength + loop
    sketch = session.sketches(min(BOUNDED, session.operator.n))[0]
    leading = np.abs(vectors_of(sketch, session.executor)[:, 0].astype(np.float64))
    size = float(np.linalg.norm(strength))
    trace = TRACE * strength / size if size > 0 else strength
    bounds = np.array(
        [1.0 - sketch.relative_error(k) ** 2 for k in range(1, min(BOUNDED, len(sketch.values)) + 1)]
    )
    made = [degree + (loop > 0), np.where(strength > 0, leading + trace, 0.0), bounds]
    kept.put("root", {"reads": session.operator.reads - before}, dict(zip(names, made, strict=True)))
    return made


def _measure(session: Session, kept: KeptParts, found: Zoomed, level: int) -> None:
    """Find the best core between the nodes of the last partition, on the whole of A."""
    saved = kept.get(f"partition-{level}")
    nodes = [found.nodes[number] for number in found.partitions[-1]]
    if saved is None:
        before = session.operator.reads
        L = columns_of_nodes(nodes, session.operator.n)
        # loadings are of fits of different subnetworks: of one size, float32 keeps them all
        L /= np.maximum(np.linalg.norm(L.astype(np.float64), axis=0), np.finfo(np.float32).tiny)
        products = [
            cross(L, session.product(np.ascontiguousarray(L[:, first : first + COLUMNS])))
            for first in range(0, L.shape[1], COLUMNS)
        ]
        arrays = {"product": np.concatenate(products, axis=1), "gram": cross(L, L)}
        kept.put(f"partition-{level}", {"reads": session.operator.reads - before}, arrays)
    else:
        content, arrays = saved
        session.operator.reads += int(content["reads"])
    found.cores.append(best_core(arrays["product"], arrays["gram"], session.operator.sum_of_squares))
    found.grams.append(arrays["gram"])


def _counter(session: Session, stage: str) -> Callable[[int, int], None]:
    began = time.perf_counter()

    def tell(done: int, of: int) -> None:
        each = (time.perf_counter() - began) / max(1, done)
        session.listener(StageAdvanced(stage, done, of, session.seconds, each * (of - done)))

    return tell


def _tell(session: Session, options: ZoomOptions, found: Zoomed) -> None:
    explained, bound = found.cores[-1].explained, float(found.bound[-1])
    session.listener(
        LevelEnded(
            len(found.cores) - 1,
            options.levels + 1,
            len(found.partitions[-1]),
            explained,
            explained / bound if bound > 0 else float("nan"),
            session.seconds,
        )
    )
