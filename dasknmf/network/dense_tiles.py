"""The tiles of a dense store: one Zarr array, one chunk a tile of the upper triangle."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from dasknmf.network.chunks import PlainChunks, plain_chunks
from dasknmf.network.decode import decode

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
        self.storage = np.dtype(network.header.dtype)

    @cached_property
    def weights(self) -> NDArray[np.int64]:
        """Bytes of each tile in memory, whatever the storage: the plan of a sweep depends on the grid alone."""
        sides = np.array([b - a for a, b in map(self.grid.bounds, range(self.grid.panels))], dtype=np.int64)
        return (np.outer(sides, sides) * 4)[np.triu_indices(self.grid.panels)]

    def row(self, i: int, first: int, last: int) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Yield (j, tile (i, j)) for first ≤ j < last."""
        for j in range(first, last):
            stored = self.stored(i, j)
            self.checks.once(i, j, stored)
            yield j, self._weights(*stored)

    def stored(self, i: int, j: int) -> tuple[NDArray[Any], ...]:
        """Return tile (i, j) as stored: its weights, or its codes and their scale, shape (1,)."""
        found = self._read(i, j)
        values = np.zeros(self.grid.shape(i, j), dtype=self.storage) if found is None else found
        t = self.grid.index(i, j)
        stored = (values,) if self.storage == np.float32 else (values, self.network.tile_scale[t : t + 1])
        if found is None:
            # never written, as a tile of zeros is, or lost while the network is in use
            self.checks.check(i, j, stored)
        return stored

    def _weights(self, values: NDArray[Any], scale: NDArray[np.float32] | None = None) -> NDArray[np.float32]:
        return values if scale is None else decode(values, scale[0])

    @cached_property
    def _plain_chunks(self) -> PlainChunks | None:
        options, side = self.network.storage_options, min(self.grid.tile, self.grid.n)
        return plain_chunks(self.network.location, "tiles", self.storage, side, storage_options=options)

    def _read(self, i: int, j: int) -> NDArray[Any] | None:
        if self._plain_chunks is not None:
            return self._plain_chunks.read(i, j, *self.grid.shape(i, j))
        return self.network.read("tiles", *(slice(*self.grid.bounds(k)) for k in (i, j)))
