"""Matrices and edge lists that are Python objects: numpy, scipy, pandas, xarray and Dask."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from dasknmf.bounds import check_count
from dasknmf.errors import InputError
from dasknmf.network.readers.columns import Column, choose_columns
from dasknmf.network.readers.compressed import BLOCK, read_compressed
from dasknmf.network.readers.names import default_names, names_of
from dasknmf.network.source import Chunk, Entries, Labels, Matrix

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import dask.array as da
    import pandas as pd
    import xarray as xr
    from numpy.typing import NDArray


def check_square(where: str, shape: tuple[int, ...]) -> int:
    """Return the number of rows of a square matrix, or refuse another shape."""
    if len(shape) != 2 or shape[0] != shape[1] or shape[0] == 0:
        size = "×".join(f"{side:,}" for side in shape) or "scalar"
        msg = f"{where} is a {size} array; a network needs a square one of at least one gene"
        raise InputError(msg)
    check_count(where, int(shape[0]))
    return int(shape[0])


def check_type(where: str, dtype: np.dtype[Any]) -> None:
    """Refuse anything but real numbers."""
    if dtype.kind not in "biuf":
        msg = (
            f"{where} holds {dtype}; a network needs real numbers: convert it first, array.astype('float32')"
        )
        raise InputError(msg)


def read_array(array: NDArray[Any], where: str = "the numpy array") -> Matrix:
    """Return a numpy array as a matrix."""
    n = check_square(where, array.shape)
    check_type(where, array.dtype)
    return Matrix(where, "numpy", "weight", n, None, lambda rows, columns: array[rows, columns])


def read_sparse(matrix: Any) -> Entries:
    """Return a scipy sparse matrix or array as entries."""
    where = "the scipy sparse matrix"
    n = check_square(where, matrix.shape)
    check_type(where, matrix.dtype)
    return Entries(
        where=where,
        reader="scipy",
        kind="weight",
        chunks=lambda: _sparse_chunks(where, matrix, n),
        labels=lambda: Labels(default_names(n)),
        details={"form": matrix.format},
    )


def _sparse_chunks(where: str, matrix: Any, n: int) -> Iterator[Chunk]:
    if matrix.format in ("csr", "csc"):
        yield from read_compressed(
            where,
            matrix.indptr,
            lambda start, stop: (matrix.indices[start:stop], matrix.data[start:stop]),
            count=int(matrix.indptr[-1]),
            n=n,
            by_column=matrix.format == "csc",
        )
        return
    coo = matrix.tocoo()
    count = len(coo.data)
    for start in range(0, count, BLOCK):
        part = slice(start, start + BLOCK)
        yield coo.row[part], coo.col[part], coo.data[part].astype(np.float64), min(1.0, part.stop / count)


def read_frame(frame: pd.DataFrame, *, columns: Sequence[Column] | None) -> Entries | Matrix:
    """Return a DataFrame: a matrix if its rows and columns have the same labels, otherwise an edge list."""
    if columns is None and frame.shape[0] == frame.shape[1] and set(frame.index) == set(frame.columns):
        where = "the DataFrame"
        if list(frame.index) != list(frame.columns):
            msg = (
                f"{where}: rows and columns hold the same genes in a different order; use df.loc[df.columns]"
            )
            raise InputError(msg)
        source = read_array(frame.to_numpy(), where)
        source.reader, source.genes = "pandas", names_of(frame.index)
        return source
    return _frame_edges(frame, columns)


def _frame_edges(frame: pd.DataFrame, columns: Sequence[Column] | None) -> Entries:
    import pandas as pd

    where = "the DataFrame"
    if frame.empty:
        msg = f"{where} is empty: it holds no edge; needs rows of gene, gene and, if there is one, weight"
        raise InputError(msg)
    headings = [str(name) for name in frame.columns]
    try:
        chosen = choose_columns(where, headings, len(headings), columns)
    except InputError as error:
        if columns is None and frame.shape[0] == frame.shape[1]:
            msg = f"{error}; for a square matrix, its rows and columns must have the same labels"
            raise InputError(msg) from error
        raise
    ends = frame.iloc[:, [chosen.first, chosen.second]]
    missing = ends.isna().any(axis=1).to_numpy()
    if missing.any():
        first = frame.index[missing][:3].tolist()
        msg = (
            f"{where}: {missing.sum():,} rows lack a gene name, the first at index {first}; "
            "drop them: df.dropna()"
        )
        raise InputError(msg)
    text = ends.to_numpy().astype(str).ravel()
    codes, names = pd.factorize(np.char.strip(text).astype(object), sort=True)
    pairs = codes.reshape(-1, 2)
    weight = np.ones(len(frame))
    if chosen.weight is not None:
        column = frame.iloc[:, chosen.weight]
        if column.dtype.kind not in "biuf":
            msg = (
                f"{where}: its weight column {headings[chosen.weight]!r} holds {column.dtype}; needs numbers"
            )
            raise InputError(msg)
        weight = column.to_numpy(dtype=np.float64, na_value=np.nan)
    return Entries(
        where=where,
        reader="pandas",
        kind=chosen.kind,
        chunks=lambda: iter([(pairs[:, 0], pairs[:, 1], weight, 1.0)]),
        labels=lambda: Labels(np.asarray(names, dtype=object)),
        is_list=True,
    )


def read_xarray(array: xr.DataArray, *, scratch: Path, memory_limit: int) -> Matrix:
    """Return a DataArray; its coordinates, if there are any, name the genes."""
    where = "the DataArray"
    check_square(where, array.shape)
    labels = [names_of(array.indexes[dim]) for dim in array.dims if dim in array.indexes]
    if len(labels) == 2 and labels[0].tolist() != labels[1].tolist():
        msg = f"{where}: its dimensions {array.dims[0]!r} and {array.dims[1]!r} differ in labels; reindex one"
        raise InputError(msg)
    source = (
        read_array(array.to_numpy(), where)
        if array.chunks is None
        else read_dask(array.data, scratch=scratch, memory_limit=memory_limit, where=where)
    )
    source.reader = "xarray"
    source.genes = labels[0] if labels else None
    return source


def read_dask(array: da.Array, *, scratch: Path, memory_limit: int, where: str = "the Dask array") -> Matrix:
    """Return a Dask array; every block is computed once, and kept in a temporary file.

    Tiles and blocks seldom agree, and each tile is compared with its mirror image: computing blocks on
    demand would compute each of them several times.
    """
    if any(np.isnan(size) for size in array.shape):
        msg = f"{where} has unknown sizes; compute them first: array.compute_chunk_sizes()"
        raise InputError(msg)
    n = check_square(where, array.shape)
    check_type(where, array.dtype)
    dtype = np.float32 if array.dtype == np.float32 else np.float64
    spilled = np.lib.format.open_memmap(scratch / "dask.npy", mode="w+", dtype=dtype, shape=(n, n))
    row = 0
    for i, height in enumerate(array.chunks[0]):
        column = first = 0
        widths = array.chunks[1]
        for j in range(len(widths)):
            last = j + 1 == len(widths)
            # so many blocks of this row as fit in the limit are computed together
            ready = sum(widths[first : j + 2]) * height * array.dtype.itemsize > memory_limit
            if not (last or ready):
                continue
            block = np.asarray(array.blocks[i, first : j + 1].compute())
            spilled[row : row + height, column : column + block.shape[1]] = block
            column, first = column + block.shape[1], j + 1
        row += height
    return Matrix(where, "dask", "weight", n, None, lambda rows, columns: spilled[rows, columns])
