"""Disks that are full and folders that cannot be written to, on file systems of their own."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import dasknmf
from dasknmf.errors import InputError, WriteError
from dasknmf.events import CheckpointFailed, CheckpointWritten, IterationEnded
from dasknmf.progress import describe
from tests.conftest import planted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

A = planted(200, 5, seed=0)
OPTIONS: dict[str, Any] = {"max_iter": 12, "tol": 0, "tol_objective": 0, "init": "random", "exact": True}


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """Return a function that mounts a small file system in memory, and unmount it afterwards."""
    places: list[Path] = []

    def mount(options: str, *, again: bool = False) -> Path:
        place = tmp_path / "disk"
        place.mkdir(exist_ok=True)
        flags = f"{'remount,' if again else ''}{options}"
        made = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", flags, "tmpfs", str(place)],
            capture_output=True,
            text=True,
            check=False,
        )
        if made.returncode:
            pytest.skip(f"mount is not allowed here: {made.stderr.strip()}")
        if place not in places:
            places.append(place)
        return place

    yield mount
    for place in places:
        subprocess.run(["umount", str(place)], check=True)


def test_a_checkpoint_for_which_there_is_no_room_does_not_end_the_run(mounted: Callable[..., Path]) -> None:
    disk = mounted("size=64k")
    events: list[Any] = []
    kept: list[bytes] = []
    place = disk / "run.checkpoint"

    def listen(event: object) -> None:
        events.append(event)
        if isinstance(event, IterationEnded) and event.iteration == 5:
            kept.append(place.read_bytes())
            (disk / "other").write_bytes(bytes(2**16 - 4096 - 4096 * -(-len(kept[0]) // 4096)))
        if isinstance(event, IterationEnded) and event.iteration == 9:
            assert place.read_bytes() == kept[0]
            (disk / "other").unlink()

    fit = dasknmf.nmf(
        A, 4, **OPTIONS, checkpoint=place, checkpoint_seconds=None, checkpoint_iterations=2, progress=listen
    )
    told = [event for event in events if isinstance(event, CheckpointFailed | CheckpointWritten)]
    assert [(type(event).__name__, event.iteration) for event in told] == [
        ("CheckpointWritten", 2),
        ("CheckpointWritten", 4),
        ("CheckpointFailed", 6),
        ("CheckpointFailed", 8),
        ("CheckpointWritten", 10),
    ]
    assert "No space left on device); the one before is whole, and it is tried again" in describe(told[2])
    np.testing.assert_array_equal(fit["W"], dasknmf.nmf(A, 4, **OPTIONS)["W"])
    assert list(disk.iterdir()) == []


def test_parts_for_which_there_is_no_room_are_not_kept(
    mounted: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    disk = mounted("size=16k")
    options: dict[str, Any] = {"solvers": ["hals"], "restarts": 2, "kinds": ["network"], "max_iter": 5}
    (disk / "other").write_bytes(bytes(2**14 - 4096))
    found = dasknmf.compare(A, 2, **options, checkpoint=disk / "parts")
    assert "was not kept (No space left on device); the analysis goes on" in caplog.text
    assert found.equals(dasknmf.compare(A, 2, **options))


def test_a_result_for_which_there_is_no_room_is_one_error_and_its_checkpoint_stays(
    mounted: Callable[..., Path], tmp_path: Path
) -> None:
    disk = mounted("size=48k,nr_inodes=100")
    dasknmf.import_network(A, tmp_path / "net.zarr")
    # the checkpoint is elsewhere
    command = [sys.executable, "-m", "dasknmf", "fit", "net.zarr", "-k", "20", "-o", "disk/fit.zarr"]
    options = ["--exact", "--max-iter", "4", "--checkpoint", "run.checkpoint", "--checkpoint-iterations", "2"]
    done = subprocess.run([*command, *options], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith(
        "dasknmf: disk/fit.zarr could not be written (No space left on device); it needs up to 0.0 MB"
    )
    assert "a checkpoint that was kept is still there, to go on from with --resume" in last
    assert "Traceback" not in done.stderr
    assert list(disk.iterdir()) == []
    assert (tmp_path / "run.checkpoint").exists()
    again = [*command[:-1], "fit.zarr", *options, "--resume"]
    done = subprocess.run(again, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "resumed after iteration 2" in done.stderr
    assert not (tmp_path / "run.checkpoint").exists()


def test_saving_says_how_much_room_it_needs(mounted: Callable[..., Path]) -> None:
    disk = mounted("size=256k")
    fit = dasknmf.nmf(A, 100, max_iter=2)
    rng = np.random.default_rng(0)
    fit["W"].values[...] = rng.random(fit["W"].shape)
    fit = fit.assign(noise=(("gene", "other"), rng.random((200, 200))))
    with pytest.raises(
        WriteError, match=r"it needs up to 0\.5 MB, of which 0\.\d MB are free there: make room"
    ):
        dasknmf.save(fit, disk / "fit.zarr")
    assert list(disk.iterdir()) == []


def test_places_that_cannot_be_written_to_are_refused_before_anything_runs(
    mounted: Callable[..., Path],
) -> None:
    mounted("size=1m")
    disk = mounted("ro", again=True)
    begun: list[object] = []
    plain: dict[str, Any] = {"checkpoint": disk / "run", "progress": begun.append}
    for run in (
        lambda: dasknmf.nmf(A, 2, **plain),
        lambda: dasknmf.survey(A, [2], **plain),
        lambda: dasknmf.nested(A, [2], **plain),
        lambda: dasknmf.compare(A, 2, solvers=["hals"], **plain),
        lambda: dasknmf.cogaps(A, 2, iterations=2, **plain),
    ):
        with pytest.raises(InputError, match=r"run cannot be (written|made): Read-only file system"):
            run()
    assert begun == []


def test_an_output_that_cannot_be_written_to_is_refused_before_anything_runs(
    mounted: Callable[..., Path], tmp_path: Path
) -> None:
    mounted("size=1m")
    mounted("ro", again=True)
    dasknmf.import_network(A, tmp_path / "net.zarr")
    command = [sys.executable, "-m", "dasknmf", "fit", "net.zarr", "-k", "2", "-o", "disk/fit.zarr"]
    done = subprocess.run(
        [*command, "--checkpoint", "run"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "fit.zarr cannot be written: Read-only file system" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_store_whose_folder_cannot_be_written_to_is_fitted_and_keeps_no_sketch(
    mounted: Callable[..., Path],
) -> None:
    disk = mounted("size=4m")
    dasknmf.import_network(A, disk / "net.zarr")
    mounted("ro", again=True)
    fit = dasknmf.nmf(disk / "net.zarr", 3)
    assert [inside.name for inside in disk.iterdir()] == ["net.zarr"]
    mounted("rw", again=True)
    kept = dasknmf.nmf(disk / "net.zarr", 3)
    assert sorted(inside.name for inside in disk.iterdir()) == ["net.zarr", "net.zarr.sketch"]
    np.testing.assert_array_equal(fit["W"], kept["W"])
