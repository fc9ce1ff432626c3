"""Symmetric views of a network store, for users of plain Dask, xarray and AnnData."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp

from dasknmf.errors import InputError, missing_dependency
from dasknmf.network.opened import opened
from dasknmf.network.sparse_tile import SparseTile

if TYPE_CHECKING:
    import anndata as ad
    import dask.array as da
    import xarray as xr
    from numpy.typing import NDArray

    from dasknmf.network.store import Network


def to_dask(network: Network) -> da.Array:
    """Return the whole symmetric matrix as a Dask array, shape (n, n), float32, one chunk a tile.

    Tiles below the diagonal are their mirror images, transposed on reading. Chunks are dense whatever the
    layout; products of the whole matrix are faster through :class:`dasknmf.engine.sweep.Sweep`.
    """
    import dask.array as da

    sides = tuple(b - a for a, b in map(network.grid.bounds, range(network.grid.panels)))
    key = (network.location, network.header.checksum, tuple(network.storage_options.items()))
    whole: da.Array = da.map_blocks(  # type: ignore[no-untyped-call]
        _read_block, key, chunks=(sides, sides), dtype=np.float32, meta=np.empty((0, 0), np.float32)
    )
    return whole


def _read_block(
    key: tuple[str, str, tuple[tuple[str, Any], ...]], block_info: dict[Any, Any] | None = None
) -> NDArray[np.float32]:
    assert block_info is not None
    network = opened(*key)
    i, j = block_info[None]["chunk-location"]
    a, b = min(i, j), max(i, j)
    tiles = [tile for _, tile in network.tile_row(a, b, b + 1)]
    if not tiles:
        (r0, r1), (c0, c1) = network.grid.bounds(i), network.grid.bounds(j)
        return np.zeros((r1 - r0, c1 - c0), dtype=np.float32)
    tile = tiles[0]
    block: NDArray[np.float32] = tile.toarray(diagonal=i == j) if isinstance(tile, SparseTile) else tile
    return block if i <= j else np.ascontiguousarray(block.T)


def to_xarray(network: Network) -> xr.DataArray:
    """Return the symmetric matrix as a lazy DataArray over (gene, partner), both labelled with gene names."""
    import xarray as xr

    return xr.DataArray(
        to_dask(network),
        dims=("gene", "partner"),
        coords={"gene": network.genes, "partner": network.genes},
        name="adjacency",
        attrs={"source": network.location, "checksum": network.header.checksum},
    )


def to_scipy(network: Network) -> sp.csr_array:
    """Return the symmetric matrix as a scipy CSR array of float32, shape (n, n), in memory."""
    parts: list[tuple[NDArray[Any], NDArray[Any], NDArray[Any]]] = []
    for i in range(network.grid.panels):
        for j, tile in network.tile_row(i, i, network.grid.panels):
            row = tile.row + np.int32(network.grid.bounds(i)[0])
            column = tile.column + np.int32(network.grid.bounds(j)[0])
            parts.append((row, column, tile.weight))
            # of the diagonal, entries are there once
            below = row != column
            parts.append((column[below], row[below], tile.weight[below]))
    if not parts:
        return sp.csr_array(network.shape, dtype=np.float32)
    row, column, weight = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    return sp.csr_array((weight, (row, column)), shape=network.shape)


def to_anndata(network: Network) -> ad.AnnData:
    """Return an AnnData: ``obs`` indexed by gene, ``obsp["adjacency"]`` the symmetric matrix.

    The matrix is a scipy CSR array for a sparse store and a numpy array for a dense one, in memory.

    Raises
    ------
    InputError
        If it does not fit in the memory of this machine.
    MissingDependencyError
        If anndata is not installed.
    """
    try:
        import anndata as ad
    except ImportError as error:
        raise missing_dependency("anndata", extra="anndata", purpose="to_anndata()") from error
    import pandas as pd
    from distributed.system import MEMORY_LIMIT

    header = network.header
    needed = 24 * header.edges if header.layout == "sparse" else 8 * header.genes**2
    if needed > MEMORY_LIMIT:
        msg = (
            f"{network.location} needs {needed / 2**30:.1f} GiB in memory, this machine has "
            f"{MEMORY_LIMIT / 2**30:.1f} GiB; use network.to_dask() or to_xarray() instead"
        )
        raise InputError(msg)
    matrix = to_scipy(network) if header.layout == "sparse" else np.asarray(to_dask(network))
    genes = pd.Index(network.genes.astype(str), name="gene")
    data = ad.AnnData(obs=pd.DataFrame({"degree": network.degree, "strength": network.strength}, index=genes))
    data.obsp["adjacency"] = sp.csr_matrix(matrix) if sp.issparse(matrix) else matrix
    data.uns["dasknmf"] = {"checksum": header.checksum, "source": network.location}
    return data
