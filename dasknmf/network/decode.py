"""Codes of a dense tile to float32 weights: weight = code × scale.

Compiled, since numpy takes about as long to make the 16 MiB of a tile as reading them: on two threads 1 ms a tile
here, with numpy 2 ms from integers (two passes over memory) and 12 ms from float16 (one number at a time). Numba is
loaded with the first coded tile.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

_compiling = threading.Lock()
_kernels: dict[str, Callable[..., None]] = {}


def decode(codes: NDArray[Any], scale: np.float32) -> NDArray[np.float32]:
    """Return the weights of a tile, in an array of their own; other threads run meanwhile.

    Parameters
    ----------
    codes : ndarray of float16, uint16 or uint8
        As stored.
    scale : float32
        That of the tile.

    Examples
    --------
    >>> decode(np.array([[0, 255], [51, 0]], dtype=np.uint8), np.float32(1 / 255)).round(3).tolist()
    [[0.0, 1.0], [0.20000000298023224, 0.0]]
    """
    if scale == 0:
        return np.zeros(codes.shape, dtype=np.float32)
    # a tile at the edge is a view of a padded chunk
    flat = np.require(codes, codes.dtype.newbyteorder("="), ["C", "A"]).reshape(-1)
    weights = np.empty(codes.shape, dtype=np.float32)
    kernel = _kernel(flat.dtype.name)
    kernel(flat.view(np.uint16) if flat.dtype == np.float16 else flat, np.float32(scale), weights.reshape(-1))
    return weights


def _kernel(storage: str) -> Callable[..., None]:
    """Return the kernel for these codes, compiled at the first use unless it is on disk."""
    if storage not in _kernels:
        with _compiling:
            if storage not in _kernels:
                _kernels[storage] = _compile(storage)
    return _kernels[storage]


def _compile(storage: str) -> Callable[..., None]:
    import numba
    from numba.core import types

    kind = types.uint8 if storage == "uint8" else types.uint16
    signature = types.void(
        types.Array(kind, 1, "C", readonly=True), types.float32, types.Array(types.float32, 1, "C")
    )
    loop = _from_half if storage == "float16" else _from_integer
    try:
        made: Callable[..., None] = numba.njit(signature, nogil=True, cache=True)(loop)
    except (RuntimeError, OSError):
        # no folder to keep machine code in: neither beside this file nor in the user's cache
        made = numba.njit(signature, nogil=True)(loop)
    return made


# What follows is compiled.


def _from_half(codes: Any, scale: Any, weights: Any) -> None:
    """Decode float16, given as its bits; the sign is never set."""
    for at in range(codes.size):
        bits = np.uint32(codes[at])
        # 10 bits of fraction become 23, and the exponent's bias of 15 one of 127; a number below 2^-14 is a
        # multiple of 2^-24. Both are worked out and one is taken, so that the loop is done in vectors
        normal = np.uint32((bits << np.uint32(13)) + np.uint32(112 << 23)).view(np.float32)
        small = np.float32(bits) * np.float32(2.0**-24)
        weights[at] = (small if bits < 1024 else normal) * scale


def _from_integer(codes: Any, scale: Any, weights: Any) -> None:
    for at in range(codes.size):
        weights[at] = np.float32(codes[at]) * scale
