"""How a run is: derived from facts each time, remembered nowhere."""

from __future__ import annotations

import os
import shlex
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from dasknmf.storage import exists, is_remote
from dasknmf.submitting.holding import is_held
from dasknmf.submitting.place import place_of
from dasknmf.submitting.printed import last_line
from dasknmf.submitting.telling import last_event

if TYPE_CHECKING:
    from pathlib import Path

    from dasknmf.submitting.folder import Run

State = Literal["queued", "running", "done", "failed", "cancelled", "lost"]
#: Of a run that has not ended.
LIVING = ("queued", "running")


@dataclass(frozen=True)
class Status:
    """How a run is.

    Attributes
    ----------
    id, folder, command, place : str
        Which run it is, and where it runs.
    state : str
        ``queued``, ``running``, ``done``, ``failed``, ``cancelled``, or ``lost``: it ended without a word.
    reason : str
        Why, where there is something to say: the error of a failed run, what a scheduler says.
    progress : str
        The last event.
    attempt : int
        From 1; each resume is another.
    seconds : float or None
        Since the attempt began, until it ended.
    exit_code : int or None
        Of the command, where it ended by itself.
    checkpoint, result : str or None
        Where they are, if they are there.
    next : str
        What to type.
    """

    id: str
    folder: str
    command: str
    place: str
    state: State
    reason: str
    progress: str
    attempt: int
    seconds: float | None
    exit_code: int | None
    checkpoint: str | None
    result: str | None
    next: str


def state_of(run: Run) -> tuple[State, str]:
    """Return how a run is, and why.

    The exit code that the process wrote counts first, then the lock that it holds while it lives, then the word of the
    place, which alone knows of what is queued or was killed.
    """
    ended = _ended(run)
    if ended is not None and (ended[0] != "failed" or not run.of_attempt("exit")["stopped"]):
        return ended
    if is_held(run.alive):
        return "running", ""
    # an attempt that was stopped may be in the queue of its place again
    said = place_of(run.asked["place"]).state(run, run.handle)
    if said.word in ("queued", "running"):
        return said.word, said.reason
    ended = _ended(run)
    if said.word == "cancelled" or (run.of_attempt("cancel") and ended is None and said.word == "gone"):
        return "cancelled", ""
    if ended is not None:
        return ended
    if said.word == "silent":
        return ("running" if run.of_attempt("started") else "queued"), said.reason
    return "lost", said.reason


def _ended(run: Run) -> tuple[State, str] | None:
    found = run.of_attempt("exit")
    if not found:
        return None
    if found["code"] == 0:
        return "done", ""
    # a command that failed before anybody asked it to end has failed
    if found["stopped"] and run.of_attempt("cancel"):
        return "cancelled", ""
    return "failed", str(found["error"])


def status(run: Run) -> Status:
    """Return how a run is, with all a user wants to know of it."""
    state, reason = state_of(run)
    found, event = run.of_attempt("exit"), last_event(run.events)
    asked = run.asked
    result, checkpoint = (_there(run, asked.get(name)) for name in ("output", "checkpoint"))
    if state in LIVING:
        # what is at the output may be what --force replaces
        result = None
    if state == "lost" and not reason:
        reason = last_line(run.log)
    return Status(
        id=run.id,
        folder=str(run.folder),
        command=shlex.join(["dasknmf", *run.command]),
        place=asked["place"],
        state=state,
        reason=reason,
        progress=str(event.get("says", "")),
        attempt=run.attempt,
        seconds=_seconds(run, state, event),
        exit_code=found.get("code"),
        checkpoint=checkpoint,
        result=result,
        next=_next(run, state, result),
    )


def _there(run: Run, location: str | None) -> str | None:
    """Return a place if something is there; a URL is not asked, which may need what this shell does not have."""
    if location is None:
        return None
    if is_remote(location):
        return location
    place = in_directory(run, location)
    return str(place) if exists(place) else None


def in_directory(run: Run, location: str) -> Path:
    """Return a local path as the run sees it."""
    from pathlib import Path

    return Path(run.asked["directory"]) / location


def _seconds(run: Run, state: State, event: dict[str, Any]) -> float | None:
    began = run.of_attempt("started").get("time")
    if began is None:
        return None
    if state == "running":
        return float(time.time() - began)
    ended = run.of_attempt("exit").get("time", event.get("time", began))
    return max(0.0, float(ended - began))


def _next(run: Run, state: State, result: str | None) -> str:
    me = shlex.quote(run.id)
    if state in LIVING:
        return f"dasknmf logs {me} --follow"
    if state == "done":
        if run.command[0] == "report" or result is None:
            return f"dasknmf logs {me}"
        return f"dasknmf report {shlex.quote(os.path.relpath(result) if not is_remote(result) else result)}"
    if state == "failed":
        return f"dasknmf logs {me}; when its cause is mended: dasknmf resume {me}"
    return f"dasknmf resume {me}"
