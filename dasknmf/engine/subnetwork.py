"""The subnetwork of weighted genes, D A D, as an operator on the tiles of A; and sketches of many from shared reads."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from dasknmf.engine.generated_sweep import facts_group
from dasknmf.engine.krylov import Krylov
from dasknmf.engine.sketch import (
    FLOAT,
    OVERSAMPLING,
    SETTLED,
    Sketch,
    basis_blocks,
    beside,
    columns_of,
    sketch_columns,
    sketch_of_space,
    sketch_width,
)
from dasknmf.engine.sweep import Sweep
from dasknmf.network.sparse_tile import SparseTile

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from dasknmf.engine.executor import Executor, Handle
    from dasknmf.engine.grid import Grid, Group, Plan
    from dasknmf.engine.kernels import Tile, TileSource
    from dasknmf.engine.mask import Masked


@dataclass(frozen=True, eq=False)
class SubnetworkSource:
    """Tiles of D A D, made of those of A when they are read; ``weights`` are D, shape (n,), 0 outside."""

    source: TileSource
    grid: Grid
    weights: NDArray[np.float64]

    def tile_row(self, i: int, first: int, last: int) -> Iterator[tuple[int, Tile]]:
        """Yield (j, tile (i, j)) for first ≤ j < last, without those that no two members share."""
        left = self.weights[slice(*self.grid.bounds(i))]
        if not left.any():
            return
        for j, tile in self.source.tile_row(i, first, last):
            right = self.weights[slice(*self.grid.bounds(j))]
            if right.any():
                yield j, _scaled_tile(tile, left, right)


def _scaled_tile(tile: Tile, left: NDArray[np.float64], right: NDArray[np.float64]) -> Tile:
    if not isinstance(tile, SparseTile):
        return (tile * np.outer(left, right)).astype(tile.dtype)
    row = tile.row
    scale = left[row] * right[tile.column]
    kept = scale > 0
    weight = (tile.weight[kept] * scale[kept]).astype(tile.weight.dtype)
    return SparseTile.of_entries(tile.shape, row[kept], tile.column[kept], weight)


class SubnetworkSweep(Sweep):
    """Products with D A D, D the membership of genes: A is read where it lies, and nothing of it is copied.

    It has the size and the row panels of A; rows and columns of genes that are not members are zero. A product is one
    sweep of A with X scaled before and after it, which is counted as a read of A.

    Parameters
    ----------
    operator : Sweep
        A.
    weights : ndarray of float64, shape (n,)
        D; 0 for genes that are not members.

    Examples
    --------
    >>> from dasknmf.engine.executor import Threads
    >>> with Threads(workers=1) as executor:
    ...     A = Sweep.of_array(np.ones((3, 3)), executor)
    ...     body = SubnetworkSweep(A, np.array([1.0, 0.0, 0.5]))
    ...     (body @ np.ones((3, 1))).ravel().tolist(), body.total, body.sum_of_squares
    ([1.5, 0.0, 0.75], 2.25, 1.5625)
    """

    def __init__(self, operator: Sweep, weights: NDArray[np.float64]) -> None:
        self.whole = operator
        executor, grid = operator.executor, operator.plan.grid
        self.weights = np.asarray(weights, dtype=np.float64)
        source = executor.map(
            SubnetworkSource, [operator.source], [grid], [self.weights], label="subnetwork-source"
        )[0]
        super().__init__(
            source,
            _touching(operator.plan, self.weights),
            executor,
            sum_of_squares=float("nan"),
            total=float("nan"),
            diagonal=np.zeros(0),
        )
        self._scales = executor.put(self.panels.split(self.weights), label="membership")
        self._look()

    def keep_tiles(self, budget: int) -> None:
        """Keep nothing: the tiles kept are those of A."""

    def scaled(self, X: Sequence[Handle]) -> list[Handle]:
        """Return the row panels of D·X."""
        return self.executor.map(_scaled, X, self._scales, label="scale")

    def sweep(
        self, X: Sequence[Handle], *, columns: int, dtype: np.dtype[Any], masked: Masked | None = None
    ) -> list[Handle]:
        """Return the row panels of D A D·X; see :meth:`dasknmf.engine.sweep.Sweep.sweep`."""
        return self.scaled(self.whole.sweep(self.scaled(X), columns=columns, dtype=dtype, masked=masked))

    def _look(self) -> None:
        """Find the sums and the diagonal by a read."""
        self.reads += 1
        groups, last = self.plan.groups, len(self.panels)
        *diagonal, sums = self.executor.get(
            self.executor.add_up(
                facts_group,
                [(self.source, self.panels, group) for group in groups],
                [
                    (*((q, slice(0, self.panels.rows[q])) for q in group.panels), (last, slice(0, 1)))
                    for group in groups
                ],
                [*((rows, 1) for rows in self.panels.rows), (1, 2)],
                np.dtype(np.float64),
                label="facts",
            )
        )
        self.sum_of_squares, self.total = map(float, sums[0])
        self.diagonal = np.concatenate(diagonal)[:, 0].astype(np.float32)


def _touching(plan: Plan, weights: NDArray[np.float64]) -> Plan:
    """Return the plan without groups of tiles that no two members share."""
    there = np.logical_or.reduceat(weights > 0, np.arange(0, plan.grid.n, plan.grid.tile))

    def needed(group: Group) -> bool:
        return bool(there[slice(*group.rows)].any() and there[slice(*group.columns)].any())

    return replace(plan, groups=tuple(group for group in plan.groups if needed(group)))


def shared_sketches(bodies: Sequence[SubnetworkSweep], executor: Executor, k: int) -> list[Sketch]:
    """Sketch several subnetworks of one network, all of them in each read of it.

    Parameters
    ----------
    bodies : sequence of SubnetworkSweep
        Of one operator.
    executor : Executor
        The operator's own.
    k : int
        Eigenpairs wanted of each.

    Returns
    -------
    list of Sketch
        What :func:`dasknmf.engine.sketch.make_sketches` finds of each by itself, but for the reads, of which there are
        as many as the slowest takes.
    """
    whole = bodies[0].whole
    n = whole.n
    wanted = max(k, sketch_width(n, k) - OVERSAMPLING)
    most = basis_blocks(n, k)
    spaces = [Krylov(executor, whole.panels, width=sketch_width(n, k), seed=0) for _ in bodies]
    before = [0.0] * len(spaces)
    growing = list(range(len(spaces)))
    sweep = 0
    while growing:
        sweep += 1
        products = _products([bodies[s] for s in growing], [spaces[s] for s in growing], executor)
        for s, product in zip(list(growing), products, strict=True):
            space = spaces[s]
            space.take(product)
            captured = float(np.sort(np.linalg.eigvalsh(space.T) ** 2)[::-1][:wanted].sum())
            # the random start lies mostly outside: the second block is the first of the subnetwork
            settled = sweep > space.settles_after + 1 and captured - before[s] <= SETTLED * captured
            before[s] = captured
            if settled or sweep == most or not space.grow():
                growing.remove(s)
    return [
        sketch_of_space(space, sketch_columns(n, k), body.sum_of_squares, sweep)
        for body, space in zip(bodies, spaces, strict=True)
    ]


def _products(
    bodies: Sequence[SubnetworkSweep], spaces: Sequence[Krylov], executor: Executor
) -> list[list[Handle]]:
    """Return D A D·block of each, from one read of A."""
    widths = [space.width for space in spaces]
    blocks = [body.scaled(space.block) for body, space in zip(bodies, spaces, strict=True)]
    X = executor.map(beside, *blocks, label="stack")
    Y = bodies[0].whole.sweep(X, columns=sum(widths), dtype=FLOAT)
    cuts = np.cumsum([0, *widths]).tolist()
    return [
        body.scaled(executor.map(columns_of, Y, [a] * len(Y), [b] * len(Y), label="columns"))
        for body, (a, b) in zip(bodies, pairwise(cuts), strict=True)
    ]


def _scaled(X: NDArray[Any], scales: NDArray[np.float64]) -> NDArray[Any]:
    return np.asarray(scales.astype(X.dtype)[:, None] * X)
