"""Fits on the sketch of A: any number of models, one task a batch, no read of A."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field, replace
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from dasknmf.driver import Run
from dasknmf.engine.executor import Threads
from dasknmf.engine.grid import Grid, Panels
from dasknmf.engine.memory import BATCH
from dasknmf.engine.sketch_operator import SketchOperator
from dasknmf.model import Model
from dasknmf.options import RunOptions
from dasknmf.progress import silent
from dasknmf.solvers import solver_class, solver_of
from dasknmf.solvers.face import Known
from dasknmf.solvers.initial import column_choice, nndsvd_start, random_acol_start, random_start
from dasknmf.unseen import Diagonal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from dasknmf.events import Listener
    from dasknmf.options import ModelOptions
    from dasknmf.solvers.face import Rows

FACTOR = np.dtype(np.float32)
#: Genes of a row panel of a fit that runs on several threads.
PANEL = 4096
#: W and H to start from, or nothing.
Start = tuple[Any, Any] | None


@dataclass(frozen=True, eq=False)
class Facts:
    """What a fit has to know of the sketched matrix besides its eigenpairs.

    ``diagonal`` is False where A was sketched without its diagonal.
    """

    n: int
    values: NDArray[np.float64]
    sum_of_squares: float
    total: float
    diagonal: bool = True


@dataclass(frozen=True, eq=False)
class Batch:
    """Models that one task fits together; with ``chain``, each rank starts from the one before.

    ``began`` is when all batches began, by the clock, for ``run.max_seconds``: some wait for others.
    """

    indices: tuple[int, ...]
    models: tuple[ModelOptions, ...]
    starts: tuple[Start, ...]
    run: RunOptions = field(default_factory=RunOptions)
    chain: bool = False
    began: float = field(default_factory=time.time)


def fit_columns(k: int) -> int:
    """Return how many eigenpairs stand for A in fits of rank ``k``.

    With three times the rank, errors after two exact iterations are those of fits on A itself: on four gene
    networks, with 64, 128 and 256 pairs, they differ by less than restarts do.

    Examples
    --------
    >>> fit_columns(2), fit_columns(32), fit_columns(40)
    (64, 96, 128)
    """
    return -(-max(3 * k, 64) // 32) * 32


def make_batches(
    models: Sequence[ModelOptions], starts: Sequence[Start], run: RunOptions, *, chain: bool = False
) -> list[Batch]:
    """Put models of one rank and algorithm together; with ``chain``, the ranks of what is else one model.

    What is in a batch depends on the models alone, so that bits do not depend on where it runs.
    """
    if chain:
        keys = [tuple(asdict(replace(m, n_components=1)).values()) for m in models]
        order = sorted(range(len(models)), key=lambda i: (keys[i], models[i].n_components))
        together = [list(group) for _, group in groupby(order, key=lambda i: keys[i])]
    else:
        together = []
        alike = sorted(range(len(models)), key=lambda i: (models[i].solver, -models[i].n_components))
        for (_, k), group in groupby(alike, key=lambda i: (models[i].solver, -models[i].n_components)):
            indices = list(group)
            size = max(1, BATCH // -k)
            together += [indices[first : first + size] for first in range(0, len(indices), size)]
    return [
        Batch(
            tuple(indices), tuple(models[i] for i in indices), tuple(starts[i] for i in indices), run, chain
        )
        for indices in together
    ]


def fit_batch(
    batch: Batch, vectors: NDArray[Any], facts: Facts, threads: int, listener: Listener = silent
) -> list[Model]:
    """Fit the models of a batch on a sketch, and return them in the order of the batch.

    Parameters
    ----------
    batch : Batch
        The models.
    vectors : ndarray, shape (n, p)
        Eigenvectors of the sketch.
    facts : Facts
        Of the sketched matrix.
    threads : int
        To be used; bits do not depend on it.
    listener : callable
        Receives the events of the run.
    """
    p = min(len(facts.values), fit_columns(max(model.n_components for model in batch.models)))
    vectors, values = np.ascontiguousarray(vectors[:, :p]), facts.values[:p]
    tile = min(PANEL, facts.n)
    panels = Panels(Grid(facts.n, tile), tuple(range(-(-facts.n // tile) + 1)))
    with Threads(threads) as executor:
        operator = SketchOperator(
            values,
            panels.split(vectors),
            panels,
            executor,
            sum_of_squares=facts.sum_of_squares,
            total=facts.total,
        )
        unseen = None if facts.diagonal else [Diagonal(np.zeros(rows)) for rows in panels.rows]
        # a warm start is known when the rank below it is done
        ranks = groupby(range(len(batch.models)), key=lambda i: batch.models[i].n_components)
        made: list[Model] = []
        for _, group in ranks if batch.chain else [(0, range(len(batch.models)))]:
            models = [begin(batch.models[i], _rows(batch, i, made, values, vectors, facts)) for i in group]
            Run(
                operator,
                executor,
                models,
                batch.run,
                bytes_per_sweep=0,
                listener=listener,
                seconds=max(0.0, time.time() - batch.began),
                unseen=unseen,
                known=Known(facts.n, facts.sum_of_squares, facts.total, facts.diagonal),
            ).go()
            made += models
    return made


def _rows(
    batch: Batch,
    i: int,
    made: Sequence[Model],
    values: NDArray[np.float64],
    vectors: NDArray[Any],
    facts: Facts,
) -> Rows:
    rows = _start(batch.models[i], batch.starts[i], values, vectors, facts)
    if not batch.chain or not made:
        return rows
    # the last of this rank's own start: the same few columns would be found again at every rank
    before = made[-1].factors
    new = {name: array[:, before[name].shape[1] :] for name, array in rows.items()}
    return {name: np.concatenate([before[name], new[name]], axis=1, dtype=FACTOR) for name in rows}


def _start(
    model: ModelOptions, start: Start, values: NDArray[np.float64], vectors: NDArray[Any], facts: Facts
) -> Rows:
    if model.init != "random_acol":
        return start_rows(model, start, n=facts.n, total=facts.total, spectrum=(values, vectors))
    X = column_choice(facts.n, model.n_components, seed=model.seed, dtype=FACTOR)
    AX = vectors @ (values.astype(FACTOR)[:, None] * (vectors.T @ X))
    return start_rows(model, start, n=facts.n, total=facts.total, columns=AX)


def begin(options: ModelOptions, start: Rows) -> Model:
    """Return a model at its start, given W and Hᵀ."""
    solver = solver_of(options)
    return Model(options.name, solver, solver.rows_from(start["W"], start["H"]))


def start_rows(
    model: ModelOptions,
    start: Start,
    *,
    n: int,
    total: float,
    spectrum: tuple[NDArray[np.float64], NDArray[Any]] | None = None,
    columns: NDArray[Any] | None = None,
) -> Rows:
    """Return W and Hᵀ that a model starts from.

    Parameters
    ----------
    model : ModelOptions
        Whose ``init`` says how.
    start : (W, H), optional
        For ``init="given"``.
    n : int
        Genes.
    total : float
        ΣA.
    spectrum : (values, vectors), optional
        Leading eigenpairs, for NNDSVD.
    columns : ndarray, shape (n, 2k), optional
        A times :func:`dasknmf.solvers.initial.column_choice`, for ``random_acol``.
    """
    k, mean = model.n_components, total / n**2
    positive = model.init == "nndsvda" or solver_class(model.solver).multiplicative
    if start is not None:
        W, Ht = (np.ascontiguousarray(given, dtype=FACTOR) for given in (start[0], np.transpose(start[1])))
    elif model.init == "random":
        W, Ht = random_start(n, k, seed=model.seed, mean=mean, dtype=FACTOR)
    elif model.init == "random_acol":
        assert columns is not None
        fill = 1.0 if positive else 0.0
        W, Ht = random_acol_start(columns, seed=model.seed, total=total, fill=fill, dtype=FACTOR)
    else:
        assert spectrum is not None
        values, vectors = spectrum[0][:k], spectrum[1][:, :k].astype(np.float64)
        W, Ht = nndsvd_start(values, vectors, fill=mean if positive else 0.0, dtype=FACTOR)
    return {"W": W, "H": Ht}
