"""Edge lists in text: dialects, compression, headers, columns, policies and bounded memory."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tracemalloc
import zipfile
from pathlib import Path

import anndata as ad
import fsspec
import numpy as np
import pandas as pd
import pytest
import scipy.io
import scipy.sparse as sp
import zarr
import zstandard
from hypothesis import given
from hypothesis import strategies as st

import dasknmf
from dasknmf.errors import InputError

EDGES = [
    ("TP53", "MDM2", 0.9),
    ("TP53", "ATM", 0.8),
    ("7", "007", 0.5),
    ("NA", "nan", 2.0),
    ("ATM", "TP53", 0.8),
]


def dense(edges, genes=None):
    genes = genes or sorted({name for edge in edges for name in edge[:2]})
    matrix = np.zeros((len(genes), len(genes)), dtype=np.float32)
    for a, b, weight in edges:
        matrix[genes.index(a), genes.index(b)] = matrix[genes.index(b), genes.index(a)] = weight
    return genes, matrix


def assert_holds(network, edges):
    genes, matrix = dense(edges)
    network.verify()
    assert network.genes.tolist() == genes
    np.testing.assert_array_equal(network.to_dask().compute(), matrix)


def text(separator="\t", header="", end="\n", edges=EDGES):
    return header + "".join(f"{a}{separator}{b}{separator}{w}{end}" for a, b, w in edges)


def zipped(data):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("edges.tsv", data)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "content"),
    {
        "tabs": ("e.tsv", text()),
        "commas": ("e.csv", text(",")),
        "semicolons": ("e.csv", text(";")),
        "commas and blanks": ("e.txt", text(", ")),
        "spaces": ("e.txt", text(" ")),
        "aligned": ("e.txt", text("   ", end=" \n")),
        "header": ("e.tsv", text(header="gene1\tgene2\tscore\n")),
        "unknown header": ("e.tsv", text(header="x\ty\tz\n")),
        "header after #": ("e.tsv", text(header="# made by hand\n#x\ty\tz\n")),
        "comments": ("e.txt", text(" ", header="% a comment\n# another\n\n")),
        "quoted": ("e.csv", '"a","b","w"\n' + "".join(f'"{a}","{b}",{w}\n' for a, b, w in EDGES)),
        "quoted tabs": ("e.tsv", "".join(f'"{a}"\t"{b}"\t{w}\n' for a, b, w in EDGES)),
        "Windows lines": ("e.tsv", text(end="\r\n")),
        "no last newline": ("e.tsv", text()[:-1]),
        "blank lines": ("e.tsv", text(end="\n\n")),
        "byte order mark": ("e.tsv", "\ufeff" + text(header="gene1\tgene2\tscore\n")),
    }.values(),
)
def test_dialects(tmp_path, name, content):
    (tmp_path / name).write_text(content, encoding="utf-8", newline="")
    assert_holds(dasknmf.import_network(tmp_path / name, tmp_path / "n.zarr"), EDGES)


@pytest.mark.parametrize(
    ("suffix", "compress"),
    [
        (".gz", gzip.compress),
        (".gz", lambda data: gzip.compress(data[:20]) + gzip.compress(data[20:])),
        (".zst", zstandard.compress),
        (".zst", lambda data: zstandard.compress(data[:20]) + zstandard.compress(data[20:])),
        (".bz2", bz2.compress),
        (".xz", lzma.compress),
        (".zip", zipped),
    ],
)
def test_compressions(tmp_path, suffix, compress):
    path = tmp_path / f"e.tsv{suffix}"
    path.write_bytes(compress(text().encode()))
    assert_holds(dasknmf.import_network(path, tmp_path / "n.zarr"), EDGES)


def test_string_links(tmp_path):
    lines = ["protein1 protein2 combined_score"]
    lines += [
        f"9606.{a} 9606.{b} {w}"
        for a, b, w in (("A", "B", 400), ("B", "A", 400), ("C", "A", 999), ("A", "C", 999))
    ]
    (tmp_path / "9606.protein.links.v12.0.txt").write_text("\n".join(lines))
    network = dasknmf.import_network(tmp_path / "9606.protein.links.v12.0.txt", tmp_path / "n.zarr")
    assert_holds(network, [("9606.A", "9606.B", 400), ("9606.A", "9606.C", 999)])
    assert network.header.weights == {"kind": "combined_score", "diagonal": "empty"}


def test_detailed_string_links_use_the_combined_score(tmp_path):
    (tmp_path / "d.txt").write_text(
        "protein1 protein2 fusion database combined_score\nA B 0 3 9\nB C 1 4 8\n"
    )
    network = dasknmf.import_network(tmp_path / "d.txt", tmp_path / "n.zarr")
    assert_holds(network, [("A", "B", 9), ("B", "C", 8)])


def test_biogrid(tmp_path):
    header = "#BioGRID Interaction ID\tOfficial Symbol Interactor A\tOfficial Symbol Interactor B\tSystem\n"
    rows = ["1\tTP53\tMDM2\tTwo-hybrid", '2\tTP53\tMDM2\t5" end', "3\tMDM2\tTP53\t-", "4\tATM\tATM\t-"]
    (tmp_path / "b.tab3.txt").write_text(header + "\n".join(rows))
    network = dasknmf.import_network(tmp_path / "b.tab3.txt", tmp_path / "n.zarr")
    assert_holds(network, [("TP53", "MDM2", 1), ("ATM", "ATM", 1)])
    assert network.header.provenance["reader"] == "BioGRID TAB3"
    assert network.header.provenance["policies"]["duplicates"] == "max"
    assert network.header.provenance["counts"]["duplicates_merged"] == 1
    with pytest.raises(InputError, match=r"more than once: 'TP53' and 'MDM2' on lines 2 \(1\) and 3 \(1\)"):
        dasknmf.import_network(tmp_path / "b.tab3.txt", tmp_path / "m.zarr", duplicates="error")


@pytest.mark.parametrize("columns", [("a", "c", "w"), (2, 4, 3), ("2", "4", "3")])
def test_chosen_columns(tmp_path, columns):
    (tmp_path / "e.csv").write_text("id,a,w,c\n1,X,5,Y\n2,Y,6,Z\n")
    network = dasknmf.import_network(tmp_path / "e.csv", tmp_path / "n.zarr", columns=columns)
    assert_holds(network, [("X", "Y", 5), ("Y", "Z", 6)])


def test_without_a_weight_column_edges_weigh_one(tmp_path):
    (tmp_path / "e.csv").write_text("id,a,w,c\n1,X,5,Y\n2,Y,6,Z\n")
    network = dasknmf.import_network(tmp_path / "e.csv", tmp_path / "n.zarr", columns=(2, 4))
    assert_holds(network, [("X", "Y", 1), ("Y", "Z", 1)])


def test_header_can_be_forced(tmp_path):
    (tmp_path / "e.tsv").write_text("x\ty\nA\tB\n")
    assert dasknmf.import_network(tmp_path / "e.tsv", tmp_path / "a.zarr").header.edges == 2
    assert_holds(
        dasknmf.import_network(tmp_path / "e.tsv", tmp_path / "b.zarr", header=True), [("A", "B", 1)]
    )
    (tmp_path / "f.tsv").write_text("source\ttarget\nA\tB\n")
    assert dasknmf.import_network(tmp_path / "f.tsv", tmp_path / "c.zarr").header.edges == 1
    assert dasknmf.import_network(tmp_path / "f.tsv", tmp_path / "d.zarr", header=False).header.edges == 2


def test_a_list_of_genes_gives_their_order_and_the_isolated_ones(tmp_path):
    (tmp_path / "e.tsv").write_text("A\tB\t3\n")
    (tmp_path / "genes.txt").write_text("C\nB\nA\n")
    network = dasknmf.import_network(tmp_path / "e.tsv", tmp_path / "n.zarr", genes=tmp_path / "genes.txt")
    assert network.genes.tolist() == ["C", "B", "A"]
    np.testing.assert_array_equal(network.to_dask().compute(), [[0, 0, 0], [0, 0, 3], [0, 3, 0]])
    assert network.header.isolated == 1
    with pytest.raises(InputError, match="a gene that the gene list does not name: 'B'"):
        dasknmf.import_network(tmp_path / "e.tsv", tmp_path / "m.zarr", genes=["A", "C"])


@pytest.mark.parametrize(("policy", "weight"), [("max", 4.0), ("mean", 2.0), ("sum", 6.0)])
def test_duplicates(tmp_path, policy, weight):
    (tmp_path / "e.tsv").write_text("A\tB\t1\nB\tC\t7\nA\tB\t4\nA\tB\t1\n")
    network = dasknmf.import_network(tmp_path / "e.tsv", tmp_path / "n.zarr", duplicates=policy)
    assert_holds(network, [("A", "B", weight), ("B", "C", 7)])
    assert network.header.provenance["counts"]["duplicates_merged"] == 2


@pytest.mark.parametrize(("policy", "weight"), [("max", 4.0), ("mean", 3.0)])
def test_asymmetric(tmp_path, policy, weight):
    (tmp_path / "e.tsv").write_text("B\tA\t2\nB\tC\t7\nA\tB\t4\n")
    network = dasknmf.import_network(tmp_path / "e.tsv", tmp_path / "n.zarr", asymmetric=policy)
    assert_holds(network, [("A", "B", weight), ("B", "C", 7)])


def test_the_store_does_not_depend_on_the_order_of_lines_or_directions(tmp_path):
    rng = np.random.default_rng(0)
    pairs = sorted({tuple(sorted(pair)) for pair in rng.integers(0, 60, (200, 2)).tolist()})
    edges = [(f"g{a}", f"g{b}", round(rng.random() + 0.01, 3)) for a, b in pairs]
    both = edges + [(b, a, w) for a, b, w in edges if a != b]
    (tmp_path / "one.tsv").write_text(text(edges=edges))
    (tmp_path / "two.tsv").write_text(text(edges=[both[k] for k in rng.permutation(len(both))]))
    one = dasknmf.import_network(tmp_path / "one.tsv", tmp_path / "one.zarr")
    two = dasknmf.import_network(tmp_path / "two.tsv", tmp_path / "two.zarr", memory_limit=1)
    assert one.header.checksum == two.header.checksum


@given(
    data=st.dictionaries(
        st.tuples(st.integers(0, 25), st.integers(0, 25)).map(lambda pair: tuple(sorted(pair))),
        st.floats(0.0, 1e6, width=32),
        min_size=1,
        max_size=150,
    ).filter(lambda weights: any(weights.values())),
    flips=st.randoms(use_true_random=False),
    tile=st.integers(4, 40),
    layout=st.sampled_from(["auto", "dense", "sparse"]),
)
def test_any_list_gives_its_matrix(tmp_path, data, flips, tile, layout):
    edges = []
    for (a, b), weight in data.items():
        first, second = (f"g{a}", f"g{b}") if flips.random() < 0.5 else (f"g{b}", f"g{a}")
        edges.append((first, second, weight))
        if a != b and flips.random() < 0.3:
            edges.append((second, first, weight))
    flips.shuffle(edges)
    (tmp_path / "e.tsv").write_text(text(edges=edges))
    network = dasknmf.import_network(
        tmp_path / "e.tsv", tmp_path / "n.zarr", tile=tile, layout=layout, memory_limit=1, overwrite=True
    )
    assert_holds(network, edges)


@pytest.mark.parametrize("layout", ["dense", "sparse"])
def test_many_buckets_and_narrow_tile_rows(tmp_path, layout):
    # memory for 64 entries: the sort takes many buckets, and a row of tiles is written in several pieces
    matrix = sp.random_array((300, 300), density=0.05, rng=np.random.default_rng(5), dtype=np.float32)
    matrix = sp.triu(matrix).tocoo()
    (tmp_path / "e.tsv").write_text(
        "".join(
            f"{a:03d}\t{b:03d}\t{float(w)!r}\n"
            for a, b, w in zip(matrix.row, matrix.col, matrix.data, strict=True)
        )
    )
    network = dasknmf.import_network(
        tmp_path / "e.tsv",
        tmp_path / "n.zarr",
        tile=40,
        layout=layout,
        memory_limit=1,
        genes=[f"{k:03d}" for k in range(300)],
    )
    network.verify()
    full = matrix.toarray()
    np.testing.assert_array_equal(network.to_dask().compute(), full + np.triu(full, 1).T)


def test_memory_stays_near_its_limit(tmp_path):
    # 200,000 edges take 25 MiB to sort at once
    rng = np.random.default_rng(2)
    place = rng.choice(2000 * 1999 // 2, 200_000, replace=False)
    row, column = (x[place] for x in np.triu_indices(2000, k=1))
    lines = "\n".join(
        f"g{a}\tg{b}\t{w}" for a, b, w in zip(row, column, rng.integers(1, 999, 200_000), strict=True)
    )
    (tmp_path / "e.tsv").write_text(lines)
    (tmp_path / "small.tsv").write_text(lines[:1000].rpartition("\n")[0])
    dasknmf.import_network(tmp_path / "small.tsv", tmp_path / "small.zarr")  # imports libraries
    del place, row, column, lines
    tracemalloc.start()
    try:
        network = dasknmf.import_network(
            tmp_path / "e.tsv", tmp_path / "n.zarr", layout="sparse", memory_limit=4 * 2**20
        )
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert network.header.edges == 200_000
    assert peak < 10 * 2**20


def test_temporary_files_are_removed(tmp_path):
    spill = tmp_path / "spill"
    spill.mkdir()
    (tmp_path / "good.tsv").write_text(text())
    (tmp_path / "bad.tsv").write_text("A\tB\t1\nA\tB\t2\n")
    dasknmf.import_network(tmp_path / "good.tsv", tmp_path / "n.zarr", temp_dir=spill)
    with pytest.raises(InputError):
        dasknmf.import_network(tmp_path / "bad.tsv", tmp_path / "m.zarr", temp_dir=spill)
    assert list(spill.iterdir()) == []


@pytest.mark.parametrize("name", ["a.npz", "dense.npz", "a.mtx", "a.h5ad", "a.zarr"])
def test_matrices_behind_urls(tmp_path, name):
    matrix = np.array([[0, 1, 2], [1, 0, 3], [2, 3, 0]], dtype=np.float32)
    path = tmp_path / name
    if name == "a.npz":
        sp.save_npz(path, sp.csr_array(matrix))
    elif name == "dense.npz":
        np.savez(path, matrix)
    elif name == "a.mtx":
        scipy.io.mmwrite(path, sp.coo_array(matrix))
    elif name == "a.h5ad":
        data = ad.AnnData(obs=pd.DataFrame(index=list("abc")))
        data.obsp["links"] = matrix
        data.write_h5ad(path)
    else:
        zarr.save_array(str(path), matrix)
    fsspec.filesystem("memory").put(str(path), f"/matrices/{name}", recursive=True)
    network = dasknmf.import_network(f"memory://matrices/{name}", tmp_path / "n.zarr")
    np.testing.assert_array_equal(network.to_dask().compute(), matrix)


def test_urls_and_their_credentials(tmp_path):
    with fsspec.open("memory://lists/e.tsv.gz", "wb") as file:
        file.write(gzip.compress(text().encode()))
    network = dasknmf.import_network("memory://lists/e.tsv.gz", tmp_path / "n.zarr")
    assert_holds(network, EDGES)
    assert network.header.provenance["source"] == "e.tsv.gz"
    with pytest.raises(InputError) as error:
        dasknmf.import_network("http://me:secret@localhost:9/e.foo?token=secret", tmp_path / "m.zarr")
    assert "secret" not in str(error.value)


DATA = Path(__file__).parents[2].parent / "shared" / "data" / "string_human_dnet"


@pytest.mark.data
@pytest.mark.skipif(not DATA.is_dir(), reason="needs the real networks, which are not part of the project")
def test_the_human_string_network(tmp_path):
    network = dasknmf.import_network(DATA / "edges.tsv.gz", tmp_path / "string.zarr")
    assert (network.n, network.header.edges, network.header.layout) == (16_973, 410_824, "sparse")
    assert (network.header.minimum, network.header.maximum) == (400, 999)
    same = dasknmf.import_network(
        DATA / "adjacency_upper.npz", tmp_path / "npz.zarr", genes=DATA / "genes.txt"
    )
    places = np.argsort(same.genes.astype(str))
    assert same.genes[places].tolist() == network.genes.tolist()
    np.testing.assert_array_equal(same.strength[places], network.strength)
    np.testing.assert_array_equal(same.degree[places], network.degree)
