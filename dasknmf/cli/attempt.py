"""What a place starts: ``python -m dasknmf.cli.attempt FOLDER NUMBER`` does the command of a run."""

from __future__ import annotations

import sys

from dasknmf.cli import main
from dasknmf.submitting.attempt import run_attempt

if __name__ == "__main__":
    run_attempt(sys.argv[1], int(sys.argv[2]), main)
