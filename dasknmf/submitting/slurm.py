"""Runs as batch jobs of Slurm: the driver is one job, which asks for the jobs of its workers itself.

Workers are jobs of their own (:mod:`dasknmf.cluster.slurm`), kept at their number by the driver, so that one that is
cancelled, loses its node or comes to the end of its lifetime is replaced. The driver's job is requeued when its node
fails, and requeues itself when its time is nearly over; it then goes on from the last checkpoint.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from dasknmf.errors import InputError
from dasknmf.submitting.place import Said
from dasknmf.submitting.printed import pieces_of
from dasknmf.whole_file import write_whole

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dasknmf.cluster import Cluster
    from dasknmf.submitting.folder import Run

#: Seconds before the end of its time at which a driver writes a checkpoint and requeues itself. Slurm looks at this
#: once a minute, and may send the signal that much earlier.
NOTICE = 120
#: Seconds that a command of Slurm may take.
PATIENCE = 60
#: States in which a job waits, or will.
_WAITING = {
    "PENDING",
    "CONFIGURING",
    "REQUEUED",
    "REQUEUE_HOLD",
    "REQUEUE_FED",
    "SPECIAL_EXIT",
    "RESV_DEL_HOLD",
}
#: States in which it has processes, or may still be put back into the queue.
_WORKING = {"RUNNING", "COMPLETING", "SUSPENDED", "STOPPED", "SIGNALING", "STAGE_OUT", "RESIZING"}
_SECRET = re.compile(r"(?:secret|token|password|passwd|key)\w*\s*=", re.IGNORECASE)


class Slurm:
    """Gives batch scripts to ``sbatch``, and asks ``squeue`` and ``sacct`` for them."""

    def submit(self, run: Run, number: int) -> dict[str, Any]:
        """Give the script of an attempt to Slurm, and return the number of the job."""
        from dasknmf.cluster import read_cluster

        about = run.asked["cluster"]
        script = run.folder / "driver.sbatch"
        cluster = read_cluster(about["given"], **about["changes"])
        write_whole(script, batch_script(cluster, run, number, walltime=about["walltime"]).encode())
        done = _ask(
            *("sbatch", "--parsable", f"--job-name=dasknmf-{run.folder.name}"),
            # % begins a pattern of Slurm
            *(f"--output={str(run.log).replace('%', '%%')}", "--open-mode=append"),
            *(f"--chdir={run.asked['directory']}", str(script)),
        )
        if done.returncode:
            msg = f"Slurm refused the run: {_said(done)}; what it was given is {script}"
            raise InputError(msg)
        return {"job": done.stdout.strip().partition(";")[0]}

    def state(self, run: Run, handle: dict[str, Any]) -> Said:
        """Say what Slurm knows of the job."""
        del run
        if not handle:
            return Said("gone", "it never came to Slurm")
        job = handle["job"]
        found = _ask("squeue", "--noheader", "--states=all", f"--jobs={job}", "--format=%T|%r")
        if found.returncode and "Invalid job id" not in found.stderr:
            return Said("silent", f"Slurm does not answer ({_said(found)}); this is what was last known")
        word, _, reason = found.stdout.strip().partition("|")
        if not word:
            # too long ago for the controller; the accounts remember, where a site keeps them
            past = _ask(
                "sacct", "--noheader", "--parsable2", "--allocations", f"--jobs={job}", "--format=State"
            )
            # "CANCELLED by 1000"
            word = (past.stdout.split() or [""])[0]
        named = f"Slurm: job {job}"
        if word in _WAITING:
            return Said("queued", f"{named}, {reason}")
        if word in _WORKING:
            return Said("running", "")
        if word == "CANCELLED":
            return Said("cancelled", "")
        return Said("gone", f"{named} {word}" if word else f"{named} is not known any more")

    def cancel(self, run: Run, handle: dict[str, Any], *, kill: bool) -> None:
        """Tell the driver to end at a checkpoint, or end the job where it waits or where that is asked for."""
        if not handle:
            return
        if kill:
            _ask("scancel", "--signal=KILL", "--full", handle["job"])
        elif self.state(run, handle).word == "running":
            # of the script alone, which is the driver: its workers are to be there while it stops
            done = _ask("scancel", "--batch", "--signal=TERM", handle["job"])
            if done.returncode:
                msg = f"{run.id}: Slurm did not pass the wish on: {_said(done)}; at once: --kill"
                raise InputError(msg)
            return
        done = _ask("scancel", handle["job"])
        if done.returncode:
            msg = f"{run.id}: Slurm did not cancel job {handle['job']}: {_said(done)}"
            raise InputError(msg)

    def logs(self, run: Run, handle: dict[str, Any]) -> Iterator[str]:
        """Yield what the run has printed."""
        del handle
        return pieces_of(run.log)


def batch_script(cluster: Cluster, run: Run, number: int, *, walltime: str | float | None = None) -> str:
    """Return the script of a driver; what is in the way of paths is given to ``sbatch`` beside it.

    Raises
    ------
    InputError
        If a line of the description holds a secret.
    """
    from dasknmf.cluster.quantities import parse_duration
    from dasknmf.cluster.sections import Slurm as Section
    from dasknmf.cluster.slurm import with_room

    slurm = cluster.slurm or Section()
    assert cluster.memory is not None
    if any(_SECRET.search(line) for line in (*slurm.prologue, *slurm.directives)):
        msg = (
            "slurm: a line of prologue or directives sets a key, a token or a password, which would be written into "
            "the folder of the run; set it in the environment, which sbatch passes on, or read it from a file there"
        )
        raise InputError(msg)
    seconds = parse_duration(walltime, name="walltime") or cluster.walltime
    minutes = None if seconds is None else max(1, int(seconds // 60))
    notice = NOTICE if minutes is None else min(NOTICE, minutes * 15)
    directives = [
        "--ntasks=1",
        "--cpus-per-task=1",
        f"--mem={with_room(cluster.memory) // 2**20}M",
        *([] if minutes is None else [f"--time={minutes}"]),
        *(f"--{name}={value}" for name in ("partition", "account") if (value := getattr(slurm, name))),
        "--requeue",
        f"--signal=B:USR1@{notice}",
        *slurm.directives,
    ]
    driver = [
        *(slurm.python or sys.executable, "-P", "-m", "dasknmf.cli.attempt"),
        *(str(run.folder), str(number)),
    ]
    return "\n".join(
        [
            "#!/bin/bash",
            *(f"#SBATCH {directive.removeprefix('#SBATCH').strip()}" for directive in directives),
            *slurm.prologue,
            "# in place of the shell, so that the signals of Slurm come to the driver",
            f"exec {shlex.join(driver)}",
            "",
        ]
    )


def requeue(job: str) -> bool:
    """Put a job back into the queue; tell whether Slurm did."""
    try:
        return _ask("scontrol", "requeue", job).returncode == 0
    except InputError:
        return False


def _ask(*command: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(  # noqa: S603
            command, capture_output=True, text=True, check=False, timeout=PATIENCE, stdin=subprocess.DEVNULL
        )
    except OSError as error:
        msg = (
            f"{command[0]} is not on this machine; type this where Slurm's commands are, such as a login node"
        )
        raise InputError(msg) from error
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 1, "", f"no answer in {PATIENCE} s")


def _said(done: subprocess.CompletedProcess[str]) -> str:
    return (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
