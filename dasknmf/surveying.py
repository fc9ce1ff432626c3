"""A survey of ranks: many fits of each for a dozen reads of the network, and what they say of its rank."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from dasknmf.analysis.agreement import agreement
from dasknmf.analysis.held_out import HeldOutCurve, held_out_curve
from dasknmf.cluster import on_cluster
from dasknmf.engine.mask import draw_mask
from dasknmf.errors import InputError
from dasknmf.events import RunEnded
from dasknmf.exact import exact_errors, held_out_errors
from dasknmf.execution import Execution, take_execution
from dasknmf.kept import KeptBatches
from dasknmf.matrices import as_matrix
from dasknmf.model import balance
from dasknmf.options import RunOptions
from dasknmf.parameters import PARAMETERS, PENALTIES
from dasknmf.sessions import open_session
from dasknmf.survey_dataset import Found, survey_dataset
from dasknmf.survey_options import SurveyOptions

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import xarray as xr

    from dasknmf.engine.executor import Executor
    from dasknmf.engine.mask import Mask
    from dasknmf.matrices import Given
    from dasknmf.model import Model
    from dasknmf.solvers.face import Rows
    from dasknmf.stages import Session

#: What a survey does otherwise than a single fit: on STRING human (k = 32) ten restarts end in the same errors to 1e-6
#: in three quarters of the iterations, and one iteration on A after them is within 1e-4 of five.
DEFAULTS = {"tol_objective": 1e-5, "polish": 1}


def survey(
    network: Any,
    n_components: Iterable[int] = range(2, 17),
    *,
    restarts: int = 10,
    execution: Execution | None = None,
    **options: Any,
) -> xr.Dataset:
    """Fit many ranks, several times each, and recommend one, in a dozen reads of the network.

    The network is read to make its sketch, and at the same time a sketch of it without the gene pairs that are
    held out; all models are fitted on these; those on the whole network then do an iteration on A; one more read
    gives the exact error of every model, and one the error of the held-out fits on what they have not seen.

    Parameters
    ----------
    network : as in :func:`dasknmf.nmf`
        The network.
    n_components : iterable of int
        Ranks.
    restarts : int
        Fits of each rank.
    execution : Execution, optional
        Where and how; by default made of ``options``. Its checkpoint is a folder.
    **options
        Other fields of :class:`dasknmf.survey_options.SurveyOptions` (``solver``, ``seed``, ``init``, ``held_out``,
        ``held_out_restarts``, ``warm_start``, ``consensus``), of :class:`dasknmf.options.RunOptions`
        (``max_iter``, ``tol``, ``polish``, …; see :data:`DEFAULTS`), penalties (``l1_W``, …), parameters of
        the solver (``beta``, …), and, without
        ``execution``, of :class:`dasknmf.execution.Execution` (``scheduler``, ``memory_limit``, ``checkpoint``, …).

    Returns
    -------
    Dataset
        Over (rank, restart); see :data:`dasknmf.survey_dataset.VARIABLES`. Attributes hold the recommended rank
        with its reason, the runner-up, warnings, reads of A and all options. :func:`dasknmf.survey_fit` takes the
        factors of a rank out of it.

    Raises
    ------
    InputError
        If the network or an option cannot be used.
    MemoryLimitError
        If the projected memory is above the limit.

    Notes
    -----
    Held-out pairs are a symmetric random set, A_ij with A_ji (Wold 1978; Owen & Perry 2009). Fits judged on them run
    on a sketch of the network without them, never on that of the whole: leading eigenvectors of A are made of
    held-out entries too, and errors on those would fall with every rank. In that sketch the held-out pairs are
    completed from the others by as many eigenvectors as the largest rank; beside dense fits that never see them, low
    ranks are judged up to a few per cent too well, and ranks that overfit too badly. The consensus of gene
    memberships follows Brunet et al. 2004, its dispersion Kim & Park 2007.

    Examples
    --------
    >>> import dasknmf, numpy as np
    >>> A = np.kron(np.eye(3), np.ones((20, 20)))
    >>> found = dasknmf.survey(A, range(1, 6), restarts=3)
    >>> found.attrs["recommended_rank"]
    3
    """
    running = take_execution(options, execution)
    chosen, run = _split(options, n_components, restarts)
    return run_survey(network, chosen, run, running)


def _split(
    options: dict[str, Any], n_components: Iterable[int], restarts: int
) -> tuple[SurveyOptions, RunOptions]:
    of_survey = {f.name for f in fields(SurveyOptions)} - {"n_components", "restarts", "penalties"}
    of_run = {f.name for f in fields(RunOptions)} - {"exact", "bound"}
    of_model = (*PENALTIES, *PARAMETERS)
    unknown = sorted(set(options) - of_survey - of_run - set(of_model))
    if unknown:
        there = ", ".join(sorted(of_survey | of_run | set(of_model)))
        msg = f"option {unknown[0]!r} of a survey is not known; there are: {there}"
        raise InputError(msg)
    penalties = {name: options[name] for name in of_model if name in options}
    run = RunOptions(**{**DEFAULTS, **{name: options[name] for name in of_run if name in options}})
    own = {name: options[name] for name in of_survey if name in options}
    ranks: Any = n_components
    return SurveyOptions(ranks, restarts=restarts, penalties=penalties, **own), run


def run_survey(network: Any, options: SurveyOptions, run: RunOptions, execution: Execution) -> xr.Dataset:
    """Do a survey; see :func:`survey`."""
    given = as_matrix(network, storage_options=execution.storage_options)
    given.check_start(options.models(options.restarts)[-1], None)
    n = len(given.genes)
    mask = draw_mask(n, share=options.held_out, seed=options.seed) if options.held_out else None
    kept = _kept(given, options, run, execution)

    def work(executor: Executor) -> xr.Dataset:
        ranks = [model.n_components for model in options.models(options.restarts)]
        session = open_session(
            given,
            executor,
            execution,
            run,
            solver=options.solver,
            ranks=ranks,
            models=len(ranks),
            spaces=2 if mask else 1,
        )
        found = _stages(session, options, kept, mask)
        reads = session.operator.reads
        execution.progress(RunEnded(session.seconds, reads, reads * session.operator.plan.weight))
        return survey_dataset(options, session, found, mask)

    return on_cluster(
        execution, work, reached=lambda: " and ".join(filter(None, (one.reached() for one in kept.values())))
    )


def _kept(
    given: Given, options: SurveyOptions, run: RunOptions, execution: Execution
) -> dict[str, KeptBatches]:
    """Return where batches are kept, by stage; nothing where there is no checkpoint."""
    if execution.checkpoint is None:
        return {}
    identity = {"checksum": given.checksum, "survey": options.as_dict(), "run": vars(run)}
    return {
        stage: KeptBatches(
            execution.checkpoint,
            stage,
            identity,
            resume=execution.resume,
            storage_options=execution.storage_options,
        )
        for stage in ("fits", "held-out")
    }


def _stages(
    session: Session, options: SurveyOptions, kept: dict[str, KeptBatches], mask: Mask | None
) -> Found:
    """Sketch, fit on the sketches, iterate on A, and compute errors; each says what it reads."""
    largest = options.n_components[-1]
    sketch, *hidden = session.sketches(largest, mask)
    chosen = options.models(options.restarts)
    models = session.fit_on_sketch(
        sketch, chosen, [None] * len(chosen), chain=options.warm_start, kept=kept.get("fits")
    )
    unseen: list[Model] = []
    if mask is not None:
        # seeds of their own: nothing is shared with the fits that have seen all
        others = options.models(options.held_out_restarts, first=options.restarts)
        hiding = session.fit_on_sketch(hidden[0], others, [None] * len(others), kept=kept.get("held-out"))
        # of each rank the fit that fits best what it has seen is judged
        unseen = [
            min(group, key=lambda model: model.objective[-1])
            for group in _groups(hiding, options.held_out_restarts)
        ]
        del hiding
    session.polish(models)
    for model in models:
        model.rows = balance(model.factors)[0]
    by_rank = [
        [(model.rows["W"], model.rows["H"]) for model in group] for group in _groups(models, options.restarts)
    ]
    found = [agreement(restarts, method=options.consensus, seed=options.seed) for restarts in by_rank]
    consensus = [one.consensus for one in found]
    rows = [model.rows for model in models]
    means: list[Rows] = []
    if options.consensus == "mean":
        means = [{"W": made.W, "H": made.Ht} for made in consensus]
    errors = exact_errors(session.operator, session.executor, rows + means, diagonal=session.diagonal)
    curve = _judge(session, unseen, mask) if mask is not None else None
    ends = [end.relative_error for end in errors]
    of_consensus = ends[len(models) :] or [
        ends[place * options.restarts + made.medoid] for place, made in enumerate(consensus)
    ]
    return Found(
        models,
        errors[: len(models)],
        consensus,
        of_consensus,
        [one.measures for one in found],
        [one.per_restart for one in found],
        curve,
        sketch,
    )


def _groups(models: Sequence[Model], size: int) -> list[Sequence[Model]]:
    """Return the models of each rank."""
    return [models[first : first + size] for first in range(0, len(models), size)]


def _judge(session: Session, unseen: Sequence[Model], mask: Mask) -> HeldOutCurve:
    """Return the error on held-out pairs of a fit of each rank that has not seen them."""
    found = held_out_errors(session.operator, session.executor, [model.factors for model in unseen], mask)
    return held_out_curve(found.by_group, found.squares)
