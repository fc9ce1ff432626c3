"""Files that claim, or unpack to, far more than they are: a few kilobytes each."""

from __future__ import annotations

import gzip
import io
import json
import lzma
import pickle
import struct
import zipfile
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

HUGE = 10**12


class Marks:
    """Unpickled, it leaves a file: nothing may ever be."""

    def __init__(self, place: str) -> None:
        self.place = place

    def __reduce__(self) -> tuple[Any, ...]:
        return open, (self.place, "w")


def npy(shape: tuple[int, ...], data: bytes = b"", dtype: str = "<f8") -> bytes:
    """An array file whose header claims a shape."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": dtype, "fortran_order": False, "shape": shape})
    return header.getvalue() + data


def objects(place: Path) -> bytes:
    """An array file of Python objects."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|O", "fortran_order": False, "shape": (2, 2)})
    return header.getvalue() + pickle.dumps([Marks(str(place.with_name("unpickled")))] * 4)


def npz(members: dict[str, bytes], *, compressed: bool = True) -> bytes:
    """An archive of array files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED) as archive:
        for name, data in members.items():
            archive.writestr(f"{name}.npy", data)
    return buffer.getvalue()


def zstd_of_one_letter(blocks: int) -> bytes:
    """A zstd frame of so many blocks of 128 KiB, of four bytes each."""
    block, last = (struct.pack("<I", kind | 1 << 1 | 2**17 << 3)[:3] + b"A" for kind in (0, 1))
    return b"\x28\xb5\x2f\xfd" + bytes([0, 0x58]) + block * (blocks - 1) + last


def xz_of_a_large_dictionary() -> bytes:
    """An xz file that asks for a dictionary of 4 GiB."""
    data = bytearray(lzma.compress(b"g0\tg1\t1\n", preset=0))
    size = (data[12] + 1) * 4
    at = data.index(b"\x21\x01", 12) + 2
    data[at] = 40
    data[12 + size - 4 : 12 + size] = struct.pack("<I", zlib.crc32(bytes(data[12 : 12 + size - 4])))
    return bytes(data)


def _scalar(text: str) -> bytes:
    return npy((), text.encode(), f"|S{len(text)}")


def _sparse(sides: tuple[int, int], indptr: int, **others: bytes) -> bytes:
    ints = lambda *values: npy((len(values),), np.array(values, "<i4").tobytes(), "<i4")  # noqa: E731
    return npz(
        {
            "format": _scalar("csr"),
            "shape": npy((2,), np.array(sides, "<i8").tobytes(), "<i8"),
            "data": npy((1,), np.ones(1).tobytes()),
            "indices": ints(0),
            "indptr": npy((indptr,), np.zeros(2, "<i4").tobytes(), "<i4"),
            **others,
        }
    )


def _laughs() -> bytes:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    for one, other in zip("abcdefgh", "bcdefghi", strict=True):
        lines.append(f"{other}: &{other} [{', '.join(['*' + one] * 9)}]")
    return "\n".join([*lines, "max_iter: *i", ""]).encode()


#: By the name of the file: what is in it, given its place.
INPUTS: dict[str, Callable[[Path], bytes]] = {
    # four thousand million letters
    "edges-endless-line.tsv.gz": lambda _: gzip.compress(b"A" * 2**24, mtime=0) * 256,
    "edges-endless-line-later.tsv.gz": lambda _: (
        gzip.compress(b"".join(b"g%d\tg%d\t1\n" % (k, k + 1) for k in range(99)))
        + gzip.compress(b"A" * 2**24) * 256
    ),
    "edges-endless-line.tsv.zst": lambda _: zstd_of_one_letter(30_000),
    "edges-large-dictionary.tsv.xz": lambda _: xz_of_a_large_dictionary(),
    "edges-many-columns.tsv": lambda _: b"\t".join([b"x"] * 200_000) + b"\n",
    "table-endless-line.tsv.zst": lambda _: zstd_of_one_letter(30_000),
    "table-endless-line.tsv.gz": lambda _: gzip.compress(b"A" * 2**24, mtime=0) * 256,
    "sets-endless-line.gmt.zst": lambda _: zstd_of_one_letter(30_000),
    "coordinate-huge.mtx": lambda _: (
        b"%%MatrixMarket matrix coordinate real general\n%d %d 1\n1 1 1\n" % (HUGE, HUGE)
    ),
    "coordinate-long-number.mtx": lambda _: (
        b"%%MatrixMarket matrix coordinate real general\n" + b"9" * 9999 + b" 3 1\n1 1 1\n"
    ),
    "array-huge.mtx": lambda _: b"%%MatrixMarket matrix array real general\n9000000 9000000\n1\n",
    "matrix-huge.npy": lambda _: npy((HUGE, HUGE)),
    "matrix-large.npy": lambda _: npy((9_000_000, 9_000_000), bytes(64)),
    "matrix-objects.npy": objects,
    "table-objects.npy": objects,
    "one-huge.npz": lambda _: npz({"a": npy((9_000_000, 9_000_000), bytes(2**20))}),
    "one-objects.npz": lambda place: npz({"a": objects(place)}),
    "csr-huge.npz": lambda _: _sparse((HUGE, HUGE), 2),
    "csr-huge-pointer.npz": lambda _: _sparse((3, 3), HUGE),
    "csr-long-shape.npz": lambda _: _sparse((3, 3), 4, shape=npy((2**27,), bytes(2**24), "<i8")),
    "csr-objects.npz": lambda place: _sparse((3, 3), 4, format=objects(place)),
    "config-laughs.yaml": lambda _: _laughs(),
    "config-deep.yaml": lambda _: b"a: " + b"[" * 20_000,
    "config-large.yaml": lambda _: b"a: 1\n" * 2**20,
}


def huge_zarr(place: Path, **claims: Any) -> None:
    """Write a Zarr array whose header claims something."""
    import zarr

    zarr.create_array(str(place), data=np.eye(9), chunks=(5, 5))
    header = place / "zarr.json"
    held = json.loads(header.read_text())
    if "shape" in claims:
        held["shape"] = claims["shape"]
    if "chunks" in claims:
        held["chunk_grid"]["configuration"]["chunk_shape"] = claims["chunks"]
    header.write_text(json.dumps(held))


def huge_h5ad(place: Path, n: int) -> None:
    """Write an AnnData file with a matrix that claims n × n, of nine names, of which no chunk was ever written."""
    import anndata as ad
    import h5py
    import pandas as pd

    ad.AnnData(obs=pd.DataFrame(index=[f"g{k}" for k in range(9)])).write_h5ad(place)
    with h5py.File(place, "a") as file:
        group = file.require_group("obsp")
        made = group.create_dataset("weights", shape=(n, n), chunks=(1000, 1000), dtype="f8")
        made.attrs.update({"encoding-type": "array", "encoding-version": "0.2.0"})


#: By name: writes a folder or a file of a library.
MADE: dict[str, Callable[[Path], None]] = {
    "array-huge.zarr": lambda place: huge_zarr(place, shape=[HUGE, HUGE]),
    "array-huge-chunk.zarr": lambda place: huge_zarr(place, shape=[9, 9], chunks=[10**6, 10**6]),
    "pairs-huge.h5ad": lambda place: huge_h5ad(place, HUGE),
    "pairs-large.h5ad": lambda place: huge_h5ad(place, 1_000_000),
}

#: What a checkpoint may be instead of one, given its place.
CHECKPOINTS: dict[str, Callable[[Path], bytes]] = {
    "objects": lambda place: npz({"content": npy((2,), b"{}", "|u1"), "a": objects(place)}, compressed=False),
    "compressed": lambda _: npz({"content": npy((2**24,), bytes(2**24), "|u1")}),
    "claim": lambda _: npz({"content": npy((HUGE,), b"{}", "|u1")}, compressed=False),
    "deep": lambda _: npz(
        {"content": npy((2 * 10**5,), b"[" * 10**5 + b"]" * 10**5, "|u1")}, compressed=False
    ),
}
