"""How much memory a run will take, projected from sizes alone, and refused before anything runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dasknmf.errors import MemoryLimitError

if TYPE_CHECKING:
    from dasknmf.engine.executor import Capacity
    from dasknmf.engine.grid import Plan

MiB = 2**20
#: Interpreter, numpy, zarr and Dask in a process before it does anything: 180 MiB measured, rounded up.
PROCESS = 256 * MiB
#: Beside that, numba and what it has just compiled, which only sparse networks need: 350 MiB measured in all.
COMPILER = 96 * MiB
#: Share of a process's memory that Dask lets a worker fill before it spills to disk.
USABLE = 0.6


@dataclass(frozen=True)
class Projection:
    """Bytes, by what takes them, in one process that runs tasks and in the client."""

    process: dict[str, int]
    client: dict[str, int]

    @property
    def process_bytes(self) -> int:
        """Bytes in one process that runs tasks."""
        return sum(self.process.values())


def project(
    plan: Plan,
    capacity: Capacity,
    *,
    columns: int,
    widest: int,
    basis: int,
    tile_bytes: int,
    held: int,
    live: int,
    sparse: bool = False,
) -> Projection:
    """Project the memory of a run.

    Parameters
    ----------
    plan : Plan
        Tiles, groups and row panels.
    capacity : Capacity
        Processes and threads.
    columns : int
        Sum of the ranks of all models.
    basis : int
        Bytes of the basis in which the spectrum is looked for.
    widest : int
        Columns of the widest sweep: that, or the width of the spectrum's sketch.
    tile_bytes : int
        Bytes that a task takes to read the largest piece it reads at once.
    held : int
        Bytes of a matrix that is in memory already.
    live : int
        Models.
    sparse : bool
        Whether tiles are sparse.

    Returns
    -------
    Projection
    """
    n = plan.grid.n
    rows = max(plan.panels.rows)
    factors = 2 * n * columns * 4
    product = n * widest * 4
    # of the final sweep, in float64
    exact = n * columns * 8
    touched = [sum(span.stop - span.start for span in plan.panels.touched(group)) for group in plan.groups]
    partial = max(touched, default=0) * max(widest * 4, columns * 8)
    reading = capacity.threads * tile_bytes
    # a block of rows of one model in float64, three at a time
    updating = capacity.threads * 3 * rows * -(-columns // live) * 8
    interpreter = PROCESS + (COMPILER if sparse else 0)
    client = {"factors": 3 * factors, "spectrum": basis, "matrix": held}
    if capacity.local:
        # results wait in order, two for each thread
        waiting = 2 * capacity.threads * partial
        process = {
            "interpreter": interpreter,
            "factors": 2 * factors,
            "products": 2 * max(product, exact),
            "partial sums": waiting,
            "tiles": reading,
            "updates": updating,
            **client,
        }
        return Projection(process, {})
    every = sum(touched) * max(widest * 4, columns * 8)
    # the scheduler balances tasks, not bytes: twice an even share
    share = 2 / max(2, capacity.processes)
    process = {
        "interpreter": interpreter,
        "factors": int(share * 2 * factors),
        "products": int(share * 2 * max(product, exact)),
        "partial sums": int(share * every) + capacity.threads * 2 * partial,
        "tiles": reading,
        "updates": updating,
        "matrix": held,
    }
    return Projection(process, {"interpreter": PROCESS, **client})


def check_memory(parts: dict[str, int], *, limit: int, where: str) -> None:
    """Refuse a run that takes more than the limit.

    Parameters
    ----------
    parts : dict
        Bytes, by what takes them.
    limit : int
        Bytes there are.
    where : str
        In which process.

    Raises
    ------
    MemoryLimitError
        With the sizes and what to change.
    """
    needed = sum(parts.values())
    if needed <= limit:
        return
    largest = sorted(parts.items(), key=lambda item: -item[1])[:3]
    mostly = ", ".join(f"{name} {size / MiB:,.0f} MiB" for name, size in largest)
    msg = (
        f"this run needs {needed / MiB:,.0f} MiB in {where} and the limit is {limit / MiB:,.0f} MiB "
        f"(mostly {mostly}); give more memory (--memory-limit, memory_limit=), fewer threads, fewer models or "
        "components at once, or import the network with smaller tiles (--tile)"
    )
    raise MemoryLimitError(msg)
