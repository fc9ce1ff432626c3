"""Subnetworks brought together: the entries of A among the genes of each of many sets, from one read of A."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import scipy.sparse as sp

from dasknmf.network.sparse_tile import SparseTile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from dasknmf.engine.grid import Grid, Group
    from dasknmf.engine.kernels import TileSource
    from dasknmf.engine.sweep import Sweep

    #: Number of a set; rows, columns and values of a part of its matrix.
    Piece: TypeAlias = tuple[int, tuple[NDArray[Any], ...]]

#: Bytes of a sparse entry of a subnetwork: on its way as a pair of places and a weight, then twice in a CSR array.
ENTRY = 32


@dataclass(frozen=True, eq=False)
class Members:
    """A set of genes, and how far each belongs to it.

    Parameters
    ----------
    genes : ndarray of int, shape (m,)
        Places among all genes, ascending.
    weights : ndarray of float64, shape (m,), optional
        From above 0 to 1, of soft membership; otherwise 1.
    """

    genes: NDArray[np.int64]
    weights: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self.genes)


@dataclass(frozen=True, eq=False)
class Layer:
    """Sets of genes no two of which share one, gene by gene.

    Attributes
    ----------
    label, place : ndarray of int32, shape (n,)
        The set a gene is in, -1 for none, and its place there.
    weight : ndarray of float64, shape (n,), or None
        How far it belongs there.
    """

    label: NDArray[np.int32]
    place: NDArray[np.int32]
    weight: NDArray[np.float64] | None


def layers_of(sets: Sequence[Members], n: int) -> list[Layer]:
    """Put sets of genes in as few layers as comes from taking them in turn; hard membership has one.

    Examples
    --------
    >>> sets = [Members(np.array([0, 1])), Members(np.array([1, 2])), Members(np.array([3]))]
    >>> [layer.label.tolist() for layer in layers_of(sets, 4)]
    [[0, 0, -1, 2], [-1, 1, 1, -1]]
    """
    made: list[Layer] = []
    soft = any(one.weights is not None for one in sets)
    for number, one in enumerate(sets):
        layer = next((layer for layer in made if (layer.label[one.genes] < 0).all()), None)
        if layer is None:
            nothing = [np.full(n, -1, dtype=np.int32) for _ in range(2)]
            layer = Layer(nothing[0], nothing[1], np.ones(n) if soft else None)
            made.append(layer)
        layer.label[one.genes] = number
        layer.place[one.genes] = np.arange(len(one), dtype=np.int32)
        if layer.weight is not None and one.weights is not None:
            layer.weight[one.genes] = one.weights
    return made


def gather(operator: Sweep, sets: Sequence[Members], *, sparse: bool) -> list[Any]:
    """Return D A D among the genes of each set, D its weights, from one read of A.

    Where genes are in one set each, an entry is kept if the labels of its two genes agree: a read costs the same for
    one set and for a thousand.

    Parameters
    ----------
    operator : Sweep
        A.
    sets : sequence of Members
        Which genes.
    sparse : bool
        Whether tiles of A are sparse.

    Returns
    -------
    list of ndarray or csr_array of float32, each of shape (genes of the set, genes of the set)
        Symmetric, sparse where A is; bits depend neither on the tiles nor on the executor.

    Examples
    --------
    >>> from dasknmf.engine.executor import Threads
    >>> from dasknmf.engine.sweep import Sweep
    >>> with Threads(workers=1) as executor:
    ...     A = Sweep.of_array(np.arange(9.0).reshape(3, 3) + np.arange(9.0).reshape(3, 3).T, executor)
    ...     gather(A, [Members(np.array([0, 2]), np.array([1.0, 0.5]))], sparse=False)[0].tolist()
    [[0.0, 4.0], [4.0, 4.0]]
    """
    operator.reads += 1
    groups = operator.plan.groups
    layers = layers_of(sets, operator.n)
    found = operator.executor.stream(
        gather_group,
        [operator.source] * len(groups),
        [operator.plan.grid] * len(groups),
        groups,
        operator.executor.put([layers], label="labels") * len(groups),
        label="gather",
    )
    if not sparse:
        return _dense(sets, found)
    parts: list[list[tuple[NDArray[Any], ...]]] = [[] for _ in sets]
    for pieces in found:
        for number, piece in pieces:
            parts[number].append(piece)
    return [_csr(len(one), parts[number]) for number, one in enumerate(sets)]


def gather_group(source: TileSource, grid: Grid, group: Group, layers: Sequence[Layer]) -> list[Piece]:
    """Return what a group of tiles has of each set: its number, and rows, columns and values of a piece of it.

    Of a dense tile the piece is the block between some rows and some columns; of a sparse one, single entries.
    """
    found: list[Piece] = []
    for i, first, last in group.tile_rows():
        rows = slice(*grid.bounds(i))
        for j, tile in source.tile_row(i, first, last):
            columns = slice(*grid.bounds(j))
            for layer in layers:
                pieces = _entries if isinstance(tile, SparseTile) else _blocks
                found += pieces(tile, layer, rows, columns)
    return found


def _entries(tile: SparseTile, layer: Layer, rows: slice, columns: slice) -> list[Piece]:
    row, column = tile.row.astype(np.int64) + rows.start, tile.column.astype(np.int64) + columns.start
    label = layer.label[row]
    kept = np.flatnonzero((label >= 0) & (label == layer.label[column]))
    # entries of a set stay in their order
    kept = kept[np.argsort(label[kept], kind="stable")]
    row, column, label, value = row[kept], column[kept], label[kept], tile.weight[kept]
    if layer.weight is not None:
        value = value * (layer.weight[row] * layer.weight[column])
    value = value.astype(np.float32)
    numbers, cuts = np.unique(label, return_index=True)
    ends = [*cuts.tolist(), len(label)][1:]
    found: list[Piece] = []
    for number, a, b in zip(numbers.tolist(), cuts.tolist(), ends, strict=True):
        found.append((number, (layer.place[row[a:b]], layer.place[column[a:b]], value[a:b])))
    return found


def _blocks(tile: NDArray[Any], layer: Layer, rows: slice, columns: slice) -> list[Piece]:
    above, beside = (_by_label(layer.label[genes]) for genes in (rows, columns))
    found: list[Piece] = []
    for number in above.keys() & beside.keys():
        row, column = above[number], beside[number]
        block = tile[np.ix_(row, column)]
        if layer.weight is not None:
            block = block * np.outer(layer.weight[rows][row], layer.weight[columns][column])
        places = layer.place[rows][row], layer.place[columns][column]
        found.append((number, (*places, block.astype(np.float32))))
    return found


def _by_label(label: NDArray[np.int32]) -> dict[int, NDArray[np.intp]]:
    """Return the local genes of each set that has some."""
    order = np.argsort(label, kind="stable")
    numbers, cuts = np.unique(label[order], return_index=True)
    parts = np.split(order, cuts[1:])
    return {int(number): part for number, part in zip(numbers, parts, strict=True) if number >= 0}


def _dense(sets: Sequence[Members], found: Any) -> list[NDArray[np.float32]]:
    made = [np.zeros((len(one), len(one)), dtype=np.float32) for one in sets]
    for pieces in found:
        for number, (row, column, block) in pieces:
            made[number][np.ix_(row, column)] = block
            # of a diagonal tile the same again
            made[number][np.ix_(column, row)] = block.T
    return made


def _csr(m: int, parts: Sequence[tuple[NDArray[Any], ...]]) -> Any:
    if not parts:
        return sp.csr_array((m, m), dtype=np.float32)
    row, column, value = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    apart = row != column
    whole = sp.coo_array(
        (
            np.concatenate([value, value[apart]]),
            (np.concatenate([row, column[apart]]), np.concatenate([column, row[apart]])),
        ),
        shape=(m, m),
    ).tocsr()
    whole.sort_indices()
    return whole
