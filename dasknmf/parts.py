"""Parts of a long analysis that are done, kept so that one that is resumed does not do them again."""

from __future__ import annotations

import json
import logging
import os
from typing import TYPE_CHECKING, Any

import numpy as np

from dasknmf.aside import sweep_folder
from dasknmf.errors import FormatError, InputError, StoreError
from dasknmf.packed import pack, unpack
from dasknmf.stopping import stop_if_asked
from dasknmf.storage import (
    exists,
    is_remote,
    local_path,
    objects_at,
    read_storage_options,
    read_whole,
    remove,
    require_folder,
)
from dasknmf.whole_file import write_whole

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from dasknmf.storage import Location, StorageOptions

logger = logging.getLogger("dasknmf")

#: Of the files; a part of another version is not read.
VERSION = 2
#: What the files of parts end with, by which a folder that holds anything else is told, which is never removed.
ENDING = ".part.npz"


class KeptParts:
    """One file a part, in a folder; without a folder nothing is kept.

    Parameters
    ----------
    folder : path or URL, optional
        It is made when the first part is kept.
    identity : dict
        What parts depend on, plain values: parts are read only where it is equal.
    resume : bool
        Read parts that are there.
    storage_options : dict, optional
        Options of the fsspec file system of a URL.
    beside : str
        Begins the names of what else the same analysis keeps there.

    Raises
    ------
    InputError
        If no folder can be there, or the one that is there holds anything else: it is removed at the end.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> folder = pathlib.Path(tempfile.mkdtemp()) / "parts"
    >>> KeptParts(folder, {"k": 3}).put("null-0", {"defect": 0.5}, {"cosine": np.ones(3)})
    >>> content, arrays = KeptParts(folder, {"k": 3}, resume=True).get("null-0")
    >>> content["defect"], arrays["cosine"].tolist()
    (0.5, [1.0, 1.0, 1.0])
    """

    def __init__(
        self,
        folder: Location | None,
        identity: Mapping[str, Any],
        *,
        resume: bool = False,
        storage_options: StorageOptions | None = None,
        beside: str = "",
    ) -> None:
        self.folder = None if folder is None else os.fspath(folder).rstrip("/")
        # as it comes back from a file
        self.identity = json.loads(json.dumps(identity))
        self.resume = resume
        #: Names of parts written by this run, which are read when it begins again after a loss.
        self.written: set[str] = set()
        self.storage_options = read_storage_options() if storage_options is None else storage_options
        if self.folder is None:
            return
        if not is_remote(self.folder):
            require_folder(self.folder)
            if local_path(self.folder).is_file():
                msg = f"checkpoint {self.folder} is a file; this analysis keeps a folder: name another place"
                raise InputError(msg)
        other = [
            name
            for name in self._names()
            if not name.endswith(ENDING)
            and ".partial-" not in name
            and not (beside and name.startswith(beside))
        ]
        if other:
            msg = (
                f"checkpoint {self.folder} is a folder with other things in it, such as {other[0]}, and would be "
                "removed when all is done; name one that is not there yet"
            )
            raise InputError(msg)
        if not is_remote(self.folder):
            sweep_folder(local_path(self.folder))

    def get(self, name: str) -> tuple[dict[str, Any], dict[str, NDArray[Any]]] | None:
        """Return the plain values and the arrays of a part, if it is there and parts are to be read.

        Raises
        ------
        FormatError
            If it is damaged, or of another run.
        """
        if self.folder is None or not (self.resume or name in self.written):
            return None
        place = self._place(name)
        if not exists(place, storage_options=self.storage_options):
            return None
        identity, content, arrays = self._read(place)
        changed = sorted(
            key for key in {*identity, *self.identity} if identity.get(key) != self.identity.get(key)
        )
        if changed:
            key = changed[0]
            msg = (
                f"{place} is of another run: its {key} is {identity.get(key)!r}, here it is "
                f"{self.identity.get(key)!r}; resume with the same network and options, or remove {self.folder}"
            )
            raise FormatError(msg)
        return content, arrays

    def put(
        self, name: str, content: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]] | None = None
    ) -> None:
        """Keep a part: plain values, and arrays of numbers; where that cannot be written, the analysis goes on."""
        if self.folder is None:
            return
        whole = {"version": VERSION, "identity": self.identity, "content": dict(content)}
        named = {f"array/{key}": np.asarray(value) for key, value in (arrays or {}).items()}
        try:
            if not is_remote(self.folder):
                local_path(self.folder).mkdir(exist_ok=True)
            write_whole(self._place(name), pack(whole, named), storage_options=self.storage_options)
        except (OSError, StoreError) as error:
            logger.warning(
                "%s was not kept (%s); the analysis goes on, and would do this part again with --resume",
                self._place(name),
                getattr(error, "strerror", None) or error,
            )
        else:
            self.written.add(name)
        stop_if_asked()

    def reached(self) -> str:
        """Return what a run goes on from when its cluster is lost."""
        return f"{len(self.written)} part(s) that are kept" if self.written else ""

    def remove(self) -> None:
        """Remove all parts: the analysis is done and saved."""
        if self.folder is not None:
            remove(self.folder, storage_options=self.storage_options)

    def _place(self, name: str) -> str:
        return f"{self.folder}/{name}{ENDING}"

    def _names(self) -> list[str]:
        """Return the names of what is in the folder."""
        if self.folder is None or not exists(self.folder, storage_options=self.storage_options):
            return []
        if not is_remote(self.folder):
            return sorted(inside.name for inside in local_path(self.folder).iterdir())
        objects, key = objects_at(self.folder, self.storage_options)
        return objects.names(key, deep=False)

    def _read(self, place: str) -> tuple[dict[str, Any], dict[str, Any], dict[str, NDArray[Any]]]:
        broken = f"{place} is not whole; remove it and resume"
        try:
            held = read_whole(place, storage_options=self.storage_options)
            whole, kept = unpack(bytes(held), broken=broken)
            arrays = {key.removeprefix("array/"): values for key, values in kept.items()}
            if whole.get("version") != VERSION:
                msg = (
                    f"{place} is of version {whole.get('version')}, this dasknmf reads {VERSION}; "
                    f"remove {self.folder}"
                )
                raise FormatError(msg)
            return whole["identity"], whole["content"], arrays
        except (KeyError, TypeError, OSError) as error:
            raise FormatError(broken) from error
