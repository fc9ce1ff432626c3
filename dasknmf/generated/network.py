"""A generated network: what makes it, which genes it is of, and the face that all who read tiles know."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from dasknmf.errors import InputError, whole
from dasknmf.generated.draws import stream
from dasknmf.network.sparse_tile import SparseTile
from dasknmf.network.tiles import LARGEST_SPARSE_TILE, Grid, dense_tile, sparse_tile

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

#: A float32 array, or a SparseTile.
Tile = Any


@runtime_checkable
class Law(Protocol):
    """What a generated network is made by: a frozen dataclass of numbers and arrays over genes, never over pairs.

    ``kind`` is its name and ``sparse`` says what its tiles are.
    """

    @property
    def kind(self) -> str:
        """Name."""
        ...

    @property
    def sparse(self) -> bool:
        """Whether tiles are sparse."""
        ...

    def tile(self, grid: Grid, i: int, j: int, rng: np.random.Generator) -> Tile:
        """Return tile (i, j), i ≤ j, from its own random numbers; a dense diagonal tile is whole and symmetric."""
        ...

    def weights(self, grid: Grid) -> NDArray[np.int64]:
        """Return the bytes of each tile, or what is expected, shape (n_tiles,); 0 only where a tile is all zero."""
        ...


@dataclass(frozen=True, eq=False)
class GeneratedSource:
    """Makes tiles wherever a task runs: all of a generated network but its genes."""

    law: Law
    grid: Grid
    seed: int

    def tile(self, i: int, j: int) -> Tile:
        """Return tile (i, j), i ≤ j."""
        return self.law.tile(self.grid, i, j, stream(self.seed, self.law.kind, i, j))

    def tile_row(self, i: int, first: int, last: int) -> Iterator[tuple[int, Tile]]:
        """Yield (j, tile (i, j)) for first ≤ j < last."""
        for j in range(first, last):
            yield j, self.tile(i, j)


@dataclass(frozen=True, eq=False)
class GeneratedNetwork:
    """A symmetric, non-negative network that makes its tiles from a formula and a seed, and is never stored.

    Everything that takes a network takes it. Tile (i, j) has random numbers of its own, so it is the same bits in any
    process, whatever was made before it.

    Parameters
    ----------
    genes : ndarray of str, shape (n,)
        Gene identifiers.
    grid : Grid
        The tiles; another side makes another network of the same law.
    seed : int
        Of the random numbers.
    law : Law
        What makes the tiles.
    name : str
        What results call it.
    origin : str
        Checksum of the network that it is a null of, or empty.

    Examples
    --------
    >>> import dasknmf
    >>> network = dasknmf.control_network("uniform", 100, seed=1)
    >>> network.n, network.sparse, network.tile(0, 0).shape
    (100, False, (100, 100))
    >>> network.checksum == dasknmf.control_network("uniform", 100, seed=1).checksum
    True
    """

    genes: NDArray[np.object_]
    grid: Grid
    seed: int
    law: Law
    name: str
    origin: str = ""

    def __repr__(self) -> str:
        layout = "sparse" if self.sparse else "dense"
        return f"<{type(self).__name__} {self.name}: {self.n:,} genes, {layout}, tiles of {self.grid.tile:,}>"

    @property
    def n(self) -> int:
        """Genes."""
        return self.grid.n

    @property
    def shape(self) -> tuple[int, int]:
        """(genes, genes)."""
        return self.n, self.n

    @property
    def kind(self) -> str:
        """Name of its law."""
        return self.law.kind

    @property
    def sparse(self) -> bool:
        """Whether its tiles are sparse."""
        return self.law.sparse

    def reseeded(self, seed: int) -> GeneratedNetwork:
        """Return an independent network of the same law.

        Examples
        --------
        >>> import dasknmf
        >>> dasknmf.control_network("uniform", 100, seed=1).reseeded(2).seed
        2
        """
        return replace(self, seed=seed, name=self.name.replace(f"seed {self.seed}", f"seed {seed}"))

    @property
    def source(self) -> GeneratedSource:
        """What makes its tiles, without the names of genes."""
        return GeneratedSource(self.law, self.grid, self.seed)

    @cached_property
    def checksum(self) -> str:
        """SHA-256 of the kind and of all that the tiles are made of, genes included."""
        digest = hashlib.sha256()
        for part in (self.source, self.genes):
            _feed(digest, part)
        return f"sha256:{digest.hexdigest()}"

    @property
    def about(self) -> dict[str, Any]:
        """What the attributes of results say of it, beside its name and its checksum."""
        return {"network_kind": self.kind, "network_seed": self.seed} | (
            {"null_of": self.origin} if self.origin else {}
        )

    @property
    def sums(self) -> tuple[float, float] | None:
        """‖A‖² and the sum of all entries, where a formula has them."""
        return None

    @property
    def nbytes(self) -> int:
        """Bytes of the arrays that its tiles are made of."""
        return _bytes(self.law)

    def tile(self, i: int, j: int) -> Tile:
        """Return tile (i, j), i ≤ j: a float32 array, or a SparseTile; of a sparse diagonal one, row ≤ column."""
        return self.source.tile(i, j)

    def tile_row(self, i: int, first: int, last: int) -> Iterator[tuple[int, Tile]]:
        """Yield (j, tile (i, j)) for first ≤ j < last."""
        return self.source.tile_row(i, first, last)

    @cached_property
    def tile_weights(self) -> NDArray[np.int64]:
        """Bytes of each tile, of sparse ones what is expected, shape (n_tiles,)."""
        return self.law.weights(self.grid)

    @cached_property
    def diagonal(self) -> NDArray[np.float32]:
        """Diagonal of the matrix, shape (n,)."""
        made = np.zeros(self.n, dtype=np.float32)
        for i in range(self.grid.panels):
            genes, tile = slice(*self.grid.bounds(i)), self.tile(i, i)
            if isinstance(tile, SparseTile):
                own = tile.row == tile.column
                made[genes][tile.column[own]] = tile.weight[own]
            else:
                made[genes] = tile.diagonal()
        return made

    @cached_property
    def strength(self) -> NDArray[np.float64]:
        """Row sums of the matrix, from all its tiles, shape (n,)."""
        made = np.zeros(self.n)
        for i, j in self.grid.tiles():
            tile = self.tile(i, j)
            rows, columns = (made[slice(*self.grid.bounds(panel))] for panel in (i, j))
            if isinstance(tile, SparseTile):
                weight = tile.weight.astype(np.float64)
                rows += np.bincount(tile.row, weight, len(rows))
                # the mirror image of the diagonal tile has all but its diagonal
                weight[(tile.row == tile.column) & (i == j)] = 0
                columns += np.bincount(tile.column, weight, len(columns))
            else:
                rows += tile.sum(axis=1, dtype=np.float64)
                if i != j:
                    columns += tile.sum(axis=0, dtype=np.float64)
        return made


def _feed(digest: Any, value: Any) -> None:
    """Add a value, and what it is made of, to a digest."""
    if isinstance(value, np.ndarray):
        digest.update(repr((value.shape, value.dtype.str)).encode())
        if value.dtype == object:
            digest.update("\0".join(map(str, value)).encode())
        else:
            digest.update(np.ascontiguousarray(value).data)
    elif is_dataclass(value):
        digest.update(type(value).__name__.encode())
        for field in fields(value):
            digest.update(field.name.encode())
            _feed(digest, getattr(value, field.name))
    else:
        digest.update(repr(value).encode())


def _bytes(value: Any) -> int:
    if isinstance(value, np.ndarray):
        return int(value.nbytes)
    if is_dataclass(value):
        return sum(_bytes(getattr(value, field.name)) for field in fields(value))
    return 0


def grid_for(n: int, tile: int | None, *, edges: float | None = None) -> Grid:
    """Return the tiles of a network of ``n`` genes, dense, or sparse of so many gene pairs.

    Raises
    ------
    InputError
        If the side that is given is not a whole number, or above what a sparse tile can be.
    """
    if tile is None:
        return Grid(n, dense_tile(n) if edges is None else sparse_tile(n, round(edges)))
    side = whole("tile", tile, least=1)
    if edges is not None and side > LARGEST_SPARSE_TILE:
        msg = f"tile={side:,}: a sparse tile has at most {LARGEST_SPARSE_TILE:,} genes a side; leave it out"
        raise InputError(msg)
    return Grid(n, side)


def numbered(n: int) -> NDArray[np.object_]:
    """Return the names g1, g2, … of the genes of a control."""
    return np.array([f"g{gene}" for gene in range(1, n + 1)], dtype=object)
