"""A lock that dies with its owner: how others see that the process of a run lives."""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from dasknmf.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: Who asks whether a lock is held takes a shared one for an instant: an owner tries again for so many seconds.
PATIENCE = 10.0


@contextmanager
def holding(file: Path, *, patience: float = PATIENCE) -> Iterator[None]:
    """Hold a lock as long as the block runs, and not a moment longer than this process lives.

    Parameters
    ----------
    file : path
        Of the lock; it is made, and stays.
    patience : float
        Seconds to wait for another owner.

    Raises
    ------
    InputError
        If another process holds it.
    """
    # of a child that is made meanwhile it is not: descriptors are not inherited
    handle = os.open(file, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        last = time.monotonic() + patience
        while not _taken(handle, fcntl.LOCK_EX):
            if time.monotonic() >= last:
                msg = f"{file.parent}: another process has this run; look at it: dasknmf status {file.parent}"
                raise InputError(msg)
            time.sleep(0.05)
        yield
    finally:
        os.close(handle)


def is_held(file: Path) -> bool:
    """Tell whether a living process holds a lock."""
    try:
        handle = os.open(file, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        return not _taken(handle, fcntl.LOCK_SH)
    finally:
        os.close(handle)


def _taken(handle: int, kind: int) -> bool:
    try:
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
