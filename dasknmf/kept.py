"""Batches of a survey that are done, kept in a folder so that a survey that is resumed does not fit them again."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from dasknmf.checkpoint import Checkpoints, restored
from dasknmf.errors import InputError
from dasknmf.progress import silent
from dasknmf.storage import is_remote, local_path, require_folder
from dasknmf.whole_file import make_folder

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dasknmf.model import Model
    from dasknmf.sketched import Batch
    from dasknmf.storage import Location, StorageOptions


class KeptBatches:
    """One file a batch, in the folder of a checkpoint.

    Parameters
    ----------
    folder : path or URL
        The checkpoint; it is made if it is not there.
    stage : str
        Begins the names of the files.
    identity : dict
        Options and network; batches are read only where they are equal.
    resume : bool
        Read batches that are there.
    storage_options : dict, optional
        Options of the fsspec file system of a URL.

    Raises
    ------
    InputError
        If no folder can be made there.
    """

    def __init__(
        self,
        folder: Location,
        stage: str,
        identity: dict[str, Any],
        *,
        resume: bool,
        storage_options: StorageOptions | None = None,
    ) -> None:
        self.folder, self.stage, self.identity, self.resume = os.fspath(folder), stage, identity, resume
        self.storage_options = storage_options
        self._batches: Sequence[Batch] = ()
        #: Places written by this run, which are read when it begins again after a loss.
        self.written: set[str] = set()
        require_folder(folder)
        if not is_remote(folder):
            if local_path(folder).is_file():
                msg = f"checkpoint {self.folder} is a file; a survey keeps a folder: name another place"
                raise InputError(msg)
            make_folder(folder)

    def read(self, batches: Sequence[Batch]) -> Iterator[tuple[int, list[Model]]]:
        """Yield the number and the models of each batch that is there."""
        self._batches = batches
        for number, batch in enumerate(batches):
            place = self._place(number)
            saved = place.read() if self.resume or place.location in self.written else None
            if saved is not None:
                yield number, [restored(*pair) for pair in zip(batch.models, saved.models, strict=True)]

    def save(self, number: int, models: list[Model]) -> None:
        """Keep a batch."""
        self._place(number).save(models, models[0].state.iteration, 0.0)

    def reached(self) -> str:
        """Return what a run goes on from when its cluster is lost."""
        return f"{len(self.written)} batch(es) that are kept" if self.written else ""

    def _place(self, number: int) -> Checkpoints:
        names = [model.name for model in self._batches[number].models]
        made = Checkpoints(
            f"{self.folder}/{self.stage}-{number:05d}",
            {**self.identity, "stage": self.stage, "batch": names},
            every_seconds=None,
            every_iterations=None,
            listener=silent,
            storage_options=self.storage_options,
        )
        made.written = self.written
        return made
