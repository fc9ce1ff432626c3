"""The plan of a sweep, in pure integers: tiles of the upper triangle, cut into groups and row panels.

The plan depends on the matrix alone, never on how many workers there are, so the order of every sum, and so
every bit of a result, is the same on any cluster.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from dasknmf.network.tiles import Grid

__all__ = ["Grid", "Group", "Panels", "Plan", "make_plan"]

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

MiB = 2**20

#: A group reads at most so much, so that a few cores share the work evenly …
LARGEST_GROUP = 64 * MiB
#: … and at least so much, so that a task costs more than its scheduling and its share of the partial sums: at
#: k = 32 some 10 ms for a dense group, 1 ms for a sparse one of 260,000 edges.
SMALLEST_DENSE_GROUP = 8 * MiB
SMALLEST_SPARSE_GROUP = 2 * MiB
#: A small matrix still gives work to this many cores,
FEWEST_GROUPS = 16
#: and a huge one does not drown the scheduler in tasks.
MOST_GROUPS = 1024
#: Row panels are merged up to so many genes: a panel costs a few tasks in each half-iteration.
SMALL_PANEL = 8192


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
class Panels:
    """Row panels, the pieces that factors are cut into: panel q holds the tile rows [cuts[q], cuts[q + 1]).

    Examples
    --------
    >>> panels = Panels(Grid(n=10, tile=4), cuts=(0, 2, 3))
    >>> panels.bounds, panels.place(1)
    (((0, 8), (8, 10)), (0, slice(4, 8, None)))
    """

    grid: Grid
    cuts: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.cuts) - 1

    @cached_property
    def bounds(self) -> tuple[tuple[int, int], ...]:
        """First gene and the one after the last of each row panel."""
        return tuple((self.grid.bounds(a)[0], self.grid.bounds(b - 1)[1]) for a, b in pairwise(self.cuts))

    @property
    def rows(self) -> tuple[int, ...]:
        """Genes of each row panel."""
        return tuple(stop - start for start, stop in self.bounds)

    def place(self, i: int) -> tuple[int, slice]:
        """Return the row panel that holds tile row ``i``, and where in it."""
        q = bisect_right(self.cuts, i) - 1
        start, stop = self.grid.bounds(i)
        offset = self.bounds[q][0]
        return q, slice(start - offset, stop - offset)

    def genes(self, i: int) -> slice:
        """Return the genes of tile row ``i``, among all."""
        return slice(*self.grid.bounds(i))

    def touched(self, group: Group) -> tuple[slice, ...]:
        """Return where in each of its row panels a group adds to A·X: the span of its tile rows and columns."""
        found = []
        for q in group.panels:
            a, b = self.cuts[q], self.cuts[q + 1]
            inside = [
                (max(a, span[0]), min(b, span[1]))
                for span in (group.rows, group.columns)
                if span[0] < b and a < span[1]
            ]
            first, last = min(start for start, _ in inside), max(stop for _, stop in inside)
            origin = self.bounds[q][0]
            found.append(slice(self.grid.bounds(first)[0] - origin, self.grid.bounds(last - 1)[1] - origin))
        return tuple(found)

    def split(self, rows: NDArray[Any]) -> list[NDArray[Any]]:
        """Cut an array of n rows into row panels (views)."""
        return [rows[start:stop] for start, stop in self.bounds]


@dataclass(frozen=True)
class Plan:
    """Groups of tiles in the order of their sums, and the row panels.

    Every tile that holds anything is in exactly one group.
    """

    grid: Grid
    groups: tuple[Group, ...]
    panels: Panels

    @property
    def weight(self) -> int:
        """Bytes that one sweep reads."""
        return sum(group.weight for group in self.groups)


def make_plan(
    grid: Grid, weights: NDArray[np.int64], *, smallest: int = SMALLEST_DENSE_GROUP, parts: int = 1
) -> Plan:
    """Cut the triangle into groups by halving, until each is light enough or a single tile.

    Parameters
    ----------
    grid : Grid
        The tiles.
    weights : ndarray of int64, shape (n_tiles,)
        Bytes of each tile, in the order of :meth:`Grid.index`; tiles of weight 0 are not read.
    smallest : int
        Bytes below which a group is not cut further, if it may be cut at all.
    parts : int
        Make groups, and row panels, of about 1/parts the size, for workers that could not hold them.

    Returns
    -------
    Plan

    Examples
    --------
    >>> plan = make_plan(Grid(n=32768, tile=8192), np.full(10, 256 * MiB))
    >>> len(plan.groups), plan.panels.cuts
    (10, (0, 1, 2, 3, 4))
    """
    total = int(weights.sum())
    target = max(total // MOST_GROUPS, min(LARGEST_GROUP, max(smallest, total // FEWEST_GROUPS))) // parts
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
    edges = sorted({0, p} | {edge for rows, columns, _ in blocks for edge in (*rows, *columns)})
    cuts = _merged(edges, SMALL_PANEL // parts // grid.tile)
    spans = list(pairwise(cuts))
    groups = []
    for index, (rows, columns, weight) in enumerate(blocks):
        touched = [
            q
            for q, (a, b) in enumerate(spans)
            if (rows[0] < b and a < rows[1]) or (columns[0] < b and a < columns[1])
        ]
        groups.append(Group(index, rows, columns, tuple(touched), weight))
    return Plan(grid, tuple(groups), Panels(grid, tuple(cuts)))


def _merged(edges: list[int], largest: int) -> list[int]:
    """Leave out cuts between neighbours that together are at most ``largest`` tile rows."""
    kept = edges[:1]
    for edge, following in pairwise([*edges[1:], edges[-1] + largest + 1]):
        if following - kept[-1] > largest:
            kept.append(edge)
    return kept


def _halves(span: tuple[int, int]) -> tuple[tuple[int, int], ...]:
    a, b = span
    if b - a == 1:
        return (span,)
    middle = (a + b + 1) // 2
    return (a, middle), (middle, b)
