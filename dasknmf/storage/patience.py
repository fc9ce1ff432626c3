"""Trying again: what passes is waited for, with growing pauses and a bound, and told in the log."""

from __future__ import annotations

import logging
import random
import threading
import time
from typing import TYPE_CHECKING, TypeVar

from dasknmf.errors import StoreAccessError, StoreError

if TYPE_CHECKING:
    from collections.abc import Callable

    from dasknmf.storage.troubles import Trouble

#: Seconds in which a store that has answered before must answer again: a server that is restarted takes some 10.
PATIENCE = 120.0
#: Seconds for a store that never answered: its address is likely to be wrong.
FIRST_PATIENCE = 10.0
#: Seconds of the first pause, and of the longest.
SHORTEST, LONGEST = 0.05, 5.0
#: Seconds of waiting from which the log says so as a warning.
WORTH_A_WARNING = 2.0

logger = logging.getLogger("dasknmf")
#: Its own: pauses must not take from any generator that makes results.
_jitter = random.Random()  # noqa: S311 - not for secrets
_T = TypeVar("_T")


class Absent(LookupError):  # noqa: N818 - an answer more than an error
    """There is no such object."""


class Taken(Exception):  # noqa: N818 - caught where it means that another was first
    """A conditional write found another object than it was to replace."""


class Patience:
    """Makes requests of one store, again where that can help.

    Parameters
    ----------
    explain : callable
        Says what an exception of the client library is; None of one that is not its own.
    credentials : str
        Where the credentials came from, in words.
    seconds : float
        For which a request that fails is tried again.
    first_seconds : float
        The same before the store has ever answered.

    Examples
    --------
    >>> from dasknmf.storage.troubles import Trouble
    >>> patience = Patience(lambda error: Trouble("passing", "reset"), credentials="none", seconds=5)
    >>> answers = iter([ConnectionResetError, None])
    >>> def ask():
    ...     answer = next(answers)
    ...     if answer:
    ...         raise answer
    ...     return "content"
    >>> patience.ask("s3://bucket/key", ask)
    'content'
    """

    def __init__(
        self,
        explain: Callable[[BaseException], Trouble | None],
        *,
        credentials: str,
        seconds: float = PATIENCE,
        first_seconds: float = FIRST_PATIENCE,
    ) -> None:
        self.explain, self.credentials = explain, credentials
        self.seconds, self.first_seconds = seconds, min(seconds, first_seconds)
        self.reached = threading.Event()

    def ask(self, where: str, request: Callable[[], _T]) -> _T:
        """Return what a request returns, tried again while its trouble is one that passes.

        Parameters
        ----------
        where : str
            The object or place, for messages; without credentials.
        request : callable
            Makes it, from the beginning each time.

        Raises
        ------
        Absent, Taken
            Which the caller knows the meaning of.
        StoreAccessError
            If the credentials were refused, at once.
        StoreError
            If the trouble is lasting, or did not pass in time.
        """
        began, attempt = time.monotonic(), 0
        while True:
            try:
                answer = request()
            except Exception as error:
                trouble = self.explain(error)
                if trouble is None:
                    raise
                if trouble.kind in ("absent", "taken"):
                    self.reached.set()
                failure = self._failure(where, trouble)
                if failure is not None:
                    # from None: what the client library says may quote keys
                    raise failure from None
                self._wait(where, trouble.said, attempt, began)
                attempt += 1
            else:
                self.reached.set()
                if attempt and time.monotonic() - began >= WORTH_A_WARNING:
                    logger.warning("%s answers again", where)
                return answer

    def _failure(self, where: str, trouble: Trouble) -> Exception | None:
        """Return what to raise at once, if trying again is of no use."""
        if trouble.kind == "absent":
            return Absent(where)
        if trouble.kind == "taken":
            return Taken(where)
        if trouble.kind == "refused":
            return StoreAccessError(
                f"{where}: the store refused access ({trouble.said}); the credentials were taken from "
                f"{self.credentials}: check them, and that they may read and write there"
            )
        if trouble.kind == "lasting":
            return StoreError(f"{where}: the store cannot do this ({trouble.said}); check the address")
        return None

    def _wait(self, where: str, said: str, attempt: int, began: float) -> None:
        """Pause before the next attempt, or say that it was enough."""
        known = self.reached.is_set()
        most = self.seconds if known else self.first_seconds
        waited = time.monotonic() - began
        pause = min(LONGEST, SHORTEST * 2 ** min(attempt, 10)) * (0.5 + _jitter.random())
        if waited + pause > most:
            remedy = (
                "see that it runs, then go on with --resume (resume=True); retry_seconds in the storage options "
                "lets it take longer"
                if known
                else "check the address (endpoint_url in the storage options), and that it runs"
            )
            msg = f"{where} cannot be reached: {said}, tried {attempt + 1} times in {waited:.0f} s; {remedy}"
            raise StoreError(msg) from None
        level = logging.WARNING if waited + pause >= WORTH_A_WARNING else logging.INFO
        logger.log(
            level, "waiting for %s: %s; trying again in %.1f s, for at most %.0f s", where, said, pause, most
        )
        time.sleep(pause)
