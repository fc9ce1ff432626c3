"""The loop: what all live models want multiplied goes through one sweep, and models that are done drop out."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol, cast

import numpy as np

from dasknmf.errors import DasknmfError
from dasknmf.events import IterationEnded, ModelEnded
from dasknmf.model import relative_error
from dasknmf.panels import advance, measure, place, rows_of, stack, stack_pairs, sums_of, total_of, without
from dasknmf.solvers.face import PAIRED, Known

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dasknmf.engine.executor import Executor, Handle
    from dasknmf.engine.sweep import Operator, Sweep
    from dasknmf.engine.weighted import WeightedSweep
    from dasknmf.events import Listener
    from dasknmf.model import Model
    from dasknmf.options import RunOptions
    from dasknmf.unseen import Unseen

#: Iterations over which the objective must have stalled.
WINDOW = 10
#: Futures that feed futures keep a whole history alive on a scheduler; it is cut after so many iterations.
LINEAGE = 25


class Snapshot(Protocol):
    """Decides when a checkpoint is due, and keeps it; see :mod:`dasknmf.checkpoint`."""

    def due(self, iteration: int, seconds: float) -> bool:
        """Tell whether the models are wanted after this iteration."""
        ...

    def save(self, models: Sequence[Model], iteration: int, seconds: float) -> bool:
        """Write the models down, and tell whether that went well."""
        ...

    def hold(self, models: Sequence[Model], iteration: int, seconds: float) -> None:
        """Keep the models in memory."""
        ...


class Run:
    """Several models on one matrix, sharing every read of it.

    Parameters
    ----------
    operator : Operator
        The matrix.
    executor : Executor
        Where row panels live and are updated; the operator's own.
    models : list of Model
        Their ``rows`` are the start, or those of a checkpoint together with the other fields.
    options : RunOptions
        When to stop, and whether the diagonal counts.
    bytes_per_sweep : int
        For the events.
    listener : callable
        Receives events.
    snapshot : Snapshot, optional
        Where checkpoints go.
    seconds : float
        Spent before, by the run that is resumed.
    unseen : sequence of Unseen or None, optional
        For each row panel, the entries that do not count.
    known : Known, optional
        Of A, over the entries that count; by default over all.
    polish : int, optional
        Most iterations of models that were fitted on the sketch.
    """

    def __init__(
        self,
        operator: Operator,
        executor: Executor,
        models: list[Model],
        options: RunOptions,
        *,
        bytes_per_sweep: int,
        listener: Listener,
        snapshot: Snapshot | None = None,
        seconds: float = 0.0,
        unseen: Sequence[Unseen | None] | None = None,
        known: Known | None = None,
        polish: int | None = None,
    ) -> None:
        self.operator, self.executor, self.models, self.options = operator, executor, models, options
        self.bytes_per_sweep, self.listener, self.snapshot = bytes_per_sweep, listener, snapshot
        self.polish = polish
        self._began = time.perf_counter() - seconds
        self._panels: list[Handle] = []
        self._columns = [model.columns for model in models]
        self._dtype = next(iter(models[0].rows.values())).dtype
        self._cut_at = 0
        self._first_seconds, self._first_iteration = 0.0, 0
        self.known = known or Known(operator.n, operator.sum_of_squares, operator.total)
        self._unseen: list[Handle | None] = list(unseen or [None] * len(operator.panels))

    @property
    def seconds(self) -> float:
        """Seconds since the start, those of the resumed run included."""
        return time.perf_counter() - self._began

    @property
    def live(self) -> list[int]:
        """Models that have not stopped."""
        return [index for index, model in enumerate(self.models) if not model.stop_reason]

    def go(self) -> None:
        """Iterate until every model has stopped."""
        self._place(self.live)
        self._start()
        self._first_seconds = self.seconds
        self._first_iteration = max((m.state.iteration for m in self.models if m.state), default=0)
        while self.live:
            self._round()
            ended = [index for index in self.live if self._is_done(self.models[index])]
            if all(self.models[index].state.between for index in self.live):
                self._tell()
            if ended:
                self._collect(ended)
            if self.live and all(self.models[index].state.between for index in self.live):
                self._save_or_cut()
        self._panels = []

    def _place(self, indices: Sequence[int]) -> None:
        """Cut the rows of models into panels and put them where they are updated."""
        rows = {index: self.models[index].rows for index in indices}
        self._panels = place(rows, self.operator.panels, self.executor)
        # in one place only: those of a survey are most of its memory
        for index in indices:
            self.models[index].rows = {}

    def _start(self) -> None:
        solvers = {
            index: self.models[index].solver for index in self.live if self.models[index].state is None
        }
        if not solvers:
            return
        parts = self.executor.get(
            self.executor.map(measure, self._panels, [solvers] * len(self._panels), label="measure")
        )
        for index, sums in total_of(parts).items():
            model = self.models[index]
            model.state = model.solver.start(sums, self.known)
            if model.before is not None:
                model.state = model.solver.carry_on(model.state, model.before)

    def _round(self) -> None:
        """One sweep, one update of every live model."""
        jobs = {index: (self.models[index].solver, self.models[index].state) for index in self.live}
        wanting = {index: job for index, job in jobs.items() if job[0].wants(job[1]) == "product"}
        count = len(self._panels)
        X = self.executor.map(stack, self._panels, [wanting] * count, [self._dtype] * count, label="stack")
        columns = sum(self._columns[index] for index in wanting)
        AX = self.operator.sweep(X, columns=columns, dtype=self._dtype) if wanting else X
        del X
        pairing = {index: job for index, job in jobs.items() if job[0].wants(job[1]) in PAIRED}
        ratios, scores = self._ratios(pairing, self._dtype) if pairing else ([None] * count, [])
        self._panels = self.executor.map(
            advance, self._panels, AX, [jobs] * count, self._unseen, ratios, label="update"
        )
        *parts, found = self.executor.get(
            [*self.executor.map(sums_of, self._panels, label="sums"), *(scores or [None])]
        )
        of_ratios = dict(zip(pairing, found, strict=True)) if pairing else {}
        for index, sums in total_of(parts).items():
            if index in of_ratios:
                names = PAIRED[jobs[index][0].wants(jobs[index][1])]
                sums.update(zip(names, map(float, of_ratios[index]), strict=True))
            model = self.models[index]
            model.state = model.solver.reduce(model.state, sums)
            if model.state.between:
                model.objective.append(model.state.objective)
                model.squared_error.append(model.state.squared_error)
                model.gradient.append(model.state.relative_gradient)

    def _ratios(
        self, jobs: dict[int, tuple[Any, Any]], dtype: np.dtype[Any]
    ) -> tuple[list[Handle], list[Handle]]:
        """One read for all models that want ratios, or of weighted matrices filled products: panels, and sums."""
        count = len(self._panels)
        X = self.executor.map(stack_pairs, self._panels, [jobs] * count, [dtype] * count, label="stack-pairs")
        ranks = [self._columns[index] for index in jobs]
        if any(solver.wants(state) == "filled" for solver, state in jobs.values()):
            # all of them: weights are the matrix's
            made, scores = cast("WeightedSweep", self.operator).filled(X, ranks=ranks, dtype=dtype)
            return made, [scores]
        # fits on a sketch never have such models
        entries = cast("Sweep", self.operator)
        scored = [solver.wants(state) == "scored ratio" for solver, state in jobs.values()]
        counts = self._unseen[0] is None
        made, scores = entries.ratio(X, ranks=ranks, dtype=dtype, diagonal=counts, scored=scored)
        return made, [scores]

    def _limits(self, model: Model) -> RunOptions:
        """Return when a model stops: one that is polished after so many iterations, settled or not."""
        if self.polish is None or not model.sketch_reason:
            return self.options
        return replace(self.options, max_iter=max(1, self.polish), tol_objective=0.0)

    def _is_done(self, model: Model) -> bool:
        """Decide whether a model stops here, and why."""
        if not model.state.between:
            return False
        if not np.isfinite(model.state.objective):
            msg = (
                f"{model.name}: the objective is {model.state.objective} after iteration {model.state.iteration}; "
                "a start or a penalty is too large for float32: rescale the network or lower the penalty"
            )
            raise DasknmfError(msg)
        options, past = self._limits(model), model.objective[model.sketched :]
        settles = model.solver.settles(model.state)
        if stopped := model.solver.stopped(model.state):
            model.stop_reason, model.converged = stopped, True
        elif settles and options.tol > 0 and model.state.relative_gradient <= options.tol:
            model.stop_reason, model.converged = "projected gradient below tol", True
        elif (
            settles
            and options.tol_objective > 0
            and len(past) > WINDOW
            # the first that is not of the start, of which the size says nothing
            and past[-1 - WINDOW] - past[-1] <= options.tol_objective * past[int(model.solver.looks_back)]
        ):
            model.stop_reason, model.converged = "objective settled below tol_objective", True
        elif model.state.iteration >= options.max_iter:
            model.stop_reason = "max_iter reached"
        elif options.max_seconds is not None and self.seconds >= options.max_seconds:
            model.stop_reason = "max_seconds reached"
        return bool(model.stop_reason)

    def _tell(self) -> None:
        models = [model for model in self.models if model.objective]
        # objectives of different solvers cannot be compared
        best = min(models, key=lambda model: model.squared_error[-1])
        iteration = max(model.state.iteration for model in models)
        done = iteration - self._first_iteration
        each = (self.seconds - self._first_seconds) / done if done else 0.0
        most = max(self._limits(model).max_iter for model in self.models)
        self.listener(
            IterationEnded(
                iteration=iteration,
                live=len(self.live),
                relative_error=relative_error(best.squared_error[-1], self.known.sum_of_squares),
                relative_gradient=best.gradient[-1],
                reads=self.operator.reads,
                bytes_read=self.operator.reads * self.bytes_per_sweep,
                seconds=self.seconds,
                seconds_left=each * (most - iteration),
            )
        )

    def _collect(self, indices: Sequence[int]) -> None:
        """Bring the rows of models here; those that have stopped leave the panels."""
        count = len(self._panels)
        parts = self.executor.get(
            self.executor.map(rows_of, self._panels, [tuple(indices)] * count, label="rows-of")
        )
        for index in indices:
            own = [part.pop(index) for part in parts]
            self.models[index].rows = {name: np.concatenate([rows[name] for rows in own]) for name in own[0]}
        ended = tuple(index for index in indices if self.models[index].stop_reason)
        for index in ended:
            model = self.models[index]
            if self.polish is None or not model.sketch_reason:
                # that a model that is polished ends after so many iterations is no news
                self.listener(
                    ModelEnded(model.name, model.state.iteration, model.stop_reason, model.converged)
                )
        if ended and self.live:
            self._panels = self.executor.map(without, self._panels, [ended] * count, label="drop")

    def _save_or_cut(self) -> None:
        iteration = self.models[self.live[0]].state.iteration
        due = self.snapshot is not None and self.snapshot.due(iteration, self.seconds)
        lineage = not self.executor.local and iteration - self._cut_at >= LINEAGE
        if not due and not lineage:
            return
        self._collect(self.live)
        self._cut_at = iteration
        if due and self.snapshot is not None:
            self.snapshot.save(self.models, iteration, self.seconds)
        if self.snapshot is not None and not self.executor.local:
            self.snapshot.hold(self.models, iteration, self.seconds)
        self._place(self.live)
