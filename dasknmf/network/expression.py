"""Expression as named blocks of genes, whatever it comes from: text, NumPy, pandas or AnnData."""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from dasknmf.errors import InputError, one_of
from dasknmf.network.expression_matrix import Table, labels_of, layer_of, open_h5ad, read_array, read_matrix
from dasknmf.network.expression_text import FEWEST_COLUMNS, SEPARATORS, block_length, is_text, read_text
from dasknmf.network.gene_names import check_genes
from dasknmf.network.row_spool import RowSpool
from dasknmf.storage import is_remote, local_path

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from dasknmf.network.expression_matrix import Axis
    from dasknmf.network.expression_text import Block
    from dasknmf.storage import Location

#: Fewer samples than this have only correlations of ±1.
FEWEST_SAMPLES = 3


@dataclass
class Expression:
    """Expression opened by :func:`open_expression`.

    Parameters
    ----------
    where : str
        What it was read from, for messages and provenance.
    samples : int
        Samples (arrays, cells).
    blocks : iterator of ndarray of float64, shape (some genes, samples)
        Finite values, in the order of the genes.
    genes : list of str
        Unique names, complete once ``blocks`` has ended.
    """

    where: str
    samples: int
    blocks: Iterator[NDArray[np.float64]]
    genes: list[str] = field(default_factory=list)


@contextmanager
def open_expression(
    given: Any,
    *,
    genes_in: Axis | None = None,
    genes: Sequence[str] | Location | None = None,
    layer: str | None = None,
) -> Iterator[Expression]:
    """Open expression of any kind and give it as blocks of genes.

    Parameters
    ----------
    given : path, URL, ndarray, sparse array, DataFrame or AnnData
        See :func:`dasknmf.coexpression`.
    genes_in : {"rows", "columns"}, optional
        Where the genes are; by default rows, and ``var``, the columns, of AnnData.
    genes : sequence of str or path, optional
        Gene names, or a file with one a line; needed where the input has none, used instead otherwise.
    layer : str, optional
        Layer of AnnData to read instead of ``X``.

    Yields
    ------
    Expression

    Raises
    ------
    InputError
        With the place, the first three offenders and their count, while opening or while reading.
    """
    names = _gene_names(genes)
    with ExitStack() as stack:
        table = _open_table(given, genes_in, layer, stack)
        if table.along != _axis(given, genes_in):
            table = stack.enter_context(_turned(table))
        if table.width < FEWEST_SAMPLES:
            msg = (
                f"{table.where}: has {table.width} samples; correlations need at least {FEWEST_SAMPLES}. "
                "If genes are in the columns, say so: --genes-in columns, genes_in='columns'"
            )
            raise InputError(msg)
        found = Expression(table.where, table.width, iter(()))
        found.blocks = _named_blocks(table, names, found)
        yield found


def _axis(given: Any, genes_in: Axis | None) -> Axis:
    if genes_in is not None:
        one_of("genes_in", genes_in, ("rows", "columns"))
    is_file = isinstance(given, str | os.PathLike)
    annotated = os.fspath(given).lower().endswith(".h5ad") if is_file else _is_anndata(given)
    return genes_in or ("columns" if annotated else "rows")


def _is_anndata(given: Any) -> bool:
    # By its face, so that anndata is not imported for every array.
    return hasattr(given, "obs_names") and hasattr(given, "var_names")


def _gene_names(genes: Sequence[str] | Location | None) -> list[str] | None:
    if genes is None:
        return None
    if not isinstance(genes, str | os.PathLike):
        return labels_of(genes)
    try:
        return [line.strip() for line in local_path(genes).read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        msg = f"genes file {os.fspath(genes)}: {error}; it needs one gene name a line"
        raise InputError(msg) from error


def _named_blocks(table: Table, names: list[str] | None, found: Expression) -> Iterator[NDArray[np.float64]]:
    read: list[str] = []
    rows = 0
    for labels, block in table.blocks:
        rows += len(block)
        read.extend(labels or [])
        yield block
    if names is not None and len(names) != rows:
        msg = (
            f"{table.where}: has {rows:,} genes, but genes= names {len(names):,}; "
            "give one name for each, in the order of the input"
        )
        raise InputError(msg)
    if rows and names is None and not read:
        msg = f"{table.where}: has no gene names; give them: --genes FILE, genes=[...]"
        raise InputError(msg)
    found.genes = read if names is None else names
    check_genes(np.asarray(found.genes, dtype=object), where=table.where)


@contextmanager
def _turned(table: Table) -> Iterator[Table]:
    """Copy a table that is read along one axis to a spool, and give it along the other."""
    labels: list[str] = []
    with RowSpool(table.width, purpose=table.where) as spool:
        for names, block in table.blocks:
            labels.extend(names or [])
            spool.append(block)
        if not spool.rows:
            msg = f"{table.where}: holds no values"
            raise InputError(msg)
        values, step = spool.array(), block_length(spool.rows, fewest=FEWEST_COLUMNS)
        blocks: Iterator[Block] = (
            (
                table.across and table.across[start : start + step],
                np.ascontiguousarray(values[:, start : start + step].T),
            )
            for start in range(0, table.width, step)
        )
        other: Axis = "columns" if table.along == "rows" else "rows"
        yield Table(table.where, other, labels or None, spool.rows, blocks)


def _open_table(given: Any, genes_in: Axis | None, layer: str | None, stack: ExitStack) -> Table:
    import pandas as pd

    axis = _axis(given, genes_in)
    if layer is not None and not _is_anndata(given) and not str(given).lower().endswith(".h5ad"):
        msg = f"layer={layer!r} is for AnnData; leave it out"
        raise InputError(msg)
    if isinstance(given, str | os.PathLike):
        return _open_file(given, axis, layer, stack)
    if isinstance(given, pd.DataFrame):
        return read_matrix(
            "DataFrame", lambda r, c: given.iloc[r, c], given.shape, axis, axis, given.index, given.columns
        )
    if _is_anndata(given):
        values = given.X if layer is None else layer_of("AnnData", given.layers, layer)
        return read_array("AnnData", values, axis, given.obs_names, given.var_names)
    return read_array(type(given).__name__, given, axis, None, None)


def _open_file(location: Location, axis: Axis, layer: str | None, stack: ExitStack) -> Table:
    where = os.fspath(location)
    if is_text(location):
        columns, blocks = read_text(location)
        return Table(where, "rows", columns, len(columns), blocks)
    kind = where.lower().rpartition(".")[2]
    if kind not in ("npy", "h5ad"):
        known = ", ".join([*SEPARATORS, ".npy", ".h5ad"])
        msg = (
            f"{where}: not a known kind of expression file; give one of {known} (text also with .gz or .zst)"
        )
        raise InputError(msg)
    path = local_path(location)
    if is_remote(location) or not path.is_file():
        msg = f"{where}: no such local file; a .{kind} is read from a local path: copy it first"
        raise InputError(msg)
    if kind == "h5ad":
        return open_h5ad(where, axis, layer, stack)
    try:
        values = np.load(path, mmap_mode="r", allow_pickle=False)
    except Exception as error:  # the parser of its header raises what it comes upon
        msg = f"{where}: no array of numbers ({error}); write it with numpy.save(..., allow_pickle=False)"
        raise InputError(msg) from error
    return read_array(where, values, axis, None, None)
