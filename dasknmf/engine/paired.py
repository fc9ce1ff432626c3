"""Sweeps for which every model has two factors, L and R: ratios and filled products are two of them.

Tile (i, j), i < j, gives something to rows i, made of L_i, R_j and R_i, and to rows j, made of L_j, R_i and R_j: LRᵀ is
not symmetric. What a tile gives is told by a function of the tile and of both pairs of rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from dasknmf.engine.kernels import LINE, zeros_on_lines
from dasknmf.engine.pairs import Pair, beside, made_columns, padded, places

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from dasknmf.engine.executor import Executor, Handle
    from dasknmf.engine.grid import Group, Panels

EXACT = np.dtype(np.float64)


class Adds(Protocol):
    """Adds what a tile gives to Y_i and, off the diagonal, to Y_j, in place, and returns scores, in float64."""

    def __call__(
        self,
        tile: Any,
        pair_i: Pair,
        pair_j: Pair,
        Y_i: NDArray[Any],
        Y_j: NDArray[Any],
        *,
        diagonal: bool,
    ) -> tuple[float, ...]:
        """Add what tile (i, j) gives; ``diagonal`` is i = j."""
        ...


def paired_sweep(
    executor: Executor,
    panels: Panels,
    function: Callable[..., tuple[NDArray[Any], ...]],
    calls: Sequence[tuple[Any, Group]],
    X: Sequence[Handle],
    *more: Any,
    ranks: Sequence[int],
    dtype: np.dtype[Any],
    scores: int,
    label: str,
) -> tuple[list[Handle], Handle]:
    """Add up what groups of tiles give to all models.

    Parameters
    ----------
    executor : Executor
        Where groups are worked on.
    panels : Panels
        The row panels of the plan.
    function : callable
        Task of a group: of its source, the panels, the group, its panels of X, the ranks, and ``more``.
    calls : sequence of (TileSource, Group)
        The groups, and where each reads its tiles.
    X : sequence of handles of ndarray, shapes (rows of panel, 2K)
        For each row panel, L and R of all models, as :func:`beside` puts them.
    ranks : sequence of int
        Columns of each L.
    dtype : dtype
        That of X and of Y.
    scores : int
        How many numbers there are of each model.
    label : str
        Name of the tasks.

    Returns
    -------
    made : list of handles of ndarray, shapes (rows of panel, K)
        Y of each model where :func:`places` says.
    sums : handle of ndarray of float64, shape (models, scores)
    """
    last, every = len(panels), slice(0, len(ranks))
    *made, sums = executor.add_up(
        function,
        [
            (source, panels, group, [X[q] for q in group.panels], tuple(ranks), *more)
            for source, group in calls
        ],
        [(*zip(group.panels, panels.touched(group), strict=True), (last, every)) for _, group in calls],
        [*((rows, made_columns(ranks)) for rows in panels.rows), (len(ranks), scores)],
        [*[dtype] * last, EXACT],
        label=label,
    )
    return made, sums


def paired_group(
    adds: Sequence[Adds],
    scores: int,
    source: Any,
    panels: Panels,
    group: Group,
    X: Sequence[NDArray[Any]],
    ranks: Sequence[int],
) -> tuple[NDArray[Any], ...]:
    """Return the contributions of a group of tiles to Y of each model, and to its scores.

    Parameters
    ----------
    adds : sequence of callable
        What a tile gives to each model.
    scores : int
        How many numbers they return.
    source : TileSource
        Where tiles are read.
    panels : Panels
        The row panels of the plan.
    group : Group
        The tiles.
    X : sequence of ndarray, shapes (rows of panel, 2K)
        For each of the row panels ``group.panels``, what :func:`beside` made; their dtype is that of Y.
    ranks : sequence of int
        Of each model.

    Returns
    -------
    tuple of ndarray
        For each of ``group.panels``, the rows of Y that ``panels.touched(group)`` says; then the scores of each
        model, in float64, shape (models, scores).
    """
    given = {q: _on_lines(rows) for q, rows in zip(group.panels, X, strict=True)}
    spans = dict(zip(group.panels, panels.touched(group), strict=True))
    columns, dtype = made_columns(ranks), X[0].dtype
    made = {q: zeros_on_lines((span.stop - span.start, columns), dtype) for q, span in spans.items()}
    sums = np.zeros((len(ranks), scores))
    for i, j, tile in tiles_of(source, group):
        (q, rows), (p, others) = panels.place(i), panels.place(j)
        Y_i, Y_j = (made[at][_within(part, spans[at])] for at, part in ((q, rows), (p, others)))
        for model, place in enumerate(places(ranks)):
            # what it is padded with is zero, and adds nothing
            wide = slice(place.made.start, place.made.start + padded(ranks[model]))
            pair_i, pair_j = (
                (given[at][part, _widened(place.left)], given[at][part, _widened(place.right)])
                for at, part in ((q, rows), (p, others))
            )
            sums[model] += adds[model](tile, pair_i, pair_j, Y_i[:, wide], Y_j[:, wide], diagonal=i == j)
    return (*made.values(), sums)


def paired_scores(
    add: Adds, source: Any, panels: Panels, group: Group, W: Sequence[Any], H: Sequence[Any]
) -> tuple[NDArray[np.float64]]:
    """Return the share of a group of tiles in the first score of each model, in float64, shape (1, models).

    Parameters
    ----------
    add, source, panels, group
        As in :func:`paired_group`.
    W, H : sequence of sequences of ndarray, shapes (rows of panel, k)
        For each of the row panels ``group.panels``, W and Hᵀ of each model.
    """
    total = np.zeros((1, len(W[0])))
    for i, j, tile in tiles_of(source, group):
        where = [(group.panels.index(q), rows) for q, rows in map(panels.place, (i, j))]
        for model, factor in enumerate(W[0]):
            k = padded(factor.shape[1])
            pair_i, pair_j = (
                (both[:, :k], both[:, k:])
                for both in (
                    beside([(W[q][model][part], H[q][model][part])], part.stop - part.start, EXACT)
                    for q, part in where
                )
            )
            Y_i, Y_j = (np.zeros(pair[0].shape) for pair in (pair_i, pair_j))
            total[0, model] += add(tile, pair_i, pair_j, Y_i, Y_j, diagonal=i == j)[0]
    return (total,)


def tiles_of(source: Any, group: Group) -> Iterator[tuple[int, int, Any]]:
    """Yield i, j and tile (i, j) of a group."""
    for i, first, last in group.tile_rows():
        for j, tile in source.tile_row(i, first, last):
            yield i, j, tile


def _widened(columns: slice) -> slice:
    return slice(columns.start, columns.start + padded(columns.stop - columns.start))


def _on_lines(rows: NDArray[Any]) -> NDArray[Any]:
    """Return rows that begin on cache lines: their copy, where they came from another process."""
    if rows.flags.c_contiguous and rows.ctypes.data % LINE == 0:
        return rows
    moved = zeros_on_lines(rows.shape, rows.dtype)
    moved[:] = rows
    return moved


def _within(rows: slice, span: slice) -> slice:
    return slice(rows.start - span.start, rows.stop - span.start)
