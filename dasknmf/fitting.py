"""One run from a network to finished Datasets: glue of operator, solvers, driver, checkpoints and labels."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from dasknmf.checkpoint import Checkpoints, Saved, restored
from dasknmf.cluster import on_cluster, parse_memory
from dasknmf.decomposition import Decomposition, decomposition_dataset
from dasknmf.engine.weighted import WeightedSweep
from dasknmf.events import RunEnded, RunStarted
from dasknmf.exact import divergences, exact_errors, weighted_errors
from dasknmf.matrices import as_matrix
from dasknmf.methods import decompose, needs_sketch, own_sketches
from dasknmf.model import Exact, Model, balance, balanced_core
from dasknmf.pair_weights import weights_for
from dasknmf.planning import plan_run
from dasknmf.results import fit_dataset
from dasknmf.sketched import FACTOR, Start
from dasknmf.solvers import fits_sketch, is_direct, row_arrays
from dasknmf.stages import Session

if TYPE_CHECKING:
    from collections.abc import Sequence

    import xarray as xr

    from dasknmf.engine.executor import Executor
    from dasknmf.engine.sketch import Sketch
    from dasknmf.execution import Execution
    from dasknmf.matrices import Given
    from dasknmf.options import FitOptions, ModelOptions
    from dasknmf.pair_weights import PairWeights


def fit_models(
    network: Any,
    options: FitOptions,
    execution: Execution,
    *,
    starts: Sequence[Start] | None = None,
    missing: Any = None,
    weights: Any = None,
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
    missing, weights : as in :func:`dasknmf.nmf`
    """
    given = as_matrix(network, storage_options=execution.storage_options)
    pairs = weights_for(given, missing, weights, storage_options=execution.storage_options)
    options = pairs.adapted(options) if pairs else options
    begins = list(starts or [None] * len(options.models))
    for model, start in zip(options.models, begins, strict=True):
        given.check_start(model, start)
    checkpoints = _checkpoints(
        {"checksum": given.checksum, **(pairs.about if pairs else {})}, options, execution, begins
    )

    def work(executor: Executor) -> list[xr.Dataset]:
        session, saved = _opened(given, pairs, options, execution, executor, checkpoints)
        return _run(session, options, begins, checkpoints, saved)

    return on_cluster(execution, work, reached=checkpoints.reached)


def _opened(
    given: Given,
    pairs: PairWeights | None,
    options: FitOptions,
    execution: Execution,
    executor: Executor,
    checkpoints: Checkpoints,
) -> tuple[Session, Saved | None]:
    """Open the network for the run, and return what was kept of it before, if anything."""
    limit = parse_memory(execution.memory_limit)
    operator, projection = plan_run(
        given,
        [model.n_components for model in options.models],
        executor,
        limit,
        spaces=1 + own_sketches(options.models),
        ratios=[model.n_components for model in options.models if not fits_sketch(model.solver)],
        row_arrays=row_arrays(model.solver for model in options.models),
        pairs=pairs,
        diagonal=options.run.diagonal == "keep",
    )
    saved = checkpoints.latest(resume=execution.resume)
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
    if isinstance(operator, WeightedSweep):
        operator.look()
    session = Session(
        given,
        operator,
        executor,
        options.run,
        listener=execution.progress,
        # what is missing is not in the name of a sketch
        keep_sketch=execution.keep_sketch and not pairs,
        before=saved.seconds if saved else 0.0,
        beside=None if execution.checkpoint is None else os.fspath(execution.checkpoint),
        resume=execution.resume,
        written=checkpoints.written,
        storage_options=execution.storage_options,
        memory=projection.process_bytes,
    )
    return session, saved


def _checkpoints(
    identity: dict[str, str], options: FitOptions, execution: Execution, starts: list[Start]
) -> Checkpoints:
    # a given start is not in the options, but a run resumes only where it is the same
    digests = [
        start and hashlib.sha256(b"".join(np.asarray(part, FACTOR).tobytes() for part in start)).hexdigest()
        for start in starts
    ]
    return Checkpoints(
        execution.checkpoint,
        {**identity, "starts": digests, **options.as_dict()},
        every_seconds=execution.checkpoint_seconds,
        every_iterations=execution.checkpoint_iterations,
        listener=execution.progress,
        storage_options=execution.storage_options,
    )


def _run(
    session: Session,
    options: FitOptions,
    starts: list[Start],
    checkpoints: Checkpoints,
    saved: Saved | None,
) -> list[xr.Dataset]:
    sketch = _sketch(session, options, resumed=saved is not None)
    direct = [model for model in options.models if is_direct(model.solver)]
    made: dict[str, Model | Decomposition] = {
        **_iterated(session, options, starts, checkpoints, saved, sketch),
        **decompose(session, direct, sketch),
    }
    return _datasets(session, options, [made[model.name] for model in options.models], sketch)


def _iterated(
    session: Session,
    options: FitOptions,
    starts: list[Start],
    checkpoints: Checkpoints,
    saved: Saved | None,
    sketch: Sketch | None,
) -> dict[str, Model]:
    """Fit the models of iterative solvers, and return them by name; checkpoints are theirs alone."""
    places = [i for i, model in enumerate(options.models) if not is_direct(model.solver)]
    chosen, begins = [options.models[i] for i in places], [starts[i] for i in places]
    if not chosen:
        return {}
    operator = session.operator
    if saved:
        models = [restored(model, kept) for model, kept in zip(chosen, saved.models, strict=True)]
        operator.reads += saved.reads
    else:
        models = _begun(session, chosen, begins, sketch)
    checkpoints.reads = lambda: operator.reads
    checkpoints.begin(saved.iteration if saved else 0, session.seconds)
    if options.run.exact:
        session.iterate(models, snapshot=checkpoints)
    else:
        # models that cannot be fitted on the sketch go on until they have stopped
        session.polish(models, snapshot=checkpoints)
    return {model.name: model for model in models}


def _begun(
    session: Session, options: list[ModelOptions], starts: list[Start], sketch: Sketch | None
) -> list[Model]:
    """Return models fitted on the sketch, or where that cannot be, at their starts."""
    found: dict[int, Model] = {}
    for fitted in (True, False):
        chosen = [i for i, model in enumerate(options) if _on_sketch(session, model) is fitted]
        models, begins = [options[i] for i in chosen], [starts[i] for i in chosen]
        if fitted and chosen:
            assert sketch is not None
            found |= zip(chosen, session.fit_on_sketch(sketch, models, begins), strict=True)
        elif chosen:
            found |= zip(chosen, session.start(models, begins, sketch), strict=True)
    return [found[i] for i in range(len(options))]


def _on_sketch(session: Session, model: ModelOptions) -> bool:
    return not session.run.exact and fits_sketch(model.solver)


def _sketch(session: Session, options: FitOptions, *, resumed: bool) -> Sketch | None:
    """Return the sketch, where something needs it: the fits, a start, a direct method, or the bound."""
    run = options.run
    fitted = any(
        not is_direct(model.solver) and (_on_sketch(session, model) or "nndsvd" in model.init)
        for model in options.models
    )
    bound = run.bound and run.diagonal == "keep"
    needed = (fitted and not resumed) or bound or needs_sketch(options.models)
    largest = max(model.n_components for model in options.models)
    return session.sketches(largest)[0] if needed else None


def _datasets(
    session: Session, options: FitOptions, made: list[Model | Decomposition], sketch: Sketch | None
) -> list[xr.Dataset]:
    gauges: list[dict[str, Any]] = []
    for one in made:
        if isinstance(one, Decomposition):
            gauges.append({})
            continue
        factors, core = one.factors, one.solver.core(one.state)
        one.rows, scale, gauge = balance(factors)
        gauges.append({"scale": scale, "gauge": gauge})
        if core is not None:
            gauges[-1]["core"] = balanced_core(core, factors)
    operator, given = session.operator, session.given
    exact = _ends(session, made, options.models)
    bytes_per_read = operator.plan.weight
    session.listener(RunEnded(session.seconds, operator.reads, operator.reads * bytes_per_read))
    facts = {
        "network": given.name,
        "network_checksum": given.checksum,
        **given.about,
        "genes": operator.n,
        "reads": operator.reads,
        "bytes_per_read": bytes_per_read,
        "seconds": session.seconds,
        "memory_forecast": session.memory,
        **(operator.about if isinstance(operator, WeightedSweep) else {}),
    }
    bounded = sketch is not None and session.diagonal and session.run.bound

    def dataset(
        one: Model | Decomposition, end: Exact, chosen: ModelOptions, gauge: dict[str, Any]
    ) -> xr.Dataset:
        bound = sketch.relative_error(chosen.n_components) if bounded and sketch else float("nan")
        about: dict[str, Any] = {
            "genes": given.genes,
            "options": chosen,
            # what a solver does on A in any case is said to be so
            "run": options.run if fits_sketch(chosen.solver) else replace(options.run, exact=True),
            "bound": bound,
            "facts": facts,
        }
        if isinstance(one, Decomposition):
            return decomposition_dataset(one, end, **about)
        return fit_dataset(one, end, **about, **gauge)

    return list(map(dataset, made, exact, options.models, gauges))


def _ends(
    session: Session, made: list[Model | Decomposition], options: tuple[ModelOptions, ...]
) -> list[Exact]:
    """Return what the factors are worth on A, and of solvers that minimise it the divergence, for another read."""
    operator, executor, diagonal = session.operator, session.executor, session.diagonal
    if isinstance(operator, WeightedSweep):
        return weighted_errors(operator, executor, [one.rows for one in made])
    exact = exact_errors(operator, executor, [one.rows for one in made], diagonal=diagonal)
    chosen = [i for i, model in enumerate(options) if not fits_sketch(model.solver)]
    if chosen:
        found = divergences(operator, executor, [made[i].rows for i in chosen], diagonal=diagonal)
        for i, value in zip(chosen, found, strict=True):
            exact[i] = replace(exact[i], divergence=value)
    return exact
