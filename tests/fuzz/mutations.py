"""What is done to a file or a store, as plain numbers, so that a case can be drawn, shrunk, printed and done again."""

from __future__ import annotations

import json
import re
import shutil
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

if TYPE_CHECKING:
    from pathlib import Path

#: Values that a header may be given instead of its own.
VALUES: tuple[Any, ...] = (
    None,
    True,
    0,
    1,
    -1,
    2**31,
    10**12,
    2**63,
    10**30,
    0.5,
    1e300,
    float("nan"),
    float("inf"),
    "",
    "nonsense",
    "1" * 5000,
    [],
    [10**12],
    [10**12, 10**12],
    [-1],
    ["x"],
    {},
    {"name": "nonsense"},
    {"name": "gzip", "configuration": {"level": 5}},
)
#: What may stand in a text instead of something else.
WORDS = (
    b"",
    b"\t",
    b"\n",
    b"\r",
    b"\0",
    b"\xff\xfe",
    b"\xef\xbf\xbd",
    b"nan",
    b"inf",
    b"-1",
    b"1e400",
    b"0x10",
    b"1_000",
    b"9" * 400,
    b"1000000000000",
    b'"',
    b"#",
    b"%",
    b",",
    b" ",
    b"\xe2\x80\xa8",
    b"0,5",
    b"NA",
    b"A" * 3000,
)
DEEP = 100_000

#: One change of bytes: what, where, and two numbers that mean something to it.
Change = tuple[str, int, int, int]

_where = st.integers(0, 2**20)
_small = st.integers(0, 255)


def changes_of_bytes() -> st.SearchStrategy[Change]:
    """Draw one change of a file."""
    return st.one_of(
        st.tuples(st.just("flip"), _where, st.integers(0, 7), st.just(0)),
        st.tuples(st.just("set"), _where, _small, st.just(0)),
        st.tuples(st.just("cut"), _where, st.just(0), st.just(0)),
        st.tuples(st.just("drop"), _where, st.integers(1, 64), st.just(0)),
        st.tuples(st.just("zero"), _where, st.integers(1, 64), st.just(0)),
        st.tuples(st.just("repeat"), _where, st.integers(1, 64), st.just(0)),
        st.tuples(st.just("word"), _where, st.integers(0, len(WORDS) - 1), st.integers(0, 3)),
        st.tuples(st.just("number"), _where, st.integers(0, len(WORDS) - 1), st.just(0)),
        st.tuples(st.just("tail"), st.just(0), st.integers(0, len(WORDS) - 1), st.just(0)),
    )


def changes_of_headers() -> st.SearchStrategy[Change]:
    """Draw one change of a JSON file, leaf by leaf."""
    return st.one_of(
        st.tuples(st.just("value"), _where, st.integers(0, len(VALUES) - 1), st.just(0)),
        st.tuples(st.just("nudge"), _where, st.just(0), st.just(0)),
        st.tuples(st.just("lose"), _where, st.just(0), st.just(0)),
        st.tuples(st.just("twice"), _where, st.integers(0, len(VALUES) - 1), st.just(0)),
        st.tuples(st.just("deep"), _where, st.just(0), st.just(0)),
    )


def changes_of_files() -> st.SearchStrategy[Change]:
    """Draw one change of which files a store has."""
    return st.tuples(
        st.sampled_from(("remove", "empty", "swap", "copy", "folder")), _where, _where, st.just(0)
    )


def inputs(kinds: tuple[str, ...]) -> st.SearchStrategy[tuple[str, list[Change]]]:
    """Draw a kind of input and what is done to it."""
    return st.tuples(st.sampled_from(kinds), st.lists(changes_of_bytes(), min_size=1, max_size=3))


def stores(kinds: tuple[str, ...]) -> st.SearchStrategy[tuple[str, int, Change]]:
    """Draw a kind of store, one of its files, and the one thing that is done to it.

    One alone: a store is sealed against damage, and not against somebody who seals it again.
    """
    change = st.one_of(changes_of_bytes(), changes_of_headers(), changes_of_headers(), changes_of_files())
    return st.tuples(st.sampled_from(kinds), st.integers(0, 2**10), change)


def changed(data: bytes, change: Change) -> bytes:
    """Return the bytes of a file after a change."""
    what, where, first, second = change
    at = where % max(1, len(data))
    if what == "flip":
        return data[:at] + bytes([data[at] ^ (1 << first)]) + data[at + 1 :] if data else data
    if what == "set":
        return data[:at] + bytes([first]) + data[at + 1 :]
    if what == "cut":
        return data[:at]
    if what == "drop":
        return data[:at] + data[at + first :]
    if what == "zero":
        return data[:at] + bytes(min(first, len(data) - at)) + data[at + first :]
    if what == "repeat":
        return data[: at + first] + data[at:]
    if what == "word":
        return data[:at] + WORDS[first] + data[at + second :]
    if what == "tail":
        return data + WORDS[first]
    if what == "number":
        numbers = list(re.finditer(rb"[0-9]+(\.[0-9]+)?", data[: 2**16]))
        if not numbers:
            return data
        found = numbers[where % len(numbers)]
        return data[: found.start()] + WORDS[first] + data[found.end() :]
    msg = f"there is no change {what!r}"
    raise ValueError(msg)


def changed_header(text: str, change: Change) -> str:
    """Return a JSON text after a change of one of its leaves."""
    what, where, first, _ = change
    held = json.loads(text)
    leaves = [*_leaves(held)]
    holder, key = leaves[where % len(leaves)]
    if what == "value":
        holder[key] = VALUES[first]
    elif what == "nudge":
        value = holder[key]
        if isinstance(value, bool):
            holder[key] = not value
        elif isinstance(value, int):
            holder[key] = value + 1
        elif isinstance(value, float):
            holder[key] = value * (1 + 1e-9) if value else 1e-9
        elif isinstance(value, str):
            holder[key] = value + "0"
        else:
            holder[key] = [value]
    elif what == "lose":
        del holder[key]
    elif what == "deep":
        holder[key] = "@deep@"
    elif what == "twice" and isinstance(holder, dict):
        # what comes last is what a parser takes
        again = (
            f"{json.dumps(key)}: {json.dumps(holder[key])}, {json.dumps(key)}: {json.dumps(VALUES[first])}"
        )
        holder[key] = "@twice@"
        return json.dumps(held).replace(f'{json.dumps(key)}: "@twice@"', again)
    return json.dumps(held).replace('"@deep@"', "[" * DEEP + "]" * DEEP)


def _leaves(held: Any) -> Any:
    for key, value in list(held.items() if isinstance(held, dict) else enumerate(held)):
        yield held, key
        if isinstance(value, (dict, list)):
            yield from _leaves(value)


def change_store(folder: Path, number: int, change: Change) -> str:
    """Change one file of a store, or which there are; return which it was."""
    what = change[0]
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    headers = [path for path in files if path.suffix == ".json" and _is_json(path)]
    if what in ("value", "nudge", "lose", "twice", "deep") and not headers:
        # a file of arrays has no header that is a file
        what, change = "flip", ("flip", change[1], change[2] % 8, 0)
    if what in ("value", "nudge", "lose", "twice", "deep"):
        chosen = headers[number % len(headers)]
        text = chosen.read_text(encoding="utf-8")
        chosen.write_text(changed_header(text, change), encoding="utf-8")
        return f"{what} in {chosen.relative_to(folder)}"
    chosen = files[number % len(files)]
    if what in ("swap", "copy"):
        other = files[change[1] % len(files)]
        one, two = chosen.read_bytes(), other.read_bytes()
        chosen.write_bytes(two)
        if what == "swap":
            other.write_bytes(one)
        return f"{what} {chosen.relative_to(folder)} and {other.relative_to(folder)}"
    if what == "remove":
        chosen.unlink()
    elif what == "empty":
        chosen.write_bytes(b"")
    elif what == "folder":
        chosen.unlink()
        chosen.mkdir()
    else:
        chosen.write_bytes(changed(chosen.read_bytes(), change))
    return f"{what} in {chosen.relative_to(folder)}"


def _is_json(path: Path) -> bool:
    """Tell whether an earlier change left a header that can be changed leaf by leaf."""
    try:
        return isinstance(json.loads(path.read_text(encoding="utf-8")), dict)
    except (ValueError, RecursionError):
        return False


def copied(folder: Path, to: Path) -> Path:
    """Copy a store to where it may be changed."""
    shutil.rmtree(to, ignore_errors=True)
    if folder.is_dir():
        shutil.copytree(folder, to)
    else:
        to.mkdir()
        shutil.copy(folder, to / folder.name)
    return to
