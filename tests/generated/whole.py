"""A generated network as one dense array, the reference of tests."""

from __future__ import annotations

import numpy as np

from dasknmf.network.sparse_tile import SparseTile


def whole(network):
    made = np.full((network.n, network.n), np.nan, dtype=np.float32)
    for i, j in network.grid.tiles():
        tile = network.tile(i, j)
        if isinstance(tile, SparseTile):
            tile = tile.toarray(diagonal=i == j)
        rows, columns = (slice(*network.grid.bounds(panel)) for panel in (i, j))
        made[rows, columns] = tile
        made[columns, rows] = tile.T
    return made


def off_diagonal(A):
    """The entries above the diagonal."""
    return A[np.triu_indices(len(A), k=1)]


def symmetric_weights(n, density, seed, *, hubs=0):
    """A random weighted graph, of which the first genes are joined to all others."""
    rng = np.random.default_rng(seed)
    upper = np.triu(rng.random((n, n)) < density, k=1)
    upper[:hubs] = np.triu(np.ones((n, n), dtype=bool), k=1)[:hubs]
    heavy = rng.exponential(size=n) + 0.2
    upper = upper * rng.gamma(2, size=(n, n)) * np.outer(heavy, heavy)
    return upper + upper.T
