"""Where a run can be sent: what every place can do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

from dasknmf.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dasknmf.submitting.folder import Run

#: What a place knows of an attempt. ``gone``: it has ended, or the place has never heard of it; ``silent``: the place
#: cannot be asked now.
Word = Literal["queued", "running", "gone", "cancelled", "silent"]


class Said(NamedTuple):
    """What a place says of an attempt, and why, in a few words for the user."""

    word: Word
    reason: str = ""


class Place(Protocol):
    """Runs commands, and finds them again by a handle: plain JSON values, kept in the folder of the run.

    A place has no memory of its own. The process it starts is :func:`dasknmf.submitting.attempt.run_attempt`, which
    writes how it went into the folder; a place only has to say what it knows when that is silent.
    """

    def submit(self, run: Run, number: int) -> dict[str, Any]:
        """Start an attempt, and return at once with what finds it again.

        Raises
        ------
        InputError
            If the place refuses it; nothing was started.
        """

    def state(self, run: Run, handle: dict[str, Any]) -> Said:
        """Say what the place knows of an attempt."""

    def cancel(self, run: Run, handle: dict[str, Any], *, kill: bool) -> None:
        """Ask an attempt to end at a checkpoint, or where ``kill`` is true end it at once; it need not have begun."""

    def logs(self, run: Run, handle: dict[str, Any]) -> Iterator[str]:
        """Yield what the run has printed, what there is now, as pieces of text; again from the start each time."""


def place_of(name: str) -> Place:
    """Return a place by the name that ``run.json`` has of it.

    Raises
    ------
    InputError
        If this version knows none of that name.
    """
    if name == "local":
        from dasknmf.submitting.local import Local

        return Local()
    if name == "slurm":
        from dasknmf.submitting.slurm import Slurm

        return Slurm()
    msg = f"no runs can be sent to {name!r}; there are local and slurm"
    raise InputError(msg)
