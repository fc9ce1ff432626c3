"""Networks whose spectrum, nesting and best factorization at every rank are known: the Soules matrices.

On a basis made by halving the genes again and again, any non-increasing non-negative eigenvalues give a
non-negative matrix, and cutting the spectrum after k of them gives the best A ≈ WH of rank k. Every tile is a
formula, so networks of any size test the whole machine against exact numbers.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dasknmf.errors import InputError
from dasknmf.network.build import build_from_tiles
from dasknmf.network.tiles import Grid, dense_tile

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from dasknmf.network.store import Network
    from dasknmf.storage import Location, StorageOptions


class Block(NamedTuple):
    """The genes [start, stop) of a nested partition, and what their block adds to each of its entries."""

    start: int
    stop: int
    weight: float


@dataclass(frozen=True)
class SoulesMatrix:
    """A = R Λ Rᵀ on a nested-halving Soules basis: symmetric, non-negative, with given eigenvalues.

    The first basis vector is constant. Each next one halves the oldest block that can be halved: it is
    positive on the larger, first half, negative on the other, zero elsewhere.

    Parameters
    ----------
    n : int
        Genes.
    values : tuple of float
        The leading eigenvalues, at most n, in non-increasing order; the i-th makes the i-th halving.
    rest : float
        All other eigenvalues, at most the last of ``values``; it is only on the diagonal. With 0, A has
        rank ``len(values)`` and is constant on as many blocks.

    Raises
    ------
    InputError
        If the eigenvalues could give negative weights.

    Notes
    -----
    Let P_i average over each of the i blocks of the i-th partition: P_i is the projection on the first i
    basis vectors, so A = Σ_i (λ_i − λ_{i+1}) P_i, in which nothing is negative. Collected by blocks S, from
    the partition b(S) that S first belongs to until that, e(S), in which it is halved, this is
    A = Σ_S (λ_{b(S)} − λ_{e(S)}) / |S| · 1_S 1_Sᵀ. The first k terms R_k Λ_k R_kᵀ are B C Bᵀ with the
    indicators B of k blocks and C ≥ 0: a non-negative factorization of rank k that reaches the
    Eckart–Young bound.

    References
    ----------
    Soules, Linear and Multilinear Algebra 13 (1983); Elsner, Nabben, Neumann, Linear Algebra and its
    Applications 271 (1998); Catral, Han, Neumann, Plemmons, Linear Algebra and its Applications 393 (2004).

    Examples
    --------
    >>> A = SoulesMatrix(16, (8, 5, 3, 2.5, 1.2, 1.1, 1, 0.9), rest=0.3)
    >>> [round(A.squared_error(k), 2) for k in range(1, 8)]
    [45.43, 20.43, 11.43, 5.18, 3.74, 2.53, 1.53]
    >>> A.tile(slice(0, 2), slice(0, 3)).round(3)
    array([[1.638, 1.338, 0.888],
           [1.338, 1.638, 0.888]])
    """

    n: int
    values: tuple[float, ...]
    rest: float = 0.0

    def __post_init__(self) -> None:
        """Refuse eigenvalues that give no non-negative matrix."""
        values = tuple(float(value) for value in self.values)
        object.__setattr__(self, "values", values)
        if not 1 <= len(values) <= self.n:
            msg = f"{len(values)} eigenvalues for {self.n} genes; needs at least 1 and at most one a gene"
            raise InputError(msg)
        padded = np.array([*values, self.rest, 0.0])
        if not np.isfinite(padded).all() or (np.diff(padded) > 0).any():
            msg = (
                f"eigenvalues {', '.join(f'{value:g}' for value in values[:8])}, … with rest={self.rest:g}; needs "
                "finite ones, none above the one before it, rest at most the last, and none below 0"
            )
            raise InputError(msg)

    @property
    def eigenvalues(self) -> NDArray[np.float64]:
        """All eigenvalues, largest first, shape (n,)."""
        eigenvalues = np.full(self.n, self.rest)
        eigenvalues[: len(self.values)] = self.values
        return eigenvalues

    @property
    def sum_of_squares(self) -> float:
        """‖A‖²."""
        return self.squared_error(0)

    def squared_error(self, k: int) -> float:
        """Return the least ‖A − WH‖² over W, H ≥ 0 of rank ``k``: the sum of squares of the other eigenvalues."""
        others = np.array(self.values[k:])
        return float((others**2).sum() + (self.n - max(k, len(self.values))) * self.rest**2)

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        """The blocks of all partitions, in the order in which they are made; weights add up along the nesting."""
        spectrum = [*self.values, self.rest]
        made: list[Block] = []
        waiting: deque[tuple[int, int, int]] = deque([(0, self.n, 0)])
        partition = 0
        while waiting:
            start, stop, born = waiting.popleft()
            size = stop - start
            ended = len(self.values)
            if size > 1 and partition + 1 < ended:
                partition += 1
                ended = partition
                middle = start + (size + 1) // 2
                waiting += [(start, middle, partition), (middle, stop, partition)]
            made.append(Block(start, stop, (spectrum[born] - spectrum[ended]) / size))
        return tuple(made)

    def tile(self, rows: slice | range, columns: slice | range) -> NDArray[np.float64]:
        """Return A[rows, columns]; nothing larger is made.

        Parameters
        ----------
        rows, columns : slice or range
            Of step 1.
        """
        a, b = self._span(rows)
        c, d = self._span(columns)
        made = np.zeros((b - a, d - c))
        for start, stop, weight in self.blocks:
            if start < min(b, d) and max(a, c) < stop:
                made[max(start - a, 0) : stop - a, max(start - c, 0) : stop - c] += weight
        both = np.arange(max(a, c), min(b, d))
        made[both - a, both - c] += self.rest
        return made

    def _span(self, genes: slice | range) -> tuple[int, int]:
        chosen = range(*genes.indices(self.n)) if isinstance(genes, slice) else genes
        if chosen.step != 1 or (len(chosen) and not 0 <= chosen.start <= chosen.stop <= self.n):
            msg = f"{genes}: needs consecutive genes of the {self.n} there are"
            raise InputError(msg)
        return chosen.start, max(chosen.start, chosen.stop)


def write_soules(
    location: Location,
    n: int,
    values: tuple[float, ...],
    *,
    rest: float = 0.0,
    tile: int | None = None,
    overwrite: bool = False,
    storage_options: StorageOptions | None = None,
    threads: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Network:
    """Write a Soules matrix as a dense network, tile by tile.

    Weights are kept as float32, which moves each by at most 6e-8 of itself, and so a squared error of
    1e-3 ‖A‖² by at most 4e-6 of itself. Eigenvalues that grow with ``n`` keep weights of order one.

    Parameters
    ----------
    location : path or URL
        Where the store is to be.
    n, values, rest
        As of :class:`SoulesMatrix`.
    tile : int, optional
        Side of the tiles, genes.
    overwrite, storage_options, threads, progress
        As in :func:`dasknmf.network.build.build_from_tiles`.

    Returns
    -------
    Network
        Genes are named ``g1``, ``g2``, …

    Examples
    --------
    >>> import pathlib, tempfile
    >>> place = pathlib.Path(tempfile.mkdtemp()) / "soules.zarr"
    >>> write_soules(place, 100, (50, 30, 20)).header.sum_of_squares  # doctest: +ELLIPSIS
    3800.0...
    """
    matrix = SoulesMatrix(n, tuple(values), rest)
    grid = Grid(n, tile or dense_tile(n))
    return build_from_tiles(
        location,
        lambda i, j: matrix.tile(slice(*grid.bounds(i)), slice(*grid.bounds(j))),
        genes=[f"g{gene}" for gene in range(1, n + 1)],
        grid=grid,
        layout="dense",
        weights={"kind": "soules", "diagonal": "kept"},
        provenance={"made_by": "dasknmf.network.soules", "values": list(matrix.values), "rest": matrix.rest},
        overwrite=overwrite,
        storage_options=storage_options,
        threads=threads,
        progress=progress,
    )
