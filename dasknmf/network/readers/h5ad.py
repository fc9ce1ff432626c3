"""AnnData files: one pairwise matrix of observations (obsp) or variables (varp), streamed from the HDF5."""

from __future__ import annotations

from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from dasknmf.bounds import check_claim, check_count
from dasknmf.errors import DasknmfError, InputError, missing_dependency
from dasknmf.network.readers.compressed import read_compressed
from dasknmf.network.readers.memory import check_square, check_type
from dasknmf.network.source import Chunk, Entries, Labels, Matrix

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import ExitStack

    from numpy.typing import NDArray

    from dasknmf.network.readers.files import InputFile


def read_h5ad(file: InputFile, *, key: str | None, stack: ExitStack) -> Entries | Matrix:
    """Return one pairwise matrix of an .h5ad file.

    Parameters
    ----------
    file : InputFile
        The file.
    key : str, optional
        Such as ``"obsp/connectivities"``; by default the only one there.
    stack : ExitStack
        Closes the file when the import ends.
    """
    try:
        import h5py
        from anndata.io import read_elem
    except ImportError as error:
        raise missing_dependency(library="anndata", extra="anndata", purpose="reading .h5ad") from error

    raw: IO[bytes] = stack.enter_context(file.raw())
    with guarded(file):
        store = stack.enter_context(h5py.File(raw, "r"))
        chosen = _choose(file.where, store, key)
        axis = chosen.partition("/")[0].removesuffix("p")
        check_names(file.where, store[axis])
        genes = np.array([str(name) for name in read_elem(store[axis]).index], dtype=object)
        node = store[chosen]
    where, name = f"{file.where}::{chosen}", chosen.partition("/")[2]
    if isinstance(node, h5py.Dataset):
        n = _square(where, node.shape, genes)
        check_type(where, node.dtype)
        check_chunks(where, node)

        def read(rows: slice, columns: slice) -> NDArray[Any]:
            with guarded(file):
                return np.asarray(node[rows, columns])

        return Matrix(where, "h5ad", name, n, genes, read, {"key": chosen})
    return _sparse(file, where, name, chosen, node, genes)


def _sparse(
    file: InputFile, where: str, name: str, chosen: str, node: Any, genes: NDArray[np.object_]
) -> Entries:
    with guarded(file):
        encoding = str(node.attrs.get("encoding-type", ""))
    if encoding not in ("csr_matrix", "csc_matrix"):
        msg = f"{where} is encoded as {encoding or 'an unknown type'}; needs a dense, CSR or CSC matrix"
        raise InputError(msg)
    with guarded(file):
        n = _square(where, tuple(int(size) for size in node.attrs["shape"]), genes)
        check_type(where, node["data"].dtype)
        count = len(node["data"])
        for part, length in (("data", count), ("indices", count), ("indptr", n + 1)):
            if node[part].shape != (length,):
                msg = f"{part} claims the shape {node[part].shape}, not ({length},)"
                raise ValueError(msg)
            check_chunks(where, node[part])

    def chunks() -> Iterator[Chunk]:
        with guarded(file):
            yield from read_compressed(
                where,
                node["indptr"][:],
                lambda start, stop: (node["indices"][start:stop], node["data"][start:stop]),
                count=count,
                n=n,
                by_column=encoding == "csc_matrix",
            )

    return Entries(where, "h5ad", name, chunks, lambda: Labels(genes), details={"key": chosen})


def _choose(where: str, store: Any, key: str | None) -> str:
    there = [f"{axis}/{name}" for axis in ("obsp", "varp") if axis in store for name in store[axis]]
    if key is not None:
        if key in there:
            return key
        found = ", ".join(there) or "no pairwise matrix"
        msg = f"{where} has no {key!r}; it has {found}" + (f"; choose one: --key {there[0]}" if there else "")
        raise InputError(msg)
    if len(there) == 1:
        return there[0]
    if not there:
        msg = f"{where} has nothing in obsp or varp; needs a pairwise matrix there"
        raise InputError(msg)
    msg = (
        f"{where} has {len(there)} pairwise matrices: {', '.join(there)}; "
        f"choose one: --key {there[0]}, key={there[0]!r}"
    )
    raise InputError(msg)


@contextmanager
def guarded(file: InputFile) -> Iterator[None]:
    """Make one clear error of whatever libraries raise on a damaged file."""
    try:
        yield
    except DasknmfError:
        raise
    except Exception as error:  # h5py and anndata raise what they come upon in bytes that mean nothing
        raise file.damaged(error) from error


def check_names(where: str, table: Any) -> None:
    """Refuse tables of names that claim more than any network has, before they are read."""
    for name in table:
        column = table[name]
        if hasattr(column, "shape") and column.shape:
            check_count(where, int(column.shape[0]))
            check_claim(f"{where}: {name}", column.shape, column.dtype.itemsize)
            check_chunks(where, column)


def check_chunks(where: str, array: Any) -> None:
    """Refuse an array of HDF5 whose chunks, each of which is read as a whole, claim more than this machine has."""
    if array.chunks:
        check_claim(f"{where}: a chunk", array.chunks, array.dtype.itemsize)


def _square(where: str, shape: tuple[int, ...], genes: NDArray[np.object_]) -> int:
    """Return the rows of a square matrix of so many names."""
    n = check_square(where, shape)
    if n != len(genes):
        msg = f"{where} has {n:,} rows and {len(genes):,} names; write the file again"
        raise InputError(msg)
    return n
