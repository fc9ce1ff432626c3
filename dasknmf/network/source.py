"""What a reader gives: entries one chunk after the other, or a matrix to be read anywhere."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy as np
    from numpy.typing import NDArray

    from dasknmf.network.policies import Offender, Problem

#: Row codes, column codes and weights of some entries, and the share of the source read so far (0 to 1).
Chunk = tuple["NDArray[Any]", "NDArray[Any]", "NDArray[np.float64]", float]


@dataclass
class Labels:
    """Gene names in the order of the rows, and the row of each code the chunks used (``None``: the code)."""

    genes: NDArray[np.object_]
    row_of_code: NDArray[np.int64] | None = None


@dataclass
class Entries:
    """A source of single entries: an edge list or a sparse matrix.

    Parameters
    ----------
    where : str
        Its name in messages.
    reader : str
        Which reader, for the provenance.
    kind : str
        What the weights are.
    chunks : callable
        Starts reading and yields chunks, each once.
    labels : callable
        Returns the gene names; called after the last chunk.
    is_list : bool
        A pair that is given in one direction only says nothing of the other. In a matrix the other is zero,
        unless all entries lie on one side of the diagonal.
    locate : callable, optional
        Returns the first offenders of a kind of problem as text, with their lines.
    details : dict
        More for the provenance.
    """

    where: str
    reader: str
    kind: str
    chunks: Callable[[], Iterator[Chunk]]
    labels: Callable[[], Labels]
    is_list: bool = False
    locate: Callable[[Problem, list[Offender], NDArray[np.object_]], list[str]] | None = None
    details: dict[str, Any] = field(default_factory=dict)


@dataclass
class Matrix:
    """A source whose rectangles can be read in any order, from several threads.

    Parameters
    ----------
    where, reader, kind, details
        As in :class:`Entries`.
    n : int
        Rows, and columns.
    genes : ndarray of str, optional
        Names that the source itself has.
    read : callable
        ``read(rows, columns)`` of two slices returns the numbers as an array.
    """

    where: str
    reader: str
    kind: str
    n: int
    genes: NDArray[np.object_] | None
    read: Callable[[slice, slice], NDArray[Any]]
    details: dict[str, Any] = field(default_factory=dict)


def describe(found: Offender, genes: NDArray[np.object_], *, in_list: bool = False) -> str:
    """Return the text for an offender; rows and columns of a matrix count from 1, as people do.

    Examples
    --------
    >>> import numpy as np
    >>> from dasknmf.network.policies import Offender
    >>> genes = np.array(["TP53", "MDM2", "EGFR"], dtype=object)
    >>> describe(Offender(0, 2, 0.5, across=0.25), genes)
    "row 1 ('TP53'), column 3 ('EGFR'): 0.5, but 0.25 across"
    """
    i, j, weight, across = found
    place = (
        f"'{genes[i]}' and '{genes[j]}'"
        if in_list
        else f"row {i + 1} ('{genes[i]}'), column {j + 1} ('{genes[j]}')"
    )
    return f"{place}: {weight:g}" + ("" if across is None else f", but {across:g} across")
