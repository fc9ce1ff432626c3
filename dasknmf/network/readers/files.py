"""Opening what the user named: paths and URLs, compressed or not, and what kind of file it is."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import zipfile
import zlib
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import IO, TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from dasknmf.errors import DasknmfError, InputError
from dasknmf.network.readers.frames import XzStreams, ZstdFrames
from dasknmf.storage import is_remote, local_path, open_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from _typeshed import WriteableBuffer

Format = Literal["edges", "mtx", "npz", "npy", "zarr", "h5ad", "cooler"]

_FORMATS: dict[str, Format] = {
    **dict.fromkeys(
        (".tsv", ".csv", ".txt", ".tab", ".tab3", ".edges", ".edgelist", ".ncol", ".links"), "edges"
    ),
    ".mtx": "mtx",
    ".npz": "npz",
    ".npy": "npy",
    ".zarr": "zarr",
    ".h5ad": "h5ad",
    ".cool": "cooler",
    ".mcool": "cooler",
}
_COMPRESSIONS = (".gz", ".zst", ".bz2", ".xz", ".zip")
#: What decompressors raise on a file that was cut or damaged.
_BROKEN = (
    EOFError,
    zlib.error,
    gzip.BadGzipFile,
    lzma.LZMAError,
    zipfile.BadZipFile,
    # bz2 and zipfile say so of bytes that mean nothing, of encryption and of unknown methods
    OSError,
    RuntimeError,
    ValueError,
)
_READ = 2**20
#: Bytes of a line, decompressed: any line of any gene has fewer. Without it, what a small archive of one endless line
#: takes in memory has no bound, since all that reads text waits for the end of a line.
LONGEST_LINE = 2**24


@dataclass(frozen=True)
class InputFile:
    """A file to read: a local path or an fsspec URL.

    Attributes
    ----------
    location : str
        As given; it may hold credentials, so it is never shown.
    storage_options : dict
        Options of the fsspec file system of a URL.
    """

    location: str
    storage_options: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def where(self) -> str:
        """Its name in messages: without user, password or query."""
        if not is_remote(self.location):
            return str(local_path(self.location))
        parts = urlsplit(self.location)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"

    @property
    def name(self) -> str:
        """Its last part alone."""
        # file.mcool::/resolutions/10000, but also simplecache::s3://bucket/file.tsv
        left, _, right = self.where.rpartition("::")
        return PurePosixPath(right if "://" in right else left or right).name

    @property
    def compression(self) -> str:
        """The suffix that tells how it is compressed, or an empty string."""
        suffix = PurePosixPath(self.name.lower()).suffix
        return suffix if suffix in _COMPRESSIONS else ""

    def format(self) -> Format:
        """Tell the format from the name.

        Raises
        ------
        InputError
            If the name does not say.
        """
        if not is_remote(self.location) and local_path(self.location).is_dir():
            return "zarr"
        name = self.name.lower().removesuffix(self.compression)
        suffix = PurePosixPath(name).suffix
        if suffix in _FORMATS:
            return _FORMATS[suffix]
        if ".zarr/" in self.where:
            return "zarr"
        known = " ".join(_FORMATS)
        msg = (
            f"{self.where}: the extension '{suffix}' is not known; known are {known}, text also with "
            f'{" ".join(_COMPRESSIONS)}; if it is an edge list, say so: --format edges, format="edges"'
        )
        raise InputError(msg)

    def local(self, format: str) -> str:  # noqa: A002
        """Return the local path, for libraries that read nothing else.

        Raises
        ------
        InputError
            If it is a URL, or not there.
        """
        if is_remote(self.location):
            msg = f"{self.where}: {format} can only be read from a local disk; copy the file first"
            raise InputError(msg)
        path = local_path(self.location)
        if not path.exists():
            raise self.absent()
        return str(path)

    def absent(self) -> InputError:
        """Return the error of a file that is not there."""
        if is_remote(self.location):
            return InputError(
                f"{self.where}: nothing can be read there; check the address and the access to it"
            )
        return InputError(f"{self.where}: there is no such file; check the path")

    def damaged(self, error: BaseException | str) -> InputError:
        """Return the error of a file that is cut or damaged."""
        # libraries quote bytes at any length
        said = " ".join(str(error).split())[:200] or type(error).__name__
        return InputError(
            f"{self.where} is truncated or damaged ({said}); copy or download it again and compare checksums"
        )

    @contextmanager
    def raw(self) -> Iterator[IO[bytes]]:
        """Open the bytes of the file as they are."""
        try:
            opened = open_file(self.location, storage_options=self.storage_options)
        except (FileNotFoundError, IsADirectoryError) as error:
            raise self.absent() from error
        except ImportError as error:
            msg = f"{self.where}: {error}"
            raise InputError(msg) from error
        except OSError as error:
            msg = f"{self.where} cannot be opened: {error.strerror or error}"
            raise InputError(msg) from error
        with opened:
            yield opened

    @contextmanager
    def stream(self) -> Iterator[Stream]:
        """Open the decompressed bytes."""
        with self.raw() as raw:
            size = raw.seek(0, io.SEEK_END) if raw.seekable() else 0
            if size:
                raw.seek(0)
            try:
                plain = decompress(raw, self.compression)
            except _BROKEN as error:
                raise self.damaged(error) from error
            yield Stream(self, raw, plain, size)

    def lines(self) -> Iterator[str]:
        """Yield the lines of the decompressed text, without ends; bytes that are not UTF-8 show as �."""
        with self.stream() as stream:
            text = io.TextIOWrapper(io.BufferedReader(stream, _READ), encoding="utf-8-sig", errors="replace")
            for line in text:
                yield line.rstrip("\r\n")


class Stream(io.RawIOBase):
    """Decompressed bytes that know how far they are, count a separator, and say when the file is broken."""

    def __init__(self, file: InputFile, raw: IO[bytes], plain: IO[bytes], size: int) -> None:
        self.file, self._raw, self._plain, self._size = file, raw, plain, size
        self.counted: bytes | None = None
        self.count = 0
        self._since_line = self._lines = 0

    @property
    def share(self) -> float:
        """Share of the file that has been read, from 0 to 1; 0 if its size is not known."""
        return self._raw.tell() / self._size if self._size else 0.0

    def readable(self) -> bool:
        """Yes."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Return at most ``size`` bytes."""
        try:
            data = self._plain.read(size)
        except DasknmfError:
            raise
        except _BROKEN as error:
            if isinstance(error, OSError) and not self.file.compression:
                # of the disk or the network, not of the file
                raise
            raise self.file.damaged(error) from error
        self._check_text(data)
        if self.counted:
            self.count += data.count(self.counted)
        return data

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Fill a buffer."""
        view = memoryview(buffer).cast("B")
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)

    def _check_text(self, data: bytes) -> None:
        """Refuse what is no text, and a line that never ends."""
        if b"\0" in data:
            # the parser of pandas ends a name and a number there without a word
            line = self._lines + data[: data.index(b"\0")].count(b"\n") + 1
            msg = (
                f"{self.file.where}, line {line:,}: is no text in UTF-8: it holds a byte of 0; needs lines of columns, "
                "saved as UTF-8"
            )
            raise InputError(msg)
        end = max(data.rfind(b"\n"), data.rfind(b"\r"))
        self._lines += data.count(b"\n")
        self._since_line = self._since_line + len(data) if end < 0 else len(data) - end - 1
        if self._since_line > LONGEST_LINE:
            msg = (
                f"{self.file.where} is no text: it has a line of more than {LONGEST_LINE / 2**20:.0f} MiB; needs lines "
                "of columns"
            )
            raise InputError(msg)


def decompress(raw: IO[bytes], compression: str) -> IO[bytes]:
    """Return the plain bytes of a file that is compressed as its suffix says, in bounded memory."""
    if compression == ".gz":
        return gzip.GzipFile(fileobj=raw)  # type: ignore[return-value]
    if compression == ".bz2":
        return bz2.BZ2File(raw)
    if compression == ".xz":
        return io.BufferedReader(XzStreams(raw), _READ)
    if compression == ".zst":
        return io.BufferedReader(ZstdFrames(raw), _READ)
    if compression == ".zip":
        archive = zipfile.ZipFile(raw)
        members = [member for member in archive.infolist() if not member.is_dir()]
        if len(members) != 1:
            msg = f"the archive holds {len(members)} files, needs exactly one; unpack it and name the file"
            raise zipfile.BadZipFile(msg)
        return archive.open(members[0])
    return raw


def as_input_file(source: str | os.PathLike[str], storage_options: dict[str, Any]) -> InputFile:
    """Return the file that a path or URL names."""
    return InputFile(os.fspath(source), storage_options if is_remote(source) else {})
