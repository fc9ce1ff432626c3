"""What is written down of a run, and what is refused before anything is."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

import dasknmf
from dasknmf.cluster import Cluster, read_cluster
from dasknmf.errors import FormatError, InputError
from dasknmf.submitting import cancel, resume, runs_under, submit
from dasknmf.submitting.folder import Run, make_run, run_in
from dasknmf.submitting.holding import holding
from dasknmf.submitting.place import place_of
from dasknmf.submitting.slurm import batch_script
from dasknmf.submitting.state import state_of
from tests.conftest import planted

ASKED: dict[str, Any] = {
    "command": ["fit"],
    "directory": "/",
    "place": "local",
    "output": "fit.zarr",
    "versions": {"dasknmf": "0"},
}
FIT = ["fit", "net.zarr", "-k", "2", "-o", "fit.zarr"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_folder_is_made_whole_and_once(folder: Path) -> None:
    run = make_run(folder / "a.run", ASKED, {"cluster.json": {"kind": "threads"}})
    assert [run_in(folder / "a.run").asked, json.loads((run.folder / "cluster.json").read_text())] == [
        run.asked,
        {"kind": "threads"},
    ]
    with pytest.raises(InputError, match=r"a\.run exists already; see what it is: dasknmf status"):
        make_run(folder / "a.run", ASKED)
    assert [path.name for path in folder.iterdir()] == ["a.run"]


def test_what_other_programs_call_run_json_is_no_run(folder: Path) -> None:
    for name, content in {"a": "{}", "b": "not json", "c": "[1]"}.items():
        Path(name).mkdir()
        Path(name, "run.json").write_text(content)
    assert runs_under(folder) == []
    with pytest.raises(FormatError, match="is a run of version None"):
        run_in(Path("a"))


def test_a_run_of_an_unknown_version_is_refused(folder: Path) -> None:
    run = make_run(folder / "a.run", ASKED)
    run.write("run", {**run.asked, "version": 7})
    with pytest.raises(FormatError, match="version 7, this dasknmf reads 1"):
        run_in(folder / "a.run")


def ended(run: Run, number: int, code: int, *, stopped: bool) -> None:
    run.write(
        "exit", {"number": number, "time": 0.0, "code": code, "stopped": stopped, "error": "no such file"}
    )


def test_a_state_is_derived_from_the_last_attempt_alone(folder: Path) -> None:
    run = make_run(folder / "a.run", ASKED)
    assert state_of(run) == ("lost", "it never began")
    run.write("attempt", {"number": 1, "time": 0.0, "handle": None})
    ended(run, 1, 1, stopped=False)
    assert state_of(run) == ("failed", "no such file")
    run.write("attempt", {"number": 2, "time": 0.0, "handle": None})
    assert state_of(run)[0] == "lost"
    run.write("cancel", {"number": 2, "time": 0.0})
    assert state_of(run)[0] == "cancelled"
    # it was asked to end, but had failed before
    ended(run, 2, 1, stopped=False)
    assert state_of(run)[0] == "failed"
    ended(run, 2, 130, stopped=True)
    assert state_of(run)[0] == "cancelled"
    # it ended well before it heard
    ended(run, 2, 0, stopped=True)
    assert state_of(run)[0] == "done"


SLURM = {"kind": "slurm", "memory": "2GiB", "walltime": "2h"}


def script(folder: Path, **slurm: Any) -> str:
    return batch_script(
        read_cluster({**SLURM, "slurm": slurm}), make_run(folder / "it's a.run", ASKED), 3, walltime="1-00:00"
    )


def test_the_script_of_a_driver_asks_for_what_it_needs_and_becomes_the_driver(folder: Path) -> None:
    lines = script(
        folder, partition="long", directives=["--qos=high"], prologue=["module load x"]
    ).splitlines()
    asked = {line.removeprefix("#SBATCH ") for line in lines if line.startswith("#SBATCH")}
    assert {"--mem=2304M", "--time=1440", "--partition=long", "--qos=high", "--requeue"} <= asked
    assert "--signal=B:USR1@120" in asked
    assert lines[-1].startswith("exec ")
    assert lines[-1].endswith(f"'{folder}/it'\"'\"'s a.run' 3")
    assert lines.index("module load x") < len(lines) - 1


def test_a_script_never_holds_a_secret(folder: Path) -> None:
    with pytest.raises(InputError, match="set it in the environment") as refused:
        script(folder, prologue=["export AWS_SECRET_ACCESS_KEY=hidden"])
    assert "hidden" not in str(refused.value)


def test_a_description_from_python_is_kept_beside_the_run_without_what_may_be_secret(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dasknmf.import_network(planted(30, 2, seed=0), "net.zarr", tile=32)
    # where there is no Slurm, the run is refused, and nothing is left
    monkeypatch.setenv("PATH", os.devnull)
    with pytest.raises(InputError, match="sbatch is not on this machine"):
        submit(FIT, cluster=Cluster("slurm", memory=2**30))
    with pytest.raises(InputError, match="put it in a file, and give its path"):
        submit(FIT, cluster={**SLURM, "slurm": {"prologue": ["module load x"]}})
    with pytest.raises(InputError, match="slurm: needs the memory of each worker"):
        submit(FIT, cluster="slurm")
    assert [path.name for path in folder.iterdir()] == ["net.zarr"]


def test_an_unknown_place_is_refused() -> None:
    with pytest.raises(
        InputError, match="no runs can be sent to 'moon'; there are local, slurm and kubernetes"
    ):
        place_of("moon")


def test_a_run_of_another_machine_is_neither_cancelled_nor_resumed_here(folder: Path) -> None:
    run = make_run(folder / "a.run", {**ASKED, "directory": str(folder), "overwrites": False})
    there = {"host": "elsewhere", "boot": "b", "pid": os.getpid(), "began": "1"}
    run.write("attempt", {"number": 1, "time": 0.0, "handle": there})
    assert state_of(run) == ("lost", "no lock of it is seen here; it was started on elsewhere: ask there")
    with pytest.raises(InputError, match="was started on elsewhere, where it may still run"):
        resume(run)
    # over a file system that shares locks it is seen to live
    with holding(run.alive):
        assert state_of(run) == ("running", "")
        with pytest.raises(InputError, match="cancel it there"):
            cancel(run)
    # it was not asked, so that it is not taken for cancelled
    assert state_of(run)[0] == "lost"
