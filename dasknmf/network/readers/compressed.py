"""Rows of a compressed sparse matrix (CSR, CSC) as entries, block by block."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from dasknmf.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from dasknmf.network.source import Chunk

#: Entries read at once: 4 MiB of float64, enough to hide the cost of a call.
BLOCK = 2**19


def read_compressed(
    where: str,
    pointer: NDArray[Any],
    take: Callable[[int, int], tuple[NDArray[Any], NDArray[Any]]],
    *,
    count: int,
    n: int,
    by_column: bool,
) -> Iterator[Chunk]:
    """Yield the entries of a compressed matrix.

    Parameters
    ----------
    where : str
        The source in messages.
    pointer : ndarray of int, shape (n + 1,)
        Row k holds the entries [pointer[k], pointer[k + 1]).
    take : callable
        ``take(start, stop)`` returns indices and values of the entries [start, stop); asked for in order.
    count : int
        Entries.
    n : int
        Rows.
    by_column : bool
        Whether columns are compressed (CSC) rather than rows.

    Raises
    ------
    InputError
        If pointers or indices do not fit.
    """
    pointer = np.asarray(pointer, dtype=np.int64)
    if len(pointer) != n + 1 or pointer[0] != 0 or pointer[-1] != count or (np.diff(pointer) < 0).any():
        msg = f"{where} is damaged: its row pointers do not fit its {count:,} entries; write the matrix again"
        raise InputError(msg)
    for start in range(0, count, BLOCK):
        stop = min(count, start + BLOCK)
        indices, values = take(start, stop)
        if len(indices) != stop - start or len(values) != stop - start or indices.dtype.kind not in "iu":
            msg = f"{where} is damaged: its indices do not fit its {count:,} entries; write the matrix again"
            raise InputError(msg)
        if indices.min() < 0 or indices.max() >= n:
            msg = f"{where} is damaged: an index is outside the {n:,}×{n:,} matrix; write the matrix again"
            raise InputError(msg)
        a, b = np.searchsorted(pointer, (start, stop - 1), side="right") - 1
        ends = np.clip(pointer[a : b + 2], start, stop)
        rows = np.repeat(np.arange(a, b + 1), np.diff(ends))
        row, column = (indices, rows) if by_column else (rows, indices)
        yield row, column, np.asarray(values, dtype=np.float64), stop / count
