"""Where tasks run: one after another, on threads, or on a Dask cluster, behind one small face.

Values that tasks exchange are *handles*: the values themselves here, futures on a cluster, so that row panels
stay on the workers.
"""

from __future__ import annotations

import itertools
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, Self

from dask.system import CPU_COUNT

from dasknmf.blas import one_blas_thread
from dasknmf.engine.kernels import sum_in_order

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import numpy as np
    from numpy.typing import DTypeLike

Handle = Any


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
    #: By how much groups of tiles are smaller than usual: 1, unless workers were ended for want of memory.
    parts: int

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

    def stream(self, function: Callable[..., Any], *columns: Sequence[Any], label: str) -> Iterator[Any]:
        """Call ``function`` as :meth:`map` does, and yield what it returns, in order, as soon as it is there."""
        ...

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
        """Sum, for each target, the arrays that the calls return for it, in the order of the calls.

        ``dtype`` is that of all sums, or a list of one for each.
        """
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
    parts = 1

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
        return list(self.stream(function, *columns, label=""))

    def stream(self, function: Callable[..., Any], *columns: Sequence[Any], label: str) -> Iterator[Any]:  # noqa: ARG002
        """Call ``function`` once per row of ``columns``, and yield what it returns."""
        return self._in_order(function, list(zip(*columns, strict=True)))

    def add_up(
        self,
        function: Callable[..., tuple[Any, ...]],
        calls: Sequence[tuple[Any, ...]],
        targets: Sequence[tuple[tuple[int, slice], ...]],
        shapes: Sequence[tuple[int, int]],
        dtype: DTypeLike | Sequence[np.dtype[Any]],
        *,
        label: str,  # noqa: ARG002
    ) -> list[Handle]:
        """Sum as results come, in order, so that only a few partial sums are alive."""
        kinds = dtype if isinstance(dtype, list) else [dtype] * len(shapes)
        totals = [sum_in_order(shape, kind, (), ()) for shape, kind in zip(shapes, kinds, strict=True)]
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
        """Yield results in the order of the calls, with one call more than threads under way."""
        if self._pool is None:
            yield from itertools.starmap(function, calls)
            return
        waiting: deque[Any] = deque()
        for call in calls:
            waiting.append(self._pool.submit(function, *call))
            if len(waiting) > self.workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
