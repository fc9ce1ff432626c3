"""Networks of independent, equally distributed pairs: shuffled weights, uniform weights, Erdős–Rényi graphs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dasknmf.generated.draws import (
    chosen,
    dense_weights,
    drawn_tile,
    edge_tile,
    pair_at,
    pairs_by_tile,
    pairs_of,
    sparse_weights,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dasknmf.generated.draws import Weights
    from dasknmf.network.sparse_tile import SparseTile
    from dasknmf.network.tiles import Grid


@dataclass(frozen=True, eq=False)
class IndependentLaw:
    """Every pair of genes is an edge with the same chance, and all weights are from one distribution.

    Parameters
    ----------
    kind : str
        ``"shuffle"`` or ``"uniform"``.
    sparse : bool
        Whether tiles are sparse.
    density : float
        Chance of an edge; other pairs weigh 0.
    values : Table or Uniform
        Weights of edges.
    diagonal : ndarray of float32, shape (n,)
        Kept in place.

    References
    ----------
    Erdős, Rényi, Publicationes Mathematicae 6 (1959); Gilbert, Annals of Mathematical Statistics 30 (1959).
    """

    kind: str
    sparse: bool
    density: float
    values: Weights
    diagonal: NDArray[np.float32]

    def tile(self, grid: Grid, i: int, j: int, rng: np.random.Generator) -> NDArray[np.float32] | SparseTile:
        """Return tile (i, j)."""
        shape, own = grid.shape(i, j), self.diagonal[slice(*grid.bounds(i))] if i == j else None
        if self.sparse:
            places = chosen(rng, pairs_of(shape, diagonal=i == j), self.density)
            row, column = pair_at(places, shape, diagonal=i == j)
            return edge_tile(shape, row, column, self.values.draw(rng, row.shape), own=own)

        def draw(rows: slice) -> NDArray[np.float32]:
            strip = self.values.draw(rng, (rows.stop - rows.start, shape[1]))
            if self.density < 1:
                strip[rng.random(strip.shape, dtype=np.float32) >= self.density] = 0
            return strip

        return drawn_tile(shape, draw, own=own, diagonal=i == j)

    def weights(self, grid: Grid) -> NDArray[np.int64]:
        """Return the bytes of each tile."""
        if self.sparse:
            return sparse_weights(grid, self.density * pairs_by_tile(grid).astype(np.float64), self.diagonal)
        return dense_weights(grid)
