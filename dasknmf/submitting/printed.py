"""What a run has printed, read from a file that may grow."""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: Bytes read at once.
PIECE = 2**16
#: Bytes from the end of a log in which its last lines are looked for.
TAIL = 2**14


def pieces_of(file: Path) -> Iterator[str]:
    """Yield a text file in pieces, none where it is not there yet; bytes that are no UTF-8 are replaced."""
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    try:
        with file.open("rb") as opened:
            while piece := opened.read(PIECE):
                yield decoder.decode(piece)
    except FileNotFoundError:
        return
    yield decoder.decode(b"", final=True)


def last_line(file: Path) -> str:
    """Return the last line that is not empty, "" where there is none."""
    try:
        with file.open("rb") as opened:
            opened.seek(0, 2)
            opened.seek(max(0, opened.tell() - TAIL))
            lines = opened.read().decode(errors="replace").splitlines()
    except FileNotFoundError:
        return ""
    return next((line.strip() for line in reversed(lines) if line.strip()), "")
