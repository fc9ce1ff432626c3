"""Waiting for the workers of a cluster: how long, and what is said meanwhile."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from dasknmf.errors import InputError

if TYPE_CHECKING:
    from distributed import Client

logger = logging.getLogger(__name__)

#: Seconds that the rest may take once the first worker is there; a run begins with those that came, since its
#: result does not depend on how many they are.
REST = 60.0
#: Seconds until a line says what is waited for; each time twice as many, up to ten minutes.
FIRST_LINE, LAST_LINE = 30.0, 600.0


def wait_for_workers(client: Client, workers: int, *, wait: float, of: str, remedy: str) -> None:
    """Wait for the first worker, and then a minute at most for the others.

    Parameters
    ----------
    client : distributed.Client
        Connected.
    workers : int
        How many there are to be.
    wait : float
        Seconds until the first must be there.
    of : str
        The cluster, for messages.
    remedy : str
        What to type where none comes.

    Raises
    ------
    InputError
        If none has come by then.
    """
    if not _come(client, 1, wait, f"the first of {workers} workers of {of}"):
        msg = f"{of} has had no worker for {wait:g}s; {remedy}"
        raise InputError(msg)
    if workers > 1 and not _come(client, workers, REST, f"{workers} workers of {of}"):
        here = len(client.scheduler_info(n_workers=-1)["workers"])
        logger.info("%d of %d workers of %s are there; the run begins, others may join it", here, workers, of)


def _come(client: Client, workers: int, wait: float, what: str) -> bool:
    end = time.monotonic() + wait
    pause = FIRST_LINE
    while True:
        left = end - time.monotonic()
        try:
            client.wait_for_workers(workers, timeout=max(0.1, min(pause, left)))
        except TimeoutError:
            if time.monotonic() >= end:
                return False
            logger.info("waiting for %s, %.0f s at most", what, end - time.monotonic())
            pause = min(2 * pause, LAST_LINE)
        else:
            return True
