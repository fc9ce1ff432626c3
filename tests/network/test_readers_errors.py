"""Every wrong input ends in one error that says what, where, how many and what to type, and leaves nothing."""

from __future__ import annotations

import gzip
import re
import sys

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import xarray as xr
import zarr
import zstandard

import dasknmf
from dasknmf.errors import InputError, MissingDependencyError

LONG = "".join(f"g{k}\tg{k + 1}\t1\n" for k in range(4000)).encode()
FULL = np.array([[0, 1, 2], [1, 0, 3], [2, 3, 4]], dtype=float)


def refused(tmp_path, source, *parts, **options):
    """Import a source that must be refused; the message holds every part, and nothing is left behind."""
    spill = tmp_path / "spill"
    spill.mkdir()
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(InputError) as error:
        dasknmf.import_network(source, tmp_path / "n.zarr", temp_dir=spill, **options)
    for part in parts:
        assert re.search(part, str(error.value)), f"{part!r} is not in: {error.value}"
    assert sorted(tmp_path.rglob("*")) == before


TEXTS = {
    "no line": ("e.tsv", b"", {}, "e.tsv is empty", "needs lines of gene, gene"),
    "header only": ("e.tsv", b"gene1\tgene2\tweight\n", {}, "holds no entry"),
    "one column": ("e.tsv", b"A\nB\n", {}, r"has 1 column .*needs two genes", r"columns=\(1, 2, 3\)"),
    "four columns": (
        "e.csv",
        b"a,b,c,d\nA,B,1,2\n",
        {},
        r"4 columns \(1 a, 2 b, 3 c, 4 d\)",
        "--columns 1,2,3",
    ),
    "unknown column": (
        "e.csv",
        b"a,b,w\nA,B,1\n",
        {"columns": ("a", "x")},
        "no column 'x'; it has 1 a, 2 b, 3 w",
    ),
    "column twice": ("e.csv", b"a,b,w\nA,B,1\n", {"columns": (1, 1)}, "names a column twice"),
    "one column chosen": ("e.csv", b"a,b,w\nA,B,1\n", {"columns": ("a",)}, "needs two genes"),
    "named without header": (
        "e.csv",
        b"A,B,1\nB,C,2\n",
        {"columns": ("a", "b")},
        "no column 'a'",
        "header=True",
    ),
    "short lines": (
        "e.tsv",
        b"A\tB\t1\nB\tC\n\nC\tD\nD\tE\nE\tF\n",
        {},
        r"line 2 has 2 columns: 'B\\tC'; line 4 has .*; line 5 has .*; 4 in all",
        "needs 3 columns separated by tabs",
    ),
    "long line": ("e.txt", b"A B 1\nB C 2\nC D 3 4\n", {}, "line 3 has 4 columns: 'C D 3 4'"),
    "long line, aligned": ("e.txt", b"A  B 1\nB C 2\nC D 3 4\n", {}, "line 3 has 4 columns"),
    "long line among unused columns": (
        "e.csv",
        b"x,a,b\n1,A,B\n2,B,C,D\n",
        {"columns": ("a", "b")},
        "line 3 has 4 columns: '2,B,C,D'",
    ),
    "short line among unused columns": (
        "e.csv",
        b"a,b,x\nA,B,1\nB,C\n",
        {"columns": ("a", "b")},
        "line 3 has 2 columns: 'B,C'",
    ),
    "lengths that even out": (
        "e.csv",
        b"a,b,x,y\nA,B,1,2\nB,C,1\nC,D,1,2,3\n",
        {"columns": ("a", "b")},
        "line 3 has 3 columns.*line 4 has 5 columns.*2 in all",
    ),
    "not a number": (
        "e.tsv",
        b"A\tB\t1\nB\tC\thigh\n",
        {},
        "line 2: weight 'high' is not a number",
        "column 3",
    ),
    "first line not a number": ("e.tsv", b"A\tB\tx\nA\tC\t2\n", {}, "line 1: weight 'x' is not a number"),
    "first line NA": ("e.tsv", b"A\tB\tNA\nC\tD\t2\n", {}, "line 1: weight 'NA' is not a number"),
    "first line with a comma": ("e.txt", b"A B 0,5\nC D 2\n", {}, "line 1: weight '0,5' is not a number"),
    "underscore": ("e.tsv", b"A\tB\t1\nB\tC\t1_0\n", {}, "line 2: weight '1_0' is not a number"),
    "no weight": ("e.tsv", b"A\tB\t1\nB\tC\t\n", {}, "line 2: weight '' is not a number"),
    "NaN": ("e.tsv", b"A\tB\t1\nB\tC\tnan\n", {}, "line 2: weight 'nan' is not finite"),
    "infinity": (
        "e.tsv",
        b"A\tB\t1\nB\tC\tinf\nC\tD\t-inf\n",
        {},
        "NaN, infinite .*line 2.*line 3.*2 in all",
    ),
    "beyond float32": ("e.tsv", b"A\tB\t1\nB\tC\t1e39\n", {}, r"beyond float32: line 2: 'B\\tC\\t1e39'"),
    "no name": ("e.tsv", b"A\tB\t1\n\tC\t1\n", {}, "line 2: no gene name"),
    "not UTF-8": ("e.tsv", b"A\tB\t1\nB\t\xff\t1\n", {}, "line 2: not UTF-8"),
    "negative": (
        "e.tsv",
        b"gene1\tgene2\tw\nA\tB\t-1\nB\tC\t2\nC\tD\t-3\n",
        {},
        r"negative weights: line 2: 'A\\tB\\t-1'; line 4: .*; 2 in all",
        '--negative clip.*negative="clip"',
    ),
    "self-loop": (
        "e.tsv",
        b"A\tB\t1\nB\tB\t2\n",
        {"self_loops": "error"},
        "self-loop: line 2",
        'self_loops="drop"',
    ),
    "duplicates": (
        "e.tsv",
        b"A\tB\t1\nB\tC\t2\nA\tB\t1\n",
        {},
        r"given more than once: 'A' and 'B' on lines 1 \(1\) and 3 \(1\)",
        '--duplicates max .*duplicates="max"',
    ),
    "asymmetric": (
        "e.tsv",
        b"A\tB\t1\nB\tC\t2\n\nB\tA\t3\n",
        {},
        r"directions differ: 'B' and 'A' on lines 1 \(1\) and 4 \(3\)",
        '--asymmetric max .*asymmetric="max"',
    ),
    "nothing left": ("e.tsv", b"A\tB\t0\n", {}, "no entry is left of the 1 read"),
    "cut gzip": (
        "e.tsv.gz",
        gzip.compress(LONG)[:-100],
        {},
        "truncated or damaged",
        "copy or download it again",
    ),
    "no gzip": ("e.tsv.gz", b"A\tB\t1\n", {}, "truncated or damaged .*[Nn]ot a gzip"),
    "cut zstd": ("e.tsv.zst", zstandard.compress(LONG)[:-100], {}, "truncated or damaged .*no end"),
    "no zstd": ("e.tsv.zst", b"A\tB\t1\n", {}, "truncated or damaged"),
    "no zip": ("e.tsv.zip", b"A\tB\t1\n", {}, "truncated or damaged"),
    "extension": ("e.foo", b"A B\n", {}, "extension '.foo' is not known; known are .tsv", 'format="edges"'),
    "banner": ("a.mtx", b"1 1 1\n", {}, "line 1 is not a Matrix Market banner"),
    "complex": (
        "a.mtx",
        b"%%MatrixMarket matrix coordinate complex general\n1 1 0\n",
        {},
        "needs real numbers",
    ),
    "not square": ("a.mtx", b"%%MatrixMarket matrix coordinate real general\n2 3 0\n", {}, "2×3 .*square"),
    "sizes": (
        "a.mtx",
        b"%%MatrixMarket matrix coordinate real general\n% x\n2 2\n",
        {},
        "line 3 should hold 3 sizes",
    ),
    "cut mtx": (
        "a.mtx",
        b"%%MatrixMarket matrix coordinate real general\n2 2 3\n1 2 1\n",
        {},
        "announces 3 entries and holds 1",
    ),
    "outside": (
        "a.mtx",
        b"%%MatrixMarket matrix coordinate real general\n2 2 1\n1 3 1\n",
        {},
        r"entry \(1, 3\) is outside",
    ),
    "mtx number": (
        "a.mtx",
        b"%%MatrixMarket matrix coordinate real general\n2 2 1\n1 2 x\n",
        {},
        "line 3 is '1 2 x'; needs row, column, weight",
    ),
    "mtx duplicate": (
        "a.mtx",
        b"%%MatrixMarket matrix coordinate real symmetric\n2 2 2\n2 1 1\n2 1 1\n",
        {},
        "more than once",
    ),
    "no npy": ("a.npy", b"text", {}, "a.npy is truncated or damaged"),
    "no npz": ("a.npz", b"text", {}, "a.npz is truncated or damaged"),
    "no h5ad": ("a.h5ad", b"text", {}, "a.h5ad is truncated or damaged"),
    "no cool": ("a.cool", b"text", {}, "a.cool is truncated or damaged"),
}


@pytest.mark.parametrize("case", TEXTS)
def test_bad_files(tmp_path, case):
    name, content, options, *parts = TEXTS[case]
    (tmp_path / name).write_bytes(content)
    refused(tmp_path, tmp_path / name, *parts, **options)


def test_counts_and_first_offenders_span_chunks_and_buckets(tmp_path):
    lines = [f"g{k:04d}\tg{k + 1:04d}\t{-1 if k % 1000 == 999 else 1}\n" for k in range(5000)]
    (tmp_path / "e.tsv").write_text("".join(lines))
    refused(tmp_path, tmp_path / "e.tsv", "line 1000: .*line 2000: .*line 3000: .*; 5 in all", memory_limit=1)


def test_duplicates_are_counted_in_all_buckets(tmp_path):
    lines = [f"g{k:04d}\tg{k + 1:04d}\t1\n" for k in range(500)]
    (tmp_path / "e.tsv").write_text("".join(lines + lines[::100]))
    refused(tmp_path, tmp_path / "e.tsv", r"on lines 1 \(1\) and 501 \(1\); .*; 5 in all", memory_limit=1)


@pytest.mark.parametrize("suffix", ["tsv", "mtx", "npz", "npy", "zarr", "h5ad", "cool"])
def test_missing_files(tmp_path, suffix):
    refused(
        tmp_path, tmp_path / f"nowhere.{suffix}", rf"nowhere.{suffix}: there is no such file; check the path"
    )


MATRICES = {
    "NaN": (
        np.where(FULL == 3, np.nan, FULL),
        {},
        r"NaN, infinite .*row 2 \('1'\), column 3 \('2'\): nan; .*2 in all",
    ),
    "infinity": (
        np.where(FULL == 4, np.inf, FULL),
        {},
        r"row 3 \('2'\), column 3 \('2'\): inf; weights must be finite",
    ),
    "negative": (FULL - 1.5, {}, r"negative weights: row 1 \('0'\), column 1 \('0'\): -1.5; .*4 in all"),
    "asymmetric": (
        FULL + [[0, 1, 0]] * 3,
        {},
        r"differ: row 1 \('0'\), column 2 \('1'\): 2, but 1 across.*2 in all",
    ),
    "self-loops": (
        FULL,
        {"self_loops": "error"},
        r"self-loop: row 3 \('2'\), column 3 \('2'\): 4",
        'self_loops="drop"',
    ),
    "zeros": (0 * FULL, {}, "needs at least one edge"),
    "too few names": (FULL, {"genes": ["a", "b"]}, "names 2 genes, .* has 3 rows"),
    "names twice": (FULL, {"genes": ["a", "b", "a"]}, "'a' is gene 1 and gene 3"),
    "not square": (FULL[:2], {}, "2×3 array; a network needs a square one"),
    "complex": (FULL.astype(complex), {}, "holds complex128; a network needs real numbers"),
}


@pytest.mark.parametrize("kind", ["dense", "sparse"])
@pytest.mark.parametrize("case", MATRICES)
def test_bad_matrices(tmp_path, case, kind):
    matrix, options, *parts = MATRICES[case]
    refused(tmp_path, matrix if kind == "dense" else sp.csr_array(matrix), *parts, tile=2, **options)


def test_a_sparse_matrix_with_an_entry_twice(tmp_path):
    matrix = sp.coo_array(([1.0, 2.0, 3.0], ([0, 0, 1], [1, 1, 2])), shape=(3, 3))
    refused(tmp_path, matrix, r"more than once: row 1 \('0'\), column 2 \('1'\)", 'duplicates="max"')


def test_an_entry_below_the_diagonal_is_shown_where_it_is(tmp_path):
    lone = sp.coo_array(([1.0, 2.0, 2.0], ([1, 0, 2], [0, 2, 0])), shape=(3, 3))
    refused(tmp_path, lone, r"differ: row 1 \('0'\), column 2 \('1'\): 0, but 1 across")
    twice = sp.coo_array(([1.0, 2.0], ([1, 1], [0, 0])), shape=(3, 3))
    (tmp_path / "spill").rmdir()
    refused(tmp_path, twice, r"more than once: row 2 \('1'\), column 1 \('0'\)")


def test_a_list_in_a_dataframe_names_its_genes(tmp_path):
    frame = pd.DataFrame({"a": ["x", "y"], "b": ["y", "x"], "w": [1, 2]})
    refused(tmp_path, frame, "directions differ: 'x' and 'y': 1, but 2 across")


def test_bad_objects(tmp_path):
    frame = pd.DataFrame(FULL, index=list("abc"), columns=list("acb"))
    cases = [
        (3.5, r"builtins.float cannot be imported; needs the path of a file"),
        (frame, r"different order; use df.loc\[df.columns\]"),
        (pd.DataFrame({"a": ["x", None], "b": ["y", "z"]}), r"1 rows lack a gene name.*\[1\]; drop them"),
        (
            pd.DataFrame({"a": ["x"], "b": ["y"], "w": ["high"]}),
            "weight column 'w' holds (object|str); needs numbers",
        ),
        (pd.DataFrame({"a": [], "b": []}), "DataFrame is empty"),
        (pd.DataFrame(FULL, columns=list("abc")).assign(d=1), "4 columns"),
        (
            xr.DataArray(FULL, dims=("g", "h"), coords={"g": list("abc"), "h": list("abd")}),
            "differ in labels",
        ),
        (np.array([["a"]]), "needs real numbers"),
    ]
    for k, (source, part) in enumerate(cases):
        folder = tmp_path / str(k)
        folder.mkdir()
        refused(folder, source, part)


def test_bad_archives(tmp_path):
    sp.save_npz(tmp_path / "whole.npz", sp.csr_array(np.ones((40, 40))))
    whole = (tmp_path / "whole.npz").read_bytes()
    np.savez(tmp_path / "two.npz", a=FULL, b=FULL)
    np.save(tmp_path / "objects.npy", np.array([[print]]), allow_pickle=True)
    np.savez(tmp_path / "objects.npz", data=np.array([print]), format=b"csr", shape=(1, 1))
    (tmp_path / "cut.npz").write_bytes(whole[: len(whole) // 2])
    middle = whole.index(b"data.npy") + 80
    (tmp_path / "flipped.npz").write_bytes(
        whole[:middle] + bytes([whole[middle] ^ 255]) + whole[middle + 1 :]
    )
    for name, part in {
        "cut.npz": "truncated or damaged",
        "flipped.npz": "truncated or damaged",
        "two.npz": "holds the arrays a, b; needs one scipy sparse matrix",
        "objects.npy": "Python objects, which are never loaded",
        "objects.npz": "Python objects, which are never loaded",
    }.items():
        folder = tmp_path / name.replace(".", "-")
        folder.mkdir()
        refused(folder, tmp_path / name, part)


def test_bad_anndata(tmp_path):
    ad.AnnData(obs=pd.DataFrame(index=["a", "b"])).write_h5ad(tmp_path / "none.h5ad")
    data = ad.AnnData(obs=pd.DataFrame(index=["a", "b"]))
    data.obsp["x"] = np.eye(2)
    data.write_h5ad(tmp_path / "one.h5ad")
    whole = (tmp_path / "one.h5ad").read_bytes()
    (tmp_path / "cut.h5ad").write_bytes(whole[: len(whole) // 2])
    for name, key, part in (
        ("none.h5ad", None, "nothing in obsp or varp"),
        ("one.h5ad", "obsp/y", "has no 'obsp/y'; it has obsp/x; choose one: --key obsp/x"),
        ("cut.h5ad", None, "truncated or damaged"),
    ):
        folder = tmp_path / name.replace(".", "-")
        folder.mkdir()
        refused(folder, tmp_path / name, part, key=key)


def test_bad_zarr(tmp_path):
    group = zarr.create_group(str(tmp_path / "g.zarr"))
    group.create_array("adjacency", shape=(2, 2), dtype="float32")
    zarr.create_array(str(tmp_path / "long.zarr"), shape=(2, 3), dtype="float32")
    (tmp_path / "empty.zarr").mkdir()
    dasknmf.import_network(FULL, tmp_path / "made.zarr")
    for name, part in {
        "g.zarr": r"a Zarr group that holds adjacency; name one: .*g\.zarr/adjacency",
        "long.zarr": "2×3 array",
        "empty.zarr": "is not a Zarr array",
        "made.zarr": "is a network already; open it",
    }.items():
        folder = tmp_path / name.replace(".", "-")
        folder.mkdir()
        refused(folder, tmp_path / name, part)


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ({"layout": "wide"}, "layout='wide' is not known; choose one of auto, dense, sparse"),
        ({"duplicates": "first"}, "duplicates='first' is not known; choose one of error, max, mean, sum"),
        ({"asymmetric": "min"}, "choose one of error, max, mean"),
        ({"self_loops": "no"}, "choose one of keep, drop, error"),
        ({"negative": "no"}, "choose one of error, clip, absolute"),
        ({"codec": "gzip"}, "choose one of none, lz4, zstd"),
        ({"format": "xlsx"}, "choose one of edges, mtx"),
        ({"tile": 0}, "tile=0 genes; needs 1 to 65,536"),
    ],
)
def test_bad_options(tmp_path, options, part):
    refused(tmp_path, FULL, part, **options)


def test_a_place_that_is_taken_or_has_no_folder(tmp_path):
    (tmp_path / "n.zarr").mkdir()
    refused(tmp_path, FULL, r"exists already; .*\(--force, overwrite=True\)")
    with pytest.raises(InputError, match="is not a folder; make it first: mkdir -p"):
        dasknmf.import_network(FULL, tmp_path / "no" / "n.zarr")
    with pytest.raises(InputError, match=r"temp_dir=.* is not a folder"):
        dasknmf.import_network(FULL, tmp_path / "m.zarr", temp_dir=tmp_path / "no")


@pytest.mark.parametrize(
    ("name", "library", "extra"),
    [("e.tsv.zst", "zstandard", "zstd"), ("a.h5ad", "anndata.io", "anndata"), ("a.cool", "cooler", "cooler")],
)
def test_missing_libraries_name_their_extra(tmp_path, monkeypatch, name, library, extra):
    (tmp_path / name).write_bytes(b"x")
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(MissingDependencyError, match=rf"pip install 'dasknmf\[{extra}\]'"):
        dasknmf.import_network(tmp_path / name, tmp_path / "n.zarr")
