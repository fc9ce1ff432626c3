"""The tiles of a network: an n×n matrix in squares, of which the upper triangle is kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Side of a dense tile: 2,048² float32 is 16 MiB, read in 4–6 ms and multiplied at the full speed of BLAS.
DENSE_TILE = 2048
#: Below it a tile is too small to be worth a read of its own.
SMALLEST_DENSE_TILE = 512
#: Local indices of a sparse tile are uint16.
LARGEST_SPARSE_TILE = 2**16
SMALLEST_SPARSE_TILE = 1024
#: Fewer edges a tile, and the fixed cost of a tile (some 10 µs, and as much a thousand columns to gather them) is
#: felt beside its product of 150 µs at k = 16; many more, and its columns of X are not all in the fast caches.
EDGES_PER_SPARSE_TILE = 2**16


@dataclass(frozen=True)
class Grid:
    """An n×n matrix cut into square tiles; tile (i, j) is kept for i ≤ j.

    Parameters
    ----------
    n : int
        Genes.
    tile : int
        Side of a tile, genes.

    Examples
    --------
    >>> grid = Grid(n=10, tile=4)
    >>> grid.panels, grid.bounds(2), grid.n_tiles
    (3, (8, 10), 6)
    """

    n: int
    tile: int

    @property
    def panels(self) -> int:
        """Tiles along a side."""
        return -(-self.n // self.tile)

    @property
    def n_tiles(self) -> int:
        """Tiles of the upper triangle, diagonal included."""
        return self.panels * (self.panels + 1) // 2

    def bounds(self, i: int) -> tuple[int, int]:
        """Return the first gene of tile row ``i`` and the one after its last."""
        return i * self.tile, min(self.n, (i + 1) * self.tile)

    def shape(self, i: int, j: int) -> tuple[int, int]:
        """Return the rows and columns of tile (i, j)."""
        (a, b), (c, d) = self.bounds(i), self.bounds(j)
        return b - a, d - c

    def index(self, i: int, j: int) -> int:
        """Return the place of tile (i, j), i ≤ j, in the row-by-row order of the triangle."""
        return i * self.panels - i * (i - 1) // 2 + (j - i)

    def tiles(self) -> Iterator[tuple[int, int]]:
        """Yield (i, j) of every tile, in order."""
        for i in range(self.panels):
            for j in range(i, self.panels):
                yield i, j


def dense_tile(n: int) -> int:
    """Return the side of the tiles of a dense network of ``n`` genes.

    Examples
    --------
    >>> dense_tile(3923), dense_tile(22283), dense_tile(30)
    (512, 2048, 64)
    """
    side = min(DENSE_TILE, max(SMALLEST_DENSE_TILE, -(-n // 8)))
    return _round_up(min(side, n), 64)


def sparse_tile(n: int, edges: int) -> int:
    """Return the side of the tiles of a sparse network of ``n`` genes and ``edges`` gene pairs.

    Examples
    --------
    >>> sparse_tile(16973, 410824), sparse_tile(1_000_000, 50_000_000)
    (4288, 25664)
    """
    panels = max(1, round((2 * edges / EDGES_PER_SPARSE_TILE) ** 0.5))
    panels = max(-(-n // LARGEST_SPARSE_TILE), min(panels, -(-n // SMALLEST_SPARSE_TILE)))
    return min(LARGEST_SPARSE_TILE, _round_up(-(-n // panels), 64))


def _round_up(value: int, multiple: int) -> int:
    return -(-value // multiple) * multiple
