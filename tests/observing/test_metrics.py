"""Metrics agree with what the run itself reports."""

from __future__ import annotations

import re
import socket
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

import dasknmf
from dasknmf.cli import commands
from dasknmf.errors import InputError
from dasknmf.events import CheckpointWritten, IterationEnded, RunStarted
from dasknmf.observing.metrics import Metrics, exported
from tests.conftest import planted

if TYPE_CHECKING:
    from pathlib import Path


def values_of(text: str) -> dict[str, float]:
    return {
        sample.name: sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if not sample.labels
    }


@pytest.mark.parametrize("exact", [True, False])
def test_they_are_those_of_the_run(tmp_path: Path, exact: bool) -> None:
    registry, events = CollectorRegistry(), []
    metrics = Metrics(registry)

    def listen(event: Any) -> None:
        events.append(event)
        metrics(event)

    dasknmf.import_network(planted(90, 3, seed=0), tmp_path / "net.zarr", tile=32)
    fit = dasknmf.nmf(
        tmp_path / "net.zarr",
        3,
        max_iter=7,
        exact=exact,
        tol=0,
        tol_objective=0,
        progress=listen,
        checkpoint=tmp_path / "run.checkpoint",
        checkpoint_iterations=2,
    )

    def value(name: str) -> float:
        found = registry.get_sample_value(f"dasknmf_{name}")
        assert found is not None, name
        return found

    assert value("genes") == 90
    assert value("reads_total") == fit.attrs["reads"]
    assert value("read_bytes_total") == fit.attrs["reads"] * fit.attrs["bytes_per_read"]
    written = sum(isinstance(event, CheckpointWritten) for event in events)
    assert value("checkpoints_total") == written
    # the one iteration on A that follows those on the sketch is below the two of a checkpoint
    assert (written > 0) is exact
    assert value("checkpoint_seconds_count") == value("checkpoints_total")
    assert value("finished") == value("models_ended_total") == 1
    last = [event for event in events if isinstance(event, IterationEnded)][-1]
    assert value("iteration") == last.iteration
    assert value("relative_error") == last.relative_error
    assert 0 < value("sweep_seconds_sum") <= fit.attrs["seconds"]
    assert 0 < value("sweep_seconds_count") < fit.attrs["reads"]


def test_a_run_that_is_resumed_counts_its_own_reads_only() -> None:
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    metrics(RunStarted(9, 1, 3, 1, 100, 0, 50, resumed_at=20))
    metrics(IterationEnded(21, 1, 0.5, 0.1, 42, 4200, 9.0, 1.0))
    assert registry.get_sample_value("dasknmf_reads_total") == 0
    metrics(IterationEnded(22, 1, 0.5, 0.1, 44, 4400, 10.0, 1.0))
    assert registry.get_sample_value("dasknmf_reads_total") == 2
    assert registry.get_sample_value("dasknmf_sweep_seconds_sum") == 1
    assert registry.get_sample_value("dasknmf_read_bytes_per_second") == 200


def test_served_on_loopback_while_a_run_lasts() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with exported(str(port)) as listener:
        listener(RunStarted(9, 1, 3, 1, 100, 0, 50))
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
            assert values_of(answer.read().decode())["dasknmf_genes"] == 9
        with pytest.raises(InputError, match="cannot be served there"), exported(f"127.0.0.1:{port}"):
            pass
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics")


@pytest.mark.parametrize("place", ["0.0.0.0:0", "[::]:0", "example.org:9464"])
def test_beyond_loopback_only_where_that_is_said(place: str) -> None:
    with pytest.raises(InputError, match="--insecure-metrics"), exported(place):
        pass
    if place == "0.0.0.0:0":
        with exported(place, insecure=True) as listener:
            listener(RunStarted(9, 1, 3, 1, 100, 0, 50))


@pytest.mark.parametrize(
    "place", ["", "here", "9464x", "127.0.0.1:", "127.0.0.1:99999999", "no/folder/run.prom"]
)
def test_other_places_are_refused(place: str) -> None:
    with pytest.raises(InputError, match=re.escape(f"--metrics {place}: ")), exported(place):
        pass


def test_a_file_is_there_when_the_command_has_ended(tmp_path: Path) -> None:
    dasknmf.import_network(planted(60, 3, seed=0), tmp_path / "net.zarr", tile=32)
    file, out = tmp_path / "run.prom", tmp_path / "fit.zarr"
    command = ["-q", "--metrics", file, "fit", tmp_path / "net.zarr", "-k", 3, "-o", out]
    found = CliRunner().invoke(commands, list(map(str, command)), catch_exceptions=False)
    assert found.exit_code == 0
    values = values_of(file.read_text())
    assert values["dasknmf_finished"] == 1
    assert values["dasknmf_reads_total"] == dasknmf.load(out).attrs["reads"]
    assert values["process_resident_memory_bytes"] > 2**20
