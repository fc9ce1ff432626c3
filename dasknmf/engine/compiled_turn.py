"""Products of a dense tile turned into ratios, compiled: one pass over a block that BLAS has just made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numba
import numpy as np
from numba.core import types

from dasknmf.compiling import compiled_for, once
from dasknmf.engine.ratio_vectors import turn

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

#: Numbers in a vector of ratios: whole registers of float32 where there are 512 bits.
LANES = 16


def dense_turner(
    tile: NDArray[Any],
    room: NDArray[Any],
    exact: NDArray[np.float64],
    least: float,
    *,
    both: bool,
    scored: bool,
) -> Callable[[slice, slice], None]:
    """Return what turns the products of a block of a dense tile into ratios, in place, and adds to ``exact``.

    Addresses are looked up once: at some 50,000 entries a call that would take as long as a tenth of the work.

    Parameters
    ----------
    tile : ndarray, shape (rows, columns)
        Entries of A; rows lie in one piece.
    room : ndarray of the same type, shape (2, most entries of a block)
        Its rows begin with L_i R_jᵀ and, if there are ``both``, (L_j R_iᵀ)ᵀ of the block, as if it were alone.
    exact : ndarray of float64, shape (2, columns)
        By column, Σ A log(A / D) and Σ A D, of both products.
    least : float
        What products are raised to.
    both, scored : bool
        Whether the tile is off the diagonal, and whether anything is added to ``exact``.
    """
    dtype = room.dtype
    kernel, like, least = _kernel(dtype), np.empty(0, dtype), dtype.type(least)
    size, row = dtype.itemsize, tile.strides[0]
    at, (ij, ji), sums = tile.ctypes.data, (part.ctypes.data for part in room), exact.ctypes.data

    def turn_block(rows: slice, columns: slice) -> None:
        width = columns.stop - columns.start
        first = at + rows.start * row + columns.start * size
        kernel(
            like,
            *(
                rows.stop - rows.start,
                width,
                both,
                scored,
                least,
                first,
                row,
                ij,
                width * size,
                ji,
                width * size,
            ),
            *(sums + columns.start * 8, exact.strides[0]),
        )

    return turn_block


@once
def _kernel(dtype: np.dtype[Any]) -> Callable[..., None]:
    """Return the kernel for this type, compiled at the first use unless it is on disk."""
    real = numba.from_dtype(dtype)
    numbers = [types.intp, types.intp, types.boolean, types.boolean, real, *[types.intp] * 8]
    return compiled_for(_dense, types.void(types.Array(real, 1, "C"), *numbers))


# What follows is compiled. Arrays come as an address and the bytes from row to row.


def _dense(
    like, rows, columns, both, scored, least, a, a_step, d_ij, ij_step, d_ji, ji_step, exact, exact_step
):
    """Turn the products of a block of a dense tile into ratios, vector by vector of columns."""
    size = like.itemsize
    for _ in range(rows):
        first = 0
        while first < columns:
            at, sums = first * size, exact + first * 8
            whole = columns - first >= LANES
            _turn(whole, both, scored, a + at, d_ij + at, d_ji + at, least, sums, sums + exact_step, like)
            first += LANES if whole else 1
        a += a_step
        d_ij += ij_step
        d_ji += ji_step


@numba.njit(nogil=True)
def _turn(whole, both, scored, a, d_ij, d_ji, least, logs, cross, like):
    """Turn a vector, or one number at the end of a row."""
    if whole and both and scored:
        turn(LANES, 2, 1, a, d_ij, d_ji, least, logs, cross, like)
    elif whole and both:
        turn(LANES, 2, 0, a, d_ij, d_ji, least, logs, cross, like)
    elif whole and scored:
        turn(LANES, 1, 1, a, d_ij, d_ij, least, logs, cross, like)
    elif whole:
        turn(LANES, 1, 0, a, d_ij, d_ij, least, logs, cross, like)
    elif both and scored:
        turn(1, 2, 1, a, d_ij, d_ji, least, logs, cross, like)
    elif both:
        turn(1, 2, 0, a, d_ij, d_ji, least, logs, cross, like)
    elif scored:
        turn(1, 1, 1, a, d_ij, d_ij, least, logs, cross, like)
    else:
        turn(1, 1, 0, a, d_ij, d_ij, least, logs, cross, like)
