"""The product with a sparse tile, compiled: each entry is read once and both of its products are added.

This is the only room that knows numba; it is imported when the first sparse tile is multiplied. A row of the
tile is one loop over its entries, on vectors of ``width`` columns of X: written out for each width, since the
compiler does not find these vectors by itself, and then takes two to three times as long. Every element of the
result is a sum in the order of the entries, each product rounded before it is added, whatever the width: bits
do not depend on how columns are cut, on the processor, or on threads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numba
import numpy as np
from numba.core import types

from dasknmf.compiling import compiled_for, once
from dasknmf.engine.vectors import move, row

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from dasknmf.network.sparse_tile import SparseTile

#: Columns in a vector: with two such vectors, 32 float32 columns fill the registers of most processors.
WIDEST = 32
#: Bytes of a cache line. A row of X that begins on one touches as few of them as it can.
LINE = 64
#: From so many entries a row or column on, columns are gathered into a block of their own before they are
#: multiplied: full vectors that begin on cache lines are worth the copies.
DENSE_ENOUGH = 8


def add_sparse_products(
    tile: SparseTile,
    X_i: NDArray[Any],
    X_j: NDArray[Any],
    Y_i: NDArray[Any],
    Y_j: NDArray[Any],
    *,
    diagonal: bool,
) -> None:
    """Add A_ij X_j to Y_i and A_ijᵀ X_i to Y_j, where the tile holds entries of A_ij.

    Parameters
    ----------
    tile : SparseTile
        Tile (i, j).
    X_i, X_j : ndarray of float32 or float64, shapes (rows, K) and (columns, K)
        Rows of X.
    Y_i, Y_j : ndarray of the same type and shapes
        Rows of the sums, changed in place.
    diagonal : bool
        Tile (i, i), of which only row ≤ column is there; ``X_j`` and ``Y_j`` are then ``X_i`` and ``Y_i``.
    """
    dtype, k = Y_i.dtype, Y_i.shape[1]
    X_i, X_j = (_in_rows(X, dtype) for X in (X_i, X_j))
    pointer, column, weight = (_in_place(array) for array in (tile.pointer, tile.column, tile.weight))
    rows, columns = tile.shape
    gathered = len(column) >= DENSE_ENOUGH * (rows + columns) and not (
        _is_vector(k) and _on_lines(X_j) and _on_lines(Y_j)
    )
    size = 2 * (rows + columns) * min(WIDEST, _padded(k)) if gathered else 0
    room = np.zeros(size + LINE // dtype.itemsize, dtype=dtype)
    room = room[-room.ctypes.data % LINE // dtype.itemsize :]
    _kernel(dtype, weight.dtype)(
        pointer, column, weight, room, columns, k, gathered, diagonal, *_places(X_i, Y_i, X_j, Y_j)
    )


def _in_place(array: NDArray[Any]) -> NDArray[Any]:
    """Return an array, or a copy where it came from another process to an odd address."""
    flags = array.flags
    return array if flags.c_contiguous and flags.aligned else np.require(array, requirements=["C", "A"])


def _in_rows(X: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return an array, or a copy, of which rows lie in one piece and at proper addresses."""
    if X.dtype == dtype and X.flags.aligned and (X.shape[1] < 2 or X.strides[1] == dtype.itemsize):
        return X
    return np.require(X, dtype, ["C", "A"])


def _is_vector(k: int) -> bool:
    return k <= WIDEST and k == _padded(k)


def _padded(k: int) -> int:
    """Return the width of the smallest vector that holds ``k`` columns."""
    return 1 << max(0, k - 1).bit_length()


def _on_lines(array: NDArray[Any]) -> bool:
    return (
        array.ctypes.data % LINE == 0 and array.strides[0] % min(LINE, array.itemsize * array.shape[1]) == 0
    )


def _places(*arrays: NDArray[Any]) -> tuple[int, ...]:
    """Return address and bytes from row to row, of each."""
    return tuple(number for array in arrays for number in (array.ctypes.data, array.strides[0]))


@once
def _kernel(dtype: np.dtype[Any], weight: np.dtype[Any]) -> Callable[..., None]:
    """Return the kernel for X and weights of these types, compiled at the first use unless it is on disk."""
    constant = [
        types.Array(numba.from_dtype(np.dtype(kind)), 1, "C", readonly=True)
        for kind in (np.uint32, np.uint16, weight)
    ]
    room = types.Array(numba.from_dtype(dtype), 1, "C")
    numbers = [types.intp] * 2 + [types.boolean] * 2 + [types.intp] * 8
    signature = types.void(*constant, room, *numbers)
    return compiled_for(_multiply, signature)


# What follows is compiled. Arrays of X and Y come as an address and the bytes from row to row.


def _multiply(
    pointer, column, weight, room, columns, k, gathered, diagonal, x_i, xs_i, y_i, ys_i, x_j, xs_j, y_j, ys_j
):
    """Multiply in place, or with one vector of columns at a time gathered in ``room``; the bits are the same."""
    if not gathered:
        _rows(pointer, column, weight, k, diagonal, x_i, xs_i, y_i, ys_i, x_j, xs_j, y_j, ys_j, room)
        return
    rows, size = len(pointer) - 1, room.itemsize
    first, width = 0, WIDEST
    while first < k:
        left = k - first
        while width >= 2 * left:
            width //= 2
        here, at, step = min(width, left), first * size, width * size
        ragged = here < width
        if ragged:
            room[:] = 0
        c_x = np.intp(room.ctypes.data)
        c_y = c_x + columns * step
        _copy(columns, here, x_j + at, xs_j, c_x, step, room)
        _copy(columns, here, y_j + at, ys_j, c_y, step, room)
        r_x, rs_x, r_y, rs_y = x_i + at, xs_i, y_i + at, ys_i
        if diagonal:
            r_x, rs_x, r_y, rs_y = c_x, step, c_y, step
        elif ragged:
            r_x = c_y + columns * step
            r_y = r_x + rows * step
            rs_x = rs_y = step
            _copy(rows, here, x_i + at, xs_i, r_x, step, room)
            _copy(rows, here, y_i + at, ys_i, r_y, step, room)
        _rows(pointer, column, weight, width, diagonal, r_x, rs_x, r_y, rs_y, c_x, step, c_y, step, room)
        _copy(columns, here, c_y, step, y_j + at, ys_j, room)
        if ragged and not diagonal:
            _copy(rows, here, r_y, step, y_i + at, ys_i, room)
        first += here


@numba.njit(nogil=True)
def _rows(pointer, column, weight, k, diagonal, x_i, xs_i, y_i, ys_i, x_j, xs_j, y_j, ys_j, like):
    """Multiply row by row: all columns of X for a row's entries while they are near."""
    widest = WIDEST
    while widest > k:
        widest //= 2
    for r in range(len(pointer) - 1):
        a, b = np.intp(pointer[r]), np.intp(pointer[r + 1])
        if a == b:
            continue
        # columns are in order: nothing of a diagonal tile is left of the diagonal
        on = diagonal and column[a] == r
        x, y, cx, cy = x_i + r * xs_i, y_i + r * ys_i, x_j, y_j
        left, width = k, widest
        while left:
            while width > left:
                width //= 2
            if width == 32:
                row(32, column, weight, a, b, on, x, y, cx, xs_j, cy, ys_j, like)
            elif width == 16:
                row(16, column, weight, a, b, on, x, y, cx, xs_j, cy, ys_j, like)
            elif width == 8:
                row(8, column, weight, a, b, on, x, y, cx, xs_j, cy, ys_j, like)
            elif width == 4:
                row(4, column, weight, a, b, on, x, y, cx, xs_j, cy, ys_j, like)
            elif width == 2:
                row(2, column, weight, a, b, on, x, y, cx, xs_j, cy, ys_j, like)
            else:
                row(1, column, weight, a, b, on, x, y, cx, xs_j, cy, ys_j, like)
            step = width * like.itemsize
            x, y, cx, cy = x + step, y + step, cx + step, cy + step
            left -= width


@numba.njit(nogil=True)
def _copy(rows, k, source, source_step, target, target_step, like):
    """Copy rows of ``k`` columns, in vectors."""
    first, width = 0, WIDEST
    while first < k:
        while width > k - first:
            width //= 2
        s, t = source + first * like.itemsize, target + first * like.itemsize
        for _ in range(rows):
            if width == 32:
                move(32, s, t, like)
            elif width == 16:
                move(16, s, t, like)
            elif width == 8:
                move(8, s, t, like)
            elif width == 4:
                move(4, s, t, like)
            elif width == 2:
                move(2, s, t, like)
            else:
                move(1, s, t, like)
            s += source_step
            t += target_step
        first += width
