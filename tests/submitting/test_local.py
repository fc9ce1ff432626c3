"""Runs in the background of this machine: real processes, found again by their folders alone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import dasknmf
from dasknmf.cli import commands
from dasknmf.errors import InputError
from dasknmf.submitting import Run, cancel, find_run, logs, resume, runs_under, status, submit
from dasknmf.submitting.command import COMMANDS, read_command
from dasknmf.submitting.holding import holding, is_held
from dasknmf.submitting.identity import is_alive, process_handle, send
from tests.conftest import planted

SECRET = "wJalrXUtnFEMI-very-secret"
#: A fit that only ends when it is asked to, and writes a checkpoint at its first iteration.
ENDLESS = [
    *("-k", "4", "--exact", "--init", "random", "--tol", "0", "--tol-objective", "0"),
    *("--max-iter", "1000000", "--checkpoint-iterations", "1"),
]


def dasknmf_command(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command as from a shell of its own."""
    return subprocess.run(
        [sys.executable, "-m", "dasknmf", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with blanks in its name and a network in it."""
    place = tmp_path / "my runs"
    place.mkdir()
    monkeypatch.chdir(place)
    dasknmf.import_network(planted(60, 4, seed=0), "net.zarr", tile=32)
    return place


def until_printed(run: Run, text: str) -> str:
    """Follow the log of a run up to a text; the run's end ends it too, so that a test never hangs."""
    printed = ""
    for piece in logs(run, follow=True):
        printed += piece
        if text in printed:
            return printed
    raise AssertionError(printed)


def until_ended(run: Run) -> str:
    return "".join(logs(run, follow=True))


@pytest.fixture
def endless(folder: Path) -> Run:
    """A run in the middle of its iterations, with a checkpoint."""
    run = submit(["fit", "net.zarr", "-o", "fit.zarr", *ENDLESS])
    until_printed(run, "checkpoint after iteration")
    return run


def test_a_run_is_sent_looked_at_and_done(folder: Path) -> None:
    sent = dasknmf_command("submit", "--", "fit", "net.zarr", "-k", "4", "-o", "a fit.zarr")
    assert (sent.returncode, sent.stdout) == (0, "a fit.zarr.run\n")
    followed = dasknmf_command("logs", "a fit.zarr", "--follow")
    assert followed.stdout.rstrip().endswith("saved a fit.zarr")
    told = json.loads(dasknmf_command("status", "a fit.zarr.run", "--json").stdout)
    assert told["state"] == "done"
    assert told["exit_code"] == 0
    assert told["result"] == str(folder / "a fit.zarr")
    assert told["progress"].startswith("done: ")
    assert told["next"] == "dasknmf report 'a fit.zarr'"
    listed = dasknmf_command("status").stdout.splitlines()
    assert [line.split("\t")[:2] for line in listed] == [["run", "state"], ["a fit.zarr.run", "done"]]
    events = [
        json.loads(line) for line in dasknmf_command("logs", "a fit.zarr", "--json").stdout.splitlines()
    ]
    assert [events[0]["event"], events[-1]["event"]] == ["run_started", "run_ended"]


def test_it_gives_the_factors_of_a_run_here(folder: Path) -> None:
    until_ended(submit(["fit", "net.zarr", "-k", "4", "-o", "fit.zarr"], cluster="serial"))
    here = dasknmf.nmf("net.zarr", 4)
    there = dasknmf.load("fit.zarr")
    assert np.array_equal(there.W, here.W)
    assert np.array_equal(there.H, here.H)


def test_one_that_is_cancelled_ends_at_a_checkpoint_and_goes_on_to_the_same_bits(folder: Path) -> None:
    options = [*ENDLESS[:-3], "2000", "--checkpoint-seconds", "1000"]
    run = submit(["fit", "net.zarr", "-o", "fit.zarr", *options])
    until_printed(run, "sketch: read 1")
    assert cancel(run) == "cancelled"
    found = status(run)
    assert found.checkpoint == str(folder / "fit.zarr.checkpoint")
    assert found.next == "dasknmf resume fit.zarr.run"
    # no checkpoint was due, so that the one there is of the moment of the wish
    assert found.progress.startswith("checkpoint after iteration")
    assert found.result is None
    assert dasknmf_command("resume", "fit.zarr").returncode == 0
    assert "resumed after iteration" in until_ended(run)
    assert (status(run).state, status(run).attempt) == ("done", 2)
    assert not Path("fit.zarr.checkpoint").exists()
    alone = dasknmf.nmf("net.zarr", 4, exact=True, init="random", tol=0, tol_objective=0, max_iter=2000)
    assert np.array_equal(dasknmf.load("fit.zarr").W, alone.W)


def test_one_that_is_killed_is_lost_and_goes_on_from_its_checkpoint(endless: Run) -> None:
    assert status(endless).state == "running"
    assert send(endless.handle, signal.SIGKILL)
    until_ended(endless)
    found = status(endless)
    assert (found.state, found.exit_code) == ("lost", None)
    assert found.next == "dasknmf resume fit.zarr.run"
    resume(endless)
    until_printed(endless, "resumed after iteration")
    assert cancel(endless, kill=True) == "cancelled"


def test_what_lives_is_neither_sent_nor_resumed_again(endless: Run) -> None:
    with pytest.raises(InputError, match=r"fit\.zarr\.run exists already; see what it is: dasknmf status"):
        submit(["fit", "net.zarr", "-o", "fit.zarr", *ENDLESS])
    with pytest.raises(
        InputError, match="is running; it cannot be replaced before it has ended: dasknmf cancel"
    ):
        submit(["fit", "net.zarr", "-o", "fit.zarr", *ENDLESS], force=True)
    with pytest.raises(InputError, match=r"fit\.zarr\.run is running; look at it: dasknmf logs"):
        resume(endless)
    # nor by hand: the process that lives has the lock
    with pytest.raises(InputError, match="another process has this run"), holding(endless.alive, patience=0):
        pass
    cancel(endless)
    with pytest.raises(InputError, match="is cancelled; there is nothing to cancel"):
        cancel(endless)
    again = submit(["fit", "net.zarr", "-k", "2", "-o", "fit.zarr"], force=True)
    until_ended(again)
    assert status(again).state == "done"
    with pytest.raises(InputError, match="its result is there, whole"):
        resume(again)


def test_the_error_of_one_that_fails_is_in_its_status(folder: Path) -> None:
    run = submit(["fit", "gone.zarr", "-k", "4", "-o", "fit.zarr"])
    until_ended(run)
    found = status(run)
    assert (found.state, found.exit_code) == ("failed", 1)
    assert "gone.zarr" in found.reason
    assert found.next.endswith("dasknmf resume fit.zarr.run")
    assert found.reason in dasknmf_command("status", "fit.zarr").stdout
    # its cause is mended
    Path("net.zarr").rename("gone.zarr")
    resume(run)
    until_ended(run)
    assert (status(run).state, status(run).reason) == ("done", "")


def test_secrets_are_nowhere_in_its_folder(folder: Path) -> None:
    Path("options.yaml").write_text(f"key: {SECRET}\n")
    before = ["--storage-options", "options.yaml"]
    sent = dasknmf_command(
        *before, "submit", "--", "fit", "net.zarr", "-k", "2", "-o", "fit.zarr", AWS_SECRET_ACCESS_KEY=SECRET
    )
    run = find_run(sent.stdout.strip())
    until_ended(run)
    assert str(folder / "options.yaml") in (run.folder / "run.json").read_text()
    for file in run.folder.iterdir():
        assert SECRET not in file.read_text(), file
    for place in (f"s3://user:{SECRET}@host/fit.zarr", f"https://host/fit.zarr?sig={SECRET}"):
        with pytest.raises(InputError, match="--storage-options") as refused:
            submit(["fit", "net.zarr", "-k", "2", "-o", place])
        assert SECRET not in str(refused.value)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["top-genes", "fit.zarr"], "'top-genes' cannot be submitted; give fit"),
        (["fit", "net.zarr", "-k", "2"], "Missing option '-o'"),
        (["fit", "net.zarr", "-k", "x", "-o", "fit.zarr"], "'x': give whole numbers"),
        (["fit", "net.zarr", "-k", "2", "-o", "net.zarr"], "net.zarr exists already"),
        (["fit", "net.zarr", "-k", "2", "-o", "no/fit.zarr"], "mkdir -p no"),
    ],
)
def test_what_would_fail_is_refused_before_it_is_sent(folder: Path, arguments: list[str], said: str) -> None:
    refused = dasknmf_command("submit", "--", *arguments)
    assert refused.returncode in (1, 2)
    assert said in refused.stderr
    assert not runs_under(folder)


def test_the_cluster_is_given_once(folder: Path) -> None:
    command = ["fit", "net.zarr", "-k", "2", "-o", "fit.zarr", "--scheduler", "threads"]
    with pytest.raises(InputError, match="the cluster is given twice"):
        submit(command, cluster="local")


def test_an_id_is_a_folder_an_output_or_a_name_below_here(folder: Path) -> None:
    for name in ("one", "two"):
        Path(name).mkdir()
    run = submit(["fit", "net.zarr", "-k", "2", "-o", "one/fit.zarr"])
    other = submit(["fit", "net.zarr", "-k", "2", "-o", "two/b.zarr"], run_folder="two/my run")
    for name in ("one/fit.zarr.run", "one/fit.zarr", "fit.zarr.run", "fit.zarr", str(run.folder)):
        assert find_run(name).folder == run.folder
    assert find_run("my run").folder == other.folder
    with pytest.raises(InputError, match=r"no run 'x' in .* there are one/fit\.zarr\.run, two/my run"):
        find_run("x")
    until_ended(run)
    until_ended(other)
    assert [status(one).state for one in runs_under(folder)] == ["done", "done"]


def test_a_process_is_told_by_its_start_and_boot_not_by_its_number() -> None:
    mine = process_handle(os.getpid())
    assert is_alive(mine)
    for other in ({"began": "1"}, {"boot": "another"}, {"host": "elsewhere"}):
        assert not is_alive({**mine, **other})
        assert not send({**mine, **other}, signal.SIGKILL)


def test_a_lock_dies_with_its_owner(tmp_path: Path) -> None:
    code = """import sys, pathlib
from dasknmf.submitting.holding import holding
with holding(pathlib.Path(sys.argv[1])):
    print(flush=True)
    sys.stdin.read()
"""
    command = [sys.executable, "-c", code, str(tmp_path / "alive")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as owner:
        assert owner.stdout is not None
        owner.stdout.readline()
        assert is_held(tmp_path / "alive")
        owner.kill()
        owner.wait()
        assert not is_held(tmp_path / "alive")


def test_every_command_that_can_be_resumed_can_be_sent() -> None:
    options = {name: {p.name for p in command.params} for name, command in commands.commands.items()}
    resumable = {name for name, held in options.items() if "resume" in held}
    assert resumable == {name for name, held in COMMANDS.items() if held}
    assert all("output" in options[name] for name in COMMANDS)


@pytest.mark.parametrize("form", [["-o", "x"], ["-ox"], ["--output", "x"], ["--output=x"]])
def test_an_output_is_read_in_every_form(form: list[str]) -> None:
    assert read_command(["fit", "net.zarr", *form]).output == "x"
