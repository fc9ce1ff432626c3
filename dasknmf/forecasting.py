"""What a run will take, before there is a network: bytes, groups of tiles, memory of each process, and seconds.

Bytes, groups and memory are those by which a run itself is planned and refused. Seconds are arithmetic with rates that
were measured (:class:`Rates`): right within a factor of two or three on another machine, and to compare clusters with.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from dasknmf.engine.executor import Capacity
from dasknmf.engine.grid import SMALLEST_DENSE_GROUP, SMALLEST_SPARSE_GROUP, Plan, make_plan
from dasknmf.engine.memory import USABLE, Projection, project
from dasknmf.engine.sketch import basis_blocks, sketch_width
from dasknmf.errors import InputError, whole
from dasknmf.options import RunOptions
from dasknmf.solvers import fits_sketch, is_direct, row_arrays

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dasknmf.sizing import Size


@dataclass(frozen=True)
class Rates:
    """Measured costs, of one core unless said otherwise; where each is from stands in deploy/README.md.

    Parameters
    ----------
    dense_byte, dense_byte_column : float
        Nanoseconds for a byte of a dense tile, and in addition for each column of X.
    edge, edge_column : float
        Nanoseconds for a stored gene pair, and in addition for each column.
    visit_column : float
        Nanoseconds for each gene of a sparse tile's row and column, for each column.
    gigaflops : float
        Of fits on the sketch, float32; its basis, float64, is made at half of it.
    group : float
        Seconds of the scheduler for each group of a sweep, on a cluster.
    read : float
        GB/s in which a process reads tiles; it reads while it multiplies, and keeps what there is memory for.
    network : float
        GB/s between processes of a cluster.
    """

    dense_byte: float = 0.25
    dense_byte_column: float = 0.009
    edge: float = 1.0
    edge_column: float = 0.12
    visit_column: float = 1.2
    gigaflops: float = 20.0
    group: float = 0.8e-3
    read: float = 0.8
    network: float = 1.0


@dataclass(frozen=True)
class Forecast:
    """What a run will take; bytes and seconds."""

    genes: int
    layout: str
    models: int
    columns: int
    tile: int
    bytes_per_sweep: int
    groups: int
    worker: dict[str, int]
    client: dict[str, int]
    local: bool
    reads: int
    seconds: dict[str, float]

    @property
    def worker_bytes(self) -> int:
        """Bytes in each process that runs tasks."""
        return sum(self.worker.values())

    @property
    def client_bytes(self) -> int:
        """Bytes in the process of the client; nothing beside threads."""
        return sum(self.client.values())

    @property
    def memory_limit(self) -> int:
        """The least memory limit with which the run is not refused: workers may fill a share of theirs."""
        return self.worker_bytes if self.local else int(self.worker_bytes / USABLE) + 1

    def as_dict(self) -> dict[str, Any]:
        """Return all of it as plain values."""
        return {
            **asdict(self),
            "worker_bytes": self.worker_bytes,
            "client_bytes": self.client_bytes,
            "memory_limit": self.memory_limit,
            "seconds_total": sum(self.seconds.values()),
        }


def forecast(
    size: Size,
    ranks: Sequence[int],
    *,
    solver: str = "hals",
    processes: int | None = None,
    threads: int = 1,
    memory: int | None = None,
    run: RunOptions | None = None,
    rates: Rates | None = None,
) -> Forecast:
    """Tell what a fit of models of these ranks will take.

    Parameters
    ----------
    size : Size
        Of the network.
    ranks : sequence of int
        One for each model.
    solver : str
        Of all models; direct methods have no iterations, and no forecast.
    processes : int, optional
        Workers of a cluster; by default threads of this process.
    threads : int
        Of each.
    memory : int, optional
        Bytes of each, of which half of what a run leaves keeps tiles; without it, every read is from the store.
    run : RunOptions, optional
        How many iterations; as many as it allows are counted.
    rates : Rates, optional
        Costs.

    Raises
    ------
    InputError
        If a rank is above the number of genes, or the solver is direct.

    Examples
    --------
    >>> from dasknmf.sizing import Size
    >>> made = forecast(Size(20_000), [32], processes=4)
    >>> made.groups, round(made.bytes_per_sweep / 1e9, 2), made.worker_bytes < 4 * 2**30
    (35, 0.88, True)
    """
    run, rates = run or RunOptions(), rates or Rates()
    for name, count in (("processes", processes), ("threads", threads)):
        whole(name, 1 if count is None else count, least=1)
    if not ranks or not all(1 <= whole("n_components", rank, least=1) <= size.genes for rank in ranks):
        msg = f"n_components={list(ranks)}: needs ranks from 1 to {size.genes}, the number of genes"
        raise InputError(msg)
    if is_direct(solver):
        msg = f"solver '{solver}' has no iterations to foresee; choose another (dasknmf solvers)"
        raise InputError(msg)
    smallest = SMALLEST_DENSE_GROUP if size.edges is None else SMALLEST_SPARSE_GROUP
    plan = make_plan(size.grid, size.weights, smallest=smallest)
    capacity = Capacity(processes or 1, threads, 0, local=processes is None)
    projection = _projection(size, plan, capacity, ranks, solver)
    needed = sum(projection.process.values())
    kept = max(0, int((memory or 0) * (1.0 if capacity.local else USABLE)) - needed) // 2
    exact = run.exact or not fits_sketch(solver)
    counts = _reads(size, ranks, run, exact=exact)
    return Forecast(
        genes=size.genes,
        layout="dense" if size.edges is None else "sparse",
        models=len(ranks),
        columns=sum(ranks),
        tile=plan.grid.tile,
        bytes_per_sweep=plan.weight,
        groups=len(plan.groups),
        worker=projection.process,
        client=projection.client,
        local=capacity.local,
        reads=sum(counts.values()),
        seconds=_seconds(size, plan, capacity, ranks, run, rates, counts, exact=exact, kept=kept),
    )


def _projection(size: Size, plan: Plan, capacity: Capacity, ranks: Sequence[int], solver: str) -> Projection:
    largest = max((group.weight for group in plan.groups), default=0)
    # as dasknmf.matrices.Given.tile_bytes has it
    sparse = 4 * largest + min(plan.grid.tile, size.genes) * 1024
    return project(
        plan,
        capacity,
        columns=sum(ranks),
        largest=max(ranks),
        tile_bytes=sparse if size.edges is not None else 5 * min(largest, plan.grid.tile**2 * 4),
        held=0,
        live=len(ranks),
        ratios=() if fits_sketch(solver) else ranks,
        row_arrays=row_arrays([solver]),
    )


def _reads(size: Size, ranks: Sequence[int], run: RunOptions, *, exact: bool) -> dict[str, int]:
    """Return the most reads of each part: the sketch may settle in fewer sweeps, models may converge."""
    return {
        "sketch": basis_blocks(size.genes, max(ranks)) if not exact or run.bound else 0,
        "iterations on the network": 2 * (run.max_iter if exact else run.polish),
        "exact error": 1,
    }


def _seconds(
    size: Size,
    plan: Plan,
    capacity: Capacity,
    ranks: Sequence[int],
    run: RunOptions,
    rates: Rates,
    counts: dict[str, int],
    *,
    exact: bool,
    kept: int,
) -> dict[str, float]:
    n, columns, largest = size.genes, sum(ranks), max(ranks)
    width, sweeps = sketch_width(n, largest), counts["sketch"]
    cores = capacity.processes * capacity.threads
    reading = plan.weight / capacity.processes / rates.read / 1e9
    touched = sum(span.stop - span.start for group in plan.groups for span in plan.panels.touched(group))

    def sweep(wide: int, *, slower: float = 1.0) -> float:
        """Return the seconds of one read with so many columns of X: the last worker to finish has one group more."""
        if size.edges is None:
            work = plan.weight * (rates.dense_byte + rates.dense_byte_column * wide)
        else:
            work = size.edges * (rates.edge + rates.edge_column * wide)
            work += n * plan.grid.panels * wide * rates.visit_column
        rounds = -(-len(plan.groups) // cores) * cores / max(1, len(plan.groups))
        seconds = slower * work * 1e-9 * rounds / cores
        if plan.weight / capacity.processes > kept:
            seconds = max(seconds, reading)
        if capacity.local:
            return seconds
        moved = 2 * touched * wide * 4 / capacity.processes / rates.network / 1e9
        return float(seconds + len(plan.groups) * rates.group + moved)

    # each block of the basis is made orthogonal to all before it, twice, on every core
    basis = 4 * n * (width * sweeps) ** 2 / (rates.gigaflops / 2 * 1e9) / cores
    # a fit is one task, of several threads where it is alone
    workers = min(len(ranks), capacity.processes) * capacity.threads if not capacity.local else cores
    fits = 0 if exact else sum(40.0 * n * k**2 for k in ranks) * run.max_iter / (rates.gigaflops * 1e9)
    return {
        # what is kept is read once
        "sketch": max(sweeps * sweep(width), reading) + basis,
        "fits on the sketch": fits / workers,
        "iterations on the network": counts["iterations on the network"] * sweep(columns),
        # in float64
        "exact error": sweep(columns, slower=4.0),
    }
