"""Runs that go on without the shell that sent them; what is known of them is in a folder beside their result.

Examples
--------
>>> import tempfile, pathlib
>>> from dasknmf.submitting import runs_under
>>> runs_under(pathlib.Path(tempfile.mkdtemp()))
[]
"""

from dasknmf.submitting.folder import Run, find_run, runs_under
from dasknmf.submitting.state import Status, status
from dasknmf.submitting.submission import cancel, logs, resume, submit

__all__ = ["Run", "Status", "cancel", "find_run", "logs", "resume", "runs_under", "status", "submit"]
