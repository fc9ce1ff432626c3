"""What is found inside a node: its fits, what they reproduce, and what fits of its null networks explain."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp

from dasknmf.engine.executor import Threads
from dasknmf.engine.gathering import Members, gather
from dasknmf.engine.generated_sweep import GeneratedSweep
from dasknmf.engine.sweep import Sweep
from dasknmf.exact import exact_errors
from dasknmf.matrices import Given
from dasknmf.model import balance
from dasknmf.nesting.loadings import loadings_of
from dasknmf.nesting.measures import matched_cosines
from dasknmf.null_models import null_network
from dasknmf.stages import Session

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from dasknmf.engine.sketch import Sketch
    from dasknmf.nesting.zoom_options import ZoomOptions
    from dasknmf.options import RunOptions

#: Up to so many genes all iterations are on the subnetwork itself: a sketch would cost more than they do.
EXACT_GENES = 2048
#: Up to so many the bound is from all eigenvalues: 0.06 s for 1,000 genes.
SPECTRUM_GENES = 1024
#: Above it the null networks of a node are a task each: there are few such nodes, and they take long.
SPREAD_GENES = 1024


@dataclass(frozen=True, eq=False)
class Fits:
    """Fits of one network at several ranks.

    Attributes
    ----------
    explained : ndarray, shape (ranks,)
        1 − ‖A − WH‖² / ‖A‖² of the first restart at each rank.
    bound : ndarray, shape (ranks,)
        What the best matrix of that rank explains; nan of null networks.
    reproducibility : ndarray, shape (ranks,)
        Mean cosine of the factors of the first restart with those matched in the others; nan of null networks.
    loadings : list of ndarray of float32, shape (genes, k)
        Of the first restart at each rank; none of null networks.
    cosines : list of ndarray, shape (k,)
        Of each factor.
    """

    explained: NDArray[np.float64]
    bound: NDArray[np.float64]
    reproducibility: NDArray[np.float64]
    loadings: list[NDArray[np.float32]]
    cosines: list[NDArray[np.float64]]


@dataclass(frozen=True)
class Task:
    """What is to be fitted of a node: its ranks, and which of its networks; 0 is its own, others are nulls."""

    options: ZoomOptions
    run: RunOptions
    path: tuple[int, ...]
    ranks: tuple[int, ...]
    networks: tuple[int, ...]

    def of(self, networks: tuple[int, ...]) -> Task:
        """Return what is to be done of some of its networks."""
        return replace(self, networks=networks)


def examine_matrix(matrix: Any, task: Task) -> list[Fits]:
    """Fit a node of which the subnetwork is in memory, and its null networks.

    Parameters
    ----------
    matrix : ndarray or csr_array of float32, shape (genes, genes)
        The subnetwork.
    task : Task
        What to fit.

    Returns
    -------
    list of Fits
        Of each of ``task.networks``.
    """
    seed = task.options.seed_of(task.path)
    null = null_network(matrix, task.options.null, seed=seed) if any(task.networks) else None
    found = []
    for number in task.networks:
        with Threads(1) as executor:
            own = matrix
            if number and null is not None:
                drawn = GeneratedSweep(replace(null, seed=seed + number), executor)
                # a few sweeps cost more than its entries take room
                own = gather(drawn, [Members(np.arange(null.n))], sparse=null.sparse)[0]
            operator = Sweep.of_array(own, executor)
            given = Given(None, own, np.zeros(0, dtype=object), "a subnetwork", "")
            session = Session(given, operator, executor, task.run, keep_sketch=False)
            found.append(fits_of(session, task, null=number > 0))
    return found


def fits_of(session: Session, task: Task, *, null: bool, sketch: Sketch | None = None) -> Fits:
    """Fit a network at all ranks; a null one once each, as the test compares single fits.

    Parameters
    ----------
    session : Session
        The network.
    task : Task
        Ranks and options.
    null : bool
        Whether it is one of the null networks.
    sketch : Sketch, optional
        Of the network, where it is known already.
    """
    ranks, operator = task.ranks, session.operator
    restarts = 1 if null else task.options.restarts
    options = task.options.models(task.path, ranks, restarts)
    nothing = [None] * len(options)
    if sketch is None and operator.n > EXACT_GENES:
        sketch = session.sketches(max(ranks))[0]
    if sketch is None:
        models = session.start(options, nothing, None)
        session.iterate(models)
    else:
        models = session.fit_on_sketch(sketch, options, nothing)
        session.polish(models)
    rows = [balance(model.factors)[0] for model in models]
    firsts = range(0, len(rows), restarts)
    errors = exact_errors(operator, session.executor, [rows[first] for first in firsts])
    explained = np.array([1.0 - error.relative_error**2 for error in errors])
    if null:
        unknown = np.full(len(ranks), np.nan)
        return Fits(explained, unknown, unknown, [], [])
    loadings = [loadings_of((own["W"], own["H"]), task.options.loadings) for own in rows]
    cosines = [matched_cosines(loadings[first : first + restarts])[0, 1:].mean(axis=0) for first in firsts]
    return Fits(
        explained,
        _bounds(session, ranks, sketch),
        np.array([own.mean() for own in cosines]),
        [loadings[first] for first in firsts],
        cosines,
    )


def _bounds(session: Session, ranks: Sequence[int], sketch: Sketch | None) -> NDArray[np.float64]:
    """Return what the best matrix of each rank explains."""
    matrix = session.given.matrix
    if sketch is None and matrix is not None and session.operator.n <= SPECTRUM_GENES:
        whole = matrix.toarray() if sp.issparse(matrix) else matrix
        squares = np.sort(np.linalg.eigvalsh(whole.astype(np.float64)) ** 2)[::-1]
        return np.asarray(np.cumsum(squares)[np.asarray(ranks) - 1] / squares.sum())
    sketch = sketch or session.sketches(max(ranks))[0]
    return np.array([1.0 - sketch.relative_error(k) ** 2 for k in ranks])
