"""What models ask of a ratio sweep, L and R of each, as one array of rows [L | R], each padded to whole vectors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dasknmf.engine.kernels import zeros_on_lines

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

#: L and R of one model.
Pair = tuple[Any, Any]


@dataclass(frozen=True)
class Place:
    """Where a model is in arrays of pairs, and in those of Y."""

    left: slice
    right: slice
    made: slice


def padded(k: int) -> int:
    """Return the columns that ``k`` columns take: whole cache lines of [L | R], or few.

    Examples
    --------
    >>> [padded(k) for k in (1, 2, 3, 5, 20, 32)]
    [1, 2, 4, 8, 24, 32]
    """
    return -(-k // 8) * 8 if k > 4 else 1 << max(0, k - 1).bit_length()


def places(ranks: Sequence[int]) -> list[Place]:
    """Return where models of these ranks are."""
    found, first = [], 0
    for k in ranks:
        width = padded(k)
        start = 2 * first
        found.append(
            Place(slice(start, start + k), slice(start + width, start + width + k), slice(first, first + k))
        )
        first += width
    return found


def made_columns(ranks: Sequence[int]) -> int:
    """Return the columns of Y of models of these ranks."""
    return sum(padded(k) for k in ranks)


def beside(pairs: Sequence[Pair], rows: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Put the pairs (L, R) of models side by side."""
    ranks = [L.shape[1] for L, _ in pairs]
    made = zeros_on_lines((rows, 2 * made_columns(ranks)), dtype)
    for (L, R), place in zip(pairs, places(ranks), strict=True):
        made[:, place.left] = L
        made[:, place.right] = R
    return made
