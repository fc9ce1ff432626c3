"""The network store: a gene network as Zarr, upper-triangle tiles only.

The format is described for readers in other languages in ``dasknmf/network/FORMAT.md``.
"""

from __future__ import annotations

import math
import os
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from dasknmf.errors import FormatError, InputError
from dasknmf.network.checksum import NOTHING, TileChecks, network_checksum
from dasknmf.network.dense_tiles import DenseTiles
from dasknmf.network.header import REMEDY, Header, read_header
from dasknmf.network.sparse_tiles import SparseTiles
from dasknmf.network.tiles import Grid
from dasknmf.sealed_group import open_array, open_group, read_array
from dasknmf.storage import Location, StorageOptions, absolute, exists, read_storage_options

if TYPE_CHECKING:
    from collections.abc import Iterator

    import anndata as ad
    import dask.array as da
    import xarray as xr
    import zarr
    from numpy.typing import NDArray

#: A tile in memory: a float32 array, or a SparseTile of float32.
Tile = Any
#: Sums of the same numbers in another order differ by far less, a lost chunk by far more.
ROUNDING = 1e-6


def open_network(location: Location, *, storage_options: StorageOptions | None = None) -> Network:
    """Open a network store.

    Parameters
    ----------
    location : path or URL
        A store made by ``dasknmf import``, ``dasknmf coexpress`` or their Python twins.
    storage_options : dict, optional
        Options of the fsspec file system of a URL; by default those of
        :func:`dasknmf.storage.read_storage_options`.

    Returns
    -------
    Network

    Raises
    ------
    InputError
        If there is nothing there.
    FormatError
        If it is not a network store of a known version, or was never finished.

    Examples
    --------
    >>> import dasknmf, numpy as np, tempfile, pathlib
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> made = dasknmf.import_network(np.ones((3, 3)), folder / "ones.zarr", genes=["a", "b", "c"])
    >>> dasknmf.open_network(folder / "ones.zarr").header.edges
    3
    """
    options = read_storage_options() if storage_options is None else storage_options
    where = os.fspath(location)
    place = absolute(location)
    if not exists(place, storage_options=options):
        msg = f"there is no network at {where}; make one with: dasknmf import EDGES {where}"
        raise InputError(msg)
    what = f"a network is made from a file with: dasknmf import {where} network.zarr"
    group, attributes = open_group(place, where=where, what=what, storage_options=options)
    return Network(place, group, read_header(attributes, where), options)


class Network:
    """A symmetric, non-negative gene network in a Zarr store, opened read-only.

    Made by :func:`open_network`; nothing is read until asked for. A tile is compared with its checksum when it
    is first read, since to Zarr a chunk that was lost is one of zeros.

    Attributes
    ----------
    location : str
        Absolute path or URL, so that workers and a changed working directory find it.
    header : Header
        Layout, sizes, sums, checksum and provenance.
    grid : Grid
        The tiles.
    """

    def __init__(
        self, location: str, group: zarr.Group, header: Header, storage_options: StorageOptions
    ) -> None:
        self.location = location
        self.header = header
        self.grid = Grid(header.genes, header.tile)
        self.storage_options = storage_options
        self._group = group
        self._arrays: dict[str, zarr.Array[Any]] = {}

    def __repr__(self) -> str:
        h = self.header
        return f"<Network {self.location}: {h.genes:,} genes, {h.edges:,} edges, {h.layout}, tiles of {h.tile:,}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(open_network, storage_options=self.storage_options), (self.location,)

    @property
    def n(self) -> int:
        """Genes."""
        return self.header.genes

    @property
    def shape(self) -> tuple[int, int]:
        """(genes, genes)."""
        return self.n, self.n

    def array(self, name: str) -> zarr.Array[Any]:
        """Return one of the arrays of the store, checked to be there and to be what the header makes it.

        Raises
        ------
        FormatError
            If the store lacks it, or its shape, type or chunks are others.
        """
        if name not in self._arrays:
            self._arrays[name] = open_array(
                self._group, name, where=self.location, remedy=REMEDY, **self._expected(name)
            )
        return self._arrays[name]

    def _expected(self, name: str) -> dict[str, Any]:
        """Return what the header of an array must say; see FORMAT.md."""
        n, grid = self.n, self.grid
        if name == "tiles":
            side = min(grid.tile, n)
            return {"shape": (n, n), "dtype": self.header.dtype, "chunks": (side, side)}
        shape, dtype = {
            "gene": (n, "text"),
            "degree": (n, "int64"),
            "strength": (n, "float64"),
            "diagonal": (n, "float32"),
            "tile_checksum": (grid.n_tiles, "uint64"),
            "tile_scale": (grid.n_tiles, "float32"),
            "tile_offset": (grid.n_tiles + 1, "int64"),
            "row": (None, "uint16"),
            "column": (None, "uint16"),
            "weight": (None, "float32"),
        }[name]
        return {"shape": (shape,), "dtype": dtype}

    def read(self, name: str, *index: slice) -> NDArray[Any]:
        """Return a part of one of the arrays of the store, or the whole of it.

        Raises
        ------
        FormatError
            If it cannot be read.
        """
        return read_array(self.array(name), name, *index, where=self.location, remedy=REMEDY)

    @cached_property
    def genes(self) -> NDArray[np.object_]:
        """Gene identifiers, shape (n,), of ``str``."""
        genes = self.read("gene").astype(object)
        if network_checksum(genes, self.grid, self._checks.expected) != self.header.checksum:
            msg = f"{self.location}: gene names or checksums were changed or lost; import the network again"
            raise FormatError(msg)
        return genes

    @cached_property
    def degree(self) -> NDArray[np.int64]:
        """Edges of each gene, self-loops left out, shape (n,)."""
        degree = self.read("degree")
        self._compare("degree", float(degree.sum()), 2 * self.header.edges)
        return degree

    @cached_property
    def strength(self) -> NDArray[np.float64]:
        """Row sums of the matrix, shape (n,)."""
        strength = self.read("strength")
        self._compare("strength", float(strength.sum()), self.header.total)
        return strength

    @cached_property
    def diagonal(self) -> NDArray[np.float32]:
        """Diagonal of the matrix, shape (n,)."""
        diagonal = self.read("diagonal")
        squares = float((diagonal.astype(np.float64) ** 2).sum())
        self._compare("diagonal", squares, self.header.diagonal_sum_of_squares)
        return diagonal

    def _compare(self, name: str, found: float, expected: float) -> None:
        """Refuse an array whose sum is not that of the header: to Zarr, what was lost is zeros."""
        if not math.isclose(found, expected, rel_tol=ROUNDING):
            raise self._differs(name)

    def _differs(self, name: str) -> FormatError:
        msg = f"{self.location}: array '{name}' was changed or lost; import the network again"
        return FormatError(msg)

    @cached_property
    def _checks(self) -> TileChecks:
        return TileChecks(self.location, self.grid, self.read("tile_checksum"))

    @cached_property
    def tile_offset(self) -> NDArray[np.int64]:
        """Sparse layout: tile t holds the entries [tile_offset[t], tile_offset[t + 1]), shape (n_tiles + 1,)."""
        offset = self.read("tile_offset")
        # tiles without an entry are never read, so nothing else would find lost offsets
        lengths = np.diff(offset)
        if not np.array_equal(lengths > 0, self._checks.expected != NOTHING) or (lengths < 0).any():
            raise self._differs("tile_offset")
        entries = self.array("weight").shape[0]
        if (
            offset[0] != 0
            or offset[-1] != entries
            or {self.array(k).shape[0] for k in ("row", "column")} != {entries}
        ):
            raise self._differs("tile_offset")
        return offset

    @cached_property
    def tile_scale(self) -> NDArray[np.float32]:
        """Dense layout, codes: what the codes of each tile are multiplied with, shape (n_tiles,)."""
        return self.read("tile_scale")

    @cached_property
    def _tiles(self) -> DenseTiles | SparseTiles:
        return (DenseTiles if self.header.layout == "dense" else SparseTiles)(self, self._checks)

    @property
    def tile_weights(self) -> NDArray[np.int64]:
        """Bytes of each tile, shape (n_tiles,)."""
        return self._tiles.weights

    def tile_row(self, i: int, first: int, last: int) -> Iterator[tuple[int, Tile]]:
        """Yield (j, tile (i, j)) for first ≤ j < last, each read once.

        A dense tile is a float32 array; a sparse one a
        :class:`~dasknmf.network.sparse_tile.SparseTile`. Diagonal tiles are whole if dense; if sparse, only
        their entries with row ≤ column are there.

        Raises
        ------
        FormatError
            If a tile is damaged, or differs from its checksum the first time that it is read.
        """
        return self._tiles.row(i, first, last)

    def verify(self) -> None:
        """Read every tile and compare it with its checksum, and the arrays over genes with the header.

        Raises
        ------
        FormatError
            Naming the first damaged tile or array.
        """
        for i, j in self.grid.tiles():
            self._checks.check(i, j, self.stored_tile(i, j))
        # these compare themselves with the header
        _ = self.genes, self.degree, self.strength, self.diagonal

    def stored_tile(self, i: int, j: int) -> tuple[NDArray[Any], ...]:
        """Return the arrays of tile (i, j) as stored: of a dense tile its weights, or codes and scale."""
        return self._tiles.stored(i, j)

    def to_dask(self) -> da.Array:
        """Return the whole symmetric matrix as a lazy Dask array, shape (n, n), float32, one chunk a tile."""
        from dasknmf.network.views import to_dask

        return to_dask(self)

    def to_xarray(self) -> xr.DataArray:
        """Return the symmetric matrix as a lazy DataArray with gene names on both dimensions (gene, partner)."""
        from dasknmf.network.views import to_xarray

        return to_xarray(self)

    def to_anndata(self) -> ad.AnnData:
        """Return an AnnData with the genes as ``obs`` and the matrix in ``obsp["adjacency"]`` (in memory)."""
        from dasknmf.network.views import to_anndata

        return to_anndata(self)
