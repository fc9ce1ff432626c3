"""How much memory a run will take, projected from sizes alone, and refused before anything runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dasknmf.engine.inner import STRIP
from dasknmf.engine.pairs import made_columns, padded
from dasknmf.engine.ratio import COLUMNS, ROWS
from dasknmf.engine.sketch import basis_bytes, sketch_columns, sketch_width
from dasknmf.errors import MemoryLimitError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dasknmf.engine.executor import Capacity
    from dasknmf.engine.grid import Plan

MiB = 2**20
#: Interpreter, numpy, zarr and Dask in a process before it does anything: 180 MiB measured, rounded up.
PROCESS = 256 * MiB
#: Beside that, numba and what it has just compiled, which only sparse networks need: 350 MiB measured in all.
COMPILER = 96 * MiB
#: Models that one task fits on the sketch have about so many columns: enough for the full speed of a product.
BATCH = 64
#: What the allocator keeps of memory that was given back, as a share of what is in use: 9 % measured in a survey.
HEAP = 0.15
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
        return _total(self.process)


def project(
    plan: Plan,
    capacity: Capacity,
    *,
    columns: int,
    largest: int,
    tile_bytes: int,
    held: int,
    live: int,
    spaces: int = 1,
    ratios: Sequence[int] = (),
    row_arrays: int = 2,
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
    largest : int
        Their largest rank.
    tile_bytes : int
        Bytes that a task takes to read the largest piece it reads at once.
    held : int
        Bytes of a matrix that is in memory already.
    live : int
        Models.
    spaces : int
        Sketches made in the same reads: that of A, and that of A without what is held out.
    ratios : sequence of int
        Ranks of the models that want ratios.
    row_arrays : int
        Arrays of the size of W that a model keeps.

    Returns
    -------
    Projection
    """
    n = plan.grid.n
    rows = max(plan.panels.rows)
    sketched = spaces * sketch_width(n, largest)
    factors = row_arrays * n * columns * 4
    made = made_columns(ratios)
    vectors = spaces * 3 * n * sketch_columns(n, largest) * 4
    touched = [sum(span.stop - span.start for span in plan.panels.touched(group)) for group in plan.groups]
    # a block of rows of one model in float64, three at a time, or a strip of the final sweep
    strip = min(n, plan.grid.tile) * max(STRIP, largest)
    updating = capacity.threads * max(3 * rows * -(-columns // live), 6 * strip) * 8
    if ratios:
        # two tiles' rows of L, R and Y of one model in float64, and two blocks of a dense tile's products
        exact = 6 * min(n, plan.grid.tile) * padded(max(ratios)) + 2 * ROWS * COLUMNS
        updating = max(updating, capacity.threads * exact * 8)
    # a batch on the sketch: what is kept, before and after an update, its products and what it makes on the way
    fitting = capacity.threads * (4 + 2 * row_arrays) * n * max(BATCH, largest) * 4
    always = {
        "interpreter": PROCESS + COMPILER,
        "tiles": capacity.threads * tile_bytes,
        "vectors": vectors,
        "matrix": held,
    }

    def partial(width: int) -> int:
        """Return the bytes of sums of groups of tiles that wait for their turn to be added."""
        if capacity.local:
            return (capacity.threads + 1) * max(touched, default=0) * width * 4
        return (
            int(share * sum(touched) * width * 4) + capacity.threads * 2 * max(touched, default=0) * width * 4
        )

    # the scheduler balances tasks, not bytes: twice an even share
    share = 1.0 if capacity.local else 2 / max(2, capacity.processes)
    stages: list[dict[str, int]] = [
        {
            "sketch": int(share * spaces * basis_bytes(n, largest)),
            "products": int(share * 2 * n * sketched * 4),
            "partial sums": partial(sketched),
        },
        {"factors": factors if capacity.local else 0, "fits on the sketch": fitting},
        # X and A·X; when they are gone, what an update makes of the rows
        {
            "factors": int(share * factors),
            # beside them L and R, and what the ratios make of them, of which a task copies L and R of its rows
            "products": int(share * (2 * columns + 3 * made) * n * 4),
            "partial sums": partial(columns + 3 * made),
            "updates": updating,
        },
    ]
    most = max(stages, key=_total)
    process = {**always, **most}
    # as panels, as they were gathered, and as they are held for a cluster that is lost
    client = {"factors": 3 * factors, "vectors": vectors, "matrix": held}
    if capacity.local:
        # at the end: factors as they are, and as they are given back
        end = {**always, "factors": 2 * factors, "updates": updating}
        return Projection(_with_heap(max(process, end, key=_total)), {})
    return Projection(_with_heap(process), {"interpreter": PROCESS, **client})


def _with_heap(parts: dict[str, int]) -> dict[str, int]:
    return {**parts, "heap": int(HEAP * _total(parts))}


def _total(parts: dict[str, int]) -> int:
    return sum(parts.values())


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
