"""Whether a run fits, before anything runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from distributed.system import MEMORY_LIMIT

from dasknmf.engine.memory import USABLE, Projection, check_memory, project

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dasknmf.engine.executor import Executor
    from dasknmf.engine.sweep import Sweep
    from dasknmf.matrices import Given
    from dasknmf.pair_weights import PairWeights


def plan_run(
    given: Given,
    ranks: Sequence[int],
    executor: Executor,
    limit: int | None,
    *,
    pairs: PairWeights | None = None,
    diagonal: bool = True,
    ratios: Sequence[int] = (),
    **sizes: Any,
) -> tuple[Sweep, Projection]:
    """Return the operator of a run with models of these ranks, after its memory was found to fit.

    ``limit`` is what the user allows each process, in bytes; ``ratios`` are the ranks of models that want ratios, and
    ``sizes`` are for :func:`dasknmf.engine.memory.project` too; ``pairs`` are weights of the entries, with which
    ``diagonal`` says whether the diagonal counts.

    Raises
    ------
    MemoryLimitError
        If the projected memory is above the limit, or what there is.
    """
    operator = pairs.operator(given, executor, diagonal=diagonal) if pairs else given.operator(executor)
    capacity = executor.capacity
    projection = project(
        operator.plan,
        capacity,
        columns=sum(ranks),
        largest=max(ranks),
        tile_bytes=given.tile_bytes(operator.plan) + (pairs.tile_bytes(operator.plan) if pairs else 0),
        held=given.memory + (pairs.memory if pairs else 0),
        live=len(ranks),
        # filled products are of two factors too
        ratios=ranks if pairs else ratios,
        **sizes,
    )
    allowed = min(limit or capacity.memory, capacity.memory)
    usable = allowed if executor.local else int(allowed * USABLE)
    where = "this process" if executor.local else f"each of {capacity.processes} worker processes"
    check_memory(projection.process, limit=usable, where=where)
    check_memory(projection.client, limit=MEMORY_LIMIT, where="the client")
    # half of what is left stays free: other programs, and what no projection sees
    operator.keep_tiles((usable - projection.process_bytes) // 2)
    return operator, projection
