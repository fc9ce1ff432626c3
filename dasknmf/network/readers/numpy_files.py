"""Files of numpy and scipy: .npy is mapped, the arrays in a .npz are streamed; nothing is ever unpickled."""

from __future__ import annotations

import math
import zipfile
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from dasknmf.bounds import check_claim, check_room
from dasknmf.errors import DasknmfError, InputError
from dasknmf.network.readers.compressed import read_compressed
from dasknmf.network.readers.memory import check_square, check_type
from dasknmf.network.readers.names import default_names
from dasknmf.network.source import Chunk, Entries, Labels, Matrix

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dasknmf.network.readers.files import InputFile

_BLOCK = 2**18


def read_npy(file: InputFile, path: str | None = None) -> Matrix:
    """Return the matrix of a .npy file, mapped into memory."""
    where = file.where
    path = path or file.local(".npy")
    with Path(path).open("rb") as opened:
        if opened.read(6) != b"\x93NUMPY":
            raise file.damaged(error="it does not begin like a .npy file")
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except Exception as error:  # numpy's parser of headers raises what it comes upon
        if "Python objects" in str(error):
            msg = (
                f"{where} holds Python objects, which are never loaded; save numbers: numpy.save(path, array)"
            )
            raise InputError(msg) from error
        raise file.damaged(error) from error
    n = check_square(where, array.shape)
    check_type(where, array.dtype)
    return Matrix(where, "npy", "weight", n, None, lambda rows, columns: array[rows, columns])


class _Member:
    """One array in a .npz, read from front to back."""

    def __init__(self, stream: IO[bytes], file: InputFile, name: str) -> None:
        version = np.lib.format.read_magic(stream)
        read = (
            np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        )
        self.shape, self.fortran, self.dtype = read(stream)
        if self.dtype.hasobject:
            msg = f"{file.where}: its array '{name}' holds Python objects, which are never loaded"
            raise InputError(msg)
        self._stream = stream

    def check(self, count: int, *, dimensions: int = 1) -> None:
        """Refuse an array that claims another number of items, before any is read."""
        if len(self.shape) != dimensions or math.prod(self.shape) != count:
            msg = f"an array claims the shape {self.shape} where {count:,} items should be"
            raise ValueError(msg)

    def take(self, count: int) -> np.ndarray[Any, Any]:
        """Return the next ``count`` items."""
        wanted = count * self.dtype.itemsize
        data = self._stream.read(wanted)
        if len(data) < wanted:
            raise EOFError("an array ends too early")
        return np.frombuffer(data, dtype=self.dtype)

    def end(self) -> None:
        """Refuse anything behind the last item; reading to the end also compares with the checksum."""
        if self._stream.read(1):
            raise EOFError("an array is longer than it says")

    def everything(self) -> np.ndarray[Any, Any]:
        """Return the whole array."""
        return self.take(math.prod(self.shape)).reshape(self.shape)


@contextmanager
def _guarded(file: InputFile) -> Iterator[None]:
    try:
        yield
    except DasknmfError:
        raise
    except Exception as error:  # zipfile, zlib and numpy's parser of headers raise what they come upon
        raise file.damaged(error) from error


def _extracted(archive: zipfile.ZipFile, name: str, file: InputFile, scratch: Path) -> str:
    """Unpack the only array of an archive, once its header fits its size and the size the disk."""
    member = archive.getinfo(f"{name}.npy")
    with archive.open(member) as stream:
        array = _Member(stream, file, name)
        check_square(file.where, array.shape)
        check_type(file.where, array.dtype)
        # the header is padded to 64 bytes
        if not 0 < member.file_size - math.prod(array.shape) * array.dtype.itemsize < 2**16:
            msg = f"an array of {member.file_size:,} bytes claims the shape {array.shape}"
            raise ValueError(msg)
    check_room(scratch, member.file_size, file.where)
    return archive.extract(member, scratch)


def read_npz(file: InputFile, scratch: Path) -> Entries | Matrix:
    """Return the sparse matrix (or the only dense one) of a .npz file."""
    with _guarded(file), file.raw() as raw, zipfile.ZipFile(raw) as archive:
        names = [name.removesuffix(".npy") for name in archive.namelist()]
        if "format" not in names:
            if len(names) != 1:
                msg = (
                    f"{file.where} holds the arrays {', '.join(names[:8])}; needs one scipy sparse matrix "
                    "(scipy.sparse.save_npz) or one square array (numpy.savez)"
                )
                raise InputError(msg)
            return read_npy(file, _extracted(archive, names[0], file, scratch))
        small = {}
        for name, count in (("format", 1), ("shape", 2)):
            with archive.open(f"{name}.npy") as stream:
                member = _Member(stream, file, name)
                member.check(count, dimensions=count - 1)
                check_claim(file.where, member.shape, member.dtype.itemsize)
                small[name] = member.everything()
        layout = small["format"].item()
        layout = layout.decode() if isinstance(layout, bytes) else str(layout)
        n = check_square(file.where, tuple(int(size) for size in small["shape"]))
        with archive.open("data.npy") as stream:
            check_type(file.where, _Member(stream, file, "data").dtype)
    if layout == "coo":
        parts = ("row", "col")
    elif layout in ("csr", "csc"):
        parts = ("indices", "indptr")
    else:
        msg = f"{file.where} holds a matrix in {layout} form; save it again: save_npz(path, matrix.tocsr())"
        raise InputError(msg)

    def chunks() -> Iterator[Chunk]:
        with _guarded(file):
            yield from _stream(file, layout, parts, n)

    return Entries(
        where=file.where,
        reader="scipy npz",
        kind="weight",
        chunks=chunks,
        labels=lambda: Labels(default_names(n)),
        details={"form": layout},
    )


def _stream(file: InputFile, layout: str, parts: tuple[str, str], n: int) -> Iterator[Chunk]:
    # two members of one archive can be read in turns
    with (
        file.raw() as raw,
        zipfile.ZipFile(raw) as archive,
        archive.open("data.npy") as data,
        archive.open(f"{parts[0]}.npy") as one,
        archive.open(f"{parts[1]}.npy") as other,
    ):
        weights, first, second = (
            _Member(stream, file, name)
            for stream, name in ((data, "data"), (one, parts[0]), (other, parts[1]))
        )
        count = math.prod(weights.shape)
        weights.check(count)
        first.check(count)
        second.check(count if layout == "coo" else n + 1)
        for member in (first, second):
            if member.dtype.kind not in "iu":
                msg = f"its indices are {member.dtype}"
                raise ValueError(msg)
        if layout != "coo":
            yield from read_compressed(
                file.where,
                second.everything(),
                lambda start, stop: (first.take(stop - start), weights.take(stop - start)),
                count=count,
                n=n,
                by_column=layout == "csc",
            )
            for member in (weights, first, second):
                member.end()
            return
        for start in range(0, count, _BLOCK):
            size = min(_BLOCK, count - start)
            row, column, weight = (member.take(size) for member in (first, second, weights))
            if max(row.max(), column.max()) >= n or min(row.min(), column.min()) < 0:
                raise ValueError("an index is outside the matrix")
            yield row, column, weight.astype(np.float64), (start + size) / count
        # the checksum of a member is compared when its end is met
        for member in (weights, first, second):
            member.end()
