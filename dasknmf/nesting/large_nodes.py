"""Nodes too large for the memory of a task: their subnetworks are multiplied where A lies, several in each read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dasknmf.engine.generated_sweep import GeneratedSweep
from dasknmf.engine.subnetwork import SubnetworkSweep, shared_sketches
from dasknmf.generated.degrees import LARGEST_RATE, DegreeLaw, dense_scales, edge_rates, edge_scales
from dasknmf.generated.draws import Table
from dasknmf.generated.network import GeneratedNetwork
from dasknmf.matrices import Given
from dasknmf.nesting.examining import Fits, fits_of
from dasknmf.null_models import profile_group, sample_weights
from dasknmf.stages import Session

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from dasknmf.engine.gathering import Members
    from dasknmf.engine.sketch import Sketch
    from dasknmf.engine.sweep import Sweep
    from dasknmf.nesting.examining import Task

#: Subnetworks that share the reads of their sketches; the memory of a run is projected with as many.
SHARED = 4


def examine_large(
    session: Session, sets: Sequence[Members], tasks: Sequence[Task], *, sparse: bool
) -> Iterator[tuple[int, Fits, NDArray[np.float64]]]:
    """Fit nodes whose subnetworks are not gathered, and their null networks.

    Sketches of up to four nodes are made in the same reads of A. What follows is a node at a time: two iterations on
    the subnetwork, exact errors, and what null networks have to keep, six to eight reads in all; null networks make
    their tiles themselves.

    Parameters
    ----------
    session : Session
        A.
    sets : sequence of Members
        Genes of each node.
    tasks : sequence of Task
        Of each node; its ``networks`` are all of them.
    sparse : bool
        Whether tiles of A are sparse.

    Yields
    ------
    edges : int
    own : Fits
    explained : ndarray, shape (ranks, 1 + nulls)
    """
    whole, executor = session.operator, session.executor
    for first in range(0, len(sets), SHARED):
        group = slice(first, first + SHARED)
        bodies = []
        for one in sets[group]:
            weights = np.zeros(whole.n)
            weights[one.genes] = 1.0 if one.weights is None else one.weights
            bodies.append(SubnetworkSweep(whole, weights))
        most = max(k for task in tasks[group] for k in task.ranks)
        sketches = shared_sketches(bodies, executor, most)
        for body, sketch, task in zip(bodies, sketches, tasks[group], strict=True):
            yield _examined(session, body, sketch, task, sparse=sparse)
            whole.reads += body.reads


def _examined(
    session: Session, body: SubnetworkSweep, sketch: Sketch, task: Task, *, sparse: bool
) -> tuple[int, Fits, NDArray[np.float64]]:
    own = Session(session.given, body, session.executor, task.run, session.listener, keep_sketch=False)
    fits = fits_of(own, task, null=False, sketch=sketch)
    seed = task.options.seed_of(task.path)
    degree, strength, diagonal = _profile(body)
    law = null_law(body, degree, strength, diagonal, task.options.null, seed=seed, sparse=sparse)
    explained = [fits.explained]
    for number in task.networks[1:]:
        network = GeneratedNetwork(session.given.genes, body.plan.grid, seed + number, law, "a null network")
        given = Given(None, None, network.genes, network.name, "", network)
        operator = GeneratedSweep(network, session.executor)
        drawn = Session(given, operator, session.executor, task.run, keep_sketch=False)
        explained.append(fits_of(drawn, task, null=True).explained)
    inside = Fits(
        fits.explained,
        fits.bound,
        fits.reproducibility,
        [np.ascontiguousarray(L[body.weights > 0]) for L in fits.loadings],
        fits.cosines,
    )
    return int(degree.sum()) // 2, inside, np.stack(explained, axis=1)


def _profile(
    operator: Sweep,
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float32]]:
    """Return degrees and strengths without the diagonal, and the diagonal, from one read."""
    degree, strength, diagonal = gene_profile(operator)
    return degree.astype(np.int64), np.where(degree > 0, strength, 0.0), diagonal.astype(np.float32)


def gene_profile(operator: Sweep) -> NDArray[np.float64]:
    """Return degree and strength of each gene, both without its self-loop, and that, from one read; shape (3, n)."""
    operator.reads += 1
    panels, groups = operator.panels, operator.plan.groups
    made = operator.executor.add_up(
        profile_group,
        [(operator.source, panels, group) for group in groups],
        [tuple((q, slice(0, panels.rows[q])) for q in group.panels) for group in groups],
        [(rows, 3) for rows in panels.rows],
        np.dtype(np.float64),
        label="profile",
    )
    return np.ascontiguousarray(np.concatenate(operator.executor.get(made)).T)


def null_law(
    operator: Sweep,
    degree: NDArray[np.int64],
    strength: NDArray[np.float64],
    diagonal: NDArray[np.float32],
    kind: str,
    *,
    seed: int,
    sparse: bool,
) -> DegreeLaw:
    """Return what makes null networks of a subnetwork in the size of A: genes that are not members have no edge.

    Parameters
    ----------
    operator : Sweep
        The subnetwork.
    degree, strength, diagonal : ndarray, shape (n,)
        From :func:`gene_profile`.
    kind : {"degree", "shuffle"}
        See :func:`dasknmf.null_network`. A shuffle is that of equal rates and scales for all members.
    seed : int
        Of the weights that are sampled where there are very many.
    sparse : bool
        Whether tiles are sparse.
    """
    n = operator.n
    joined = int(np.count_nonzero(strength))
    pairs, edges = joined * (joined - 1) // 2, int(degree.sum()) // 2
    if kind == "shuffle":
        there = (strength > 0).astype(np.float64)
        rate = LARGEST_RATE if edges >= pairs else min(LARGEST_RATE, -np.log1p(-edges / pairs))
        x, r = there * np.sqrt(rate), there
    elif sparse:
        x = edge_rates(degree)
        r = edge_scales(strength, degree, x)
    else:
        x, r = np.zeros(n), dense_scales(strength)
    ratio = sample_weights(operator, operator.executor, edges if sparse else pairs, seed, r)
    operator.reads += 1
    mean = 1.0 if kind == "shuffle" else float(ratio.mean()) or 1.0
    return DegreeLaw(sparse, x, r, Table((ratio / mean).astype(np.float32)), diagonal)
