"""From the loadings of a level to those of the next: by the similarity of genes, or by the network between factors."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from dasknmf.model import balance
from dasknmf.nesting.loadings import loadings_of
from dasknmf.nesting.similarity import Spectrum, similarity_of, similarity_power
from dasknmf.sketched import Batch, Facts, fit_batch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from dasknmf.analysis.matching import Factors
    from dasknmf.engine.executor import Executor
    from dasknmf.nesting.core import Core
    from dasknmf.nesting.levels import Level
    from dasknmf.nesting.options import NestedOptions
    from dasknmf.options import ModelOptions, RunOptions

#: Starts of the factorization of a core, of which the best is taken: a k×k matrix costs nothing, and means of random
#: columns of it are all alike.
STARTS = 10


def relational_loadings(
    executor: Executor,
    options: NestedOptions,
    run: RunOptions,
    level: Level,
    cores: Sequence[Core],
    k: int,
    tell: Callable[[int], None],
) -> list[NDArray[np.float32]]:
    """Return the loadings of the next level of every strand: factors of the similarity of genes over this one's.

    Parameters
    ----------
    executor : Executor
        A strand a task.
    options : NestedOptions
        What there is to choose.
    run : RunOptions
        When fits stop.
    level : Level
        The finer one.
    cores : sequence of Core
        Of its strands.
    k : int
        Factors of the next level.
    tell : callable
        Called with the strands that are done.

    Returns
    -------
    list of ndarray of float32, shape (n, k)
    """
    power = similarity_power(options.similarity)
    between = [core.matrix if options.similarity == "core" else None for core in cores]
    made = executor.stream(
        _fit_similarity,
        executor.put(level.loadings, label="loadings"),
        between,
        [power] * len(between),
        [options.model(k, restart) for _, restart in options.strands],
        [run] * len(between),
        label="similarity",
    )
    return _told(made, options, tell)


def coarsened_loadings(
    executor: Executor,
    options: NestedOptions,
    run: RunOptions,
    level: Level,
    cores: Sequence[Core],
    k: int,
    tell: Callable[[int], None],
) -> tuple[list[NDArray[np.float32]], list[NDArray[np.float64]]]:
    """Return the loadings of the next level of every strand, and by what this one's are multiplied to give them.

    The core C of columns of norm 1 is factorized, C ≈ M H', and L M of such columns are the next level's loadings.

    Parameters
    ----------
    executor, options, run, level, cores, k, tell
        As of :func:`relational_loadings`.

    Returns
    -------
    loadings : list of ndarray of float32, shape (n, k)
    mixing : list of ndarray, shape (k before, k)
    """
    count = len(cores)
    made = executor.stream(
        _fit_core,
        [core.matrix for core in cores],
        [options.model(k, restart) for _, restart in options.strands],
        [run] * count,
        label="core",
    )
    mixing = []
    for strand, M in enumerate(_told(made, options, tell)):
        norms = np.sqrt(np.diag(level.own(strand)[1]))
        to = np.divide(1.0, norms, out=np.zeros_like(norms), where=norms > 0)
        mixing.append(to[:, None] * M.astype(np.float64))
    loadings = [np.asarray(L @ P.astype(np.float32)) for L, P in zip(level.loadings, mixing, strict=True)]
    return loadings, mixing


def _told(made: Any, options: NestedOptions, tell: Callable[[int], None]) -> list[NDArray[np.float32]]:
    found = []
    for (branch, _), model in zip(options.strands, made, strict=True):
        found.append(loadings_of(model, branch))
        tell(len(found))
    return found


def _fit_similarity(
    loadings: NDArray[Any],
    core: NDArray[np.float64] | None,
    power: float,
    model: ModelOptions,
    run: RunOptions,
) -> Factors:
    """Return the balanced factors of a similarity of genes."""
    return _fitted(similarity_of(loadings, power=power, core=core), [model], run)


def _fit_core(core: NDArray[np.float64], model: ModelOptions, run: RunOptions) -> Factors:
    """Return the balanced factors of a core, the best of some starts."""
    values, vectors = np.linalg.eigh(core)
    order = np.argsort(-np.abs(values), kind="stable")
    whole = Spectrum(
        values[order], vectors[:, order].astype(np.float32), float(np.vdot(core, core)), float(core.sum())
    )
    starts = [replace(model, init="auto")]
    starts += [replace(model, init="random", seed=model.seed * STARTS + start) for start in range(1, STARTS)]
    return _fitted(whole, starts, run)


def _fitted(matrix: Spectrum, models: list[ModelOptions], run: RunOptions) -> Factors:
    """Return the balanced factors of the model that fits best."""
    facts = Facts(len(matrix.vectors), matrix.values, matrix.sum_of_squares, matrix.total)
    batch = Batch(tuple(range(len(models))), tuple(models), (None,) * len(models), run)
    made = fit_batch(batch, matrix.vectors, facts, 1)
    best = min(made, key=lambda model: model.objective[-1])
    rows = balance(best.factors)[0]
    return rows["W"], rows["H"]
