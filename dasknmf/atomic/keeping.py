"""What a run tells and keeps: events, a checkpoint of its chain, or one file for each set that has ended."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dasknmf.checkpoint import Checkpoints
from dasknmf.errors import InputError
from dasknmf.progress import faults_of, silent
from dasknmf.storage import is_remote, local_path, remove, require_folder
from dasknmf.whole_file import make_folder

if TYPE_CHECKING:
    from dasknmf.checkpoint import Saved
    from dasknmf.events import Listener
    from dasknmf.storage import Location, StorageOptions


@dataclass(frozen=True)
class Keeping:
    """A listener, and where checkpoints are, if anywhere.

    Parameters
    ----------
    listener : callable
        Receives events.
    location : str, optional
        File of a chain, or folder of sets if ``many``.
    identity : dict
        Options and data; what is there is read only where they are equal.
    many : bool
        One file for each set, in a folder.
    every_seconds, every_iterations : optional
        When a checkpoint of a chain is due.
    resume : bool
        Read what is there.
    storage_options : dict, optional
        Of a URL.
    written : set of str
        Places that this run has written.
    """

    listener: Listener = silent
    location: str | None = None
    identity: dict[str, Any] = field(default_factory=dict)
    many: bool = False
    every_seconds: float | None = None
    every_iterations: int | None = None
    resume: bool = False
    storage_options: StorageOptions | None = field(default=None, repr=False)
    written: set[str] = field(default_factory=set)

    def place(self, name: str) -> Checkpoints | None:
        """Return the place of the chain of this name."""
        if self.location is None:
            return None
        made = Checkpoints(
            f"{self.location}/{name}" if self.many else self.location,
            {**self.identity, "chain": name},
            every_seconds=self.every_seconds,
            every_iterations=self.every_iterations,
            listener=faults_of(self.listener) if self.many else self.listener,
            storage_options=self.storage_options,
        )
        made.written = self.written
        return made

    def saved(self, name: str) -> Saved | None:
        """Return what was kept of the chain of this name, to be read: when resuming, or if this run has written it."""
        place = self.place(name)
        if place is None or not (self.resume or place.location in self.written):
            return None
        return place.read()

    def reached(self) -> str:
        """Return what a run goes on from when its cluster is lost."""
        return f"{len(self.written)} part(s) that are kept" if self.written else ""

    def remove(self) -> None:
        """Remove what was kept: the run is done."""
        if self.location is not None:
            remove(self.location, storage_options=self.storage_options)


def keeping_of(
    location: Location | None,
    identity: dict[str, Any],
    *,
    many: bool,
    every_seconds: float | None,
    every_iterations: int | None,
    resume: bool,
    storage_options: StorageOptions | None,
    listener: Listener,
    written: set[str] | None = None,
) -> Keeping:
    """Return what is kept where; a place that cannot be written to is refused now.

    Raises
    ------
    InputError
        If a folder is needed and a file is there, or the other way round.
    """
    if location is None:
        return Keeping(listener)
    where = os.fspath(location)
    if many:
        require_folder(where)
        if not is_remote(where):
            if local_path(where).is_file():
                msg = f"checkpoint {where} is a file; sets are kept in a folder: name another place"
                raise InputError(msg)
            make_folder(where)
    made = Keeping(
        listener,
        where,
        identity,
        many,
        every_seconds,
        every_iterations,
        resume,
        storage_options,
        set() if written is None else written,
    )
    made.place("chain")
    return made
