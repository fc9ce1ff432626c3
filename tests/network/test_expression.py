import gzip

import numpy as np
import pandas as pd
import pytest

from dasknmf.errors import InputError
from dasknmf.network.expression import open_expression


def read(given, **options):
    with open_expression(given, **options) as opened:
        blocks = list(opened.blocks)
        return opened.genes, np.concatenate(blocks)


def test_a_quoted_table_with_byte_order_mark_and_blank_lines_is_read(tmp_path):
    file = tmp_path / "x.csv"
    file.write_text('\ufeff"","s 1","s 2","s 3"\r\n"a,1",1,2.5,3e-2\r\n\r\n"b", 4,5,6\r\n', encoding="utf-8")
    genes, values = read(file)
    assert genes == ["a,1", "b"]
    np.testing.assert_array_equal(values, [[1, 2.5, 0.03], [4, 5, 6]])


def test_a_first_line_without_a_corner_is_read_as_r_writes_it(tmp_path):
    file = tmp_path / "x.tsv"
    file.write_text("s1\ts2\ts3\na\t1\t2\t3\n")
    genes, values = read(file)
    assert genes == ["a"]
    assert values.shape == (1, 3)


def test_integer_names_become_text():
    assert read(pd.DataFrame(np.eye(3), index=[7157, 672, 1956]))[0] == ["7157", "672", "1956"]


def test_names_can_come_from_a_file(tmp_path):
    (tmp_path / "genes.txt").write_text("a\nb\n")
    assert read(np.ones((2, 3)), genes=tmp_path / "genes.txt")[0] == ["a", "b"]


BAD_TEXT = {
    "empty": ("", "is empty"),
    "header only": ("g\ts1\ts2\ts3\n", "a first line and nothing else"),
    "no header": (
        "a\t1.5\t2\t3\nb\t1\t2\t3\n",
        r"line 1: must name the samples, but holds numbers \('1.5'\)",
    ),
    "no tabs": ("g,s1,s2,s3\na,1,2,3\n", "line 1: has no tab"),
    "ragged": (
        "g\ts1\ts2\ts3\na\t1\t2\nb\t1\t2\t3\nc\t1\t2\t3\t4\n",
        "must have 4 fields, a name and 3 numbers: line 2 has 3; line 4 has 5; 2 in all",
    ),
    "not numbers": (
        "g\ts1\ts2\ts3\na\tNA\t\t3\nb\t1\tinf\tx\n",
        r"2 \('a'\), column 's1': 'NA'; line 2 \('a'\), column 's2': ''; .*'inf'; 4 in all; .*dropna",
    ),
    "duplicates": ("g\ts1\ts2\ts3\na\t1\t2\t3\na\t1\t2\t4\n", "'a' is gene 1 and gene 2"),
    "nameless": ("g\ts1\ts2\ts3\n\t1\t2\t3\n", "gene 1 has no name"),
    "too few samples": ("g\ts1\ts2\na\t1\t2\n", "has 2 samples; .*genes_in='columns'"),
}


@pytest.mark.parametrize("case", BAD_TEXT)
def test_bad_text_ends_in_one_error_that_says_where(tmp_path, case):
    text, message = BAD_TEXT[case]
    file = tmp_path / "x.tsv"
    file.write_text(text)
    with pytest.raises(InputError, match=message) as caught:
        read(file)
    assert str(file) in str(caught.value)


def compressed(folder, kind):
    rows = "".join(f"g{i}\t{i}\t{i * i}\t{7 * i % 5}\n" for i in range(5000))
    data = f"g\ts1\ts2\ts3\n{rows}".encode()
    file = folder / f"x.tsv.{kind}"
    if kind == "gz":
        file.write_bytes(gzip.compress(data))
    else:
        zstandard = pytest.importorskip("zstandard")
        half = len(data) // 2
        file.write_bytes(
            b"".join(zstandard.ZstdCompressor().compress(part) for part in (data[:half], data[half:]))
        )
    return file


@pytest.mark.parametrize("kind", ["gz", "zst"])
def test_compressed_text_is_read_whole_and_refused_when_cut(tmp_path, kind):
    file = compressed(tmp_path, kind)
    genes, values = read(file)
    assert len(genes) == 5000
    np.testing.assert_array_equal(values[-1], [4999, 4999**2, 7 * 4999 % 5])
    file.write_bytes(file.read_bytes()[:-5000])
    with pytest.raises(InputError, match=r"truncated or damaged .*download it again"):
        read(file)
    file.write_bytes(b"not compressed at all, whatever its name says")
    with pytest.raises(InputError, match="truncated or damaged"):
        read(file)


def test_binary_files_are_no_text(tmp_path):
    file = tmp_path / "x.tsv"
    file.write_bytes(b"g\ts1\ts2\ts3\na\t1\xff\xfe\t2\t3\n")
    with pytest.raises(InputError, match="no text table"):
        read(file)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("absent.tsv", "cannot be read .*ls "),
        ("absent.npy", "no such local file"),
        ("x.parquet", "not a known kind .*\\.tsv, .*\\.h5ad"),
    ],
)
def test_absent_and_unknown_files(tmp_path, name, message):
    with pytest.raises(InputError, match=message):
        read(tmp_path / name, genes=["a"])


def test_what_is_not_finite_is_named_by_gene_and_sample():
    frame = pd.DataFrame(np.eye(4), index=list("abcd"), columns=["w", "x", "y", "z"])
    frame.iloc[1, 2], frame.iloc[3, 0] = np.nan, np.inf
    message = "gene 'b', sample 'y': nan; gene 'd', sample 'w': inf; 2 in all"
    with pytest.raises(InputError, match=message):
        read(frame)
    with pytest.raises(InputError, match=message):
        read(frame.T, genes_in="columns")
    with pytest.raises(InputError, match="gene 2, sample 3: nan"):
        read(frame.to_numpy(), genes=list("abcd"))


def test_a_frame_with_text_is_refused_where_the_text_is():
    frame = pd.DataFrame({"w": [1, 2], "x": [1, "high"], "y": [3, 4]}, index=["a", "b"])
    with pytest.raises(InputError, match="gene 'b', sample 'x': high"):
        read(frame)


@pytest.mark.parametrize(
    ("given", "options", "message"),
    [
        (np.ones((4, 3)), {}, "has no gene names; give them: --genes FILE"),
        (np.ones((4, 3)), {"genes": ["a"]}, "has 4 genes, but genes= names 1"),
        (np.ones((4, 3)), {"genes": "absent.txt"}, "genes file absent.txt"),
        (np.ones((0, 3)), {"genes": []}, "at least one gene"),
        (np.ones((4, 0)), {"genes": list("abcd")}, "has 0 samples"),
        (np.ones(4), {"genes": list("abcd")}, r"shape \(4,\)"),
        (np.array([["x", "y", "z"]]), {"genes": ["a"]}, "needs a table of numbers"),
        (np.ones((2, 3), complex), {"genes": ["a", "b"]}, "needs a table of numbers"),
    ],
)
def test_arrays_that_cannot_be_expression(given, options, message):
    with pytest.raises(InputError, match=message):
        read(given, **options)


def test_pickled_and_damaged_npy_are_refused(tmp_path):
    np.save(tmp_path / "o.npy", np.array([[None]]), allow_pickle=True)
    (tmp_path / "d.npy").write_bytes(b"nothing")
    for name in ("o.npy", "d.npy"):
        with pytest.raises(InputError, match="no array of numbers"):
            read(tmp_path / name, genes=["a"])


def test_h5ad_without_the_layer_or_without_hdf5(tmp_path):
    anndata = pytest.importorskip("anndata")
    adata = anndata.AnnData(np.ones((3, 2)), layers={"counts": np.ones((3, 2))})
    adata.write_h5ad(tmp_path / "x.h5ad")
    with pytest.raises(InputError, match="has no layer 'raw'; layers there: counts"):
        read(tmp_path / "x.h5ad", layer="raw")
    with pytest.raises(InputError, match="has no layer 'raw'; layers there: counts"):
        read(adata, layer="raw")
    (tmp_path / "y.h5ad").write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"no \.h5ad of a recent AnnData"):
        read(tmp_path / "y.h5ad")
