"""From a matrix that can be read anywhere to a store: tile by tile, both sides of the diagonal compared."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from dasknmf.errors import InputError
from dasknmf.network.build import build_from_tiles
from dasknmf.network.policies import TOLERANCE, Counts, Findings, Policies, complain, mend_entries
from dasknmf.network.source import describe
from dasknmf.network.tiles import Grid, dense_tile

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from dasknmf.network.compression import Codec
    from dasknmf.network.encoding import Storage
    from dasknmf.network.source import Matrix
    from dasknmf.network.store import Network
    from dasknmf.storage import Location, StorageOptions


class _Refused(Exception):  # noqa: N818
    """A tile broke a policy; the matrix is then scanned for the message."""


class TileReader:
    """Reads tile (i, j) and its mirror image, applies the policies, and counts what it changed.

    Safe to call from several threads.
    """

    def __init__(self, source: Matrix, grid: Grid, policies: Policies, provenance: dict[str, Any]) -> None:
        self.source, self.grid, self.policies = source, grid, policies
        self.counts = Counts()
        # the writer takes both after the last tile, when the counts are known
        self.weights: dict[str, Any] = {"kind": source.kind}
        self.provenance = dict(provenance)
        self.nonzero = 0
        self._tiles = 0
        self._lock = threading.Lock()
        self.side = self._find_side()

    def _slices(self, i: int, j: int) -> tuple[slice, slice]:
        return slice(*self.grid.bounds(i)), slice(*self.grid.bounds(j))

    def read(self, i: int, j: int) -> NDArray[Any]:
        """Return tile (i, j) of the source as floats."""
        block = np.asarray(self.source.read(*self._slices(i, j)))
        return block if block.dtype in (np.float32, np.float64) else block.astype(np.float64)

    def _find_side(self) -> Literal["upper", "lower", "both"]:
        """Tell which side of the diagonal holds numbers; a full matrix is known from its first tile."""
        upper = lower = False
        for i, j in self.grid.tiles():
            block = self.read(i, j)
            mirror = block if i == j else self.read(j, i)
            upper = upper or bool((np.triu(block, 1) if i == j else block).any())
            lower = lower or bool((np.tril(mirror, -1) if i == j else mirror).any())
            if upper and lower:
                return "both"
        return "lower" if lower else "upper"

    def _pair(self, i: int, j: int) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return tile (i, j) and what should equal it, from the other side of the diagonal."""
        if self.side == "both":
            block = self.read(i, j)
            return block, block.T if i == j else self.read(j, i).T
        if i == j:
            # one triangle: the other side of its diagonal tile is zero, and means the mirror image
            block = self.read(i, j)
            half = np.triu(block, 1) if self.side == "upper" else np.tril(block, -1).T
            whole = half + half.T
            np.fill_diagonal(whole, block.diagonal())
            return whole, whole
        one = self.read(i, j) if self.side == "upper" else self.read(j, i).T
        return one, one

    def _mend(self, block: NDArray[Any], counts: Counts) -> NDArray[Any]:
        """Apply the policy for negative weights to one side, or refuse it."""
        if block.size == 0:
            return block
        # minimum and maximum are NaN if anything is
        low, high = float(block.min()), float(block.max())
        with np.errstate(over="ignore"):
            if not np.isfinite(np.float32(low)) or not np.isfinite(np.float32(high)):
                raise _Refused
        if low < 0:
            if self.policies.negative == "error":
                raise _Refused
            counts.negatives_changed += int(np.count_nonzero(block < 0))
            block = self.policies.mend(block)
        return block

    def tile(self, i: int, j: int) -> NDArray[Any]:
        """Return tile (i, j), i ≤ j, mended.

        Raises
        ------
        InputError
            If a policy says error, or nothing but zeros was found in all tiles.
        """
        counts = Counts()
        try:
            block = self._merge(i, j, counts)
        except _Refused:
            explain(self)
            msg = f"{self.source.where} changed while it was read; import it again"
            raise InputError(msg) from None
        with self._lock:
            self._tiles += 1
            self.nonzero += int(np.count_nonzero(block))
            for name, value in counts.as_dict().items():
                setattr(self.counts, name, getattr(self.counts, name) + value)
            if self._tiles == self.grid.n_tiles and self.nonzero == 0:
                msg = f"{self.source.where}: all entries are zero; a network needs at least one edge"
                raise InputError(msg)
            self.weights["diagonal"] = self.counts.diagonal(self.policies)
            self.provenance["counts"] = self.counts.as_dict()
        return block

    def _merge(self, i: int, j: int, counts: Counts) -> NDArray[Any]:
        given, opposite = self._pair(i, j)
        counts.entries_read = given.size
        block = self._mend(given, counts)
        mirror = block.T if i == j else block if opposite is given else self._mend(opposite, counts)
        if mirror is not block and not np.array_equal(block, mirror):
            high = np.maximum(block, mirror)
            differ = np.abs(block - mirror) > TOLERANCE * high
            changed = int(np.count_nonzero(differ))
            if changed and self.policies.asymmetric == "error":
                raise _Refused
            counts.asymmetric_merged += changed // 2 if i == j else changed
            # rounding noise goes the same way on both sides of a diagonal tile
            block = (block + mirror) / 2 if self.policies.asymmetric == "mean" else high
        if i == j:
            loops = int(np.count_nonzero(block.diagonal()))
            counts.self_loops += loops
            if loops and self.policies.self_loops == "error":
                raise _Refused
            if loops and self.policies.self_loops == "drop":
                block = block.copy()
                np.fill_diagonal(block, 0)
        return block


def explain(reader: TileReader) -> None:
    """Scan the whole matrix for what breaks a policy, and raise the one error about it.

    Raises
    ------
    InputError
        With the first offenders in the order of the rows of tiles, and their count.
    """
    source, grid, policies = reader.source, reader.grid, reader.policies
    findings = Findings()
    for i, j in grid.tiles():
        (a, _), (c, _) = grid.bounds(i), grid.bounds(j)
        sides = (
            [(a, c, reader.read(i, j))] if i == j else [(a, c, reader.read(i, j)), (c, a, reader.read(j, i))]
        )
        for row0, column0, block in sides:
            row, column = (x.ravel() for x in np.indices(block.shape))
            mend_entries(
                row + row0, column + column0, block.ravel().astype(np.float64), policies, Counts(), findings
            )
        if reader.side == "both" and policies.asymmetric == "error":
            block, mirror = (policies.mend(x) for x in (sides[0][2], sides[-1][2].T))
            with np.errstate(invalid="ignore"):
                differ = np.abs(block - mirror) > TOLERANCE * np.maximum(np.abs(block), np.abs(mirror))
            differ = np.triu(differ) if i == j else differ
            row, column = np.nonzero(differ)
            every = np.ones(len(row), dtype=bool)
            findings.note("asymmetric", row + a, column + c, block[differ], every, mirror[differ])
    kind = findings.worst
    if kind is None:
        return
    genes = source.genes
    assert genes is not None
    shown = [describe(found, genes) for found in findings.first[kind]]
    complain(kind, source.where, shown, findings.count[kind])


def build_from_matrix(
    location: Location,
    source: Matrix,
    *,
    layout: Literal["auto", "dense", "sparse"],
    tile: int | None,
    policies: Policies,
    provenance: dict[str, Any],
    storage: Storage,
    codec: Codec | None,
    overwrite: bool,
    storage_options: StorageOptions | None,
    progress: Callable[[int, int], None] | None,
) -> Network:
    """Write the store of a matrix that can be read anywhere.

    Parameters
    ----------
    location : path or URL
        Where the store is to be.
    source : Matrix
        What to read; its genes are set.
    layout, tile, policies, storage, codec, overwrite, storage_options, progress
        As in :func:`dasknmf.import_network`.
    provenance : dict
        What is known already; counts are added.

    Returns
    -------
    Network
    """
    assert source.genes is not None
    grid = Grid(source.n, tile or dense_tile(source.n))
    reader = TileReader(source, grid, policies, provenance)

    return build_from_tiles(
        location,
        reader.tile,
        genes=source.genes,
        grid=grid,
        layout="sparse" if layout == "sparse" else "dense",
        weights=reader.weights,
        provenance=reader.provenance,
        storage=storage,
        codec=codec,
        overwrite=overwrite,
        storage_options=storage_options,
        progress=progress,
    )
