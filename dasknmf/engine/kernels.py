"""What one task does with tiles: read each once, form both of its products, return the row panels touched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import scipy.sparse as sp

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import DTypeLike, NDArray

    from dasknmf.engine.grid import Grid, Group, Panels

Tile = Any  # float ndarray or scipy CSR array, shape (rows of i, rows of j)


class TileSource(Protocol):
    """Anything that can give the tiles of a symmetric matrix: a store, an array, a formula."""

    def tile_row(self, i: int, first: int, last: int) -> Iterable[tuple[int, Tile]]:
        """Yield (j, tile (i, j)) for first ≤ j < last; an all-zero tile may be left out."""
        ...


def multiply_group(
    source: TileSource, panels: Panels, group: Group, X: Sequence[NDArray[Any]]
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

    Returns
    -------
    tuple of ndarray
        Partial sums of A·X, one for each of ``group.panels``: the rows that ``panels.touched(group)`` says.
    """
    given = dict(zip(group.panels, X, strict=True))
    spans = dict(zip(group.panels, panels.touched(group), strict=True))
    made = {
        q: np.zeros((span.stop - span.start, X[0].shape[1]), dtype=X[0].dtype) for q, span in spans.items()
    }
    dtype = X[0].dtype
    for i, first, last in group.tile_rows():
        q, rows = panels.place(i)
        for j, stored in source.tile_row(i, first, last):
            tile = stored.astype(dtype, copy=False)
            p, columns = panels.place(j)
            # an overflow shows in the objective, where the driver turns it into one clear error
            with np.errstate(over="ignore", invalid="ignore"):
                made[q][_within(rows, spans[q])] += tile @ given[p][columns]
                if i != j:
                    made[p][_within(columns, spans[p])] += tile.T @ given[q][rows]
    return tuple(made.values())


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
    """Tiles of a symmetric matrix in memory, a numpy array or a scipy sparse one.

    Parameters
    ----------
    matrix : ndarray or sparse array, shape (n, n)
        Symmetric; only its upper triangle of tiles is looked at.
    grid : Grid
        The tiles.
    """

    def __init__(self, matrix: Any, grid: Grid) -> None:
        self.matrix = sp.csr_array(matrix) if sp.issparse(matrix) else np.ascontiguousarray(matrix)
        self.grid = grid

    def tile_row(self, i: int, first: int, last: int) -> Iterable[tuple[int, Tile]]:
        """Yield (j, tile (i, j)) for first ≤ j < last."""
        a, b = self.grid.bounds(i)
        strip = self.matrix[a:b]
        if not sp.issparse(strip):
            # after its way to a worker it may lie at an odd address, where products have other last bits
            strip = np.require(strip, requirements=["C", "A"])
        for j in range(first, last):
            c, d = self.grid.bounds(j)
            yield j, strip[:, c:d]

    def weights(self) -> NDArray[np.int64]:
        """Bytes of each tile, shape (n_tiles,)."""
        grid = self.grid
        if sp.issparse(self.matrix):
            entries = sp.coo_array(self.matrix)
            i, j = entries.row // grid.tile, entries.col // grid.tile
            counts = np.zeros((grid.panels, grid.panels), dtype=np.int64)
            np.add.at(counts, (i, j), 8)
            return np.asarray(counts[np.triu_indices(grid.panels)])
        sides = np.array([b - a for a, b in map(grid.bounds, range(grid.panels))], dtype=np.int64)
        bytes_of = np.outer(sides, sides) * self.matrix.itemsize
        return np.asarray(bytes_of[np.triu_indices(grid.panels)])
