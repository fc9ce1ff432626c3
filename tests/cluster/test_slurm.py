"""The jobs of a cluster on Slurm, as dask-jobqueue writes them."""

from __future__ import annotations

import shlex
import stat
from typing import TYPE_CHECKING, Any

import dask
import pytest

from dasknmf.cluster import TLS, Cluster, Slurm, executor_for, read_cluster
from dasknmf.cluster.certificates import make_certificates
from dasknmf.cluster.slurm import job_options, keys_of, lifetime_of
from dasknmf.cluster.timeouts import timeouts
from dasknmf.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

jobqueue = pytest.importorskip("dask_jobqueue", reason="needs the extra slurm")


def script_of(tmp_path: Path, **given: Any) -> str:
    """The batch script of a description, from dask-jobqueue itself; nothing is submitted."""
    section = {"shared_directory": str(tmp_path), **given.pop("slurm", {})}
    where = read_cluster({"kind": "slurm", "memory": "2GiB", "slurm": section, **given})
    with keys_of(where) as tls:
        options = job_options(where, tls)
    options.pop("scheduler_options")
    made = jobqueue.SLURMCluster.__new__(jobqueue.SLURMCluster)
    made.job_cls = jobqueue.slurm.SLURMJob
    made._job_kwargs = {"config_name": "slurm", **options}
    return str(made.job_script())


def test_what_a_description_says_is_in_the_script(tmp_path: Path) -> None:
    script = script_of(
        tmp_path,
        threads=4,
        walltime="2h",
        insecure=True,
        slurm={
            "partition": "long",
            "account": "genes",
            "directives": ["--exclusive"],
            "prologue": ["module load python"],
            "python": "/opt/python",
            "local_directory": "/scratch",
        },
    ).splitlines()
    header = [line.removeprefix("#SBATCH ") for line in script if line.startswith("#SBATCH")]
    expected = {"-p long", "-A genes", "--cpus-per-task=4", "--mem=2304M", "-t 02:00:00", "--exclusive"}
    assert expected <= set(header)
    assert "module load python" in script
    assert "export DASK_DISTRIBUTED__COMM__TIMEOUTS__TCP=20s" in script
    worker = shlex.split(script[-1])
    assert worker[0] == "/opt/python"
    for option, value in {
        "--nthreads": "4",
        "--memory-limit": "2.00GiB",
        "--local-directory": "/scratch",
        "--lifetime": "6720s",
        "--lifetime-stagger": "360s",
        "--dashboard-address": "127.0.0.1:0",
    }.items():
        assert worker[worker.index(option) + 1] == value


def test_without_a_walltime_that_of_jobqueue_holds_for_lifetimes_too(tmp_path: Path) -> None:
    with dask.config.set({"jobqueue.slurm.walltime": "00:10:00"}):
        script = script_of(tmp_path, insecure=True)
    assert "#SBATCH -t 00:10:00" in script
    assert "--lifetime 450s --lifetime-stagger 30s" in script


@pytest.mark.parametrize("walltime", [60, 61, 600, 7200, 10**6])
def test_every_worker_leaves_before_its_job_is_killed(walltime: float) -> None:
    lifetime, stagger = lifetime_of(walltime)
    assert lifetime - stagger > 0
    assert lifetime + stagger <= walltime - min(120, walltime / 5)


def test_beyond_loopback_tls_is_the_default_with_keys_that_go_with_the_run(tmp_path: Path) -> None:
    with keys_of(slurm(tmp_path)) as tls:
        assert tls is not None
        (folder,) = tmp_path.iterdir()
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        options = job_options(slurm(tmp_path), tls)
        assert options["security"].require_encryption
        assert options["protocol"] == "tls://"
    assert not list(tmp_path.iterdir())
    for plain in (slurm(tmp_path, insecure=True), slurm(tmp_path, interface="lo")):
        with keys_of(plain) as tls:
            assert tls is None
        assert "security" not in job_options(plain, tls)


def test_keys_that_cannot_be_made_or_found(tmp_path: Path) -> None:
    for wrong, match in (
        (slurm(tmp_path / "nowhere"), r"slurm.shared_directory: .*nowhere is not a folder"),
        (slurm(tmp_path, interface="ib9"), r"slurm.interface='ib9' is none of this machine"),
    ):
        with pytest.raises(InputError, match=match), keys_of(wrong):
            pass
    with pytest.raises(InputError, match=r"tls.ca: there is no file"):
        job_options(slurm(tmp_path), TLS.of_folder(tmp_path / "none", role="scheduler"))


def slurm(folder: Path, *, insecure: bool = False, interface: str | None = None) -> Cluster:
    section = Slurm(shared_directory=str(folder), interface=interface)
    return Cluster("slurm", memory=2**30, slurm=section, insecure=insecure)


def test_given_files_go_to_the_workers_as_paths(tmp_path: Path) -> None:
    make_certificates(tmp_path / "certs", days=1)
    script = script_of(tmp_path, tls=str(tmp_path / "certs"))
    for name, file in (("ca-file", "ca.pem"), ("cert", "scheduler.pem"), ("key", "scheduler-key.pem")):
        assert f"--tls-{name} {tmp_path}/certs/{file}" in script
    assert "--protocol tls://" in script
    assert "PRIVATE" not in script


def test_no_slurm_is_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with (
        pytest.raises(InputError, match="there is no sbatch on PATH"),
        executor_for("slurm", memory_limit="1GiB"),
    ):
        pass


def test_what_the_user_set_is_left_as_it_is() -> None:
    assert set(timeouts()) == {"distributed.comm.timeouts.tcp", "distributed.scheduler.worker-ttl"}
    with dask.config.set({"distributed.comm.timeouts.tcp": "99s"}):
        assert set(timeouts()) == {"distributed.scheduler.worker-ttl"}
