"""What a writer that was killed left is removed by the next; what a living one is writing stays."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import dasknmf
from dasknmf import aside
from dasknmf.checkpoint import Checkpoints
from dasknmf.errors import InputError
from dasknmf.export import export
from dasknmf.parts import KeptParts
from dasknmf.storage import publish
from dasknmf.whole_file import write_whole

WRITER = """
import os, signal, sys, time
from pathlib import Path
from dasknmf.aside import place_beside
place = place_beside(Path(sys.argv[1]))
place.mkdir()
(place / "half").write_text("half")
print(place.name, flush=True)
if sys.argv[2] == "dies":
    os.kill(os.getpid(), signal.SIGKILL)
time.sleep(600)
"""


def writer(target: Path, what: str) -> tuple[subprocess.Popen[str], Path]:
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(target), what], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    return process, target.with_name(process.stdout.readline().strip())


def left_by_a_killed_one(target: Path) -> Path:
    process, place = writer(target, "dies")
    with process:
        assert process.wait(60) == -signal.SIGKILL
    assert place.exists()
    return place


def test_only_what_dead_writers_of_the_same_name_left_is_removed(tmp_path: Path) -> None:
    dead, other = left_by_a_killed_one(tmp_path / "a.zarr"), left_by_a_killed_one(tmp_path / "b.zarr")
    process, living = writer(tmp_path / "a.zarr", "lives")
    with process:
        own = aside.place_beside(tmp_path / "a.zarr")
        own.touch()
        aside.sweep(tmp_path / "a.zarr")
        assert [place.exists() for place in (dead, other, living, own)] == [False, True, True, True]
        aside.sweep_folder(tmp_path)
        assert [place.exists() for place in (other, living, own)] == [False, True, True]
        process.kill()
        process.wait()
        aside.sweep(tmp_path / "a.zarr")
    assert list(tmp_path.iterdir()) == [own]


def test_a_dead_writer_whose_number_another_process_has_is_dead(tmp_path: Path) -> None:
    place = aside.place_beside(tmp_path / "a.zarr")
    machine, pid, began = aside.owner().split("-")
    assert not aside.is_abandoned(place)
    assert aside.is_abandoned(Path(place.name.replace(f"-{began}-", f"-{int(began) - 1}-")))
    assert pid == str(os.getpid())
    assert len(machine) == 8


@pytest.mark.parametrize("name", [".a.zarr.partial-01234567", ".a.zarr.partial-0badcafe-17-4711-01234567"])
def test_what_is_from_elsewhere_stays_until_it_has_not_changed_for_long(tmp_path: Path, name: str) -> None:
    place = tmp_path / name
    place.mkdir()
    inside = place / "chunk"
    inside.touch()
    past = time.time() - aside.ABANDONED - 60
    os.utime(place, (past, past))
    aside.sweep(tmp_path / "a.zarr")
    assert place.exists()
    os.utime(inside, (past, past))
    aside.sweep(tmp_path / "a.zarr")
    assert not place.exists()


def test_every_writer_sweeps_what_is_its_own(tmp_path: Path) -> None:
    for name in ("fit.zarr", "run.checkpoint", "parts/one.part.npz", "net.zarr", "table.tsv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        left_by_a_killed_one(tmp_path / name)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    left_by_a_killed_one(scratch / "dasknmf-import")
    fit = dasknmf.nmf(np.ones((3, 3)), 1)
    dasknmf.save(fit, tmp_path / "fit.zarr")
    export(fit, tmp_path / "table.tsv")
    Checkpoints(tmp_path / "run.checkpoint", {}, every_seconds=1, every_iterations=None, listener=print)
    KeptParts(tmp_path / "parts", {})
    (tmp_path / "edges.tsv").write_text("a\tb\t1.0\n")
    dasknmf.import_network(tmp_path / "edges.tsv", tmp_path / "net.zarr", temp_dir=scratch)
    assert not [path.name for path in tmp_path.rglob("*") if ".partial-" in path.name]


@pytest.mark.parametrize("swaps", [True, False])
def test_a_store_is_replaced_whole(tmp_path: Path, swaps: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not swaps:
        monkeypatch.setattr(aside, "exchange", lambda one, other: False)
    target = tmp_path / "a.zarr"
    for content in ("first", "second"):
        with publish(target, overwrite=True) as place:
            Path(place).mkdir()
            (Path(place) / "content").write_text(content)
    assert (target / "content").read_text() == "second"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.skipif(sys.platform != "linux", reason="two places change their content in one step on Linux")
def test_two_places_change_their_content_in_one_step(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").write_text("b")
    assert aside.exchange(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "b").is_dir()
    assert not aside.exchange(tmp_path / "a", tmp_path / "none")


def test_what_a_killed_writer_had_moved_away_comes_back(tmp_path: Path) -> None:
    target = tmp_path / "a.zarr"
    moved = left_by_a_killed_one(target)
    moved.rename(moved.with_name(moved.name.replace(".partial-", ".replaced-")))
    with pytest.raises(InputError, match="exists already"), publish(target):
        pass
    assert (target / "half").exists()
    assert list(tmp_path.iterdir()) == [target]


def test_a_file_is_written_whole_beside_what_a_dead_writer_left(tmp_path: Path) -> None:
    left_by_a_killed_one(tmp_path / "a.npz")
    write_whole(tmp_path / "a.npz", b"whole")
    assert (tmp_path / "a.npz").read_bytes() == b"whole"
