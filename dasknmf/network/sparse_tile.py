"""One tile of a sparse network in memory: compressed rows, with indices as small as a tile allows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class SparseTile:
    """Entries of a tile in compressed rows; of a diagonal tile, only those with row ≤ column.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns.
    pointer : ndarray of uint32, shape (rows + 1,)
        Row r holds the entries [pointer[r], pointer[r + 1]).
    column : ndarray of uint16, shape (entries,)
        Local columns, no column twice in a row.
    weight : ndarray of float32 or float64, shape (entries,)
        Weights.
    """

    shape: tuple[int, int]
    pointer: NDArray[np.uint32]
    column: NDArray[np.uint16]
    weight: NDArray[np.floating[Any]]

    @classmethod
    def of_entries(
        cls,
        shape: tuple[int, int],
        row: NDArray[np.unsignedinteger[Any]],
        column: NDArray[np.uint16],
        weight: NDArray[np.floating[Any]],
    ) -> SparseTile:
        """Take entries that are sorted by row."""
        pointer = np.zeros(shape[0] + 1, dtype=np.uint32)
        np.cumsum(np.bincount(row, minlength=shape[0]), out=pointer[1:])
        return cls(shape, pointer, column, weight)

    @property
    def nbytes(self) -> int:
        """Bytes in memory."""
        return self.pointer.nbytes + self.column.nbytes + self.weight.nbytes

    @property
    def row(self) -> NDArray[np.uint16]:
        """Local row of each entry."""
        return np.repeat(np.arange(self.shape[0], dtype=np.uint16), np.diff(self.pointer))

    def toarray(self, *, diagonal: bool) -> NDArray[np.floating[Any]]:
        """Return the tile as a dense array; a diagonal one is made symmetric.

        Examples
        --------
        >>> entries = [np.array(values, dtype=np.uint16) for values in ([0, 0], [0, 1])]
        >>> tile = SparseTile.of_entries((2, 2), *entries, np.array([2, 3], dtype=np.float32))
        >>> tile.toarray(diagonal=True)
        array([[2., 3.],
               [3., 0.]], dtype=float32)
        """
        dense = np.zeros(self.shape, dtype=self.weight.dtype)
        row = self.row
        dense[row, self.column] = self.weight
        if diagonal:
            dense[self.column, row] = self.weight
        return dense
