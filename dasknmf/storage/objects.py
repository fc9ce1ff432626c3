"""Objects of one bucket, or files of one file system behind a URL: read, written, listed and removed with patience.

Which library speaks to S3 was chosen by measurement: the bodies of objects from SeaweedFS on loopback, two cores
shared with the server, best of 2, 4 and 8 readers, MB/s (and of ``boto3``, for comparison):

| objects | obstore 0.12 | s3fs 2026.9 | boto3 1.43 |
|---|---|---|---|
| 16 MiB | 667 | 288 | 591 |
| 1 MiB | 377 | 140 | 204 |
| 64 KiB | 96 | 9 | 16 |

So it is obstore. ``backend: s3fs`` in the storage options takes the other, which knows more ways to credentials
(roles, single sign-on, processes) and more options.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import threading
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from dasknmf.errors import StoreError
from dasknmf.storage.patience import Absent, Patience
from dasknmf.storage.settings import split_options

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from dasknmf.storage.locations import Location
    from dasknmf.storage.settings import Settings
    from dasknmf.storage.troubles import Trouble

#: Bytes of an object, without a copy where the library allows.
Content = bytes | memoryview
#: What a conditional write asks for where there must be nothing yet.
NOTHING_THERE = ""
#: Connections that a process keeps: one bucket, or a few, with one set of keys.
MOST_KEPT = 16
#: Readings of an object that never come out twice the same: at a fifth damaged, this many in a row do not happen.
MOST_READINGS = 32

logger = logging.getLogger("dasknmf")
_T = TypeVar("_T")


class Client(Protocol):
    """A library that speaks to one bucket or file system, each request once."""

    #: Where the credentials came from, in words; never the credentials.
    credentials: str
    #: Whether a write can be made to depend on what is there.
    conditional: bool

    def get(self, key: str, first: int | None, last: int | None) -> tuple[Content, str | None]:
        """Return the bytes [first, last) of an object, or all of them, and its entity tag."""
        ...

    def put(self, key: str, content: Content, only: str | None) -> None:
        """Write an object; with ``only`` where it still has that tag, or where nothing is there."""
        ...

    def size(self, key: str) -> int:
        """Return the bytes of an object."""
        ...

    def names(self, prefix: str, *, deep: bool) -> list[str]:
        """Return the keys below a prefix; not deep, only the next parts of their names."""
        ...

    def delete(self, keys: Sequence[str]) -> None:
        """Remove objects that may be there."""
        ...

    def explain(self, error: BaseException) -> Trouble | None:
        """Say what an exception is; None of one that is not of a request."""
        ...


class Objects:
    """The objects of one client, asked for with patience; keys are text without a leading slash.

    Parameters
    ----------
    client : Client
        Makes the requests.
    base : str
        What the keys follow in messages, such as ``"s3://bucket/"``.
    patience : Patience
        How often and how long.
    """

    def __init__(self, client: Client, base: str, patience: Patience) -> None:
        self.client, self.base, self.patience = client, base, patience

    @property
    def conditional(self) -> bool:
        """Whether a write can be made to depend on what is there."""
        return self.client.conditional

    def read(self, key: str, first: int | None = None, last: int | None = None) -> tuple[Content, str | None]:
        """Return the bytes [first, last) of an object, or all of them, and its entity tag.

        Raises
        ------
        Absent
            If there is no such object.
        """
        return self._ask(key, lambda: self.client.get(key, first, last))

    def read_surely(
        self, key: str, valid: Callable[[Content], bool] | None = None
    ) -> tuple[Content, str | None]:
        """Return an object as it is stored, whatever happens to a byte on its way here.

        Parameters
        ----------
        key : str
            Of the object.
        valid : callable, optional
            Says by a checksum in the content whether it is whole. Otherwise that is told by the entity tag, which
            of most objects is the MD5 of the content.

        Returns
        -------
        content : bytes
            Valid, or read twice the same: then it is so in the store.
        tag : str or None
            Its entity tag.
        """
        seen: set[bytes] = set()
        for _ in range(MOST_READINGS):
            content, tag = self.read(key)
            if valid(content) if valid else _is_tagged(content, tag):
                return content, tag
            digest = hashlib.sha256(content).digest()
            if digest in seen:
                return content, tag
            if valid or (tag and seen):
                logger.info("%s arrived damaged and is read again", self.where(key))
            seen.add(digest)
        msg = f"{self.where(key)} is different each time it is read; check the network and the store"
        raise StoreError(msg)

    def write(self, key: str, content: Content, *, only: str | None = None) -> None:
        """Write an object; with ``only`` where it still has that tag, or where ``NOTHING_THERE`` yet.

        Raises
        ------
        Taken
            If something else is there: also where an attempt whose answer was lost had written it.
        """
        self._ask(key, lambda: self.client.put(key, content, only))

    def size(self, key: str) -> int:
        """Return the bytes of an object.

        Raises
        ------
        Absent
            If there is no such object.
        """
        return self._ask(key, lambda: self.client.size(key))

    def is_object(self, key: str) -> bool:
        """Tell whether there is an object of this key."""
        try:
            self.size(key)
        except Absent:
            return False
        return True

    def exists(self, key: str) -> bool:
        """Tell whether there is an object of this key, or any below it."""
        return bool(self.names(key, deep=False)) or self.is_object(key)

    def names(self, prefix: str, *, deep: bool) -> list[str]:
        """Return the keys below a prefix; not deep, only the next parts of their names.

        A listing has no checksum: it is asked for until it comes twice the same.
        """
        seen: set[tuple[str, ...]] = set()
        for _ in range(MOST_READINGS):
            try:
                found = tuple(sorted(self._ask(prefix, lambda: self.client.names(prefix, deep=deep))))
            except Absent:
                found = ()
            if found in seen:
                return list(found)
            seen.add(found)
        msg = f"{self.where(prefix)} is listed differently each time; something writes there"
        raise StoreError(msg)

    def remove(self, key: str) -> None:
        """Remove an object, and all below its key."""
        self.discard([*self.names(key, deep=True), key])

    def discard(self, keys: Sequence[str]) -> None:
        """Remove objects that may be there."""
        try:
            if keys:
                self._ask(keys[0], lambda: self.client.delete(keys))
        except Absent:
            return

    def where(self, key: str) -> str:
        """Return the URL of a key, for messages."""
        return f"{self.base}{key}"

    def _ask(self, key: str, request: Callable[[], _T]) -> _T:
        return self.patience.ask(self.where(key), request)


def _is_tagged(content: Content, tag: str | None) -> bool:
    """Tell whether the entity tag is the MD5 of the content, as it is unless it came in parts or is encrypted."""
    return tag is not None and tag.strip('"') == hashlib.md5(content, usedforsecurity=False).hexdigest()


_kept: dict[tuple[str, str], Objects] = {}
_lock = threading.Lock()


def objects_at(location: Location, storage_options: Mapping[str, Any] | None = None) -> tuple[Objects, str]:
    """Return the objects of the bucket or file system of a URL, and the key of the URL.

    Parameters
    ----------
    location : URL
        Such as ``s3://bucket/network.zarr``.
    storage_options : mapping, optional
        As :func:`dasknmf.storage.read_storage_options` gives them.

    Raises
    ------
    InputError
        If there is no such protocol, or an option is not known.
    MissingDependencyError
        If its library is not there.
    """
    where = os.fspath(location)
    protocol, _, path = where.partition("://")
    settings, given = split_options(storage_options)
    if protocol in ("s3", "s3a"):
        bucket, _, key = path.partition("/")
        base = f"s3://{bucket}/"
    else:
        base, key = f"{protocol}://", where
    # another process has other connections
    name = f"{os.getpid()} {base}", json.dumps(dict(storage_options or {}), sort_keys=True, default=repr)
    with _lock:
        if name not in _kept:
            client = _client(where, base, settings, given)
            while len(_kept) >= MOST_KEPT:
                del _kept[next(iter(_kept))]
            patience = Patience(
                client.explain, credentials=client.credentials, seconds=settings.retry_seconds
            )
            _kept[name] = Objects(client, base, patience)
        objects = _kept[name]
    if base.startswith("s3://"):
        return objects, key.strip("/")
    return objects, objects.client.key_of(where)  # type: ignore[attr-defined]


def _client(where: str, base: str, settings: Settings, given: dict[str, Any]) -> Client:
    from dasknmf.storage.fsspec_client import FsspecClient, S3fsClient

    if not base.startswith("s3://"):
        return FsspecClient(where, given)
    from dasknmf.storage.obstore_client import ObstoreClient, prefers_s3fs

    bucket = base.removeprefix("s3://").rstrip("/")
    if settings.backend == "s3fs" or (settings.backend is None and prefers_s3fs(given)):
        return S3fsClient(bucket, given, settings)
    return ObstoreClient(bucket, given, settings)


def expect(location: Location, storage_options: Mapping[str, Any] | None = None) -> None:
    """Say that a store is known to be there, so that it is waited for from the first request on."""
    objects_at(location, storage_options)[0].patience.reached.set()
