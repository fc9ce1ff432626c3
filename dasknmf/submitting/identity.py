"""Which process it is: a number is given again to others, a number with its start is not."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from pathlib import Path
from typing import Any


def process_handle(pid: int) -> dict[str, Any]:
    """Return what tells a process from every other: host, boot of it, number and start.

    Examples
    --------
    >>> mine = process_handle(os.getpid())
    >>> is_alive(mine), is_alive({**mine, "began": "earlier"})
    (True, False)
    """
    return {"host": socket.gethostname(), "boot": _boot(), "pid": pid, "began": _began(pid)}


def is_here(handle: dict[str, Any]) -> bool:
    """Tell whether a process is, or was, one of this machine."""
    return bool(handle["host"] == socket.gethostname())


def is_alive(handle: dict[str, Any]) -> bool:
    """Tell whether that very process runs on this machine."""
    began = _began(handle["pid"])
    return is_here(handle) and handle["boot"] == _boot() and began is not None and handle["began"] == began


def send(handle: dict[str, Any], number: signal.Signals) -> bool:
    """Send a signal to that very process, and to no other that has its number now; tell whether it was sent."""
    if hasattr(os, "pidfd_open"):
        try:
            # held before it is looked at, so that the number cannot go to another in between
            held = os.pidfd_open(handle["pid"])
        except OSError:
            return False
        try:
            if not is_alive(handle):
                return False
            signal.pidfd_send_signal(held, number)
        except ProcessLookupError:
            return False
        finally:
            os.close(held)
        return True
    if not is_alive(handle):
        return False
    os.kill(handle["pid"], number)
    return True


def _boot() -> str:
    file = Path("/proc/sys/kernel/random/boot_id")
    return file.read_text().strip() if file.exists() else ""


def _began(pid: int) -> str | None:
    """Return when a process began, in a form of this system; None of one that has ended."""
    if not Path("/proc/self/stat").exists():
        ps = ["/bin/ps", "-o", "lstart=", "-p", str(pid)]
        found = subprocess.run(ps, capture_output=True, text=True, check=False)  # noqa: S603
        return found.stdout.strip() or None
    try:
        # after the name, which may hold anything, also blanks and brackets
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # one that has ended and whose parent has not asked for its code yet
    return None if fields[0] in ("Z", "X") else fields[19]
