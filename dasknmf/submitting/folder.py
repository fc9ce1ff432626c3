"""The folder of a run: everything that is known of it, beside its result, in files that are seen whole.

``run.json``
    What was asked for, never changed: id, command, working directory, place, versions, output.
``attempt.json``
    The last attempt: its number, from 1, and what finds it at its place (a process, a job).
``started.json``, ``exit.json``, ``cancel.json``
    Of an attempt: which process began, how it ended, and that it was asked to end. One of another number is ignored.
``alive``
    A lock that the process of the run holds.
``log``, ``events.jsonl``
    What the command prints, and its events as lines of JSON, of all attempts.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dasknmf.aside import place_beside, sweep
from dasknmf.errors import FormatError, InputError
from dasknmf.whole_file import write_whole

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Of run.json; a folder of another version is refused.
VERSION = 1
#: What is put after the name of an output.
ENDING = ".run"
#: Folders below the current one in which runs are looked for.
DEPTH = 4


@dataclass(frozen=True)
class Run:
    """A run, found by its folder; what was asked for is in ``asked``, as ``run.json`` has it."""

    folder: Path
    asked: dict[str, Any]

    @property
    def id(self) -> str:
        """What to type to mean this run: its folder, from the working directory where that is shorter."""
        try:
            return str(self.folder.relative_to(Path.cwd()))
        except ValueError:
            return str(self.folder)

    @property
    def command(self) -> list[str]:
        """The arguments of ``dasknmf`` of the run, as they were typed."""
        return list(self.asked["command"])

    @property
    def log(self) -> Path:
        """The file of what the run prints."""
        return self.folder / "log"

    @property
    def events(self) -> Path:
        """The file of its events, lines of JSON."""
        return self.folder / "events.jsonl"

    @property
    def alive(self) -> Path:
        """The file of the lock that its process holds."""
        return self.folder / "alive"

    def note(self, name: str) -> dict[str, Any]:
        """Return what a file of the folder holds, ``{}`` where there is none."""
        return _read(self.folder / f"{name}.json") or {}

    def write(self, name: str, content: dict[str, Any]) -> None:
        """Write a file of the folder, whole."""
        write_whole(self.folder / f"{name}.json", _as_json(content))

    @property
    def attempt(self) -> int:
        """The number of the last attempt, from 1."""
        return int(self.note("attempt").get("number", 0))

    def of_attempt(self, name: str) -> dict[str, Any]:
        """Return what a file of the folder says of the last attempt, ``{}`` where it is of another."""
        found = self.note(name)
        return found if found.get("number") == self.attempt else {}

    @property
    def handle(self) -> dict[str, Any]:
        """What finds the last attempt at its place; ``{}`` where it never came there."""
        return dict(self.note("attempt").get("handle") or self.of_attempt("started").get("handle") or {})


def make_run(folder: Path, asked: dict[str, Any], files: dict[str, Any] | None = None) -> Run:
    """Make the folder of a run, whole or not at all, so that of two who try one is refused.

    Parameters
    ----------
    folder : path
        Where it is to be.
    asked : dict
        For ``run.json``.
    files : dict, optional
        Other files to be there from the start, by name, each what it holds, for JSON.

    Raises
    ------
    InputError
        If there is anything at its place.
    """
    import shutil

    folder = folder.absolute()
    if not folder.parent.is_dir():
        msg = f"{folder.parent} is not a folder; make it first: mkdir -p {folder.parent}"
        raise InputError(msg)
    sweep(folder)
    aside = place_beside(folder)
    aside.mkdir()
    try:
        for name, content in (files or {}).items():
            (aside / name).write_bytes(_as_json(content))
        (aside / "run.json").write_bytes(_as_json({"version": VERSION, "id": folder.name, **asked}))
        aside.rename(folder)
    except OSError as error:
        shutil.rmtree(aside)
        if folder.exists():
            msg = f"{folder} exists already; see what it is: dasknmf status {folder}; or name another: --run-folder"
            raise InputError(msg) from error
        raise
    return run_in(folder)


def run_in(folder: Path) -> Run:
    """Return the run of a folder.

    Raises
    ------
    FormatError
        If it is none, or of another version.
    """
    asked = _read(folder / "run.json")
    if asked is None:
        msg = f"{folder} is not the folder of a run: it has no run.json"
        raise FormatError(msg)
    if asked.get("version") != VERSION:
        msg = f"{folder} is a run of version {asked.get('version')}, this dasknmf reads {VERSION}"
        raise FormatError(msg)
    return Run(folder.absolute(), asked)


def runs_under(folder: Path) -> list[Run]:
    """Return the runs in a folder and those below it, by name."""
    return [run_in(found) for found in sorted(_folders(folder, DEPTH))]


def _folders(folder: Path, depth: int) -> Iterator[Path]:
    try:
        inside = [Path(entry.path) for entry in os.scandir(folder) if entry.is_dir(follow_symlinks=False)]
    except PermissionError:
        return
    for path in inside:
        if _is_run(path):
            yield path
        # stores have many folders, and no runs
        elif (
            depth > 1
            and not path.name.startswith(".")
            and path.suffix not in (".zarr", ".fit", ".checkpoint")
        ):
            yield from _folders(path, depth - 1)


def _is_run(folder: Path) -> bool:
    """Tell whether a folder is that of a run; other programs have files of that name too."""
    try:
        found = _read(folder / "run.json")
    except FormatError:
        return False
    return found is not None and "dasknmf" in found.get("versions", {})


def find_run(name: str | os.PathLike[str]) -> Run:
    """Return a run by its id: its folder, its output, or the name of either, looked for below the current folder.

    Raises
    ------
    InputError
        If there is none, or several.
    """
    given = os.fspath(name).rstrip("/")
    for path in (Path(given), Path(given + ENDING)):
        if _is_run(path):
            return run_in(path)
    here = runs_under(Path.cwd())
    found = [run for run in here if run.folder.name in (given, given + ENDING)]
    if len(found) == 1:
        return found[0]
    if found:
        msg = f"{given!r} is the name of {len(found)} runs; give the folder of one: {_names(found)}"
        raise InputError(msg)
    there = f"; there are {_names(here)}" if here else ""
    msg = f"no run {given!r} in {Path.cwd()} or below{there}; give the folder that `dasknmf submit` printed"
    raise InputError(msg)


def _names(runs: list[Run]) -> str:
    shown = ", ".join(run.id for run in runs[:5])
    return shown if len(runs) <= 5 else f"{shown}, … {len(runs)} in all"


def _read(file: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(file.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        msg = f"{file} cannot be read ({error}); it is written whole, so that something else damaged it"
        raise FormatError(msg) from error
    if not isinstance(found, dict):
        msg = f"{file} holds {type(found).__name__}, needs an object"
        raise FormatError(msg)
    return found


def _as_json(content: dict[str, Any]) -> bytes:
    return (json.dumps(content, indent=2) + "\n").encode()
