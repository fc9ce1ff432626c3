"""⟨A, WH⟩ of many models from one read of A, in float64: what an exact objective needs, and no n×K array."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from dasknmf.engine.kernels import add_products
from dasknmf.engine.mask import squared

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from dasknmf.engine.grid import Group, Panels
    from dasknmf.engine.kernels import Tile, TileSource
    from dasknmf.engine.mask import Mask

EXACT = np.dtype(np.float64)
#: W, or Hᵀ, of each model.
Factors = Any
#: Columns multiplied at a time: a strip of a dense tile's products stays in cache, and memory does not grow with
#: the number of models.
STRIP = 128


def inner_group(
    source: TileSource, panels: Panels, group: Group, W: Sequence[Factors], H: Sequence[Factors]
) -> tuple[NDArray[np.float64]]:
    """Return the share of a group of tiles in ⟨A, WH⟩ of each model, shape (1, models).

    Parameters
    ----------
    source : TileSource
        Where tiles are read.
    panels : Panels
        The row panels of the plan.
    group : Group
        The tiles.
    W, H : sequence of sequences of ndarray, shapes (rows of panel, k)
        For each of the row panels ``group.panels``, W and Hᵀ of each model.
    """
    ranks = [factor.shape[1] for factor in W[0]]
    total = np.zeros((1, len(ranks)))
    for i, j, tile in _tiles(source, group):
        places = _places(panels, group, i, j)
        for strip in _strips(ranks):
            (W_i, W_j), (H_i, H_j) = (_beside(factors, places, strip) for factors in (W, H))
            Y_i, Y_j = _products(tile, H_i, H_j, diagonal=i == j)
            columns = np.einsum("rc,rc->c", W_i, Y_i, dtype=EXACT)
            if i != j:
                columns += np.einsum("rc,rc->c", W_j, Y_j, dtype=EXACT)
            cuts = np.cumsum([0, *(ranks[m] for m in strip[:-1])])
            total[0, strip] += np.add.reduceat(columns, cuts)
    return (total,)


def held_group(
    source: TileSource,
    panels: Panels,
    group: Group,
    W: Sequence[Factors],
    H: Sequence[Factors],
    mask: Mask,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the share of a group of tiles in ⟨A, WH⟩ and ‖A‖² over held-out entries, by gene group of the row.

    Returns
    -------
    cross : ndarray, shape (models, gene groups)
    squares : ndarray, shape (1, gene groups)
    """
    groups, models = len(mask.held), len(W[0])
    cross, squares = np.zeros((models, groups)), np.zeros((1, groups))
    for i, j, tile in _tiles(source, group):
        rows, columns = panels.genes(i), panels.genes(j)
        held = mask.of_tile(tile, rows, columns, show="held")
        places = _places(panels, group, i, j)
        labels = [mask.group[rows]] if i == j else [mask.group[rows], mask.group[columns]]
        for m in range(models):
            (W_i, W_j), (H_i, H_j) = (_beside(factors, places, [m]) for factors in (W, H))
            made = _products(held, H_i, H_j, diagonal=i == j)
            for label, W_, Y in zip(labels, (W_i, W_j), made, strict=False):
                by_row = np.einsum("rc,rc->r", W_, Y, dtype=EXACT)
                cross[m] += np.bincount(label, by_row, minlength=groups)
        ones = (np.ones((rows.stop - rows.start, 1)), np.ones((columns.stop - columns.start, 1)))
        for label, Y in zip(labels, _products(squared(held), *ones, diagonal=i == j), strict=False):
            squares[0] += np.bincount(label, Y[:, 0], minlength=groups)
    return cross, squares


def _tiles(source: TileSource, group: Group) -> Iterator[tuple[int, int, Tile]]:
    for i, first, last in group.tile_rows():
        for j, tile in source.tile_row(i, first, last):
            # a dense tile is widened once, not for every strip of columns
            yield i, j, tile.astype(EXACT) if isinstance(tile, np.ndarray) else tile


def _places(panels: Panels, group: Group, i: int, j: int) -> list[tuple[int, slice]]:
    """Return where rows i and rows j are: the place of a panel among those of the group, and the rows in it."""
    found = []
    for tile_row in (i, j):
        q, rows = panels.place(tile_row)
        found.append((group.panels.index(q), rows))
    return found


def _beside(
    factors: Sequence[Factors], places: list[tuple[int, slice]], strip: list[int]
) -> list[NDArray[np.float64]]:
    """Return rows i and rows j of the factors of some models, side by side."""
    return [
        np.concatenate([factors[panel][m][rows] for m in strip], axis=1, dtype=EXACT)
        for panel, rows in places
    ]


def _strips(ranks: list[int]) -> list[list[int]]:
    """Put models together until they have enough columns."""
    strips: list[list[int]] = []
    columns = STRIP
    for m, k in enumerate(ranks):
        if columns + k > STRIP:
            strips.append([])
            columns = 0
        strips[-1].append(m)
        columns += k
    return strips


def _products(
    tile: Tile, X_i: NDArray[np.float64], X_j: NDArray[np.float64], *, diagonal: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return A_ij X_j and A_ijᵀ X_i; of a diagonal tile only the first, twice."""
    Y_i = np.zeros_like(X_i)
    Y_j = Y_i if diagonal else np.zeros_like(X_j)
    add_products(tile, X_i, X_i if diagonal else X_j, Y_i, Y_j, diagonal=diagonal)
    return Y_i, Y_j
