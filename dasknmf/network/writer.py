"""Writing a network store: tiles go in, sums and checksums are kept, and it is published whole or not at all."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from dasknmf.errors import InputError
from dasknmf.network.checksum import network_checksum
from dasknmf.network.compression import compressors
from dasknmf.network.decode import decode
from dasknmf.network.encoding import check_storage, encode, tile_loss
from dasknmf.network.gene_names import check_genes
from dasknmf.network.header import ATTRIBUTE, FORMAT, Header, version_for, written
from dasknmf.network.summary import EMPTY_TILE, sum_up, summarize_dense, summarize_sparse
from dasknmf.storage import (
    Location,
    StorageOptions,
    checked_codecs,
    open_store,
    publish,
    read_storage_options,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import zarr
    from numpy.typing import NDArray

    from dasknmf.network.compression import Codec
    from dasknmf.network.encoding import Storage
    from dasknmf.network.summary import TileFacts, TileSummary
    from dasknmf.network.tiles import Grid

#: Entries of a chunk of the sparse arrays: 1 MiB of weights.
SPARSE_CHUNK = 2**18


@contextmanager
def create_network(
    location: Location,
    *,
    genes: Sequence[str] | NDArray[np.object_],
    grid: Grid,
    layout: Literal["dense", "sparse"],
    weights: dict[str, Any],
    provenance: dict[str, Any],
    capacity: int = 0,
    storage: Storage = "float32",
    codec: Codec | None = None,
    overwrite: bool = False,
    storage_options: StorageOptions | None = None,
) -> Iterator[NetworkWriter]:
    """Create a network store; it appears at ``location`` only if the block ends without an error.

    Parameters
    ----------
    location : path or URL
        Where the store is to be.
    genes : sequence of str
        Unique gene names, in the order of the rows.
    grid : Grid
        The tiles.
    layout : {"dense", "sparse"}
        How tiles are kept.
    weights : dict
        What the weights mean and how the diagonal was treated, for users and reports; at least
        ``{"kind": ..., "diagonal": "kept" | "dropped" | "empty"}``.
    provenance : dict
        Source, options and program that made it. Never credentials.
    capacity : int
        Sparse layout: an upper bound on the number of entries.
    storage : {"float32", "float16", "uint16", "uint8"}
        Dense layout: how weights are kept; see :mod:`dasknmf.network.encoding`. The header states the error,
        and its sums are those of the matrix as it is stored.
    codec : {"none", "lz4", "zstd"}, optional
        Compression; by default none for dense tiles and zstd for sparse ones. A CRC-32C goes with every chunk.
    overwrite : bool
        Replace what is there.
    storage_options : dict, optional
        Options of the fsspec file system of a URL.

    Yields
    ------
    NetworkWriter

    Raises
    ------
    InputError
        If the place is taken, gene names are not unique, or a sparse network is to be stored as codes.
    """
    check_storage(storage, layout)
    names = np.asarray(genes, dtype=object)
    check_genes(names, where=os.fspath(location))
    options = read_storage_options() if storage_options is None else storage_options
    with publish(location, overwrite=overwrite, storage_options=options) as place:
        writer = NetworkWriter(place, names, grid, layout, capacity, storage, codec, options)
        yield writer
        writer.finish(weights, provenance)


class NetworkWriter:
    """Writes tiles; made by :func:`create_network`.

    ``write_dense`` and ``write_sparse`` check and store a tile and return its summary; ``add`` takes the
    summaries in tile order, so that the header's sums do not depend on which thread was first.
    ``write_dense`` may be called from several threads, ``write_sparse`` from one, in tile order.
    """

    def __init__(
        self,
        place: str,
        genes: NDArray[np.object_],
        grid: Grid,
        layout: Literal["dense", "sparse"],
        capacity: int,
        storage: Storage,
        codec: Codec | None,
        options: StorageOptions,
    ) -> None:
        import zarr

        self.place, self.genes, self.grid, self.layout = place, genes, grid, layout
        self.storage = storage
        self._group = zarr.create_group(
            open_store(place, mode="a", storage_options=options),
            zarr_format=3,
            # first, so that what a killed writer leaves behind a URL says what it is
            attributes={ATTRIBUTE: {"format": FORMAT, "version": version_for(storage), "complete": False}},
        )
        self._compressors = compressors(codec, dense=layout == "dense")
        self._facts: dict[int, TileFacts] = {}
        n = grid.n
        self._degree = np.zeros(n, dtype=np.int64)
        self._strength = np.zeros(n, dtype=np.float64)
        self._diagonal = np.zeros(n, dtype=np.float32)
        if layout == "dense":
            side = min(grid.tile, n)
            self._tiles = self._create("tiles", (n, n), (side, side), storage)
            self._scale = np.zeros(grid.n_tiles, dtype=np.float32)
        else:
            self._entries = 0
            self._offset = np.zeros(grid.n_tiles + 1, dtype=np.int64)
            chunk = (max(1, min(SPARSE_CHUNK, capacity)),)
            self._arrays = {
                name: self._create(name, (capacity,), chunk, dtype)
                for name, dtype in (("row", "uint16"), ("column", "uint16"), ("weight", "float32"))
            }
            self._buffers: dict[str, list[NDArray[Any]]] = {name: [] for name in self._arrays}
            self._buffered = 0

    def _create(
        self, name: str, shape: tuple[int, ...], chunks: tuple[int, ...], dtype: str
    ) -> zarr.Array[Any]:
        return self._group.create_array(
            name,
            shape=shape,
            chunks=chunks,
            dtype=dtype,
            compressors=self._compressors if dtype != "string" else checked_codecs(),
        )

    def write_dense(self, i: int, j: int, tile: NDArray[np.floating[Any]]) -> TileSummary:
        """Store tile (i, j), i ≤ j, of finite non-negative weights; a diagonal tile must be symmetric."""
        values = np.ascontiguousarray(tile, dtype=np.float32)
        rows, columns = slice(*self.grid.bounds(i)), slice(*self.grid.bounds(j))
        if self.storage == "float32":
            self._tiles[rows, columns] = values
            return summarize_dense(i, j, values)
        codes, scale = encode(values, self.storage, where=f"tile ({i}, {j})")
        self._tiles[rows, columns] = codes
        self._scale[self.grid.index(i, j)] = scale
        stored = decode(codes, scale)
        loss = tile_loss(values, stored, diagonal=i == j)
        return summarize_dense(i, j, stored, arrays=(codes, np.atleast_1d(scale)), loss=loss)

    def write_sparse(
        self, i: int, j: int, row: NDArray[Any], column: NDArray[Any], weight: NDArray[Any]
    ) -> TileSummary:
        """Store the entries of tile (i, j), sorted by row, then column, unique; row ≤ column on the diagonal.

        Indices are local to the tile; weights finite and positive.
        """
        values = weight.astype(np.float32)
        kept = values != 0  # a weight below the smallest float32 is none
        row, column, values = row[kept].astype(np.uint16), column[kept].astype(np.uint16), values[kept]
        self._entries += len(values)
        self._offset[self.grid.index(i, j) + 1] = len(values)
        for name, part in (("row", row), ("column", column), ("weight", values)):
            self._buffers[name].append(part)
        self._buffered += len(values)
        if self._buffered >= 4 * SPARSE_CHUNK:
            self._flush(everything=False)
        (a, b), (c, d) = self.grid.bounds(i), self.grid.bounds(j)
        return summarize_sparse(i, j, row, column, values, (b - a, d - c))

    def add(self, summary: TileSummary) -> None:
        """Take the summary of a tile into the sums; call in the order of the tiles."""
        i, j = summary.i, summary.j
        self._facts[self.grid.index(i, j)] = summary.facts
        rows, columns = slice(*self.grid.bounds(i)), slice(*self.grid.bounds(j))
        self._degree[rows] += summary.degree[0]
        self._strength[rows] += summary.strength[0]
        if i != j:
            self._degree[columns] += summary.degree[1]
            self._strength[columns] += summary.strength[1]
        if summary.diagonal is not None:
            self._diagonal[rows] = summary.diagonal

    def _flush(self, *, everything: bool) -> None:
        """Write whole chunks from the buffers; the rest too if ``everything``."""
        start = self._entries - self._buffered
        chunk = self._arrays["row"].chunks[0]
        length = self._buffered if everything else (start + self._buffered) // chunk * chunk - start
        if length <= 0:
            return
        for name, parts in self._buffers.items():
            joined = np.concatenate(parts)
            self._arrays[name][start : start + length] = joined[:length]
            self._buffers[name] = [joined[length:]]
        self._buffered -= length

    def finish(self, weights: dict[str, Any], provenance: dict[str, Any]) -> None:
        """Write what is left, the per-gene arrays and, last, the attributes that make the store whole."""
        grid = self.grid
        facts = [self._facts.get(t, EMPTY_TILE) for t in range(grid.n_tiles)]
        sums = sum_up(facts)
        if sums["lost_edges"] and not sums["edges"]:
            msg = f"{self.place}: storage={self.storage!r} turns every edge into 0; leave it out"
            raise InputError(msg)
        checksums = np.array([tile.checksum for tile in facts], dtype=np.uint64)
        if self.layout == "sparse":
            self._flush(everything=True)
            for array in self._arrays.values():
                array.resize((self._entries,))
            np.cumsum(self._offset, out=self._offset)
            self._store("tile_offset", self._offset)
        elif self.storage != "float32":
            self._store("tile_scale", self._scale)
        degree = self._degree - (self._diagonal != 0)
        gene = self._create("gene", (grid.n,), (grid.n,), "string")
        gene[:] = self.genes
        self._store("degree", degree)
        self._store("strength", self._strength)
        self._store("diagonal", self._diagonal)
        self._store("tile_checksum", checksums)
        header = Header(
            layout=self.layout,
            genes=grid.n,
            tile=grid.tile,
            isolated=int((degree == 0).sum()),
            weights=weights,
            checksum=network_checksum(self.genes, grid, checksums),
            provenance=provenance,
            dtype=self.storage,
            version=version_for(self.storage),
            **sums,
        )
        self._group.attrs[ATTRIBUTE] = written(header)

    def _store(self, name: str, values: NDArray[Any]) -> None:
        array = self._create(name, values.shape, values.shape, str(values.dtype))
        array[:] = values
