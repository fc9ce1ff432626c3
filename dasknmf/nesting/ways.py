"""From the loadings of a level to those of the next: by the similarity of genes, or by the network between factors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from dasknmf.nesting.core_factors import factorize_core, fit_spectrum, unit_gram
from dasknmf.nesting.loadings import loadings_of
from dasknmf.nesting.similarity import similarity_of, similarity_power

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from dasknmf.analysis.matching import Factors
    from dasknmf.engine.executor import Executor
    from dasknmf.nesting.core import Core
    from dasknmf.nesting.levels import Level
    from dasknmf.nesting.options import NestedOptions
    from dasknmf.options import ModelOptions, RunOptions


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

    The core C of columns of norm 1 is factorized, C ≈ M H', and L M of such columns are the next level's loadings; see
    :func:`dasknmf.nesting.core_factors.factorize_core`.

    Parameters
    ----------
    executor, options, run, level, cores, k, tell
        As of :func:`relational_loadings`.

    Returns
    -------
    loadings : list of ndarray of float32, shape (n, k)
    mixing : list of ndarray, shape (k before, k)
    """
    grams = [level.own(strand)[1] for strand in range(len(cores))]
    made = executor.stream(
        factorize_core,
        [core.matrix for core in cores],
        [unit_gram(gram) for gram in grams],
        [options.model(k, restart) for _, restart in options.strands],
        [run] * len(cores),
        [options.metric] * len(cores),
        label="core",
    )
    mixing = []
    for strand, M in enumerate(_told(made, options, tell)):
        norms = np.sqrt(np.diag(grams[strand]))
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
    (made,) = fit_spectrum(similarity_of(loadings, power=power, core=core), [model], run)
    return made
