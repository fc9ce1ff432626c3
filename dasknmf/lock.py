"""One run at a place: a lock beside it that dies with its owner."""

from __future__ import annotations

import errno
import fcntl
import json
import logging
import os
import socket
import time
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from dasknmf.errors import InputError
from dasknmf.storage import is_remote, local_path, require_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dasknmf.storage import Location

logger = logging.getLogger("dasknmf")

#: What this run holds already: the analysis that a command runs locks the same places again.
_held: ContextVar[frozenset[Path]] = ContextVar("held", default=frozenset())
#: Of file systems that have no locks, such as some network mounts.
_NO_LOCKS = {errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS}


@contextmanager
def locked(*locations: Location | None) -> Iterator[None]:
    """Hold places while a run uses them; another run that wants one of them is refused.

    The lock is the kernel's, on a file beside the place, so that it ends with the process that holds it, however that
    ends; the file is removed at a clean end, and one that was left by a killed process is taken over. That the file
    can be made also shows, before any long work, that the folder can be written to. URLs are not locked.

    Parameters
    ----------
    locations : path, URL or None
        The places: files, folders or stores, there or not.

    Raises
    ------
    InputError
        If another run holds one, or its folder cannot be written to.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> place = pathlib.Path(tempfile.mkdtemp()) / "fit.zarr"
    >>> with locked(place):
    ...     sorted(inside.name for inside in place.parent.iterdir())
    ['.fit.zarr.lock']
    >>> list(place.parent.iterdir())
    []
    """
    found = {_target(place): None for place in locations if place is not None and not is_remote(place)}
    files = [file for file in found if file not in _held.get()]
    taken: list[tuple[Path, int]] = []
    before = _held.get()
    try:
        for file in files:
            handle = _take(file)
            if handle is not None:
                taken.append((file, handle))
        _held.set(before | set(files))
        yield
    finally:
        _held.set(before)
        for file, handle in reversed(taken):
            # while it is still locked: whoever waits for it finds that its file is gone, and makes another
            file.unlink(missing_ok=True)
            os.close(handle)


def _target(location: Location) -> Path:
    """Return the file that locks a place, the same by whatever name the place is called."""
    require_folder(location)
    place = local_path(location).resolve()
    return place.with_name(f".{place.name}.lock")


def _take(file: Path) -> int | None:
    """Return an open file that holds the lock; None where the file system has no locks."""
    place = file.parent / file.name.removeprefix(".").removesuffix(".lock")
    while True:
        try:
            handle = os.open(file, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            msg = (
                f"{place} cannot be written: {error.strerror} ({file.parent}); name a place in a folder that can be "
                "written to, with room in it"
            )
            raise InputError(msg) from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = _holder(handle)
            os.close(handle)
            msg = (
                f"{place} is in use by another run ({holder}); wait for it or end it, or name another place "
                "(--output, --checkpoint)"
            )
            raise InputError(msg) from error
        except OSError as error:
            os.close(handle)
            if error.errno not in _NO_LOCKS:
                raise
            file.unlink(missing_ok=True)
            logger.warning("%s is not locked: its file system has no locks; run one at a time there", place)
            return None
        if _is(handle, file):
            break
        # its last owner removed it between our opening and our locking
        os.close(handle)
    about = {
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "started": time.strftime("%Y-%m-%d %H:%M:%S %z"),
    }
    try:
        os.ftruncate(handle, 0)
        os.pwrite(handle, json.dumps(about).encode(), 0)
    except OSError as error:
        # who holds it is only for the message
        logger.warning("who holds %s could not be written (%s)", place, error.strerror)
    return handle


def _is(handle: int, file: Path) -> bool:
    """Tell whether an open file is still the one of that name."""
    try:
        there = file.stat()
    except FileNotFoundError:
        return False
    return os.path.samestat(os.fstat(handle), there)


def _holder(handle: int) -> str:
    try:
        about = json.loads(os.pread(handle, 4096, 0))
        return f"process {about['pid']} on {about['host']}, since {about['started']}"
    except (OSError, ValueError, KeyError, TypeError):
        # it has the lock and has not written yet
        return "it has just begun"
