"""Which reader takes what the user gave."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp

from dasknmf.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import ExitStack
    from pathlib import Path

    from dasknmf.network.readers.columns import Column
    from dasknmf.network.readers.files import Format, InputFile
    from dasknmf.network.source import Entries, Matrix


@dataclass(frozen=True)
class Choices:
    """The options of :func:`dasknmf.import_network` that concern one reader or another."""

    format: Format | None
    header: bool | None
    columns: Sequence[Column] | None
    key: str | None
    resolution: int | None
    memory_limit: int


def read_file(file: InputFile, choices: Choices, scratch: Path, stack: ExitStack) -> Entries | Matrix:
    """Return what a file holds."""
    kind = choices.format or file.format()
    if kind == "edges":
        from dasknmf.network.readers.edges import read_edges

        return read_edges(
            file, header=choices.header, columns=choices.columns, memory_limit=choices.memory_limit
        )
    if kind == "mtx":
        from dasknmf.network.readers.matrix_market import read_matrix_market

        return read_matrix_market(file, scratch)
    if kind == "npy":
        from dasknmf.network.readers.numpy_files import read_npy

        return read_npy(file)
    if kind == "npz":
        from dasknmf.network.readers.numpy_files import read_npz

        return read_npz(file, scratch)
    if kind == "zarr":
        from dasknmf.network.readers.zarr_array import read_zarr

        return read_zarr(file)
    if kind == "h5ad":
        from dasknmf.network.readers.h5ad import read_h5ad

        return read_h5ad(file, key=choices.key, stack=stack)
    from dasknmf.network.readers.contacts import read_cooler

    return read_cooler(file, resolution=choices.resolution)


def read_object(source: Any, choices: Choices, scratch: Path) -> Entries | Matrix:
    """Return what a Python object holds.

    Raises
    ------
    InputError
        If it is of a type that cannot be a network.
    """
    from dasknmf.network.readers import memory

    # by the names of their packages, so that none is imported to find that this is another
    packages = {base.__module__.partition(".")[0] for base in type(source).__mro__}
    name = type(source).__name__
    if isinstance(source, np.ndarray):
        return memory.read_array(np.asarray(source))
    if sp.issparse(source):
        return memory.read_sparse(source)
    if "pandas" in packages and name == "DataFrame":
        return memory.read_frame(source, columns=choices.columns)
    if "xarray" in packages and name == "DataArray":
        return memory.read_xarray(source, scratch=scratch, memory_limit=choices.memory_limit)
    if "dask" in packages and name == "Array":
        return memory.read_dask(source, scratch=scratch, memory_limit=choices.memory_limit)
    msg = (
        f"a {type(source).__module__}.{name} cannot be imported; needs the path of a file, or a numpy, "
        "Dask or scipy.sparse array, a pandas DataFrame or an xarray DataArray"
    )
    raise InputError(msg)
