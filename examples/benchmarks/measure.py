"""Each thing that is measured runs in a process of its own, so that its peak memory is its own.

``run("contenders:sklearn", …)`` calls that function with its keywords in a fresh interpreter, and returns the dict
that it returns, with the peak memory of the process. What fails says so in its row, and the others go on.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import subprocess
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

ANSWER = "answer: "


def peak_memory() -> int:
    """Return the most bytes this process ever had resident."""
    try:
        # ru_maxrss outlives exec on Linux, so that of a child begins at that of its parent
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
    except (OSError, StopIteration):
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else 1024 * peak


def bytes_read() -> int:
    """Return the bytes that this process has read with read calls, from disk or page cache; 0 where not known."""
    try:
        lines = Path("/proc/self/io").read_text(encoding="utf-8").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("rchar"))
    except (OSError, StopIteration):
        return 0


class Clock:
    """Seconds, and bytes read, since it was made."""

    def __init__(self) -> None:
        self.read, self.began = bytes_read(), time.perf_counter()

    def stop(self) -> dict[str, float]:
        """Return both."""
        return {"seconds": time.perf_counter() - self.began, "read": bytes_read() - self.read}


def drop_from_cache(folder: str | Path) -> bool:
    """Make the next read of the files in a folder come from the disk, where that can be asked for."""
    if not hasattr(os, "posix_fadvise"):
        return False
    os.sync()  # pages that are not yet written stay
    for file in Path(folder).rglob("*"):
        if file.is_file():
            handle = os.open(file, os.O_RDONLY)
            os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(handle)
    return True


def run(task: str, *, most_seconds: float | None = None, **given: Any) -> dict[str, Any]:
    """Call ``module:function`` in a fresh process.

    Parameters
    ----------
    task : str
        The function; it takes keywords and returns a dict, all of which JSON can hold.
    most_seconds : float, optional
        Then it is ended.
    **given
        Its keywords; paths become strings.

    Returns
    -------
    dict
        What it returned and its ``peak`` in bytes, or ``failed``, a sentence.
    """
    command = [sys.executable, __file__, task, json.dumps(given, default=str)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=most_seconds, check=False)
    except subprocess.TimeoutExpired:
        return {"failed": f"not finished in {most_seconds:.0f} s"}
    answers = [line for line in done.stdout.splitlines() if line.startswith(ANSWER)]
    if done.returncode == 0 and answers:
        return json.loads(answers[-1].removeprefix(ANSWER))
    lines = done.stderr.strip().splitlines() or [f"ended with code {done.returncode}"]
    print(*lines[-12:], sep="\n", file=sys.stderr)
    missing = any(word in lines[-1] for word in ("ModuleNotFoundError", "PackageNotFoundError"))
    return {"failed": "not installed" if missing else lines[-1][:400]}


def versions(*names: str) -> str:
    """Return the versions of libraries, for a note."""
    found = []
    for name in names:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            found.append(f"{name} not installed")
    return ", ".join(found)


def mib(size: float) -> str:
    """Return bytes as MiB."""
    return f"{size / 2**20:,.0f}"


def _answer(task: str, given: str) -> None:
    module, _, name = task.partition(":")
    found = getattr(importlib.import_module(module), name)(**json.loads(given))
    print(ANSWER + json.dumps({"peak": peak_memory(), **found}), flush=True)


if __name__ == "__main__":
    _answer(sys.argv[1], sys.argv[2])
