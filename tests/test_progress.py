"""What a user sees of a run: log lines in a file, a bar on a terminal, nothing when asked for quiet."""

from __future__ import annotations

import logging
import os
import pty
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

import dasknmf
from dasknmf.events import CheckpointWritten, IterationEnded, ModelEnded, RunStarted
from dasknmf.progress import LogLines, counter, describe, progress_listener
from tests.conftest import planted

if TYPE_CHECKING:
    from pathlib import Path


def iteration(number: int) -> IterationEnded:
    return IterationEnded(
        iteration=number,
        live=2,
        relative_error=0.5,
        relative_gradient=1e-3,
        reads=10,
        bytes_read=4 * 10**9,
        seconds=2.0,
        seconds_left=8.0,
    )


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (
            RunStarted(1000, 2, 8, 3, 4_000_000, 2**28, 50, resumed_at=7),
            (
                "1,000 genes, 2 model(s), 3 tile groups, 4.0 MB a sweep, at most 256 MiB a process, "
                "resumed after iteration 7"
            ),
        ),
        (
            iteration(5),
            (
                "iteration 5: relative error 0.50000, projected gradient 1.0e-03, 2 live, 2.00 GB/s, 2.0 s, "
                "at most 8 s left"
            ),
        ),
        (CheckpointWritten("run", 5, 0.25), "checkpoint after iteration 5: run (0.25 s)"),
        (
            ModelEnded("hals-k2", 9, "max_iter reached", converged=False),
            "hals-k2: max_iter reached after 9 iterations",
        ),
    ],
)
def test_events_in_words(event: RunStarted, line: str) -> None:
    assert describe(event) == line


def test_log_lines_of_iterations_are_few(caplog: pytest.LogCaptureFixture) -> None:
    listener = LogLines()
    with caplog.at_level(logging.INFO, logger="dasknmf"):
        for number in range(1, 50):
            listener(iteration(number))
        listener(ModelEnded("hals-k2", 49, "max_iter reached", converged=False))
    assert [record.message.split(":")[0] for record in caplog.records] == ["iteration 1", "hals-k2"]


def test_quiet_is_silent_and_a_file_gets_log_lines(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="dasknmf"):
        with progress_listener(quiet=True) as listener:
            listener(iteration(1))
        assert not caplog.records
        with progress_listener() as listener:
            listener(iteration(1))
        assert [record.message.split(":")[0] for record in caplog.records] == ["iteration 1"]


def test_a_counter_elsewhere_than_on_a_terminal_logs() -> None:
    with counter("importing") as progress:
        assert progress(1, 2) is None


def test_the_time_left_is_that_of_the_iterations_to_come() -> None:
    events: list[object] = []
    options = {"max_iter": 5, "tol": 0, "tol_objective": 0, "exact": True}
    dasknmf.nmf(planted(60, 3, seed=0), 3, **options, progress=events.append)
    left = [event.seconds_left for event in events if isinstance(event, IterationEnded)]
    assert all(seconds > 0 for seconds in left[:-1])
    assert left[-1] == 0


def test_a_terminal_gets_a_bar(tmp_path: Path) -> None:
    dasknmf.import_network(planted(60, 3, seed=0), tmp_path / "net.zarr")
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "dasknmf", "fit", "net.zarr", "-k", "2", "-o", "fit.zarr"]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm"},
        check=True,
    )
    os.close(theirs)
    seen = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # Linux says so when the other end is closed
            break
        if not part:
            break
        seen += part
    os.close(ours)
    assert b"saved fit.zarr" in done.stdout
    assert "━".encode() in seen
    assert b"hals-k2: " in seen
