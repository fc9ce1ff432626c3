"""The tiles of a dense store: one Zarr array, one chunk a tile of the upper triangle."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from dasknmf.network.chunks import PlainChunks, plain_chunks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from dasknmf.network.checksum import TileChecks
    from dasknmf.network.store import Network


class DenseTiles:
    """Reads the tiles of a dense network, each a float32 array; diagonal tiles are whole.

    Parameters
    ----------
    network : Network
        The open store.
    checks : TileChecks
        Compares a tile with its checksum when it is first read.
    """

    def __init__(self, network: Network, checks: TileChecks) -> None:
        self.network, self.grid, self.checks = network, network.grid, checks

    @cached_property
    def weights(self) -> NDArray[np.int64]:
        """Bytes of each tile, shape (n_tiles,)."""
        sides = np.array([b - a for a, b in map(self.grid.bounds, range(self.grid.panels))], dtype=np.int64)
        return (np.outer(sides, sides) * 4)[np.triu_indices(self.grid.panels)]

    def row(self, i: int, first: int, last: int) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Yield (j, tile (i, j)) for first ≤ j < last."""
        for j in range(first, last):
            tile = self._read(i, j)
            self.checks.once(i, j, (tile,))
            yield j, tile

    def stored(self, i: int, j: int) -> tuple[NDArray[np.float32]]:
        """Return tile (i, j) as stored."""
        return (self._read(i, j),)

    @cached_property
    def _plain_chunks(self) -> PlainChunks | None:
        return plain_chunks(self.network.location, "tiles")

    def _read(self, i: int, j: int) -> NDArray[np.float32]:
        (a, b), (c, d) = self.grid.bounds(i), self.grid.bounds(j)
        if self._plain_chunks is None:
            return self.network.read("tiles", slice(a, b), slice(c, d))
        tile = self._plain_chunks.read(i, j, b - a, d - c)
        if tile is None:
            tile = np.zeros((b - a, d - c), dtype=np.float32)
            # never written, as a tile of zeros is, or lost while the network is in use
            self.checks.check(i, j, (tile,))
        return tile
