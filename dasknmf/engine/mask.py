"""Entries held out of a network: a symmetric random set, made of pairs of random gene groups.

Each gene is in one of many random groups, and a random set of pairs of groups is held out, both ways, A_ij with A_ji.
Groups are drawn, not found, so every pair of genes is equally likely to be held out; but what a model WH says of
the held-out entries is sums over groups, k×k each, and never a list of entries.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from dasknmf.network.sparse_tile import SparseTile

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dasknmf.engine.kernels import Tile

#: Groups of genes: with more, held-out sums take longer; with fewer, the hole in the spectrum is coarser.
GROUPS = 512


@dataclass(frozen=True, eq=False)
class Mask:
    """Which entries are held out.

    Parameters
    ----------
    group : ndarray of int, shape (n,)
        Group of each gene.
    held : ndarray of bool, shape (groups, groups)
        Symmetric; the diagonal is False, so that A_ii is never held out.
    """

    group: NDArray[np.int64]
    held: NDArray[np.bool_]

    def share(self) -> float:
        """Return the share of all n² entries that is held out."""
        sizes = np.bincount(self.group, minlength=len(self.held)).astype(np.float64)
        return float(sizes @ self.held @ sizes) / float(len(self.group)) ** 2

    def of_tile(self, tile: Tile, rows: slice, columns: slice, *, show: Literal["seen", "held"]) -> Tile:
        """Return a tile with the held-out entries zero, or all others."""
        of_rows, of_columns = self.group[rows], self.group[columns]
        if isinstance(tile, SparseTile):
            held = self.held[of_rows[tile.row], of_columns[tile.column]]
            wanted = held if show == "held" else ~held
            return SparseTile(tile.shape, tile.pointer, tile.column, tile.weight * wanted)
        wanted = (self.held if show == "held" else ~self.held)[of_rows][:, of_columns]
        return tile * wanted


@dataclass(frozen=True, eq=False)
class Masked:
    """How a sweep uses a mask: columns of X from ``first`` on are multiplied with A without its held-out entries."""

    mask: Mask
    first: int


def draw_mask(n: int, *, share: float, seed: int) -> Mask:
    """Draw a mask that holds out about ``share`` of all pairs of genes.

    Parameters
    ----------
    n : int
        Genes.
    share : float
        Of the pairs, between 0 and 1.
    seed : int
        Of groups and pairs.

    References
    ----------
    Owen, Perry, Annals of Applied Statistics 3 (2009), who hold out a block of a matrix; Wold, Technometrics 20
    (1978), who scatters the entries.

    Examples
    --------
    >>> mask = draw_mask(1000, share=0.1, seed=0)
    >>> bool(abs(mask.share() - 0.1) < 0.01), bool((mask.held == mask.held.T).all())
    (True, True)
    """
    rng = np.random.default_rng([seed, n])
    groups = min(n, GROUPS)
    group = rng.permutation(np.arange(n) % groups)
    upper = np.triu(rng.random((groups, groups)) < share, k=1)
    return Mask(group, upper | upper.T)


def squared(tile: Tile) -> Tile:
    """Return a tile of the squares of the entries."""
    if isinstance(tile, SparseTile):
        return SparseTile(tile.shape, tile.pointer, tile.column, tile.weight**2)
    return np.square(tile)
