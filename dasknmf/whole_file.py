"""A file that is seen whole or not at all."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from dasknmf.aside import place_beside
from dasknmf.storage import is_remote, local_path

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dasknmf.storage import Location


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
        import fsspec

        # one object: an upload is seen whole or not at all
        with fsspec.open(os.fspath(location), "wb", **(storage_options or {})) as file:
            file.write(content)
        return
    target = local_path(location).absolute()
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
