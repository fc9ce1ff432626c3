"""Send a run to run elsewhere, and find it again from any shell: its folder is all there is to know."""

from __future__ import annotations

import platform
import shutil
import socket
import time
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dasknmf import __version__
from dasknmf.errors import InputError
from dasknmf.storage import is_remote
from dasknmf.submitting.command import Command, read_command
from dasknmf.submitting.folder import ENDING, Run, find_run, make_run, run_in
from dasknmf.submitting.holding import holding
from dasknmf.submitting.place import place_of
from dasknmf.submitting.printed import pieces_of
from dasknmf.submitting.sending import sent
from dasknmf.submitting.state import LIVING, in_directory, state_of

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Sequence


#: Seconds between looks at a run that is waited for.
LOOK = 0.2


def submit(
    command: Command | Sequence[str | os.PathLike[str]],
    *,
    cluster: Any = None,
    walltime: str | float | None = None,
    run_folder: str | os.PathLike[str] | None = None,
    before: Sequence[str] = (),
    force: bool = False,
) -> Run:
    """Send a command to run where the cluster is, and return at once.

    Parameters
    ----------
    command : sequence of str
        What one would type after ``dasknmf``: ``["fit", "net.zarr", "-k", "32", "-o", "fit.zarr"]``.
    cluster : optional
        Where, as everywhere in this package; by default threads of a background process of this machine.
    walltime : str or float, optional
        Of the job of the driver on Slurm, seconds or such as ``"24h"``, by default that of the cluster's jobs. When it
        is nearly over, the driver writes a checkpoint and goes into the queue again.
    run_folder : path, optional
        The folder of the run, by default the output with ``.run`` after its name; of an output at a URL, its name in
        the working directory.
    before : sequence of str
        Options of ``dasknmf`` that come before the command, such as ``["--storage-options", "s3.yaml"]``. Of a file
        only the path is written down.
    force : bool
        Replace the folder of a run that has ended.

    Returns
    -------
    Run
        Its ``id`` is what to give to :func:`status`, :func:`resume` and :func:`cancel`, in any shell.

    Raises
    ------
    InputError
        If there is no such command, the output or the folder is taken, or the place refuses the run.

    Examples
    --------
    >>> submit(["fit", "net.zarr", "-k", "32"])
    Traceback (most recent call last):
    dasknmf.errors.InputError: fit: no output is given; add -o PLACE
    """
    given = command if isinstance(command, Command) else read_command(command)
    given.check()
    folder = Path(run_folder) if run_folder is not None else _folder_of(given.output)
    place, inside, about, files = sent(given, cluster, walltime, folder)
    place_of(place)
    asked = {
        "command": list(given.arguments),
        "arguments": [*before, *inside],
        "directory": str(Path.cwd()),
        "place": place,
        "cluster": about,
        "output": given.output,
        "checkpoint": given.checkpoint,
        "resumable": given.resumable,
        "overwrites": given.overwrites,
        "created": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "versions": _versions(),
    }
    if force and folder.exists():
        _clear(folder)
    run = make_run(folder, asked, files)
    try:
        _launch(run, 1)
    except BaseException:
        shutil.rmtree(run.folder)
        raise
    return run


def resume(run: Run | str, *, force: bool = False) -> Run:
    """Go on with a run that was cancelled, failed or was lost, from its last checkpoint, in the same folder.

    Parameters
    ----------
    run : Run or str
        The run, or its id.
    force : bool
        Also one that was started on another machine, which this one cannot ask whether it still runs.

    Raises
    ------
    InputError
        If it has not ended, or its result is there.
    """
    run = _found(run)
    # of two who resume at once, the second sees what the first has started
    with holding(run.folder / "resuming"):
        state, reason = state_of(run)
        if state in LIVING:
            msg = f"{run.id} is {state}{f' ({reason})' if reason else ''}; look at it: dasknmf logs {run.id} --follow"
            raise InputError(msg)
        if state == "done" or _has_result(run):
            msg = (
                f"{run.id}: its result is there, whole: {run.asked['output']}; to run it anew, submit it again, with "
                "--force for the run and --force for its output"
            )
            raise InputError(msg)
        host = run.handle.get("host")
        elsewhere = run.asked["place"] == "local" and host not in (None, socket.gethostname())
        if state == "lost" and elsewhere and not force:
            msg = (
                f"{run.id} was started on {host}, where it may still run; resume it there, or where that machine is "
                "gone: --force"
            )
            raise InputError(msg)
        if not Path(run.asked["directory"]).is_dir():
            msg = f"{run.id}: its working directory {run.asked['directory']} is gone"
            raise InputError(msg)
        _launch(run, run.attempt + 1)
    return run


def cancel(run: Run | str, *, kill: bool = False, wait: float = 60.0) -> str:
    """Ask a run to end at a checkpoint, from which it can be resumed, and return its state.

    Parameters
    ----------
    run : Run or str
        The run, or its id.
    kill : bool
        End it at once; what it did since its last checkpoint is lost.
    wait : float
        Seconds to wait for its end.

    Raises
    ------
    InputError
        If it has ended, or runs where this machine cannot reach it.
    """
    run = _found(run)
    state, _ = state_of(run)
    if state not in LIVING:
        msg = f"{run.id} is {state}; there is nothing to cancel"
        raise InputError(msg)
    run.write("cancel", {"number": run.attempt, "time": time.time()})
    try:
        place_of(run.asked["place"]).cancel(run, run.handle, kill=kill)
    except InputError:
        # it was not asked after all
        run.folder.joinpath("cancel.json").unlink()
        raise
    last = time.monotonic() + wait
    while (state := state_of(run)[0]) in LIVING and time.monotonic() < last:
        time.sleep(LOOK)
    return state


def logs(run: Run | str, *, follow: bool = False, events: bool = False) -> Iterator[str]:
    """Yield what a run has printed, in pieces.

    Parameters
    ----------
    run : Run or str
        The run, or its id.
    follow : bool
        Also what it prints from now on, until it has ended.
    events : bool
        Its events, lines of JSON, instead.
    """
    run = _found(run)
    place = place_of(run.asked["place"])
    seen = 0
    while True:
        # asked before the log is read, so that nothing printed last is missed
        ended = not follow or state_of(run)[0] not in LIVING
        printed = 0
        for piece in pieces_of(run.events) if events else place.logs(run, run.handle):
            printed += len(piece)
            if printed > seen:
                yield piece[max(0, len(piece) - (printed - seen)) :]
                seen = printed
        if ended:
            return
        time.sleep(LOOK)


def _found(run: Run | str) -> Run:
    return run if isinstance(run, Run) else find_run(run)


def _folder_of(output: str) -> Path:
    bare = output.rstrip("/")
    return Path(f"{bare.rpartition('/')[2] if is_remote(output) else bare}{ENDING}")


def _versions() -> dict[str, str]:
    known = {name: version(name) for name in ("dask", "distributed", "numpy", "zarr")}
    return {"dasknmf": __version__, "python": platform.python_version(), **known}


def _clear(folder: Path) -> None:
    run = run_in(folder)
    state, _ = state_of(run)
    if state in LIVING:
        msg = f"{run.id} is {state}; it cannot be replaced before it has ended: dasknmf cancel {run.id}"
        raise InputError(msg)
    with holding(run.alive):
        shutil.rmtree(run.folder)


def _has_result(run: Run) -> bool:
    """Tell whether the result of a run that ended without a word was saved before; it is seen whole or not at all."""
    if run.asked["overwrites"] or is_remote(run.asked["output"]):
        return False
    return in_directory(run, run.asked["output"]).exists()


def _launch(run: Run, number: int) -> None:
    run.write("attempt", {"number": number, "time": time.time(), "handle": None})
    handle = place_of(run.asked["place"]).submit(run, number)
    run.write("attempt", {"number": number, "time": time.time(), "handle": handle})
