"""Where tiles of A are read together with those of the weights Ω of its entries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from dasknmf.engine.known import DenseKnown, SparseKnown, rows_of
from dasknmf.network.sparse_tile import SparseTile

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from dasknmf.engine.kernels import Tile, TileSource
    from dasknmf.network.tiles import Grid

#: What tiles of weights are: sparse, dense, or values of a function.
Layout = Literal["sparse", "dense", "called"]


@dataclass(frozen=True, eq=False)
class KnownSource:
    """Tiles of A and of Ω on one grid, each pair of them read once.

    Parameters
    ----------
    network : TileSource
        Tiles of A.
    weights : TileSource or callable
        Tiles of Ω, or its values by genes.
    grid : Grid
        Of both.
    sparse : bool
        Whether tiles of A are sparse.
    layout : {"sparse", "dense", "called"}
        What tiles of Ω are.
    missing : bool
        Non-zero pairs of ``weights`` are missing, and all others have weight 1.
    counts : bool
        Whether the diagonal of A does; otherwise its weight is 0.
    """

    network: TileSource
    weights: Any
    grid: Grid
    sparse: bool
    layout: Layout
    missing: bool
    counts: bool

    @property
    def absent(self) -> float | None:
        """Weight of the pairs that a tile does not list, or None where every entry has its own."""
        if self.layout != "sparse" or (self.missing and not self.sparse):
            return None
        return float(self.missing)

    def tile_row(self, i: int, first: int, last: int) -> Iterator[tuple[int, SparseKnown | DenseKnown]]:
        """Yield (j, tile (i, j)) for first ≤ j < last, without those that say nothing."""
        ours = _each(self.network.tile_row(i, first, last), first, last)
        theirs: Iterable[Any] = (
            [self.weights] * (last - first)
            if self.layout == "called"
            else _each(self.weights.tile_row(i, first, last), first, last)
        )
        for j, tile, weight in zip(range(first, last), ours, theirs, strict=True):
            made = self._beside(i, j, tile, weight)
            if made is not None:
                yield j, made

    def _beside(self, i: int, j: int, tile: Tile | None, weight: Any) -> SparseKnown | DenseKnown | None:
        shape = self.grid.shape(i, j)
        if self.absent is None:
            genes = self.grid.bounds(i)[0], self.grid.bounds(j)[0]
            return DenseKnown(shape, tile, weight, genes, self.missing, i == j, self.counts)
        ignored = i == j and not self.counts
        if weight is None and (not self.missing or (tile is None and not ignored)):
            return None
        if isinstance(tile, np.ndarray):
            tile = _at(tile, weight)
        return merged(shape, tile, weight, missing=self.missing, ignored=ignored)


@dataclass(frozen=True, eq=False)
class Seen:
    """Tiles of A with unknown entries as zero."""

    source: Any

    def tile_row(self, i: int, first: int, last: int) -> Iterator[tuple[int, Tile]]:
        """Yield (j, tile (i, j)) for first ≤ j < last."""
        for j, tile in self.source.tile_row(i, first, last):
            known = tile.known()
            if known is not None:
                yield j, known


def merged(
    shape: tuple[int, int],
    tile: SparseTile | None,
    weight: SparseTile | None,
    *,
    missing: bool,
    ignored: bool,
) -> SparseKnown:
    """Put a sparse tile of A and one of Ω together: all pairs of both, or of Ω alone where others do not count."""
    from dasknmf.engine.compiled_filled import merge

    parts = [part or _nothing(shape) for part in (tile, weight)]
    kind = np.result_type(*(part.weight.dtype for part in parts))
    # what came from another process may lie at an odd address
    ours, theirs = (
        tuple(
            np.require(array, requirements=["C", "A"])
            for array in (part.pointer, part.column, part.weight.astype(kind, copy=False))
        )
        for part in parts
    )
    pointer, column, value, own = merge(ours, theirs, missing, ignored)
    return SparseKnown(shape, pointer, column, value, own, float(missing))


def _each(tiles: Iterable[tuple[int, Tile]], first: int, last: int) -> Iterator[Tile | None]:
    """Yield a tile for every place of a row, None where there is nothing."""
    there = iter(tiles)
    following = next(there, None)
    for j in range(first, last):
        if following is not None and following[0] == j:
            yield following[1]
            following = next(there, None)
        else:
            yield None


def _at(tile: NDArray[Any], places: SparseTile) -> SparseTile:
    """Return the entries of a dense tile where a sparse one has any."""
    row = rows_of(places.pointer)
    return SparseTile(places.shape, places.pointer, places.column, tile[row, places.column])


def _nothing(shape: tuple[int, int]) -> SparseTile:
    return SparseTile(
        shape, np.zeros(shape[0] + 1, np.uint32), np.zeros(0, np.uint16), np.zeros(0, np.float32)
    )
