"""Ratios with the entries of a sparse tile, compiled: dot products, then ratios, then what they add to rows.

A tile is worked on a block of entries at a time, so that rows of L and R that were read for the dot products are still
near when the ratios are added. Every sum has an order of its own: bits do not depend on threads, nor on what other
models are there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numba
import numpy as np
from numba.core import types

from dasknmf.compiling import compiled_for, once
from dasknmf.engine.compiled_turn import LANES
from dasknmf.engine.ratio_vectors import dots, spread, turn

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from dasknmf.network.sparse_tile import SparseTile

#: Entries of a block: their rows of L and R, 64 KiB at k = 32, and what they are multiplied into stay in a 1 MiB cache.
BLOCK = 256
#: Columns of L and R in a vector.
WIDEST = 32


def add_sparse_ratios(
    tile: SparseTile,
    pair_i: tuple[NDArray[Any], NDArray[Any]],
    pair_j: tuple[NDArray[Any], NDArray[Any]],
    Y_i: NDArray[Any],
    Y_j: NDArray[Any],
    least: float,
    *,
    diagonal: bool,
    counts: bool,
    scored: bool,
) -> tuple[float, float]:
    """Add the ratios of a sparse tile; see :func:`dasknmf.engine.ratio.add_ratios`."""
    dtype, k = Y_i.dtype, Y_i.shape[1]
    pointer, column, weight = (
        np.require(array, requirements=["C", "A"]) for array in (tile.pointer, tile.column, tile.weight)
    )
    room, exact = np.zeros(4 * BLOCK, dtype), np.zeros(2 * BLOCK + 2)
    (l_i, r_i), (l_j, r_j) = (_addresses(*pair) for pair in (pair_i, pair_j))
    _kernel(dtype, weight.dtype)(
        pointer,
        column,
        weight,
        room,
        exact,
        k,
        dtype.type(least),
        diagonal,
        counts,
        scored,
        *(l_i, r_i, pair_i[0].strides[0], Y_i.ctypes.data, Y_i.strides[0]),
        *(l_j, r_j, pair_j[0].strides[0], Y_j.ctypes.data, Y_j.strides[0]),
    )
    logs, cross = exact[:BLOCK], exact[BLOCK : 2 * BLOCK]
    return float(logs.sum() + exact[-2]), float(cross.sum() + exact[-1])


def _addresses(L: NDArray[Any], R: NDArray[Any]) -> tuple[int, int]:
    return L.ctypes.data, R.ctypes.data


@once
def _kernel(dtype: np.dtype[Any], weight: np.dtype[Any]) -> Callable[..., None]:
    """Return the kernel for these types, compiled at the first use unless it is on disk."""
    real = numba.from_dtype(dtype)
    constant = [
        types.Array(numba.from_dtype(np.dtype(kind)), 1, "C", readonly=True)
        for kind in (np.uint32, np.uint16, weight)
    ]
    rooms = [types.Array(kind, 1, "C") for kind in (real, types.float64)]
    numbers = [types.intp, real, *[types.boolean] * 3, *[types.intp] * 10]
    return compiled_for(_sparse, types.void(*constant, *rooms, *numbers))


# What follows is compiled. Arrays come as an address and the bytes from row to row.


def _sparse(
    pointer,
    column,
    weight,
    room,
    exact,
    k,
    least,
    diagonal,
    counts,
    scored,
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
    """Work on the entries of a sparse tile, a block at a time."""
    rows, entries, size = len(pointer) - 1, np.intp(pointer[len(pointer) - 1]), room.itemsize
    d_ij, w, own = room[:BLOCK], room[2 * BLOCK : 3 * BLOCK], room[3 * BLOCK :]
    ij = np.intp(room.ctypes.data)
    ji, at_w, logs = ij + BLOCK * size, ij + 2 * BLOCK * size, np.intp(exact.ctypes.data)
    first_row = 0
    for first in range(0, entries, BLOCK):
        last = min(entries, first + BLOCK)
        room[:] = 0
        for e in range(first, last):
            w[e - first] = weight[e]
        row = first_row
        while row < rows and np.intp(pointer[row]) < last:
            a, b = max(first, np.intp(pointer[row])), min(last, np.intp(pointer[row + 1]))
            if a < b:
                e, at = a - first, row * s_i
                dots_of_row(
                    column, a, b, k, l_i + at, r_i + at, l_j, r_j, s_j, ij + e * size, ji + e * size, room
                )
                # columns are in order: nothing of a diagonal tile is left of the diagonal
                if diagonal and column[a] == row:
                    value, d = w[e], max(d_ij[e], least)
                    w[e] = 0
                    if counts and value > 0:
                        own[e] = value / d
                        if scored:
                            exact[2 * BLOCK] += np.float64(value) * np.log(np.float64(value) / np.float64(d))
                            exact[2 * BLOCK + 1] += np.float64(value) * np.float64(d)
            row += 1
        for e in range(0, last - first, LANES):
            at, sums = e * size, logs + e * 8
            if scored:
                turn(LANES, 2, 1, at_w + at, ij + at, ji + at, least, sums, sums + BLOCK * 8, room)
            else:
                turn(LANES, 2, 0, at_w + at, ij + at, ji + at, least, sums, sums + BLOCK * 8, room)
        row = first_row
        while row < rows and np.intp(pointer[row]) < last:
            a, b = max(first, np.intp(pointer[row])), min(last, np.intp(pointer[row + 1]))
            if a < b:
                e, at, to = a - first, row * s_i, y_i + row * ys_i
                if diagonal and column[a] == row:
                    # A_ii is there once
                    d_ij[e] = own[e]
                spread_row(
                    column, a, b, k, r_i + at, to, r_j, s_j, y_j, ys_j, ij + e * size, ji + e * size, room
                )
            row += 1
        # its other entries may be in the next block
        first_row = row - 1


@numba.njit(nogil=True)
def dots_of_row(column, a, b, k, l_i, r_i, l_j, r_j, step, d_ij, d_ji, like):
    """Form both products of the entries of a row, vector by vector of columns."""
    first, width = 0, WIDEST
    while first < k:
        while width > k - first:
            width //= 2
        at = first * like.itemsize
        if width == 32:
            dots(32, column, a, b, l_i + at, r_i + at, l_j + at, r_j + at, step, d_ij, d_ji, like)
        elif width == 16:
            dots(16, column, a, b, l_i + at, r_i + at, l_j + at, r_j + at, step, d_ij, d_ji, like)
        elif width == 8:
            dots(8, column, a, b, l_i + at, r_i + at, l_j + at, r_j + at, step, d_ij, d_ji, like)
        elif width == 4:
            dots(4, column, a, b, l_i + at, r_i + at, l_j + at, r_j + at, step, d_ij, d_ji, like)
        elif width == 2:
            dots(2, column, a, b, l_i + at, r_i + at, l_j + at, r_j + at, step, d_ij, d_ji, like)
        else:
            dots(1, column, a, b, l_i + at, r_i + at, l_j + at, r_j + at, step, d_ij, d_ji, like)
        first += width


@numba.njit(nogil=True)
def spread_row(column, a, b, k, r_i, y_i, r_j, step, y_j, y_step, q_ij, q_ji, like):
    """Add the ratios of the entries of a row, vector by vector of columns."""
    first, width = 0, WIDEST
    while first < k:
        while width > k - first:
            width //= 2
        at = first * like.itemsize
        if width == 32:
            spread(32, column, a, b, r_i + at, y_i + at, r_j + at, step, y_j + at, y_step, q_ij, q_ji, like)
        elif width == 16:
            spread(16, column, a, b, r_i + at, y_i + at, r_j + at, step, y_j + at, y_step, q_ij, q_ji, like)
        elif width == 8:
            spread(8, column, a, b, r_i + at, y_i + at, r_j + at, step, y_j + at, y_step, q_ij, q_ji, like)
        elif width == 4:
            spread(4, column, a, b, r_i + at, y_i + at, r_j + at, step, y_j + at, y_step, q_ij, q_ji, like)
        elif width == 2:
            spread(2, column, a, b, r_i + at, y_i + at, r_j + at, step, y_j + at, y_step, q_ij, q_ji, like)
        else:
            spread(1, column, a, b, r_i + at, y_i + at, r_j + at, step, y_j + at, y_step, q_ij, q_ji, like)
        first += width
