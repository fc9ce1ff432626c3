"""Making a network store from what people have: edge lists, matrices, AnnData, Cooler and Python objects."""

from __future__ import annotations

import os
import tempfile
from contextlib import ExitStack
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from dasknmf.aside import owner, sweep
from dasknmf.errors import InputError, one_of
from dasknmf.network.compression import CODECS
from dasknmf.network.dense_build import build_from_matrix
from dasknmf.network.encoding import check_storage
from dasknmf.network.policies import Asymmetric, Duplicates, Negative, Policies, SelfLoops
from dasknmf.network.readers.dispatch import Choices, read_file, read_object
from dasknmf.network.readers.files import Format, as_input_file
from dasknmf.network.readers.names import default_names, gene_names, relabel
from dasknmf.network.source import Entries, Labels
from dasknmf.network.sparse_build import build_from_entries
from dasknmf.network.tiles import LARGEST_SPARSE_TILE
from dasknmf.storage import Location, StorageOptions, is_remote, read_storage_options, require_free

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from dasknmf.network.compression import Codec
    from dasknmf.network.encoding import Storage
    from dasknmf.network.readers.columns import Column
    from dasknmf.network.source import Matrix
    from dasknmf.network.store import Network

__all__ = ["import_network"]

Layout = Literal["auto", "dense", "sparse"]

#: Begins the names of temporary folders.
SCRATCH = "dasknmf-import"
#: Bytes for sorting: four million entries at once, so most published networks are sorted in one piece.
MEMORY_LIMIT = 512 * 2**20


def import_network(
    source: Any,
    location: Location,
    *,
    format: Format | None = None,  # noqa: A002
    genes: Sequence[str] | NDArray[Any] | str | os.PathLike[str] | None = None,
    header: bool | None = None,
    columns: Sequence[Column] | None = None,
    key: str | None = None,
    resolution: int | None = None,
    layout: Layout = "auto",
    tile: int | None = None,
    duplicates: Duplicates | None = None,
    asymmetric: Asymmetric = "error",
    self_loops: SelfLoops = "keep",
    negative: Negative = "error",
    storage: Storage = "float32",
    codec: Codec | None = None,
    overwrite: bool = False,
    storage_options: StorageOptions | None = None,
    memory_limit: int = MEMORY_LIMIT,
    temp_dir: str | os.PathLike[str] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Network:
    r"""Make a network store from an edge list, a matrix, or a Python object.

    Sources are streamed, so they may be larger than the memory; entries are sorted in temporary files.
    The store appears only when it is whole.

    Parameters
    ----------
    source : path, URL or object
        - An edge list in text (``.tsv .csv .txt .tab .tab3 .edges .edgelist .ncol .links``), separated by
          tabs, commas, semicolons or spaces, plain or ``.gz .zst .bz2 .xz .zip``. The columns of STRING
          (``protein.links``) and BioGRID (TAB3) are known.
        - A matrix: Matrix Market ``.mtx`` (``.gz``), scipy ``.npz``, ``.npy``, a Zarr array, AnnData
          ``.h5ad``, Cooler ``.cool`` and ``.mcool`` (also ``file.mcool::/resolutions/10000``).
        - A numpy array, a scipy sparse matrix, a DataFrame (square with equal labels, or an edge list), an
          xarray DataArray or a Dask array, of which every block is computed once.

        Text, ``.mtx``, ``.npz``, ``.h5ad`` and Zarr may be fsspec URLs.
    location : path or URL
        Where the store is to be, such as ``"string.zarr"``.
    format : {"edges", "mtx", "npz", "npy", "zarr", "h5ad", "cooler"}, optional
        What the file is; by default its extension says.
    genes : sequence of str or path, optional
        Gene names, or a file with one name a line. For a matrix, the names of its rows; by default its own,
        or ``"0"``, ``"1"``, … For an edge list, all genes, also those without an edge, and their order; by
        default the genes that occur, sorted by name.
    header : bool, optional
        Whether the first line of an edge list names its columns; by default this is seen from the line.
    columns : sequence of 2 or 3 str or int, optional
        Columns of an edge list with the two genes and the weight, by name or number, counted from 1.
        Without a weight every edge weighs 1. By default, those of a database that is known, or all columns
        of a list of two or three.
    key : str, optional
        Which matrix of an ``.h5ad`` file, such as ``"obsp/connectivities"``; by default the only one.
    resolution : int, optional
        Which resolution of an ``.mcool`` file, base pairs.
    layout : {"auto", "dense", "sparse"}
        How tiles are kept. By default a dense source is kept dense, and a sparse one sparse unless more than
        10 % of the matrix is not zero.
    tile : int, optional
        Side of a tile, genes; by default chosen from the numbers of genes and edges.
    duplicates : {"error", "max", "mean", "sum"}, optional
        What to do with an ordered pair given more than once; by default an error, but ``"max"`` for BioGRID,
        which has one line per experiment.
    asymmetric : {"error", "max", "mean"}
        What to do where the weights of (a, b) and (b, a) differ by more than 1e-6, relatively. A matrix with
        numbers on one side of its diagonal only, and a pair that a list gives in one direction only, are
        taken as symmetric.
    self_loops : {"keep", "drop", "error"}
        What to do with the diagonal.
    negative : {"error", "clip", "absolute"}
        What to do with negative weights: clip them to zero, or take their absolute values.
    storage : {"float32", "float16", "uint16", "uint8"}
        How a dense network keeps its weights: exactly, or as codes of two or one bytes times a scale of the tile.
        float16 keeps three digits of all but the smallest weights; integers move every weight by at most
        1/131,070 or 1/510 of the largest of its tile, so the smallest become 0. The header states the relative
        and the largest error, and every result is one of the matrix as stored.
    codec : {"none", "lz4", "zstd"}, optional
        Compression of the tiles; by default none for dense and zstd for sparse ones.
    overwrite : bool
        Replace what is at ``location``.
    storage_options : dict, optional
        Options of the fsspec file system of ``location``, and of ``source`` if both are on the same one.
    memory_limit : int
        Bytes for sorting and for blocks of Dask arrays.
    temp_dir : path, optional
        Where temporary files go, some 16 bytes an entry (8 a number for Dask arrays); by default the
        system's place. They are always removed.
    progress : callable, optional
        Called with (done, total), in parts of the whole work.

    Returns
    -------
    Network
        The store, opened. Weights are float32; zeros are dropped, genes without an edge are kept.

    Raises
    ------
    InputError
        If the source cannot be used as it is; says where, what is needed and what to type.
    MissingDependencyError
        If a library for this format is not installed.

    Examples
    --------
    >>> import dasknmf, pathlib, tempfile
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> _ = (folder / "edges.tsv").write_text("TP53\tMDM2\t0.9\nTP53\tATM\t0.8\n")
    >>> network = dasknmf.import_network(folder / "edges.tsv", folder / "p53.zarr")
    >>> network.genes.tolist(), network.header.edges
    (['ATM', 'MDM2', 'TP53'], 2)
    """
    _check_options(layout, format, codec, tile)
    check_storage(storage, layout)
    policies = Policies(duplicates or "error", asymmetric, self_loops, negative)
    options = read_storage_options() if storage_options is None else storage_options
    require_free(location, overwrite=overwrite, storage_options=options)
    choices = Choices(format, header, columns, key, resolution, memory_limit)
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(_scratch(temp_dir)))
        if isinstance(source, str | os.PathLike):
            file = as_input_file(source, options if _same_system(source, location) else {})
            read, origin = read_file(file, choices, scratch, stack), file.name
        else:
            read, origin = read_object(source, choices, scratch), type(source).__name__
        if read.reader == "BioGRID TAB3" and duplicates is None:
            policies = replace(policies, duplicates="max")
        given = None if genes is None else gene_names(genes, options if _same_system(genes, location) else {})
        settings: dict[str, Any] = {
            "layout": layout,
            "tile": tile,
            "policies": policies,
            "provenance": _provenance(origin, read, policies),
            "storage": storage,
            "codec": codec,
            "overwrite": overwrite,
            "storage_options": options,
            "progress": progress,
        }
        if isinstance(read, Entries):
            settings |= {"memory_limit": memory_limit, "scratch": scratch}
            return build_from_entries(location, read, label=lambda own: relabel(read, own, given), **settings)
        own = default_names(read.n) if read.genes is None else read.genes
        read.genes = relabel(read, Labels(own), given).genes
        return build_from_matrix(location, read, **settings)


def _check_options(layout: str, format: str | None, codec: str | None, tile: int | None) -> None:  # noqa: A002
    one_of("layout", layout, get_args(Layout))
    if format is not None:
        one_of("format", format, get_args(Format))
    if codec is not None:
        one_of("codec", codec, CODECS)
    if tile is not None and not 1 <= tile <= LARGEST_SPARSE_TILE:
        msg = f"tile={tile} genes; needs 1 to {LARGEST_SPARSE_TILE:,}"
        raise InputError(msg)


def _scratch(temp_dir: str | os.PathLike[str] | None) -> tempfile.TemporaryDirectory[str]:
    if temp_dir is not None and not Path(temp_dir).is_dir():
        msg = (
            f"temp_dir={os.fspath(temp_dir)!r} is not a folder; make it first: mkdir -p {os.fspath(temp_dir)}"
        )
        raise InputError(msg)
    # those of imports that were killed are as large as their networks
    sweep(Path(temp_dir or tempfile.gettempdir()) / SCRATCH)
    return tempfile.TemporaryDirectory(
        prefix=f".{SCRATCH}.partial-{owner()}-", dir=temp_dir, ignore_cleanup_errors=True
    )


def _same_system(source: Any, location: Location) -> bool:
    """Tell whether both are URLs of the same protocol, so that one's options fit the other."""
    if not isinstance(source, str | os.PathLike):
        return False
    protocols = {os.fspath(place).partition("://")[0] for place in (source, location)}
    return is_remote(source) and is_remote(location) and len(protocols) == 1


def _provenance(origin: str, read: Entries | Matrix, policies: Policies) -> dict[str, Any]:
    from dasknmf import __version__

    return {
        "source": origin,
        "reader": read.reader,
        **read.details,
        "policies": asdict(policies),
        "program": f"dasknmf {__version__}",
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
    }
