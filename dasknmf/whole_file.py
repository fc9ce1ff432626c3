"""A file that is seen whole or not at all."""

from __future__ import annotations

import os
import uuid
from typing import TYPE_CHECKING, Any

from dasknmf.storage import is_remote, local_path, objects_at

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
        # one object: an upload is seen whole or not at all
        objects, key = objects_at(location, storage_options)
        objects.write(key, content)
        return
    target = local_path(location).absolute()
    aside = target.with_name(f".{target.name}.partial-{uuid.uuid4().hex[:8]}")
    try:
        with aside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(target)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
