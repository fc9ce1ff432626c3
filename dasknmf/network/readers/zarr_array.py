"""A square Zarr array on disk or behind a URL, read chunk by chunk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from dasknmf.bounds import check_claim
from dasknmf.errors import InputError
from dasknmf.network.readers.memory import check_square, check_type
from dasknmf.network.source import Matrix
from dasknmf.storage import exists, open_store

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dasknmf.network.readers.files import InputFile


def read_zarr(file: InputFile) -> Matrix:
    """Return the matrix of a Zarr array."""
    import zarr

    if not exists(file.location, storage_options=file.storage_options):
        raise file.absent()
    try:
        store = open_store(file.location, mode="r", storage_options=file.storage_options)
        node: Any = zarr.open(store, mode="r")
    except Exception as error:  # zarr raises what it comes upon in metadata that mean nothing
        msg = f"{file.where} is not a Zarr array ({type(error).__name__}); needs an n×n array, or a file"
        raise InputError(msg) from error
    if isinstance(node, zarr.Group):
        if "dasknmf" in node.attrs:
            msg = f"{file.where} is a network already; open it: dasknmf.open_network({file.where!r})"
            raise InputError(msg)
        names = _arrays(node, file)
        msg = f"{file.where} is a Zarr group that holds {', '.join(names) or 'no array'}; " + (
            f"name one: {file.where.rstrip('/')}/{names[0]}" if names else "needs an n×n array"
        )
        raise InputError(msg)
    n = check_square(file.where, node.shape)
    check_type(file.where, node.dtype)
    check_claim(f"{file.where}: a chunk", node.shards or node.chunks, node.dtype.itemsize)

    def read(rows: slice, columns: slice) -> NDArray[Any]:
        try:
            return np.asarray(node[rows, columns])
        except Exception as error:
            raise file.damaged(error) from error

    return Matrix(file.where, "zarr", "weight", n, None, read)


def _arrays(group: Any, file: InputFile) -> list[str]:
    """Return the names of the arrays of a group."""
    import zarr

    try:
        return sorted(name for name, member in group.members() if isinstance(member, zarr.Array))
    except Exception as error:
        raise file.damaged(error) from error
