"""What a place starts: ``python -m dasknmf.cli.attempt FOLDER NUMBER`` does the command of a run."""

from __future__ import annotations

import sys

from dasknmf.cli import main
from dasknmf.errors import DasknmfError
from dasknmf.submitting.attempt import run_attempt

if __name__ == "__main__":
    try:
        run_attempt(sys.argv[1], int(sys.argv[2]), main)
    except DasknmfError as error:
        # of the folder of the run, not of its command
        sys.exit(f"dasknmf: {error}")
