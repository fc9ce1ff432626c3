"""A temporary copy of rows on disk, appended to once and then seen as one array."""

from __future__ import annotations

import errno
import tempfile
from typing import TYPE_CHECKING

import numpy as np

from dasknmf.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray


class RowSpool:
    """Rows appended to a temporary file without a name, which is gone with the process however that ends.

    Parameters
    ----------
    columns : int
        Length of a row.
    purpose : str
        What it holds, for the message when the disk is full.
    """

    def __init__(self, columns: int, *, purpose: str) -> None:
        self.rows, self.columns, self.purpose = 0, columns, purpose
        self._file = tempfile.TemporaryFile(prefix="dasknmf-")  # noqa: SIM115

    def __enter__(self) -> RowSpool:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def append(self, rows: NDArray[np.float64]) -> None:
        """Append rows, shape (r, columns).

        Raises
        ------
        InputError
            If the disk is full.
        """
        try:
            self._file.write(np.ascontiguousarray(rows).data)
            self._file.flush()
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            msg = (
                f"{tempfile.gettempdir()} is full after {self.rows:,} rows of {self.purpose} "
                f"({8 * self.columns:,} bytes each); name a folder with more room: export TMPDIR=FOLDER"
            )
            raise InputError(msg) from error
        self.rows += len(rows)

    def array(self) -> NDArray[np.float64]:
        """Return the rows as one read-only memory-mapped array, shape (rows, columns)."""
        return np.memmap(self._file, dtype=np.float64, mode="r", shape=(self.rows, self.columns))
