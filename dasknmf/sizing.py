"""The size of a network, without the network: genes, edges and the bytes of its tiles."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from dasknmf.errors import InputError, whole
from dasknmf.network.sparse_build import DENSE_FROM
from dasknmf.network.tiles import Grid, dense_tile, sparse_tile

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dasknmf.network.store import Network

#: Bytes of a stored gene pair of a sparse network: two local indices of 16 bits, a weight of 32.
EDGE = 8


@dataclass(frozen=True)
class Size:
    """A network by its size alone.

    Parameters
    ----------
    genes : int
        n.
    edges : int, optional
        Gene pairs that are stored; nothing for a dense network.
    tile : int, optional
        Side of a tile; by default that which `dasknmf import` takes.

    Examples
    --------
    >>> Size(16973, 410824).grid.tile, int(Size(100_000).weights.sum())
    (4288, 20408406016)
    """

    genes: int
    edges: int | None = None
    tile: int | None = None
    stored: NDArray[np.int64] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        """Refuse what is no size."""
        whole("genes", self.genes, least=1)
        if self.edges is not None:
            whole("edges", self.edges, least=0)
            most = self.genes * (self.genes + 1) // 2
            if self.edges > most:
                msg = f"edges={self.edges}: {self.genes} genes have at most {most} pairs, each counted once"
                raise InputError(msg)

    @classmethod
    def of_density(cls, genes: int, density: float) -> Size:
        """Return the size of a network in which this share of pairs is not zero, dense or sparse as import has it.

        Raises
        ------
        InputError
            If it is no share.
        """
        if not 0 < density <= 1:
            msg = f"density={density!r}: needs a share of gene pairs, above 0 and at most 1"
            raise InputError(msg)
        return cls(genes) if density > DENSE_FROM else cls(genes, round(density * genes * (genes - 1) / 2))

    @classmethod
    def of_network(cls, network: Network) -> Size:
        """Return the size of a store, with the bytes of its own tiles."""
        header = network.header
        weights = np.asarray(network.tile_weights)
        edges = int(weights.sum()) // EDGE if header.layout == "sparse" else None
        return cls(header.genes, edges, header.tile, weights)

    @property
    def grid(self) -> Grid:
        """Its tiles."""
        n = self.genes
        side = self.tile or (dense_tile(n) if self.edges is None else sparse_tile(n, self.edges))
        return Grid(n, side)

    @property
    def weights(self) -> NDArray[np.int64]:
        """Bytes of each tile, of a sparse network as if its pairs were spread evenly."""
        if self.stored is not None:
            return self.stored
        grid = self.grid
        sides = np.array([stop - start for start, stop in map(grid.bounds, range(grid.panels))], np.int64)
        area = np.outer(sides, sides)[np.triu_indices(grid.panels)]
        if self.edges is None:
            return np.asarray(4 * area)
        return np.asarray(EDGE * self.edges * area / area.sum(), np.int64)
