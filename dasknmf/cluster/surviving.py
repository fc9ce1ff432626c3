"""Work on a cluster that outlives its scheduler, its workers and its connection, and is one at its place."""

from __future__ import annotations

import logging
import time
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeVar

from dasknmf.cluster.opening import executor_for
from dasknmf.engine.cache import forget
from dasknmf.engine.dask_executor import Distributed
from dasknmf.engine.watching import address_of, ticking
from dasknmf.errors import (
    ClusterError,
    InputError,
    KilledWorkerError,
    LostClusterError,
    not_negative,
)
from dasknmf.events import ClusterLost, GroupsCut
from dasknmf.lock import locked
from dasknmf.network.opened import forget_opened
from dasknmf.storage import remove

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from distributed import Client

    from dasknmf.engine.executor import Executor
    from dasknmf.execution import Execution

T = TypeVar("T")

#: How often a cluster may be lost in a row without anything having been kept in between.
LOSSES = 5
#: By how much smaller groups of tiles are, once workers were ended for want of memory: what a task reads, and the sums
#: it returns, then are a quarter of what was projected to fit. Halves would leave a projection little room to be wrong.
SMALLER = 4
#: Seconds between attempts to reach a cluster that was lost.
AGAIN = 1.0


def on_cluster(
    execution: Execution, work: Callable[[Executor], T], *, reached: Callable[[], str] = lambda: ""
) -> T:
    """Do work where an execution says, and again on another cluster when that is lost.

    The place of the checkpoint is locked meanwhile, and removed at the end unless the execution keeps it. All results
    on a cluster are lost with its scheduler, so the work is called anew, with an executor of the cluster that has come
    back at the same address or scheduler file, or of a new one where we start them; what was kept, by the caller's own
    objects, is where it goes on.

    Parameters
    ----------
    execution : Execution
        Where, how patient, and where its checkpoint is.
    work : callable
        Takes an executor and returns the result.
    reached : callable, optional
        Says what is kept, such as ``"iteration 25"``; nothing where that is nothing. Losses count only while it stays
        the same.

    Raises
    ------
    ClusterError
        If no cluster, or no worker, came back within the patience; if it was lost several times without progress; or if
        a task ended its workers also on smaller groups.
    InputError
        If the place of the checkpoint is in use or cannot be written, or a cluster cannot be reached to begin with.

    Examples
    --------
    >>> from dasknmf.execution import Execution
    >>> on_cluster(Execution(), lambda executor: executor.get(executor.map(abs, [-1, 2], label="abs")))
    [1, 2]
    """
    not_negative("patience", execution.patience)
    with locked(execution.checkpoint):
        made = _surviving(execution, work, reached)
        if execution.checkpoint is not None and not execution.keep_checkpoint:
            remove(execution.checkpoint, storage_options=execution.storage_options)
    return made


def _surviving(execution: Execution, work: Callable[[Executor], T], reached: Callable[[], str]) -> T:
    place = Place(execution)
    parts, losses, before = 1, 0, ""
    while True:
        try:
            with place.open(parts) as executor:
                return _marked(_done(work, executor), parts)
        except KilledWorkerError as error:
            if parts > 1:
                raise
            parts = SMALLER
            execution.progress(GroupsCut(str(error), parts))
        except LostClusterError as error:
            now = reached()
            losses = 1 if now != before else losses + 1
            before = now
            if losses > LOSSES:
                kept = now or "anything was kept"
                msg = f"{error}, {losses} times before {kept}; look at its log, and go on with --resume (resume=True)"
                raise ClusterError(msg) from error
            execution.progress(ClusterLost(str(error), now or "the beginning"))


def _done(work: Callable[[Executor], T], executor: Executor) -> T:
    """Do the work, and give back the memory of the processes that ran tasks when it is over."""
    try:
        return work(executor)
    except ClusterError as error:
        if not isinstance(error, KilledWorkerError):
            executor = None  # type: ignore[assignment] # there is nobody to ask
        raise
    finally:
        if executor is not None:
            # a worker that died just now has nothing to forget, and must not cost the result that is there
            with suppress(Exception):
                executor.everywhere(_forget)


def _forget() -> None:
    forget()
    forget_opened()


def _marked(made: T, parts: int) -> T:
    """Say in results that groups were smaller: the order of sums, and so the last bits, are others."""
    if parts > 1:
        for one in made if isinstance(made, list) else [made]:
            if hasattr(one, "attrs"):
                one.attrs["smaller_groups"] = parts
    return made


@contextmanager
def _quiet(*names: str) -> Iterator[None]:
    """Drop the tracebacks that a client logs when it is closed while it tries to reach a scheduler that is gone."""
    loggers = [logging.getLogger(name) for name in names]
    before = [logger.disabled for logger in loggers]
    for logger in loggers:
        logger.disabled = True
    try:
        yield
    finally:
        for logger, was in zip(loggers, before, strict=True):
            logger.disabled = was


class Place:
    """Where an execution says to run: opened, and after a loss opened again within its patience.

    Parameters
    ----------
    execution : Execution
        Of which a client, also the current one, is found now: one that closes itself is current no longer.
    """

    def __init__(self, execution: Execution) -> None:
        from distributed import Client, get_client

        self.execution = execution
        self.scheduler = execution.scheduler
        if self.scheduler is None:
            with suppress(ValueError):
                self.scheduler = get_client()
        self.client: Client | None = self.scheduler if isinstance(self.scheduler, Client) else None
        self.address = "" if self.client is None else address_of(self.client)
        self._opened = 0

    @property
    def name(self) -> str:
        """What it is to the user."""
        known = self.address or self.scheduler
        return str(known if isinstance(known, str) else getattr(known, "kind", type(known).__name__))

    @contextmanager
    def open(self, parts: int) -> Iterator[Executor]:
        """Give an executor; what closing a cluster that is lost raises does not hide why it was lost."""
        stack = ExitStack()
        with ticking(self.execution.progress, f"the Dask cluster ({self.name})", self.execution.patience):
            executor = self._executor(stack)
        self._opened += 1
        if isinstance(executor, Distributed):
            executor.listener, executor.patience = self.execution.progress, self.execution.patience
            executor.parts = parts
        try:
            yield executor
        except (LostClusterError, KilledWorkerError):
            with suppress(Exception), _quiet("distributed.utils", "distributed.client"):
                stack.close()
            raise
        finally:
            stack.close()

    def _executor(self, stack: ExitStack) -> Executor:
        began = time.monotonic()
        while True:
            attempt = ExitStack()
            try:
                scheduler = self.scheduler if self.client is None else self._client(attempt)
                executor = attempt.enter_context(
                    executor_for(
                        scheduler,
                        workers=self.execution.workers,
                        memory_limit=self.execution.memory_limit,
                    )
                )
            except (InputError, LostClusterError, OSError, TimeoutError) as error:
                attempt.close()
                if not self._opened:
                    raise
                if time.monotonic() - began > self.execution.patience:
                    msg = (
                        f"the Dask cluster was lost, and did not come back in {self.execution.patience:.0f} s: "
                        f"{error}; go on from the last checkpoint with --resume (resume=True), or wait longer with "
                        "--patience (patience=)"
                    )
                    raise ClusterError(msg) from error
                time.sleep(min(AGAIN, self.execution.patience))
            else:
                stack.push(attempt)
                return executor

    def _client(self, stack: ExitStack) -> Client:
        """Return the client that was given, or one in its place where it has closed itself: it does, after 30 s."""
        from distributed import Client

        assert self.client is not None
        if self.client.status == "running":
            return self.client
        if self.client.status not in ("closing", "closed"):
            msg = f"no Dask scheduler answers at {self.address}"
            raise LostClusterError(msg)
        file = getattr(self.client, "scheduler_file", None)
        where = {"scheduler_file": file} if file else {"address": self.address}
        made: Any = Client(**where, security=self.client.security, set_as_default=False, timeout="10s")
        client: Client = stack.enter_context(made)
        return client
