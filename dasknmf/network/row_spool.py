"""Entries on disk while a network is imported: as they were read, and sorted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from dasknmf.network.policies import Counts

RAW = np.dtype([("i", "<u4"), ("j", "<u4"), ("w", "<f8")])
SORTED = np.dtype([("row", "<u4"), ("column", "<u4"), ("weight", "<f4")])


class RowSpool:
    """A temporary file of records of one dtype: appended to, then read back."""

    def __init__(self, path: Path, dtype: np.dtype[np.void]) -> None:
        self.path, self.dtype, self.length = path, dtype, 0

    def append(self, records: NDArray[np.void]) -> None:
        """Add records at the end."""
        with self.path.open("ab") as file:
            records.tofile(file)
        self.length += len(records)

    def read(self, start: int, stop: int) -> NDArray[np.void]:
        """Return the records [start, stop)."""
        return np.fromfile(
            self.path, dtype=self.dtype, count=stop - start, offset=start * self.dtype.itemsize
        )

    def blocks(self, size: int) -> Iterator[NDArray[np.void]]:
        """Yield all records, at most ``size`` at once."""
        for start in range(0, self.length, size):
            yield self.read(start, min(self.length, start + size))

    def remove(self) -> None:
        """Give the disk space back."""
        self.path.unlink(missing_ok=True)


class SortedEntries:
    """Merged entries of the upper triangle, sorted by row and column, in a temporary file."""

    def __init__(self, path: Path, n: int) -> None:
        self.spool = RowSpool(path, SORTED)
        self.per_row = np.zeros(n, dtype=np.int64)
        self.edges = 0

    def append(self, pair: NDArray[np.int64], weight: NDArray[np.float64], counts: Counts) -> None:
        """Add the entries of one bucket, without those that are zero."""
        n = len(self.per_row)
        values = weight.astype(np.float32)
        kept = values != 0
        counts.zeros_dropped += int(np.count_nonzero(~kept))
        records = np.empty(int(np.count_nonzero(kept)), dtype=SORTED)
        row, column = np.divmod(pair[kept], n)
        records["row"], records["column"], records["weight"] = row, column, values[kept]
        self.per_row += np.bincount(row, minlength=n)
        self.edges += int(np.count_nonzero(row != column))
        self.spool.append(records)
