"""What a run tells while it goes on; progress bars, logs and tests listen to the same events."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class RunStarted:
    """Before the first sweep: sizes, and the memory projected for a process (bytes)."""

    genes: int
    models: int
    columns: int
    groups: int
    bytes_per_sweep: int
    memory: int
    max_iter: int
    resumed_at: int = 0


@dataclass(frozen=True)
class SketchSwept:
    """After a read of A for its sketch; ``captured`` is the share of ‖A‖² in the leading part of it.

    Where ``matrix`` says that the sketch is of another one, made of A, the share can be unknown, nan.
    """

    sweep: int
    most: int
    captured: float
    seconds: float
    matrix: str = ""


@dataclass(frozen=True)
class ModelsFitted:
    """After models have been fitted on the sketch; ``seconds_left`` is an estimate for the rest."""

    done: int
    models: int
    seconds: float
    seconds_left: float


@dataclass(frozen=True)
class IterationEnded:
    """After an iteration of all live models.

    ``relative_error`` is of the best, ``seconds`` since the start, ``seconds_left`` what is left at most.
    """

    iteration: int
    live: int
    relative_error: float
    relative_gradient: float
    reads: int
    bytes_read: int
    seconds: float
    seconds_left: float


@dataclass(frozen=True)
class ChainAdvanced:
    """After iterations of a Gibbs sampler; ``seconds_left`` is an estimate from the last of them.

    ``phase`` is ``"equilibrating"`` or ``"sampling"``; ``chi_squared`` and ``atoms``, of both factors, are of the
    last iteration.
    """

    iteration: int
    most: int
    phase: str
    chi_squared: float
    atoms: int
    seconds: float
    seconds_left: float


@dataclass(frozen=True)
class SetsSampled:
    """After a Gibbs sampler of a set of genes has ended; ``stage`` is ``"patterns"``, then ``"loadings"``."""

    done: int
    sets: int
    stage: str
    seconds: float
    seconds_left: float


@dataclass(frozen=True)
class StageAdvanced:
    """After a part of an analysis of many fits, such as restarts or null models; ``seconds_left`` is an estimate."""

    stage: str
    done: int
    of: int
    seconds: float
    seconds_left: float


@dataclass(frozen=True)
class LevelEnded:
    """A level of nested factors is done; ``explained`` and ``retention`` are means over restarts."""

    level: int
    levels: int
    factors: int
    explained: float
    retention: float
    seconds: float


@dataclass(frozen=True)
class CheckpointWritten:
    """A checkpoint is safe."""

    location: str
    iteration: int
    seconds: float


@dataclass(frozen=True)
class CheckpointFailed:
    """A checkpoint could not be written, such as on a full disk; the one before is whole, and the run goes on."""

    location: str
    iteration: int
    reason: str


@dataclass(frozen=True)
class Waiting:
    """The run stands still: ``what`` is waited for since so many seconds, of at most ``patience`` (infinity: any)."""

    what: str
    seconds: float
    patience: float


@dataclass(frozen=True)
class ClusterLost:
    """A cluster was lost with all results there; the run goes on from ``reached``, as soon as there is one again."""

    reason: str
    reached: str


@dataclass(frozen=True)
class GroupsCut:
    """A worker was ended for want of memory; the run begins again with groups of tiles of 1/``parts`` the size."""

    reason: str
    parts: int


@dataclass(frozen=True)
class ModelEnded:
    """A model has stopped."""

    name: str
    iteration: int
    stop_reason: str
    converged: bool


@dataclass(frozen=True)
class RunEnded:
    """All models have stopped and their exact objectives are known."""

    seconds: float
    reads: int
    bytes_read: int


#: What goes wrong, and is told also where nobody listens.
Fault = CheckpointFailed | Waiting | ClusterLost | GroupsCut

Event = (
    RunStarted
    | SketchSwept
    | ModelsFitted
    | IterationEnded
    | ChainAdvanced
    | SetsSampled
    | StageAdvanced
    | LevelEnded
    | CheckpointWritten
    | Fault
    | ModelEnded
    | RunEnded
)
Listener = Callable[[Event], None]
