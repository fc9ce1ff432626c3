"""Slurm of three nodes: a run that is submitted survives its jobs, its nodes and its lifetimes.

Needs the Debian packages slurm-wlm and munge, the extra slurm, and root.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

import dasknmf
from dasknmf.cluster.certificates import make_certificates
from dasknmf.submitting import Run, cancel, logs, resume, status, submit
from dasknmf.submitting.telling import last_event
from tests.conftest import planted
from tests.rigs.slurm import SlurmRig, missing

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.proof

SCRIPTS = Path(__file__).parents[2] / "deploy/slurm"
LONG = os.environ.get("DASKNMF_PROOFS") == "long"
#: Seconds of the fit that is disturbed: more than two lifetimes of a worker, which at this walltime are 23 s.
SECONDS = 120 if LONG else 55
CLUSTER = """\
kind: slurm
workers: 2
memory: 1GiB
walltime: 30s
slurm: {interface: lo}
"""
OPTIONS = ["--exact", "--init", "random", "--tol", "0", "--tol-objective", "0", "--max-iter", "1000000"]


@pytest.fixture(scope="module")
def rig() -> Iterator[SlurmRig]:
    pytest.importorskip("dask_jobqueue")
    if reason := missing():
        pytest.skip(reason)
    with SlurmRig() as started:
        yield started


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rig: SlurmRig) -> Iterator[Path]:
    place = tmp_path / "my runs"
    place.mkdir()
    monkeypatch.chdir(place)
    dasknmf.import_network(planted(400, 4, seed=0), "net.zarr", tile=64)
    (place / "slurm lo.yaml").write_text(CLUSTER)
    yield place
    rig.ask("scancel", "--user=root")
    for node in ("n1", "n2", "n3"):
        rig.ask("scontrol", "update", f"NodeName={node}", "State=RESUME")
    rig.wait_until(lambda: not rig.jobs(), "end of all jobs")


def workers_of(rig: SlurmRig) -> dict[str, str]:
    """Return the jobs of workers that run, and the node of each."""
    jobs = rig.jobs("RUNNING")
    return {number: node for number, (name, _, node) in jobs.items() if name == "dask-worker"}


def iteration_of(run: Run) -> int:
    event = last_event(run.events)
    return int(event.get("iteration", 0)) if event.get("event") == "iteration_ended" else 0


def going_on(rig: SlurmRig, run: Run) -> None:
    """Wait until a run does iterations, beyond those it has done now."""
    before = iteration_of(run)
    rig.wait_until(lambda: iteration_of(run) > before, f"iteration after {before}", seconds=120)


def test_a_run_finishes_that_lost_a_job_a_node_and_every_worker_by_its_lifetime(
    rig: SlurmRig, folder: Path
) -> None:
    command = ["fit", "net.zarr", "-k", "4", "-o", "fit.zarr", *OPTIONS, "--max-seconds", str(SECONDS)]
    run = submit(command, cluster="slurm lo.yaml", walltime=3600)
    going_on(rig, run)
    driver = rig.jobs()[run.handle["job"]][2]
    first = workers_of(rig)
    # one node is set down, which is not the driver's
    down = next(node for node in first.values() if node != driver)
    rig.tell("scontrol", "update", f"NodeName={down}", "State=DOWN", "Reason=proof")
    rig.wait_until(lambda: down not in workers_of(rig).values(), "job that ended with its node")
    going_on(rig, run)
    # one job is cancelled, as by an administrator
    left = next(job for job, node in first.items() if node != down)
    rig.wait_until(lambda: set(workers_of(rig)) - {left}, "job in place of the one that lost its node")
    cancelled = next(job for job in workers_of(rig) if job != left)
    rig.tell("scancel", cancelled)
    rig.wait_until(lambda: cancelled not in rig.jobs(), "job that ended")
    # and one comes to the end of its lifetime: it leaves by itself, before Slurm kills it
    rig.wait_until(lambda: left not in rig.jobs(), "job at the end of its lifetime")
    assert "JobState=COMPLETED" in rig.tell("scontrol", "show", "job", left)
    going_on(rig, run)
    assert status(run).state == "running"
    rig.wait_until(lambda: status(run).state != "running", "end", seconds=SECONDS + 60)
    found = status(run)
    assert (found.state, found.exit_code, found.attempt) == ("done", 0, 1), "".join(logs(run))
    there = dasknmf.load("fit.zarr")
    assert there.attrs["stop_reason"] == "max_seconds reached"
    steps = int(there.attrs["n_iter"])
    alone = dasknmf.nmf(
        "net.zarr", 4, scheduler="serial", exact=True, init="random", tol=0, tol_objective=0, max_iter=steps
    )
    assert np.array_equal(there.W, alone.W)
    assert np.array_equal(there.H, alone.H)
    # it leaves no job behind
    rig.wait_until(lambda: not rig.jobs(), "end of its workers")


def test_queued_cancelled_resumed_put_back_into_the_queue_and_stopped(rig: SlurmRig, folder: Path) -> None:
    for node in ("n1", "n2", "n3"):
        rig.tell("scontrol", "update", f"NodeName={node}", "State=DRAIN", "Reason=proof")
    checkpoints = ["--checkpoint-seconds", "1"]
    command = ["fit", "net.zarr", "-k", "4", "-o", "fit.zarr", *OPTIONS, *checkpoints]
    run = submit(command, cluster="slurm lo.yaml", walltime=3600)
    found = status(run)
    assert (found.state, found.seconds, found.result) == ("queued", None, None)
    assert cancel(run) == "cancelled"
    for node in ("n1", "n2", "n3"):
        rig.tell("scontrol", "update", f"NodeName={node}", "State=RESUME")
    resume(run)
    going_on(rig, run)
    # what Slurm does with a driver whose node fails: the same job begins again, and resumes by itself
    began = run.note("started")["time"]
    job = run.handle["job"]
    rig.tell("scontrol", "requeue", job)
    rig.wait_until(lambda: rig.jobs().get(job, ("", "", ""))[1] == "PENDING", "requeued driver")
    assert status(run).state == "queued"
    # Slurm lets a job that was requeued wait for two minutes
    rig.tell("scontrol", "update", f"JobId={job}", "StartTime=now")
    rig.wait_until(lambda: run.note("started")["time"] > began, "driver that began again")
    going_on(rig, run)
    assert "".join(logs(run)).count("resumed after iteration") == 1
    assert status(run).state == "running"
    # a driver that is told to stop ends at a checkpoint, and its workers with it
    assert cancel(run) == "cancelled"
    found = status(run)
    assert (found.attempt, found.exit_code) == (2, 130)
    assert found.checkpoint == str(folder / "fit.zarr.checkpoint")
    assert found.progress.startswith("checkpoint after iteration")
    rig.wait_until(lambda: not rig.jobs(), "end of its workers")


@pytest.mark.skipif(not LONG, reason="waits for Slurm's two minutes; DASKNMF_PROOFS=long")
def test_a_driver_whose_time_is_nearly_over_puts_itself_back_and_finishes(
    rig: SlurmRig, folder: Path
) -> None:
    command = ["fit", "net.zarr", "-k", "4", "-o", "fit.zarr", *OPTIONS, "--max-seconds", "90"]
    run = submit(command, cluster="slurm lo.yaml", walltime=60)
    job = run.handle["job"]
    began = time.time()
    rig.wait_until(lambda: "USR1" in "".join(logs(run)), "notice", seconds=120)
    while status(run).state in ("queued", "running") and time.time() < began + 900:
        if rig.jobs().get(job, ("", "", ""))[1] == "PENDING":
            rig.ask("scontrol", "update", f"JobId={job}", "StartTime=now")
        time.sleep(0.5)
    assert status(run).state == "done", "".join(logs(run))
    assert "resumed after iteration" in "".join(logs(run))


def test_the_scripts_for_hand_use_run_to_the_same_bits_over_tls(
    rig: SlurmRig, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = folder / "by hand"
    place.mkdir()
    make_certificates(place / "certs", days=1)
    small = {"RUN": str(place), "INTERFACE": "lo", "MEMORY": "1GiB", "LIFETIME": "50m", "STAGGER": "5m"}
    for name, value in small.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    options = ["--exact", "--init", "random", "--tol", "0", "--tol-objective", "0", "--max-iter", "20"]
    driver = rig.tell(
        *("sbatch", "--parsable", "--cpus-per-task=1", "--mem=1G", str(SCRIPTS / "driver.sbatch")),
        *("fit", "net.zarr", "-k", "4", "-o", "fit.zarr", *options),
    )
    rig.tell(
        *("sbatch", f"--dependency=after:{driver}", "--array=1-2", "--mem=1500M"),
        str(SCRIPTS / "workers.sbatch"),
    )
    rig.wait_until(lambda: driver not in rig.jobs(), "end of the driver", seconds=180)
    said = "\n".join(file.read_text() for file in sorted(folder.glob("slurm-*.out")))
    assert "saved fit.zarr" in said, said
    assert "tls://127.0.0.1" in said
    alone = dasknmf.nmf(
        "net.zarr", 4, scheduler="serial", exact=True, init="random", tol=0, tol_objective=0, max_iter=20
    )
    assert np.array_equal(dasknmf.load("fit.zarr").W, alone.W)
    # workers end with their scheduler, and do not come again
    assert (place / "done").exists()
    rig.wait_until(lambda: not rig.jobs(), "end of its workers")
