"""The plan of a sweep, in pure integers: tiles of the upper triangle, cut into groups and row panels.

The plan depends on the matrix alone, never on how many workers there are, so the order of every sum, and so
every bit of a result, is the same on any cluster.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

MiB = 2**20

#: Side of a dense tile: 2,048² float32 is 16 MiB, read in 4–6 ms and multiplied at the full speed of BLAS.
DENSE_TILE = 2048
#: Below it a tile is too small to be worth a read of its own.
SMALLEST_DENSE_TILE = 512
#: Local indices of a sparse tile are uint16.
LARGEST_SPARSE_TILE = 2**16
SMALLEST_SPARSE_TILE = 1024
#: Fewer edges a tile, and the fixed cost of a tile (some 50 µs) outweighs its product.
EDGES_PER_SPARSE_TILE = 2**16

#: A group reads at most so much, so that a few cores share the work evenly …
LARGEST_GROUP = 64 * MiB
#: … and at least so much, so that a task costs more than its scheduling.
SMALLEST_GROUP = MiB
#: A small matrix still gives work to this many cores,
FEWEST_GROUPS = 16
#: and a huge one does not drown the scheduler in tasks.
MOST_GROUPS = 1024


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


@dataclass(frozen=True)
class Group:
    """A near-square block of tiles that one task reads: tile rows [i0, i1) × tile columns [j0, j1), i ≤ j.

    ``panels`` are the row panels it touches, ``weight`` the bytes of its tiles.
    """

    index: int
    rows: tuple[int, int]
    columns: tuple[int, int]
    panels: tuple[int, ...]
    weight: int

    def tile_rows(self) -> Iterator[tuple[int, int, int]]:
        """Yield (i, first j, last j + 1) for each tile row of the group."""
        for i in range(*self.rows):
            first = max(i, self.columns[0])
            if first < self.columns[1]:
                yield i, first, self.columns[1]


@dataclass(frozen=True)
class Plan:
    """Groups in the order of their sums, and the row panels that factors are cut into.

    Parameters
    ----------
    grid : Grid
        The tiles.
    groups : tuple of Group
        Every tile that holds anything is in exactly one group.
    cuts : tuple of int
        Row panel ``q`` holds the tile rows [cuts[q], cuts[q + 1]).
    """

    grid: Grid
    groups: tuple[Group, ...]
    cuts: tuple[int, ...]

    @property
    def n_panels(self) -> int:
        """Row panels."""
        return len(self.cuts) - 1

    @cached_property
    def panel_bounds(self) -> tuple[tuple[int, int], ...]:
        """First gene and the one after the last of each row panel."""
        return tuple(
            (self.grid.bounds(a)[0], self.grid.bounds(b - 1)[1])
            for a, b in zip(self.cuts, self.cuts[1:], strict=False)
        )

    @property
    def largest_panel(self) -> int:
        """Genes of the largest row panel."""
        return max(stop - start for start, stop in self.panel_bounds)

    @property
    def weight(self) -> int:
        """Bytes that one sweep reads."""
        return sum(group.weight for group in self.groups)

    def split(self, rows: NDArray[np.generic]) -> list[NDArray[np.generic]]:
        """Cut an array of n rows into row panels (views)."""
        return [rows[start:stop] for start, stop in self.panel_bounds]

    def place(self, i: int) -> tuple[int, slice]:
        """Return the row panel that holds tile row ``i``, and where in it."""
        q = int(np.searchsorted(self.cuts, i, side="right")) - 1
        start, stop = self.grid.bounds(i)
        offset = self.panel_bounds[q][0]
        return q, slice(start - offset, stop - offset)


def make_plan(grid: Grid, weights: NDArray[np.int64]) -> Plan:
    """Cut the triangle into groups by halving, until each is light enough or a single tile.

    Parameters
    ----------
    grid : Grid
        The tiles.
    weights : ndarray of int64, shape (n_tiles,)
        Bytes of each tile, in the order of :meth:`Grid.index`; tiles of weight 0 are not read.

    Returns
    -------
    Plan

    Examples
    --------
    >>> plan = make_plan(Grid(n=4096, tile=1024), np.full(10, 4 * MiB))
    >>> len(plan.groups), plan.cuts
    (10, (0, 1, 2, 3, 4))
    """
    total = int(weights.sum())
    target = max(total // MOST_GROUPS, min(LARGEST_GROUP, max(SMALLEST_GROUP, total // FEWEST_GROUPS)))
    p = grid.panels
    square = np.zeros((p + 1, p + 1), dtype=np.int64)
    square[1:, 1:][np.triu_indices(p)] = weights
    summed = square.cumsum(axis=0).cumsum(axis=1)

    def weigh(rows: tuple[int, int], columns: tuple[int, int]) -> int:
        (a, b), (c, d) = rows, columns
        return int(summed[b, d] - summed[a, d] - summed[b, c] + summed[a, c])

    blocks: list[tuple[tuple[int, int], tuple[int, int], int]] = []

    def cut(rows: tuple[int, int], columns: tuple[int, int]) -> None:
        weight = weigh(rows, columns)
        if weight == 0:
            return
        if weight <= target or (rows[1] - rows[0] == 1 and columns[1] - columns[0] == 1):
            blocks.append((rows, columns, weight))
            return
        for half in _halves(rows):
            for other in _halves(columns):
                if half[0] < other[1]:
                    cut(half, other)

    cut((0, p), (0, p))
    cuts = sorted({0, p} | {edge for rows, columns, _ in blocks for edge in (*rows, *columns)})
    groups = []
    for index, (rows, columns, weight) in enumerate(blocks):
        touched = {
            q
            for q, (a, b) in enumerate(zip(cuts, cuts[1:], strict=False))
            if (rows[0] <= a and b <= rows[1]) or (columns[0] <= a and b <= columns[1])
        }
        groups.append(Group(index, rows, columns, tuple(sorted(touched)), weight))
    return Plan(grid, tuple(groups), tuple(cuts))


def _halves(span: tuple[int, int]) -> tuple[tuple[int, int], ...]:
    a, b = span
    if b - a == 1:
        return (span,)
    middle = (a + b + 1) // 2
    return (a, middle), (middle, b)
