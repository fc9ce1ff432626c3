"""Start a process that belongs to nobody: ``python -m dasknmf.submitting.detached LOG COMMAND…`` prints its number."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Leave a child in a session of its own, with no input and its output appended to a file.

    The child is not a child of who asked: it outlives the shell, and whoever asked is not told of its end.
    """
    log, *command = sys.argv[1:]
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    nothing = os.open(os.devnull, os.O_RDONLY)
    child = os.fork()
    if child:
        print(child, flush=True)
        return
    os.setsid()
    os.dup2(nothing, 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.execv(command[0], command)  # noqa: S606


if __name__ == "__main__":
    main()
