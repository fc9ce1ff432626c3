"""The operator of a generated network: tiles are made where they are multiplied, and sums are found by a read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from dasknmf.engine.cache import CachedSource
from dasknmf.engine.grid import SMALLEST_DENSE_GROUP, SMALLEST_SPARSE_GROUP, make_plan
from dasknmf.engine.sweep import Sweep, sum_of_squares
from dasknmf.network.sparse_tile import SparseTile

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dasknmf.engine.executor import Executor
    from dasknmf.engine.grid import Group, Panels
    from dasknmf.engine.kernels import TileSource
    from dasknmf.generated.network import GeneratedNetwork

#: What a read of the tiles says of the matrix by itself.
FACTS = ("sum_of_squares", "total", "diagonal")


class GeneratedSweep(Sweep):
    """Exact products with a network that makes its tiles.

    ``sum_of_squares``, ``total`` and ``diagonal`` are found by one read when the first of them is asked for, which is
    after a run has said how many tiles may be kept; where a formula has them, none is needed.

    Parameters
    ----------
    network : GeneratedNetwork
        What makes tiles; it goes to the workers once, without the names of its genes.
    executor : Executor
        Where tiles are made.

    Examples
    --------
    >>> import dasknmf
    >>> from dasknmf.engine.executor import Threads
    >>> network = dasknmf.control_network("uniform", 50, seed=1)
    >>> with Threads(workers=1) as executor:
    ...     operator = GeneratedSweep(network, executor)
    ...     bool(np.isclose(operator.total, network.strength.sum())), operator.reads
    (True, 1)
    """

    def __init__(self, network: GeneratedNetwork, executor: Executor) -> None:
        smallest = SMALLEST_SPARSE_GROUP if network.sparse else SMALLEST_DENSE_GROUP
        super().__init__(
            executor.put([network.source], label="matrix")[0],
            make_plan(network.grid, network.tile_weights, smallest=smallest, parts=executor.parts),
            executor,
            sum_of_squares=float("nan"),
            total=float("nan"),
            diagonal=np.zeros(0),
        )
        self._network = network
        for name in FACTS:
            delattr(self, name)

    def __getattr__(self, name: str) -> Any:
        """Find what is not known yet."""
        if name not in FACTS:
            msg = f"{type(self).__name__} has no attribute {name!r}"
            raise AttributeError(msg)
        self._look()
        return self.__dict__[name]

    def keep_tiles(self, budget: int) -> None:
        """Let each process keep tiles it has made, up to ``budget`` bytes; see :mod:`dasknmf.engine.cache`."""
        if budget > 0:
            source = CachedSource(self._network.source, self._network.checksum, budget)
            self.source = self.executor.put([source], label="matrix")[0]

    def _look(self) -> None:
        """Find the sums, by a formula or by a read in float64."""
        if self._network.sums is not None:
            self.sum_of_squares, self.total = self._network.sums
            self.diagonal = self._network.diagonal
            return
        self.reads += 1
        groups, last = self.plan.groups, len(self.panels)
        *diagonal, sums = self.executor.get(
            self.executor.add_up(
                facts_group,
                [(self._tiles(group), self.panels, group) for group in groups],
                [
                    (*((q, slice(0, self.panels.rows[q])) for q in group.panels), (last, slice(0, 1)))
                    for group in groups
                ],
                [*((rows, 1) for rows in self.panels.rows), (1, 2)],
                np.dtype(np.float64),
                label="facts",
            )
        )
        self.sum_of_squares, self.total = map(float, sums[0])
        self.diagonal = np.concatenate(diagonal)[:, 0].astype(np.float32)


def facts_group(source: TileSource, panels: Panels, group: Group) -> tuple[NDArray[np.float64], ...]:
    """Return what a group of tiles says of A by itself.

    Returns
    -------
    tuple of ndarray of float64
        For each of ``group.panels``, the diagonal, shape (rows of panel, 1); then ΣA² and ΣA, shape (1, 2).
    """
    made = {q: np.zeros((panels.rows[q], 1)) for q in group.panels}
    sums = np.zeros((1, 2))
    for i, first, last in group.tile_rows():
        q, rows = panels.place(i)
        for j, tile in source.tile_row(i, first, last):
            values = tile.weight if isinstance(tile, SparseTile) else tile
            found = np.array([sum_of_squares(values), values.sum(dtype=np.float64)])
            if i != j:
                sums += 2 * found
                continue
            own = made[q][rows, 0]
            if isinstance(tile, SparseTile):
                loop = tile.row == tile.column
                own[tile.column[loop]] = tile.weight[loop]
                # entries of a sparse diagonal tile stand for two, but for the diagonal
                found = 2 * found - (own @ own, own.sum())
            else:
                own[:] = tile.diagonal()
            sums += found
    return (*made.values(), sums)
