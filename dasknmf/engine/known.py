"""A tile of A beside what is known of it: the weights Ω of its entries.

An entry of weight 1 counts as it is, one of weight 0 is missing. Sparse weights say nothing of most pairs, and all of
those have one weight: 1 where the sparse matrix marks what is missing, 0 where it holds the weights there are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp

from dasknmf.errors import InputError
from dasknmf.network.sparse_tile import SparseTile

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

    from dasknmf.engine.kernels import Tile

#: Weights of pairs of genes, given their numbers: shapes (rows,) and (columns,) in, (rows, columns) out.
Function = Callable[["NDArray[np.int64]", "NDArray[np.int64]"], Any]


@dataclass(frozen=True, eq=False)
class SparseKnown:
    """Pairs of a tile, in compressed rows, with the value and the weight of each; see :class:`SparseTile`.

    All other pairs are zero and have the weight ``absent``.
    """

    shape: tuple[int, int]
    pointer: NDArray[np.uint32]
    column: NDArray[np.uint16]
    value: NDArray[np.floating[Any]]
    weight: NDArray[np.floating[Any]]
    absent: float

    @property
    def nbytes(self) -> int:
        """Bytes in memory."""
        return self.pointer.nbytes + self.column.nbytes + self.value.nbytes + self.weight.nbytes

    def known(self) -> SparseTile:
        """Return the tile of A with unknown entries as zero."""
        value = np.where(self.weight > 0, self.value, 0).astype(self.value.dtype)
        return SparseTile(self.shape, self.pointer, self.column, value)


@dataclass(frozen=True, eq=False)
class DenseKnown:
    """A tile of A, dense, sparse or None for zeros, with a weight for every entry.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns.
    tile : ndarray, SparseTile or None
        Of A.
    weight : ndarray, SparseTile, None or callable
        Of Ω; a function takes rows and columns as numbers of genes, None is a sparse tile that holds nothing.
    genes : tuple of int
        The first gene of the rows and of the columns.
    missing : bool
        Non-zero entries of ``weight`` mark what has weight 0, and all else has weight 1.
    diagonal : bool
        Tile (i, i).
    counts : bool
        Whether the diagonal of A does.
    """

    shape: tuple[int, int]
    tile: Tile | None
    weight: Any
    genes: tuple[int, int]
    missing: bool
    diagonal: bool
    counts: bool

    @property
    def nbytes(self) -> int:
        """Bytes in memory; sparse parts are kept with what rows are made dense from, some three times their size."""
        return sum(
            int(getattr(part, "nbytes", 0)) * (4 if isinstance(part, SparseTile) else 1)
            for part in (self.tile, self.weight)
        )

    def strip(self, rows: slice, dtype: DTypeLike) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return some rows of A and of Ω, each in one piece, shape (rows, columns)."""
        A = np.ascontiguousarray(self._values[rows], dtype=dtype)
        return A, self._weights(rows, dtype)

    @cached_property
    def _values(self) -> Any:
        return _sliceable(self.tile, self.shape, diagonal=self.diagonal)

    @cached_property
    def _marks(self) -> Any:
        return _sliceable(self.weight, self.shape, diagonal=self.diagonal)

    def _weights(self, rows: slice, dtype: DTypeLike) -> NDArray[Any]:
        given = self._called(rows) if callable(self.weight) else np.asarray(self._marks[rows])
        made = np.ascontiguousarray(given == 0 if self.missing else given, dtype=dtype)
        if self.diagonal and not self.counts:
            # what is stored must stay as it is
            made = np.array(made)
            own = np.arange(rows.start, rows.stop)
            made[own - rows.start, own] = 0
        return made

    def _called(self, rows: slice) -> NDArray[Any]:
        first, other = self.genes
        I, J = np.arange(first + rows.start, first + rows.stop), np.arange(other, other + self.shape[1])  # noqa: E741
        return called(self.weight, I, J)

    def known(self) -> Tile | None:
        """Return the tile of A with unknown entries as zero."""
        if isinstance(self.tile, np.ndarray):
            return np.where(self._weights(slice(0, self.shape[0]), np.float32) > 0, self.tile, 0)
        if self.tile is None:
            return None
        weight = self.tile.weight.copy()
        step = max(1, STRIP // self.shape[1])
        for top in range(0, self.shape[0], step):
            rows = slice(top, min(top + step, self.shape[0]))
            own = slice(int(self.tile.pointer[rows.start]), int(self.tile.pointer[rows.stop]))
            row = rows_of(self.tile.pointer[rows.start : rows.stop + 1])
            weight[own] *= self._weights(rows, np.float32)[row, self.tile.column[own]] > 0
        return SparseTile(self.shape, self.tile.pointer, self.tile.column, weight)


#: Entries of a strip of weights: 1 MiB of float32 stays in cache.
STRIP = 2**18


def called(function: Function, rows: NDArray[np.int64], columns: NDArray[np.int64]) -> NDArray[Any]:
    """Return the weights of a function, as floats.

    Raises
    ------
    InputError
        If they are no numbers, or of another shape.
    """
    made = np.asarray(function(rows, columns))
    if made.shape != (len(rows), len(columns)) or made.dtype.kind not in "fiub":
        msg = (
            f"weights: the function returned {made.dtype} of shape {made.shape} for {len(rows)} rows and "
            f"{len(columns)} columns; needs numbers of shape ({len(rows)}, {len(columns)}), such as "
            "lambda rows, columns: W[np.ix_(rows, columns)]"
        )
        raise InputError(msg)
    return made if made.dtype.kind == "f" else made.astype(np.float32)


def _sliceable(tile: Tile | None, shape: tuple[int, int], *, diagonal: bool) -> Any:
    """Return something of which a slice of rows is an array, whole also where only row ≤ column is kept."""
    if tile is None:
        return np.broadcast_to(np.zeros(1, np.float32), shape)
    if isinstance(tile, SparseTile):
        entries = sp.csr_array((tile.weight, tile.column, tile.pointer), shape=tile.shape)
        return _Rows(entries + sp.triu(entries, k=1).T if diagonal else entries)
    return tile


@dataclass(frozen=True, eq=False)
class _Rows:
    """Rows of a sparse matrix, dense where they are taken."""

    entries: Any

    def __getitem__(self, rows: slice) -> NDArray[Any]:
        return np.asarray(sp.csr_array(self.entries)[rows].toarray())


def rows_of(pointer: NDArray[np.uint32]) -> NDArray[np.int64]:
    """Return the row of each entry of compressed rows."""
    ends = pointer.astype(np.int64)
    return np.repeat(np.arange(len(ends) - 1), ends[1:] - ends[:-1])
