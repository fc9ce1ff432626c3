"""Co-expression networks: from genes × samples to a tile store, without the n×n matrix in memory.

Every tile is a product of standardised rows, so the network of 20,000 genes is written tile by tile from a
temporary copy of the expression on disk.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from dasknmf import __version__
from dasknmf.errors import InputError, MemoryLimitError, one_of
from dasknmf.network.build import build_from_tiles
from dasknmf.network.encoding import check_storage
from dasknmf.network.expression import open_expression
from dasknmf.network.expression_text import FEWEST_COLUMNS, block_length
from dasknmf.network.standardised import Constant, standardised
from dasknmf.network.tiles import LARGEST_SPARSE_TILE, Grid, dense_tile
from dasknmf.network.weighting import Diagonal, Method, Sign, Weighting
from dasknmf.storage import read_storage_options, require_free

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import anndata as ad
    import pandas as pd
    from numpy.typing import ArrayLike, NDArray

    from dasknmf.network.compression import Codec
    from dasknmf.network.encoding import Storage
    from dasknmf.network.expression_matrix import Axis
    from dasknmf.network.standardised import Rows
    from dasknmf.network.store import Network
    from dasknmf.storage import Location, StorageOptions

Layout = Literal["auto", "dense", "sparse"]

#: Peak bytes for each entry of a tile in flight: the float64 product and its power, then the writer's copies.
BYTES_PER_ENTRY = 40
#: Interpreter, numpy, zarr and Dask before anything is read.
INTERPRETER = 2**28
#: Copies of a block of expression while it is read: given, ranked, standardised, and temporaries of each.
BLOCK_COPIES = 6


def coexpression(
    expression: Location | ArrayLike | pd.DataFrame | ad.AnnData,
    location: Location,
    *,
    method: Method = "pearson",
    sign: Sign = "unsigned",
    power: float | None = None,
    diagonal: Diagonal = "zero",
    threshold: float | None = None,
    layout: Layout = "auto",
    constant: Constant = "error",
    genes: Sequence[str] | Location | None = None,
    genes_in: Axis | None = None,
    layer: str | None = None,
    tile: int | None = None,
    storage: Storage = "float32",
    codec: Codec | None = None,
    overwrite: bool = False,
    storage_options: StorageOptions | None = None,
    memory_limit: int | str | None = None,
    threads: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Network:
    r"""Make the co-expression network of a genes × samples table, tile by tile on disk.

    The weight of two genes with correlation r is \|r\|^β (unsigned), ((1 + r)/2)^β (signed), or r^β where
    r > 0 and else 0 (signed-hybrid): the soft thresholding of WGCNA [1]_ [2]_.

    Parameters
    ----------
    expression : path, URL, ndarray, sparse array, DataFrame or AnnData
        ``.tsv``, ``.tab``, ``.txt``, ``.csv`` (also ``.gz``, ``.zst``): a line of sample names, then a line
        for each gene, its name first. ``.npy``: read as a memory map. ``.h5ad`` or AnnData: ``X`` or a
        layer, dense or sparse, genes in ``var``. At least 3 samples; every value finite.
    location : path or URL
        Where the network is to be.
    method : {"pearson", "spearman"}
        Correlation; Spearman's is Pearson's of average ranks.
    sign : {"unsigned", "signed", "signed-hybrid"}
        What becomes of negative correlations.
    power : float, optional
        β > 0; by default 6, and 12 for signed, as WGCNA recommends.
    diagonal : {"zero", "one"}
        Weight of a gene with itself. Zero by default: self-similarity is trivial.
    threshold : float, optional
        Weights (after the power) below it are 0; in [0, 1].
    layout : {"auto", "dense", "sparse"}
        How tiles are kept; "auto" is sparse if a threshold is given, else dense. Sparse takes 8 bytes an
        edge, dense 4 a gene pair: with a threshold that more than half of the pairs pass, choose dense.
    constant : {"error", "zero", "drop"}
        Genes with the same value in every sample have no correlation: refuse them, keep them without edges,
        or leave them out.
    genes : sequence of str or path, optional
        Gene names in the order of the input, or a file with one a line; needed for arrays.
    genes_in : {"rows", "columns"}, optional
        Where the genes are; by default the rows, and ``var``, the columns, of AnnData.
    layer : str, optional
        Layer of AnnData, instead of ``X``.
    tile : int, optional
        Side of a tile, genes; by default as :func:`dasknmf.network.tiles.dense_tile` says.
    storage : {"float32", "float16", "uint16", "uint8"}
        How a dense network keeps its weights: exactly, or as codes of two or one bytes times a scale of the tile.
        float16 keeps three digits of all but the smallest weights; integers move every weight by at most
        1/131,070 or 1/510 of the largest of its tile, so the smallest become 0. The header states the relative
        and the largest error, and every result is one of the matrix as stored.
    codec : {"none", "lz4", "zstd"}, optional
        Compression; by default none for dense tiles and zstd for sparse ones.
    overwrite : bool
        Replace what is at ``location``.
    storage_options : dict, optional
        Options of the fsspec file system of a URL.
    memory_limit : int or str, optional
        Bytes, or such as ``"2GiB"``; a projection above it is refused before anything is written.
    threads : int, optional
        Tiles in flight; by default one a core. The network is the same bits for any number.
    progress : callable, optional
        Called with (tiles done, tiles in all).

    Returns
    -------
    Network
        Its header says ``weights={"kind": "coexpression", "method": …, "sign": …, "power": …, …}``.

    Raises
    ------
    InputError
        If an option or the input cannot be used: what, where, the first three offenders and their count.
        No store is left behind.
    MemoryLimitError
        If the projected memory is above the limit.

    Notes
    -----
    Beside its tiles it needs room on disk: a temporary copy of genes × samples × 8 bytes (twice where genes
    are in the columns of a text file or of a row-wise ``.h5ad``), in ``$TMPDIR``, gone when the call ends
    or the process dies. Correlations are computed in float64 and kept as float32 weights.

    References
    ----------
    .. [1] Zhang & Horvath, A general framework for weighted gene co-expression network analysis,
       Stat. Appl. Genet. Mol. Biol. 4:17, 2005.
    .. [2] Langfelder & Horvath, WGCNA: an R package for weighted correlation network analysis,
       BMC Bioinformatics 9:559, 2008.

    Examples
    --------
    >>> import dasknmf, numpy as np, pathlib, tempfile
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> values = np.array([[1.0, 2.0, 3.0], [2.0, 4.0, 6.0], [1.0, 0.0, 1.0]])
    >>> network = dasknmf.coexpression(values, folder / "net.zarr", genes=["lacZ", "lacY", "recA"])
    >>> network.to_dask().compute().round(3).tolist()
    [[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
    """
    weighting = Weighting(method, sign, power, diagonal, threshold)
    one_of("layout", layout, get_args(Layout))
    one_of("constant", constant, get_args(Constant))
    options = read_storage_options() if storage_options is None else storage_options
    require_free(location, overwrite=overwrite, storage_options=options)
    if layout == "auto":
        layout = "dense" if threshold is None else "sparse"
    check_storage(storage, layout)
    if tile is not None and not 1 <= tile <= LARGEST_SPARSE_TILE:
        msg = f"tile={tile}; needs 1 to {LARGEST_SPARSE_TILE:,} genes"
        raise InputError(msg)
    threads = threads or os.cpu_count() or 1

    with (
        open_expression(expression, genes_in=genes_in, genes=genes, layer=layer) as opened,
        standardised(opened, weighting.method, constant) as rows,
    ):
        grid = Grid(len(rows.genes), tile or dense_tile(len(rows.genes)))
        _check_memory(grid, opened.samples, threads, memory_limit)
        return build_from_tiles(
            location,
            lambda i, j: _tile(rows, weighting, grid, i, j),
            genes=rows.genes,
            grid=grid,
            layout=layout,
            weights=weighting.describe(opened.samples),
            provenance={
                "source": opened.where,
                "made_by": f"dasknmf {__version__}",
                "constant": constant,
                "constant_genes": rows.constants,
                "layer": layer,
            },
            storage=storage,
            codec=codec,
            overwrite=overwrite,
            storage_options=storage_options,
            threads=threads,
            progress=progress,
        )


def _tile(rows: Rows, weighting: Weighting, grid: Grid, i: int, j: int) -> NDArray[np.float32]:
    (a, b), (c, d) = grid.bounds(i), grid.bounds(j)
    weights = weighting(rows.values[a:b] @ rows.values[c:d].T)
    if rows.isolated.any():
        # a correlation of 0 is a weight of 2^-β in a signed network
        weights[rows.isolated[a:b]] = 0
        weights[:, rows.isolated[c:d]] = 0
    if i == j:
        weights = np.triu(weights, 1)
        weights += weights.T
        if weighting.diagonal == "one":
            np.fill_diagonal(weights, ~rows.isolated[a:b])
    return weights


def _check_memory(grid: Grid, samples: int, threads: int, limit: int | str | None) -> None:
    if limit is None:
        return
    from dask.utils import format_bytes, parse_bytes

    try:
        allowed = parse_bytes(limit)
    except ValueError as error:
        msg = f"memory_limit={limit!r}: needs bytes, or a size such as '4GiB'"
        raise InputError(msg) from error
    side = min(grid.tile, grid.n)
    base = INTERPRETER + BLOCK_COPIES * 8 * samples * min(
        grid.n, block_length(samples, fewest=FEWEST_COLUMNS)
    )
    tiles = threads * side * side * BYTES_PER_ENTRY
    if base + tiles > allowed:
        msg = (
            f"needs {format_bytes(base + tiles)} of memory, {format_bytes(tiles)} of it for {threads} tiles of "
            f"{side:,} × {side:,} genes at once, and the limit is {format_bytes(allowed)}; take smaller tiles "
            f"(--tile {max(1, side // 2)}) or fewer threads (threads=1), or raise the limit (--memory-limit)"
        )
        raise MemoryLimitError(msg)
