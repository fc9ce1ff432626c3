import errno
import tempfile
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

import dasknmf
from dasknmf.errors import InputError, MemoryLimitError
from dasknmf.network.weighting import Weighting

rng = np.random.default_rng(7)
VALUES = rng.standard_normal((40, 3)) @ rng.standard_normal((3, 9)) + 0.4 * rng.standard_normal((40, 9))
GENES = [f"g{i}" for i in range(40)]


def dense(network):
    return network.to_dask().compute()


def reference(values, *, sign="unsigned", power=6, method="pearson"):
    r = np.corrcoef(values) if method == "pearson" else scipy.stats.spearmanr(values, axis=1).statistic
    r = np.clip(r, -1, 1)
    weights = {
        "unsigned": np.abs(r) ** power,
        "signed": ((1 + r) / 2) ** power,
        "signed-hybrid": np.where(r > 0, r, 0) ** power,
    }[sign]
    np.fill_diagonal(weights, 0)
    return weights


@pytest.mark.parametrize("method", ["pearson", "spearman"])
@pytest.mark.parametrize(("sign", "power"), [("unsigned", 6), ("signed", 12), ("signed-hybrid", 6)])
def test_default_powers_equal_numpy_and_scipy(tmp_path, method, sign, power):
    network = dasknmf.coexpression(
        VALUES, tmp_path / "n.zarr", genes=GENES, method=method, sign=sign, tile=17
    )
    np.testing.assert_allclose(
        dense(network), reference(VALUES, sign=sign, power=power, method=method), atol=2e-7
    )
    assert network.header.weights == {
        "kind": "coexpression",
        "method": method,
        "sign": sign,
        "power": power,
        "diagonal": "dropped",
        "threshold": None,
        "samples": 9,
    }
    network.verify()


def test_the_formulas_by_hand(tmp_path):
    values = [[1, 2, 3, 4], [2, 4, 6, 8], [4, 3, 2, 1], [1, 3, 2, 4]]
    # r of the first gene with the others: 1, -1 and 0.8
    options = {"genes": ["a", "b", "c", "d"], "power": 2}
    unsigned = dasknmf.coexpression(values, tmp_path / "u.zarr", **options)
    signed = dasknmf.coexpression(values, tmp_path / "s.zarr", sign="signed", **options)
    hybrid = dasknmf.coexpression(values, tmp_path / "h.zarr", sign="signed-hybrid", **options)
    np.testing.assert_allclose(dense(unsigned)[0], [0, 1, 1, 0.64], atol=1e-7)
    np.testing.assert_allclose(dense(signed)[0], [0, 1, 0, 0.81], atol=1e-7)
    np.testing.assert_allclose(dense(hybrid)[0], [0, 1, 0, 0.64], atol=1e-7)


@pytest.mark.parametrize("power", [1, 2, 3, 6.5, 12, 64, 100])
def test_powers_by_squaring_equal_numpy(power):
    r = np.linspace(-1, 1, 101)
    expected = np.abs(r) ** power
    expected[expected < np.finfo(np.float32).tiny] = 0
    np.testing.assert_allclose(Weighting(power=power)(r.copy()), expected, rtol=1e-6)


@settings(max_examples=25, deadline=None)
@given(
    n=st.integers(1, 25),
    samples=st.integers(3, 8),
    tile=st.integers(1, 30),
    sign=st.sampled_from(["unsigned", "signed", "signed-hybrid"]),
    method=st.sampled_from(["pearson", "spearman"]),
    seed=st.integers(0, 100),
)
def test_any_tile_size_gives_the_symmetric_network_of_numpy(n, samples, tile, sign, method, seed):
    values = np.random.default_rng(seed).standard_normal((n, samples))
    with tempfile.TemporaryDirectory() as folder:
        network = dasknmf.coexpression(
            values, Path(folder, "n.zarr"), genes=GENES[:n], sign=sign, method=method, tile=tile, power=3
        )
        weights = dense(network)
    # spearmanr takes ranks of columns only when there are more than two
    ranks = np.apply_along_axis(scipy.stats.rankdata, 1, values) if method == "spearman" else values
    expected = reference(ranks, sign=sign, power=3) if n > 1 else np.zeros((1, 1))
    np.testing.assert_allclose(weights, expected, atol=1e-6)
    np.testing.assert_array_equal(weights, weights.T)
    assert (weights.diagonal() == 0).all()


def test_diagonal_one(tmp_path):
    network = dasknmf.coexpression(VALUES, tmp_path / "n.zarr", genes=GENES, diagonal="one")
    assert (network.diagonal == 1).all()
    assert network.header.self_loops == 40
    assert network.header.weights["diagonal"] == "kept"


def test_a_threshold_makes_a_sparse_network_of_the_same_weights(tmp_path):
    network = dasknmf.coexpression(VALUES, tmp_path / "n.zarr", genes=GENES, threshold=0.2, tile=11)
    expected = reference(VALUES)
    expected[expected < 0.2] = 0
    assert network.header.layout == "sparse"
    np.testing.assert_allclose(dense(network), expected, atol=2e-7)
    kept = dasknmf.coexpression(
        VALUES, tmp_path / "d.zarr", genes=GENES, threshold=0.2, tile=11, layout="dense"
    )
    np.testing.assert_array_equal(dense(kept), dense(network))


@pytest.mark.parametrize("sign", ["unsigned", "signed", "signed-hybrid"])
def test_constant_genes_are_refused_isolated_or_dropped(tmp_path, sign):
    values = VALUES.copy()
    values[[3, 30]] = [[5.1], [0]]
    with pytest.raises(
        InputError, match=r"no correlation: gene 'g3'; gene 'g30'; 2 in all; .*--constant zero"
    ):
        dasknmf.coexpression(values, tmp_path / "n.zarr", genes=GENES, sign=sign)
    kept = dasknmf.coexpression(
        values, tmp_path / "z.zarr", genes=GENES, sign=sign, constant="zero", diagonal="one", tile=16
    )
    assert (dense(kept)[[3, 30]] == 0).all()
    assert kept.header.provenance["constant_genes"] == 2
    dropped = dasknmf.coexpression(
        values, tmp_path / "d.zarr", genes=GENES, sign=sign, constant="drop", diagonal="one", tile=16
    )
    assert dropped.genes.tolist() == [g for g in GENES if g not in ("g3", "g30")]
    others = [i for i in range(40) if i not in (3, 30)]
    np.testing.assert_allclose(dense(dropped), dense(kept)[np.ix_(others, others)], atol=1e-7)


def test_only_constant_genes_leave_nothing(tmp_path):
    with pytest.raises(InputError, match="all 2 are constant"):
        dasknmf.coexpression(np.ones((2, 4)), tmp_path / "n.zarr", genes=["a", "b"], constant="drop")


def test_huge_and_tiny_values_do_not_overflow(tmp_path):
    scaled = VALUES * np.logspace(-200, 200, 40)[:, None]
    network = dasknmf.coexpression(scaled, tmp_path / "n.zarr", genes=GENES)
    np.testing.assert_allclose(dense(network), reference(VALUES), atol=2e-7)


def test_the_network_is_the_same_bits_for_any_number_of_threads(tmp_path):
    checksums = {
        dasknmf.coexpression(VALUES, tmp_path / f"{t}.zarr", genes=GENES, tile=7, threads=t).header.checksum
        for t in (1, 2, 5)
    }
    assert len(checksums) == 1


def test_every_kind_of_input_gives_the_same_network(tmp_path, monkeypatch):
    anndata = pytest.importorskip("anndata")
    # small blocks, so that all sources are read in several
    monkeypatch.setattr("dasknmf.network.expression_text.BLOCK_BYTES", 8 * 9 * 7)
    for module in ("expression", "expression_matrix"):
        monkeypatch.setattr(f"dasknmf.network.{module}.FEWEST_COLUMNS", 3)
    values = np.where(VALUES > 0.5, VALUES, 0)
    values[:, 0] = 1.5
    samples = [f"s{i}" for i in range(9)]
    frame = pd.DataFrame(values, index=GENES, columns=samples)
    np.save(tmp_path / "x.npy", values)
    np.save(tmp_path / "t.npy", values.T)
    frame.to_csv(tmp_path / "x.csv")
    frame.to_csv(tmp_path / "x.tsv.gz", sep="\t")
    frame.T.to_csv(tmp_path / "t.tsv.zst", sep="\t")
    layers = {"csc": sp.csc_array(values.T), "dense": values.T}
    obs, var = pd.DataFrame(index=samples), pd.DataFrame(index=GENES)
    adata = anndata.AnnData(sp.csr_matrix(values.T), obs=obs, var=var, layers=layers)
    adata.write_h5ad(tmp_path / "x.h5ad")
    adata.T.write_h5ad(tmp_path / "t.h5ad")
    sources = [
        (values, {"genes": GENES}),
        (values.T, {"genes": GENES, "genes_in": "columns"}),
        (sp.coo_array(values), {"genes": GENES}),
        (frame, {}),
        (frame.T, {"genes_in": "columns"}),
        (tmp_path / "x.npy", {"genes": GENES}),
        (tmp_path / "t.npy", {"genes": GENES, "genes_in": "columns"}),
        (tmp_path / "x.csv", {}),
        (str(tmp_path / "x.tsv.gz"), {}),
        (tmp_path / "t.tsv.zst", {"genes_in": "columns"}),
        (adata, {}),
        (adata, {"layer": "csc"}),
        (adata, {"layer": "dense"}),
        (tmp_path / "x.h5ad", {}),
        (tmp_path / "x.h5ad", {"layer": "csc"}),
        (tmp_path / "x.h5ad", {"layer": "dense"}),
        (tmp_path / "t.h5ad", {"genes_in": "rows"}),
    ]
    checksums = [
        dasknmf.coexpression(source, tmp_path / "n.zarr", tile=16, overwrite=True, **options).header.checksum
        for source, options in sources
    ]
    assert set(checksums) == {checksums[0]}


def test_the_spool_has_no_name_and_a_failure_leaves_nothing(tmp_path, monkeypatch):
    spool, out = tmp_path / "spool", tmp_path / "out"
    spool.mkdir(), out.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(spool))
    seen = []
    dasknmf.coexpression(
        VALUES.T,
        out / "n.zarr",
        genes=GENES,
        genes_in="columns",
        progress=lambda *_: seen.extend(spool.iterdir()),
    )
    broken = VALUES.copy()
    broken[39, 8] = np.nan
    with pytest.raises(InputError):
        dasknmf.coexpression(broken, out / "m.zarr", genes=GENES)
    assert seen == []
    assert list(spool.iterdir()) == []
    assert [path.name for path in out.iterdir()] == ["n.zarr"]


def test_a_taken_place_is_refused_before_anything_is_read(tmp_path):
    (tmp_path / "n.zarr").mkdir()
    with pytest.raises(InputError, match="exists already"):
        dasknmf.coexpression(tmp_path / "absent.tsv", tmp_path / "n.zarr")


def test_a_projection_above_the_memory_limit_is_refused(tmp_path):
    with pytest.raises(MemoryLimitError, match=r"fewer threads \(threads=1\)"):
        dasknmf.coexpression(VALUES, tmp_path / "n.zarr", genes=GENES, memory_limit="100MiB")
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_says_where_and_what_to_set(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("dasknmf.network.row_spool.tempfile.TemporaryFile", lambda **_: Mock(write=full))
    with pytest.raises(InputError, match=r"is full after 0 rows of ndarray .*export TMPDIR=FOLDER"):
        dasknmf.coexpression(VALUES, tmp_path / "n.zarr", genes=GENES)
    assert list(tmp_path.iterdir()) == []


def test_progress_counts_tiles(tmp_path):
    seen = []
    dasknmf.coexpression(
        VALUES, tmp_path / "n.zarr", genes=GENES, tile=20, progress=lambda *x: seen.append(x)
    )
    assert seen == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "kendall"}, "pearson, spearman"),
        ({"sign": "both"}, "unsigned, signed, signed-hybrid"),
        ({"diagonal": "two"}, "zero, one"),
        ({"layout": "flat"}, "auto, dense, sparse"),
        ({"constant": "keep"}, "error, zero, drop"),
        ({"genes_in": "var"}, "rows, columns"),
        ({"power": 0}, "power=0: needs a number above 0, such as 6"),
        ({"threshold": 2}, "threshold=2: needs a number from 0 to 1"),
        ({"tile": 0}, "tile=0"),
        ({"memory_limit": "lots"}, "memory_limit='lots': needs bytes"),
        ({"layer": "counts"}, "layer='counts' is for AnnData"),
    ],
)
def test_options_out_of_range_are_refused(tmp_path, options, message):
    with pytest.raises(InputError, match=message):
        dasknmf.coexpression(VALUES, tmp_path / "n.zarr", genes=GENES, **options)
