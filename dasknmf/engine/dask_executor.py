"""Tasks on a Dask cluster: row panels stay on the workers as futures."""

from __future__ import annotations

import ctypes
import time
import uuid
from collections import Counter
from concurrent.futures import CancelledError
from contextlib import ExitStack, suppress
from dataclasses import fields, is_dataclass, replace
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from dasknmf.blas import one_blas_thread
from dasknmf.engine.executor import Capacity, Handle
from dasknmf.engine.kernels import sum_in_order
from dasknmf.engine.watching import Watch
from dasknmf.errors import ClusterError, KilledWorkerError, LostClusterError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence

    from distributed import Client
    from numpy.typing import DTypeLike

    from dasknmf.events import Event, Listener

#: Up to this size, in bytes, a part of a result travels with its siblings: that costs less than a task to
#: take it out, some 1 ms of the scheduler.
SMALL_PART = 2**22
#: Seconds that a run waits for a worker, unless it is told otherwise.
PATIENCE = 600.0
#: Seconds in which each worker process must have done what every one of them is asked to; it is a trifle.
EVERYWHERE = 30.0


class Distributed:
    """Tasks on a Dask cluster, through a client the caller made.

    Parameters
    ----------
    client : distributed.Client
        Connected to the cluster; it is not closed here.

    Attributes
    ----------
    listener : callable
        Receives :class:`dasknmf.events.Waiting`.
    patience : float
        Seconds that it waits for a worker, or for an answer of the scheduler.
    """

    local = False
    parts = 1

    def __init__(self, client: Client) -> None:
        self.client = client
        self.listener: Listener = _ignore
        self.patience = PATIENCE
        self._held = ExitStack()

    @property
    def capacity(self) -> Capacity:
        """The workers the scheduler knows now; memory is that of the smallest."""
        from distributed.system import MEMORY_LIMIT

        workers = self._workers()
        # a worker without a limit shares its machine with the others there
        beside = Counter(worker["host"] for worker in workers)
        memory = min(
            int(worker["memory_limit"] or MEMORY_LIMIT // beside[worker["host"]]) for worker in workers
        )
        threads = max(int(worker["nthreads"]) for worker in workers)
        return Capacity(len(workers), threads, memory, local=False)

    def _workers(self) -> list[dict[str, Any]]:
        """Return what the scheduler knows of its workers, as soon as it has one."""
        watch = self._watch("workers")
        scheduler: Any = self.client.scheduler
        told = time.monotonic()
        while True:
            info = self._until(watch, lambda: scheduler.identity(n_workers=-1))
            if info["workers"]:
                return list(info["workers"].values())
            time.sleep(0.2)
            if time.monotonic() - told >= watch.every:
                told = time.monotonic()
                watch.without_worker()

    def _watch(self, what: str, left: Callable[[], int] = lambda: 1) -> Watch:
        return Watch(self.client, self.listener, self.patience, what=what, left=left)

    def _until(self, watch: Watch, make: Callable[[], Awaitable[Any]], handles: Sequence[Handle] = ()) -> Any:
        """Return what is awaited, or raise what went wrong: in a task, or with the cluster."""
        good, value = watch.result(make)
        if good:
            return value
        # what a task raised is its own, also a time-out or a lost connection, such as to an object store
        of_task = any(getattr(handle, "status", "") == "error" for handle in handles)
        if not of_task and self.client.status in ("closing", "closed"):
            value = TimeoutError(str(value))
        raise _error_of(value, of_task=of_task)

    def __enter__(self) -> Self:
        # the small algebra of the client must give the bits it gives under Threads
        self._held.enter_context(one_blas_thread())
        return self

    def __exit__(self, *error: object) -> None:
        self._held.close()

    def put(self, values: Sequence[Any], *, label: str) -> list[Handle]:
        """Place values as tasks that hold them.

        Not ``scatter``: scattered data is lost with its worker, a task is run again.
        """
        import dask

        with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1 GiB"}):
            return self.map(_same, values, label=label)

    def map(self, function: Callable[..., Any], *columns: Sequence[Any], label: str) -> list[Handle]:
        """Submit one task per row of ``columns``."""
        rows = len(columns[0])
        if rows == 0:
            return []
        token = uuid.uuid4().hex
        keys = [f"{label}-{token}-{row}" for row in range(rows)]
        try:
            return list(self.client.map(partial(_quiet, function), *columns, key=keys, pure=False))
        except Exception as error:
            raise _error_of(error, of_task=False) from error

    def stream(self, function: Callable[..., Any], *columns: Sequence[Any], label: str) -> Iterator[Any]:
        """Submit one task per row of ``columns``, and gather what they return one by one."""
        waiting = self.map(function, *columns, label=label)
        waiting.reverse()
        while waiting:
            # popped, so that a result leaves its worker once it is here
            yield self.get([waiting.pop()])[0]

    def add_up(
        self,
        function: Callable[..., tuple[Any, ...]],
        calls: Sequence[tuple[Any, ...]],
        targets: Sequence[tuple[tuple[int, slice], ...]],
        shapes: Sequence[tuple[int, int]],
        dtype: DTypeLike | Sequence[np.dtype[Any]],
        *,
        label: str,
    ) -> list[Handle]:
        """Submit the calls, and for each target the sum of what they return for it."""
        made = self.map(function, *zip(*calls, strict=True), label=label) if calls else []
        parts: list[list[Handle]] = [[] for _ in shapes]
        places: list[list[int]] = [[] for _ in shapes]
        spans: list[list[slice]] = [[] for _ in shapes]
        for handle, target in zip(made, targets, strict=True):
            for place, (q, span) in enumerate(target):
                spans[q].append(span)
                parts[q].append(handle)
                places[q].append(place)
        kinds: list[Any] = dtype if isinstance(dtype, list) else [dtype] * len(shapes)
        size = max(rows * columns for rows, columns in shapes) * np.dtype(kinds[0]).itemsize
        if size <= SMALL_PART:
            return self.map(_sum_places, shapes, kinds, parts, places, spans, label=f"{label}-sum")
        split = [
            self.map(_pick, handles, where, label=f"{label}-part")
            for handles, where in zip(parts, places, strict=True)
        ]
        return self.map(sum_in_order, shapes, kinds, split, spans, label=f"{label}-sum")

    def get(self, handles: Sequence[Handle]) -> list[Any]:
        """Gather the values."""
        wanted = list(handles)
        label = str(getattr(wanted[0], "key", "")).rsplit("-", 2)[0] if wanted else ""
        watch = self._watch(label, lambda: sum(getattr(one, "status", "") == "pending" for one in wanted))
        return list(self._until(watch, lambda: self.client.gather(wanted, asynchronous=True), wanted))

    def everywhere(self, function: Callable[[], Any]) -> None:
        """Call ``function`` in each worker process; one that does not answer in half a minute is an error."""
        import asyncio

        # on its loop a client gives what can be awaited
        self._until(
            self._watch("everywhere"), lambda: asyncio.wait_for(self.client.run(function), EVERYWHERE)
        )


def _ignore(event: Event) -> None:
    """Tell nobody."""


def _error_of(error: Exception, *, of_task: bool) -> Exception:
    """Return what to raise for what Dask raised: of a lost cluster or a killed worker, one error with its remedy."""
    import distributed.client
    from distributed import KilledWorker
    from distributed.comm.core import CommClosedError

    if isinstance(error, KilledWorker):
        msg = (
            f"a task ended its worker several times ({error.task}), most likely for want of memory; give the workers "
            "more (dask worker --memory-limit, or --memory-limit here for those of --scheduler local), or fit fewer "
            "models or components at once"
        )
        return _caused(KilledWorkerError(msg), error)
    closed = getattr(distributed.client, "ClosedClientError", CommClosedError)
    if of_task or not isinstance(error, (CancelledError, CommClosedError, closed, TimeoutError, OSError)):
        return error
    return _caused(LostClusterError(f"the Dask cluster was lost ({type(error).__name__})"), error)


def _caused(made: ClusterError, cause: Exception) -> ClusterError:
    made.__cause__ = cause
    return made


def _sum_places(
    shape: tuple[int, int],
    dtype: DTypeLike,
    made: Sequence[Sequence[Any]],
    places: Sequence[int],
    spans: Sequence[slice],
) -> Any:
    chosen = [parts[place] for parts, place in zip(made, places, strict=True)]
    return sum_in_order(shape, dtype, chosen, spans)


def _same(value: Any) -> Any:
    return value


def _pick(values: Sequence[Any], place: int) -> Any:
    return values[place]


@cache
def _keep_freed_memory() -> None:
    """Let this worker process keep what it frees for its next arrays, up to 128 MiB.

    Dask starts workers with MALLOC_TRIM_THRESHOLD_=65536, so that every freed array goes back to the system and
    the next is paged in anew: sweeps of STRING human took seven times as long as in a process without it.
    """
    trim_threshold, mmap_threshold = -1, -3  # of mallopt, in glibc's malloc.h
    with suppress(AttributeError, OSError):  # another C library
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(mmap_threshold, 32 * 2**20)
        mallopt(trim_threshold, 128 * 2**20)


def _quiet(function: Callable[..., Any], *arguments: Any) -> Any:
    _keep_freed_memory()
    with one_blas_thread():
        return function(*(_as_local(argument) for argument in arguments))


def _as_local(value: Any) -> Any:
    """Return a value with every array in it aligned and in C order, as it would be had it never travelled.

    Arrays come off the wire at odd addresses; numpy copies such an operand before BLAS, which then takes
    another path, and the last bits differ.
    """
    if isinstance(value, np.ndarray):
        return np.require(value, requirements=["C", "A"])
    if isinstance(value, list | tuple):
        return type(value)(_as_local(item) for item in value)
    if isinstance(value, dict):
        return {key: _as_local(item) for key, item in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{f.name: _as_local(getattr(value, f.name)) for f in fields(value) if f.init})
    return value
