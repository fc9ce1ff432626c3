"""Waiting for what a cluster does: never without a bound where nothing can come, and never without saying for what."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from dasknmf.errors import ClusterError, LostClusterError
from dasknmf.events import Waiting

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from distributed import Client

    from dasknmf.events import Listener

#: Seconds between two looks at a cluster that is waited for, and between two lines that say so.
EVERY = 10.0
#: Seconds without the end of a task that is waited for, after which that is told though workers are there: a task may
#: take long, so there is no bound; a worker that is frozen is given up by its scheduler (worker-ttl).
STALLED = 60.0
#: Seconds a scheduler may take to say which workers it has, before it counts as not answering.
ANSWER = 10.0


class Watch:
    """What one call waits for, on the event loop of a client.

    Parameters
    ----------
    client : distributed.Client
        Of the cluster.
    listener : callable
        Receives :class:`dasknmf.events.Waiting`.
    patience : float
        Seconds without a worker, or without an answer of the scheduler, after which it is an error.
    what : str
        What is waited for, to the user: the label of the tasks.
    left : callable
        Says how many of them are not done.
    """

    def __init__(
        self, client: Client, listener: Listener, patience: float, *, what: str, left: Callable[[], int]
    ) -> None:
        self.client, self.listener, self.patience, self.what, self.left = (
            client,
            listener,
            patience,
            what,
            left,
        )
        #: Seconds between two looks.
        self.every = min(EVERY, max(0.2, patience / 4))
        now = time.monotonic()
        # when it began, when a worker was there last, when a task ended last, and when that was told last
        self._began = self._seen = self._moved = self._told = now
        self._count = -1

    def result(self, make: Callable[[], Awaitable[Any]]) -> tuple[bool, Any]:
        """Await on the loop of the client what ``make`` returns there; give it, or the error, and which it is.

        Raises
        ------
        LostClusterError
            If the client has given up its scheduler.
        ClusterError
            If no worker came, or the scheduler did not answer, within the patience.
        """

        async def run() -> tuple[bool, Any]:
            try:
                return True, await make()
            except Exception as error:  # the caller tells those of tasks from those of the cluster
                return False, error

        self._require_open()
        future = asyncio.run_coroutine_threadsafe(run(), self._loop)
        try:
            while True:
                try:
                    return future.result(timeout=self.every)
                except concurrent.futures.TimeoutError:
                    if not future.done():
                        self.look()
        except BaseException:
            future.cancel()
            raise

    def look(self) -> None:
        """Look at the cluster, and say what is waited for where nothing moves."""
        self._require_open()
        now, left, workers = time.monotonic(), self.left(), self._workers()
        if left != self._count:
            self._count, self._moved = left, now
        if workers is None:
            self.without_worker("an answer of the scheduler", "start it again")
        elif not workers:
            self.without_worker()
        elif "running" not in workers:
            # what it holds outside of results it may hold for ever, and no scheduler ends it for that
            what = f"memory: {len(workers)} worker(s), all of them {' or '.join(sorted(set(workers)))},"
            self.without_worker(what, "give workers more memory (--memory-limit)")
        else:
            self._seen = now
            if now - max(self._moved, self._told) >= STALLED:
                self._told = now
                what = (
                    f"{left} task(s) '{self.what}' on {len(workers)} worker(s) at {address_of(self.client)}"
                )
                self.listener(Waiting(what, now - self._moved, float("inf")))

    def without_worker(self, what: str = "a worker", remedy: str = "") -> None:
        """Say that nothing can go on; an error when that has lasted too long."""
        where = address_of(self.client)
        seconds = time.monotonic() - self._seen
        if seconds >= self.patience:
            remedy = remedy or f"start one: dask worker {where}"
            msg = (
                f"waited {self.patience:.0f} s for {what} at {where}; {remedy}, and go on from the last checkpoint "
                "with --resume (resume=True), or wait longer with --patience (patience=)"
            )
            raise ClusterError(msg)
        self.listener(Waiting(f"{what} at {where}", seconds, self.patience))

    @property
    def _loop(self) -> asyncio.AbstractEventLoop:
        loop: Any = self.client.loop
        found: asyncio.AbstractEventLoop = loop.asyncio_loop
        return found

    def _require_open(self) -> None:
        if self.client.status in ("closing", "closed"):
            msg = "the Dask scheduler did not come back, and the client of it has closed"
            raise LostClusterError(msg)

    def _workers(self) -> list[str] | None:
        """Return the status of each worker the scheduler knows; None where it does not answer."""

        async def ask() -> Any:
            scheduler: Any = self.client.scheduler
            return await asyncio.wait_for(scheduler.identity(n_workers=-1), ANSWER)

        asked = asyncio.run_coroutine_threadsafe(ask(), self._loop)
        try:
            return [str(worker["status"]) for worker in asked.result(timeout=2 * ANSWER)["workers"].values()]
        except Exception:  # of whatever kind, it is no answer
            asked.cancel()
            return None


def address_of(client: Client) -> str:
    """Return the address of the scheduler of a client, as far as that knows it."""
    return str(getattr(client.scheduler, "address", None) or "its address")


@contextmanager
def ticking(listener: Listener, what: str, patience: float, *, began: float | None = None) -> Iterator[None]:
    """Say every ten seconds that something is waited for which cannot be looked at, such as a connection.

    Parameters
    ----------
    listener : callable
        Receives :class:`dasknmf.events.Waiting`, from a thread of its own.
    what : str
        What it is.
    patience : float
        Seconds it is waited for at most.
    began : float, optional
        Since when, by ``time.monotonic()``; by default from now.
    """
    since = time.monotonic() if began is None else began
    over = threading.Event()

    def tick() -> None:
        while not over.wait(EVERY):
            listener(Waiting(what, time.monotonic() - since, patience))

    thread = threading.Thread(target=tick, name="dasknmf-waiting", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
