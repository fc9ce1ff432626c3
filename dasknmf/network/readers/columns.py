"""Which columns of an edge list hold the two genes and the weight."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dasknmf.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

#: A column, by its name in the header or its number, counted from 1.
Column = str | int

#: Databases whose columns are known: (two genes, weight or None).
_KNOWN: tuple[tuple[str, str, str | None], ...] = (
    ("protein1", "protein2", "combined_score"),  # STRING links, also the detailed and full files
    ("Official Symbol Interactor A", "Official Symbol Interactor B", None),  # BioGRID TAB3
)

# first fields that are names of columns rather than of genes, for lists without weights
_GENE_COLUMN = re.compile(
    r"(official[ _])?(gene|protein|node|source|target|from|to|symbol|interactor|regulator|tf|id|name)s?"
    r"([ _.]?(symbol|name|id|interactor))*([ _.]?([ab]|\d))?",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Columns:
    """Places of the two genes and of the weight, from 0; ``kind`` is what the weights are called."""

    first: int
    second: int
    weight: int | None
    kind: str


def looks_like_header(fields: Sequence[str]) -> bool:
    """Tell whether the first two fields are names of columns.

    Examples
    --------
    >>> looks_like_header(["gene1", "gene2"]), looks_like_header(["TP53", "MDM2"])
    (True, False)
    """
    return all(_GENE_COLUMN.fullmatch(field.strip()) for field in fields[:2])


def choose_columns(
    where: str, names: Sequence[str] | None, width: int, columns: Sequence[Column] | None
) -> Columns:
    """Find the columns of the two genes and the weight.

    Parameters
    ----------
    where : str
        The source in messages.
    names : sequence of str or None
        The header, if there is one.
    width : int
        Number of columns.
    columns : sequence of 2 or 3 names or numbers, optional
        What the user chose.

    Raises
    ------
    InputError
        If they cannot be found; the message lists the columns.
    """
    if columns is not None:
        if isinstance(columns, str) or len(columns) not in (2, 3):
            msg = (
                f"columns={columns!r}: needs two genes and, if there is one, the weight: "
                '--columns gene1,gene2,weight or columns=("gene1", "gene2", "weight")'
            )
            raise InputError(msg)
        places = [_place(where, names, width, column) for column in columns]
        if len(set(places)) < len(places):
            msg = f"{where}: columns={tuple(columns)!r} names a column twice; choose different columns"
            raise InputError(msg)
        return _made(names, *places)
    for first, second, weight in _KNOWN if names else ():
        assert names is not None
        if first in names and second in names and (weight is None or weight in names):
            return _made(names, *(names.index(name) for name in (first, second, weight) if name))
    if width in (2, 3):
        return _made(names, *range(width))
    msg = (
        f"{where} has {width} column{'s' * (width != 1)} ({_listed(names, width)}); needs two genes and, "
        "if there is one, a weight; say which: --columns 1,2,3 or columns=(1, 2, 3), by number or by name"
    )
    raise InputError(msg)


def _made(names: Sequence[str] | None, first: int, second: int, weight: int | None = None) -> Columns:
    if weight is None:
        return Columns(first, second, None, "unweighted")
    return Columns(first, second, weight, names[weight] if names else "weight")


def _place(where: str, names: Sequence[str] | None, width: int, column: Column) -> int:
    if isinstance(column, str) and names and column in names:
        return list(names).index(column)
    number = int(column) if isinstance(column, int) or column.strip().isdigit() else 0
    if 1 <= number <= width:
        return number - 1
    what = f"columns 1 to {width}" if names is None else _listed(names, width)
    msg = f"{where} has no column {column!r}; it has {what}; choose with --columns 1,2,3 or columns=(1, 2, 3)"
    if names is None and isinstance(column, str):
        msg += ", or force a header: --header, header=True"
    raise InputError(msg)


def _listed(names: Sequence[str] | None, width: int) -> str:
    if names is None:
        return f"no header, columns 1 to {width}"
    shown = ", ".join(f"{k} {name}" for k, name in enumerate(names[:12], start=1))
    return shown + (f", … {width} in all" if width > 12 else "")
