"""Matrix Market files: coordinate (streamed) and array (spilled to a temporary file, then read anywhere)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dasknmf.bounds import check_count, check_room
from dasknmf.errors import InputError
from dasknmf.network.readers.edges import MOST_LINES
from dasknmf.network.readers.names import default_names
from dasknmf.network.source import Chunk, Entries, Labels, Matrix

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dasknmf.network.readers.files import InputFile


#: Digits of a size; Python refuses to read thousands of them.
LONGEST_SIZE = 19


@dataclass(frozen=True)
class Banner:
    """What the first lines say: layout, symmetry, sizes, and how many lines come before the entries."""

    coordinate: bool
    pattern: bool
    symmetric: bool
    n: int
    entries: int
    skipped: int


def read_banner(file: InputFile) -> Banner:
    """Read the banner and the line of sizes.

    Raises
    ------
    InputError
        If it is not a real, square Matrix Market matrix.
    """
    lines = enumerate(file.lines(), start=1)
    words = next(lines, (1, ""))[1].lower().split()
    if len(words) != 5 or words[0] != "%%matrixmarket" or words[1] != "matrix":
        msg = (
            f"{file.where}: line 1 is not a Matrix Market banner; "
            "needs '%%MatrixMarket matrix coordinate real symmetric' or alike"
        )
        raise InputError(msg)
    layout, field, symmetry = words[2:]
    if (
        layout not in ("coordinate", "array")
        or field not in ("real", "double", "integer", "unsigned-integer", "pattern")
        or symmetry not in ("general", "symmetric")
    ):
        msg = (
            f"{file.where}: a {field} {symmetry} {layout} matrix cannot be a network; "
            "needs real numbers, general or symmetric"
        )
        raise InputError(msg)
    number, sizes = next(((k, line.split()) for k, line in lines if line.strip() and line[0] != "%"), (1, []))
    wanted = 3 if layout == "coordinate" else 2
    if len(sizes) != wanted or not all(size.isdecimal() and len(size) < LONGEST_SIZE for size in sizes):
        held = " ".join(sizes)[:60]
        msg = f"{file.where}: line {number} should hold {wanted} sizes, it holds {held!r}"
        raise InputError(msg)
    rows, columns, *rest = (int(size) for size in sizes)
    if rows != columns or rows == 0:
        msg = (
            f"{file.where} is a {rows:,}×{columns:,} array; a network needs a square one of at least one gene"
        )
        raise InputError(msg)
    check_count(file.where, rows)
    symmetric = symmetry == "symmetric"
    entries = rest[0] if rest else rows * (rows + 1) // 2 if symmetric else rows * rows
    return Banner(layout == "coordinate", field == "pattern", symmetric, rows, entries, number)


def _frames(file: InputFile, banner: Banner, names: list[str]) -> Iterator[tuple[Any, float]]:
    import pandas as pd

    seen = 0
    try:
        with file.stream() as stream:
            reader: Any = pd.read_csv(
                stream,
                sep=r"\s+",
                header=None,
                names=names,
                dtype={name: "float64" if name == "weight" else "int64" for name in names},
                skiprows=banner.skipped,
                chunksize=MOST_LINES,
                engine="c",
                na_filter=False,
            )
            with reader:
                for frame in reader:
                    seen += len(frame)
                    yield frame, stream.share
    except pd.errors.EmptyDataError:
        pass
    except (pd.errors.ParserError, ValueError, OverflowError) as error:
        if isinstance(error, InputError):
            raise
        _explain(file, banner, names)
        msg = f"{file.where} cannot be parsed: {error}"
        raise InputError(msg) from error
    if seen != banner.entries:
        what = f"it announces {banner.entries:,} entries and holds {seen:,}"
        raise file.damaged(what)


def _explain(file: InputFile, banner: Banner, names: list[str]) -> None:
    for number, line in enumerate(file.lines(), start=1):
        fields = line.split()
        if number <= banner.skipped or not fields:
            continue
        try:
            right = len(fields) == len(names)
            for name, field in zip(names, fields, strict=False):
                fits = math.isfinite(float(field)) if name == "weight" else abs(int(field)) < 2**63
                right = right and fits
        except ValueError:
            right = False
        if not right:
            msg = (
                f"{file.where}: line {number:,} is {line[:60]!r}; needs {', '.join(names)}, the weight finite"
            )
            raise InputError(msg)


def read_matrix_market(file: InputFile, scratch: Path) -> Entries | Matrix:
    """Return the matrix of a Matrix Market file."""
    banner = read_banner(file)
    details = {"symmetry": "symmetric" if banner.symmetric else "general"}
    if not banner.coordinate:
        return _read_array(file, banner, scratch, details)

    def chunks() -> Iterator[Chunk]:
        names = ["row", "column"] if banner.pattern else ["row", "column", "weight"]
        for frame, share in _frames(file, banner, names):
            row, column = frame["row"].to_numpy(), frame["column"].to_numpy()
            outside = (row < 1) | (row > banner.n) | (column < 1) | (column > banner.n)
            if outside.any():
                k = int(np.flatnonzero(outside)[0])
                msg = (
                    f"{file.where}: entry ({row[k]}, {column[k]}) is outside the {banner.n:,} rows; "
                    f"{np.count_nonzero(outside):,} such; rows and columns count from 1"
                )
                raise InputError(msg)
            weight = np.ones(len(frame)) if banner.pattern else frame["weight"].to_numpy(np.float64)
            yield row - 1, column - 1, weight, share

    return Entries(
        where=file.where,
        reader="Matrix Market",
        kind="unweighted" if banner.pattern else "weight",
        chunks=chunks,
        labels=lambda: Labels(default_names(banner.n)),
        details=details,
    )


def _read_array(file: InputFile, banner: Banner, scratch: Path, details: dict[str, Any]) -> Matrix:
    n = banner.n
    check_room(scratch, 8 * n * n, file.where)
    # the file goes column by column, so the temporary file is the transpose
    spilled = np.lib.format.open_memmap(scratch / "array.npy", mode="w+", dtype=np.float64, shape=(n, n))
    flat = spilled.reshape(-1)
    # packed column c of a symmetric matrix begins at the diagonal
    lengths = np.arange(n, 0, -1) if banner.symmetric else np.full(n, n)
    starts = np.concatenate([[0], np.cumsum(lengths)])
    at = 0
    for frame, _ in _frames(file, banner, ["weight"]):
        position = np.arange(at, at + len(frame))
        at += len(frame)
        # too many values: the count at the end of the file says so
        position = position[position < banner.entries]
        column = np.searchsorted(starts, position, side="right") - 1
        row = position - starts[column] + (column if banner.symmetric else 0)
        flat[column * n + row] = frame["weight"].to_numpy()[: len(position)]
    return Matrix(
        where=file.where,
        reader="Matrix Market",
        kind="weight",
        n=n,
        genes=None,
        read=lambda rows, columns: spilled[columns, rows].T,
        details=details,
    )
