"""Codes of a dense tile to float32 weights: weight = code × scale.

Compiled, since numpy takes about as long to make the 16 MiB of a tile as reading them: on two threads 1 ms a tile
here, with numpy 2 ms from integers (two passes over memory) and 12 ms from float16 (one number at a time). Numba is
loaded with the first coded tile.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from dasknmf.compiling import compiled

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray


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
    kind = flat.dtype.kind
    # float16 is given as its bits
    _kernel(kind)(flat.view(np.uint16) if kind == "f" else flat, np.float32(scale), weights.reshape(-1))
    return weights


@cache
def _kernel(kind: str) -> Callable[..., None]:
    return compiled(_from_half if kind == "f" else _from_integer)


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
