"""Slurm on one host: a controller and three nodes on loopback, started for a proof and ended with it.

Needs the Debian packages slurm-wlm and munge, and root.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable

NODES = ("n1", "n2", "n3")
CONFIGURATION = """\
ClusterName=rig
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort={ports[0]}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
SlurmUser=root
SlurmdUser=root
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=sched_interval=1,sched_min_interval=0,bf_interval=1
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
ReturnToService=2
KillWait=5
SlurmdParameters=config_overrides
NodeName={nodes} NodeHostname=localhost NodeAddr=127.0.0.1 Port=[{ports[1]}-{ports[3]}] CPUs=2 RealMemory=8000
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def missing() -> str:
    """Return why there can be no Slurm here, "" where there can."""
    absent = [name for name in ("slurmctld", "slurmd", "sbatch", "munged") if shutil.which(name) is None]
    if absent:
        return f"{absent[0]} is not there: apt-get install slurm-wlm munge"
    return "" if os.geteuid() == 0 else "Slurm's nodes on one host need root"


class SlurmRig:
    """A Slurm of three nodes; ``SLURM_CONF`` names it to everything that is started in the block."""

    def __init__(self) -> None:
        self._held = ExitStack()

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self._end()

    def _start(self) -> None:
        # a short path: that of a socket has at most 107 characters
        self.folder = Path(tempfile.mkdtemp(prefix="slurm-rig-"))
        # munged wants its folder safe, jobs write elsewhere
        self.folder.chmod(0o755)
        key = self.folder / "munge.key"
        key.write_bytes(secrets.token_bytes(128))
        key.chmod(0o400)
        (self.folder / "state").mkdir()
        self.configuration = self.folder / "slurm.conf"
        self.configuration.write_text(
            CONFIGURATION.format(folder=self.folder, ports=_free_ports(4), nodes=f"n[1-{len(NODES)}]")
        )
        self._before = os.environ.get("SLURM_CONF")
        os.environ["SLURM_CONF"] = str(self.configuration)
        self._processes: list[subprocess.Popen[bytes]] = []
        places = {name: self.folder / f"munge.{name}" for name in ("socket", "pid", "log", "seed")}
        self._run(
            *("munged", "--foreground", "--force", f"--key-file={key}", f"--socket={places['socket']}"),
            *(f"--pid-file={places['pid']}", f"--log-file={places['log']}", f"--seed-file={places['seed']}"),
        )
        self.wait_until(places["socket"].exists, "munged")
        self._run("slurmctld", "-D", "-i", "-f", str(self.configuration))
        for node in NODES:
            self._run("slurmd", "-D", "-N", node, "-f", str(self.configuration))
        self.wait_until(lambda: self.ask("sinfo", "-h", "-o", "%D %T") == "3 idle", "three idle nodes")

    def _run(self, *command: str) -> None:
        log = self._held.enter_context((self.folder / f"{command[0]}.out").open("ab"))
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self._processes.append(process)

    def ask(self, *command: str) -> str:
        """Return what a command of Slurm prints, "" where it fails."""
        found = subprocess.run(command, capture_output=True, text=True, check=False)
        return found.stdout.strip() if found.returncode == 0 else ""

    def tell(self, *command: str) -> str:
        """Return what a command of Slurm prints; it must succeed."""
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    def jobs(self, *states: str) -> dict[str, tuple[str, str, str]]:
        """Return the jobs by number: name, state and node."""
        lines = self.ask("squeue", "-h", "-o", "%i|%j|%T|%N").splitlines()
        found = {
            fields[0]: (fields[1], fields[2], fields[3]) for fields in (line.split("|") for line in lines)
        }
        return {number: job for number, job in found.items() if not states or job[1] in states}

    def wait_until(self, there: Callable[[], object], what: str, *, seconds: float = 60.0) -> None:
        """Wait until something is so; the error says what never was, and what the controller has logged."""
        last = time.monotonic() + seconds
        while not there():
            if time.monotonic() > last:
                log = self.folder / "slurmctld.log"
                said = log.read_text()[-2000:] if log.exists() else ""
                msg = f"no {what} in {seconds:.0f} s; {self.ask('squeue', '-a')}\n{said}"
                raise TimeoutError(msg)
            time.sleep(0.1)

    def _end(self) -> None:
        """End every job and every process, also those that have left their parents."""
        if not hasattr(self, "_processes"):
            return
        self.ask("scancel", "--signal=KILL", "--full", "--user=root")
        self.ask("scancel", "--user=root")
        for process in reversed(self._processes):
            process.terminate()
        for process in self._processes:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for pid in self._left_over():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if self._before is None:
            os.environ.pop("SLURM_CONF", None)
        else:
            os.environ["SLURM_CONF"] = self._before
        self._held.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _left_over(self) -> list[int]:
        """Return processes that have the name of this configuration in their environment, but not this one."""
        mark = f"SLURM_CONF={self.configuration}".encode()
        found = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit() or int(entry.name) == os.getpid():
                continue
            with suppress(OSError):
                # those that were started before the variable was set do not have it, so that it tells ours
                if mark in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
        return found


def _free_ports(count: int) -> list[int]:
    """Return free ports on loopback, one after another."""
    for _ in range(100):
        with socket.socket() as first:
            first.bind(("127.0.0.1", 0))
            start = first.getsockname()[1]
        ports = list(range(start, start + count))
        if ports[-1] < 65536 and all(_is_free(port) for port in ports):
            return ports
    msg = f"no {count} free ports in a row"
    raise OSError(msg)


def _is_free(port: int) -> bool:
    with socket.socket() as one:
        try:
            one.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
