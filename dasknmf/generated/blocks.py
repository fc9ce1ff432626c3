"""Stochastic block models: the chance of an edge depends on the blocks of its genes alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from dasknmf.generated.draws import chosen, dense_weights, drawn_tile, edge_tile, pair_at, sparse_weights
from dasknmf.generated.network import GeneratedNetwork

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dasknmf.generated.draws import Uniform
    from dasknmf.network.sparse_tile import SparseTile
    from dasknmf.network.tiles import Grid


@dataclass(frozen=True, eq=False)
class BlockLaw:
    """Genes of block a and b are joined with chance ``densities[a, b]``, by weights of one distribution; no self-loops.

    Parameters
    ----------
    sparse : bool
        Whether tiles are sparse.
    cuts : ndarray of int64, shape (blocks + 1,)
        Block a holds the genes [cuts[a], cuts[a + 1]).
    densities : ndarray of float64, shape (blocks, blocks)
        Symmetric.
    values : Uniform
        Weights of edges.

    References
    ----------
    Holland, Laskey, Leinhardt, Social Networks 5 (1983).
    """

    kind: ClassVar[str] = "sbm"
    sparse: bool
    cuts: NDArray[np.int64]
    densities: NDArray[np.float64]
    values: Uniform

    def tile(self, grid: Grid, i: int, j: int, rng: np.random.Generator) -> NDArray[np.float32] | SparseTile:
        """Return tile (i, j)."""
        shape = grid.shape(i, j)
        own = np.zeros(shape[0], dtype=np.float32) if i == j else None
        if self.sparse:
            row, column = self._edges(grid, i, j, rng)
            return edge_tile(shape, row, column, self.values.draw(rng, row.shape), own=own)
        blocks, others = (self._labels(grid, panel) for panel in (i, j))
        densities = self.densities[:, others].astype(np.float32)

        def draw(rows: slice) -> NDArray[np.float32]:
            chance = densities[blocks[rows]]
            strip = self.values.draw(rng, chance.shape)
            strip[rng.random(chance.shape, dtype=np.float32) >= chance] = 0
            return strip

        return drawn_tile(shape, draw, own=own, diagonal=i == j)

    def _edges(
        self, grid: Grid, i: int, j: int, rng: np.random.Generator
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return rows and columns of the edges of a tile, one pair of blocks after another."""
        rows: list[NDArray[np.int64]] = []
        columns: list[NDArray[np.int64]] = []
        for a, top, height in self._pieces(grid, i):
            for b, left, width in self._pieces(grid, j):
                if i == j and left < top:
                    continue
                same = i == j and left == top
                pairs = height * (height - 1) // 2 if same else height * width
                places = chosen(rng, pairs, self.densities[a, b])
                row, column = pair_at(places, (height, width), diagonal=same)
                rows.append(row + top)
                columns.append(column + left)
        return np.concatenate(rows), np.concatenate(columns)

    def _pieces(self, grid: Grid, i: int) -> list[tuple[int, int, int]]:
        """Return the block, the first local gene and the size of each part of a tile row that is of one block."""
        start, stop = grid.bounds(i)
        first, last = (int(np.searchsorted(self.cuts, gene, side="right")) - 1 for gene in (start, stop - 1))
        found = []
        for block in range(first, last + 1):
            top, bottom = max(start, int(self.cuts[block])), min(stop, int(self.cuts[block + 1]))
            if top < bottom:
                found.append((block, top - start, bottom - top))
        return found

    def _labels(self, grid: Grid, i: int) -> NDArray[np.int64]:
        genes = np.arange(*grid.bounds(i))
        return np.searchsorted(self.cuts, genes, side="right") - 1

    def weights(self, grid: Grid) -> NDArray[np.int64]:
        """Return the bytes of each tile."""
        if not self.sparse:
            return dense_weights(grid)
        members = np.zeros((grid.panels, len(self.densities)))
        for i in range(grid.panels):
            for block, _, size in self._pieces(grid, i):
                members[i, block] = size
        edges = members @ self.densities @ members.T
        own = 0.5 * (edges.diagonal() - members @ self.densities.diagonal())
        np.fill_diagonal(edges, np.maximum(own, 0))
        return sparse_weights(grid, edges[np.triu_indices(grid.panels)], np.zeros(grid.n, dtype=np.float32))


@dataclass(frozen=True, eq=False, repr=False)
class BlockNetwork(GeneratedNetwork):
    """A stochastic block model, and what is known of it.

    Parameters
    ----------
    structure : str
        ``"assortative"``, ``"disassortative"`` or ``"nested"``.
    levels : tuple of ndarray of int, shapes (n,)
        The block of each gene, from the coarsest partition to the finest; one, unless nested.
    """

    structure: str = "assortative"
    levels: tuple[NDArray[np.int64], ...] = ()

    @property
    def labels(self) -> NDArray[np.int64]:
        """The block of each gene, shape (n,)."""
        return self.levels[-1]

    @property
    def densities(self) -> NDArray[np.float64]:
        """Chance of an edge between genes of two blocks, shape (blocks, blocks)."""
        assert isinstance(self.law, BlockLaw)
        return self.law.densities


def nested_densities(levels: int, within: float, between: float) -> NDArray[np.float64]:
    """Return the densities of 2^levels blocks that are halves of halves, shape (blocks, blocks).

    Two blocks have the density ``between · (within / between)^(d / levels)``, d how many halvings they share: each
    level is denser than the one around it by the same factor.

    References
    ----------
    Clauset, Moore, Newman, Nature 453 (2008).

    Examples
    --------
    >>> nested_densities(2, 0.4, 0.1).round(1).tolist()[0]
    [0.4, 0.2, 0.1, 0.1]
    """
    block = np.arange(2**levels)
    shared = np.zeros((len(block), len(block)))
    for level in range(1, levels + 1):
        part = block >> (levels - level)
        shared += part[:, None] == part
    return np.asarray(between * (within / between) ** (shared / levels))
