"""Where and how a run goes: the options that change no bit of its result."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from dasknmf.errors import InputError
from dasknmf.progress import silent

if TYPE_CHECKING:
    from dasknmf.events import Listener
    from dasknmf.storage import Location, StorageOptions


@dataclass(frozen=True)
class Execution:
    """Where and how a run goes, as :func:`dasknmf.nmf` says; nothing here changes a bit of its result.

    ``keep_checkpoint`` leaves the last checkpoint to a caller who first saves the result; ``keep_sketch`` uses, and
    leaves, the sketch of a store beside it. ``patience`` is how many seconds a run waits for a worker, or for a cluster
    that was lost to come back. ``performance_report`` names a file for Dask's own report of the run.
    """

    scheduler: Any = None
    workers: int | None = None
    memory_limit: int | str | None = None
    checkpoint: Location | None = None
    checkpoint_seconds: float | None = 60.0
    checkpoint_iterations: int | None = None
    resume: bool = False
    storage_options: StorageOptions | None = field(default=None, repr=False)
    progress: Listener = silent
    keep_checkpoint: bool = False
    keep_sketch: bool = True
    patience: float = 600.0
    performance_report: str | None = None


def take_execution(options: dict[str, Any], execution: Execution | None) -> Execution:
    """Take the fields of an execution out of options, and return that, or the one that is given.

    Raises
    ------
    InputError
        If both are given.
    """
    found = {f.name: options.pop(f.name) for f in fields(Execution) if f.name in options}
    if execution is not None and found:
        msg = f"{sorted(found)[0]} is a field of execution, which is given too; give it there"
        raise InputError(msg)
    return execution or Execution(**found)


def checkpoint_beside(location: Location) -> str:
    """Return where the checkpoint of a result is kept by default: beside it."""
    return f"{os.fspath(location).rstrip('/')}.checkpoint"
