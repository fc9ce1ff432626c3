"""A file that is seen whole or not at all."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from dasknmf.aside import place_beside, sweep
from dasknmf.errors import DasknmfError, InputError, WriteError
from dasknmf.storage import is_remote, local_path, objects_at

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dasknmf.storage import Location

MB = 10**6


@contextmanager
def told_where(location: Location, *, needed: int) -> Iterator[None]:
    """Turn what the system says of a place that cannot be written into one error that names the place and the need.

    Parameters
    ----------
    location : path or URL
        Where something is written.
    needed : int
        Bytes of it, at most.

    Raises
    ------
    WriteError
        Saying what to do.
    """
    try:
        yield
    except DasknmfError:
        raise
    except OSError as error:
        free = ""
        if not is_remote(location):
            with suppress(OSError):
                room = shutil.disk_usage(local_path(location).absolute().parent).free
                free = f", of which {room / MB:,.1f} MB are free there"
        msg = (
            f"{os.fspath(location)} could not be written ({error.strerror or error}); it needs up to "
            f"{needed / MB:,.1f} MB{free}: make room, or name another place; a checkpoint that was kept is still "
            "there, to go on from with --resume (resume=True)"
        )
        raise WriteError(msg) from error


def make_folder(location: Location) -> None:
    """Make the local folder of a checkpoint, if it is not there; of a URL there is nothing to make.

    Raises
    ------
    InputError
        If it cannot be made.
    """
    if is_remote(location):
        return
    try:
        local_path(location).mkdir(exist_ok=True)
    except OSError as error:
        where = os.fspath(location)
        msg = f"{where} cannot be made: {error.strerror}; name a place in a folder that can be written to"
        raise InputError(msg) from error


def write_whole(
    location: Location, content: bytes | memoryview, *, storage_options: Mapping[str, Any] | None = None
) -> None:
    """Write a file so that it is seen whole or not at all, also where one is replaced.

    Parameters
    ----------
    location : path or URL
        Where the file is to be.
    content : bytes
        All of it.
    storage_options : mapping, optional
        Options for the fsspec file system of a URL.
    """
    if is_remote(location):
        # one object: an upload is seen whole or not at all
        objects, key = objects_at(location, storage_options)
        objects.write(key, content)
        return
    target = local_path(location).absolute()
    sweep(target)
    aside = place_beside(target)
    try:
        with aside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(target)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
