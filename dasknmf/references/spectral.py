"""Spectral clustering: every gene in one module, by the leading eigenvectors of the normalised network."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import numpy as np

from dasknmf.decomposition import Decomposition, Registry, balanced
from dasknmf.engine.normalised import Normalised
from dasknmf.exact import sum_of_squares_of
from dasknmf.model import relative_error
from dasknmf.references.kmeans import Clusters, cluster_rows
from dasknmf.sketched import FACTOR
from dasknmf.sketching import sketches_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from dasknmf.engine.executor import Handle
    from dasknmf.engine.sketch import Sketch
    from dasknmf.options import ModelOptions
    from dasknmf.stages import Session

#: What the Dataset of ``solver="spectral"`` holds besides scale and gauge.
VARIABLES: Registry = {
    "W": (
        ("gene", "factor"),
        "module of each gene: one entry a row, the same in all of a module; columns balanced",
    ),
    "H": (("factor", "gene"), "mean row of A over the genes of a module, rows balanced"),
    "label": (("gene",), "module of each gene, a factor; -1 for genes without a place in the embedding"),
    "embedding": (
        ("gene", "eigenpair"),
        "leading eigenvectors of D^-½AD^-½ (D + τ with tau), rows of unit length, or 0",
    ),
    "eigenvalue": (("eigenpair",), "λ of D^-½AD^-½, by |λ|"),
    "eigenvalue_error": (("eigenpair",), "residual of each eigenpair: an eigenvalue lies within it"),
    "core": (
        ("factor", "other_factor"),
        "C of W·C·Wᵀ, which has the mean weight between modules in each block",
    ),
}
#: Starts of k-means; the best one counts.
RESTARTS = 10
#: A row of the eigenvectors that is this share of the mean one is rounding of float32.
NOWHERE = 1e-5
#: An eigenvalue of this size is that of a component, or nearly so: 1, or −1 where it is bipartite. Where there are
#: many of them, they are not yet settled in the third digit.
WHOLE = 0.998

logger = logging.getLogger("dasknmf")


def spectral(session: Session, models: Sequence[ModelOptions], sketch: Sketch | None) -> list[Decomposition]:
    """Return modules for each model, from one sketch of the normalised network and one more read for their means.

    Isolated genes, without an edge, or with none but to themselves where the diagonal is ignored, have a zero row in
    D^-½AD^-½. They are in no module: their label is −1 and their rows of W and of the embedding are zero. So are
    genes that the leading eigenvectors do not reach.
    """
    del sketch
    made: dict[str, tuple[Sketch, NDArray[Any], Clusters]] = {}
    for tau in dict.fromkeys(model.tau or 0.0 for model in models):
        alike = [model for model in models if (model.tau or 0.0) == tau]
        pairs, connected = _eigenpairs(session, tau, max(model.n_components for model in alike))
        for model in alike:
            vectors, k = [pairs.vectors], [model.n_components]
            (handle,) = session.executor.map(_embedding, vectors, k, [connected], label="embedding")
            clusters = _best(session, handle, model)
            made[model.name] = (pairs, np.asarray(session.executor.get([handle])[0]), clusters)
    members = [_indicator(made[model.name][2].labels, model.n_components) for model in models]
    AW = session.product(np.concatenate(members, axis=1))
    cuts = np.cumsum([W.shape[1] for W in members])[:-1]
    return [
        _modules(session, *made[model.name], W, Y)
        for model, W, Y in zip(models, members, np.split(AW, cuts, axis=1), strict=True)
    ]


def _eigenpairs(session: Session, tau: float, k: int) -> tuple[Sketch, NDArray[np.bool_]]:
    """Return leading eigenpairs of the normalised network, at least ``k``, and which genes have an edge."""
    operator = Normalised(session.operator, session.given.strength, diagonal=session.diagonal, tau=tau)
    (pairs,) = sketches_for(
        session.given.network,
        operator,
        session.executor,
        k,
        diagonal=session.diagonal,
        keep=session.keep_sketch,
        listener=session.listener,
        matrix=f"normalised-tau{tau!r}" if tau else "normalised",
    )
    alone = int((np.abs(pairs.values[:k]) > WHOLE).sum())
    if not tau and alone > max(2, k // 4):
        logger.warning(
            "%d of %d eigenvectors of the normalised network have |λ| near 1: each is a component by itself, often of "
            "a few genes; tau=1 (--tau 1) lets modules come first",
            alone,
            k,
        )
    return pairs, operator.degree > 0


def _best(session: Session, embedding: Handle, model: ModelOptions) -> Clusters:
    """Return the best clusters of several starts, each a task."""
    executor, count = session.executor, RESTARTS
    seeds = [[model.seed, restart] for restart in range(count)]
    tried = executor.map(_placed, [embedding] * count, [model.n_components] * count, seeds, label="k-means")
    best: Clusters = min(executor.get(tried), key=lambda clusters: clusters.inertia)
    return best


def _embedding(vectors: Sequence[NDArray[Any]], k: int, connected: NDArray[np.bool_]) -> NDArray[Any]:
    """Return rows of the first ``k`` eigenvectors, of unit length, or zero where there is nothing but rounding."""
    rows = np.concatenate([part[:, :k] for part in vectors])
    norms = np.linalg.norm(rows.astype(np.float64), axis=1)
    there = connected & (norms > NOWHERE * np.sqrt(k / len(rows)))
    scale = np.zeros(len(rows))
    np.divide(1.0, norms, out=scale, where=there)
    return np.asarray(rows * scale[:, None], dtype=FACTOR)


def _placed(embedding: NDArray[Any], k: int, seed: list[int]) -> Clusters:
    """Cluster the rows that are not zero; the label of others is −1."""
    there = embedding.any(axis=1)
    made = cluster_rows(embedding[there], k, seed)
    labels = np.full(len(embedding), -1, dtype=np.int64)
    labels[there] = made.labels
    return Clusters(labels, made.inertia, made.settled)


def _indicator(labels: NDArray[np.int64], k: int) -> NDArray[Any]:
    """Return orthonormal columns, one a module: 1/√(its genes) for each of them."""
    W = np.zeros((len(labels), k), dtype=FACTOR)
    there = np.flatnonzero(labels >= 0)
    sizes = np.bincount(labels[there], minlength=k)
    W[there, labels[there]] = 1 / np.sqrt(sizes[labels[there]])
    return W


def _modules(
    session: Session,
    pairs: Sketch,
    embedding: NDArray[Any],
    clusters: Clusters,
    W: NDArray[Any],
    AW: NDArray[Any],
) -> Decomposition:
    """Put together the least-squares factors of given modules."""
    k, labels = W.shape[1], clusters.labels
    Ht, core, captured = _means(W, AW, labels, diagonal=session.diagonal)
    rows, scale, gauge, order = balanced(W, Ht.astype(FACTOR))
    # in the gauge of the balanced W, of which a column is √gauge times shorter
    root = np.sqrt(np.where(gauge > 0, gauge, 1.0))
    squares = sum_of_squares_of(session.operator, diagonal=session.diagonal)
    place = np.append(np.argsort(order), -1)
    return Decomposition(
        rows,
        scale,
        gauge,
        registry=VARIABLES,
        variables={
            "label": place[labels],
            "embedding": embedding,
            "eigenvalue": pairs.values[:k],
            "eigenvalue_error": pairs.residuals[:k],
            "core": core[np.ix_(order, order)] * np.outer(root, root),
        },
        attributes={
            "core_relative_error": relative_error(max(0.0, squares - captured), squares),
            "inertia": clusters.inertia,
            "unplaced_genes": int((labels < 0).sum()),
            "sketch_reads": pairs.sweeps,
        },
        stop_reason=f"direct: k-means of eigenvectors from a sketch of {pairs.sweeps} reads, best of {RESTARTS}",
        converged=clusters.settled and pairs.is_settled(k),
    )


def _means(
    W: NDArray[Any], AW: NDArray[Any], labels: NDArray[np.int64], *, diagonal: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Return the best Hᵀ and the best symmetric core for orthonormal W, and the part of ‖A‖² that this core has.

    H is WᵀA, the mean row of A over each module, and the core WᵀAW, the mean of each block. Where the diagonal does
    not count, means are over the other genes.
    """
    there = np.flatnonzero(labels >= 0)
    sizes = np.bincount(labels[there], minlength=W.shape[1]).astype(np.float64)
    entries = np.outer(sizes, sizes)
    counted = entries if diagonal else entries - np.diag(sizes)
    Ht = AW.astype(np.float64)
    if not diagonal:
        # of a gene's own module one gene less counts
        others = sizes[labels[there]] - 1
        Ht[there, labels[there]] *= np.where(others > 0, (others + 1) / np.maximum(others, 1), 0.0)
    core = W.T.astype(np.float64) @ Ht
    core = (core + core.T) / 2
    return Ht, core, float((counted * core**2 / np.maximum(entries, 1)).sum())
