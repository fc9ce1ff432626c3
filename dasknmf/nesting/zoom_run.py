"""``zoom`` as a run: its options, its memory, its checkpoint, and what it gives back."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from dasknmf.cluster import on_cluster, parse_memory
from dasknmf.engine.memory import USABLE, check_memory
from dasknmf.errors import InputError
from dasknmf.events import RunEnded, RunStarted
from dasknmf.matrices import as_matrix
from dasknmf.nesting.large_nodes import SHARED
from dasknmf.nesting.level_examination import LARGEST, SPARSE_ENTRY
from dasknmf.nesting.zoom_dataset import zoom_dataset
from dasknmf.nesting.zoom_options import ZoomOptions
from dasknmf.nesting.zooming import BOUNDED, COLUMNS, zoom_in
from dasknmf.options import RunOptions
from dasknmf.parameters import PARAMETERS, PENALTIES
from dasknmf.parts import KeptParts
from dasknmf.planning import plan_run
from dasknmf.stages import Session

if TYPE_CHECKING:
    import xarray as xr

    from dasknmf.engine.executor import Executor
    from dasknmf.engine.memory import Projection
    from dasknmf.execution import Execution
    from dasknmf.matrices import Given

#: Of a run, what zoom has; see :data:`dasknmf.nesting.associations.nested`.
_OF_RUN = ("max_iter", "tol", "tol_objective", "polish")
#: Copies of a subnetwork that a task has at most: its own, that of a null network, and one being made or checked.
COPIES = 4
#: Bytes of subnetworks that are gathered by one read: more gain nothing, as tasks take them one after another.
MOST_GATHERED = 2**30


def zoom_options(
    n_components: Any, *, levels: int | None, options: dict[str, Any]
) -> tuple[ZoomOptions, RunOptions]:
    """Return the options of a zoom and of its fits, given by keyword.

    Raises
    ------
    InputError
        If a name is not known, or a value cannot be.
    """
    own = {f.name for f in fields(ZoomOptions)} - {"n_components", "levels", "penalties"}
    of_model = (*PENALTIES, *PARAMETERS)
    known = {*own, *_OF_RUN, *of_model}
    unknown = sorted(set(options) - known)
    if unknown:
        msg = f"option {unknown[0]!r} of zoom is not known; there are: {', '.join(sorted(known))}"
        raise InputError(msg)
    try:
        ranks = (n_components,) if hasattr(n_components, "__index__") else tuple(n_components)
    except TypeError as error:
        msg = f"n_components={n_components!r}: zoom needs the factors of the root, or a list, one number a level"
        raise InputError(msg) from error
    given = {name: options[name] for name in own if name in options}
    if levels is not None:
        given["levels"] = levels
    penalties = {name: options[name] for name in of_model if name in options}
    run = RunOptions(**{name: options[name] for name in _OF_RUN if name in options})
    return ZoomOptions(ranks, penalties=penalties, **given), run


def run_zoom(network: Any, options: ZoomOptions, run: RunOptions, execution: Execution) -> xr.Dataset:
    """Zoom into a network; see :func:`dasknmf.nesting.associations.nested`.

    Parameters
    ----------
    network : as in :func:`dasknmf.nmf`
        The network.
    options : ZoomOptions
        What is made of it.
    run : RunOptions
        When fits stop.
    execution : Execution
        Where and how.
    """
    given = as_matrix(network, storage_options=execution.storage_options)
    limit = parse_memory(execution.memory_limit)
    identity = {"checksum": given.checksum, "zoom": options.as_dict(), "run": vars(run)}
    kept = KeptParts(
        execution.checkpoint, identity, resume=execution.resume, storage_options=execution.storage_options
    )

    def work(executor: Executor) -> xr.Dataset:
        ranks = [max(BOUNDED, COLUMNS), *[options.n_components[0]] * options.restarts]
        spaces = SHARED if _bytes(given) > LARGEST else 1
        operator, projection = plan_run(given, ranks, executor, limit, spaces=spaces)
        budget = _gathered(projection, executor, limit)
        session = Session(
            given, operator, executor, run, listener=execution.progress, keep_sketch=execution.keep_sketch
        )
        execution.progress(
            RunStarted(
                genes=operator.n,
                models=options.restarts,
                columns=options.n_components[0] * options.restarts,
                groups=len(operator.plan.groups),
                bytes_per_sweep=operator.plan.weight,
                memory=projection.process_bytes + budget,
                max_iter=run.max_iter,
            )
        )
        found = zoom_in(session, options, kept, budget, sparse=given.sparse)
        made = zoom_dataset(session, options, found)
        reads = operator.reads
        execution.progress(RunEnded(session.seconds, reads, reads * operator.plan.weight))
        return made

    return on_cluster(execution, work, reached=kept.reached)


def _bytes(given: Given) -> int:
    """Return the bytes of the whole network as a matrix."""
    if not given.sparse:
        return 4 * len(given.genes) ** 2
    tiled = given.network or given.generated
    # of a store, eight bytes an edge, of which a matrix has two entries
    return 2 * int(tiled.tile_weights.sum()) if tiled is not None else SPARSE_ENTRY * int(given.matrix.nnz)


def _gathered(projection: Projection, executor: Executor, limit: int | None) -> int:
    """Return the bytes of subnetworks that may be gathered at once: half of what the run leaves, at most 1 GiB.

    Raises
    ------
    MemoryLimitError
        If not even the largest one is.
    """
    capacity = executor.capacity
    allowed = min(limit or capacity.memory, capacity.memory)
    usable = allowed if executor.local else int(allowed * USABLE)
    # beside what a task has of the largest
    fitting = COPIES * capacity.threads * LARGEST
    parts = {**projection.process, "subnetworks": fitting + MOST_GATHERED}
    room = usable - projection.process_bytes - fitting
    if room < LARGEST:
        check_memory(parts, limit=usable, where="a process that runs tasks")
    return max(LARGEST, min(MOST_GATHERED, room // 2))
