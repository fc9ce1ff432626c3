"""What sections are made of: plain dicts that templates write and tests read."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pandas as pd

Block = dict[str, Any]

#: How a template writes the values of a column, see :mod:`dasknmf.report.html.formats`; ``genes`` are lists of names.
WRITTEN = ("text", "number", "percent", "seconds", "size", "genes")


def section(identity: str, title: str, blocks: Iterable[Block | None]) -> Block:
    """Return a section; what is None was absent and is left out."""
    return {"id": identity, "title": title, "blocks": [block for block in blocks if block is not None]}


def heading(title: str) -> Block:
    """Return a heading inside a section."""
    return {"block": "heading", "title": title}


def text(said: str) -> Block:
    """Return a paragraph."""
    return {"block": "text", "text": said}


def verdict(said: str) -> Block:
    """Return a paragraph that answers the question of its section."""
    return {"block": "verdict", "text": said}


def items(said: Iterable[str]) -> Block | None:
    """Return a list, or None where it would be empty."""
    kept = [one for one in said if one]
    return {"block": "items", "items": kept} if kept else None


def command(said: Sequence[str]) -> Block | None:
    """Return commands as they are typed, one a line, or None where there are none."""
    return {"block": "command", "lines": list(said)} if said else None


def table(caption: str, columns: Sequence[tuple[str, str]], rows: Iterable[Sequence[Any]]) -> Block | None:
    """Return a table, or None without rows.

    Parameters
    ----------
    caption : str
        What it shows.
    columns : sequence of (title, kind)
        Kinds are those of ``WRITTEN``; the first column is a header of its row. Columns in which no row has anything
        are left out.
    rows : iterable of sequences
        Values, not their text.
    """
    known = [list(row) for row in rows]
    if not known:
        return None
    kept = [place for place in range(len(columns)) if not place or any(_said(row[place]) for row in known)]
    return {
        "block": "table",
        "caption": caption,
        "columns": [{"title": columns[place][0], "kind": columns[place][1]} for place in kept],
        "rows": [[row[place] for place in kept] for row in known],
    }


def framed(caption: str, frame: pd.DataFrame, titles: dict[str, tuple[str, str]]) -> Block | None:
    """Return a table of the columns of a DataFrame that have titles, in the order of these."""
    there = {name: title for name, title in titles.items() if name in frame}
    rows = zip(*(frame[name].tolist() for name in there), strict=True)
    return table(caption, list(there.values()), rows)


def details(summary: str, blocks: Iterable[Block | None]) -> Block | None:
    """Return what is folded away until it is asked for or printed; None where there is nothing."""
    kept = [block for block in blocks if block is not None]
    return {"block": "details", "summary": summary, "blocks": kept} if kept else None


def gallery(pictures: Iterable[Block]) -> Block:
    """Return pictures that stand side by side where there is room."""
    return {"block": "gallery", "blocks": list(pictures)}


def _said(value: Any) -> bool:
    if value is None:
        return False
    if isinstance(value, (str, list, tuple)):
        return bool(len(value))
    return not (isinstance(value, float) and math.isnan(value))
