"""``python -m dasknmf`` is the ``dasknmf`` command."""

from dasknmf.cli import main

main()
