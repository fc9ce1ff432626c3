"""`dasknmf` commands in processes that kill themselves at a chosen file operation, or are killed from outside.

They are forked from a server that has imported the libraries, so that a process begins with the work itself.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import re
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

from tests.rigs.sessions import LOOK, MARK

if TYPE_CHECKING:
    from collections.abc import Sequence
    from multiprocessing.context import ForkServerProcess
    from pathlib import Path

LIBRARIES = [
    *("numba", "numpy", "scipy.sparse.linalg", "pandas", "xarray", "zarr", "distributed"),
    *("dasknmf.cli", "dasknmf.models", "dasknmf.surveying", "dasknmf.nesting.associations"),
]
#: What changes files, as Python's audit hooks name it.
_CHANGES = {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.truncate", "shutil.rmtree"}


def server() -> multiprocessing.context.ForkServerContext:
    """Return what starts commands; its server process ends with this one."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(LIBRARIES)
    return context


class Command:
    """A command that runs.

    Parameters
    ----------
    arguments : sequence of str
        After ``dasknmf``.
    folder : path
        Where it runs; what it says is added to ``said.log`` there.
    mark : str
        Of the rig that what it starts belongs to.
    step : int
        The change of a file or folder at which it kills itself; 0 never.
    delay : float
        Seconds that it lives on, so that a write is cut in the middle.
    """

    def __init__(
        self, arguments: Sequence[str], folder: Path, *, mark: str, step: int = 0, delay: float = 0.0
    ) -> None:
        self.arguments = list(arguments)
        self.log = folder / "said.log"
        self._from = self.log.stat().st_size if self.log.exists() else 0
        given = (self.arguments, str(folder), mark, step, delay)
        self.process: ForkServerProcess = server().Process(target=_run, args=given)
        self.process.start()
        self.began = time.monotonic()

    @property
    def pid(self) -> int:
        """Its number."""
        assert self.process.pid is not None
        return self.process.pid

    @property
    def alive(self) -> bool:
        """Whether it has not ended."""
        return self.process.is_alive()

    def text(self) -> str:
        """Return what it has said."""
        if not self.log.exists():
            return ""
        return self.log.read_bytes()[self._from :].decode(errors="replace")

    @property
    def steps(self) -> int:
        """Changes of files and folders that it made, told at its end."""
        found = re.findall(r"^changes: (\d+)$", self.text(), re.MULTILINE)
        return int(found[-1]) if found else 0

    def begun(self, *, seconds: float) -> None:
        """Wait until it says something or begins to write, or ends."""
        until = time.monotonic() + seconds
        before = set(self.log.parent.glob(".*partial-*"))
        while self.alive and not self.text() and set(self.log.parent.glob(".*partial-*")) <= before:
            assert time.monotonic() < until, f"{self.arguments} said nothing in {seconds} s"
            time.sleep(LOOK / 4)

    def wait(self, *, seconds: float) -> int:
        """Wait for its end and return its exit code, negative for a signal."""
        self.process.join(seconds)
        if self.process.is_alive():
            msg = f"{self.arguments} still runs after {seconds} s:\n{self.text()[-4000:]}"
            raise AssertionError(msg)
        assert self.process.exitcode is not None
        return self.process.exitcode

    def kill(self) -> bool:
        """Kill it; False where it had ended."""
        was = self.process.is_alive()
        self.process.kill()
        self.process.join(30)
        return was and self.process.exitcode == -signal.SIGKILL


def _run(arguments: list[str], folder: str, mark: str, step: int, delay: float) -> None:
    os.setsid()
    os.environ[MARK] = mark
    os.chdir(folder)
    log = os.open("said.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for stream in (1, 2):
        os.dup2(log, stream)
    # figures are not what is tried, and take longest
    sys.modules["matplotlib"] = None  # type: ignore[assignment]
    logging.getLogger("asyncio").addHandler(logging.NullHandler())
    changes = _Changes(folder, step, delay)
    sys.addaudithook(changes)
    sys.argv = ["dasknmf", *arguments]
    from dasknmf.cli import main

    try:
        main()
    finally:
        changes.step = 0
        print(f"changes: {changes.count}", file=sys.stderr, flush=True)


class _Changes:
    """Counts what changes files in a folder, and kills the process at one of them."""

    def __init__(self, folder: str, step: int, delay: float) -> None:
        self.folder, self.step, self.delay, self.count = folder, step, delay, 0

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        writes = (
            event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
        )
        if not writes and event not in _CHANGES:
            return
        where = arguments[0]
        if not isinstance(where, str | os.PathLike) or not self._inside(os.fspath(where)):
            return
        self.count += 1
        if self.count != self.step:
            return
        if not self.delay:
            os.kill(os.getpid(), signal.SIGKILL)
        threading.Timer(self.delay, os.kill, (os.getpid(), signal.SIGKILL)).start()

    def _inside(self, where: str) -> bool:
        return not where.startswith("/") or where.startswith(self.folder)
