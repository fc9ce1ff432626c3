"""Tasks on a Dask cluster: row panels stay on the workers as futures."""

from __future__ import annotations

import ctypes
import uuid
from collections import Counter
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import fields, is_dataclass, replace
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from dasknmf.blas import one_blas_thread
from dasknmf.engine.executor import Capacity, Handle
from dasknmf.engine.kernels import sum_in_order
from dasknmf.errors import ClusterError, InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from distributed import Client
    from numpy.typing import DTypeLike

#: Up to this size, in bytes, a part of a result travels with its siblings: that costs less than a task to
#: take it out, some 1 ms of the scheduler.
SMALL_PART = 2**22
#: Seconds in which the first worker of a cluster that is starting up must come.
FIRST_WORKER = 60.0


class Distributed:
    """Tasks on a Dask cluster, through a client the caller made.

    Parameters
    ----------
    client : distributed.Client
        Connected to the cluster; it is not closed here.
    memory : int, optional
        Bytes that a run may use of each worker, by default what the worker has.
    """

    local = False

    def __init__(self, client: Client, *, memory: int | None = None) -> None:
        self.client = client
        self._memory = memory
        self._held = ExitStack()

    @property
    def capacity(self) -> Capacity:
        """The workers the scheduler knows now; memory is that of the smallest."""
        from distributed.system import MEMORY_LIMIT

        workers = self.client.scheduler_info(n_workers=-1)["workers"].values()
        if not workers:
            try:
                self.client.wait_for_workers(1, timeout=FIRST_WORKER)
            except TimeoutError as error:
                msg = f"no worker came to the Dask cluster in {FIRST_WORKER:.0f} s; start some: dask worker ADDRESS"
                raise InputError(msg) from error
            workers = self.client.scheduler_info(n_workers=-1)["workers"].values()
        # a worker without a limit shares its machine with the others there
        beside = Counter(worker["host"] for worker in workers)
        memory = min(
            int(worker["memory_limit"] or MEMORY_LIMIT // beside[worker["host"]]) for worker in workers
        )
        threads = max(int(worker["nthreads"]) for worker in workers)
        return Capacity(len(workers), threads, min(memory, self._memory or memory), local=False)

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
        with _lost_cluster():
            return list(self.client.map(partial(_quiet, function), *columns, key=keys, pure=False))

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
        with _lost_cluster():
            return list(self.client.gather(list(handles)))

    def everywhere(self, function: Callable[[], Any]) -> None:
        """Call ``function`` in each worker process."""
        with _lost_cluster():
            self.client.run(function)


@contextmanager
def _lost_cluster() -> Iterator[None]:
    """Turn what Dask raises when a scheduler or all its workers are gone into one error with its remedy."""
    from distributed import KilledWorker
    from distributed.client import FutureCancelledError
    from distributed.comm.core import CommClosedError

    try:
        yield
    except KilledWorker as error:
        msg = (
            f"a task ended its worker several times ({error.task}), most likely for want of memory; give the workers "
            "more, or fit fewer models or components at once"
        )
        raise ClusterError(msg) from error
    except (FutureCancelledError, CommClosedError, TimeoutError) as error:
        msg = (
            f"the Dask cluster was lost ({type(error).__name__}); start it again, and go on from the last checkpoint "
            "with --resume (resume=True)"
        )
        raise ClusterError(msg) from error


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
