"""Checksums of tiles and of a whole network."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dasknmf.network.tiles import Grid


def tile_checksum(arrays: tuple[NDArray[Any], ...]) -> int:
    """Return the first 8 bytes of the SHA-256 of a tile's arrays, little-endian, as an unsigned integer."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.ascontiguousarray(array).data)
    return int.from_bytes(digest.digest()[:8], "little")


def network_checksum(genes: NDArray[np.object_], grid: Grid, tiles: NDArray[np.uint64]) -> str:
    """Return the checksum of a whole network: gene names, tile size and every tile."""
    digest = hashlib.sha256(f"{grid.n} {grid.tile}\n".encode())
    digest.update("\n".join(genes.tolist()).encode())
    digest.update(np.ascontiguousarray(tiles, dtype="<u8").data)
    return f"sha256:{digest.hexdigest()}"
