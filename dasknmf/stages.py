"""The stages of a run: sketch, fits on the sketch, iterations on A. What they share is a Session."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol, cast

import numpy as np

from dasknmf.driver import Run
from dasknmf.engine.weighted import WeightedSweep
from dasknmf.events import ModelsFitted
from dasknmf.exact import known_of, unseen_of
from dasknmf.progress import silent
from dasknmf.sketched import FACTOR, Batch, Facts, Start, begin, fit_batch, make_batches, start_rows
from dasknmf.sketching import sketches_for, vectors_of
from dasknmf.solvers import fits_sketch
from dasknmf.solvers.filled import Filled
from dasknmf.solvers.initial import column_choice

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from dasknmf.driver import Snapshot
    from dasknmf.engine.executor import Executor, Handle
    from dasknmf.engine.mask import Mask
    from dasknmf.engine.sketch import Sketch
    from dasknmf.engine.sweep import Sweep
    from dasknmf.events import Listener
    from dasknmf.matrices import Given
    from dasknmf.model import Model
    from dasknmf.options import ModelOptions, RunOptions
    from dasknmf.solvers.alternating import Alternating
    from dasknmf.solvers.face import Solver
    from dasknmf.storage import StorageOptions


@dataclass
class Session:
    """A network, opened for a run on an executor.

    ``before`` is the seconds spent before, by the run that is resumed; ``beside`` is where direct methods keep what is
    half done, to go on from if ``resume``, or if this run has ``written`` it; ``memory`` what one process was forecast
    to take, in bytes.
    """

    given: Given
    operator: Sweep
    executor: Executor
    run: RunOptions
    listener: Listener = silent
    keep_sketch: bool = True
    before: float = 0.0
    beside: str | None = None
    resume: bool = False
    written: set[str] = field(default_factory=set)
    storage_options: StorageOptions | None = field(default=None, repr=False)
    memory: int = 0
    began: float = field(default_factory=time.perf_counter)

    @property
    def seconds(self) -> float:
        """Seconds since the start."""
        return self.before + time.perf_counter() - self.began

    @property
    def diagonal(self) -> bool:
        """Whether the diagonal counts."""
        # an operator with weights gives an ignored diagonal the weight 0 itself
        return self.run.diagonal == "keep" or isinstance(self.operator, WeightedSweep)

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

    def product(self, X: NDArray[Any]) -> NDArray[Any]:
        """Return A·X over the entries that count, shape (n, columns), from one read."""
        AX = self.operator @ X
        if not self.diagonal:
            AX -= np.asarray(self.operator.diagonal, dtype=X.dtype)[:, None] * X
        return AX

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
            AX = self.product(X)
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
        self, models: list[Model], *, polish: int | None = None, snapshot: Snapshot | None = None
    ) -> None:
        """Iterate models on A until each has stopped, those fitted on the sketch at most ``polish`` times."""
        if isinstance(self.operator, WeightedSweep):
            for model in models:
                model.solver = cast("Solver", Filled(cast("Alternating", model.solver)))
        Run(
            self.operator,
            self.executor,
            models,
            self.run,
            bytes_per_sweep=self.operator.plan.weight,
            listener=self.listener,
            snapshot=snapshot,
            seconds=self.seconds,
            unseen=unseen_of(self.operator, self.executor, diagonal=self.diagonal),
            known=known_of(self.operator, diagonal=self.diagonal),
            polish=polish,
        ).go()

    def polish(self, models: list[Model], *, snapshot: Snapshot | None = None) -> None:
        """Iterate models that were fitted on the sketch on A, a few times, and others until they have stopped."""
        fitted = [model for model in models if fits_sketch(model.solver.name)]
        for model in fitted:
            if not model.sketched:
                model.sketched, model.sketch_reason = len(model.objective), model.stop_reason
                if self.run.polish:
                    model.before, model.state, model.stop_reason = model.state, None, ""
        if not all(model.stop_reason for model in models):
            self.iterate(models, polish=self.run.polish, snapshot=snapshot)
        for model in fitted:
            exact = len(model.objective) - model.sketched
            model.converged = model.converged or model.sketch_reason not in _CUT_SHORT
            model.stop_reason = f"{model.sketch_reason} on the sketch, then {exact} iteration(s) on A"


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
