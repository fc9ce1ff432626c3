"""Processes in sessions of their own, that can be killed, frozen and followed, and never outlive the test."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
import uuid
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

#: Marks what a test started, and all that came of it, in the environment: found also where a parent has died.
MARK = "DASKNMF_RIG"
#: Seconds between two looks.
LOOK = 0.02


class Started:
    """A process in a session of its own; what it says goes to a file.

    Parameters
    ----------
    command : sequence of str
        What to run.
    log : path
        Where stdout and stderr go; added to.
    mark : str
        Of the rig that it belongs to.
    environment : mapping, optional
        Beside that of this process.
    cwd : path, optional
        Its folder.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        log: Path,
        mark: str,
        environment: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> None:
        self.command, self.log = list(command), log
        self._from = log.stat().st_size if log.exists() else 0
        self.began = time.monotonic()
        with log.open("ab") as file:
            self.process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                cwd=cwd,
                env={**os.environ, **(environment or {}), MARK: mark},
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Its number."""
        return self.process.pid

    @property
    def alive(self) -> bool:
        """Whether it has not ended."""
        return self.process.poll() is None

    def text(self) -> str:
        """Return what it has said."""
        with self.log.open("rb") as file:
            file.seek(self._from)
            return file.read().decode(errors="replace")

    def wait_for(self, pattern: str, *, seconds: float) -> re.Match[str]:
        """Wait until it says something.

        Raises
        ------
        AssertionError
            If it ends, or the seconds pass, without it.
        """
        until = time.monotonic() + seconds
        while True:
            alive = self.alive
            if found := re.search(pattern, self.text()):
                return found
            assert alive, f"{self.command} ended with {self.process.returncode}:\n{self.text()[-4000:]}"
            assert time.monotonic() < until, f"{seconds} s without {pattern!r}:\n{self.text()[-4000:]}"
            time.sleep(LOOK)

    def wait(self, *, seconds: float) -> int:
        """Wait for its end and return its exit code, negative for a signal."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            msg = f"{self.command} still runs after {seconds} s:\n{self.text()[-4000:]}"
            raise AssertionError(msg) from None

    def kill(self) -> None:
        """Kill this process alone, as the kernel would for want of memory."""
        kill(self.pid)
        self.process.wait(30)

    def end(self) -> None:
        """Kill it and all in its session."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self.process.wait(30)


class Rig:
    """Processes that belong together; made by :func:`rig`."""

    def __init__(self) -> None:
        self.mark = uuid.uuid4().hex
        self._started: list[Started] = []

    def start(
        self,
        command: Sequence[str],
        *,
        log: Path,
        environment: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> Started:
        """Start a process."""
        process = Started(command, log=log, mark=self.mark, environment=environment, cwd=cwd)
        self._started.append(process)
        return process

    def left(self) -> list[int]:
        """Return the numbers of all processes that came of this rig and have not ended."""
        wanted = f"{MARK}={self.mark}".encode()
        return [pid for pid in processes() if wanted in _read(pid, "environ").split(b"\0")]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        while left := self.left():
            for pid in left:
                kill(pid)
            for process in self._started:
                process.process.poll()  # reaps it
            time.sleep(LOOK)
        for process in self._started:
            process.process.wait(30)


@contextmanager
def rig() -> Iterator[Rig]:
    """Give a rig, of which every process is killed at the end, children of dead parents too."""
    with Rig() as made:
        yield made


def processes() -> list[int]:
    """Return the numbers of all processes of this machine that have not ended."""
    found = [int(folder.name) for folder in Path("/proc").iterdir() if folder.name.isdecimal()]
    return [pid for pid in found if state(pid) not in ("", "Z", "X")]


def children(pid: int) -> list[int]:
    """Return the numbers of the children of a process that have not ended, all generations."""
    parents = {other: _parent(other) for other in processes()}
    found, todo = [], [pid]
    while todo:
        own = [child for child, parent in parents.items() if parent == todo[0]]
        found += own
        todo = todo[1:] + own
    return found


def command_of(pid: int) -> str:
    """Return the command line of a process; empty where it has ended."""
    return _read(pid, "cmdline").replace(b"\0", b" ").decode(errors="replace")


def state(pid: int) -> str:
    """Return R, S, D, T (stopped), Z (ended, not reaped); empty where there is no such process."""
    return (_fields(pid) or [""])[0]


def cpu_ticks(pid: int) -> int:
    """Return the time that a process has had of processors, in ticks; 0 where it has ended."""
    fields = _fields(pid)
    return int(fields[11]) + int(fields[12]) if fields else 0


def _parent(pid: int) -> int:
    return int((_fields(pid) or ["", "0"])[1])


def _fields(pid: int) -> list[str]:
    # the name before them may hold anything
    return _read(pid, "stat").decode(errors="replace").rpartition(")")[2].split()


def _read(pid: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""


def kill(pid: int, number: int = signal.SIGKILL) -> bool:
    """Send a signal to one process; False where it has ended before."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True
