"""Finding the lines of an edge list that are wrong: slow and exact, once something is known to be wrong."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from dasknmf.errors import InputError, offenders
from dasknmf.network.policies import SHOWN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from dasknmf.network.policies import Offender, Problem
    from dasknmf.network.readers.edges import Dialect
    from dasknmf.network.readers.files import InputFile

_SEPARATORS = {"\t": "tabs", ",": "commas", ";": "semicolons", " ": "single spaces", None: "white space"}


def _scan(file: InputFile, dialect: Dialect) -> Iterator[tuple[int, str, list[str]]]:
    """Yield line number (from 1), line and fields of the lines that hold data."""
    for number, line in enumerate(file.lines(), start=1):
        if number > dialect.skipped and line and (dialect.separator not in (None, " ") or line.strip()):
            yield number, line, dialect.fields(line)


def _shorten(line: str) -> str:
    return repr(line if len(line) <= 60 else line[:57] + "…")


def _fault(dialect: Dialect, line: str, fields: list[str]) -> str | None:
    """Return what is wrong with a line, if anything."""
    columns = dialect.columns
    if len(fields) != dialect.width:
        return f"{len(fields)} column{'s' * (len(fields) != 1)}: {_shorten(line)}"
    if "\ufffd" in fields[columns.first] + fields[columns.second]:
        return f"not UTF-8: {_shorten(line)}"
    if not fields[columns.first].strip() or not fields[columns.second].strip():
        return f"no gene name: {_shorten(line)}"
    if columns.weight is not None:
        text = fields[columns.weight]
        try:
            weight = float(text)
        except ValueError:
            weight = None
        if weight is None or "_" in text:
            # Python takes 1_000 for a number, the parser does not
            return f"weight {_shorten(text)} is not a number: {_shorten(line)}"
        if not math.isfinite(weight):
            return f"weight {_shorten(text)} is not finite: {_shorten(line)}"
    return None


def explain_lines(file: InputFile, dialect: Dialect) -> None:
    """Raise the one error about the lines that cannot be read; return if there are none.

    Raises
    ------
    InputError
        With the first such lines and their count.
    """
    shown: list[str] = []
    count = 0
    for number, line, fields in _scan(file, dialect):
        fault = _fault(dialect, line, fields)
        if fault:
            count += 1
            if len(shown) < SHOWN:
                shown.append(
                    f"line {number} has {fault}" if fault[0].isdigit() else f"line {number}: {fault}"
                )
    if not count:
        return
    columns = dialect.columns
    needs = f"genes in columns {columns.first + 1} and {columns.second + 1}"
    if columns.weight is not None:
        needs += f" and a finite weight in column {columns.weight + 1}"
    msg = (
        f"{file.where}: line{'s' * (count != 1)} that cannot be read: {offenders(shown, count)}; "
        f"each line needs {dialect.width} columns separated by {_SEPARATORS[dialect.separator]}, {needs}; "
        "correct the lines, or choose columns with --columns 1,2,3, columns=(1, 2, 3)"
    )
    raise InputError(msg)


def locate(
    file: InputFile, dialect: Dialect, kind: Problem, first: list[Offender], genes: NDArray[np.object_]
) -> list[str]:
    """Return the first offenders against a policy, with their lines."""
    if kind in ("duplicate", "asymmetric"):
        return _locate_pairs(
            file, dialect, kind, [(genes[found.row], genes[found.column]) for found in first]
        )
    shown = []
    for number, line, fields in _scan(file, dialect):
        one, other, weight = _read(dialect, fields)
        bad = {
            "nonfinite": not math.isfinite(weight) or abs(weight) > float(np.finfo(np.float32).max),
            "negative": weight < 0,
            "self_loop": one == other and weight != 0,
        }[kind]
        if bad:
            shown.append(f"line {number}: {_shorten(line)}")
        if len(shown) == SHOWN:
            break
    return shown


def _read(dialect: Dialect, fields: list[str]) -> tuple[str, str, float]:
    columns = dialect.columns
    weight = 1.0 if columns.weight is None else float(fields[columns.weight])
    return fields[columns.first].strip(), fields[columns.second].strip(), weight


def _locate_pairs(
    file: InputFile, dialect: Dialect, kind: Problem, pairs: list[tuple[Any, Any]]
) -> list[str]:
    lines: dict[tuple[str, str], list[tuple[int, float]]] = {}
    for one, other in pairs:
        lines[one, other] = []
        lines[other, one] = []
    wanted = 2 if kind == "duplicate" else 1
    shown: dict[tuple[str, str], str] = {}
    for number, _, fields in _scan(file, dialect):
        one, other, weight = _read(dialect, fields)
        if (one, other) not in lines:
            continue
        lines[one, other].append((number, weight))
        pair = (one, other) if (one, other) in pairs else (other, one)
        found = lines[one, other][:wanted]
        if kind == "asymmetric":
            found = sorted(found + lines[other, one][:1])
        if len(found) == 2 and pair not in shown:
            (a, x), (b, y) = found
            shown[pair] = f"'{one}' and '{other}' on lines {a:,} ({x:g}) and {b:,} ({y:g})"
        if len(shown) == len(pairs):
            break
    return [shown[pair] for pair in pairs if pair in shown]
