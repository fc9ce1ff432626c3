"""A scheduler and workers of Dask as processes of their own on loopback, ended with the block."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

#: Seconds until a scheduler must have said where it is, on a machine that is busy.
START = 60.0


@contextmanager
def dask_cluster(
    folder: Path,
    *,
    workers: int = 1,
    scheduler_arguments: Sequence[str] = (),
    worker_arguments: Sequence[str] = (),
    environment: dict[str, str] | None = None,
) -> Iterator[tuple[str, Path]]:
    """Start both, and give the address and the folder's scheduler file; what they log is in ``folder``."""
    file = folder / "scheduler.json"
    with ExitStack() as stack:
        stack.enter_context(
            _process(
                folder / "scheduler.log",
                ["scheduler", "--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(file)],
                [*scheduler_arguments, "--dashboard-address", "127.0.0.1:0"],
                environment,
            )
        )
        address = _address_in(file, folder / "scheduler.log")
        for number in range(workers):
            stack.enter_context(
                _process(
                    folder / f"worker-{number}.log",
                    ["worker", address, "--host", "127.0.0.1", "--nthreads", "1", "--no-nanny"],
                    [*worker_arguments, "--dashboard-address", "127.0.0.1:0"],
                    environment,
                )
            )
        yield address, file


@contextmanager
def _process(
    log: Path, command: list[str], arguments: list[str], environment: dict[str, str] | None
) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as opened:
        process = subprocess.Popen(
            [sys.executable, "-m", "dask", *command, *arguments],
            stdout=opened,
            stderr=subprocess.STDOUT,
            cwd=log.parent,
            env={**os.environ, **(environment or {})},
        )
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _address_in(file: Path, log: Path) -> str:
    end = time.monotonic() + START
    while time.monotonic() < end:
        try:
            held: dict[str, Any] = json.loads(file.read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            time.sleep(0.05)
        else:
            return str(held["address"])
    raise AssertionError(log.read_text())
