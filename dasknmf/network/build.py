"""Building a store from any function that gives tiles: computed on threads, kept in order."""

from __future__ import annotations

import os
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from dasknmf.blas import one_blas_thread
from dasknmf.network.store import open_network
from dasknmf.network.writer import create_network

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from dasknmf.network.compression import Codec
    from dasknmf.network.encoding import Storage
    from dasknmf.network.store import Network
    from dasknmf.network.summary import TileSummary
    from dasknmf.network.tiles import Grid
    from dasknmf.network.writer import NetworkWriter
    from dasknmf.storage import Location, StorageOptions


def build_from_tiles(
    location: Location,
    tile_at: Callable[[int, int], NDArray[np.floating[Any]]],
    *,
    genes: Sequence[str] | NDArray[np.object_],
    grid: Grid,
    layout: Literal["dense", "sparse"],
    weights: dict[str, Any],
    provenance: dict[str, Any],
    storage: Storage = "float32",
    codec: Codec | None = None,
    overwrite: bool = False,
    storage_options: StorageOptions | None = None,
    threads: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Network:
    """Write every tile that ``tile_at(i, j)``, i ≤ j, returns, and open the network.

    Parameters
    ----------
    location : path or URL
        Where the store is to be.
    tile_at : callable
        Returns tile (i, j) as a dense array of finite, non-negative weights, shape as ``grid`` says; a
        diagonal tile must be symmetric. Called from several threads.
    genes, grid, layout, weights, provenance, storage, codec, overwrite, storage_options
        As in :func:`dasknmf.network.writer.create_network`.
    threads : int, optional
        Tiles in flight; by default one per core.
    progress : callable, optional
        Called with (tiles done, tiles in all) after each tile.

    Returns
    -------
    Network
    """
    threads = threads or os.cpu_count() or 1

    def produce(i: int, j: int) -> tuple[int, int, NDArray[np.floating[Any]], TileSummary | None]:
        tile = tile_at(i, j)
        return i, j, tile, writer.write_dense(i, j, tile) if layout == "dense" else None

    def keep(made: tuple[int, int, NDArray[np.floating[Any]], TileSummary | None]) -> None:
        i, j, tile, summary = made
        writer.add(summary or _write_entries(writer, i, j, tile))

    with (
        create_network(
            location,
            genes=genes,
            grid=grid,
            layout=layout,
            weights=weights,
            provenance=provenance,
            capacity=grid.n * (grid.n + 1) // 2,
            storage=storage,
            codec=codec,
            overwrite=overwrite,
            storage_options=storage_options,
        ) as writer,
        one_blas_thread(),
        ThreadPoolExecutor(threads) as pool,
    ):
        waiting: deque[Any] = deque()
        done = 0
        for i, j in grid.tiles():
            waiting.append(pool.submit(produce, i, j))
            while len(waiting) > threads:
                keep(waiting.popleft().result())
                done += 1
                if progress:
                    progress(done, grid.n_tiles)
        for future in waiting:
            keep(future.result())
            done += 1
            if progress:
                progress(done, grid.n_tiles)
    return open_network(location, storage_options=storage_options)


def _write_entries(writer: NetworkWriter, i: int, j: int, tile: NDArray[np.floating[Any]]) -> TileSummary:
    row, column = np.nonzero(np.triu(tile) if i == j else tile)
    return writer.write_sparse(i, j, row, column, tile[row, column])
