"""Zarr groups of ours: attributes that carry their own checksum, and arrays opened only as they are known to be.

What a store says of itself is not believed: a flipped digit in a header is another number, and a shape of 10^12 is an
allocation. So attributes are sealed when they are written, and every array is compared with what it must be before
anything of it is read.
"""

from __future__ import annotations

import hashlib
import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from dasknmf.bounds import check_claim
from dasknmf.errors import DasknmfError, FormatError, StoreError
from dasknmf.storage import is_remote, local_path, open_store

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import zarr
    from numpy.typing import NDArray

    from dasknmf.storage import Location, StorageOptions

#: The attribute that holds the checksum of the others.
SEAL = "seal"
#: Bytes of a header: ours have kilobytes, of provenance.
MOST_HEADER = 2**26
#: A chunk may be longer than its array by so many numbers: sparse arrays are cut to what was written.
CHUNK_FLOOR = 2**18


def seal_of(attributes: Mapping[str, Any]) -> str:
    """Return the checksum of attributes, whatever order they are in.

    Examples
    --------
    >>> seal_of({"a": 1, "b": (1, 2)}) == seal_of({"b": [1, 2], "a": 1, "seal": "any"})
    True
    """
    given = {key: value for key, value in attributes.items() if key != SEAL}
    return f"sha256:{hashlib.sha256(plain_json(given).encode()).hexdigest()}"


def plain_json(attributes: Mapping[Any, Any]) -> str:
    """Return attributes as JSON, the same before they are written and when they are read."""
    # as they come back from a file, where keys are text and tuples are lists
    plain = json.loads(json.dumps(dict(attributes), default=_plain))
    return json.dumps(plain, sort_keys=True)


def _plain(value: Any) -> Any:
    """Return a number or array of numpy as JSON has it."""
    return value.tolist() if hasattr(value, "tolist") else str(value)


def sealed(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return attributes with their seal."""
    return {**attributes, SEAL: seal_of(attributes)}


def check_seal(attributes: Mapping[str, Any], *, where: str, remedy: str) -> None:
    """Compare attributes with their seal; those of older stores have none.

    Raises
    ------
    FormatError
        If anything of them was changed.
    """
    if SEAL in attributes and attributes[SEAL] != seal_of(attributes):
        msg = f"{where}: its attributes were changed or damaged (they differ from their checksum); {remedy}"
        raise FormatError(msg)


def open_group(
    location: Location, *, where: str, what: str, storage_options: StorageOptions
) -> tuple[zarr.Group, dict[str, Any]]:
    """Open a Zarr group of ours for reading, and return its attributes.

    Parameters
    ----------
    location : path or URL
        Something that is there.
    where : str
        Its name in messages.
    what : str
        What is needed, for the message, with what to type.
    storage_options : dict
        Options of the fsspec file system of a URL.

    Raises
    ------
    FormatError
        If it is no Zarr group.
    """
    import zarr

    try:
        if not is_remote(location):
            _check_header(local_path(location) / "zarr.json")
        store = open_store(location, mode="r", storage_options=storage_options)
        group = zarr.open_group(store, mode="r", zarr_format=3, use_consolidated=False)
        return group, dict(group.attrs)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        msg = f"{where} is not a Zarr group ({type(error).__name__}); {what}"
        raise FormatError(msg) from error
    except Exception as error:  # zarr raises what it comes upon in metadata that mean nothing
        if is_of_the_machine(error):
            raise
        msg = f"{where} is not a Zarr group ({_said(error)}); {what}"
        raise FormatError(msg) from error


def is_of_the_machine(error: BaseException) -> bool:
    """Tell whether an error is of a disk, a network or an object store, rather than of what is in it.

    Libraries that decompress say OSError of bytes that mean nothing, without a number.
    """
    if isinstance(error, StoreError):
        return True
    lost = isinstance(error, (FileNotFoundError, NotADirectoryError, IsADirectoryError))
    return isinstance(error, OSError) and error.errno is not None and not lost


def _check_header(header: Any) -> None:
    """Refuse a header that is a pipe, which would be waited for, or is larger than any."""
    if header.exists() and (not header.is_file() or header.stat().st_size > MOST_HEADER):
        msg = f"zarr.json is no file of less than {MOST_HEADER / 2**20:.0f} MiB"
        raise ValueError(msg)


def check_files(location: Location, *, where: str, remedy: str) -> None:
    """Refuse a local store with anything in it that is no plain file: a pipe would be waited for, for ever."""
    if is_remote(location):
        return
    for path in local_path(location).rglob("*"):
        if not path.is_file() and not path.is_dir():
            msg = f"{where}: {path.name} in it is neither a file nor a folder; {remedy}"
            raise FormatError(msg)


def open_array(
    group: zarr.Group,
    name: str,
    *,
    where: str,
    remedy: str,
    shape: Sequence[int | None],
    dtype: str,
    chunks: Sequence[int] | None = None,
) -> zarr.Array[Any]:
    """Return an array of a group, once it is known to be what it must be.

    Parameters
    ----------
    group : Group
        An open group.
    name : str
        Of the array.
    where, remedy : str
        The store, and what to do, for messages.
    shape : sequence of int or None
        What its header must say; None is any length.
    dtype : str
        Of its numbers, such as ``"float32"``; ``"text"`` for strings.
    chunks : sequence of int, optional
        What its chunks must be; by default no longer than the array, or than ``CHUNK_FLOOR``.

    Raises
    ------
    FormatError
        If it is not there, or is something else.
    """
    import zarr

    try:
        found = group[name]
    except KeyError:
        msg = f"{where} lacks its array '{name}'; the store is damaged: {remedy}"
        raise FormatError(msg) from None
    except Exception as error:
        if is_of_the_machine(error):
            raise
        raise damaged(where, name, error, remedy) from error
    if not isinstance(found, zarr.Array):
        raise damaged(where, name, "it is no array", remedy)
    check_array(found, name, where=where, remedy=remedy, shape=shape, dtype=dtype, chunks=chunks)
    return found


def check_array(
    found: zarr.Array[Any],
    name: str,
    *,
    where: str,
    remedy: str,
    shape: Sequence[int | None],
    dtype: str,
    chunks: Sequence[int] | None = None,
) -> None:
    """Compare the header of an array with what it must be; see :func:`open_array`.

    Raises
    ------
    FormatError
        If it is something else.
    """
    try:
        claimed = found.shape
        kind = "text" if found.dtype.kind in "TUO" else found.dtype.name
        # of a sharded array, what is read at once is a shard
        cut = tuple(found.shards or found.chunks)
        itemsize = max(1, found.dtype.itemsize)
    except Exception as error:
        raise damaged(where, name, error, remedy) from error
    if len(claimed) != len(shape) or any(
        want is not None and side != want for side, want in zip(claimed, shape, strict=True)
    ):
        needed = tuple("any" if side is None else side for side in shape)
        raise damaged(where, name, f"it claims the shape {claimed}, not {needed}", remedy)
    if kind != dtype:
        raise damaged(where, name, f"it claims to hold {kind}, not {dtype}", remedy)
    if chunks is not None and cut != tuple(chunks):
        raise damaged(where, name, f"it claims chunks of {cut}, not {tuple(chunks)}", remedy)
    if chunks is None and math.prod(cut) > max(CHUNK_FLOOR, math.prod(claimed)):
        raise damaged(where, name, f"it claims chunks of {cut} in an array of {claimed}", remedy)
    check_claim(f"{where}: a chunk of array '{name}'", cut, itemsize)


def read_array(array: zarr.Array[Any], name: str, *index: slice, where: str, remedy: str) -> NDArray[Any]:
    """Return a part of an array, or the whole of it.

    Raises
    ------
    FormatError
        If it cannot be read, or would not fit in memory.
    """
    if not index:
        check_claim(f"{where}: array '{name}'", array.shape, max(1, array.dtype.itemsize))
    try:
        return np.asarray(array[index if index else ...])
    except DasknmfError:
        raise
    except Exception as error:  # zarr and its codecs raise what they come upon
        raise damaged(where, name, error, remedy) from error


def damaged(where: str, name: str, why: BaseException | str, remedy: str) -> FormatError:
    """Return the error of an array that cannot be read."""
    said = _said(why) if isinstance(why, BaseException) else why
    return FormatError(f"{where}: array '{name}' cannot be read ({said}); the store is damaged: {remedy}")


def _said(error: BaseException) -> str:
    """Return what an error of a library says, on one line and not at any length."""
    said = " ".join(str(error).split())[:200]
    return f"{type(error).__name__}: {said}" if said else type(error).__name__
