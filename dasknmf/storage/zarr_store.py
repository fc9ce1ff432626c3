"""A Zarr store of objects that are asked for with patience and, where they carry a checksum, compared with it."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from zarr.abc.store import OffsetByteRequest, RangeByteRequest, Store, SuffixByteRequest

from dasknmf.storage.checksums import ends_with_its_checksum
from dasknmf.storage.objects import NOTHING_THERE, objects_at
from dasknmf.storage.patience import Absent, Taken

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Mapping
    from typing import Self

    from zarr.abc.store import ByteRequest
    from zarr.core.buffer import Buffer, BufferPrototype

    from dasknmf.storage.locations import Location
    from dasknmf.storage.objects import Content

_T = TypeVar("_T")
#: Requests of a process through zarr at once, each of one chunk, of 1 MiB in sparse networks and results: what they
#: hold is within the rounding of a process's memory. Dense tiles do not come this way: of these, each task has as many
#: under way as its projected memory has room for (:mod:`dasknmf.engine.ahead`).
MOST_AT_ONCE = 16
_METADATA = "zarr.json"

_lock = threading.Lock()
_threads: ThreadPoolExecutor | None = None


class ObjectsStore(Store):
    """A Zarr store below a URL.

    Parameters
    ----------
    location : URL
        Where the store is.
    storage_options : mapping, optional
        As :func:`dasknmf.storage.read_storage_options` gives them. They travel with the store to the workers of a
        cluster, and are in nothing that is shown.
    read_only : bool
        Refuse to write.
    """

    supports_writes = True
    supports_deletes = True
    supports_listing = True

    def __init__(
        self,
        location: Location,
        storage_options: Mapping[str, Any] | None = None,
        *,
        read_only: bool = False,
    ) -> None:
        super().__init__(read_only=read_only)
        self.location, self.storage_options = os.fspath(location), dict(storage_options or {})
        self._objects, self._root = objects_at(location, storage_options)
        # of each array, whether its chunks end with their CRC-32C
        self._checked: dict[str, bool] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        return _opened, (self.location, self.storage_options, self.read_only)

    def __repr__(self) -> str:
        return f"<ObjectsStore {self.location}>"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, ObjectsStore)
            and (self.location, self.storage_options, self.read_only)
            == (other.location, other.storage_options, other.read_only)
        )  # fmt: skip

    __hash__ = None  # type: ignore[assignment] # as of every Zarr store

    def with_read_only(self, read_only: bool = False) -> Self:  # noqa: FBT001, FBT002 - of the base class
        """Return the same store, read-only or not."""
        return type(self)(self.location, self.storage_options, read_only=read_only)

    def _key(self, key: str) -> str:
        return f"{self._root}/{key}".strip("/")

    async def get(
        self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        """Return an object, or a part of it; nothing if it is not there."""
        try:
            content = await _in_thread(lambda: self._get(key, byte_range))
        except Absent:
            return None
        return prototype.buffer.from_array_like(np.frombuffer(content, dtype=np.uint8))

    def _get(self, key: str, byte_range: ByteRequest | None) -> Content:
        place = self._key(key)
        if isinstance(byte_range, RangeByteRequest):
            return self._objects.read(place, byte_range.start, byte_range.end)[0]
        if isinstance(byte_range, OffsetByteRequest):
            return self._objects.read(place, byte_range.offset)[0]
        if isinstance(byte_range, SuffixByteRequest):
            first = max(0, self._objects.size(place) - byte_range.suffix)
            return self._objects.read(place, first)[0]
        array, found, _ = key.rpartition("/c/") if not key.endswith("/c") else (key[:-2], "/c/", "")
        if key.rpartition("/")[2] == _METADATA:
            content, _ = self._objects.read_surely(place)
            self._checked[key.removesuffix(_METADATA).rstrip("/")] = _chunks_are_checked(content)
            return content
        if found and self._is_checked(array):
            return self._objects.read_surely(place, ends_with_its_checksum)[0]
        return self._objects.read(place)[0]

    def _is_checked(self, array: str) -> bool:
        """Tell whether the chunks of an array end with a checksum, also where another store read what says so."""
        if array not in self._checked:
            try:
                about, _ = self._objects.read_surely(self._key(f"{array}/{_METADATA}"))
            except Absent:
                about = b""
            self._checked[array] = _chunks_are_checked(about)
        return self._checked[array]

    async def get_partial_values(
        self, prototype: BufferPrototype, key_ranges: Iterable[tuple[str, ByteRequest | None]]
    ) -> list[Buffer | None]:
        """Return parts of objects."""
        return list(await asyncio.gather(*(self.get(key, prototype, span) for key, span in key_ranges)))

    async def exists(self, key: str) -> bool:
        """Tell whether there is an object."""
        return await _in_thread(lambda: self._objects.is_object(self._key(key)))

    async def set(self, key: str, value: Buffer) -> None:
        """Write an object."""
        self._check_writable()
        content = _bytes_of(value)
        await _in_thread(lambda: self._objects.write(self._key(key), content))

    async def set_if_not_exists(self, key: str, value: Buffer) -> None:
        """Write an object where nothing is there."""
        self._check_writable()
        content = _bytes_of(value)

        def write() -> None:
            # asked too, for stores that take no notice of conditions: zarr would empty the attributes of a group
            if self._objects.is_object(self._key(key)):
                return
            try:
                self._objects.write(self._key(key), content, only=NOTHING_THERE)
            except Taken:
                return

        await _in_thread(write)

    async def delete(self, key: str) -> None:
        """Remove an object."""
        self._check_writable()
        await _in_thread(lambda: self._objects.discard([self._key(key)]))

    async def delete_dir(self, prefix: str) -> None:
        """Remove all objects below a prefix."""
        self._check_writable()
        place = self._key(prefix)
        await _in_thread(lambda: self._objects.discard(self._objects.names(place, deep=True)))

    async def getsize(self, key: str) -> int:
        """Return the bytes of an object."""
        try:
            return await _in_thread(lambda: self._objects.size(self._key(key)))
        except Absent:
            raise FileNotFoundError(key) from None

    async def _names(self, prefix: str, *, deep: bool) -> list[str]:
        place = self._key(prefix)
        found = await _in_thread(lambda: self._objects.names(place, deep=deep))
        start = f"{self._root}/" if self._root else ""
        return [name.removeprefix(start) for name in found] if deep else found

    async def list(self) -> AsyncIterator[str]:
        """Yield all keys."""
        for key in await self._names("", deep=True):
            yield key

    async def list_prefix(self, prefix: str) -> AsyncIterator[str]:
        """Yield the keys below a prefix."""
        for key in await self._names(prefix, deep=True):
            yield key

    async def list_dir(self, prefix: str) -> AsyncIterator[str]:
        """Yield the names directly below a prefix."""
        for name in await self._names(prefix, deep=False):
            yield name


def _opened(location: str, storage_options: dict[str, Any], read_only: bool) -> ObjectsStore:  # noqa: FBT001
    return ObjectsStore(location, storage_options, read_only=read_only)


def _chunks_are_checked(metadata: Content) -> bool:
    """Tell from the zarr.json of an array whether each chunk is one object that ends with its CRC-32C."""
    try:
        about = json.loads(bytes(metadata))
        return bool(about["node_type"] == "array" and about["codecs"][-1]["name"] == "crc32c")
    except (ValueError, KeyError, TypeError, IndexError):
        return False


def _bytes_of(value: Buffer) -> memoryview:
    """Return the bytes of a buffer without a copy."""
    array: Any = np.ascontiguousarray(value.as_numpy_array())
    return memoryview(array).cast("B")


async def _in_thread(call: Callable[[], _T]) -> _T:
    """Make a request that blocks, beside others."""
    global _threads
    with _lock:
        if _threads is None:
            _threads = ThreadPoolExecutor(MOST_AT_ONCE, thread_name_prefix="dasknmf-objects")
    return await asyncio.get_running_loop().run_in_executor(_threads, call)
