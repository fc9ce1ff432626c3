"""Checksums of tiles and of a whole network."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np

from dasknmf.errors import FormatError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dasknmf.network.tiles import Grid


def tile_checksum(arrays: tuple[NDArray[Any], ...]) -> int:
    """Return the first 8 bytes of the SHA-256 of a tile's arrays, little-endian, as an unsigned integer."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.ascontiguousarray(array).data)
    return int.from_bytes(digest.digest()[:8], "little")


#: The checksum of a tile without an entry, and of one that its writer left out.
NOTHING = tile_checksum(())


class TileChecks:
    """Compares tiles with their checksums, in tasks once a tile: 16 MiB take 10 ms, more than to read them.

    Parameters
    ----------
    where : str
        The store, for messages.
    grid : Grid
        The tiles.
    expected : ndarray, shape (n_tiles,)
        Their checksums.
    """

    def __init__(self, where: str, grid: Grid, expected: NDArray[np.uint64]) -> None:
        self.where, self.grid, self.expected = where, grid, expected
        # one byte a tile: threads that check a tile at the same time write the same
        self._done = bytearray(grid.n_tiles)

    def once(self, i: int, j: int, arrays: tuple[NDArray[Any], ...]) -> None:
        """Compare tile (i, j) if it never was before."""
        t = self.grid.index(i, j)
        if not self._done[t]:
            self.check(i, j, arrays)
            self._done[t] = True

    def check(self, i: int, j: int, arrays: tuple[NDArray[Any], ...]) -> None:
        """Compare the arrays of tile (i, j) with its checksum.

        Raises
        ------
        FormatError
            If they differ.
        """
        expected = int(self.expected[self.grid.index(i, j)])
        # a dense tile that its writer left out is read as zeros
        left_out = expected == NOTHING and not any(array.any() for array in arrays)
        if not left_out and tile_checksum(arrays) != expected:
            msg = (
                f"{self.where}: tile ({i}, {j}) differs from its checksum (a chunk was changed or lost); "
                "import the network again"
            )
            raise FormatError(msg)


def network_checksum(genes: NDArray[np.object_], grid: Grid, tiles: NDArray[np.uint64]) -> str:
    """Return the checksum of a whole network: gene names, tile size and every tile."""
    digest = hashlib.sha256(f"{grid.n} {grid.tile}\n".encode())
    digest.update("\n".join(genes.tolist()).encode())
    digest.update(np.ascontiguousarray(tiles, dtype="<u8").data)
    return f"sha256:{digest.hexdigest()}"
