"""A scheduler and workers as processes of their own on loopback, to be killed, frozen and started again."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from pathlib import Path


#: ``dask`` with these arguments, which ends with all it started when the process that holds its stdin does, however
#: that ends: a test that is killed leaves nothing behind.
TIED = """
import os, runpy, signal, sys, threading

def end():
    os.read(0, 1)
    os.killpg(0, signal.SIGKILL)

threading.Thread(target=end, daemon=True).start()
runpy.run_module("dask", run_name="__main__", alter_sys=True)
"""


def free_port() -> int:
    """Return a port of loopback that nobody listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


class Processes:
    """A Dask cluster of real processes; all of them are ended with the block, each with what it started.

    Parameters
    ----------
    folder : Path
        For their logs and scratch files.
    settings : dict, optional
        Environment of all of them, such as ``DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL``.
    """

    def __init__(self, folder: Path, settings: dict[str, str] | None = None) -> None:
        self.folder = folder
        self.settings = settings or {}
        self.port = free_port()
        self.address = f"tcp://127.0.0.1:{self.port}"
        self.scheduler: subprocess.Popen[bytes] | None = None
        self.workers: list[subprocess.Popen[bytes]] = []
        self._started: list[subprocess.Popen[bytes]] = []

    def start_scheduler(self, *options: str) -> subprocess.Popen[bytes]:
        self.scheduler = self._start(
            "scheduler", "--host", "127.0.0.1", "--port", str(self.port), "--no-dashboard", *options
        )
        deadline = time.monotonic() + 60
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return self.scheduler
            assert time.monotonic() < deadline, "the scheduler does not listen"
            assert self.scheduler.poll() is None, "the scheduler ended"
            time.sleep(0.05)

    def start_workers(self, count: int, *options: str) -> None:
        for _ in range(count):
            self.workers.append(
                self._start(
                    "worker",
                    self.address,
                    "--host",
                    "127.0.0.1",
                    "--nthreads",
                    "1",
                    "--no-dashboard",
                    *options,
                )
            )

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """End a process and all it started, as a machine that loses its power."""
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def kill_workers(self) -> None:
        for worker in self.workers:
            self.kill(worker)
        self.workers.clear()

    def _start(self, *command: str) -> subprocess.Popen[bytes]:
        log = self.folder / f"{command[0]}-{len(self._started)}.log"
        with log.open("wb") as out:
            process = subprocess.Popen(
                [sys.executable, "-c", TIED, *command],
                stdin=subprocess.PIPE,
                cwd=self.folder,
                env={**os.environ, **self.settings},
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._started.append(process)
        return process

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        for process in self._started:
            if process.poll() is None:
                self.kill(process)
