"""Checkpoints: one file, replaced whole, from which a run goes on to the same bits."""

from __future__ import annotations

import os
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dasknmf.aside import sweep
from dasknmf.errors import FormatError, InputError, StoreError
from dasknmf.events import CheckpointFailed, CheckpointWritten
from dasknmf.model import Model
from dasknmf.packed import pack, unpack
from dasknmf.pointer import Pointed
from dasknmf.solvers import solver_of
from dasknmf.stopping import stop_if_asked, stop_is_asked
from dasknmf.storage import (
    Location,
    StorageOptions,
    is_remote,
    local_path,
    read_storage_options,
    require_folder,
)

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
    """Writes checkpoints of a run to one place, and holds the last one of a run on a cluster in memory.

    A file that cannot be written, such as on a full disk, does not end the run: the one before is whole, and it is
    tried again when the next is due.

    Parameters
    ----------
    location : path or URL, optional
        The file, ``.npz`` by its content, replaced as a whole each time; below a URL the objects and the pointer of
        :mod:`dasknmf.pointer`, so that two runs cannot overwrite each other. Without it nothing is written.
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
        location: Location | None,
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
        self.reads: Callable[[], int] = lambda: 0
        #: Places written by this run; they, and no others, are read when it begins again after a loss.
        self.written: set[str] = set()
        self._held: Saved | None = None
        self._file: Pointed | None = None
        self._begun = False
        self._iteration = 0
        self._seconds = 0.0
        if location is None:
            return
        require_folder(location)
        if not is_remote(location):
            sweep(local_path(location))
        if not is_remote(location) and local_path(location).is_dir():
            where = os.fspath(location)
            msg = f"checkpoint {where} is a folder; name a file, such as {where.rstrip('/')}/run.checkpoint"
            raise InputError(msg)
        self._file = Pointed(location, self.storage_options)

    def begin(self, iteration: int, seconds: float) -> None:
        """Count from here until the next checkpoint is due; from now on, no other run may write there."""
        self._iteration, self._seconds = iteration, seconds
        if not self._begun and self._file is not None:
            self._file.look()
            self._begun = True

    def due(self, iteration: int, seconds: float) -> bool:
        """Tell whether it is time."""
        return (
            stop_is_asked()
            or (
                self.location is not None
                and self.every_iterations is not None
                and iteration - self._iteration >= self.every_iterations
            )
            or (self.every_seconds is not None and seconds - self._seconds >= self.every_seconds)
        )

    def save(self, models: Sequence[Model], iteration: int, seconds: float) -> bool:
        """Write a checkpoint beside the last one, then put it in its place; tell whether that went well."""
        if self.location is None or self._file is None:
            stop_if_asked()
            return False
        began = time.perf_counter()
        content = self._saved(models, iteration, seconds)
        self.begin(iteration, seconds)
        try:
            self._file.write(_packed(content))
        except (OSError, StoreError) as error:
            where = os.fspath(self.location)
            why = getattr(error, "strerror", None) or str(error)
            self.listener(CheckpointFailed(where, iteration, why))
            stop_if_asked()
            return False
        self.written.add(os.fspath(self.location))
        self.listener(CheckpointWritten(os.fspath(self.location), iteration, time.perf_counter() - began))
        stop_if_asked()
        return True

    def hold(self, models: Sequence[Model], iteration: int, seconds: float) -> None:
        """Hold the models in memory, for a run whose cluster is lost: their rows are here anyway."""
        self._held = self._saved(models, iteration, seconds)

    def reached(self) -> str:
        """Return what a run goes on from when its cluster is lost: an iteration, or parts that are written."""
        if self._held is not None:
            return f"iteration {self._held.iteration}"
        return f"{len(self.written)} part(s) that are kept" if self.written else ""

    def latest(self, *, resume: bool) -> Saved | None:
        """Return the models that are held, or to ``resume`` those of the file, if there is one."""
        if self._held is not None:
            return self._held
        return self.read() if resume else None

    def _saved(self, models: Sequence[Model], iteration: int, seconds: float) -> Saved:
        return Saved(self.identity, iteration, seconds, self.reads(), [_kept(model) for model in models])

    def read(self) -> Saved | None:
        """Return the checkpoint at the place, if there is one.

        Raises
        ------
        FormatError
            If it is damaged, of another version, or of another run.
        """
        if self._file is None:
            return None
        held = self._file.read()
        if held is None:
            return None
        saved = _parsed(held, self._file.where)
        if saved.identity != self.identity:
            changed = sorted(
                key
                for key in {*saved.identity, *self.identity}
                if saved.identity.get(key) != self.identity.get(key)
            )
            key = changed[0]
            msg = (
                f"{self._file.where} is the checkpoint of another run: its {key} is "
                f"{saved.identity.get(key)!r}, here it is {self.identity.get(key)!r}; resume with the same "
                "network and options, or remove it to start again"
            )
            raise FormatError(msg)
        return saved

    def remove(self) -> None:
        """Remove the checkpoint: the run is done."""
        if self._file is not None:
            self._file.remove()


#: Of a model, beside its rows and the state of its solver.
HISTORY = ("objective", "squared_error", "gradient", "stop_reason", "converged", "sketched", "sketch_reason")


def _kept(model: Model) -> dict[str, Any]:
    """Return a model as a checkpoint keeps it; it may go on meanwhile."""
    history = {name: getattr(model, name) for name in HISTORY}
    plain = {name: list(value) if isinstance(value, list) else value for name, value in history.items()}
    return {"name": model.name, "rows": dict(model.rows), "state": asdict(model.state), **plain}


def _packed(saved: Saved) -> memoryview:
    """Return the file of a checkpoint."""
    arrays: dict[str, Any] = {}
    models = []
    for index, model in enumerate(saved.models):
        for name, rows in model["rows"].items():
            arrays[f"{index}/{name}"] = rows
        state = dict(model["state"])
        for name in [name for name, value in state.items() if isinstance(value, np.ndarray)]:
            arrays[f"{index}/state/{name}"] = state.pop(name)
        models.append({**model, "rows": list(model["rows"]), "state": state})
    content = {
        "version": VERSION,
        "identity": saved.identity,
        "iteration": saved.iteration,
        "seconds": saved.seconds,
        "reads": saved.reads,
        "models": models,
    }
    return pack(content, arrays)


def restored(model: ModelOptions, kept: dict[str, Any]) -> Model:
    """Return a model as a checkpoint kept it."""
    solver = solver_of(model)
    history = {name: kept[name] for name in HISTORY}
    history = {name: list(value) if isinstance(value, list) else value for name, value in history.items()}
    return Model(model.name, solver, dict(kept["rows"]), state=solver.restore(dict(kept["state"])), **history)


def _parsed(held: bytes | memoryview, location: Location) -> Saved:
    where = os.fspath(location)
    broken = f"{where} is not a whole checkpoint; remove it and start again without --resume"
    try:
        content, arrays = unpack(bytes(held), broken=broken)
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
    except (KeyError, TypeError) as error:
        raise FormatError(broken) from error
