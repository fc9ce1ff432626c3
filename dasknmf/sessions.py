"""A network, planned and opened for an analysis of many fits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dasknmf.cluster import parse_memory
from dasknmf.events import RunStarted
from dasknmf.planning import plan_run
from dasknmf.solvers import row_arrays
from dasknmf.stages import Session

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dasknmf.engine.executor import Executor
    from dasknmf.execution import Execution
    from dasknmf.matrices import Given
    from dasknmf.options import RunOptions


def open_session(
    given: Given,
    executor: Executor,
    execution: Execution,
    run: RunOptions,
    *,
    solver: str,
    ranks: Sequence[int],
    models: int,
    spaces: int = 1,
) -> Session:
    """Open a network for a run that fits, and say that it starts.

    Parameters
    ----------
    given : Given
        The network.
    executor : Executor
        Where it runs.
    execution : Execution
        How.
    run : RunOptions
        When fits stop.
    solver : str
        Of all fits.
    ranks : sequence of int
        Of everything that is multiplied at once.
    models : int
        How many fits there are, for the event.
    spaces : int
        Sketches at once.

    Raises
    ------
    MemoryLimitError
        If it would not fit.
    """
    limit = parse_memory(execution.memory_limit)
    operator, projection = plan_run(
        given, ranks, executor, limit, spaces=spaces, row_arrays=row_arrays([solver])
    )
    execution.progress(
        RunStarted(
            genes=operator.n,
            models=models,
            columns=sum(ranks),
            groups=len(operator.plan.groups),
            bytes_per_sweep=operator.plan.weight,
            memory=projection.process_bytes,
            max_iter=run.polish,
        )
    )
    return Session(
        given,
        operator,
        executor,
        run,
        listener=execution.progress,
        keep_sketch=execution.keep_sketch,
        memory=projection.process_bytes,
    )
