"""Filled products with the entries of a tile, compiled; and sparse tiles of A and of weights put together.

An entry a of weight w, where the model says d, is worth d + w(a − d) to a product with a matrix whose unknown entries
are the model's own, and w(a − d)² to the objective. Every sum has an order of its own: bits do not depend on threads,
nor on what other models are there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numba
import numpy as np
from numba.core import types

from dasknmf.compiling import compiled, compiled_for, once
from dasknmf.engine.compiled_ratio import BLOCK, dots_of_row, spread_row

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from dasknmf.engine.known import SparseKnown


def add_sparse_filled(
    tile: SparseKnown,
    pair_i: tuple[NDArray[Any], NDArray[Any]],
    pair_j: tuple[NDArray[Any], NDArray[Any]],
    Y_i: NDArray[Any],
    Y_j: NDArray[Any],
    *,
    diagonal: bool,
) -> float:
    """Add what a sparse tile gives; see :func:`dasknmf.engine.filled.add_filled`."""
    dtype, k = Y_i.dtype, Y_i.shape[1]
    pointer, column, value, weight = (
        np.require(array, requirements=["C", "A"])
        for array in (tile.pointer, tile.column, tile.value, tile.weight)
    )
    room, exact = np.zeros(2 * BLOCK, dtype), np.zeros(1)
    _kernel(dtype, value.dtype)(
        pointer,
        column,
        value,
        weight,
        room,
        exact,
        k,
        dtype.type(tile.absent),
        diagonal,
        *(pair_i[0].ctypes.data, pair_i[1].ctypes.data, pair_i[0].strides[0]),
        *(Y_i.ctypes.data, Y_i.strides[0]),
        *(pair_j[0].ctypes.data, pair_j[1].ctypes.data, pair_j[0].strides[0]),
        *(Y_j.ctypes.data, Y_j.strides[0]),
    )
    return float(exact[0])


@once
def _kernel(dtype: np.dtype[Any], weight: np.dtype[Any]) -> Callable[..., None]:
    """Return the kernel for these types, compiled at the first use unless it is on disk."""
    real = numba.from_dtype(dtype)
    constant = [
        types.Array(numba.from_dtype(np.dtype(kind)), 1, "C", readonly=True)
        for kind in (np.uint32, np.uint16, weight, weight)
    ]
    rooms = [types.Array(kind, 1, "C") for kind in (real, types.float64)]
    signature = types.void(*constant, *rooms, types.intp, real, types.boolean, *[types.intp] * 10)
    return compiled_for(_sparse, signature)


# What follows is compiled. In the first, arrays of L, R and Y come as an address and the bytes from row to row.


def _sparse(
    pointer,
    column,
    value,
    weight,
    room,
    exact,
    k,
    absent,
    diagonal,
    l_i,
    r_i,
    s_i,
    y_i,
    ys_i,
    l_j,
    r_j,
    s_j,
    y_j,
    ys_j,
):
    """Work on the entries of a sparse tile row by row, a block at a time: products, what they become, sums.

    Pairs that are not listed have the weight ``absent``. Where that is 1, what they give is the rest of the Gram
    of L and R, of which these entries take out d²; where it is 0, they take out d of the Gram's product.
    """
    d_ij, d_ji = room[:BLOCK], room[BLOCK:]
    ij = np.intp(room.ctypes.data)
    ji = ij + BLOCK * room.itemsize
    total = 0.0
    for row in range(len(pointer) - 1):
        end = np.intp(pointer[row + 1])
        for a in range(np.intp(pointer[row]), end, BLOCK):
            b = min(end, a + BLOCK)
            d_ij[: b - a] = 0
            d_ji[: b - a] = 0
            at = row * s_i
            dots_of_row(column, a, b, k, l_i + at, r_i + at, l_j, r_j, s_j, ij, ji, room)
            for e in range(a, b):
                v, w = value[e], weight[e]
                there, back = d_ij[e - a], d_ji[e - a]
                total += _score(v, w, there, absent)
                d_ij[e - a] = w * v + (absent - w) * there
                if diagonal and column[e] == row:
                    # A_ii is there once
                    d_ji[e - a] = 0
                else:
                    total += _score(v, w, back, absent)
                    d_ji[e - a] = w * v + (absent - w) * back
            spread_row(column, a, b, k, r_i + at, y_i + row * ys_i, r_j, s_j, y_j, ys_j, ij, ji, room)
    exact[0] = total


@numba.njit(nogil=True)
def _score(v, w, d, absent):
    apart, model = np.float64(v) - np.float64(d), np.float64(d)
    return np.float64(w) * (apart * apart) - np.float64(absent) * (model * model)


@compiled
def fill_dense(
    tile: NDArray[Any],
    weight: NDArray[Any],
    first: int,
    D: NDArray[Any],
    exact: NDArray[np.float64],
) -> None:
    """Turn products of a block into D + Ω∘(A − D), in place, and add Ω∘(A − D)² to ``exact``, by column.

    Parameters
    ----------
    tile, weight : ndarray, shape (rows, all columns)
        Strips of A and of Ω.
    first : int
        The first column of the block.
    D : ndarray, shape (rows, columns)
        What the model says.
    exact : ndarray of float64, shape (columns,)
        Sums.
    """
    rows, columns = D.shape
    for r in range(rows):
        for c in range(columns):
            d = D[r, c]
            apart = tile[r, first + c] - d
            more = weight[r, first + c] * apart
            exact[c] += np.float64(more) * np.float64(apart)
            D[r, c] = d + more


@compiled
def merge(
    tile: tuple[Any, ...],
    weights: tuple[Any, ...],
    missing: bool,  # noqa: FBT001 - compiled functions take their arguments by place
    ignored: bool,  # noqa: FBT001
) -> tuple[NDArray[np.uint32], NDArray[np.uint16], NDArray[Any], NDArray[Any]]:
    """Return pointer, column, value and weight of the pairs of two sparse tiles.

    Each comes as pointer, column and value; columns are in order. With ``missing``, there are the pairs of both, with
    weight 0 where the second has one that is not zero, otherwise 1; else those of the second, with its weights.
    ``ignored`` gives the diagonal of the tile weight 0.
    """
    a_pointer, a_column, a_value = tile
    w_pointer, w_column, w_value = weights
    rows = len(a_pointer) - 1
    most = len(a_column) + len(w_column) + (rows if ignored else 0)
    pointer = np.zeros(rows + 1, np.uint32)
    column = np.empty(most, np.uint16)
    value, weight = np.empty(most, a_value.dtype), np.empty(most, a_value.dtype)
    count = 0
    none = 2**31
    for row in range(rows):
        a, a_end = np.int64(a_pointer[row]), np.int64(a_pointer[row + 1])
        w, w_end = np.int64(w_pointer[row]), np.int64(w_pointer[row + 1])
        own = row if ignored and missing else none
        while True:
            left = np.int64(a_column[a]) if a < a_end else none
            right = np.int64(w_column[w]) if w < w_end else none
            here = min(left, right, own)
            if here == none:
                break
            v, m, there = a_value.dtype.type(0), a_value.dtype.type(1 if missing else 0), missing
            if left == here:
                v = a_value[a]
                a += 1
            if right == here:
                m = a_value.dtype.type(w_value[w] == 0) if missing else w_value[w]
                there = True
                w += 1
            if own == here:
                own = none
                m = a_value.dtype.type(0)
            if there and not (ignored and not missing and here == row):
                # what is unknown is nothing, whatever stands there
                column[count], value[count], weight[count] = here, v if m != 0 else 0, m
                count += 1
        pointer[row + 1] = count
    return pointer, column[:count].copy(), value[:count].copy(), weight[:count].copy()
