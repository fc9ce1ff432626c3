"""Rows of the data as tasks take them: values that travel with the task, or a place in a store to read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dasknmf.atomic.chain import advance, begin, chain_data
from dasknmf.generated.network import GeneratedNetwork
from dasknmf.network.opened import opened
from dasknmf.network.sparse_tile import SparseTile

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dasknmf.atomic.chain import ChainData, ChainOptions, ChainState
    from dasknmf.network.store import Network


@dataclass(frozen=True)
class Strip:
    """Some rows of the data, or all; see :meth:`read`."""

    network: Network | GeneratedNetwork | None
    rows: NDArray[np.intp] | None
    values: NDArray[Any] | None
    uncertainty: NDArray[Any] | None
    symmetric: bool

    def read(self) -> NDArray[Any]:
        """Return the values."""
        if self.values is not None:
            return self.values
        assert self.network is not None
        rows = np.arange(self.network.n) if self.rows is None else self.rows
        here = self.network
        if isinstance(here, GeneratedNetwork):
            return read_rows(here, rows)
        options = tuple(here.storage_options.items())
        return read_rows(opened(here.location, here.header.checksum, options), rows)


def strip_data(strip: Strip, options: ChainOptions) -> ChainData:
    """Read a strip where a chain is to run on it; a task."""
    return chain_data(strip.read(), strip.uncertainty, options, symmetric=strip.symmetric)


def whole_chain(strip: Strip, options: ChainOptions, held: NDArray[Any] | None) -> ChainState:
    """Run a chain on a strip from its start to its end; a task."""
    data = strip_data(strip, options)
    rows, columns = data.values.shape
    state = begin((rows, columns), options, held)
    return advance(data, state, options, 2 * options.iterations)


def read_rows(network: Network | GeneratedNetwork, rows: NDArray[np.intp]) -> NDArray[np.float32]:
    """Return rows of the symmetric matrix of a network, in this order, reading each tile they are in once.

    Parameters
    ----------
    network : Network or GeneratedNetwork
        Of n genes.
    rows : ndarray of int, shape (m,)
        Genes, none twice.

    Returns
    -------
    ndarray of float32, shape (m, n)
    """
    strip = np.zeros((len(rows), network.n), dtype=np.float32)
    place = np.full(network.n, -1, dtype=np.int64)
    place[rows] = np.arange(len(rows))
    bounds = [network.grid.bounds(i) for i in range(network.grid.panels)]
    wanted = [bool((place[a:b] >= 0).any()) for a, b in bounds]
    for i in range(network.grid.panels):
        for j in range(i, network.grid.panels):
            if wanted[i] or wanted[j]:
                for _, tile in network.tile_row(i, j, j + 1):
                    _put(strip, place, tile, bounds[i], bounds[j])
    return strip


def _put(
    strip: NDArray[np.float32],
    place: NDArray[np.int64],
    tile: Any,
    rows: tuple[int, int],
    columns: tuple[int, int],
) -> None:
    """Put a tile, and its mirror image, where their rows are."""
    if isinstance(tile, SparseTile):
        i, j = tile.row.astype(np.int64) + rows[0], tile.column.astype(np.int64) + columns[0]
        for row, column in ((i, j), (j, i)):
            stored = place[row] >= 0
            strip[place[row[stored]], column[stored]] = tile.weight[stored]
        return
    for (a, b), (c, d), block in ((rows, columns, tile), (columns, rows, tile.T)):
        there = place[a:b] >= 0
        strip[place[a:b][there], c:d] = block[there]
