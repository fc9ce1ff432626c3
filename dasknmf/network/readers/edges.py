"""Edge lists in text, separated by tabs, commas or spaces, parsed in chunks by the C parser of pandas."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from dasknmf.errors import InputError
from dasknmf.network.readers.columns import Column, Columns, choose_columns, looks_like_header
from dasknmf.network.readers.diagnose import explain_lines, locate
from dasknmf.network.source import Chunk, Entries, Labels

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from dasknmf.network.readers.files import InputFile, Stream

#: Lines of a chunk; more is not faster.
MOST_LINES = 2**19
FEWEST_LINES = 1000
#: Bytes that the parser takes for a byte of text, at most.
PARSER_FACTOR = 8
#: Columns of a list; BioGRID has 37. The parser keeps hundreds of bytes for each.
MOST_COLUMNS = 10_000
#: Lines looked at to find separator, header and columns.
LOOKED_AT = 50


@dataclass(frozen=True)
class Dialect:
    """How the lines of an edge list are to be read."""

    separator: str | None
    quoted: bool
    skipped: int
    width: int
    names: tuple[str, ...] | None
    columns: Columns
    line_bytes: int

    def fields(self, line: str) -> list[str]:
        """Split a line."""
        return split(line, self.separator, quoted=self.quoted)


def split(line: str, separator: str | None, *, quoted: bool) -> list[str]:
    """Split a line at a separator (``None``: any white space), with or without quotes."""
    if quoted and separator:
        return next(csv.reader([line], delimiter=separator), [])
    return line.split(separator)


def sniff(file: InputFile, *, header: bool | None, columns: Sequence[Column] | None) -> Dialect:
    """Look at the first lines of an edge list.

    Raises
    ------
    InputError
        If it is empty or its columns cannot be told.
    """
    lines = list(islice(file.lines(), LOOKED_AT))
    numbered = [(k, line) for k, line in enumerate(lines) if line.strip()]
    remarks = [entry for k, entry in enumerate(numbered) if all(x[1][0] in "#%" for x in numbered[: k + 1])]
    data = numbered[len(remarks) :]
    if not data:
        msg = (
            f"{file.where} is empty: it holds no edge; needs lines of gene, gene and, if there is one, weight"
        )
        raise InputError(msg)
    first = data[0][1]
    separator = _separator(first, [line for _, line in data], file.name)
    # R's write.table quotes names; elsewhere a quote in a tab separated file is a prime (5'-3')
    quoted = separator in (",", ";") or first.startswith('"')
    rows = [split(line, separator, quoted=quoted) for _, line in data]
    names, skipped = None, data[0][0]
    remark = split(remarks[-1][1].lstrip("#% "), separator, quoted=quoted) if remarks else []
    if header is not False and len(remark) == len(rows[0]) > 1:
        names = tuple(remark)
    elif header or (header is None and _is_header(rows, columns)):
        names, skipped = tuple(rows[0]), data[0][0] + 1
    width = len(rows[0])
    if width > MOST_COLUMNS:
        msg = f"{file.where} has {width:,} columns, an edge list at most {MOST_COLUMNS:,}; is it a matrix?"
        raise InputError(msg)
    chosen = choose_columns(file.where, names, width, columns)
    if separator == " " and width == 3 - (chosen.weight is None):
        # further lines may be aligned; a single space helps only to count columns that are not read
        separator = None
    line_bytes = max(len(line) for _, line in data) + 1
    return Dialect(separator, quoted, skipped, width, names, chosen, line_bytes)


def _separator(first: str, lines: list[str], name: str) -> str | None:
    if "\t" in first:
        return "\t"
    for mark in (",", ";"):
        if mark in first and (
            ".csv" in name.lower() or not re.search(r"\S\s+\S", first.replace(f"{mark} ", mark))
        ):
            return mark
    return None if any(re.search(r"^\s|\s\s|\s$", line) for line in lines) else " "


def _is_header(rows: list[list[str]], columns: Sequence[Column] | None) -> bool:
    head = rows[0]
    if columns and any(isinstance(column, str) and column in head for column in columns):
        return True
    if looks_like_header(head):
        return True
    # a gene may be called 7, so only what cannot be a gene is looked at
    places = set(range(2, len(head)))
    if columns and all(isinstance(column, int) for column in columns):
        chosen = [int(column) - 1 for column in columns]
        places = set(range(len(head))) - set(chosen[:2])
    following = rows[1] if len(rows) > 1 else []
    if {*head[:2]} & {name for row in rows[1:] for name in row[:2]}:
        # a gene again in the next lines: the first is an edge, and what it says instead of a weight is wrong
        return False
    return any(
        k < min(len(head), len(following)) and is_heading(head[k]) and is_number(following[k]) for k in places
    )


def is_number(text: str) -> bool:
    """Tell whether a text is a number."""
    try:
        float(text)
    except ValueError:
        return False
    # Python's 1_000, which the parser does not know
    return "_" not in text


def is_heading(text: str) -> bool:
    """Tell whether a text can name a column of weights, rather than be a weight gone wrong.

    Examples
    --------
    >>> is_heading("score"), is_heading("NA"), is_heading("0,5"), is_heading("")
    (True, False, False, False)
    """
    return text[:1].isalpha() and text.lower() not in ("na", "nan", "none", "null", "inf", "infinity")


class EdgeList:
    """An edge list in text; yields chunks of gene codes, numbered as the names appear."""

    def __init__(self, file: InputFile, dialect: Dialect, memory_limit: int) -> None:
        self.file, self.dialect = file, dialect
        most = memory_limit // (PARSER_FACTOR * dialect.line_bytes)
        self.lines_at_once = max(FEWEST_LINES, min(MOST_LINES, most))
        self.code: dict[str, int] = {}

    def chunks(self) -> Iterator[Chunk]:
        """Parse the file."""
        import pandas as pd

        # a name seen in an earlier, abandoned reading must not stay
        self.code.clear()
        rows = 0
        try:
            with self.file.stream() as stream:
                stream.counted = self._counted
                for frame in self._frames(stream):
                    rows += len(frame)
                    yield (*self._encode(frame), stream.share)
                count = stream.count
        except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError, ValueError) as error:
            if isinstance(error, InputError):
                raise
            if isinstance(error, pd.errors.EmptyDataError):
                return
            explain_lines(self.file, self.dialect)
            msg = f"{self.file.where} cannot be parsed: {error}"
            raise InputError(msg) from error
        # the parser leaves out columns that were not chosen without looking how many there are
        if self._counted and count != (self.dialect.width - 1) * rows + self._separators_before:
            explain_lines(self.file, self.dialect)

    @property
    def _chosen(self) -> list[int]:
        columns = self.dialect.columns
        chosen = [columns.first, columns.second, *([] if columns.weight is None else [columns.weight])]
        # the last column too: where it is missing the line is short
        return sorted({*chosen, self.dialect.width - 1})

    @property
    def _counted(self) -> bytes | None:
        separator = self.dialect.separator
        return separator.encode() if separator and len(self._chosen) < self.dialect.width else None

    @property
    def _separators_before(self) -> int:
        assert self.dialect.separator is not None
        return sum(
            line.count(self.dialect.separator) for line in islice(self.file.lines(), self.dialect.skipped)
        )

    def _frames(self, stream: Stream) -> Iterator[Any]:
        import pandas as pd

        dialect, columns = self.dialect, self.dialect.columns
        # not "category": since pandas 3 its categories may be numbers, and gene "007" would be 7
        dtypes: dict[int, str] = dict.fromkeys(range(dialect.width), "object")
        if columns.weight is not None:
            dtypes[columns.weight] = "float64"
        reader: Any = pd.read_csv(
            _Bytes(stream),  # type: ignore[call-overload]
            sep=dialect.separator or r"\s+",
            header=None,
            names=list(range(dialect.width)),
            # without it the parser itself refuses a line that is too long
            usecols=self._chosen if self._counted else None,
            dtype=dtypes,
            skiprows=dialect.skipped,
            chunksize=self.lines_at_once,
            engine="c",
            # "NA" and "nan" are names too
            na_filter=False,
            quoting=csv.QUOTE_MINIMAL if dialect.quoted else csv.QUOTE_NONE,
            low_memory=False,
            encoding="utf-8",
        )
        with reader:
            yield from reader

    def _encode(self, frame: Any) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.float64]]:
        import pandas as pd

        columns, width = self.dialect.columns, self.dialect.width
        ends = []
        for place in (columns.first, columns.second):
            places, names = pd.factorize(frame[place].to_numpy())
            code = self.code
            codes = np.array([code.setdefault(name.strip(), len(code)) for name in names], dtype=np.uint32)
            ends.append(codes[places])
        last = width - 1
        short = last not in (columns.first, columns.second, columns.weight) and (frame[last] == "").any()
        if "" in self.code or short:
            explain_lines(self.file, self.dialect)
        if columns.weight is None:
            return ends[0], ends[1], np.ones(len(frame))
        return ends[0], ends[1], frame[columns.weight].to_numpy(np.float64)

    def labels(self) -> Labels:
        """Return the names, sorted, so that the order of the lines does not matter."""
        genes = np.array(sorted(self.code), dtype=object)
        row_of_code = np.empty(len(genes), dtype=np.int64)
        row_of_code[[self.code[gene] for gene in genes]] = np.arange(len(genes))
        return Labels(genes, row_of_code)


class _Bytes:
    """What the C parser needs of a file; a real binary file would be decoded and encoded again on its way."""

    def __init__(self, stream: Stream) -> None:
        self.read = stream.read

    def __iter__(self) -> Iterator[bytes]:
        raise NotImplementedError


def read_edges(
    file: InputFile, *, header: bool | None, columns: Sequence[Column] | None, memory_limit: int
) -> Entries:
    """Return the entries of an edge list in text."""
    dialect = sniff(file, header=header, columns=columns)
    edges = EdgeList(file, dialect, memory_limit)
    biogrid = dialect.names is not None and dialect.names[0] == "BioGRID Interaction ID"
    names = dialect.names or tuple(str(k + 1) for k in range(dialect.width))
    chosen = dialect.columns
    used = [names[k] for k in (chosen.first, chosen.second, chosen.weight) if k is not None]
    return Entries(
        where=file.where,
        reader="BioGRID TAB3" if biogrid else "edge list",
        kind=chosen.kind,
        chunks=edges.chunks,
        labels=edges.labels,
        is_list=True,
        locate=lambda kind, first, genes: locate(file, dialect, kind, first, genes),
        details={"header": dialect.names is not None, "columns": used},
    )
