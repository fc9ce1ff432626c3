"""The levels of nested factors: from loadings, by one read of A, to sums from which all else follows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dasknmf.nesting.core import Core, best_core
from dasknmf.nesting.loadings import cross

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from dasknmf.stages import Session


@dataclass(frozen=True, eq=False)
class Level:
    """One level of every strand: every branch of every restart, in the order of ``NestedOptions.strands``.

    Attributes
    ----------
    loadings : list of ndarray of float32, shape (n, k)
        L.
    products, grams : list of ndarray, shape (K, k)
        Of the loadings M of all levels so far, this one last, with those of this one: MᵀAL and MᵀL.
    """

    loadings: list[NDArray[np.float32]]
    products: list[NDArray[np.float64]]
    grams: list[NDArray[np.float64]]

    @property
    def k(self) -> int:
        """Factors."""
        return int(self.loadings[0].shape[1])

    def own(self, strand: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return LᵀAL and LᵀL."""
        return self.products[strand][-self.k :], self.grams[strand][-self.k :]

    def core(self, strand: int, sum_of_squares: float) -> Core:
        """Return the best core between the factors of a strand."""
        return best_core(*self.own(strand), sum_of_squares)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return all arrays, as a checkpoint keeps them."""
        return {
            "loadings": np.stack(self.loadings),
            "products": np.stack(self.products),
            "grams": np.stack(self.grams),
        }


def level_from(arrays: dict[str, NDArray[Any]]) -> Level:
    """Return the level of a checkpoint."""
    return Level(*(list(arrays[name]) for name in ("loadings", "products", "grams")))


def read_products(session: Session, loadings: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
    """Return A·L for any number of loadings, from one read."""
    made = session.product(np.concatenate(loadings, axis=1))
    cuts = np.cumsum([L.shape[1] for L in loadings])[:-1]
    return np.split(made, cuts, axis=1)


def level_of(
    loadings: Sequence[NDArray[np.float32]],
    products: Sequence[NDArray[Any]],
    earlier: Sequence[Level] = (),
) -> Level:
    """Return a level, given A·L and the finer levels.

    Parameters
    ----------
    loadings, products : sequence of ndarray, shape (n, k)
        L and A·L of each strand.
    earlier : sequence of Level
        The finer ones.
    """
    made_products, made_grams = [], []
    for strand, (L, AL) in enumerate(zip(loadings, products, strict=True)):
        joined = [*(level.loadings[strand] for level in earlier), L]
        made_products.append(np.concatenate([cross(M, AL) for M in joined]))
        made_grams.append(np.concatenate([cross(M, L) for M in joined]))
    return Level(list(loadings), made_products, made_grams)


def level_within(
    loadings: Sequence[NDArray[np.float32]],
    mixing: Sequence[NDArray[np.float64]],
    earlier: Sequence[Level],
) -> Level:
    """Return a level whose loadings are those of the last one times P, without a read of A.

    Parameters
    ----------
    loadings : sequence of ndarray, shape (n, m)
        L P.
    mixing : sequence of ndarray, shape (k, m)
        P of each strand.
    earlier : sequence of Level
        The finer ones.
    """
    last = earlier[-1]

    def mixed(sums: NDArray[np.float64], P: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.concatenate([sums @ P, P.T @ sums[-last.k :] @ P])

    return Level(
        list(loadings),
        [mixed(sums, P) for sums, P in zip(last.products, mixing, strict=True)],
        [mixed(sums, P) for sums, P in zip(last.grams, mixing, strict=True)],
    )


def joined_core(levels: Sequence[Level], strand: int, sum_of_squares: float, *, first: int = 0) -> Core:
    """Return the best core of the loadings of all levels from ``first`` on, side by side.

    Parameters
    ----------
    levels : sequence of Level
        All of them, finest first.
    strand : int
        Which.
    sum_of_squares : float
        ‖A‖².
    first : int
        Finest level that is taken in.
    """
    skipped = sum(level.k for level in levels[:first])
    size = sum(level.k for level in levels[first:])
    joint = [np.zeros((size, size)) for _ in range(2)]
    end = 0
    for level in levels[first:]:
        start, end = end, end + level.k
        for whole, sums in zip(joint, (level.products[strand], level.grams[strand]), strict=True):
            whole[:end, start:end] = sums[skipped:]
            whole[start:end, :end] = sums[skipped:].T
    return best_core(joint[0], joint[1], sum_of_squares)
