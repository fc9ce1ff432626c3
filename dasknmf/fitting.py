"""One run from a network to finished Datasets: glue of operator, solvers, driver, checkpoints and labels."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dasknmf.checkpoint import Checkpoints, Saved, restored
from dasknmf.cluster import executor_for, parse_memory
from dasknmf.events import RunEnded, RunStarted
from dasknmf.exact import exact_errors
from dasknmf.matrices import Given, as_matrix
from dasknmf.model import Model, balance, balanced_core
from dasknmf.progress import silent
from dasknmf.results import fit_dataset
from dasknmf.sketched import FACTOR, Start
from dasknmf.solvers import row_arrays
from dasknmf.stages import Session, forgetting, plan_run

if TYPE_CHECKING:
    from collections.abc import Sequence

    import xarray as xr

    from dasknmf.engine.executor import Executor
    from dasknmf.engine.sketch import Sketch
    from dasknmf.engine.sweep import Sweep
    from dasknmf.events import Listener
    from dasknmf.options import FitOptions
    from dasknmf.storage import Location, StorageOptions


@dataclass(frozen=True)
class Execution:
    """Where and how a run goes, as :func:`dasknmf.nmf` says; nothing here changes a bit of its result.

    ``keep_checkpoint`` leaves the last checkpoint to a caller who first saves the result; ``keep_sketch`` uses, and
    leaves, the sketch of a store beside it.
    """

    scheduler: Any = None
    workers: int | None = None
    memory_limit: int | str | None = None
    checkpoint: Location | None = None
    checkpoint_seconds: float | None = 60.0
    checkpoint_iterations: int | None = None
    resume: bool = False
    storage_options: StorageOptions | None = None
    progress: Listener = silent
    keep_checkpoint: bool = False
    keep_sketch: bool = True


def fit_models(
    network: Any, options: FitOptions, execution: Execution, *, starts: Sequence[Start] | None = None
) -> list[xr.Dataset]:
    """Fit the models of a run and return a Dataset for each.

    Parameters
    ----------
    network : as in :func:`dasknmf.nmf`
        The network.
    options : FitOptions
        Models, and when to stop.
    execution : Execution
        Where and how.
    starts : sequence of (W, H) or None, optional
        For models whose ``init`` is ``"given"``.
    """
    given = as_matrix(network, storage_options=execution.storage_options)
    begins = list(starts or [None] * len(options.models))
    for model, start in zip(options.models, begins, strict=True):
        given.check_start(model, start)
    limit = parse_memory(execution.memory_limit)
    with executor_for(execution.scheduler, workers=execution.workers, memory_limit=limit) as executor:
        checkpoints = _checkpoints(given, options, execution, begins)
        operator, projection = plan_run(
            given,
            [model.n_components for model in options.models],
            executor,
            limit,
            row_arrays=row_arrays(model.solver for model in options.models),
        )
        saved = checkpoints.read() if checkpoints and execution.resume else None
        execution.progress(
            RunStarted(
                genes=operator.n,
                models=len(options.models),
                columns=sum(model.n_components for model in options.models),
                groups=len(operator.plan.groups),
                bytes_per_sweep=operator.plan.weight,
                memory=projection.process_bytes,
                max_iter=options.run.max_iter,
                resumed_at=saved.iteration if saved else 0,
            )
        )
        with forgetting(executor):
            made = _run(
                given,
                options,
                begins,
                executor,
                operator,
                checkpoints,
                saved,
                execution.progress,
                keep_sketch=execution.keep_sketch,
            )
    if checkpoints and not execution.keep_checkpoint:
        checkpoints.remove()
    return made


def _checkpoints(
    given: Given, options: FitOptions, execution: Execution, starts: list[Start]
) -> Checkpoints | None:
    if execution.checkpoint is None:
        return None
    # a given start is not in the options, but a run resumes only where it is the same
    digests = [
        start and hashlib.sha256(b"".join(np.asarray(part, FACTOR).tobytes() for part in start)).hexdigest()
        for start in starts
    ]
    return Checkpoints(
        execution.checkpoint,
        {"checksum": given.checksum, "starts": digests, **options.as_dict()},
        every_seconds=execution.checkpoint_seconds,
        every_iterations=execution.checkpoint_iterations,
        listener=execution.progress,
        storage_options=execution.storage_options,
    )


def _run(
    given: Given,
    options: FitOptions,
    starts: list[Start],
    executor: Executor,
    operator: Sweep,
    checkpoints: Checkpoints | None,
    saved: Saved | None,
    progress: Listener,
    *,
    keep_sketch: bool,
) -> list[xr.Dataset]:
    session = Session(
        given,
        operator,
        executor,
        options.run,
        listener=progress,
        keep_sketch=keep_sketch,
        before=saved.seconds if saved else 0.0,
    )
    sketch = _sketch(session, options, resumed=saved is not None)
    if saved:
        models = [restored(model, kept) for model, kept in zip(options.models, saved.models, strict=True)]
        operator.reads += saved.reads
    elif options.run.exact:
        models = session.start(options.models, starts, sketch)
    else:
        assert sketch is not None
        models = session.fit_on_sketch(sketch, options.models, starts)
    if checkpoints is not None:
        checkpoints.reads = lambda: operator.reads
        checkpoints.begin(saved.iteration if saved else 0, session.seconds)
    if options.run.exact:
        session.iterate(models, snapshot=checkpoints)
    else:
        session.polish(models, snapshot=checkpoints)
    return _datasets(session, options, models, sketch)


def _sketch(session: Session, options: FitOptions, *, resumed: bool) -> Sketch | None:
    """Return the sketch, where something needs it: the fits, a start, or the bound."""
    run = options.run
    fitted = not run.exact or any("nndsvd" in model.init for model in options.models)
    needed = (fitted and not resumed) or (run.bound and run.diagonal == "keep")
    largest = max(model.n_components for model in options.models)
    return session.sketches(largest)[0] if needed else None


def _datasets(
    session: Session, options: FitOptions, models: list[Model], sketch: Sketch | None
) -> list[xr.Dataset]:
    gauges = []
    for model in models:
        factors, core = model.factors, getattr(model.solver, "core", None)
        model.rows, scale, gauge = balance(factors)
        gauges.append({"scale": scale, "gauge": gauge})
        if core is not None:
            gauges[-1]["core"] = balanced_core(core(model.state), factors)
    operator, given = session.operator, session.given
    exact = exact_errors(
        operator, session.executor, [model.rows for model in models], diagonal=session.diagonal
    )
    bytes_per_read = operator.plan.weight
    session.listener(RunEnded(session.seconds, operator.reads, operator.reads * bytes_per_read))
    facts = {
        "network": given.name,
        "network_checksum": given.checksum,
        "genes": operator.n,
        "reads": operator.reads,
        "bytes_per_read": bytes_per_read,
        "seconds": session.seconds,
    }
    bounded = sketch is not None and session.diagonal and session.run.bound
    return [
        fit_dataset(
            model,
            end,
            genes=given.genes,
            options=chosen,
            run=options.run,
            bound=sketch.relative_error(chosen.n_components) if bounded and sketch else float("nan"),
            facts=facts,
            **gauge,
        )
        for model, end, chosen, gauge in zip(models, exact, options.models, gauges, strict=True)
    ]


def checkpoint_beside(location: Location) -> str:
    """Return where the checkpoint of a result is kept by default: beside it."""
    return f"{os.fspath(location).rstrip('/')}.checkpoint"
