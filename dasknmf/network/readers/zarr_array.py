"""A square Zarr array on disk or behind a URL, read chunk by chunk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from dasknmf.errors import InputError
from dasknmf.network.readers.memory import check_square, check_type
from dasknmf.network.source import Matrix
from dasknmf.storage import exists, open_store

if TYPE_CHECKING:
    from dasknmf.network.readers.files import InputFile


def read_zarr(file: InputFile) -> Matrix:
    """Return the matrix of a Zarr array."""
    import zarr

    if not exists(file.location, storage_options=file.storage_options):
        raise file.absent()
    try:
        store = open_store(file.location, mode="r", storage_options=file.storage_options)
        node: Any = zarr.open(store, mode="r")
    except (FileNotFoundError, ValueError, KeyError, TypeError, OSError) as error:
        msg = f"{file.where} is not a Zarr array ({type(error).__name__}); needs an n×n array, or a file"
        raise InputError(msg) from error
    if isinstance(node, zarr.Group):
        if "dasknmf" in node.attrs:
            msg = f"{file.where} is a network already; open it: dasknmf.open_network({file.where!r})"
            raise InputError(msg)
        names = sorted(name for name, member in node.members() if isinstance(member, zarr.Array))
        msg = f"{file.where} is a Zarr group that holds {', '.join(names) or 'no array'}; " + (
            f"name one: {file.where.rstrip('/')}/{names[0]}" if names else "needs an n×n array"
        )
        raise InputError(msg)
    n = check_square(file.where, node.shape)
    check_type(file.where, node.dtype)
    return Matrix(
        file.where, "zarr", "weight", n, None, lambda rows, columns: np.asarray(node[rows, columns])
    )
