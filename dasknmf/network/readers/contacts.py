"""Contact matrices of chromosomes: Cooler files, read through the cooler library in chunks of pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from dasknmf.bounds import check_count
from dasknmf.errors import DasknmfError, InputError, missing_dependency
from dasknmf.network.readers.h5ad import check_chunks
from dasknmf.network.source import Chunk, Entries, Labels

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dasknmf.network.readers.files import InputFile

#: Pixels read at once.
BLOCK = 2**20


def read_cooler(file: InputFile, *, resolution: int | None) -> Entries:
    """Return the contacts of a .cool file, or of one resolution of a .mcool file, as entries.

    Parameters
    ----------
    file : InputFile
        The file; its location may end in ``::/resolutions/10000``.
    resolution : int, optional
        Base pairs of a bin.
    """
    try:
        import cooler
        import h5py  # noqa: F401
    except ImportError as error:
        raise missing_dependency(
            library="cooler", extra="cooler", purpose="reading .cool and .mcool"
        ) from error

    name, _, inner = file.location.partition("::")
    path = type(file)(name).local(".cool")
    try:
        _check_tables(file, path)
        there = cooler.fileops.list_coolers(path)
        inner = _choose(file.where, [node.strip("/") for node in there], inner.strip("/"), resolution)
        opened: Any = cooler.Cooler(f"{path}::/{inner}")
        bins = opened.bins()[["chrom", "start", "end"]][:]
        count, bin_size = int(opened.info["nnz"]), opened.info.get("bin-size")
    except DasknmfError:
        raise
    except Exception as error:  # h5py and cooler raise what they come upon in bytes that mean nothing
        raise file.damaged(error) from error
    if resolution is not None and bin_size is not None and int(bin_size) != resolution:
        msg = f"{file.where} has bins of {int(bin_size):,} bp, not {resolution:,}; leave --resolution out"
        raise InputError(msg)
    genes = np.array(
        [f"{c}:{a}-{b}" for c, a, b in zip(bins["chrom"], bins["start"], bins["end"], strict=True)],
        dtype=object,
    )

    def chunks() -> Iterator[Chunk]:
        try:
            pixels = opened.pixels()
            for start in range(0, count, BLOCK):
                frame = pixels[start : min(count, start + BLOCK)]
                row, column = frame["bin1_id"].to_numpy(), frame["bin2_id"].to_numpy()
                yield row, column, frame["count"].to_numpy(np.float64), (start + len(frame)) / count
        except Exception as error:
            raise file.damaged(error) from error

    return Entries(
        where=file.where,
        reader="cooler",
        kind="contact count",
        chunks=chunks,
        labels=lambda: Labels(genes),
        details={"resolution": None if bin_size is None else int(bin_size)},
    )


def _check_tables(file: InputFile, path: str) -> None:
    """Refuse columns that claim more bins than any network has, or chunks that fit no memory, before they are read."""
    import h5py

    def look(name: str, node: Any) -> None:
        if isinstance(node, h5py.Dataset) and node.shape:
            if "bins/" in name:
                check_count(file.where, int(node.shape[0]))
            check_chunks(f"{file.where}: {name}", node)

    with h5py.File(path, "r") as store:
        store.visititems(look)


def _choose(where: str, there: list[str], inner: str, resolution: int | None) -> str:
    """Return the group inside the file to read."""
    if inner:
        if inner in there:
            return inner
        msg = f"{where} has no /{inner}; it has {_listed(there)}"
        raise InputError(msg)
    if there == [""]:
        return ""
    sizes = {node.rpartition("/")[2]: node for node in there}
    if resolution is None and len(there) == 1:
        return there[0]
    if str(resolution) in sizes:
        return sizes[str(resolution)]
    given = "" if resolution is None else f", not {resolution}"
    first = next(iter(sizes), "")
    if not there:
        msg = f"{where} holds no Cooler matrix"
        raise InputError(msg)
    known = ", ".join(sorted(sizes, key=lambda size: (len(size), size)))
    msg = (
        f"{where} holds the resolutions {known}{given}; choose one: --resolution {first}, resolution={first}"
    )
    raise InputError(msg)


def _listed(there: list[str]) -> str:
    return ", ".join(f"/{node}" for node in there) or "nothing"
