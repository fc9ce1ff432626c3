"""Asks a worker to read mutated files, and knows when it hangs or is gone."""

from __future__ import annotations

import os
import pickle
import select
import struct
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

OTHER = "other"
#: A case takes hundredths of a second, on a busy machine tenths.
SECONDS = 30.0
#: Until all samples are made and read.
STARTING = 300.0


class Supervisor:
    """One worker at a time; a new one where the last hung or crashed.

    Attributes
    ----------
    counts : Counter
        Outcomes so far, by what was asked for.
    """

    def __init__(self, *, slow: bool = False) -> None:
        self.slow = slow
        self.counts: Counter[tuple[str, str]] = Counter()
        self._folder = tempfile.TemporaryDirectory(prefix="dasknmf-fuzz-")
        self._starts = 0
        self._process: subprocess.Popen[bytes] | None = None

    def ask(self, *request: Any) -> tuple[str, str]:
        """Return the outcome of a case, and what was said of it."""
        if self._process is None:
            self._start()
        process = self._process
        assert process is not None
        assert process.stdin is not None
        data = pickle.dumps(request)
        process.stdin.write(struct.pack("<Q", len(data)) + data)
        process.stdin.flush()
        outcome = self._answer(SECONDS)
        self.counts[request[0], outcome[0]] += 1
        return outcome

    def _start(self) -> None:
        self._starts += 1
        folder = Path(self._folder.name) / str(self._starts)
        arguments = [sys.executable, "-m", "tests.fuzz.worker", str(folder), "slow" if self.slow else "quick"]
        # arenas of threads are address space, not memory
        environment = {
            **os.environ,
            "MALLOC_ARENA_MAX": "2",
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
        }
        self._process = subprocess.Popen(
            arguments,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            cwd=Path(__file__).parents[2],
        )
        ready = self._answer(STARTING)
        if ready != "ready":
            msg = f"the worker of the fuzz tests did not start: {ready}"
            raise AssertionError(msg)

    def _answer(self, seconds: float) -> Any:
        process = self._process
        assert process is not None
        assert process.stdout is not None
        if not select.select([process.stdout], [], [], seconds)[0]:
            self._end()
            return OTHER, f"no answer within {seconds} seconds"
        header = process.stdout.read(8)
        if len(header) < 8:
            code = process.wait()
            self._end()
            return OTHER, f"the process ended with {code}"
        return pickle.loads(process.stdout.read(struct.unpack("<Q", header)[0]))

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for stream in (self._process.stdin, self._process.stdout):
                assert stream is not None
                stream.close()
            self._process = None

    def close(self) -> None:
        """End the worker and remove its files."""
        self._end()
        self._folder.cleanup()
