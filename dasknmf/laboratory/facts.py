"""What a network says of a fit, in few reads: its sketch, the gradient of each factor, weights between chosen genes."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from dasknmf.analysis.genes import loadings
from dasknmf.cluster import on_cluster, parse_memory
from dasknmf.errors import InputError
from dasknmf.exact import sum_of_squares_of
from dasknmf.execution import Execution
from dasknmf.laboratory.stationarity import Stationarity, projected_gradients
from dasknmf.matrices import as_matrix
from dasknmf.options import RunOptions
from dasknmf.planning import plan_run
from dasknmf.sketching import vectors_of
from dasknmf.stages import Session

if TYPE_CHECKING:
    from collections.abc import Sequence

    import xarray as xr
    from numpy.typing import NDArray

    from dasknmf.analysis.matching import Factors
    from dasknmf.engine.executor import Executor
    from dasknmf.matrices import Given

#: Most columns of float64 multiplied in one read, unless two factors have more, and most bytes of them.
COLUMNS, LARGEST = 256, 2**28


@dataclass(frozen=True, eq=False)
class NetworkFacts:
    """What a symmetry analysis needs to know of a network.

    Attributes
    ----------
    name, checksum : str
        Of the network.
    diagonal : bool
        Whether it counts, as it did in the fit.
    sum_of_squares : float
        ‖A‖² over the entries that count.
    values, errors : ndarray, shape (p,)
        Eigenvalues by descending magnitude, and ‖A v − λ v‖.
    vectors : ndarray, shape (n, p)
        Their eigenvectors, float32.
    captured : float
        ‖QᵀAQ‖² of the whole basis of the sketch.
    stationarity : Stationarity
        Of the factors of the fit, on A.
    chosen : ndarray of int, shape (m,)
        Places of genes, ascending.
    between : ndarray, shape (m, m)
        Weights in A between them, exact; the diagonal as the network has it.
    reads : int
        Of A, those of a sketch that was made included.
    seconds : float
        Taken.
    """

    name: str
    checksum: str
    diagonal: bool
    sum_of_squares: float
    values: NDArray[np.float64]
    errors: NDArray[np.float64]
    vectors: NDArray[np.float32] = field(repr=False)
    captured: float
    stationarity: Stationarity
    chosen: NDArray[np.intp]
    between: NDArray[np.float64] = field(repr=False)
    reads: int
    seconds: float


def network_facts(
    network: Any,
    fit: xr.Dataset,
    *,
    genes: Sequence[int] | NDArray[np.intp] = (),
    rank: int | None = None,
    execution: Execution | None = None,
) -> NetworkFacts:
    """Read a network for what a symmetry analysis of a fit of it needs: at most 9 reads, or 1 if a sketch is kept.

    Parameters
    ----------
    network : as in :func:`dasknmf.nmf`
        What was factorized.
    fit : Dataset
        What :func:`dasknmf.nmf` returned.
    genes : sequence of int
        Places of genes of which the weights between each other are wanted; some hundreds come with the same read, more
        take further ones.
    rank : int, optional
        Largest rank for which the spectrum is wanted; by default that of the fit.
    execution : Execution, optional
        Where and how.

    Returns
    -------
    NetworkFacts

    Raises
    ------
    InputError
        If the fit is not of these genes, or a chosen one is not among them.
    MemoryLimitError
        If the projected memory is above the limit.

    Examples
    --------
    >>> import dasknmf, numpy as np
    >>> A = np.array([[0.0, 1.0], [1.0, 0.0]])
    >>> found = network_facts(A, dasknmf.nmf(A, n_components=2), genes=[0, 1])
    >>> sorted(found.values.round(6).tolist()), found.between.tolist()
    ([-1.0, 1.0], [[0.0, 1.0], [1.0, 0.0]])
    """
    execution = execution or Execution()
    given = as_matrix(network, storage_options=execution.storage_options)
    model, chosen = _checked(given, fit, genes)
    n, k = model[0].shape
    largest = min(n, max(k, rank or k))
    at_once = max(2 * k, min(COLUMNS, LARGEST // (8 * n)))
    limit = parse_memory(execution.memory_limit)
    run = RunOptions(diagonal=fit.attrs.get("diagonal", "keep"))

    def work(executor: Executor) -> NetworkFacts:
        # a column of float64 is two of float32
        columns = 2 * min(at_once, 2 * k + len(chosen))
        operator, _ = plan_run(given, [largest] * -(-columns // largest), executor, limit)
        session = Session(
            given,
            operator,
            executor,
            run,
            listener=execution.progress,
            keep_sketch=execution.keep_sketch,
            storage_options=execution.storage_options,
        )
        (sketch,) = session.sketches(largest)
        products, between = _multiplied(session, model, chosen, at_once)
        gauge = fit["gauge"].to_numpy() if "gauge" in fit else None
        return NetworkFacts(
            name=given.name,
            checksum=given.checksum,
            diagonal=session.diagonal,
            sum_of_squares=sum_of_squares_of(operator, diagonal=session.diagonal),
            values=sketch.values,
            errors=sketch.residuals,
            vectors=vectors_of(sketch, executor),
            captured=sketch.captured,
            stationarity=projected_gradients(
                model, products, fit.attrs, gauge=gauge, diagonal=session.diagonal
            ),
            chosen=chosen,
            between=between,
            reads=operator.reads,
            seconds=session.seconds,
        )

    return on_cluster(replace(execution, checkpoint=None), work)


def _checked(given: Given, fit: xr.Dataset, genes: Any) -> tuple[Factors, NDArray[np.intp]]:
    """Return W and Hᵀ of the fit in float64, and the chosen genes, once each, ascending."""
    sides = loadings(fit)
    names = fit["gene"].to_numpy().astype(str)
    its = given.genes.astype(str)
    if len(names) != len(its):
        msg = f"the fit has {len(names):,} genes and {given.name} {len(its):,}; give the network that was factorized"
        raise InputError(msg)
    differ = np.flatnonzero(names != its)
    if len(differ):
        at = int(differ[0])
        msg = (
            f"gene {at + 1} is '{names[at]}' in the fit and '{its[at]}' in {given.name}, {len(differ):,} differ; give "
            "the network that was factorized"
        )
        raise InputError(msg)
    chosen = np.unique(np.asarray(genes, dtype=np.intp))
    if len(chosen) and not 0 <= chosen[0] <= chosen[-1] < len(names):
        bad = int(chosen[0] if chosen[0] < 0 else chosen[-1])
        msg = f"genes: place {bad} is not one of {len(names):,} genes; needs 0 to {len(names) - 1}"
        raise InputError(msg)
    return (sides["W"], sides["H"]), chosen


def _multiplied(
    session: Session, model: Factors, chosen: NDArray[np.intp], at_once: int
) -> tuple[Factors, NDArray[np.float64]]:
    """Return A·Hᵀ and A·W over the entries that count, and the weights between chosen genes, which share their read."""
    W, Ht = model
    (n, k), m = W.shape, len(chosen)
    between = np.zeros((m, m))
    room = at_once - 2 * k
    first = session.operator @ np.hstack([Ht, W, _units(n, chosen[:room])])
    between[:, :room] = first[chosen, 2 * k :]
    for start in range(room, m, at_once):
        columns = slice(start, start + at_once)
        between[:, columns] = (session.operator @ _units(n, chosen[columns]))[chosen]
    AHt, AW = first[:, :k], first[:, k : 2 * k]
    if not session.diagonal:
        own = np.asarray(session.operator.diagonal, dtype=np.float64)[:, None]
        AHt, AW = AHt - own * Ht, AW - own * W
    return (AHt, AW), between


def _units(n: int, places: NDArray[np.intp]) -> NDArray[np.float64]:
    """Return a unit column for each place, shape (n, places)."""
    columns = np.zeros((n, len(places)))
    columns[places, np.arange(len(places))] = 1.0
    return columns
