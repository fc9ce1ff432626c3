"""How much memory chains will take, from sizes alone, refused before anything runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dasknmf.engine.memory import COMPILER, PROCESS, MiB
from dasknmf.errors import InputError, MemoryLimitError
from dasknmf.matrices import LARGEST_SENT

if TYPE_CHECKING:
    from dasknmf.atomic.given import GivenData
    from dasknmf.engine.executor import Executor


def chain_bytes(rows: int, columns: int, k: int, *, symmetric: bool) -> int:
    """Return the bytes of a chain on so many rows of data.

    D, 1/S² and their transposes and a residual for each factor, in float32; for each entry of a factor, the factor,
    its averages, its curvature, their copies in a state, and an atom with room to double.
    """
    cells, entries = rows * columns, (rows + columns) * k
    return cells * 4 * (4 if symmetric else 6) + entries * 200


def require_memory(
    given: GivenData, k: int, executor: Executor, limit: int | None, *, rows: int | None = None
) -> None:
    """Refuse data whose chains do not fit in the memory of a process, and data too large to be sent to one.

    Parameters
    ----------
    given : GivenData
        The data.
    k : int
        Patterns.
    executor : Executor
        Where chains run.
    limit : int, optional
        Bytes of a process.
    rows : int, optional
        Of the largest set; without it, one chain takes all rows.

    Raises
    ------
    MemoryLimitError, InputError
        With the sizes and what to change.
    """
    capacity = executor.capacity
    genes, columns = given.shape
    held = 0 if given.values is None else given.values.nbytes
    each = chain_bytes(rows or genes, columns, k, symmetric=given.symmetric and rows is None)
    # a strip is there as it was read while the chain takes it
    each += (rows or genes) * columns * 4
    chains = 1 if rows is None else capacity.threads
    needed = PROCESS + COMPILER + chains * each + (held if executor.local else 0)
    allowed = min(limit or capacity.memory, capacity.memory)
    if needed > allowed:
        sets = max(2, -(-genes // max(1, (rows or genes) // 2)))
        msg = (
            f"{given.name}: {chains} chain(s) of {rows or genes:,} genes × {columns:,} need {needed / MiB:,.0f} MiB "
            f"and the limit is {allowed / MiB:,.0f} MiB; cut the genes in more sets (sets={sets}), use fewer "
            "workers (workers=1), or give more memory (memory_limit=)"
        )
        raise MemoryLimitError(msg)
    sent = held if rows is None else held * rows // genes
    if not executor.local and sent > LARGEST_SENT:
        msg = (
            f"{sent / MiB:,.0f} MiB of data cannot go to a worker of the cluster with its task; cut the genes in more "
            "sets (sets=), or put a network in a store they all reach: dasknmf.import_network(data, 'network.zarr')"
        )
        raise InputError(msg)
