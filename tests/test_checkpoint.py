"""A run that was killed goes on to the same bits; a checkpoint that does not belong is refused."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import dasknmf
from dasknmf.checkpoint import Checkpoints
from dasknmf.errors import FormatError, InputError
from dasknmf.events import CheckpointWritten, IterationEnded
from tests.conftest import planted

if TYPE_CHECKING:
    from pathlib import Path

    from distributed import Client

A = planted(200, 5, seed=0)
OPTIONS: dict[str, Any] = {"max_iter": 30, "tol": 0, "tol_objective": 0, "init": "random", "exact": True}


class Stopped(Exception):  # noqa: N818
    """Stands for whatever ends a run."""


def stop_after(iteration: int) -> Any:
    def listen(event: object) -> None:
        if isinstance(event, IterationEnded) and event.iteration == iteration:
            raise Stopped

    return listen


@pytest.mark.parametrize("solver", ["hals", "mu"])
@pytest.mark.parametrize("diagonal", ["keep", "ignore"])
def test_a_resumed_run_ends_in_the_same_bits(tmp_path: Path, solver: str, diagonal: str) -> None:
    options = {**OPTIONS, "solver": solver, "diagonal": diagonal}
    whole = dasknmf.nmf(A, 4, **options)
    place = tmp_path / "run.checkpoint"
    with pytest.raises(Stopped):
        dasknmf.nmf(A, 4, **options, checkpoint=place, checkpoint_iterations=7, progress=stop_after(25))
    assert place.exists()
    resumed = dasknmf.nmf(A, 4, **options, checkpoint=place, resume=True)
    for name in ("W", "H", "scale", "gauge", "objective", "relative_error", "relative_gradient"):
        np.testing.assert_array_equal(resumed[name], whole[name])
    assert resumed.attrs["relative_error"] == whole.attrs["relative_error"]
    assert list(tmp_path.iterdir()) == []


def test_several_models_of_which_one_has_ended_resume(tmp_path: Path) -> None:
    models = [{"n_components": 1}, {"n_components": 5}, {"n_components": 3, "solver": "mu"}]
    options = {"max_iter": 40, "tol": 1e-4, "tol_objective": 0, "exact": True}
    whole = dasknmf.nmf_many(A, models, **options)
    assert whole["hals-k1"].attrs["n_iter"] < 30 < whole["hals-k5"].attrs["n_iter"]
    place = tmp_path / "run.checkpoint"
    with pytest.raises(Stopped):
        dasknmf.nmf_many(
            A, models, **options, checkpoint=place, checkpoint_iterations=10, progress=stop_after(35)
        )
    resumed = dasknmf.nmf_many(A, models, **options, checkpoint=place, resume=True)
    for name, child in whole.children.items():
        np.testing.assert_array_equal(resumed[name]["W"], child["W"])
        assert resumed[name].attrs["stop_reason"] == child.attrs["stop_reason"]


def test_cutting_the_lineage_on_a_cluster_changes_no_bit(tmp_path: Path, client: Client) -> None:
    dasknmf.import_network(A, tmp_path / "net.zarr", tile=64)
    here = dasknmf.nmf(tmp_path / "net.zarr", 3, **OPTIONS)
    events: list[object] = []
    there = dasknmf.nmf(
        tmp_path / "net.zarr",
        3,
        **OPTIONS,
        scheduler=client,
        checkpoint=tmp_path / "run.checkpoint",
        checkpoint_iterations=4,
        progress=events.append,
    )
    np.testing.assert_array_equal(here["W"], there["W"])
    assert sum(isinstance(event, CheckpointWritten) for event in events) == 7


KILLED = """
import os, signal
import dasknmf
from dasknmf.events import IterationEnded

def kill(event):
    if isinstance(event, IterationEnded) and event.iteration == 23:
        os.kill(os.getpid(), signal.SIGKILL)

dasknmf.nmf(
    "net.zarr", 4, init="random", max_iter=30, tol=0, tol_objective=0, exact=True, progress=kill,
    checkpoint="killed.zarr.checkpoint", checkpoint_seconds=None, checkpoint_iterations=5,
)
"""


def test_kill_9_of_a_fit_loses_at_most_the_last_stretch(tmp_path: Path) -> None:
    dasknmf.import_network(A, tmp_path / "net.zarr", tile=64)
    killed = subprocess.run([sys.executable, "-c", KILLED], cwd=tmp_path, check=False)
    assert killed.returncode == -signal.SIGKILL
    options = ["--exact", "--init", "random", "--max-iter", "30", "--tol", "0", "--tol-objective", "0"]
    command = [sys.executable, "-m", "dasknmf", "fit", "net.zarr", "-k", "4", *options]
    again = subprocess.run(
        [*command, "-o", "killed.zarr", "--resume"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert "resumed after iteration 20" in again.stderr
    whole = dasknmf.nmf(tmp_path / "net.zarr", 4, **OPTIONS)
    resumed = dasknmf.load(tmp_path / "killed.zarr")
    for name in ("W", "H", "objective"):
        np.testing.assert_array_equal(resumed[name], whole[name])
    assert not list(tmp_path.glob("*checkpoint*"))


def test_without_a_checkpoint_resume_starts_at_the_beginning(tmp_path: Path) -> None:
    fit = dasknmf.nmf(A, 2, max_iter=3, exact=True, checkpoint=tmp_path / "none", resume=True)
    assert fit.attrs["n_iter"] == 3


def test_the_checkpoint_of_another_run_is_refused(tmp_path: Path) -> None:
    place = tmp_path / "run.checkpoint"
    with pytest.raises(Stopped):
        dasknmf.nmf(A, 4, **OPTIONS, checkpoint=place, checkpoint_iterations=2, progress=stop_after(5))
    with pytest.raises(FormatError, match=r"checkpoint of another run: its models is .*'n_components': 4"):
        dasknmf.nmf(A, 3, **OPTIONS, checkpoint=place, resume=True)
    with pytest.raises(FormatError, match="checkpoint of another run: its checksum is"):
        dasknmf.nmf(A * 2, 4, **OPTIONS, checkpoint=place, resume=True)
    assert place.exists()


@pytest.mark.parametrize("damage", ["cut", "text", "empty"])
def test_a_damaged_checkpoint_is_one_clear_error(tmp_path: Path, damage: str) -> None:
    place = tmp_path / "run.checkpoint"
    with pytest.raises(Stopped):
        dasknmf.nmf(A, 4, **OPTIONS, checkpoint=place, checkpoint_iterations=2, progress=stop_after(5))
    content = place.read_bytes()
    place.write_bytes(
        {"cut": content[: len(content) // 2], "text": b"not a checkpoint", "empty": b""}[damage]
    )
    with pytest.raises(FormatError, match="is not a whole checkpoint; remove it"):
        dasknmf.nmf(A, 4, **OPTIONS, checkpoint=place, resume=True)


def test_another_start_is_another_run(tmp_path: Path) -> None:
    place = tmp_path / "run.checkpoint"
    rng = np.random.default_rng(0)
    H = rng.random((3, 200))
    options: dict[str, Any] = {"max_iter": 20, "tol": 0, "tol_objective": 0, "exact": True, "H": H}
    W = rng.random((200, 3))
    with pytest.raises(Stopped):
        dasknmf.nmf(A, 3, W=W, **options, checkpoint=place, checkpoint_iterations=2, progress=stop_after(5))
    with pytest.raises(FormatError, match="checkpoint of another run: its starts is"):
        dasknmf.nmf(A, 3, W=W + 1, **options, checkpoint=place, resume=True)
    resumed = dasknmf.nmf(A, 3, W=W, **options, checkpoint=place, resume=True)
    np.testing.assert_array_equal(resumed["W"], dasknmf.nmf(A, 3, W=W, **options)["W"])


@pytest.mark.parametrize("place", ["nofolder/run.checkpoint", "."])
def test_a_place_that_cannot_hold_a_checkpoint_is_refused_before_the_run(tmp_path: Path, place: str) -> None:
    begun: list[object] = []
    with pytest.raises(
        InputError, match=r"nofolder is not a folder; make it first: mkdir -p|name a file, such as"
    ):
        dasknmf.nmf(A, 2, max_iter=2, checkpoint=tmp_path / place, progress=begun.append)
    assert begun == []


def test_a_checkpoint_takes_the_storage_options_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "options.json").write_text('{"client_kwargs": {"region": "here"}}')
    monkeypatch.setenv("DASKNMF_STORAGE_OPTIONS", str(tmp_path / "options.json"))
    given: dict[str, Any] = {"every_seconds": None, "every_iterations": 1, "listener": lambda event: None}
    assert Checkpoints("memory://c/run", {}, **given).storage_options == {"client_kwargs": {"region": "here"}}
    assert Checkpoints("memory://c/run", {}, **given, storage_options={}).storage_options == {}
