"""What a mutated input says, by other programs than ours: what our reader makes of it must be among these."""

from __future__ import annotations

import csv
import gzip
import io
import math
from typing import Any

import numpy as np
import scipy.sparse as sp

#: Genes in order, and weights by pair of names, in float32.
Answer = tuple[tuple[str, ...], dict[tuple[str, str], float]]


def plain(data: bytes, name: str) -> bytes:
    """Return the bytes of a compressed text; an error of the library if there are none."""
    if name.endswith(".gz"):
        return gzip.decompress(data)
    if name.endswith(".zst"):
        import zstandard

        return (
            zstandard.ZstdDecompressor().stream_reader(io.BytesIO(data), read_across_frames=True).read(2**24)
        )
    return data


def edge_lists(data: bytes, *, columns: tuple[str, ...] | None = None, merge: str = "error") -> list[Answer]:
    """Return every network that lines of genes and weights may be, with any separator, with a header and without."""
    # bytes that are no text may stand where nobody looks, in a header or a remark
    text = data.decode("utf-8-sig", errors="surrogateescape")
    lines = [line for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n") if line.strip()]
    remark = ""
    while lines and lines[0][0] in "#%":
        remark, lines = lines[0].lstrip("#% "), lines[1:]
    # the last remark may name the columns
    return [*_answers(lines, columns, merge), *_answers([remark, *lines], columns, merge)]


def _answers(lines: list[str], columns: tuple[str, ...] | None, merge: str) -> list[Answer]:
    found = []
    for separator in ("\t", ",", ";", " ", None):
        for quoted in (False, True) if separator else (False,):
            try:
                rows = [
                    next(csv.reader([line], delimiter=separator), [])
                    if quoted and separator
                    else line.split(separator)
                    for line in lines
                ]
            except csv.Error:
                continue
            for header in (False, True):
                answer = _network(rows, header=header, columns=columns, merge=merge)
                if answer is not None:
                    found.append(answer)
    return found


def _network(
    rows: list[list[str]], *, header: bool, columns: tuple[str, ...] | None, merge: str
) -> Answer | None:
    if not rows or len({len(row) for row in rows}) > 1:
        return None
    places = [0, 1, 2][: len(rows[0])]
    if columns is not None and header and set(columns) <= set(rows[0]):
        places = [rows[0].index(column) for column in columns]
    elif len(rows[0]) not in (2, 3):
        return None
    weights: dict[tuple[str, str], float] = {}
    genes = set()
    for row in rows[1:] if header else rows:
        one, other, *rest = (row[place] for place in places)
        one, other = one.strip(), other.strip()
        try:
            weight = float(rest[0]) if rest else 1.0
        except ValueError:
            return None
        if not one or not other or not math.isfinite(weight) or weight < 0 or (rest and "_" in rest[0]):
            return None
        if (one, other) in weights and merge == "error":
            return None
        weights[one, other] = max(weight, weights.get((one, other), 0.0))
        if any(0xDC80 <= ord(letter) <= 0xDCFF for letter in one + other):
            return None
        genes |= {one, other}
    merged: dict[tuple[str, str], float] = {}
    for (one, other), weight in weights.items():
        across = weights.get((other, one), weight)
        if abs(weight - across) > 1e-6 * max(weight, across):
            return None
        if max(weight, across) > 0:
            merged[min(one, other), max(one, other)] = float(np.float32(max(weight, across)))
    return (tuple(sorted(genes)), merged) if merged else None


def answer_of(matrix: Any, genes: list[str]) -> Answer:
    """Return a symmetric matrix as genes and weights."""
    coo = sp.coo_array(sp.triu(sp.coo_array(matrix)))
    weights = {
        (min(genes[i], genes[j]), max(genes[i], genes[j])): float(w)
        for i, j, w in zip(coo.row.tolist(), coo.col.tolist(), coo.data.tolist(), strict=True)
        if w
    }
    return tuple(genes), weights


def same(one: Answer, other: Answer) -> bool:
    """Tell whether two networks are the same, but for rounding of their weights."""
    if one[0] != other[0] or set(one[1]) != set(other[1]):
        return False
    return all(math.isclose(weight, other[1][pair], rel_tol=3e-7) for pair, weight in one[1].items())


def tables(data: bytes) -> list[tuple[list[str], list[list[float]]]]:
    """Return names and values of a table with tabs, with a corner in its first line and without."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return []
    try:
        rows = [
            row
            for row in csv.reader(io.StringIO(text, newline=""), delimiter="\t")
            if any(map(str.strip, row))
        ]
        names = [row[0] for row in rows[1:]]
        values = [[float(cell) for cell in row[1:]] for row in rows[1:]]
    except (csv.Error, ValueError, IndexError):
        return []
    if len({len(row) for row in values}) != 1 or not np.isfinite(values).all():
        return []
    return [(names, values)]


def gene_sets(data: bytes) -> dict[str, list[str]] | None:
    """Return the sets of a GMT file."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
    found: dict[str, list[str]] = {}
    for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        fields = [field.strip() for field in line.split("\t")]
        while fields and not fields[-1]:
            fields.pop()
        if not fields:
            continue
        if len(fields) < 3 or "" in (fields[0], *fields[2:]) or fields[0] in found:
            return None
        found[fields[0]] = list(dict.fromkeys(fields[2:]))
    return found or None
