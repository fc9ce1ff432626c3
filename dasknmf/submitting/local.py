"""Runs as background processes of this machine."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from dasknmf.errors import DasknmfError, InputError
from dasknmf.submitting.identity import is_alive, is_here, process_handle, send
from dasknmf.submitting.place import Said
from dasknmf.submitting.printed import pieces_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dasknmf.submitting.folder import Run

#: Without what is in the working directory, which is the user's, among its modules.
PYTHON = (sys.executable, "-P", "-m")


class Local:
    """Starts a process that outlives the shell, in a session of its own."""

    def submit(self, run: Run, number: int) -> dict[str, Any]:
        """Start an attempt, and return which process it is."""
        attempt = [*PYTHON, "dasknmf.cli.attempt", str(run.folder), str(number)]
        started = subprocess.run(  # noqa: S603
            [*PYTHON, "dasknmf.submitting.detached", str(run.log), *attempt],
            cwd=run.asked["directory"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if started.returncode:
            said = started.stderr.strip().splitlines()
            msg = f"no background process could be started: {said[-1] if said else started.returncode}"
            raise DasknmfError(msg)
        return process_handle(int(started.stdout))

    def state(self, run: Run, handle: dict[str, Any]) -> Said:
        """Say whether the process lives; where it has not begun yet, it is queued."""
        del run
        if not handle:
            return Said("gone", "it never began")
        if not is_here(handle):
            return Said("gone", f"no lock of it is seen here; it was started on {handle['host']}: ask there")
        return Said("queued", "starting") if is_alive(handle) else Said("gone", "its process has ended")

    def cancel(self, run: Run, handle: dict[str, Any], *, kill: bool) -> None:
        """Send that very process a signal.

        Raises
        ------
        InputError
            If it is a process of another machine.
        """
        if handle and not is_here(handle):
            msg = f"{run.id} was started on {handle['host']}; cancel it there"
            raise InputError(msg)
        if handle:
            send(handle, signal.SIGKILL if kill else signal.SIGTERM)

    def logs(self, run: Run, handle: dict[str, Any]) -> Iterator[str]:
        """Yield what the run has printed."""
        del handle
        return pieces_of(run.log)
