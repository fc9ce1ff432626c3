"""A file that one run replaces again and again; in an object store, of two runs that do so one is refused.

A local file is written aside and renamed. Below a URL there are objects named by their content, and ``pointer.json``,
which names one of them and is replaced last, on the condition that it is still what this run last saw
(``If-Match``, ``If-None-Match``). So what is read is always whole, and no run overwrites what another has written.
Conditions were found to hold on SeaweedFS 4.48 and moto 5.2, through obstore and through s3fs. Where a store knows
none (other fsspec file systems), or takes no notice of them, the pointer is read before and after it is written: of
two runs one is refused, unless both write within the same few milliseconds.
"""

from __future__ import annotations

import hashlib
import json
import os
import uuid
from typing import TYPE_CHECKING, Any

from dasknmf.errors import FormatError, InputError, StoreError
from dasknmf.storage import (
    NOTHING_THERE,
    Absent,
    Taken,
    is_remote,
    objects_at,
    read_whole,
    remove,
)
from dasknmf.whole_file import write_whole

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dasknmf.storage import Location, Objects

FORMAT, VERSION = "dasknmf-pointer", 1
NAME = "pointer.json"
#: Times that a pointer is followed whose object is gone, as when another run has just moved it.
_MOVES = 5


class Pointed:
    """The file of a run at a path, or behind a pointer below a URL.

    Parameters
    ----------
    location : path or URL
        Where it is.
    storage_options : mapping, optional
        As :func:`dasknmf.storage.read_storage_options` gives them, for a URL.

    Examples
    --------
    >>> place = Pointed("memory://runs/checkpoint")
    >>> place.read() is None
    True
    >>> place.write(b"first")
    >>> bytes(Pointed("memory://runs/checkpoint").read())
    b'first'
    """

    def __init__(self, location: Location, storage_options: Mapping[str, Any] | None = None) -> None:
        self.where, self.storage_options = os.fspath(location).rstrip("/"), storage_options
        self._writer = uuid.uuid4().hex
        self._number = 0
        #: The pointer as this run last saw it: its content and tag, None where there is none, "unseen" at first.
        self._seen: tuple[bytes, str | None] | str | None = "unseen"

    def read(self) -> bytes | memoryview | None:
        """Return the content, or None if nothing is there.

        Raises
        ------
        FormatError
            If the pointer is damaged, or what it names is gone.
        """
        if not is_remote(self.where):
            try:
                return read_whole(self.where)
            except FileNotFoundError:
                return None
        objects, key = self._objects()
        for _ in range(_MOVES):
            self.look()
            if self._seen is None:
                if objects.is_object(key):
                    msg = f"{self.where} is an object, not a checkpoint; remove it and start again without --resume"
                    raise FormatError(msg)
                return None
            named = self._named()

            def valid(content: bytes | memoryview, sha256: str = named["sha256"]) -> bool:
                return hashlib.sha256(content).hexdigest() == sha256

            try:
                content, _ = objects.read_surely(f"{key}/{named['object']}", valid)
            except Absent:
                continue
            if valid(content):
                return content
            break
        msg = f"{self.where} is not a whole checkpoint; remove it and start again without --resume"
        raise FormatError(msg)

    def look(self) -> None:
        """Take note of what is there, which this run may then replace."""
        if is_remote(self.where):
            objects, key = self._objects()
            self._seen = _pointer(objects, key)

    def write(self, content: bytes | memoryview) -> None:
        """Replace the file, whole or not at all.

        Raises
        ------
        InputError
            If another run has written there since this one last looked.
        """
        if not is_remote(self.where):
            write_whole(self.where, content)
            return
        objects, key = self._objects()
        if self._seen == "unseen":
            self.look()
        elif _content(_pointer(objects, key)) != _content(self._seen):
            raise self._taken()
        before = self._named()["object"] if isinstance(self._seen, tuple) and self._is_whole() else None
        sha256 = hashlib.sha256(content).hexdigest()
        name = f"{sha256[:32]}.npz"
        objects.write(f"{key}/{name}", content)
        self._number += 1
        pointer = json.dumps(
            {
                "format": FORMAT,
                "version": VERSION,
                "object": name,
                "sha256": sha256,
                "bytes": len(content),
                "writer": self._writer,
                "number": self._number,
            }
        ).encode()
        self._move(objects, key, pointer)
        if before not in (None, name):
            objects.discard([f"{key}/{before}"])

    def _move(self, objects: Objects, key: str, pointer: bytes) -> None:
        """Replace the pointer, on the condition that it is what was last seen, and see that it was done."""
        tag = self._seen[1] if isinstance(self._seen, tuple) else NOTHING_THERE
        condition = tag if objects.conditional else None
        try:
            objects.write(f"{key}/{NAME}", pointer, only=condition)
        except Taken:
            # perhaps by this very run, in an attempt whose answer was lost: that is seen below
            pass
        except StoreError:
            if condition is None:
                raise
            # a server that does not know conditions may say so
            objects.write(f"{key}/{NAME}", pointer)
        self._seen = _pointer(objects, key)
        if _content(self._seen) != pointer:
            raise self._taken()

    def remove(self) -> None:
        """Remove the file."""
        remove(self.where, storage_options=self.storage_options)
        self._seen = "unseen"

    def _objects(self) -> tuple[Objects, str]:
        return objects_at(self.where, self.storage_options)

    def _named(self) -> dict[str, Any]:
        """Return what the pointer says."""
        if not self._is_whole():
            msg = f"{self.where} is not a whole checkpoint; remove it and start again without --resume"
            raise FormatError(msg)
        return dict(json.loads(_content(self._seen) or b"{}"))

    def _is_whole(self) -> bool:
        try:
            said = json.loads(_content(self._seen) or b"")
            return (said["format"], said["version"]) == (FORMAT, VERSION) and {"object", "sha256"} <= set(
                said
            )
        except (ValueError, KeyError, TypeError):
            return False

    def _taken(self) -> InputError:
        return InputError(
            f"another run writes its checkpoints at {self.where}: it replaced the last one that this run knew; end "
            "one of the two, or give each a place of its own (--checkpoint)"
        )


def _pointer(objects: Objects, key: str) -> tuple[bytes, str | None] | None:
    try:
        content, tag = objects.read_surely(f"{key}/{NAME}")
    except Absent:
        return None
    return bytes(content), tag


def _content(seen: tuple[bytes, str | None] | str | None) -> bytes | None:
    return seen[0] if isinstance(seen, tuple) else None
