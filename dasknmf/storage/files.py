"""Files behind paths and URLs, read whole or bit by bit."""

from __future__ import annotations

import io
import os
from typing import IO, TYPE_CHECKING, Any

from dasknmf.errors import StoreAccessError, StoreError
from dasknmf.storage.locations import Location, is_remote, local_path
from dasknmf.storage.objects import objects_at
from dasknmf.storage.patience import Absent
from dasknmf.storage.settings import split_options

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from _typeshed import WriteableBuffer

    from dasknmf.storage.objects import Content, Objects

#: Bytes of a large file that are asked for at once.
BLOCK = 8 * 2**20


def read_whole(
    location: Location,
    *,
    storage_options: Mapping[str, Any] | None = None,
    valid: Callable[[Content], bool] | None = None,
) -> Content:
    """Return the content of a file as it is stored, whatever happens to a byte on its way here.

    Parameters
    ----------
    location : path or URL
        The file.
    storage_options : mapping, optional
        As :func:`dasknmf.storage.read_storage_options` gives them, for a URL.
    valid : callable, optional
        Says by a checksum in the content whether it is whole; one that is not is read again.

    Raises
    ------
    FileNotFoundError
        If it is not there.
    """
    if not is_remote(location):
        return local_path(location).read_bytes()
    objects, key = objects_at(location, storage_options)
    try:
        return objects.read_surely(key, valid)[0]
    except Absent:
        raise FileNotFoundError(objects.where(key)) from None


def open_file(location: Location, *, storage_options: Mapping[str, Any] | None = None) -> IO[bytes]:
    """Open a file for reading, and for jumping about where its protocol allows.

    Raises
    ------
    OSError
        If it cannot be read.
    """
    where = os.fspath(location)
    if not is_remote(location):
        return local_path(location).open("rb")
    if where.partition("://")[0] not in ("s3", "s3a"):
        import fsspec

        _, given = split_options(storage_options)
        return fsspec.open(where, "rb", compression=None, **given).open()  # type: ignore[no-any-return]
    objects, key = objects_at(location, storage_options)
    try:
        return io.BufferedReader(_RangedFile(objects, key), BLOCK)
    except Absent:
        raise FileNotFoundError(objects.where(key)) from None
    except StoreAccessError as error:
        raise PermissionError(str(error)) from None
    except StoreError as error:
        raise OSError(str(error)) from None


class _RangedFile(io.RawIOBase):
    """An object as a file: each reading is a request of its own, so that one that fails is made again."""

    def __init__(self, objects: Objects, key: str) -> None:
        self._objects, self._key = objects, key
        self._size = objects.size(key)
        self._at = 0

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def tell(self) -> int:
        """Return where the next reading begins."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to another place."""
        self._at = max(0, offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence])
        return self._at

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Fill a buffer."""
        view = memoryview(buffer).cast("B")
        last = min(self._at + len(view), self._size)
        if last <= self._at:
            return 0
        content, _ = self._objects.read(self._key, self._at, last)
        view[: len(content)] = content
        self._at += len(content)
        return len(content)
