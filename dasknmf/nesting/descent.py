"""The run: fits of A at the rank of every level, then level by level down, each kept as soon as it is done."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dasknmf.events import LevelEnded, StageAdvanced
from dasknmf.exact import exact_errors
from dasknmf.model import balance
from dasknmf.nesting.levels import Level, level_from, level_of, level_within, read_products
from dasknmf.nesting.loadings import loadings_of
from dasknmf.nesting.ways import coarsened_loadings, relational_loadings

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from dasknmf.kept import KeptBatches
    from dasknmf.model import Model
    from dasknmf.nesting.core import Core
    from dasknmf.nesting.options import NestedOptions
    from dasknmf.parts import KeptParts
    from dasknmf.stages import Session

#: Begins the names of the files of fits of A.
FITS = "fits"


@dataclass(frozen=True, eq=False)
class Descent:
    """All levels, and what A factorized directly at their ranks is worth beside them.

    Attributes
    ----------
    levels : list of Level
        Finest first.
    cores : list of list of Core
        Of each level, those of its strands.
    bound : ndarray, shape (levels,)
        E* of each rank.
    direct : ndarray, shape (levels, strands)
        E of the loadings of direct fits.
    fitted : ndarray, shape (levels, restarts)
        1 − ‖A − WH‖² / ‖A‖² of direct fits.
    sum_of_squares : float
        ‖A‖².
    """

    levels: list[Level]
    cores: list[list[Core]]
    bound: NDArray[np.float64]
    direct: NDArray[np.float64]
    fitted: NDArray[np.float64]
    sum_of_squares: float


def descend(
    session: Session, options: NestedOptions, kept: KeptParts, batches: KeptBatches | None
) -> Descent:
    """Return all levels of all strands.

    Parameters
    ----------
    session : Session
        The network, opened.
    options : NestedOptions
        What is made.
    kept : KeptParts
        Where levels that are done are, and are put.
    batches : KeptBatches, optional
        The same for the fits of A.
    """
    operator = session.operator
    squares = operator.sum_of_squares
    levels: list[Level] = []
    cores: list[list[Core]] = []
    first: dict[str, NDArray[Any]] = {}
    for number in range(len(options.n_components)):
        saved = kept.get(f"level-{number}")
        if saved is not None:
            content, arrays = saved
            operator.reads += int(content["reads"])
            made = level_from(arrays)
        else:
            before = operator.reads
            arrays = {}
            if number == 0:
                made, arrays = _begun(session, options, batches)
            else:
                made = _next(session, options, levels, cores[-1])
            kept.put(f"level-{number}", {"reads": operator.reads - before}, {**made.arrays(), **arrays})
        first = first or arrays
        levels.append(made)
        cores.append([made.core(strand, squares) for strand in range(len(options.strands))])
        _tell(session, options, cores[-1], float(first["bound"][number]), number)
    return Descent(levels, cores, first["bound"], first["direct"], first["fitted"], squares)


def _begun(
    session: Session, options: NestedOptions, batches: KeptBatches | None
) -> tuple[Level, dict[str, NDArray[Any]]]:
    """Return the finest level, and what fits of A at the ranks of all levels are worth."""
    ranks, squares = options.n_components, session.operator.sum_of_squares
    sketch = session.sketches(ranks[0])[0]
    chosen = [options.model(k, restart) for k in ranks for restart in range(options.restarts)]
    models = session.fit_on_sketch(sketch, chosen, [None] * len(chosen), kept=batches)
    session.polish(models)
    for model in models:
        model.rows = balance(model.factors)[0]
    errors = exact_errors(session.operator, session.executor, [model.rows for model in models])
    loadings = _direct_loadings(models, options)
    products = read_products(session, [L for of_rank in loadings for L in of_rank])
    count = len(options.strands)
    by_rank = [
        level_of(loadings[place], products[place * count : (place + 1) * count])
        for place in range(len(ranks))
    ]
    return by_rank[0], {
        "bound": np.array([1.0 - sketch.relative_error(k) ** 2 for k in ranks]),
        "direct": np.array(
            [[level.core(strand, squares).explained for strand in range(count)] for level in by_rank]
        ),
        "fitted": 1.0 - np.reshape([end.relative_error**2 for end in errors], (len(ranks), options.restarts)),
    }


def _direct_loadings(models: list[Model], options: NestedOptions) -> list[list[NDArray[np.float32]]]:
    """Return the loadings of every strand, rank by rank."""
    R = options.restarts
    return [
        [
            loadings_of((models[first + restart].rows["W"], models[first + restart].rows["H"]), branch)
            for branch, restart in options.strands
        ]
        for first in range(0, len(models), R)
    ]


def _next(session: Session, options: NestedOptions, levels: list[Level], cores: list[Core]) -> Level:
    number = len(levels)
    k = options.n_components[number]
    given = (session.executor, options, session.run, levels[-1], cores, k, _counter(session, options, number))
    if options.method == "coarsen":
        loadings, mixing = coarsened_loadings(*given)
        return level_within(loadings, mixing, levels)
    loadings = relational_loadings(*given)
    return level_of(loadings, read_products(session, loadings), levels)


def _counter(session: Session, options: NestedOptions, number: int) -> Callable[[int], None]:
    began, of = time.perf_counter(), len(options.strands)

    def tell(done: int) -> None:
        each = (time.perf_counter() - began) / done
        session.listener(StageAdvanced(f"level {number}", done, of, session.seconds, each * (of - done)))

    return tell


def _tell(session: Session, options: NestedOptions, cores: list[Core], bound: float, number: int) -> None:
    shown = [
        core.explained
        for core, (branch, _) in zip(cores, options.strands, strict=True)
        if branch == options.loadings
    ]
    explained = float(np.mean(shown))
    session.listener(
        LevelEnded(
            number,
            len(options.n_components),
            options.n_components[number],
            explained,
            explained / bound if bound > 0 else float("nan"),
            session.seconds,
        )
    )
