"""Random tiles: streams of numbers that belong to a tile, places of edges, weights, and how a tile is put together."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from dasknmf.network.sparse_tile import SparseTile

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from dasknmf.network.tiles import Grid

#: Entries of a dense tile that are drawn at once: what is drawn beside them stays in the fast caches.
STRIP = 2**18
#: Below this share of pairs a network is made of sparse tiles. Measured on one core at k = 32: a pair of a dense tile
#: that lacks edges takes 9 ns to draw and 2 to multiply, an edge of a sparse one 22 to 37 and 4 to 7, which is even
#: at a third; a sketch has more columns, and with these dense products gain.
SPARSE_BELOW = 0.25
#: Bytes by which a plan weighs an edge, as those of a store.
EDGE = 8


def stream(seed: int, kind: str, i: int, j: int) -> np.random.Generator:
    """Return the random numbers of tile (i, j): the same wherever, and in whatever order, tiles are made.

    PCG64DXSM is what numpy recommends where there are many streams; the kind keeps networks of one seed apart.

    Examples
    --------
    >>> stream(7, "uniform", 0, 3).random() == stream(7, "uniform", 0, 3).random()
    True
    """
    sequence = np.random.SeedSequence(seed, spawn_key=(zlib.crc32(kind.encode()), i, j))
    return np.random.Generator(np.random.PCG64DXSM(sequence))


@dataclass(frozen=True, eq=False)
class Table:
    """Weights drawn from a sample of others, with replacement; ``values`` has shape (m,), float32."""

    values: NDArray[np.float32]

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float32]:
        """Return independent weights."""
        return self.values[rng.integers(len(self.values), size=shape, dtype=np.uint32)]


@dataclass(frozen=True)
class Uniform:
    """Weights from a uniform distribution on (0, upper]."""

    upper: float

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float32]:
        """Return independent weights."""
        # an edge of weight 0 would be none
        made = 1 - rng.random(shape, dtype=np.float32)
        made *= np.float32(self.upper)
        return made


Weights: TypeAlias = Table | Uniform


def chosen(rng: np.random.Generator, places: int, share: float) -> NDArray[np.int64]:
    """Choose each of some places with the same chance, in time proportional to how many are chosen.

    Gaps between places that are chosen are geometric, so their number is binomial and, given it, all sets are equally
    likely.

    Returns
    -------
    ndarray of int64
        Places from 0, ascending.

    References
    ----------
    Batagelj, Brandes, Physical Review E 71, 036113 (2005).

    Examples
    --------
    >>> chosen(stream(0, "example", 0, 0), 10, 1.0).tolist()
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
    """
    if places <= 0 or share <= 0:
        return np.zeros(0, dtype=np.int64)
    if share >= 1:
        return np.arange(places, dtype=np.int64)
    parts: list[NDArray[np.int64]] = []
    last = -1
    while last < places - 1:
        expected = (places - 1 - last) * share
        gaps = rng.geometric(share, size=int(expected + 4 * expected**0.5) + 16)
        # a gap that leaves the places says all there is to know of it, and sums stay whole numbers of 64 bits
        parts.append(last + np.cumsum(np.minimum(gaps, places + 1)))
        last = int(parts[-1][-1])
    found = np.concatenate(parts)
    return found[: np.searchsorted(found, places)]


def pairs_of(shape: tuple[int, int], *, diagonal: bool) -> int:
    """Return how many pairs of different genes a tile stands for."""
    return shape[0] * (shape[0] - 1) // 2 if diagonal else shape[0] * shape[1]


def pair_at(
    places: NDArray[np.int64], shape: tuple[int, int], *, diagonal: bool
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return rows and columns of pairs, numbered along the rows; in a diagonal tile those with row < column.

    Examples
    --------
    >>> [index.tolist() for index in pair_at(np.arange(3), (3, 3), diagonal=True)]
    [[0, 0, 1], [1, 2, 2]]
    """
    if not diagonal:
        row, column = np.divmod(places, shape[1])
        return row, column
    first = np.concatenate([[0], np.cumsum(np.arange(shape[0] - 1, 0, -1))])
    row = np.searchsorted(first, places, side="right") - 1
    return row, places - first[row] + row + 1


def pairs_by_tile(grid: Grid) -> NDArray[np.int64]:
    """Return :func:`pairs_of` every tile, in the order of :meth:`Grid.index`, shape (n_tiles,)."""
    return np.array([pairs_of(grid.shape(i, j), diagonal=i == j) for i, j in grid.tiles()], dtype=np.int64)


def dense_weights(grid: Grid) -> NDArray[np.int64]:
    """Return the bytes of every dense tile, shape (n_tiles,)."""
    return np.array([4 * int(np.prod(grid.shape(i, j))) for i, j in grid.tiles()], dtype=np.int64)


def sparse_weights(
    grid: Grid, edges: NDArray[np.float64], diagonal: NDArray[np.float32]
) -> NDArray[np.int64]:
    """Return the bytes of every sparse tile as a store would have them, from its expected edges, shape (n_tiles,).

    Only a tile that cannot hold an edge weighs 0: a plan leaves it out.
    """
    made = np.ceil(EDGE * edges).astype(np.int64)
    for i in range(grid.panels):
        made[grid.index(i, i)] += EDGE * np.count_nonzero(diagonal[slice(*grid.bounds(i))])
    return made


def drawn_tile(
    shape: tuple[int, int], draw: Callable[[slice], NDArray[Any]], *, own: NDArray[Any] | None, diagonal: bool
) -> NDArray[np.float32]:
    """Return a dense tile, made a few rows at a time; a diagonal one is the mirror image of its upper triangle.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns.
    draw : callable
        Returns the rows of a slice.
    own : ndarray, shape (rows,), optional
        The diagonal of a diagonal tile; otherwise what was drawn there.
    diagonal : bool
        Tile (i, i).
    """
    tile = np.empty(shape, dtype=np.float32)
    step = max(1, STRIP // shape[1])
    for top in range(0, shape[0], step):
        rows = slice(top, min(top + step, shape[0]))
        tile[rows] = draw(rows)
    if not diagonal:
        return tile
    kept = tile.diagonal().copy() if own is None else own
    upper = np.triu(tile, k=1)
    np.add(upper, upper.T, out=tile)
    np.fill_diagonal(tile, kept)
    return tile


def edge_tile(
    shape: tuple[int, int],
    row: NDArray[np.int64],
    column: NDArray[np.int64],
    weight: NDArray[np.float32],
    *,
    own: NDArray[np.float32] | None,
) -> SparseTile:
    """Return a sparse tile of edges in any order, none twice; ``own`` is the diagonal of a diagonal tile."""
    if own is not None:
        loops = np.flatnonzero(own)
        row, column = np.concatenate([row, loops]), np.concatenate([column, loops])
        weight = np.concatenate([weight, own[loops]])
    key = row * shape[1] + column
    if (key[1:] < key[:-1]).any():
        order = np.argsort(key)
        row, column, weight = row[order], column[order], weight[order]
    return SparseTile.of_entries(shape, row.astype(np.uint16), column.astype(np.uint16), weight)
