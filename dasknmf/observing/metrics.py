"""Metrics of a run for Prometheus: served on a port, or kept in a file that a node exporter reads."""

from __future__ import annotations

import ipaddress
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from dasknmf.errors import InputError, missing_dependency
from dasknmf.events import (
    CheckpointWritten,
    IterationEnded,
    LevelEnded,
    ModelEnded,
    ModelsFitted,
    RunEnded,
    RunStarted,
    SketchSwept,
    StageAdvanced,
)
from dasknmf.whole_file import write_whole

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client import CollectorRegistry

    from dasknmf.events import Event, Listener

#: What a file of metrics is called, by which it is told from a port.
ENDING = ".prom"
#: Seconds between writings of a file of metrics.
WRITE_EVERY = 5.0
#: Upper bounds of the buckets of a sweep and of a checkpoint, in seconds: from a cached network to a cold terabyte.
BUCKETS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0)


class Metrics:
    """A listener that turns the events of a run into metrics.

    Names follow Prometheus: base units (seconds, bytes), ``_total`` for what only grows. ``dasknmf_sweep_seconds`` is
    the wall time of an iteration, or of a read for the sketch, divided by its reads of A.

    Parameters
    ----------
    registry : prometheus_client.CollectorRegistry
        Where they are registered.

    Examples
    --------
    >>> from prometheus_client import CollectorRegistry
    >>> registry = CollectorRegistry()
    >>> Metrics(registry)(CheckpointWritten("fit.checkpoint", iteration=20, seconds=0.5))
    >>> registry.get_sample_value("dasknmf_checkpoints_total")
    1.0
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        from prometheus_client import Counter, Gauge, Histogram

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(f"dasknmf_{name}", text, labels, registry=registry)

        def counter(name: str, text: str) -> Counter:
            return Counter(f"dasknmf_{name}", text, registry=registry)

        def histogram(name: str, text: str) -> Histogram:
            return Histogram(f"dasknmf_{name}", text, registry=registry, buckets=BUCKETS)

        self.genes = gauge("genes", "Genes of the network.")
        self.models = gauge("models", "Models of the run.")
        self.live = gauge("models_live", "Models that have not stopped.")
        self.ended = counter("models_ended", "Models that have stopped.")
        self.forecast = gauge("memory_forecast_bytes", "Most memory a process was forecast to take.")
        self.sweep_bytes = gauge("sweep_bytes", "Bytes of tiles in one read of A.")
        self.iteration = gauge("iteration", "Iterations done.")
        self.error = gauge("relative_error", "Of the best model, ‖A − WH‖ / ‖A‖.")
        self.gradient = gauge("projected_gradient", "Of the best model, relative to A·X.")
        self.reads = counter("reads", "Reads of A.")
        self.bytes = counter("read_bytes", "Bytes of tiles used, those kept in memory included.")
        self.rate = gauge("read_bytes_per_second", "Over the last iteration.")
        self.sweeps = histogram("sweep_seconds", "Wall time of a read of A with all that goes with it.")
        self.checkpoints = counter("checkpoints", "Checkpoints written.")
        self.checkpoint = histogram("checkpoint_seconds", "Time to write a checkpoint.")
        self.left = gauge("left_seconds", "At most, or an estimate, as the log says.")
        self.done = gauge("stage_done", "Parts of a stage that are done.", "stage")
        self.of = gauge("stage_parts", "Parts of a stage in all.", "stage")
        self.event = gauge("last_event_timestamp_seconds", "When the run last told of anything.")
        self.finished = gauge("finished", "1 when the last run of this process has ended.")
        self._sweep_bytes = self._reads = 0
        self._swept = self._iterated = 0.0
        self._resumed = False

    def __call__(self, event: Event) -> None:
        """Take an event."""
        self.event.set(time.time())
        match event:
            case RunStarted():
                self._start(event)
            case SketchSwept():
                self._sketch(event)
            case IterationEnded():
                self._iterate(event)
            case ModelsFitted():
                self._stage("models", event.done, event.models, event.seconds_left)
            case StageAdvanced():
                self._stage(event.stage, event.done, event.of, event.seconds_left)
            case LevelEnded():
                self._stage("levels", event.level, event.levels, None)
            case CheckpointWritten():
                self.checkpoints.inc()
                self.checkpoint.observe(event.seconds)
            case ModelEnded():
                self.ended.inc()
            case RunEnded():
                self._count(event.reads - self._reads)
                self._reads = event.reads
                self.finished.set(1)
            case _:
                pass

    def _start(self, event: RunStarted) -> None:
        self.genes.set(event.genes)
        self.models.set(event.models)
        self.live.set(event.models)
        self.forecast.set(event.memory)
        self.sweep_bytes.set(event.bytes_per_sweep)
        self.finished.set(0)
        self._sweep_bytes = event.bytes_per_sweep
        self._swept = self._iterated = 0.0
        self._reads, self._resumed = 0, event.resumed_at > 0

    def _sketch(self, event: SketchSwept) -> None:
        # each sketch counts its seconds from its own start
        seconds = event.seconds - self._swept if event.sweep > 1 else event.seconds
        self._swept = event.seconds
        self._sweep(1, seconds)
        self._reads += 1

    def _iterate(self, event: IterationEnded) -> None:
        self.iteration.set(event.iteration)
        self.live.set(event.live)
        self.error.set(event.relative_error)
        self.gradient.set(event.relative_gradient)
        self.left.set(event.seconds_left)
        reads = event.reads - self._reads
        if reads < 0:
            return  # on the sketch, which takes no read of A
        if self._iterated:
            self._sweep(reads, event.seconds - self._iterated)
        elif not self._resumed:
            # other things took time too before the first iteration has ended
            self._count(reads)
        self._iterated, self._reads = event.seconds, event.reads

    def _sweep(self, reads: int, seconds: float) -> None:
        for _ in range(reads):
            self.sweeps.observe(seconds / reads)
        self._count(reads)
        if seconds > 0:
            self.rate.set(reads * self._sweep_bytes / seconds)

    def _count(self, reads: int) -> None:
        if reads > 0:
            self.reads.inc(reads)
            self.bytes.inc(reads * self._sweep_bytes)

    def _stage(self, stage: str, done: int, of: int, left: float | None) -> None:
        self.done.labels(stage).set(done)
        self.of.labels(stage).set(of)
        if left is not None:
            self.left.set(left)


@contextmanager
def exported(place: str, *, insecure: bool = False) -> Iterator[Listener]:
    """Give a listener whose metrics can be had while the block runs.

    Parameters
    ----------
    place : str
        ``9464`` or ``127.0.0.1:9464``: served at ``http://127.0.0.1:9464/metrics``. A name that ends in ``.prom``: a
        file, written whole every few seconds, for the textfile collector of a node exporter.
    insecure : bool
        Serve beyond loopback too: anyone who reaches the port can read the metrics, which are not encrypted.

    Raises
    ------
    InputError
        If the place is neither, is taken, or is beyond loopback and ``insecure`` is false.
    MissingDependencyError
        If prometheus-client is not installed.
    """
    try:
        from prometheus_client import (
            CollectorRegistry,
            PlatformCollector,
            ProcessCollector,
            start_http_server,
        )
    except ImportError as error:
        raise missing_dependency("prometheus-client", extra="metrics", purpose="--metrics") from error
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    metrics = Metrics(registry)
    if place.endswith(ENDING):
        with _kept(Path(place), registry, metrics) as listener:
            yield listener
        return
    host, port = _address(place, insecure=insecure)
    try:
        server, thread = start_http_server(port, addr=host, registry=registry)
    except (OSError, OverflowError) as error:
        msg = f"--metrics {place}: cannot be served there ({error}); give another port, or a file such as run{ENDING}"
        raise InputError(msg) from error
    try:
        yield metrics
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def _kept(file: Path, registry: CollectorRegistry, metrics: Metrics) -> Iterator[Listener]:
    from prometheus_client import generate_latest

    def write() -> None:
        write_whole(file, generate_latest(registry))

    if not file.absolute().parent.is_dir():
        msg = f"--metrics {file}: there is no folder {file.absolute().parent}; make it first"
        raise InputError(msg)
    written = time.monotonic()

    def listen(event: Event) -> None:
        nonlocal written
        metrics(event)
        if time.monotonic() - written >= WRITE_EVERY:
            write()
            written = time.monotonic()

    write()
    try:
        yield listen
    finally:
        write()


def _address(place: str, *, insecure: bool) -> tuple[str, int]:
    """Return host and port."""
    host, _, port = place.rpartition(":")
    host = host.strip("[]") or "127.0.0.1"
    if not port.isdecimal():
        msg = f"--metrics {place}: give a port such as 9464, host:port, or a file whose name ends in {ENDING}"
        raise InputError(msg)
    if not insecure and not _is_loopback(host):
        msg = (
            f"--metrics {place}: whoever reaches that port can read the metrics of the run, unencrypted; serve them on "
            "loopback (127.0.0.1), or say --insecure-metrics where a network policy guards the port"
        )
        raise InputError(msg)
    return host, int(port)


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
