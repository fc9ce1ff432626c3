"""The loop: what all live models want multiplied goes through one sweep, and models that are done drop out."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol

import numpy as np

from dasknmf.errors import DasknmfError
from dasknmf.events import IterationEnded, ModelEnded
from dasknmf.model import relative_error
from dasknmf.panels import advance, measure, place, rows_of, stack, sums_of, without
from dasknmf.solvers.face import Known

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dasknmf.engine.executor import Executor, Handle
    from dasknmf.engine.sweep import Operator
    from dasknmf.events import Listener
    from dasknmf.model import Model
    from dasknmf.options import RunOptions
    from dasknmf.solvers.face import Sums
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

    def save(self, models: Sequence[Model], iteration: int, seconds: float) -> None:
        """Keep the models."""
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
    ) -> None:
        self.operator, self.executor, self.models, self.options = operator, executor, models, options
        self.bytes_per_sweep, self.listener, self.snapshot = bytes_per_sweep, listener, snapshot
        self._began = time.perf_counter() - seconds
        self._panels: list[Handle] = []
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

    def _place(self, indices: Iterable[int]) -> None:
        """Cut the rows of models into panels and put them where they are updated."""
        rows = {index: self.models[index].rows for index in indices}
        self._panels = place(rows, self.operator.panels, self.executor)

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
            if model.before is not None and hasattr(model.solver, "carry_on"):
                model.state = model.solver.carry_on(model.state, model.before)

    def _round(self) -> None:
        """One sweep, one update of every live model."""
        jobs = {index: (self.models[index].solver, self.models[index].state) for index in self.live}
        wanting = {index: job for index, job in jobs.items() if job[0].wants(job[1]) == "product"}
        dtype = next(iter(self.models[self.live[0]].rows.values())).dtype
        count = len(self._panels)
        X = self.executor.map(stack, self._panels, [wanting] * count, [dtype] * count, label="stack")
        columns = sum(self.models[index].columns for index in wanting)
        AX = self.operator.sweep(X, columns=columns, dtype=dtype) if wanting else X
        self._panels = self.executor.map(
            advance, self._panels, AX, [jobs] * count, self._unseen, label="update"
        )
        parts = self.executor.get(self.executor.map(sums_of, self._panels, label="sums"))
        for index, sums in total_of(parts).items():
            model = self.models[index]
            model.state = model.solver.reduce(model.state, sums)
            if model.state.between:
                model.objective.append(model.state.objective)
                model.squared_error.append(model.state.squared_error)
                model.gradient.append(model.state.relative_gradient)

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
        options, past = self.options, model.objective[model.sketched :]
        settles = not getattr(model.state, "annealing", False)
        if settles and options.tol > 0 and model.state.relative_gradient <= options.tol:
            model.stop_reason, model.converged = "projected gradient below tol", True
        elif (
            settles
            and options.tol_objective > 0
            and len(past) > WINDOW
            and past[-1 - WINDOW] - past[-1] <= options.tol_objective * past[0]
        ):
            model.stop_reason, model.converged = "objective settled below tol_objective", True
        elif model.state.iteration >= options.max_iter:
            model.stop_reason = "max_iter reached"
        elif options.max_seconds is not None and self.seconds >= options.max_seconds:
            model.stop_reason = "max_seconds reached"
        return bool(model.stop_reason)

    def _tell(self) -> None:
        models = [model for model in self.models if model.objective]
        best = min(models, key=lambda model: model.objective[-1])
        iteration = max(model.state.iteration for model in models)
        done = iteration - self._first_iteration
        each = (self.seconds - self._first_seconds) / done if done else 0.0
        self.listener(
            IterationEnded(
                iteration=iteration,
                live=len(self.live),
                relative_error=relative_error(best.squared_error[-1], self.known.sum_of_squares),
                relative_gradient=best.gradient[-1],
                reads=self.operator.reads,
                bytes_read=self.operator.reads * self.bytes_per_sweep,
                seconds=self.seconds,
                seconds_left=each * (self.options.max_iter - iteration),
            )
        )

    def _collect(self, indices: Sequence[int]) -> None:
        """Bring the rows of models here; those that have stopped leave the panels."""
        count = len(self._panels)
        parts = self.executor.get(
            self.executor.map(rows_of, self._panels, [tuple(indices)] * count, label="rows-of")
        )
        for index in indices:
            self.models[index].rows = {
                name: np.concatenate([part[index][name] for part in parts]) for name in parts[0][index]
            }
        ended = tuple(index for index in indices if self.models[index].stop_reason)
        for index in ended:
            model = self.models[index]
            self.listener(ModelEnded(model.name, model.state.iteration, model.stop_reason, model.converged))
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
        if not self.executor.local:
            self._place(self.live)


def total_of(parts: Sequence[dict[int, Sums]]) -> dict[int, Sums]:
    """Add the sums of all row panels, panel by panel."""
    total: dict[int, Sums] = {}
    for part in parts:
        for index, sums in part.items():
            if index not in total:
                total[index] = dict(sums)
            else:
                for name, value in sums.items():
                    total[index][name] = total[index][name] + value
    return total
