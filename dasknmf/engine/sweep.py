"""The operator: a symmetric matrix of which only A·X, its diagonal and its sum of squares are known."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import scipy.sparse as sp

from dasknmf.engine.ahead import SMALLEST_TILE, ReadAhead
from dasknmf.engine.cache import CachedSource
from dasknmf.engine.grid import SMALLEST_DENSE_GROUP, SMALLEST_SPARSE_GROUP, make_plan
from dasknmf.engine.inner import held_group, inner_group
from dasknmf.engine.kernels import ArraySource, SparseSource, TileSource, multiply_group
from dasknmf.engine.ratio import ratio_sweep, scores_group
from dasknmf.network.opened import opened
from dasknmf.network.tiles import LARGEST_SPARSE_TILE, Grid, dense_tile, sparse_tile
from dasknmf.storage import is_remote

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from dasknmf.engine.executor import Executor, Handle
    from dasknmf.engine.grid import Group, Panels, Plan
    from dasknmf.engine.mask import Mask, Masked
    from dasknmf.network.store import Network


class Operator(Protocol):
    """What the driver and every Frobenius solver may know of A.

    The tile store is the exact body; a sketch, a scaled network or a generated null are others.
    """

    n: int
    panels: Panels
    sum_of_squares: float
    total: float
    diagonal: NDArray[np.floating[Any]]
    reads: int

    def sweep(self, X: Sequence[Handle], *, columns: int, dtype: np.dtype[Any]) -> list[Handle]:
        """Return the row panels of A·X, given those of X, shape (n, columns)."""
        ...


@dataclass(frozen=True)
class StoreSource:
    """Tiles of a network store, opened once per process wherever a task runs."""

    location: str
    checksum: str
    #: May hold keys, and a worker that fails logs its tasks.
    options: tuple[tuple[str, Any], ...] = field(default=(), repr=False)

    def tile_row(self, i: int, first: int, last: int) -> Iterable[tuple[int, Any]]:
        """Yield (j, tile (i, j)) for first ≤ j < last."""
        return opened(self.location, self.checksum, self.options).tile_row(i, first, last)


class Sweep:
    """Exact products with a tiled matrix, one read of it each.

    Parameters
    ----------
    source : TileSource
        Where tiles are read.
    plan : Plan
        How they are grouped.
    executor : Executor
        Where groups are multiplied.
    sum_of_squares : float
        ‖A‖².
    total : float
        Sum of all entries of A.
    diagonal : ndarray, shape (n,)
        Diagonal of A.

    Attributes
    ----------
    reads : int
        Sweeps made so far, each of which read the whole matrix once.

    Examples
    --------
    >>> import numpy as np
    >>> from dasknmf.engine.executor import Threads
    >>> A = np.array([[0.0, 1.0], [1.0, 0.0]])
    >>> with Threads(workers=1) as executor:
    ...     operator = Sweep.of_array(A, executor)
    ...     operator @ np.array([[1.0], [2.0]])
    array([[2.],
           [1.]])
    """

    def __init__(
        self,
        source: TileSource,
        plan: Plan,
        executor: Executor,
        *,
        sum_of_squares: float,
        total: float,
        diagonal: NDArray[np.floating[Any]],
    ) -> None:
        self.source: TileSource | Handle = source
        self.plan, self.executor = plan, executor
        self.n, self.panels = plan.grid.n, plan.panels
        self.sum_of_squares, self.total, self.diagonal = sum_of_squares, total, diagonal
        self.reads = 0
        self.ahead = self.whole_rows = False

    @classmethod
    def of_network(cls, network: Network, executor: Executor, *, cache: int = 0) -> Sweep:
        """Return the operator of a network store.

        Parameters
        ----------
        network : Network
            An open store.
        executor : Executor
            Where groups are multiplied; every process must reach the store at the same place.
        cache : int
            Bytes of tiles that each process may keep.
        """
        header = network.header
        smallest = SMALLEST_SPARSE_GROUP if header.layout == "sparse" else SMALLEST_DENSE_GROUP
        operator = cls(
            StoreSource(network.location, header.checksum, tuple(network.storage_options.items())),
            make_plan(network.grid, network.tile_weights, smallest=smallest, parts=executor.parts),
            executor,
            sum_of_squares=header.sum_of_squares,
            total=header.total,
            diagonal=network.diagonal,
        )
        # from a disk, the entries of a row of sparse tiles are one read that is soon done
        operator.ahead = is_remote(network.location) or (
            header.layout == "dense" and int(network.tile_weights.max()) >= SMALLEST_TILE
        )
        operator.whole_rows = header.layout == "sparse"
        operator.keep_tiles(cache)
        return operator

    @classmethod
    def of_array(cls, matrix: Any, executor: Executor, *, tile: int | None = None) -> Sweep:
        """Return the operator of a symmetric matrix in memory, numpy or scipy sparse, shape (n, n)."""
        n = matrix.shape[0]
        source: ArraySource | SparseSource
        if sp.issparse(matrix):
            side = min(tile or sparse_tile(n, matrix.nnz // 2), LARGEST_SPARSE_TILE)
            source = SparseSource(matrix, Grid(n, side))
            smallest, values = SMALLEST_SPARSE_GROUP, matrix.data
        else:
            source = ArraySource(matrix, Grid(n, tile or dense_tile(n)))
            smallest, values = SMALLEST_DENSE_GROUP, source.matrix
        return cls(
            executor.put([source], label="matrix")[0],
            make_plan(source.grid, source.weights(), smallest=smallest, parts=executor.parts),
            executor,
            sum_of_squares=sum_of_squares(values),
            total=float(values.sum(dtype=np.float64)),
            diagonal=np.asarray(matrix.diagonal()),
        )

    def keep_tiles(self, budget: int) -> None:
        """Let each process keep tiles of a store, up to ``budget`` bytes; see :mod:`dasknmf.engine.cache`."""
        if isinstance(self.source, StoreSource) and budget > 0:
            self.source = CachedSource(self.source, self.source.checksum, budget)

    def _tiles(self, group: Group) -> TileSource | Handle:
        """Return where a task reads the tiles of its group."""
        if not self.ahead:
            return self.source
        return ReadAhead(self.source, group, rows=self.whole_rows)

    def sweep(
        self, X: Sequence[Handle], *, columns: int, dtype: np.dtype[Any], masked: Masked | None = None
    ) -> list[Handle]:
        """Return the row panels of A·X, given those of X.

        Parameters
        ----------
        X : sequence of handles of ndarray, shapes (rows of panel, columns)
            One for each row panel.
        columns : int
            Columns of X.
        dtype : dtype
            That of X, of the products and of the result.
        masked : Masked, optional
            Columns of X that do not see the entries that are held out.
        """
        self.reads += 1
        groups = self.plan.groups
        return self.executor.add_up(
            multiply_group,
            [
                (self._tiles(group), self.panels, group, [X[q] for q in group.panels], masked)
                for group in groups
            ],
            [tuple(zip(group.panels, self.panels.touched(group), strict=True)) for group in groups],
            [(rows, columns) for rows in self.panels.rows],
            dtype,
            label="sweep",
        )

    def ratio(
        self, X: Sequence[Handle], *, ranks: Sequence[int], dtype: np.dtype[Any], **options: Any
    ) -> tuple[list[Handle], Handle]:
        """Return (A ⊘ L Rᵀ) R of models from one read, and sums; see :func:`dasknmf.engine.ratio.ratio_sweep`."""
        self.reads += 1
        calls = [(self._tiles(group), group) for group in self.plan.groups]
        return ratio_sweep(self.executor, self.panels, calls, X, ranks=ranks, dtype=dtype, **options)

    def scores(
        self, W: Sequence[Handle], H: Sequence[Handle], *, models: int, diagonal: bool = True
    ) -> NDArray[np.float64]:
        """Return Σ A log(A / WH) of each model, as :meth:`inner` does ⟨A, WH⟩; ``diagonal=False`` leaves i = j out."""
        (total,) = self._add_up(scores_group, (W, H), (diagonal,), [(1, models)], label="scores")
        return np.asarray(total[0])

    def inner(self, W: Sequence[Handle], H: Sequence[Handle], *, models: int) -> NDArray[np.float64]:
        """Return ⟨A, WH⟩ of each model, in float64, from one read; shape (models,).

        Parameters
        ----------
        W, H : sequence of handles of lists of ndarray, shapes (rows of panel, k)
            For each row panel, W and Hᵀ of each model.
        models : int
            How many.
        """
        (total,) = self._add_up(inner_group, (W, H), (), [(1, models)], label="inner")
        return np.asarray(total[0])

    def held_out(
        self, W: Sequence[Handle], H: Sequence[Handle], *, models: int, mask: Mask
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return ⟨A, WH⟩ of each model, and ‖A‖², over held-out entries, by gene group of the row, from one read.

        Parameters
        ----------
        W, H, models
            As in :meth:`inner`.
        mask : Mask
            What is held out.

        Returns
        -------
        cross : ndarray, shape (models, gene groups)
        squares : ndarray, shape (gene groups,)
        """
        groups = len(mask.held)
        shapes = [(models, groups), (1, groups)]
        cross, squares = self._add_up(held_group, (W, H), (mask,), shapes, label="held-out")
        return cross, squares[0]

    def _add_up(
        self,
        function: Any,
        arrays: tuple[Sequence[Handle], ...],
        more: tuple[Any, ...],
        shapes: list[tuple[int, int]],
        *,
        label: str,
    ) -> list[NDArray[np.float64]]:
        """Add up what every group of tiles says, and bring it here."""
        self.reads += 1
        groups = self.plan.groups
        calls = [
            (
                self._tiles(group),
                self.panels,
                group,
                *([array[q] for q in group.panels] for array in arrays),
                *more,
            )
            for group in groups
        ]
        target = tuple((index, slice(0, rows)) for index, (rows, _) in enumerate(shapes))
        made = self.executor.add_up(
            function, calls, [target] * len(groups), shapes, np.dtype(np.float64), label=label
        )
        return self.executor.get(made)

    def __matmul__(self, X: NDArray[Any]) -> NDArray[Any]:
        """Return A·X for an array of shape (n, K)."""
        panels = self.executor.put(self.panels.split(X), label="panel")
        made = self.sweep(panels, columns=X.shape[1], dtype=X.dtype)
        return np.concatenate(self.executor.get(made))


def sum_of_squares(values: NDArray[Any]) -> float:
    """Return Σ x², in float64, without a copy of the whole."""
    flat = values.reshape(-1)
    parts = (flat[first : first + 2**20].astype(np.float64) for first in range(0, flat.size, 2**20))
    return float(sum(float(part @ part) for part in parts))
