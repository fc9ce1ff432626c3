"""An attempt at a run, seen from inside: the process that does the work, and writes down how it went."""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dasknmf.progress import also_telling
from dasknmf.stopping import ask_to_stop, stop_is_asked
from dasknmf.submitting.folder import run_in
from dasknmf.submitting.holding import holding
from dasknmf.submitting.identity import process_handle
from dasknmf.submitting.printed import last_line
from dasknmf.submitting.telling import EventLines

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from dasknmf.submitting.folder import Run

#: Seconds in which a run that was asked to end comes to a checkpoint, before it ends where it is. Slurm kills 30 s
#: after it has asked.
GRACE = 20
#: A program that runs in the background gives way to who sits at the machine.
NICE = 5


def run_attempt(folder: str, number: int, main: Callable[[], None]) -> None:
    """Do the command of a run in this process, and leave with its exit code.

    Parameters
    ----------
    folder : path
        Of the run.
    number : int
        Of the attempt.
    main : callable
        Runs the command of ``sys.argv``, and leaves with ``SystemExit``.
    """
    run = run_in(Path(folder))
    with holding(run.alive):
        os.chdir(run.asked["directory"])
        again = number > 1 or bool(run.of_attempt("started"))
        run.folder.joinpath("exit.json").unlink(missing_ok=True)
        handle = _handle(run)
        run.write("started", {"number": number, "time": time.time(), "handle": handle})
        if run.asked["place"] == "local":
            os.nice(NICE)
        wishes = _listen()
        sys.argv = ["dasknmf", *_arguments(run, resumed=again)]
        code, error = _do(run, number, main)
        stopped = stop_is_asked()
        if signal.SIGUSR1 in wishes and code and _put_back(run, handle):
            return
        content = {"number": number, "time": time.time(), "code": code, "stopped": stopped, "error": error}
        run.write("exit", content)
    sys.exit(code)


def _handle(run: Run) -> dict[str, Any]:
    """Return what finds this attempt, for the case that who sent it died before it wrote that down."""
    if run.asked["place"] == "slurm":
        return {"job": os.environ["SLURM_JOB_ID"]}
    return process_handle(os.getpid())


def _arguments(run: Run, *, resumed: bool) -> list[str]:
    given = [str(argument) for argument in run.asked["arguments"]]
    if resumed and run.asked["resumable"] and "--resume" not in given:
        return [*given, "--resume"]
    return given


def _listen() -> set[int]:
    """Stop at a checkpoint when a signal asks for it, at once at a second one or when the grace is over."""
    wishes: set[int] = set()

    def wish(number: int, frame: FrameType | None) -> None:
        del frame
        if wishes:
            raise KeyboardInterrupt
        wishes.add(number)
        ask_to_stop()
        # not print: the signal may have come in the middle of one
        os.write(2, f"asked to stop ({signal.Signals(number).name}): ending at a checkpoint\n".encode())
        signal.alarm(GRACE)

    def enough(number: int, frame: FrameType | None) -> None:
        del number, frame
        raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1):
        signal.signal(number, wish)
    signal.signal(signal.SIGALRM, enough)
    return wishes


def _do(run: Run, number: int, main: Callable[[], None]) -> tuple[int, str]:
    """Return the exit code of the command, and the error in one line."""
    code = 0
    # line by line, so that who looks at the log sees what has been printed
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError):
            stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    try:
        with also_telling(EventLines(run.events, number)):
            main()
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
    except KeyboardInterrupt:
        code = 130
    except BaseException:
        traceback.print_exc()
        code = 1
    finally:
        signal.alarm(0)
        # what is left is to write down how it went
        for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1):
            signal.signal(ignored, signal.SIG_IGN)
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
    return code, last_line(run.log) if code else ""


def _put_back(run: Run, handle: dict[str, Any]) -> bool:
    """Put a job whose time is over back into the queue of Slurm; tell whether that was done."""
    if run.asked["place"] != "slurm" or run.of_attempt("cancel"):
        return False
    from dasknmf.submitting.slurm import requeue

    return requeue(str(handle["job"]))
