"""Checkpoints: one file, replaced whole, from which a run goes on to the same bits."""

from __future__ import annotations

import os
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dasknmf.errors import FormatError, InputError
from dasknmf.events import CheckpointWritten
from dasknmf.model import Model
from dasknmf.packed import pack, unpack
from dasknmf.solvers import solver_of
from dasknmf.storage import (
    Location,
    StorageOptions,
    exists,
    is_remote,
    local_path,
    read_storage_options,
    remove,
    require_folder,
)
from dasknmf.whole_file import write_whole

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dasknmf.events import Listener
    from dasknmf.options import ModelOptions

VERSION = 3


@dataclass(frozen=True)
class Saved:
    """What a checkpoint holds: the models, and how far the run was."""

    identity: dict[str, Any]
    iteration: int
    seconds: float
    reads: int
    models: list[dict[str, Any]]


class Checkpoints:
    """Writes checkpoints of a run to one place.

    Parameters
    ----------
    location : path or URL
        The file, ``.npz`` by its content, replaced as a whole each time.
    identity : dict
        Options, starts and network; a run resumes only where they are equal.
    every_seconds, every_iterations : optional
        When a checkpoint is due, whichever comes first.
    listener : callable
        Receives :class:`dasknmf.events.CheckpointWritten`.
    storage_options : dict, optional
        Options of the fsspec file system of a URL; by default those of
        :func:`dasknmf.storage.read_storage_options`.

    Raises
    ------
    InputError
        If nothing can be written there: found now, not when the first checkpoint is due.
    """

    def __init__(
        self,
        location: Location,
        identity: dict[str, Any],
        *,
        every_seconds: float | None,
        every_iterations: int | None,
        listener: Listener,
        storage_options: StorageOptions | None = None,
    ) -> None:
        self.location, self.identity = location, identity
        self.every_seconds, self.every_iterations = every_seconds, every_iterations
        self.listener = listener
        self.storage_options = read_storage_options() if storage_options is None else storage_options
        require_folder(location)
        if not is_remote(location) and local_path(location).is_dir():
            where = os.fspath(location)
            msg = f"checkpoint {where} is a folder; name a file, such as {where.rstrip('/')}/run.checkpoint"
            raise InputError(msg)
        self.reads: Callable[[], int] = lambda: 0
        self._iteration = 0
        self._seconds = 0.0

    def begin(self, iteration: int, seconds: float) -> None:
        """Count from here until the next checkpoint is due."""
        self._iteration, self._seconds = iteration, seconds

    def due(self, iteration: int, seconds: float) -> bool:
        """Tell whether it is time."""
        return (
            self.every_iterations is not None and iteration - self._iteration >= self.every_iterations
        ) or (self.every_seconds is not None and seconds - self._seconds >= self.every_seconds)

    def save(self, models: Sequence[Model], iteration: int, seconds: float) -> None:
        """Write a checkpoint beside the last one, then put it in its place."""
        began = time.perf_counter()
        arrays: dict[str, Any] = {}
        saved = []
        for index, model in enumerate(models):
            for name, rows in model.rows.items():
                arrays[f"{index}/{name}"] = rows
            state = asdict(model.state)
            for name in [name for name, value in state.items() if isinstance(value, np.ndarray)]:
                arrays[f"{index}/state/{name}"] = state.pop(name)
            history = {
                name: getattr(model, name)
                for name in (
                    "objective",
                    "squared_error",
                    "gradient",
                    "stop_reason",
                    "sketched",
                    "sketch_reason",
                )
            }
            saved.append(
                {
                    "name": model.name,
                    "rows": list(model.rows),
                    "state": state,
                    "converged": model.converged,
                    **history,
                }
            )
        content = {
            "version": VERSION,
            "identity": self.identity,
            "iteration": iteration,
            "seconds": seconds,
            "reads": self.reads(),
            "models": saved,
        }
        write_whole(self.location, pack(content, arrays), storage_options=self.storage_options)
        self.begin(iteration, seconds)
        self.listener(CheckpointWritten(os.fspath(self.location), iteration, time.perf_counter() - began))

    def read(self) -> Saved | None:
        """Return the checkpoint at the place, if there is one.

        Raises
        ------
        FormatError
            If it is damaged, of another version, or of another run.
        """
        if not exists(self.location, storage_options=self.storage_options):
            return None
        saved = _read(self.location, self.storage_options)
        if saved.identity != self.identity:
            changed = sorted(
                key
                for key in {*saved.identity, *self.identity}
                if saved.identity.get(key) != self.identity.get(key)
            )
            key = changed[0]
            msg = (
                f"{os.fspath(self.location)} is the checkpoint of another run: its {key} is "
                f"{saved.identity.get(key)!r}, here it is {self.identity.get(key)!r}; resume with the same "
                "network and options, or remove it to start again"
            )
            raise FormatError(msg)
        return saved

    def remove(self) -> None:
        """Remove the checkpoint: the run is done."""
        remove(self.location, storage_options=self.storage_options)


def restored(model: ModelOptions, kept: dict[str, Any]) -> Model:
    """Return a model as a checkpoint kept it."""
    solver = solver_of(model)
    fields = (
        "objective",
        "squared_error",
        "gradient",
        "stop_reason",
        "converged",
        "sketched",
        "sketch_reason",
    )
    history = {name: kept[name] for name in fields}
    return Model(model.name, solver, kept["rows"], state=solver.restore(kept["state"]), **history)


def _read(location: Location, storage_options: StorageOptions) -> Saved:
    where = os.fspath(location)
    broken = f"{where} is not a whole checkpoint; remove it and start again without --resume"
    try:
        import fsspec

        with fsspec.open(where, "rb", **storage_options) as file:
            content, arrays = unpack(file.read(), broken=broken)
        if content.get("version") != VERSION:
            msg = (
                f"{where} is a checkpoint of version {content.get('version')}, this dasknmf reads {VERSION}; "
                "start again without --resume"
            )
            raise FormatError(msg)
        for index, model in enumerate(content["models"]):
            model["rows"] = {name: arrays[f"{index}/{name}"] for name in model["rows"]}
            of_state = f"{index}/state/"
            model["state"] |= {
                name.removeprefix(of_state): arrays[name] for name in arrays if name.startswith(of_state)
            }
        return Saved(*(content[name] for name in ("identity", "iteration", "seconds", "reads", "models")))
    except (KeyError, TypeError, OSError) as error:
        raise FormatError(broken) from error
