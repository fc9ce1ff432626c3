"""Tables of the benchmarks: printed, and kept in RESULTS.md with the date and the machine."""

from __future__ import annotations

import datetime as dt
import os
import platform
import re
from importlib.metadata import version
from pathlib import Path

RESULTS = Path(__file__).parent / "RESULTS.md"
LIBRARIES = ("dasknmf", "numpy", "scipy", "dask", "distributed", "zarr")


def machine() -> str:
    """Return date, processor, cores, memory, load and versions in one line."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    return (
        f"{dt.datetime.now(tz=dt.UTC):%Y-%m-%d}: {platform.system()} {platform.machine()}, {_processor()}, "
        f"{os.cpu_count()} cores, {memory:.0f} GiB; load {os.getloadavg()[0]:.1f} at the start; "
        f"Python {platform.python_version()}, {libraries}"
    )


def _processor() -> str:
    try:
        found = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    except OSError:
        found = None
    return found[1] if found else platform.processor()


class Table:
    """Rows of a benchmark, printed as they come.

    Parameters
    ----------
    title : str
        Of its section in RESULTS.md.
    columns : sequence of str
        Headings.
    """

    def __init__(self, title: str, columns: tuple[str, ...]) -> None:
        self.title, self.columns = title, columns
        self.machine = machine()
        self.rows: list[tuple[str, ...]] = []
        self.widths = [max(12, len(column)) for column in columns]
        print(f"{title}\n{self.machine}")
        self._print(columns)

    def add(self, *cells: object) -> None:
        """Take a row and print it."""
        row = tuple(f"{cell:.4g}" if isinstance(cell, float) else str(cell) for cell in cells)
        self.rows.append(row)
        self._print(row)

    def _print(self, row: tuple[str, ...]) -> None:
        print("  ".join(cell.rjust(width) for cell, width in zip(row, self.widths, strict=True)), flush=True)

    def write(self, *notes: str) -> None:
        """Put the table in its section of RESULTS.md in place of the last one; other text there stays."""
        marks = f"<!-- table: {self.title} -->", f"<!-- end: {self.title} -->"
        lines = [
            marks[0],
            self.machine,
            "",
            f"| {' | '.join(self.columns)} |",
            "|" + "---|" * len(self.columns),
            *(f"| {' | '.join(row)} |" for row in self.rows),
            *(f"\n{note}" for note in notes),
            marks[1],
        ]
        section = "\n".join(lines)
        text = RESULTS.read_text(encoding="utf-8") if RESULTS.exists() else "# Measured\n"
        if marks[0] in text:
            before, _, rest = text.partition(marks[0])
            text = before + section + rest.partition(marks[1])[2]
        else:
            text = f"{text.rstrip()}\n\n## {self.title}\n\n{section}\n"
        RESULTS.write_text(text, encoding="utf-8")
        print(f"written to {RESULTS.name}")
