"""A Soules matrix as a generated network: its spectrum, its nesting and its best factorizations are known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from dasknmf.generated.draws import dense_weights
from dasknmf.generated.network import GeneratedNetwork

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dasknmf.network.soules import SoulesMatrix
    from dasknmf.network.tiles import Grid


@dataclass(frozen=True, eq=False)
class SoulesLaw:
    """Tiles of a :class:`~dasknmf.network.soules.SoulesMatrix`; nothing is random."""

    kind: ClassVar[str] = "soules"
    sparse: ClassVar[bool] = False
    matrix: SoulesMatrix

    def tile(self, grid: Grid, i: int, j: int, rng: np.random.Generator) -> NDArray[np.float32]:
        """Return tile (i, j)."""
        del rng
        rows, columns = (slice(*grid.bounds(panel)) for panel in (i, j))
        return self.matrix.tile(rows, columns).astype(np.float32)

    def weights(self, grid: Grid) -> NDArray[np.int64]:
        """Return the bytes of each tile."""
        return dense_weights(grid)


@dataclass(frozen=True, eq=False, repr=False)
class SoulesNetwork(GeneratedNetwork):
    """A Soules matrix, and what is known of it; sums need no tile."""

    @property
    def matrix(self) -> SoulesMatrix:
        """The formula."""
        assert isinstance(self.law, SoulesLaw)
        return self.law.matrix

    @property
    def eigenvalues(self) -> NDArray[np.float64]:
        """All eigenvalues, largest first, shape (n,)."""
        return self.matrix.eigenvalues

    @property
    def labels(self) -> NDArray[np.int64]:
        """The block of each gene in the finest partition, shape (n,)."""
        # a block that is not halved any more is met after those around it
        made = np.zeros(self.n, dtype=np.int64)
        for number, block in enumerate(self.matrix.blocks):
            made[block.start : block.stop] = number
        return np.unique(made, return_inverse=True)[1].astype(np.int64)

    @property
    def sums(self) -> tuple[float, float]:
        """‖A‖² and the sum of all entries: the first eigenvector is constant."""
        return self.matrix.sum_of_squares, self.n * self.matrix.values[0]

    @property
    def diagonal(self) -> NDArray[np.float32]:
        """Diagonal of the matrix, shape (n,)."""
        made = np.full(self.n, self.matrix.rest)
        for start, stop, weight in self.matrix.blocks:
            made[start:stop] += weight
        return made.astype(np.float32)

    @property
    def strength(self) -> NDArray[np.float64]:
        """Row sums of the matrix, shape (n,): all are the first eigenvalue."""
        return np.full(self.n, self.matrix.values[0])
