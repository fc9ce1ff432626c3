"""Whether genes are still put together as they were: the connectivity of Brunet et al., without its n×n matrix.

Each gene belongs to the factor of its largest loading. Two memberships have the same connectivity matrix exactly when
they are the same partition, whatever its parts are called; and they are, when every old part went whole into one new
part that holds nothing else: a k×k table of how many genes went from which to which says so, and is a sum over rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def members(F: NDArray[Any]) -> NDArray[np.int32]:
    """Return the factor of the largest loading of each gene, the first of equal ones, shape (rows, 1)."""
    return np.asarray(F.argmax(axis=1), dtype=np.int32)[:, None]


def moved(old: NDArray[np.int32], new: NDArray[np.int32], k: int) -> NDArray[np.float64]:
    """Return how many genes went from each part to each, shape (k, k)."""
    counts = np.bincount(old[:, 0] * k + new[:, 0], minlength=k * k)
    return counts.reshape(k, k).astype(np.float64)


def same_partition(table: NDArray[np.float64]) -> bool:
    """Return whether each part went whole into a part of its own.

    Examples
    --------
    >>> a = np.array([[0], [0], [1], [2]])
    >>> renamed, merged = np.array([[2], [2], [0], [1]]), np.array([[0], [0], [1], [1]])
    >>> same_partition(moved(a, renamed, 3)), same_partition(moved(a, merged, 3)), same_partition(moved(merged, a, 3))
    (True, False, False)
    """
    there = table > 0
    return bool((there.sum(axis=0) <= 1).all() and (there.sum(axis=1) <= 1).all())
