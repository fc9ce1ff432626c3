"""Events of a run as lines of JSON, for those who look at it from elsewhere."""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, Any

from dasknmf.observing.records import event_record
from dasknmf.progress import FREQUENT, describe

if TYPE_CHECKING:
    from pathlib import Path

    from dasknmf.events import Event

#: Seconds between lines of what is told often.
EVERY = 1.0
#: Bytes from the end in which the last line is looked for; none is longer.
TAIL = 2**13


class EventLines:
    """A listener that appends each event to a file, one line of JSON, what is told often once a second."""

    def __init__(self, file: Path, number: int) -> None:
        self.file, self.number = file, number
        self._last = float("-inf")

    def __call__(self, event: Event) -> None:
        """Append an event; a disk that is full must not end a run that is going on."""
        if isinstance(event, FREQUENT):
            now = time.monotonic()
            if now - self._last < EVERY:
                return
            self._last = now
        line = {**event_record(event), "number": self.number, "says": describe(event), "time": time.time()}
        try:
            handle = os.open(self.file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
            try:
                os.write(handle, (json.dumps(line) + "\n").encode())
            finally:
                os.close(handle)
        except OSError:
            return


def last_event(file: Path) -> dict[str, Any]:
    """Return the last whole line of a file of events, ``{}`` where there is none."""
    try:
        with file.open("rb") as opened:
            opened.seek(0, 2)
            opened.seek(max(0, opened.tell() - TAIL))
            # what comes after the last end of a line is not whole yet
            lines = opened.read().split(b"\n")[:-1]
    except FileNotFoundError:
        return {}
    for line in reversed(lines):
        try:
            found = json.loads(line)
        except ValueError:
            continue
        if isinstance(found, dict):
            return found
    return {}
