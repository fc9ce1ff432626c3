"""The stages of a run: sketch, fits on the sketch, iterations on A. What they share is a Session."""

from __future__ import annotations

import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from distributed.system import MEMORY_LIMIT

from dasknmf.driver import Run
from dasknmf.engine.cache import forget
from dasknmf.engine.memory import USABLE, Projection, check_memory, project
from dasknmf.errors import DasknmfError
from dasknmf.events import ModelEnded, ModelsFitted
from dasknmf.exact import known_of, unseen_of
from dasknmf.network.opened import forget_opened
from dasknmf.progress import silent
from dasknmf.sketched import FACTOR, Batch, Facts, Start, begin, fit_batch, make_batches, start_rows
from dasknmf.sketching import sketches_for, vectors_of
from dasknmf.solvers.initial import column_choice

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from dasknmf.driver import Snapshot
    from dasknmf.engine.executor import Executor, Handle
    from dasknmf.engine.mask import Mask
    from dasknmf.engine.sketch import Sketch
    from dasknmf.engine.sweep import Sweep
    from dasknmf.events import Event, Listener
    from dasknmf.matrices import Given
    from dasknmf.model import Model
    from dasknmf.options import ModelOptions, RunOptions


@dataclass
class Session:
    """A network, opened for a run on an executor.

    ``before`` is the seconds spent before, by the run that is resumed.
    """

    given: Given
    operator: Sweep
    executor: Executor
    run: RunOptions
    listener: Listener = silent
    keep_sketch: bool = True
    before: float = 0.0
    began: float = field(default_factory=time.perf_counter)

    @property
    def seconds(self) -> float:
        """Seconds since the start."""
        return self.before + time.perf_counter() - self.began

    @property
    def diagonal(self) -> bool:
        """Whether the diagonal counts."""
        return self.run.diagonal == "keep"

    @property
    def _trace(self) -> float:
        """Sum of a diagonal that does not count."""
        return 0.0 if self.diagonal else float(np.asarray(self.operator.diagonal, np.float64).sum())

    def sketches(self, k: int, mask: Mask | None = None) -> list[Sketch]:
        """Return the sketch of A for ranks up to ``k``, and with a mask that of A without what is held out."""
        return sketches_for(
            self.given.network,
            self.operator,
            self.executor,
            k,
            diagonal=self.diagonal,
            mask=mask,
            keep=self.keep_sketch,
            listener=self.listener,
        )

    def start(
        self, models: Sequence[ModelOptions], starts: Sequence[Start], sketch: Sketch | None
    ) -> list[Model]:
        """Return models at their starts, for iterations on A; random columns of it take one read for all."""
        n, total = self.operator.n, self.operator.total - self._trace
        spectrum = (sketch.values, vectors_of(sketch, self.executor)) if sketch else None
        drawn = {
            i: column_choice(n, model.n_components, seed=model.seed, dtype=FACTOR)
            for i, model in enumerate(models)
            if model.init == "random_acol" and starts[i] is None
        }
        columns: dict[int, NDArray[Any]] = {}
        if drawn:
            X = np.concatenate(list(drawn.values()), axis=1)
            AX = self.operator @ X
            if not self.diagonal:
                AX -= np.asarray(self.operator.diagonal, dtype=FACTOR)[:, None] * X
            cuts = np.cumsum([X.shape[1] for X in drawn.values()])[:-1]
            columns = dict(zip(drawn, np.split(AX, cuts, axis=1), strict=True))
        return [
            begin(
                model, start_rows(model, start, n=n, total=total, spectrum=spectrum, columns=columns.get(i))
            )
            for i, (model, start) in enumerate(zip(models, starts, strict=True))
        ]

    def fit_on_sketch(
        self,
        sketch: Sketch,
        models: Sequence[ModelOptions],
        starts: Sequence[Start],
        *,
        chain: bool = False,
        kept: Kept | None = None,
    ) -> list[Model]:
        """Fit models on a sketch, a batch a task, and return them in their order.

        Parameters
        ----------
        sketch : Sketch
            Of A, or of A without what is held out.
        models : sequence of ModelOptions
            The models.
        starts : sequence of (W, H) or None
            Where to start.
        chain : bool
            Start each rank from the one below.
        kept : Kept, optional
            Keeps batches that are done, so that a run that is resumed does not do them again.
        """
        facts = Facts(
            self.operator.n,
            sketch.values,
            sketch.sum_of_squares,
            self.operator.total - self._trace,
            self.diagonal,
        )
        run = replace(self.run, max_seconds=self._seconds_left())
        batches = make_batches(models, starts, run, chain=chain)
        found = dict(kept.read(batches)) if kept else {}
        todo = [number for number in range(len(batches)) if number not in found]
        began, done = self.seconds, 0
        for number, made in zip(
            todo, self._stream([batches[number] for number in todo], sketch, facts), strict=True
        ):
            found[number] = made
            if kept:
                kept.save(number, made)
            done += len(made)
            left = sum(len(batches[other].models) for other in todo) - done
            each = (self.seconds - began) / done
            self.listener(ModelsFitted(len(models) - left, len(models), self.seconds, each * left))
        placed = {
            i: model
            for number, made in found.items()
            for i, model in zip(batches[number].indices, made, strict=True)
        }
        return [placed[i] for i in range(len(models))]

    def _stream(self, batches: list[Batch], sketch: Sketch, facts: Facts) -> Iterator[list[Model]]:
        if not batches:
            return
        vectors = self.executor.map(_whole, [sketch.vectors], label="vectors")
        capacity = self.executor.capacity
        if len(batches) == 1 and capacity.local:
            # one batch has all threads for itself, and its iterations can be followed
            yield fit_batch(batches[0], vectors[0], facts, capacity.threads, self.listener)
            return
        threads = 1 if capacity.local else max(1, capacity.threads // -(-len(batches) // capacity.processes))
        count = len(batches)
        yield from self.executor.stream(
            fit_batch, batches, vectors * count, [facts] * count, [threads] * count, label="fit"
        )

    def _seconds_left(self) -> float | None:
        if self.run.max_seconds is None:
            return None
        return max(1e-3, self.run.max_seconds - self.seconds)

    def iterate(
        self, models: list[Model], *, most: int | None = None, snapshot: Snapshot | None = None
    ) -> None:
        """Iterate models on A until each has stopped, or after a sketch ``most`` times."""
        run, listener = self.run, self.listener
        if most is not None:
            run = replace(self.run, max_iter=most, tol_objective=0.0)
            # that they end after so many iterations is no news
            listener = _without_ends(self.listener)
        Run(
            self.operator,
            self.executor,
            models,
            run,
            bytes_per_sweep=self.operator.plan.weight,
            listener=listener,
            snapshot=snapshot,
            seconds=self.seconds,
            unseen=unseen_of(self.operator, self.executor, diagonal=self.diagonal),
            known=known_of(self.operator, diagonal=self.diagonal),
        ).go()

    def polish(self, models: list[Model], *, snapshot: Snapshot | None = None) -> None:
        """Iterate models that were fitted on the sketch on A, a few times."""
        for model in models:
            if not model.sketched:
                model.sketched, model.sketch_reason = len(model.objective), model.stop_reason
                model.stop_reason = ""
                if self.run.polish:
                    model.before, model.state = model.state, None
        if self.run.polish:
            self.iterate(models, most=self.run.polish, snapshot=snapshot)
        for model in models:
            exact = len(model.objective) - model.sketched
            model.converged = model.converged or model.sketch_reason not in _CUT_SHORT
            model.stop_reason = f"{model.sketch_reason} on the sketch, then {exact} iteration(s) on A"


def plan_run(
    given: Given, ranks: Sequence[int], executor: Executor, limit: int | None, **sizes: int
) -> tuple[Sweep, Projection]:
    """Return the operator of a run with models of these ranks, after its memory was found to fit.

    ``limit`` is what the user allows each process, in bytes; ``sizes`` are for the projection.

    Raises
    ------
    MemoryLimitError
        If the projected memory is above the limit, or what there is.
    """
    operator = given.operator(executor)
    capacity = executor.capacity
    projection = project(
        operator.plan,
        capacity,
        columns=sum(ranks),
        largest=max(ranks),
        tile_bytes=given.tile_bytes(operator.plan),
        held=given.memory,
        live=len(ranks),
        **sizes,
    )
    allowed = min(limit or capacity.memory, capacity.memory)
    usable = allowed if executor.local else int(allowed * USABLE)
    where = "this process" if executor.local else f"each of {capacity.processes} worker processes"
    check_memory(projection.process, limit=usable, where=where)
    check_memory(projection.client, limit=MEMORY_LIMIT, where="the client")
    # half of what is left stays free: other programs, and what no projection sees
    operator.keep_tiles((usable - projection.process_bytes) // 2)
    return operator, projection


@contextmanager
def forgetting(executor: Executor) -> Iterator[None]:
    """Give back the memory of processes that ran tasks, when the run is over."""
    try:
        yield
    finally:
        # of a cluster that is lost there is nothing to forget, and the error that says so must not be hidden
        with suppress(DasknmfError):
            executor.everywhere(_forget)


def _forget() -> None:
    forget()
    forget_opened()


def _without_ends(listener: Listener) -> Listener:
    def listen(event: Event) -> None:
        if not isinstance(event, ModelEnded):
            listener(event)

    return listen


#: Reasons to stop that say nothing of convergence.
_CUT_SHORT = ("max_iter reached", "max_seconds reached")


class Kept(Protocol):
    """Keeps batches that are done, so that a run that is resumed does not do them again."""

    def read(self, batches: Sequence[Batch]) -> Iterable[tuple[int, list[Model]]]:
        """Yield the number and the models of each batch that is there."""
        ...

    def save(self, number: int, models: list[Model]) -> None:
        """Keep a batch."""
        ...


def _whole(vectors: Sequence[Handle]) -> NDArray[Any]:
    return np.concatenate(vectors)
