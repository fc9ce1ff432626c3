"""Arrays of ours in one ``.npz``: written with a checksum of all, and read only as what they were written.

``numpy.load`` believes the header of each array and allocates what it claims, follows compression to any size, and
raises whatever zipfile, zlib and its own parser come upon. What we write is never compressed, so a member is as long
in the file as in memory, and the claim of each header is compared with that before anything is allocated.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np

from dasknmf.errors import FormatError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

#: Members beside the arrays: the content as JSON, and the checksum of everything else.
CONTENT, CHECKSUM = "content", "checksum"
#: What numpy puts in front of a name.
_ENDING = ".npy"


def pack(content: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> memoryview:
    """Return the bytes of a file with plain values and arrays of numbers.

    Parameters
    ----------
    content : mapping
        What JSON can hold.
    arrays : mapping of str to ndarray
        Neither named ``content`` nor ``checksum``.
    """
    held = {name: np.asarray(value) for name, value in arrays.items()}
    held[CONTENT] = np.frombuffer(json.dumps(content).encode(), dtype=np.uint8)
    buffer = io.BytesIO()
    digest = np.frombuffer(_digest(held), dtype=np.uint8)
    np.savez(buffer, allow_pickle=False, **held, **{CHECKSUM: digest})
    return buffer.getbuffer()


def unpack(data: bytes, *, broken: str) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Return the plain values and the arrays of a file that :func:`pack` made.

    Parameters
    ----------
    data : bytes
        All of it.
    broken : str
        The message if it is anything else.

    Raises
    ------
    FormatError
        If it is cut, damaged, changed, or something else. Nothing is unpickled or decompressed.

    Examples
    --------
    >>> unpack(bytes(pack({"k": 3}, {"W": np.ones(2)})), broken="no")
    ({'k': 3}, {'W': array([1., 1.])})
    """
    try:
        held = _members(data)
        if held.pop(CHECKSUM).tobytes() != _digest(held):
            msg = "it differs from its checksum"
            raise ValueError(msg)
        content = json.loads(held.pop(CONTENT).tobytes())
        if not isinstance(content, dict):
            msg = "its content is no mapping"
            raise TypeError(msg)
    except Exception as error:  # zipfile alone raises a dozen kinds of error on bytes that mean nothing
        raise FormatError(broken) from error
    return content, held


def _members(data: bytes) -> dict[str, NDArray[Any]]:
    held: dict[str, NDArray[Any]] = {}
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for member in archive.infolist():
            name = member.filename.removesuffix(_ENDING)
            if member.compress_type != zipfile.ZIP_STORED or member.file_size != member.compress_size:
                msg = f"{name} is compressed"
                raise ValueError(msg)
            if name in held:
                msg = f"{name} is there twice"
                raise ValueError(msg)
            # compares with the CRC-32 of the archive, and is no longer than what is there
            held[name] = _array(archive.read(member))
    return held


def _array(member: bytes) -> NDArray[Any]:
    stream = io.BytesIO(member)
    version = np.lib.format.read_magic(stream)
    header = np.lib.format
    read = header.read_array_header_1_0 if version == (1, 0) else header.read_array_header_2_0
    shape, fortran, dtype = read(stream)
    if dtype.hasobject:
        msg = "an array holds Python objects"
        raise ValueError(msg)
    if math.prod(shape) * dtype.itemsize != len(member) - stream.tell():
        msg = f"an array claims the shape {shape}"
        raise ValueError(msg)
    flat = np.frombuffer(member, dtype=dtype, offset=stream.tell())
    # a copy, which may be written to and does not keep the file in memory
    return flat.reshape(shape, order="F" if fortran else "C").copy("K")


def _digest(held: Mapping[str, NDArray[Any]]) -> bytes:
    digest = hashlib.sha256()
    for name in sorted(held):
        array = held[name]
        digest.update(f"{name}\n{array.dtype.str}\n{array.shape}\n".encode())
        digest.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return digest.digest()
