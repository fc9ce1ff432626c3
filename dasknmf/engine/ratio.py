"""The ratio sweep: Y = (A ⊘ L Rᵀ) R of many models from one read of A, what Kullback–Leibler solvers ask for.

Tile (i, j), i < j, gives (A_ij ⊘ L_i R_jᵀ) R_j to Y_i and (A_ijᵀ ⊘ L_j R_iᵀ) R_i to Y_j. An entry of A that is zero
gives nothing.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from dasknmf.engine.paired import paired_group, paired_scores, paired_sweep
from dasknmf.network.sparse_tile import SparseTile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from dasknmf.engine.executor import Executor, Handle
    from dasknmf.engine.grid import Group, Panels
    from dasknmf.engine.kernels import Tile, TileSource
    from dasknmf.engine.pairs import Pair

#: Rows and columns of a dense tile whose products are worked on at a time: two blocks of 256 KiB stay in a 1 MiB cache.
ROWS, COLUMNS = 128, 512
#: BLAS multiplies without packing its operands, a fifth faster, up to so many multiplications and ranks.
SMALL, SMALL_RANK = 10**6, 48


def least(dtype: np.dtype[Any]) -> float:
    """Return what products L_i·R_j are raised to, so that a ratio is finite where WH is zero and A is not.

    There the divergence is infinite; here it is that of this value. A factor is then no farther from zero than the
    root of the smallest number of its type, and what is below cannot be told from zero in a product of two.
    """
    return float(np.sqrt(np.finfo(dtype).tiny))


def ratio_sweep(
    executor: Executor,
    panels: Panels,
    calls: Sequence[tuple[TileSource | Handle, Group]],
    X: Sequence[Handle],
    *,
    ranks: Sequence[int],
    dtype: np.dtype[Any],
    diagonal: bool = True,
    scored: Sequence[bool] | None = None,
) -> tuple[list[Handle], Handle]:
    """Return Y = (A ⊘ L Rᵀ) R of several models, and what the same read says of their objectives.

    Parameters
    ----------
    executor : Executor
        Where groups are worked on.
    panels : Panels
        The row panels of the plan.
    calls : sequence of (TileSource, Group)
        The groups, and where each reads its tiles.
    X : sequence of handles of ndarray, shapes (rows of panel, 2K)
        For each row panel, L and R of all models, as :func:`beside` puts them.
    ranks : sequence of int
        Columns of each L.
    dtype : dtype
        That of X and of Y.
    diagonal : bool
        False leaves i = j out of all sums.
    scored : sequence of bool, optional
        Which models want the sums, up to an eighth of the time of a sweep; by default all. Others have zeros.

    Returns
    -------
    made : list of handles of ndarray, shapes (rows of panel, K)
        Y of each model where :func:`places` says.
    sums : handle of ndarray of float64, shape (models, 2)
        Σ A log(A / LRᵀ), where 0 log 0 = 0, and Σ A LRᵀ.
    """
    scoring = tuple(scored or [True] * len(ranks))
    return paired_sweep(
        executor,
        panels,
        ratio_group,
        calls,
        X,
        diagonal,
        scoring,
        ranks=ranks,
        dtype=dtype,
        scores=2,
        label="ratio",
    )


def ratio_group(
    source: TileSource,
    panels: Panels,
    group: Group,
    X: Sequence[NDArray[Any]],
    ranks: Sequence[int],
    counts: bool,  # noqa: FBT001 - tasks take their arguments by place
    scored: Sequence[bool],
) -> tuple[NDArray[Any], ...]:
    """Return the contributions of a group of tiles to Y of each model, and to its sums.

    Parameters
    ----------
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
    counts : bool
        Whether the diagonal of A does.
    scored : sequence of bool
        Whether each model wants the sums.

    Returns
    -------
    tuple of ndarray
        For each of ``group.panels``, the rows of Y that ``panels.touched(group)`` says; then, of each model,
        Σ A log(A / LRᵀ) and Σ A LRᵀ, in float64, shape (models, 2).
    """
    adds = [partial(add_ratios, counts=counts, scored=score) for score in scored]
    return paired_group(adds, 2, source, panels, group, X, ranks)


def scores_group(
    source: TileSource,
    panels: Panels,
    group: Group,
    W: Sequence[Any],
    H: Sequence[Any],
    counts: bool,  # noqa: FBT001 - as above
) -> tuple[NDArray[np.float64]]:
    """Return the share of a group of tiles in Σ A log(A / WH) of each model, in float64, shape (1, models).

    Parameters
    ----------
    source, panels, group, counts
        As in :func:`ratio_group`.
    W, H : sequence of sequences of ndarray, shapes (rows of panel, k)
        For each of the row panels ``group.panels``, W and Hᵀ of each model.
    """
    return paired_scores(partial(add_ratios, counts=counts), source, panels, group, W, H)


def add_ratios(
    tile: Tile,
    pair_i: Pair,
    pair_j: Pair,
    Y_i: NDArray[Any],
    Y_j: NDArray[Any],
    *,
    diagonal: bool,
    counts: bool,
    scored: bool = True,
) -> tuple[float, float]:
    """Add (A_ij ⊘ L_i R_jᵀ) R_j to Y_i and, off the diagonal, (A_ijᵀ ⊘ L_j R_iᵀ) R_i to Y_j, of one tile and model.

    Parameters
    ----------
    tile : ndarray or SparseTile
        Tile (i, j).
    pair_i, pair_j : pairs of ndarray, shapes (rows, k) and (columns, k)
        L and R, of one stride.
    Y_i, Y_j : ndarray of the same type and shapes
        Rows of the sums, changed in place.
    diagonal : bool
        Tile (i, i).
    counts : bool
        Whether the diagonal of A does.
    scored : bool
        Whether the sums are wanted.

    Returns
    -------
    tuple of float
        Σ A log(A / LRᵀ) and Σ A LRᵀ over the tile and, off the diagonal, its mirror image.
    """
    floor = least(Y_i.dtype)
    if isinstance(tile, SparseTile):
        from dasknmf.engine.compiled_ratio import add_sparse_ratios

        return add_sparse_ratios(
            tile, pair_i, pair_j, Y_i, Y_j, floor, diagonal=diagonal, counts=counts, scored=scored
        )
    dense = tile.astype(Y_i.dtype, copy=False)
    if dense.strides[1] != dense.itemsize:
        dense = np.ascontiguousarray(dense)
    if diagonal and not counts:
        dense = np.array(dense)
        np.fill_diagonal(dense, 0)
    # an overflow shows in the objective, where the driver turns it into one clear error
    with np.errstate(over="ignore", invalid="ignore"):
        return _add_dense_ratios(dense, pair_i, pair_j, Y_i, Y_j, floor, diagonal=diagonal, scored=scored)


def _add_dense_ratios(
    tile: NDArray[Any],
    pair_i: Pair,
    pair_j: Pair,
    Y_i: NDArray[Any],
    Y_j: NDArray[Any],
    floor: float,
    *,
    diagonal: bool,
    scored: bool,
) -> tuple[float, float]:
    """Work on a block of rows and columns at a time."""
    from dasknmf.engine.compiled_turn import dense_turner

    (L_i, R_i), (L_j, R_j) = pair_i, pair_j
    # BLAS is a tenth faster on the right operand in this order
    Lt_j, Rt_j = np.ascontiguousarray(L_j.T), np.ascontiguousarray(R_j.T)
    k = L_i.shape[1]
    height = min(ROWS, SMALL // (COLUMNS * k) // 8 * 8) if k <= SMALL_RANK else ROWS
    room = np.empty((2, height * COLUMNS), dtype=tile.dtype)
    exact = np.zeros((2, tile.shape[1]))
    turn = dense_turner(tile, room, exact, floor, both=not diagonal, scored=scored)
    for top in range(0, tile.shape[0], height):
        rows = slice(top, min(top + height, tile.shape[0]))
        for left in range(0, tile.shape[1], COLUMNS):
            columns = slice(left, min(left + COLUMNS, tile.shape[1]))
            shape = rows.stop - rows.start, columns.stop - columns.start
            D_ij, D_ji = (part[: shape[0] * shape[1]].reshape(shape) for part in room)
            np.matmul(L_i[rows], Rt_j[:, columns], out=D_ij)
            if not diagonal:
                np.matmul(R_i[rows], Lt_j[:, columns], out=D_ji)
            turn(rows, columns)
            Y_i[rows] += D_ij @ R_j[columns]
            if not diagonal:
                Y_j[columns] += D_ji.T @ R_i[rows]
    return float(exact[0].sum()), float(exact[1].sum())
