"""Log lines that machines read."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest

import dasknmf
from dasknmf.events import IterationEnded
from dasknmf.observing.records import event_record
from tests.conftest import planted

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def store(tmp_path: Path) -> Path:
    dasknmf.import_network(planted(60, 3, seed=0), tmp_path / "net.zarr", tile=32)
    return tmp_path / "net.zarr"


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "dasknmf", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_every_line_is_one_json_object(store: Path, tmp_path: Path) -> None:
    out = tmp_path / "fit.zarr"
    found = run("--log-format", "json", "fit", store, "-k", 3, "--max-iter", 5, "-o", out)
    lines = [json.loads(line) for line in found.stderr.splitlines()]
    assert found.returncode == 0
    assert all({"time", "level", "logger", "message"} <= set(line) for line in lines)
    kinds = [line.get("event") for line in lines]
    assert kinds[0] == "run_started"
    assert kinds[-1] == "run_ended"
    assert lines[0]["genes"] == 60
    assert lines[-1]["reads"] == dasknmf.load(out).attrs["reads"]


def test_errors_are_too(tmp_path: Path) -> None:
    found = run(
        "--log-format", "json", "fit", tmp_path / "nothing.zarr", "-k", 3, "-o", tmp_path / "fit.zarr"
    )
    assert found.returncode == 1
    line = json.loads(found.stderr)
    assert line["level"] == "error"
    assert "there is no network at" in line["message"]
    plain = run("fit", tmp_path / "nothing.zarr", "-k", 3, "-o", tmp_path / "fit.zarr")
    assert plain.stderr == f"dasknmf: {line['message']}\n"


def test_what_json_has_no_number_for_is_null() -> None:
    event = IterationEnded(1, 1, np.float64("nan"), float("inf"), np.int64(2), 3, 0.5, 0.0)  # type: ignore[arg-type]
    record = event_record(event)
    assert (record["relative_error"], record["relative_gradient"], record["reads"]) == (None, None, 2)
    assert json.loads(json.dumps(record, allow_nan=False)) == record
