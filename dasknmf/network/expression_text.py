"""Expression tables as text: tabs or commas, plain, gzip or zstd, parsed and checked a row at a time."""

from __future__ import annotations

import csv
import io
import os
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dasknmf.errors import InputError, offenders
from dasknmf.network.readers.files import InputFile, Stream, decompress
from dasknmf.storage import is_remote, local_path

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from dasknmf.storage import Location

#: Endings of text tables, before any .gz or .zst, and what separates their fields.
SEPARATORS = {".tsv": "\t", ".tab": "\t", ".txt": "\t", ".csv": ","}
#: Bytes of the float64 blocks that tables are read in: large enough for NumPy, small beside a tile.
BLOCK_BYTES = 2**24
#: Columns of a row-wise file that are read at once, at least: 1 KiB of a row, or each 4 KiB page is read often.
FEWEST_COLUMNS = 128

NEEDED = "needs a line of sample names, then a line for each gene: its name and its values"

Block = tuple["list[str] | None", "NDArray[np.float64]"]


@dataclass
class Faults:
    """What is wrong with a table: the first three places and the count, for one error at the end."""

    shown: list[str] = field(default_factory=list)
    count: int = 0

    def add(self, place: str, count: int = 1) -> None:
        """Note a place where something is wrong."""
        self.count += count
        if len(self.shown) < 3:
            self.shown.append(place)

    def check(self, where: str, needed: str, remedy: str) -> None:
        """Raise an InputError if anything was noted."""
        if self.count:
            msg = f"{where}: {needed}: {offenders(self.shown, self.count)}; {remedy}"
            raise InputError(msg)


def check_cells(faults: Faults, where: str) -> None:
    """Raise the error of a table with cells that are not finite numbers, if any were noted."""
    faults.check(
        where,
        "every cell must be a finite number",
        "fill such cells or leave the genes out, for example: df.dropna().to_csv('complete.tsv', sep='\\t')",
    )


def block_length(width: int, *, fewest: int = 1) -> int:
    """Return how many rows of a width make a block."""
    return max(fewest, BLOCK_BYTES // (8 * max(1, width)))


def is_text(location: Location) -> bool:
    """Tell whether a file name ends like a text table.

    Examples
    --------
    >>> is_text("tpm.tsv.gz"), is_text("tpm.csv"), is_text("tpm.h5ad")
    (True, True, False)
    """
    return _separator(location) is not None


def _separator(location: Location) -> str | None:
    name = os.fspath(location).lower().removesuffix(".gz").removesuffix(".zst")
    return SEPARATORS.get(Path(name).suffix)


def read_text(location: Location) -> tuple[list[str], Iterator[Block]]:
    """Open a table whose first line names the columns and whose first field names the rows.

    A first line with one field fewer than the others, as R's ``write.table`` makes it, names the columns
    alone.

    Parameters
    ----------
    location : path or URL
        ``.tsv``, ``.tab``, ``.txt`` (tabs) or ``.csv`` (commas), optionally with ``.gz`` or ``.zst``.

    Returns
    -------
    columns : list of str
        Names of the columns.
    blocks : iterator of (list of str, ndarray of float64, shape (rows, columns))
        Row names and values, a few megabytes at a time. It ends with an InputError if any row is ragged or
        any cell is no finite number.

    Raises
    ------
    InputError
        If there is no such file, it is empty, or its first line does not name columns.
    """
    where = os.fspath(location)
    separator = _separator(location) or "\t"
    rows = _rows(location, separator)
    first = next(rows, None)
    if first is None:
        msg = f"{where}: is empty; {NEEDED}"
        raise InputError(msg)
    header, second = first[1], next(rows, None)
    if second is None:
        msg = f"{where}: has a first line and nothing else; {NEEDED}"
        raise InputError(msg)
    columns = header if len(second[1]) == len(header) + 1 else header[1:]
    _check_header(where, columns, separator)
    return columns, _blocks(where, columns, second, rows)


def _check_header(where: str, columns: list[str], separator: str) -> None:
    if not columns:
        kind = "tab" if separator == "\t" else "comma"
        msg = (
            f"{where}, line 1: has no {kind}; .csv is read with commas, .tsv, .tab and .txt with tabs: "
            "give the file the name of its kind"
        )
        raise InputError(msg)
    # Arrays may well be named 1, 2, 3, but not 7.31: that is the first gene of a table without a header.
    if all(_is_number(name) for name in columns) and any("." in name for name in columns):
        msg = (
            f"{where}, line 1: must name the samples, but holds numbers ('{columns[0]}'); "
            "write a first line with a name for each column"
        )
        raise InputError(msg)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _blocks(
    where: str, columns: list[str], first: tuple[int, list[str]], rest: Iterator[tuple[int, list[str]]]
) -> Iterator[Block]:
    ragged, cells = Faults(), Faults()
    names: list[str] = []
    values: list[NDArray[np.float64]] = []
    most = block_length(len(columns))
    row: tuple[int, list[str]] | None = first
    while row is not None:
        line, (name, *fields) = row
        if len(fields) != len(columns):
            ragged.add(f"line {line:,} has {len(fields) + 1:,}")
        elif (parsed := _parse(fields)) is None:
            _find_faults(cells, f"line {line:,} ('{name}')", columns, fields)
        else:
            names.append(name)
            values.append(parsed)
        if len(values) == most:
            yield names, np.array(values)
            names, values = [], []
        row = next(rest, None)
    ragged.check(
        where,
        f"every line must have {len(columns) + 1:,} fields, a name and {len(columns):,} numbers",
        "write the table again without gaps or extra separators",
    )
    check_cells(cells, where)
    if values:
        yield names, np.array(values)


def _parse(fields: list[str]) -> NDArray[np.float64] | None:
    try:
        row = np.fromiter(map(float, fields), dtype=np.float64, count=len(fields))
    except ValueError:
        return None
    return row if np.isfinite(row).all() else None


def _find_faults(faults: Faults, place: str, columns: list[str], fields: list[str]) -> None:
    for column, cell in zip(columns, fields, strict=True):
        if _parse([cell]) is None:
            faults.add(f"{place}, column '{column}': '{cell}'")


def _rows(location: Location, separator: str) -> Iterator[tuple[int, list[str]]]:
    """Yield (line number, fields) of every line that is not blank."""
    where = os.fspath(location)
    with _open(location) as file:
        reader = csv.reader(file, delimiter=separator)
        try:
            for fields in reader:
                if any(map(str.strip, fields)):
                    yield reader.line_num, fields
        except (UnicodeDecodeError, csv.Error) as error:
            msg = f"{where}: is no text table after line {reader.line_num:,} ({error}); save it as UTF-8 text"
            raise InputError(msg) from error


@contextmanager
def _open(location: Location) -> Iterator[io.TextIOWrapper]:
    where = os.fspath(location)
    try:
        raw: Any = _open_remote(where) if is_remote(location) else local_path(location).open("rb")
    except OSError as error:
        msg = f"{where}: cannot be read ({error.strerror or error}); check the name: ls {Path(where).parent}"
        raise InputError(msg) from error
    with raw:
        file = InputFile(where)
        stream = Stream(file, raw, decompress(raw, file.compression), 0)
        # Excel writes a byte order mark, which would become part of the first name.
        with io.TextIOWrapper(io.BufferedReader(stream, 2**20), encoding="utf-8-sig", newline="") as text:
            yield text


def _open_remote(url: str) -> Any:
    from dasknmf.storage import open_file, read_storage_options

    return open_file(url, storage_options=read_storage_options())
