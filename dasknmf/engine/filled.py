"""The filled sweep: Y = F·R of many models, F = LRᵀ + Ω∘(A − LRᵀ), from one read of A and of the weights Ω.

F is A where the weight is 1, and the model's own where it is 0: the matrix of an EM step. Tile (i, j), i < j, gives
F_ij R_j to Y_i, made of L_i R_jᵀ, and F_ji R_i to Y_j, made of L_j R_iᵀ: F differs from its transpose.

References
----------
Srebro, Jaakkola, ICML 2003, section 3; Zhang, Wang, Ford, Makedon, SDM 2006, section 3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from dasknmf.engine.known import STRIP, DenseKnown, SparseKnown, rows_of
from dasknmf.engine.known_source import Seen
from dasknmf.engine.paired import paired_group, paired_scores, tiles_of
from dasknmf.engine.pairs import beside, places
from dasknmf.engine.ratio import COLUMNS, ROWS
from dasknmf.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from dasknmf.engine.grid import Group, Panels
    from dasknmf.engine.kernels import TileSource
    from dasknmf.engine.pairs import Pair

EXACT = np.dtype(np.float64)
#: Numbers that :func:`facts_group` finds: ΣΩA², ΣA of what is known, unknown pairs, and pairs that are known.
FACTS = 4


def filled_group(
    source: Any, panels: Panels, group: Group, X: Sequence[NDArray[Any]], ranks: Sequence[int]
) -> tuple[NDArray[Any], ...]:
    """Return the contributions of a group of tiles to Y of each model, and to ΣΩ∘(A − LRᵀ)².

    See :func:`dasknmf.engine.paired.paired_group`. Where pairs are left out of tiles, these contributions lack what
    Grams say of them: :func:`moments_of`.
    """
    return paired_group([_add] * len(ranks), 1, source, panels, group, X, ranks)


def errors_group(
    source: Any, panels: Panels, group: Group, W: Sequence[Any], H: Sequence[Any]
) -> tuple[NDArray[np.float64]]:
    """Return the share of a group of tiles in ΣΩ∘(A − WH)² of each model, in float64, shape (1, models)."""
    return paired_scores(_add, source, panels, group, W, H)


def multiply_known(
    function: Any, source: TileSource, panels: Panels, group: Group, X: Sequence[NDArray[Any]], *more: Any
) -> tuple[NDArray[Any], ...]:
    """Return the contributions of a group to the product with A, of which unknown entries are taken as zero."""
    made: tuple[NDArray[Any], ...] = function(Seen(source), panels, group, X, *more)
    return made


def _add(
    tile: SparseKnown | DenseKnown,
    pair_i: Pair,
    pair_j: Pair,
    Y_i: NDArray[Any],
    Y_j: NDArray[Any],
    *,
    diagonal: bool,
) -> tuple[float]:
    return (add_filled(tile, pair_i, pair_j, Y_i, Y_j, diagonal=diagonal),)


def add_filled(
    tile: SparseKnown | DenseKnown,
    pair_i: Pair,
    pair_j: Pair,
    Y_i: NDArray[Any],
    Y_j: NDArray[Any],
    *,
    diagonal: bool,
) -> float:
    """Add F_ij R_j to Y_i and, off the diagonal, F_ji R_i to Y_j, of one tile and model, and return ΣΩ∘(A − LRᵀ)².

    Parameters
    ----------
    tile : SparseKnown or DenseKnown
        Tile (i, j). Of a sparse one with ``absent`` 0, Ω∘(A − LRᵀ) takes the place of F.
    pair_i, pair_j : pairs of ndarray, shapes (rows, k) and (columns, k)
        L and R, of one stride.
    Y_i, Y_j : ndarray of the same type and shapes
        Rows of the sums, changed in place.
    diagonal : bool
        Tile (i, i).

    Returns
    -------
    float
        The sum over the tile and, off the diagonal, its mirror image; of a sparse tile with ``absent`` 1 less
        Σ(LRᵀ)² over the pairs it lists.
    """
    # an overflow shows in the objective, where the driver turns it into one clear error
    with np.errstate(over="ignore", invalid="ignore"):
        if isinstance(tile, SparseKnown):
            from dasknmf.engine.compiled_filled import add_sparse_filled

            return add_sparse_filled(tile, pair_i, pair_j, Y_i, Y_j, diagonal=diagonal)
        return _add_dense_filled(tile, pair_i, pair_j, Y_i, Y_j, diagonal=diagonal)


def _add_dense_filled(
    tile: DenseKnown, pair_i: Pair, pair_j: Pair, Y_i: NDArray[Any], Y_j: NDArray[Any], *, diagonal: bool
) -> float:
    """Work on a block of rows and columns at a time."""
    from dasknmf.engine.compiled_filled import fill_dense

    (L_i, R_i), (L_j, R_j) = pair_i, pair_j
    # BLAS is a tenth faster on the right operand in this order
    Lt_j, Rt_j = np.ascontiguousarray(L_j.T), np.ascontiguousarray(R_j.T)
    height, width = tile.shape
    room = np.empty(ROWS * COLUMNS, dtype=Y_i.dtype)
    exact = np.zeros(width)
    for top in range(0, height, ROWS):
        rows = slice(top, min(top + ROWS, height))
        A, weight = tile.strip(rows, Y_i.dtype)
        for left in range(0, width, COLUMNS):
            columns = slice(left, min(left + COLUMNS, width))
            shape = rows.stop - rows.start, columns.stop - columns.start
            D = room[: shape[0] * shape[1]].reshape(shape)
            np.matmul(L_i[rows], Rt_j[:, columns], out=D)
            fill_dense(A, weight, left, D, exact[columns])
            Y_i[rows] += D @ R_j[columns]
            if not diagonal:
                np.matmul(R_i[rows], Lt_j[:, columns], out=D)
                fill_dense(A, weight, left, D, exact[columns])
                Y_j[columns] += D.T @ R_i[rows]
    return float(exact.sum())


def moments_of(X: NDArray[Any], ranks: Sequence[int]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return a row panel's share of LᵀL and RᵀR of each model, one below the other, shapes (Σk, largest k)."""
    left, right = (np.zeros((sum(ranks), max(ranks))) for _ in range(2))
    first = 0
    for k, place in zip(ranks, places(ranks), strict=True):
        for made, columns in ((left, place.left), (right, place.right)):
            F = X[:, columns].astype(EXACT)
            made[first : first + k, :k] = F.T @ F
        first += k
    return left, right


def moments_of_factors(W: Sequence[Any], H: Sequence[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return a row panel's share of WᵀW and HHᵀ of each model, as :func:`moments_of` does."""
    ranks = [F.shape[1] for F in W]
    return moments_of(beside(list(zip(W, H, strict=True)), len(W[0]), EXACT), ranks)


def with_own(
    made: NDArray[Any], X: NDArray[Any], right: NDArray[np.float64], ranks: Sequence[int]
) -> NDArray[Any]:
    """Return Y with L·(RᵀR) added, where tiles gave Ω∘(A − LRᵀ) in the place of F."""
    full = made.copy()
    first = 0
    for k, place in zip(ranks, places(ranks), strict=True):
        gram = right[first : first + k, :k].astype(X.dtype)
        full[:, place.made] += np.ascontiguousarray(X[:, place.left]) @ gram
        first += k
    return full


def with_moments(
    sums: NDArray[np.float64],
    left: NDArray[np.float64],
    right: NDArray[np.float64],
    ranks: Sequence[int],
) -> NDArray[np.float64]:
    """Return sums with ⟨LᵀL, RᵀR⟩ = ‖LRᵀ‖² of each model added, shape (models, 1)."""
    cuts = np.cumsum([0, *ranks[:-1]])
    return np.asarray(sums + np.add.reduceat((left * right).sum(axis=1), cuts)[:, None])


def facts_group(source: Any, panels: Panels, group: Group) -> tuple[NDArray[np.float64], ...]:
    """Return what a group of tiles says of A and Ω by themselves.

    Returns
    -------
    tuple of ndarray of float64
        For each of ``group.panels``, the known diagonal of A, shape (rows of panel, 1); then ``FACTS`` numbers,
        shape (1, FACTS), of which the last two count pairs i ≤ j that are listed.

    Raises
    ------
    InputError
        If a weight is not between 0 and 1.
    """
    diagonals = {q: np.zeros((panels.rows[q], 1)) for q in group.panels}
    facts = np.zeros((1, FACTS))
    for i, j, tile in tiles_of(source, group):
        q, rows = panels.place(i)
        genes = panels.genes(i).start, panels.genes(j).start
        for part in _parts(tile):
            value, weight, row, column = part
            _check(weight, row, column, genes)
            own = row == column if i == j else np.zeros(1, dtype=bool)
            upper = row <= column if i == j else np.ones(1, dtype=bool)
            # whole tiles on the diagonal have each pair twice, as those off it stand for two
            share = np.where(upper, np.where(own, 1.0, 2.0), 0.0)
            known = weight > 0
            exact = value.astype(EXACT)
            facts[0] += (
                float((share * weight * exact**2).sum()),
                float((share * known * exact).sum()),
                float((upper & ~known).sum()),
                float((upper & known).sum()),
            )
            if i == j:
                at = np.broadcast_to(own, known.shape) & known
                diagonals[q][rows.start + np.broadcast_to(row, known.shape)[at], 0] = exact[at]
    return (*diagonals.values(), facts)


def _parts(tile: SparseKnown | DenseKnown) -> Any:
    """Yield values, weights, rows and columns of a tile, that broadcast against each other."""
    if isinstance(tile, SparseKnown):
        yield tile.value, tile.weight, rows_of(tile.pointer), tile.column.astype(np.int64)
        return
    step = max(1, STRIP // tile.shape[1])
    for top in range(0, tile.shape[0], step):
        rows = slice(top, min(top + step, tile.shape[0]))
        yield (
            *tile.strip(rows, EXACT),
            np.arange(rows.start, rows.stop)[:, None],
            np.arange(tile.shape[1])[None, :],
        )


def _check(
    weight: NDArray[Any], row: NDArray[np.int64], column: NDArray[np.int64], genes: tuple[int, int]
) -> None:
    bad = ~((weight >= 0) & (weight <= 1))
    if not bad.any():
        return
    at = tuple(np.argwhere(bad)[0])
    i, j = (int(np.broadcast_to(index, weight.shape)[at]) for index in (row, column))
    # a weight that is not a number is not the largest
    largest = float(np.nanmax(np.where(np.isfinite(weight), weight, 0)))
    remedy = (
        f"divide all by the largest, {largest:g} or more" if largest > 1 else "0 is missing, 1 counts in full"
    )
    msg = f"weights: entry ({i + genes[0]}, {j + genes[1]}) is {weight[at]:g}; needs numbers from 0 to 1: {remedy}"
    raise InputError(msg)
