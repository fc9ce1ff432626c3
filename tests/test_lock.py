"""One run at a place: the lock dies with its owner, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

import dasknmf
from dasknmf.errors import InputError
from dasknmf.lock import locked
from tests.conftest import planted

if TYPE_CHECKING:
    from pathlib import Path

HOLD = """
import sys
from dasknmf.lock import locked
with locked(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.readline()
"""


def holder(place: Path) -> subprocess.Popen[str]:
    """Return a process that holds the lock of a place until it is spoken to."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(place)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_another_process_is_refused_and_told_who_holds_it(tmp_path: Path) -> None:
    with holder(tmp_path / "run") as process:
        with (
            pytest.raises(
                InputError, match=rf"run is in use by another run \(process {process.pid} on .+, since "
            ),
            locked(tmp_path / "run"),
        ):
            pytest.fail("it was held")
        process.communicate("let go\n")
    with locked(tmp_path / "run"):
        assert [inside.name for inside in tmp_path.iterdir()] == [".run.lock"]
    assert list(tmp_path.iterdir()) == []


def test_a_lock_dies_with_its_owner(tmp_path: Path) -> None:
    with holder(tmp_path / "run") as process:
        os.kill(process.pid, signal.SIGKILL)
    assert (tmp_path / ".run.lock").exists()
    with locked(tmp_path / "run"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_the_same_run_may_lock_a_place_again_and_another_thread_may_not(tmp_path: Path) -> None:
    refused: list[BaseException] = []

    def other() -> None:
        try:
            with locked(tmp_path / "run"):
                pass
        except InputError as error:
            refused.append(error)

    with locked(tmp_path / "run", tmp_path / "fit.zarr"):
        with locked(tmp_path / "run", None, "s3://bucket/run"):
            pass
        assert (tmp_path / ".run.lock").exists()
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert len(refused) == 1
    assert str(os.getpid()) in str(refused[0])
    assert list(tmp_path.iterdir()) == []


def test_other_names_of_a_place_are_the_same_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    monkeypatch.chdir(tmp_path)
    with holder(tmp_path / "run") as process:
        for name in ("run", "link/run", f"file://{tmp_path}/run"):
            with pytest.raises(InputError, match="is in use by another run"), locked(name):
                pass
        process.communicate("let go\n")


def test_many_that_want_it_have_it_one_at_a_time(tmp_path: Path) -> None:
    # each adds 1 to a file, reading and writing it under the lock; the file of the lock is removed each time
    code = """
import sys, time
from pathlib import Path
from dasknmf.errors import InputError
from dasknmf.lock import locked
count = Path(sys.argv[1]) / "count"
done = 0
while done < 40:
    try:
        with locked(count):
            count.write_text(str(int(count.read_text()) + 1))
            done += 1
    except InputError:
        time.sleep(0.0002)
"""
    (tmp_path / "count").write_text("0")
    command = [sys.executable, "-c", code, str(tmp_path)]
    processes = [subprocess.Popen(command) for _ in range(4)]
    assert [process.wait(timeout=120) for process in processes] == [0] * 4
    assert (tmp_path / "count").read_text() == "160"
    assert [inside.name for inside in tmp_path.iterdir()] == ["count"]


@pytest.mark.parametrize("run", ["fit", "survey", "nested", "zoom", "symmetry", "compare", "cogaps"])
def test_every_run_refuses_a_checkpoint_that_is_in_use(tmp_path: Path, run: str) -> None:
    A = planted(40, 2, seed=0)
    place = tmp_path / "run"
    runs = {
        "fit": lambda: dasknmf.nmf(A, 2, checkpoint=place),
        "survey": lambda: dasknmf.survey(A, [2], checkpoint=place),
        "nested": lambda: dasknmf.nested(A, [2], checkpoint=place),
        "zoom": lambda: dasknmf.nested(A, 2, method="zoom", checkpoint=place),
        "symmetry": lambda: dasknmf.symmetry(dasknmf.nmf(A, 2), A, checkpoint=place),
        "compare": lambda: dasknmf.compare(A, 2, solvers=["hals"], checkpoint=place),
        "cogaps": lambda: dasknmf.cogaps(A, 2, iterations=2, checkpoint=place),
    }
    with holder(place) as process:
        with pytest.raises(InputError, match=f"in use by another run .process {process.pid} "):
            runs[run]()
        process.communicate("let go\n")


def test_two_commands_do_not_write_to_one_output(tmp_path: Path) -> None:
    dasknmf.import_network(planted(40, 2, seed=0), tmp_path / "net.zarr")
    command = [sys.executable, "-m", "dasknmf", "fit", "net.zarr", "-k", "2", "-o", "fit.zarr"]
    with holder(tmp_path / "fit.zarr") as process:
        refused = subprocess.run(
            [*command, "--checkpoint", "elsewhere"], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        process.communicate("let go\n")
    assert refused.returncode == 1
    assert f"fit.zarr is in use by another run (process {process.pid} on " in refused.stderr
    assert "Traceback" not in refused.stderr
    subprocess.run(command, cwd=tmp_path, capture_output=True, check=True)
    assert not list(tmp_path.glob("*.lock"))
