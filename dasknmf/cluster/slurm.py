"""Workers as jobs of Slurm, through dask-jobqueue; the scheduler is in this process."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import uuid
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dasknmf.cluster.certificates import make_certificates
from dasknmf.cluster.quantities import parse_duration
from dasknmf.cluster.sections import TLS, Slurm
from dasknmf.cluster.security import interface_is_loopback, security_of
from dasknmf.cluster.timeouts import as_environment, timeouts
from dasknmf.cluster.waiting import wait_for_workers
from dasknmf.errors import InputError, missing_dependency
from dasknmf.storage import remove

if TYPE_CHECKING:
    from collections.abc import Iterator

    from distributed import Client

    from dasknmf.cluster.description import Cluster

#: Seconds that the first job may wait in its queue: a day.
WAIT = 86_400.0
#: Seconds before its walltime in which a worker hands over what it holds, at most.
MARGIN = 120.0

#: Days that the keys of a run are valid; a run with all its queues is shorter.
DAYS = 60
#: Seconds in which Slurm must say whether it takes the jobs.
ASKING = 60.0


def with_room(memory: int) -> int:
    """Return the bytes to ask for a worker with this memory limit: its nanny, and what Dask sees too late, are beside.

    Examples
    --------
    >>> with_room(16 * 2**30) / 2**30, with_room(2**29) / 2**20
    (18.0, 768.0)
    """
    return memory + max(2**28, memory // 8)


def lifetime_of(walltime: float) -> tuple[int, int]:
    """Return the seconds a worker lives, and by how many that varies, so that it has left before its job is killed.

    A worker that leaves by itself hands over what it holds; the jobs do not all do so at once.

    Examples
    --------
    >>> lifetime_of(7200), lifetime_of(60)
    ((6720, 360), (45, 3))
    """
    stagger = int(walltime * 0.05)
    return int(walltime - min(MARGIN, walltime / 5) - stagger), stagger


def job_options(cluster: Cluster, tls: TLS | None) -> dict[str, Any]:
    """Return the arguments of ``SLURMCluster`` for a description.

    What a description leaves out is as the user's ``jobqueue.yaml`` says; ``tls`` is what :func:`keys_of` gave.

    Raises
    ------
    InputError
        If a file of TLS is not there.
    """
    import dask

    held = cluster.slurm or Slurm()
    assert cluster.memory is not None
    walltime = cluster.walltime
    if walltime is None:
        walltime = parse_duration(
            dask.config.get("jobqueue.slurm.walltime", None), name="jobqueue.slurm.walltime"
        )
    # a worker's own page is seen by nobody else: it has no password
    arguments = ["--dashboard-address", "127.0.0.1:0"]
    if walltime is not None:
        lifetime, stagger = lifetime_of(walltime)
        arguments += ["--lifetime", f"{lifetime}s", "--lifetime-stagger", f"{stagger}s"]
    exports = [f"export {name}={shlex.quote(value)}" for name, value in as_environment(timeouts()).items()]
    options = {
        "cores": cluster.threads or 1,
        "processes": 1,
        "memory": f"{cluster.memory}B",
        "job_mem": f"{-(-with_room(cluster.memory) // 2**20)}M",
        "walltime": None if walltime is None else clock(walltime),
        "queue": held.partition,
        "account": held.account,
        "interface": held.interface,
        # one that lost its node is replaced; put back into the queue by Slurm, it would come a second time
        "job_extra_directives": ["--no-requeue", *held.directives],
        "job_script_prologue": [*exports, *held.prologue],
        "python": held.python,
        "log_directory": held.log_directory and str(Path(held.log_directory).expanduser()),
        "local_directory": held.local_directory,
        "worker_extra_args": arguments,
        "scheduler_options": {"dashboard_address": "127.0.0.1:0"},
    }
    encryption = {} if tls is None else {"security": security_of(tls), "protocol": "tls://"}
    return {name: value for name, value in options.items() if value is not None} | encryption


@contextmanager
def keys_of(cluster: Cluster) -> Iterator[TLS | None]:
    """Give the files of TLS: those of the description, else new ones for this run, which are removed with it.

    None where nothing is seen beyond loopback, or the description says ``insecure``. dask-jobqueue would make some
    too, but leave their files until its object is collected, and let them be valid for a year.

    Raises
    ------
    InputError
        If there is no folder for them, or the interface is none of this machine.
    """
    import dask

    held = cluster.slurm or Slurm()
    interface = held.interface or dask.config.get("jobqueue.slurm.interface", None)
    if cluster.tls is not None or cluster.insecure or interface_is_loopback(interface):
        yield cluster.tls
        return
    shared = held.shared_directory or dask.config.get("jobqueue.slurm.shared-temp-directory", None)
    folder = Path(shared or Path.home()).expanduser()
    if not folder.is_dir():
        msg = f"slurm.shared_directory: {folder} is not a folder; name one that this machine and the nodes both see"
        raise InputError(msg)
    place = folder.absolute() / f".dasknmf-keys-{uuid.uuid4().hex[:8]}"
    make_certificates(place, days=DAYS)
    try:
        yield TLS.of_folder(place, role="scheduler")
    finally:
        remove(place)


def clock(seconds: float) -> str:
    """Return a span as Slurm writes it.

    Examples
    --------
    >>> clock(90061), clock(1800)
    ('1-01:01:01', '00:30:00')
    """
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    return f"{f'{days}-' if days else ''}{hour:02}:{minute:02}:{second:02}"


@contextmanager
def slurm_jobs(cluster: Cluster) -> Iterator[Client]:
    """Submit jobs of workers, replace those that are lost, give a client, and cancel them at the end.

    Raises
    ------
    InputError
        If there is no Slurm here, it refuses such jobs, or none starts in time.
    MissingDependencyError
        Without the extra ``slurm``.
    """
    import dask
    from distributed import Client

    try:
        from dask_jobqueue.slurm import SLURMCluster
    except ImportError as error:
        raise missing_dependency("dask_jobqueue", extra="slurm", purpose="a cluster on Slurm") from error
    sbatch = shutil.which("sbatch")
    if sbatch is None:
        msg = "slurm: there is no sbatch on PATH; run this where jobs are submitted, such as a login node"
        raise InputError(msg)
    workers = cluster.workers or 1
    with (
        keys_of(cluster) as tls,
        dask.config.set(timeouts()),
        SLURMCluster(**job_options(cluster, tls)) as started,
    ):
        _try(sbatch, started.job_script())
        # scale() never replaces a job that is lost
        started.adapt(minimum_jobs=workers, maximum_jobs=workers)
        with Client(started, set_as_default=False) as client:
            wait_for_workers(
                client,
                workers,
                wait=cluster.wait or WAIT,
                of="Slurm",
                remedy="see why with: squeue --me --start; allow more with wait: 12h in a file that --cluster names",
            )
            yield client


def _try(sbatch: str, script: str) -> None:
    """Ask Slurm whether it would take such a job; dask-jobqueue logs a refusal, and goes on trying."""
    try:
        asked = subprocess.run(  # noqa: S603 # a script of dask-jobqueue, to be submitted next
            [sbatch, "--test-only"], input=script, capture_output=True, text=True, timeout=ASKING, check=False
        )
    except subprocess.TimeoutExpired as error:
        msg = f"Slurm has not answered sbatch for {ASKING:.0f} s; see with: sinfo"
        raise InputError(msg) from error
    if asked.returncode != 0:
        said = " ".join(asked.stderr.split())[:300]
        msg = f"Slurm refuses the jobs ({said}); check partition, account, memory, walltime and directives"
        raise InputError(msg)
