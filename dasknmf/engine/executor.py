"""Where tasks run: one after another, on threads, or on a Dask cluster, behind one small face.

Values that tasks exchange are *handles*: the values themselves here, futures on a cluster, so that row panels
stay on the workers.
"""

from __future__ import annotations

import ctypes
import itertools
import uuid
from collections import Counter, deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Protocol, Self

import numpy as np
from dask.system import CPU_COUNT

from dasknmf.blas import one_blas_thread
from dasknmf.engine.kernels import sum_in_order
from dasknmf.errors import ClusterError, InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from distributed import Client
    from numpy.typing import DTypeLike

Handle = Any

#: Up to this size, in bytes, a part of a result travels with its siblings: that costs less than a task to
#: take it out, some 1 ms of the scheduler.
SMALL_PART = 2**22


@dataclass(frozen=True)
class Capacity:
    """What the processes that run tasks have: how many, threads and bytes of memory in each, and if they are here."""

    processes: int
    threads: int
    memory: int
    local: bool


class Executor(Protocol):
    """The face all executors share."""

    #: True where tasks run in this process.
    local: bool

    @property
    def capacity(self) -> Capacity:
        """The processes and their memory."""
        ...

    def put(self, values: Sequence[Any], *, label: str) -> list[Handle]:
        """Place values where tasks can use them."""
        ...

    def map(self, function: Callable[..., Any], *columns: Sequence[Any], label: str) -> list[Handle]:
        """Call ``function`` once per row of ``columns``, whose items may be handles or sequences of handles."""
        ...

    def add_up(
        self,
        function: Callable[..., tuple[Any, ...]],
        calls: Sequence[tuple[Any, ...]],
        targets: Sequence[tuple[tuple[int, slice], ...]],
        shapes: Sequence[tuple[int, int]],
        dtype: DTypeLike,
        *,
        label: str,
    ) -> list[Handle]:
        """Sum, for each target, the arrays that the calls return for it, in the order of the calls."""
        ...

    def get(self, handles: Sequence[Handle]) -> list[Any]:
        """Return the values behind handles."""
        ...

    def everywhere(self, function: Callable[[], Any]) -> None:
        """Call ``function`` once in each process that runs tasks."""
        ...

    def __enter__(self) -> Self: ...
    def __exit__(self, *error: object) -> None: ...


class Threads:
    """Tasks on the threads of this process; ``workers=1`` runs them one after another, the reference of tests.

    Parameters
    ----------
    workers : int, optional
        Tasks at a time; by default one per core this process may use.
    memory : int, optional
        Bytes this process may use; by default what the machine or its container has.
    """

    local = True

    def __init__(self, workers: int | None = None, *, memory: int | None = None) -> None:
        self.workers = workers or CPU_COUNT
        self._memory = memory
        self._pool: ThreadPoolExecutor | None = None
        self._held = ExitStack()

    @property
    def capacity(self) -> Capacity:
        """One process: the one we are in."""
        from distributed.system import MEMORY_LIMIT

        return Capacity(1, self.workers, self._memory or MEMORY_LIMIT, local=True)

    def __enter__(self) -> Self:
        self._held.enter_context(one_blas_thread())
        if self.workers > 1:
            self._pool = self._held.enter_context(
                ThreadPoolExecutor(self.workers, thread_name_prefix="dasknmf")
            )
        return self

    def __exit__(self, *error: object) -> None:
        if self._pool is not None:
            # an error or Ctrl-C must not wait for tasks that have not begun
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None
        self._held.close()

    def put(self, values: Sequence[Any], *, label: str) -> list[Handle]:  # noqa: ARG002
        """Return the values."""
        return list(values)

    def map(self, function: Callable[..., Any], *columns: Sequence[Any], label: str) -> list[Handle]:  # noqa: ARG002
        """Call ``function`` once per row of ``columns``."""
        return list(self._in_order(function, list(zip(*columns, strict=True))))

    def add_up(
        self,
        function: Callable[..., tuple[Any, ...]],
        calls: Sequence[tuple[Any, ...]],
        targets: Sequence[tuple[tuple[int, slice], ...]],
        shapes: Sequence[tuple[int, int]],
        dtype: DTypeLike,
        *,
        label: str,  # noqa: ARG002
    ) -> list[Handle]:
        """Sum as results come, in order, so that only a few partial sums are alive."""
        totals = [sum_in_order(shape, dtype, (), ()) for shape in shapes]
        for target, parts in zip(targets, self._in_order(function, calls), strict=True):
            for (q, span), part in zip(target, parts, strict=True):
                totals[q][span] += part
        return totals

    def get(self, handles: Sequence[Handle]) -> list[Any]:
        """Return the values."""
        return list(handles)

    def everywhere(self, function: Callable[[], Any]) -> None:
        """Call ``function`` here."""
        function()

    def _in_order(self, function: Callable[..., Any], calls: Sequence[tuple[Any, ...]]) -> Iterator[Any]:
        """Yield results in the order of the calls, with at most two calls per thread under way."""
        if self._pool is None:
            yield from itertools.starmap(function, calls)
            return
        waiting: deque[Any] = deque()
        for call in calls:
            waiting.append(self._pool.submit(function, *call))
            if len(waiting) >= 2 * self.workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


class Distributed:
    """Tasks on a Dask cluster, through a client the caller made.

    Parameters
    ----------
    client : distributed.Client
        Connected to the cluster; it is not closed here.
    """

    local = False

    def __init__(self, client: Client) -> None:
        self.client = client
        self._held = ExitStack()

    @property
    def capacity(self) -> Capacity:
        """The workers the scheduler knows now; memory is that of the smallest."""
        from distributed.system import MEMORY_LIMIT

        workers = self.client.scheduler_info(n_workers=-1)["workers"].values()
        if not workers:
            msg = "the Dask cluster has no workers; start some, such as: dask worker ADDRESS, and try again"
            raise InputError(msg)
        # a worker without a limit shares its machine with the others there
        beside = Counter(worker["host"] for worker in workers)
        memory = min(
            int(worker["memory_limit"] or MEMORY_LIMIT // beside[worker["host"]]) for worker in workers
        )
        threads = max(int(worker["nthreads"]) for worker in workers)
        return Capacity(len(workers), threads, memory, local=False)

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

    def add_up(
        self,
        function: Callable[..., tuple[Any, ...]],
        calls: Sequence[tuple[Any, ...]],
        targets: Sequence[tuple[tuple[int, slice], ...]],
        shapes: Sequence[tuple[int, int]],
        dtype: DTypeLike,
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
        size = max(rows * columns for rows, columns in shapes) * np.dtype(dtype).itemsize
        if size <= SMALL_PART:
            return self.map(
                _sum_places, shapes, [dtype] * len(shapes), parts, places, spans, label=f"{label}-sum"
            )
        split = [
            self.map(_pick, handles, where, label=f"{label}-part")
            for handles, where in zip(parts, places, strict=True)
        ]
        return self.map(sum_in_order, shapes, [dtype] * len(shapes), split, spans, label=f"{label}-sum")

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
