"""Small tab-separated files, compressed or not, a line at a time and never more of them than is sane."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dasknmf.errors import InputError, offenders
from dasknmf.network.readers.files import as_input_file
from dasknmf.storage import read_storage_options

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dasknmf.network.readers.files import InputFile
    from dasknmf.storage import Location, StorageOptions

#: Characters of a line: a set of all genes of all species of Ensembl has fewer.
MOST_CHARACTERS = 2**24
#: Characters of a file, decompressed: ten times the whole of MSigDB. A small archive can hold far more.
MOST_IN_ALL = 2**29


@dataclass
class Faults:
    """What is wrong with a file: the first three lines and the count, for one error at the end."""

    shown: list[str] = field(default_factory=list)
    count: int = 0

    def add(self, line: int, what: str) -> None:
        """Note a line where something is wrong."""
        self.count += 1
        if len(self.shown) < 3:
            self.shown.append(f"line {line:,} {what}")

    def check(self, where: str, needed: str, remedy: str) -> None:
        """Raise an InputError if anything was noted."""
        if self.count:
            msg = f"{where}: {needed}: {offenders(self.shown, self.count)}; {remedy}"
            raise InputError(msg)


def input_file(path: Location, storage_options: StorageOptions | None) -> InputFile:
    """Return the file that a path or URL names, with the options of the environment if none are given."""
    return as_input_file(path, read_storage_options() if storage_options is None else storage_options)


def file_checksum(file: InputFile) -> str:
    """Return the SHA-256 of a file as it is stored, what ``sha256sum`` says of it."""
    digest = hashlib.sha256()
    with file.raw() as raw:
        while data := raw.read(2**20):
            digest.update(data)
    return f"sha256:{digest.hexdigest()}"


def numbered_fields(file: InputFile, *, needed: str) -> Iterator[tuple[int, list[str]]]:
    """Yield line number (from 1) and stripped fields of every line that is not blank.

    Fields that are empty at the end of a line are left out: spreadsheets fill all rows to the longest.

    Parameters
    ----------
    file : InputFile
        Text in UTF-8 with tabs, plain or ``.gz .zst .bz2 .xz .zip``.
    needed : str
        What the file must be, for messages.

    Raises
    ------
    InputError
        If it cannot be read, is binary, or is larger than any such file.
    """
    total = 0
    with file.stream() as stream:
        text = io.TextIOWrapper(io.BufferedReader(stream), encoding="utf-8-sig", errors="replace")
        for number in range(1, MOST_IN_ALL):
            line = text.readline(MOST_CHARACTERS + 1)
            if not line:
                return
            total += len(line)
            if "\0" in line or "\ufffd" in line:
                msg = f"{file.where}, line {number:,}: is no text in UTF-8; {needed}"
                raise InputError(msg)
            if len(line) > MOST_CHARACTERS or total > MOST_IN_ALL:
                msg = (
                    f"{file.where}, line {number:,}: is too large (at most {MOST_CHARACTERS / 1e6:.0f} million "
                    f"characters a line, {MOST_IN_ALL / 1e6:.0f} million in all); {needed}"
                )
                raise InputError(msg)
            fields = [part.strip() for part in line.rstrip("\r\n").split("\t")]
            while fields and not fields[-1]:
                fields.pop()
            if fields:
                yield number, fields
