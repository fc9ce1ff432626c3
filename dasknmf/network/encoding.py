"""How the weights of a dense tile are kept: float32, or codes of two or one bytes times a scale of the tile.

One rule for all of them: weight = code × scale, in float32. The code is a float16, a uint16 or a uint8; a tile of
zeros has the scale 0, and a weight of zero the code 0, so zeros stay zeros.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from dasknmf.errors import InputError, one_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

Storage = Literal["float32", "float16", "uint16", "uint8"]
STORAGES: tuple[Storage, ...] = get_args(Storage)

#: The largest weight of a tile becomes 2^14 to 2^15 in float16: it cannot overflow (65,504), and weights down to
#: 2^-28 of the largest keep all 11 bits.
_HALF_EXPONENT = 15
#: No product of a code and a scale is subnormal, which some machines flush to zero and others take 100 cycles for:
#: the smallest float16 is 2^-24, the smallest normal float32 2^-126.
_SMALLEST_SCALE = {"float16": 2.0**-102, "uint16": 2.0**-126, "uint8": 2.0**-126}


@dataclass(frozen=True)
class Loss:
    """What coding changed, over both triangles: Σ(A − stored)², ΣA², largest |A − stored|, edges that became 0."""

    error_squares: float = 0.0
    squares: float = 0.0
    largest: float = 0.0
    edges: int = 0

    @property
    def relative(self) -> float:
        """‖A − stored‖ / ‖A‖."""
        return math.sqrt(self.error_squares / self.squares) if self.squares else 0.0


#: Of float32.
NO_LOSS = Loss()


def check_storage(storage: str, layout: str) -> None:
    """Refuse a storage that is not known, or codes in a sparse network.

    Raises
    ------
    InputError
        Saying what can be had.
    """
    one_of("storage", storage, STORAGES)
    if storage != "float32" and layout == "sparse":
        msg = (
            f"storage={storage!r} is for dense networks and this one is sparse, where the weights are half of the "
            "bytes and stay float32; leave --storage out, or ask for --layout dense"
        )
        raise InputError(msg)


def tile_scale(largest: float, storage: Storage) -> np.float32:
    """Return the scale of a tile whose largest weight is given.

    For integers it is largest / 65,535 or / 255; for float16 a power of two, so that scaling rounds nothing.

    Examples
    --------
    >>> float(tile_scale(1.0, "uint8")) == float(np.float32(1 / 255)), float(tile_scale(1.0, "float16")) == 2**-14
    (True, True)
    """
    if largest == 0:
        return np.float32(0)
    smallest = _SMALLEST_SCALE[storage]
    if storage == "float16":
        return np.float32(max(smallest, 2.0 ** (math.frexp(largest)[1] - _HALF_EXPONENT)))
    codes = np.iinfo(storage).max
    scale = np.float32(max(smallest, largest / codes))
    with np.errstate(over="ignore"):
        # rounded up, the scale of the largest float32 would decode to infinity
        return scale if np.isfinite(scale * np.float32(codes)) else np.nextafter(scale, np.float32(0))


def encode(tile: NDArray[np.float32], storage: Storage, *, where: str) -> tuple[NDArray[Any], np.float32]:
    """Return the codes of a tile, and its scale.

    Parameters
    ----------
    tile : ndarray of float32
        Finite, non-negative weights.
    storage : {"float16", "uint16", "uint8"}
        What the codes are.
    where : str
        The tile, for messages.

    Raises
    ------
    InputError
        If a weight is negative or not finite: there is no code for it.
    """
    # minimum and maximum are NaN if anything is
    low, high = (float(tile.min()), float(tile.max())) if tile.size else (0.0, 0.0)
    if not (low >= 0 and math.isfinite(high)):
        found = f"{low:g}" if not low >= 0 else f"{high:g}"
        msg = (
            f"{where}: a weight is {found}; storage={storage!r} needs finite weights of at least 0: "
            "mend them, or leave storage out"
        )
        raise InputError(msg)
    scale = tile_scale(high, storage)
    if scale == 0:
        return np.zeros(tile.shape, dtype=storage), scale
    with np.errstate(under="ignore"):
        scaled = tile / scale
        if storage == "float16":
            return scaled.astype(np.float16), scale
    np.rint(scaled, out=scaled)
    # the scale itself was rounded, so the largest weight may be a little more than the last code
    np.minimum(scaled, np.float32(np.iinfo(storage).max), out=scaled)
    return scaled.astype(storage), scale


def tile_loss(given: NDArray[np.float32], stored: NDArray[np.float32], *, diagonal: bool) -> Loss:
    """Return what coding changed in a tile; one off the diagonal counts twice, as its mirror image does."""
    twice = 1 if diagonal else 2
    lost = (given != 0) & (stored == 0)
    edges = int(np.count_nonzero(np.triu(lost, 1) if diagonal else lost))
    exact = given.astype(np.float64)
    difference = exact - stored
    largest = max(float(difference.max(initial=0)), -float(difference.min(initial=0)))
    squares = (twice * float(np.square(x, out=x).sum()) for x in (difference, exact))
    return Loss(next(squares), next(squares), largest, edges)
