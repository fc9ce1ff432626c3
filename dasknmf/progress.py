"""Progress on stderr: a bar on a terminal, log lines elsewhere."""

from __future__ import annotations

import logging
import math
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from dasknmf.events import (
    ChainAdvanced,
    CheckpointWritten,
    IterationEnded,
    LevelEnded,
    ModelEnded,
    ModelsFitted,
    RunEnded,
    RunStarted,
    SetsSampled,
    SketchSwept,
    StageAdvanced,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dasknmf.events import Event, Listener

logger = logging.getLogger("dasknmf")

#: Log lines come at least so many seconds apart, first and last excepted.
LOG_EVERY = 10.0


#: Events that are told often.
FREQUENT = IterationEnded | ModelsFitted | SketchSwept | ChainAdvanced | SetsSampled | StageAdvanced


def silent(event: Event) -> None:
    """Ignore an event."""


class LogLines:
    """Writes events to the ``dasknmf`` logger, iterations no more often than every ten seconds."""

    def __init__(self) -> None:
        self._last = float("-inf")

    def __call__(self, event: Event) -> None:
        """Log an event."""
        if isinstance(event, FREQUENT):
            now = time.monotonic()
            if now - self._last < LOG_EVERY:
                return
            self._last = now
        logger.info(describe(event))


def describe(event: Event) -> str:
    """Return an event as one line.

    Examples
    --------
    >>> describe(RunEnded(seconds=2.0, reads=40, bytes_read=8_000_000_000))
    'done: 40 reads of A, 4.00 GB/s, 2.0 s'
    """
    match event:
        case RunStarted():
            resumed = f", resumed after iteration {event.resumed_at}" if event.resumed_at else ""
            return (
                f"{event.genes:,} genes, {event.models} model(s), {event.groups} tile groups, "
                f"{event.bytes_per_sweep / 1e6:,.1f} MB a sweep, at most {event.memory / 2**20:,.0f} MiB "
                f"a process{resumed}"
            )
        case SketchSwept():
            of = f" of the {event.matrix} network" if event.matrix else ""
            share = captured(event)
            return (
                f"sketch{of}: read {event.sweep} of at most {event.most}, "
                f"{share}{' in its leading part, ' if share else ''}{event.seconds:.1f} s"
            )
        case ModelsFitted():
            return (
                f"on the sketch: {event.done} of {event.models} model(s) fitted, {event.seconds:.1f} s, about "
                f"{event.seconds_left:.0f} s left"
            )
        case IterationEnded():
            return (
                f"iteration {event.iteration}: relative error {event.relative_error:.5f}, projected gradient "
                f"{event.relative_gradient:.1e}, {event.live} live, {rate(event):.2f} GB/s, "
                f"{event.seconds:.1f} s, at most {event.seconds_left:.0f} s left"
            )
        case ChainAdvanced():
            return (
                f"iteration {event.iteration} of {event.most}, {event.phase}: χ² {event.chi_squared:.6g}, "
                f"{event.atoms:,} atoms, {event.seconds:.1f} s, about {event.seconds_left:.0f} s left"
            )
        case SetsSampled():
            return (
                f"{event.stage} of {event.done} of {event.sets} sets sampled, {event.seconds:.1f} s, about "
                f"{event.seconds_left:.0f} s left"
            )
        case StageAdvanced():
            return (
                f"{event.stage}: {event.done} of {event.of}, {event.seconds:.1f} s, about "
                f"{event.seconds_left:.0f} s left"
            )
        case LevelEnded():
            return (
                f"level {event.level}, of {event.levels}: {event.factors} factor(s) explain {event.explained:.1%} of "
                f"‖A‖², {event.retention:.1%} of what is possible, {event.seconds:.1f} s"
            )
        case CheckpointWritten():
            return f"checkpoint after iteration {event.iteration}: {event.location} ({event.seconds:.2f} s)"
        case ModelEnded():
            return f"{event.name}: {event.stop_reason} after {event.iteration} iterations"
        case RunEnded():
            return f"done: {event.reads} reads of A, {rate(event):.2f} GB/s, {event.seconds:.1f} s"


def captured(event: SketchSwept) -> str:
    """Return the share of ‖A‖² that is in a sketch; nothing where that is not known."""
    return f"{event.captured:.1%} of ‖A‖²" if math.isfinite(event.captured) else ""


def rate(event: IterationEnded | RunEnded) -> float:
    """Return GB of tiles used per second so far, those kept in memory included."""
    return event.bytes_read / 1e9 / event.seconds if event.seconds > 0 else 0.0


#: Who listens to every command of this process, whatever is shown.
_ALSO: list[Listener] = []


@contextmanager
def also_telling(listener: Listener) -> Iterator[None]:
    """Let one more listener hear the events of the commands that run in the block, also of quiet ones."""
    _ALSO.append(listener)
    try:
        yield
    finally:
        _ALSO.remove(listener)


@contextmanager
def progress_listener(*, quiet: bool = False) -> Iterator[Listener]:
    """Give a listener for a command: a rich progress bar on a terminal, log lines elsewhere."""
    with _showing(quiet=quiet) as shown:

        def tell(event: Event) -> None:
            for listener in (*_ALSO, shown):
                listener(event)

        yield tell


@contextmanager
def _showing(*, quiet: bool) -> Iterator[Listener]:
    if quiet:
        yield silent
        return
    if sys.stderr.isatty():
        try:
            import rich.progress  # noqa: F401
        except ImportError:
            pass
        else:
            with _bar() as listener:
                yield listener
            return
    yield LogLines()


@contextmanager
def counter(label: str) -> Iterator[Callable[[int, int], None]]:
    """Give a function of (done, total) that shows how far a command is: a bar on a terminal, log lines elsewhere."""
    if sys.stderr.isatty():
        try:
            from rich.console import Console
            from rich.progress import Progress
        except ImportError:
            pass
        else:
            with Progress(console=Console(stderr=True), transient=True) as progress:
                task = progress.add_task(label, total=1)
                yield lambda done, total: progress.update(task, completed=done, total=total)
            return
    last = time.monotonic()

    def log(done: int, total: int) -> None:
        nonlocal last
        if time.monotonic() - last >= LOG_EVERY:
            last = time.monotonic()
            logger.info("%s: %d of %d", label, done, total)

    yield log


@contextmanager
def _bar() -> Iterator[Listener]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns: list[Any] = [
        TextColumn("{task.description} {task.completed:.0f}/{task.total:.0f}"),
        BarColumn(),
        TextColumn("{task.fields[status]}"),
        TimeRemainingColumn(),
    ]
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("iteration", total=1, status="")
        most = 1

        def listen(event: Event) -> None:
            nonlocal most
            if isinstance(event, RunStarted):
                most = event.max_iter
                progress.update(task, total=most, completed=event.resumed_at)
            shown = _shown(event, most)
            if shown is None:
                console.print(describe(event), highlight=False)
            else:
                progress.update(task, **shown)

        yield listen


def _shown(event: Event, most: int) -> dict[str, Any] | None:
    """Return what a bar shows of an event: description, total, completed, status; None where it is told in words."""
    match event:
        case IterationEnded():
            status = f"relative error {event.relative_error:.5f}  {rate(event):.2f} GB/s  {event.live} live"
            found = ("iteration", most, event.iteration, status)
        case SketchSwept():
            found = ("sketch", event.most, event.sweep, captured(event))
        case ModelsFitted():
            found = ("models", event.models, event.done, "")
        case ChainAdvanced():
            found = (
                event.phase,
                event.most,
                event.iteration,
                f"χ² {event.chi_squared:.6g}  {event.atoms:,} atoms",
            )
        case SetsSampled():
            found = (event.stage, event.sets, event.done, "")
        case StageAdvanced():
            found = (event.stage, event.of, event.done, "")
        case _:
            return None
    return dict(zip(("description", "total", "completed", "status"), found, strict=True))
