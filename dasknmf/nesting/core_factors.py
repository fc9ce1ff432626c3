"""The network between factors, factorized again: C ≈ M H', for the error of genes or of factors."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from dasknmf.model import balance
from dasknmf.nesting.core import least_squares
from dasknmf.nesting.similarity import Spectrum
from dasknmf.sketched import Batch, Facts, fit_batch

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dasknmf.analysis.matching import Factors
    from dasknmf.options import ModelOptions, RunOptions

#: Starts of C ≈ M H' by the error of factors, of which the best end is taken: a k×k matrix costs little, and means of
#: random columns of so few are all alike.
STARTS = 10
#: Random starts where the error is that of genes, beside the factors of C from NNDSVD.
GENE_STARTS = 4
#: Alternations, and the share of the squared norm below which one more is not worth it.
ALTERNATIONS = 200
SETTLED = 1e-7


def unit_gram(gram: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the cosines of the columns of L, given LᵀL; 0 for a column that is zero.

    Examples
    --------
    >>> unit_gram(np.array([[4.0, 1.0], [1.0, 1.0]])).tolist()
    [[1.0, 0.5], [0.5, 1.0]]
    """
    norms = np.sqrt(np.diag(gram))
    to = np.divide(1.0, norms, out=np.zeros_like(norms), where=norms > 0)
    return np.asarray(np.outer(to, to) * gram)


def factorize_core(
    core: NDArray[np.float64], gram: NDArray[np.float64], model: ModelOptions, run: RunOptions, metric: str
) -> Factors:
    """Return M and H'ᵀ of C ≈ M H', balanced, the best of some starts.

    Parameters
    ----------
    core, gram : ndarray, shape (k, k)
        C and LᵀL for columns of L of norm 1.
    model : ModelOptions
        Rank, solver and seed.
    run : RunOptions
        When fits of C itself stop.
    metric : {"genes", "factors"}
        What is minimised: ‖L(C − M H')Lᵀ‖, by which C was found, or ‖C − M H'‖, which takes factors that overlap for
        ones that do not.

    Returns
    -------
    (M, H'ᵀ), shape (k, m)

    Notes
    -----
    ‖L(C − M H')Lᵀ‖ by alternating non-negative least squares, each half to a few steps of
    :func:`dasknmf.nesting.core.least_squares`, from random starts and from the best factors of C itself.

    Loadings of the next level are L M, sums of those of this one, so that a level can miss the least error of its rank
    although this one does not: where NMF is not unique, sums of one best L need not hold the best loadings of fewer
    factors. Neither starts nor iterations help: of a Soules matrix of 1,024 genes (8, 4, 2, 1 factors, 3 restarts) the
    worst level keeps 1 - 7.609e-3 of what is possible with 4 random starts of at most 200 alternations, and with 30
    starts of 2,000 that settle at 1e-12. ``relational``, of which the loadings are free again, is within 2e-4 there.
    """
    values, vectors = np.linalg.eigh(core)
    order = np.argsort(-np.abs(values), kind="stable")
    whole = Spectrum(
        values[order], vectors[:, order].astype(np.float32), float(np.vdot(core, core)), float(core.sum())
    )
    starts = [replace(model, init="auto")]
    if metric == "factors":
        seeds = range(model.seed * STARTS + 1, (model.seed + 1) * STARTS)
        starts += [replace(model, init="random", seed=seed) for seed in seeds]
    made = fit_spectrum(whole, starts, run)
    errors = [float(np.linalg.norm(core - M.astype(np.float64) @ Ht.T)) for M, Ht in made]
    best = made[int(np.argmin(errors))]
    if metric == "factors":
        return best
    k, m = best[0].shape
    rng = np.random.default_rng([model.seed, k, m])
    begins = [(rng.random((k, m)), rng.random((k, m))) for _ in range(GENE_STARTS)]
    ends = [_alternated(core, gram, *begin) for begin in [best, *begins]]
    M, Ht, _ = min(ends, key=lambda end: end[2])
    return _balanced({"W": M, "H": Ht})


def _alternated(
    C: NDArray[np.float64], G: NDArray[np.float64], M: NDArray[Any], Ht: NDArray[Any]
) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Return M, Hᵀ and ‖L(C − M H)Lᵀ‖² after alternating least squares."""
    M, Ht = (side.astype(np.float64) for side in (M, Ht))
    GCG = G @ C @ G
    size = float(np.vdot(C, GCG))
    error = np.inf
    for _ in range(ALTERNATIONS):
        M = least_squares(GCG @ Ht, G, Ht.T @ G @ Ht, M, rounds=2)
        # C and G are symmetric
        Ht = least_squares(GCG @ M, G, M.T @ G @ M, Ht, rounds=2)
        rest = C - M @ Ht.T
        before, error = error, float(np.vdot(rest, G @ rest @ G))
        if before - error <= SETTLED * size:
            break
    return M, Ht, error


def fit_spectrum(matrix: Spectrum, models: list[ModelOptions], run: RunOptions) -> list[Factors]:
    """Return the balanced factors of models of a matrix that is known by its eigenpairs."""
    facts = Facts(len(matrix.vectors), matrix.values, matrix.sum_of_squares, matrix.total)
    batch = Batch(tuple(range(len(models))), tuple(models), (None,) * len(models), run)
    return [_balanced(model.factors) for model in fit_batch(batch, matrix.vectors, facts, 1)]


def _balanced(rows: dict[str, NDArray[Any]]) -> Factors:
    made = balance(rows)[0]
    return made["W"], made["H"]
