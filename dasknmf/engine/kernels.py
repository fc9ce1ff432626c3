"""What one task does with tiles: read each once, form both of its products, return the row panels touched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import scipy.sparse as sp

from dasknmf.network.sparse_tile import SparseTile

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import DTypeLike, NDArray

    from dasknmf.engine.grid import Grid, Group, Panels
    from dasknmf.engine.mask import Masked

Tile = Any  # float ndarray, shape (rows of i, rows of j), or a SparseTile of that shape

#: Bytes of a cache line: a row of sums that begins on one touches as few of them as it can.
LINE = 64


class TileSource(Protocol):
    """Anything that can give the tiles of a symmetric matrix: a store, an array, a formula."""

    def tile_row(self, i: int, first: int, last: int) -> Iterable[tuple[int, Tile]]:
        """Yield (j, tile (i, j)) for first ≤ j < last; an all-zero tile may be left out."""
        ...


def multiply_group(
    source: TileSource,
    panels: Panels,
    group: Group,
    X: Sequence[NDArray[Any]],
    masked: Masked | None = None,
) -> tuple[NDArray[Any], ...]:
    """Return the contributions of a group of tiles to A·X.

    Tile (i, j) of the upper triangle gives A_ij X_j to rows i and, off the diagonal, A_ijᵀ X_i to rows j.

    Parameters
    ----------
    source : TileSource
        Where tiles are read.
    panels : Panels
        The row panels of the plan.
    group : Group
        The tiles.
    X : sequence of ndarray, shapes (rows of panel, K)
        The row panels ``group.panels`` of X; their dtype is that of the products.
    masked : Masked, optional
        Columns of X that see a part of the entries only.

    Returns
    -------
    tuple of ndarray
        Partial sums of A·X, one for each of ``group.panels``: the rows that ``panels.touched(group)`` says.
    """
    given = dict(zip(group.panels, X, strict=True))
    spans = dict(zip(group.panels, panels.touched(group), strict=True))
    made = {
        q: zeros_on_lines((span.stop - span.start, X[0].shape[1]), X[0].dtype) for q, span in spans.items()
    }
    for i, first, last in group.tile_rows():
        q, rows = panels.place(i)
        X_i, Y_i = given[q][rows], made[q][_within(rows, spans[q])]
        for j, tile in source.tile_row(i, first, last):
            p, columns = panels.place(j)
            X_j, Y_j = given[p][columns], made[p][_within(columns, spans[p])]
            if masked is None:
                add_products(tile, X_i, X_j, Y_i, Y_j, diagonal=i == j)
                continue
            seen, hidden = slice(masked.first), slice(masked.first, None)
            shown = masked.mask.of_tile(tile, panels.genes(i), panels.genes(j), show="seen")
            for part, of in ((tile, seen), (shown, hidden)):
                if X_i[:, of].shape[1]:
                    add_products(part, X_i[:, of], X_j[:, of], Y_i[:, of], Y_j[:, of], diagonal=i == j)
    return tuple(made.values())


def add_products(
    tile: Tile,
    X_i: NDArray[Any],
    X_j: NDArray[Any],
    Y_i: NDArray[Any],
    Y_j: NDArray[Any],
    *,
    diagonal: bool,
) -> None:
    """Add A_ij X_j to Y_i and, off the diagonal, A_ijᵀ X_i to Y_j, for one tile, dense or sparse."""
    if isinstance(tile, SparseTile):
        # numba takes half a second to import, which dense networks never pay
        from dasknmf.engine.compiled import add_sparse_products

        add_sparse_products(tile, X_i, X_j, Y_i, Y_j, diagonal=diagonal)
        return
    dense = tile.astype(Y_i.dtype, copy=False)
    # an overflow shows in the objective, where the driver turns it into one clear error
    with np.errstate(over="ignore", invalid="ignore"):
        Y_i += dense @ X_j
        if not diagonal:
            Y_j += dense.T @ X_i


def zeros_on_lines(shape: tuple[int, int], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return zeros of which the first begins on a cache line."""
    size = shape[0] * shape[1] * dtype.itemsize
    room = np.zeros(size + LINE, dtype=np.uint8)
    first = -room.ctypes.data % LINE
    return room[first : first + size].view(dtype).reshape(shape)


def _within(rows: slice, span: slice) -> slice:
    return slice(rows.start - span.start, rows.stop - span.start)


def sum_in_order(
    shape: tuple[int, int], dtype: DTypeLike, parts: Sequence[NDArray[Any]], spans: Sequence[slice]
) -> NDArray[Any]:
    """Add partial sums in the order given, so that the result does not depend on which was first."""
    total = np.zeros(shape, dtype=dtype)
    for part, span in zip(parts, spans, strict=True):
        total[span] += part
    return total


class ArraySource:
    """Tiles of a symmetric numpy array in memory.

    Parameters
    ----------
    matrix : ndarray, shape (n, n)
        Symmetric; only its upper triangle of tiles is looked at.
    grid : Grid
        The tiles.
    """

    def __init__(self, matrix: Any, grid: Grid) -> None:
        self.matrix, self.grid = np.ascontiguousarray(matrix), grid

    def tile_row(self, i: int, first: int, last: int) -> Iterable[tuple[int, NDArray[Any]]]:
        """Yield (j, tile (i, j)) for first ≤ j < last."""
        a, b = self.grid.bounds(i)
        # after its way to a worker it may lie at an odd address, where products have other last bits
        strip = np.require(self.matrix[a:b], requirements=["C", "A"])
        for j in range(first, last):
            c, d = self.grid.bounds(j)
            yield j, strip[:, c:d]

    def weights(self) -> NDArray[np.int64]:
        """Bytes of each tile, shape (n_tiles,)."""
        grid = self.grid
        sides = np.array([b - a for a, b in map(grid.bounds, range(grid.panels))], dtype=np.int64)
        bytes_of = np.outer(sides, sides) * self.matrix.itemsize
        return np.asarray(bytes_of[np.triu_indices(grid.panels)])


class SparseSource:
    """Tiles of a symmetric scipy sparse array in memory, cut once.

    Parameters
    ----------
    matrix : sparse array, shape (n, n)
        Symmetric, without duplicates; only its upper triangle is looked at.
    grid : Grid
        The tiles, of at most 65,536 genes a side.
    """

    def __init__(self, matrix: Any, grid: Grid) -> None:
        self.grid = grid
        upper = sp.coo_array(sp.triu(matrix))
        weight = upper.data
        # float32 where that is exact: half the memory, and the same products
        if weight.dtype != np.float32:
            with np.errstate(over="ignore", under="ignore"):
                single = weight.astype(np.float32)
            weight = single if np.array_equal(single, weight) else weight.astype(np.float64, copy=False)
        panel, partner = upper.row // grid.tile, upper.col // grid.tile
        order = np.lexsort((upper.col, upper.row, partner, panel))
        number = np.asarray(grid.index(panel.astype(np.int64), partner.astype(np.int64)))[order]
        row, column = (
            (index[order] - part[order] * grid.tile).astype(np.uint16)
            for index, part in ((upper.row, panel), (upper.col, partner))
        )
        weight = weight[order]
        cuts = np.searchsorted(number, np.arange(grid.n_tiles + 1))
        self.counts = np.diff(cuts)
        self.tiles: dict[tuple[int, int], SparseTile] = {}
        for (i, j), a, b in zip(grid.tiles(), cuts[:-1], cuts[1:], strict=True):
            if a < b:
                shape = grid.shape(i, j)
                self.tiles[i, j] = SparseTile.of_entries(
                    shape, row[a:b], column[a:b].copy(), weight[a:b].copy()
                )

    def tile_row(self, i: int, first: int, last: int) -> Iterable[tuple[int, SparseTile]]:
        """Yield (j, tile (i, j)) for first ≤ j < last, without tiles that hold nothing."""
        return ((j, self.tiles[i, j]) for j in range(first, last) if (i, j) in self.tiles)

    def weights(self) -> NDArray[np.int64]:
        """Bytes of each tile as it would be stored, shape (n_tiles,)."""
        return np.asarray(self.counts * 8, dtype=np.int64)
