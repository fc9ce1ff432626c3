"""Small inputs of every kind that is read, unmutated, and how each is read by us and by another program."""

from __future__ import annotations

import gzip
import io
import json
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.io
import scipy.sparse as sp

import dasknmf
from dasknmf.enriching.gene_sets import read_gene_sets
from dasknmf.network.expression import open_expression
from dasknmf.storage import read_mapping
from tests.fuzz import references
from tests.fuzz.references import Answer, answer_of

if TYPE_CHECKING:
    from pathlib import Path

GENES = [f"g{k}" for k in range(9)]


def matrix() -> np.ndarray:
    """Nine genes with some edges and one self-loop, of weights that float32 holds."""
    rng = np.random.default_rng(4)
    half = np.triu(rng.integers(1, 64, (9, 9)) / 8 * (rng.random((9, 9)) < 0.5), 1)
    half[2, 2] = 1.5
    return half + np.triu(half, 1).T


def lines(separator: str, *, header: str = "") -> bytes:
    """Edges of the matrix, each once."""
    A = matrix()
    rows = [
        f"{GENES[i]}{separator}{GENES[j]}{separator}{A[i, j]}"
        for i in range(9)
        for j in range(i, 9)
        if A[i, j]
    ]
    return "".join(f"{row}\n" for row in ([header] if header else []) + rows).encode()


def _string() -> bytes:
    return lines(" ", header="protein1 protein2 combined_score")


BIOGRID = ("Official Symbol Interactor A", "Official Symbol Interactor B")


def _biogrid() -> bytes:
    names = ["#BioGRID Interaction ID", "Entrez A", *BIOGRID, "Throughput", "Score"]
    A = matrix()
    rows = [
        [str(100 * i + j), "1", GENES[i], GENES[j], "Low", "-"]
        for i in range(9)
        for j in range(i, 9)
        if A[i, j]
    ]
    return "".join("\t".join(row) + "\n" for row in [names, *rows, rows[0]]).encode()


def _saved(save: Any) -> bytes:
    buffer = io.BytesIO()
    save(buffer)
    return buffer.getvalue()


def _mtx(*, array: bool = False) -> bytes:
    return _saved(
        lambda file: scipy.io.mmwrite(file, matrix() if array else sp.coo_array(matrix()), symmetry="general")
    )


def _zst(data: bytes) -> bytes:
    import zstandard

    return zstandard.ZstdCompressor(write_checksum=True).compress(data)


def _table() -> bytes:
    rng = np.random.default_rng(5)
    rows = [f"{gene}\t" + "\t".join(f"{x:.3f}" for x in rng.random(5)) for gene in GENES]
    return ("\n".join(["gene\ta\tb\tc\td\te", *rows]) + "\n").encode()


def _gmt() -> bytes:
    return b"ribosome\tmade up\tg0\tg1\tg2\nproteasome\t\tg3\tg4\nall of it\tx\tg0\tg4\tg8\n"


CONFIG = {
    "max_iter": 50,
    "solver": ["hals", "mu"],
    "tol": 0.0001,
    "exact": True,
    "nested": {"key": "a", "secret": 7},
}


def bytes_of(kind: str) -> bytes:
    """Return the unmutated file of a kind that is one file made of bytes."""
    made = {
        "edges.tsv": lambda: lines("\t"),
        "edges.csv": lambda: lines(",", header="gene1,gene2,weight"),
        "spaces.txt": lambda: lines(" "),
        "string.txt": _string,
        "biogrid.tab3.txt": _biogrid,
        "edges.tsv.gz": lambda: gzip.compress(lines("\t"), mtime=0),
        "edges.tsv.zst": lambda: _zst(lines("\t")),
        "coordinate.mtx": _mtx,
        "array.mtx": lambda: _mtx(array=True),
        "csr.npz": lambda: _saved(lambda file: sp.save_npz(file, sp.csr_matrix(matrix()))),
        "coo.npz": lambda: _saved(lambda file: sp.save_npz(file, sp.coo_matrix(matrix()), compressed=False)),
        "one.npz": lambda: _saved(lambda file: np.savez_compressed(file, matrix())),
        "matrix.npy": lambda: _saved(lambda file: np.save(file, matrix())),
        "table.tsv": _table,
        "table.tsv.gz": lambda: gzip.compress(_table(), mtime=0),
        "table.npy": lambda: _saved(lambda file: np.save(file, matrix()[:, :5])),
        "sets.gmt": _gmt,
        "hierarchy.txt": lambda: b"metabolism\tlipids\nlipids\tsterols\nmetabolism\tsugars\n",
        "config.yaml": lambda: json.dumps(CONFIG, indent=1).replace('"', "").encode(),
    }
    return made[kind]()


#: Inputs that are one file of bytes.
BYTES = (
    "edges.tsv",
    "edges.csv",
    "spaces.txt",
    "string.txt",
    "biogrid.tab3.txt",
    "edges.tsv.gz",
    "edges.tsv.zst",
    "coordinate.mtx",
    "array.mtx",
    "csr.npz",
    "coo.npz",
    "one.npz",
    "matrix.npy",
    "table.tsv",
    "table.tsv.gz",
    "table.npy",
    "sets.gmt",
    "hierarchy.txt",
    "config.yaml",
)
#: Inputs of libraries, made on disk.
MADE = ("pairs.h5ad", "sparse.h5ad", "expression.h5ad", "contacts.cool", "array.zarr")


def make(kind: str, place: Path) -> None:
    """Write an input of ``MADE``."""
    import anndata as ad
    import pandas as pd

    index = pd.Index(GENES)
    if kind == "array.zarr":
        import zarr

        zarr.create_array(str(place), data=matrix(), chunks=(5, 5))
    elif kind == "contacts.cool":
        import cooler

        bins = pd.DataFrame({"chrom": "chr1", "start": np.arange(9) * 10, "end": np.arange(9) * 10 + 10})
        upper = sp.coo_array(np.triu(matrix() * 8).astype(int))
        pixels = pd.DataFrame({"bin1_id": upper.row, "bin2_id": upper.col, "count": upper.data})
        cooler.create_cooler(str(place), bins, pixels.sort_values(["bin1_id", "bin2_id"]), ordered=True)
    elif kind == "expression.h5ad":
        data = ad.AnnData(np.random.default_rng(5).random((5, 9)), var=pd.DataFrame(index=index))
        data.write_h5ad(place)
    else:
        data = ad.AnnData(obs=pd.DataFrame(index=index))
        data.obsp["weights"] = sp.csr_matrix(matrix()) if kind == "sparse.h5ad" else matrix()
        data.write_h5ad(place)


def read(kind: str, place: Path, scratch: Path) -> Any:
    """Read an input with our reader, to something that can be compared."""
    name = kind.partition(".")[0]
    if name in ("table", "expression"):
        names = GENES if kind == "table.npy" else None
        with open_expression(place, genes=names) as opened:
            values = [block.tolist() for block in opened.blocks]
            return opened.genes, [row for block in values for row in block]
    if name == "sets":
        sets = read_gene_sets(place)
        return {str(name): sets[name] for name in sets.names}
    if name == "hierarchy":
        known = dasknmf.read_hierarchy(place)
        return [
            (str(known.names[a]), str(known.names[b])) for a, b in zip(known.parent, known.child, strict=True)
        ]
    if name == "config":
        return read_mapping(place, what="config")
    network = dasknmf.import_network(place, scratch / "net.zarr", overwrite=True, memory_limit=2**26)
    network.verify()
    return answer_of_network(network)


def answer_of_network(network: Any) -> Answer:
    """Return the genes and weights of a network store."""
    from dasknmf.network.views import to_scipy

    genes = network.genes.tolist()
    whole = (
        to_scipy(network)
        if network.header.layout == "sparse"
        else network.to_dask().compute(scheduler="sync")
    )
    return answer_of(whole, genes)


def by_others(kind: str, place: Path, scratch: Path) -> list[Any]:
    """Return what other programs make of an input; nothing where they refuse it."""
    name, data = kind.partition(".")[0], place.read_bytes() if place.is_file() else b""
    try:
        if name in ("edges", "spaces"):
            return list(references.edge_lists(references.plain(data, kind)))
        if name == "string":
            return list(references.edge_lists(data, columns=("protein1", "protein2", "combined_score")))
        if name == "biogrid":
            return list(references.edge_lists(data, columns=BIOGRID, merge="max"))
        if kind in ("table.tsv", "table.tsv.gz"):
            return list(references.tables(references.plain(data, kind)))
        if name == "sets":
            return [references.gene_sets(data)]
        if name == "hierarchy":
            rows = [
                line.split("\t") for line in re.split("\r\n|\r|\n", data.decode("utf-8-sig")) if line.strip()
            ]
            return [list(dict.fromkeys((a.strip(), b.strip()) for a, b, *_ in rows))]
        if name == "config":
            import yaml

            return [yaml.safe_load(data) or {}]
        if kind == "table.npy":
            return [(GENES, np.load(place, allow_pickle=False).tolist())]
        if kind == "expression.h5ad":
            import anndata as ad

            held = ad.read_h5ad(place)
            return [(held.var_names.tolist(), np.asarray(held.X).T.tolist())]
        return [_imported(_matrix_by_others(kind, place), scratch)]
    except Exception:  # whatever they refuse it with
        return []


def _matrix_by_others(kind: str, place: Path) -> Any:
    if kind.endswith(".mtx"):
        return scipy.io.mmread(place)
    if kind in ("csr.npz", "coo.npz"):
        return sp.load_npz(place)
    if kind == "one.npz":
        with np.load(place, allow_pickle=False) as held:
            return held[held.files[0]]
    if kind == "matrix.npy":
        return np.load(place, allow_pickle=False)
    if kind == "array.zarr":
        import zarr

        return zarr.open_array(str(place), mode="r")[...]
    if kind == "contacts.cool":
        import cooler

        return cooler.Cooler(str(place)).matrix(balance=False)[:]
    import anndata as ad

    return ad.read_h5ad(place).obsp["weights"]


def _imported(given: Any, scratch: Path) -> Answer:
    """Return a matrix in memory after the policies of an import."""
    return answer_of_network(dasknmf.import_network(given, scratch / "reference.zarr", overwrite=True))


def agree(kind: str, one: Any, other: Any) -> bool:
    """Tell whether two readings of an input are the same."""
    name = kind.partition(".")[0]
    if name in ("table", "expression"):
        return list(one[0]) == list(other[0]) and np.array_equal(np.asarray(one[1]), np.asarray(other[1]))
    if name in ("sets", "hierarchy"):
        return bool(one == other)
    if name == "config":
        return repr(one) == repr(other)
    if one[0] != other[0] and kind.split(".")[-1] in ("h5ad", "cool"):
        # a matrix of another program has no names
        places = {name: str(place) for place, name in enumerate(one[0])}
        moved = {}
        for (a, b), weight in one[1].items():
            x, y = places[a], places[b]
            moved[min(x, y), max(x, y)] = weight
        one = (tuple(places.values()), moved)
    return references.same(one, other)
