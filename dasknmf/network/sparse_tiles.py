"""The tiles of a sparse store: arrays of local row, local column and weight, sorted by tile."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dasknmf.network.sparse_tile import SparseTile

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from dasknmf.network.checksum import TileChecks
    from dasknmf.network.store import Network

_ARRAYS = ("row", "column", "weight")


class SparseTiles:
    """Reads the tiles of a sparse network, each a :class:`SparseTile` of float32.

    Parameters
    ----------
    network : Network
        The open store.
    checks : TileChecks
        Compares a tile with its checksum when it is first read.
    """

    def __init__(self, network: Network, checks: TileChecks) -> None:
        self.network, self.grid, self.checks = network, network.grid, checks

    @property
    def weights(self) -> NDArray[np.int64]:
        """Bytes of each tile, shape (n_tiles,)."""
        return np.diff(self.network.tile_offset) * 8

    def row(self, i: int, first: int, last: int) -> Iterator[tuple[int, SparseTile]]:
        """Yield (j, tile (i, j)) for first ≤ j < last, without tiles that hold nothing."""
        offset = self.network.tile_offset
        t0, t1 = self.grid.index(i, first), self.grid.index(i, last - 1) + 1
        span = slice(int(offset[t0]), int(offset[t1]))
        row, column, weight = (self.network.read(name, span) for name in _ARRAYS)
        for t in range(t0, t1):
            part = slice(int(offset[t]) - span.start, int(offset[t + 1]) - span.start)
            if part.start < part.stop:
                j = first + t - t0
                self.checks.once(i, j, (row[part], column[part], weight[part]))
                shape = self.grid.shape(i, j)
                yield j, SparseTile.of_entries(shape, row[part], column[part], weight[part])

    def stored(self, i: int, j: int) -> tuple[NDArray[np.generic], ...]:
        """Return row, column and weight of tile (i, j) as stored."""
        t = self.grid.index(i, j)
        span = slice(int(self.network.tile_offset[t]), int(self.network.tile_offset[t + 1]))
        return tuple(self.network.read(name, span) for name in _ARRAYS)
