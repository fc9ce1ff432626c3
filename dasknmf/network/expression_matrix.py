"""Matrices of expression cut into blocks and checked: NumPy, sparse, pandas, AnnData, .h5ad."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from dasknmf.errors import DasknmfError, InputError, missing_dependency
from dasknmf.network.expression_text import FEWEST_COLUMNS, Faults, block_length, check_cells
from dasknmf.network.readers.files import InputFile
from dasknmf.network.readers.h5ad import check_chunks, check_names, guarded
from dasknmf.storage import local_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import ExitStack

    from numpy.typing import NDArray

    from dasknmf.network.expression_text import Block

Axis = Literal["rows", "columns"]


@dataclass
class Table:
    """A matrix that is read in blocks along one axis; a block along columns comes transposed."""

    where: str
    along: Axis
    across: list[str] | None
    width: int
    blocks: Iterator[Block]


def labels_of(names: Any) -> list[str]:
    """Return names as a list of text."""
    # Entrez identifiers come as integers; anything else that is no text is left for check_genes to refuse.
    return [str(name) if isinstance(name, int | np.integer) else name for name in names]


def open_h5ad(where: str, axis: Axis, layer: str | None, stack: ExitStack) -> Table:
    """Open X or a layer of an .h5ad file, which ``stack`` closes."""
    # Not anndata.read_h5ad(backed="r"): that keeps X on disk, but loads layers, obsm and the rest.
    try:
        import h5py
        from anndata.io import read_elem, sparse_dataset
    except ImportError:
        error = missing_dependency("anndata", extra="anndata", purpose="reading .h5ad")
        raise error from None
    try:
        file = stack.enter_context(h5py.File(local_path(where), "r"))
        for name in ("obs", "var"):
            check_names(where, file[name])
        labels = [read_elem(file[name][file[name].attrs["_index"]]) for name in ("obs", "var")]
    except DasknmfError:
        raise
    except Exception as error:  # h5py and anndata raise what they come upon in bytes that mean nothing
        msg = (
            f"{where}: no .h5ad of a recent AnnData ({error}); write it again with anndata.AnnData.write_h5ad"
        )
        raise InputError(msg) from error
    with guarded(InputFile(where)):
        values: Any = (
            layer_of(where, file, "X") if layer is None else layer_of(where, file.get("layers", {}), layer)
        )
        if isinstance(values, h5py.Group):
            check_names(where, values)
            values = sparse_dataset(values)
        else:
            check_chunks(where, values)
        table = read_array(where, values, axis, *labels)
    table.blocks = _guarded_blocks(where, table.blocks)
    return table


def _guarded_blocks(where: str, blocks: Iterator[Block]) -> Iterator[Block]:
    with guarded(InputFile(where)):
        yield from blocks


def layer_of(where: str, layers: Any, name: str) -> Any:
    """Return a layer, or name those that are there."""
    if name not in layers:
        # since AnnData 0.13 the layers include X, under None
        there = ", ".join(known for known in layers if known is not None) or "none"
        msg = f"{where}: has no {name if name == 'X' else f'layer {name!r}'}; layers there: {there}"
        raise InputError(msg)
    return layers[name]


def read_array(where: str, given: Any, axis: Axis, rows: Any, columns: Any) -> Table:
    """Read an array of any kind, along ``axis``, where the genes are, or along what it is stored by."""
    values: Any = given if hasattr(given, "dtype") and hasattr(given, "shape") else np.asarray(given)
    if hasattr(given, "tocsr") and given.format not in ("csr", "csc"):
        values = given.tocsr()
    if len(values.shape) != 2 or values.dtype.kind not in "buif":
        msg = (
            f"{where}: has shape {tuple(values.shape)} of {values.dtype}; "
            "needs a table of numbers, genes × samples"
        )
        raise InputError(msg)
    kind = getattr(values, "format", None)
    if kind is not None:
        along: Axis = "rows" if kind == "csr" else "columns"
    else:
        # HDF5 reads whole chunks, which span few rows and many columns; memory is as good either way.
        along = "rows" if type(values).__module__.startswith("h5py") else axis
    return read_matrix(where, lambda r, c: values[r, c], values.shape, along, axis, rows, columns)


def read_matrix(
    where: str,
    read: Callable[[slice, slice], Any],
    shape: tuple[int, ...],
    along: Axis,
    axis: Axis,
    rows: Any,
    columns: Any,
) -> Table:
    """Cut a matrix that can be sliced into checked blocks along one of its axes; genes are on ``axis``."""
    labels = [None if names is None else labels_of(names) for names in (rows, columns)]
    (length, width), (names, across) = shape, labels
    for held, side in ((names, length), (across, width)):
        if held is not None and len(held) != side:
            msg = f"{where}: has {len(held):,} names for the {side:,} rows or columns of its values; write it again"
            raise InputError(msg)
    if along == "columns":
        length, width, names, across = width, length, across, names

    def blocks() -> Iterator[Block]:
        faults = Faults()
        step = block_length(width, fewest=1 if along == "rows" else FEWEST_COLUMNS)
        for start in range(0, length, step):
            part = slice(start, min(length, start + step))
            given = read(part, slice(None)) if along == "rows" else read(slice(None), part)
            numbers = _numbers(given) if along == "rows" else _numbers(given).T
            bad = np.argwhere(~np.isfinite(numbers))
            if not len(bad):
                yield names and names[part], numbers
                continue
            faults.count += len(bad)
            for i, j in bad[: 3 - len(faults.shown)]:
                gene, sample = (names, start + i), (across, j)
                if along != axis:
                    gene, sample = sample, gene
                faults.shown.append(
                    f"gene {_name(*gene)}, sample {_name(*sample)}: {_cell(given, along, i, j)}"
                )
        check_cells(faults, where)

    return Table(where, along, across, width, blocks())


def _name(names: list[str] | None, position: int) -> str:
    return f"{position + 1:,}" if names is None else f"'{names[position]}'"


def _cell(given: Any, along: Axis, i: int, j: int) -> str:
    place = (i, j) if along == "rows" else (j, i)
    return str(given.iloc[place] if hasattr(given, "iloc") else given[place])


def _numbers(part: Any) -> NDArray[np.float64]:
    if hasattr(part, "toarray"):
        part = part.toarray()
    if not hasattr(part, "iloc"):
        return np.asarray(part, dtype=np.float64)
    import pandas as pd

    try:
        return part.to_numpy(dtype=np.float64, na_value=np.nan)  # type: ignore[no-any-return]
    except (ValueError, TypeError):
        # What is no number becomes NaN here and is reported as it was written.
        numbers = part.apply(pd.to_numeric, errors="coerce")
        return numbers.to_numpy(dtype=np.float64, na_value=np.nan)  # type: ignore[no-any-return]
