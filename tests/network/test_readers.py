"""Every kind of source gives the store of its matrix."""

from __future__ import annotations

import anndata as ad
import cooler
import dask.array as da
import numpy as np
import pandas as pd
import pytest
import scipy.io
import scipy.sparse as sp
import xarray as xr
import zarr

import dasknmf
from dasknmf.errors import InputError

GENES = [f"g{k}" for k in range(23)]


@pytest.fixture
def matrix() -> np.ndarray:
    """A symmetric matrix, a third of it non-zero, with a diagonal and one isolated gene."""
    rng = np.random.default_rng(7)
    full = np.round(rng.random((23, 23)), 3) * (rng.random((23, 23)) < 0.2)
    full = np.maximum(full, full.T)
    full[5] = full[:, 5] = 0
    return full.astype(np.float32)


def assert_holds(network: dasknmf.Network, expected: np.ndarray) -> None:
    network.verify()
    np.testing.assert_array_equal(network.to_dask().compute(), expected.astype(np.float32))
    np.testing.assert_array_equal(
        network.degree, ((expected != 0) & ~np.eye(len(expected), dtype=bool)).sum(axis=1)
    )
    np.testing.assert_allclose(network.strength, expected.astype(np.float64).sum(axis=1))
    np.testing.assert_array_equal(network.diagonal, np.diagonal(expected))
    assert network.header.total == pytest.approx(expected.astype(np.float64).sum())
    assert network.header.sum_of_squares == pytest.approx((expected.astype(np.float64) ** 2).sum())
    assert network.header.edges == np.count_nonzero(np.triu(expected, 1))


LAYOUTS = pytest.mark.parametrize("layout", ["auto", "dense", "sparse"])
TILES = pytest.mark.parametrize("tile", [None, 5, 23])

OBJECTS = {
    "numpy": lambda a: a,
    "numpy, Fortran order": np.asfortranarray,
    "float64": lambda a: a.astype(np.float64),
    "csr": sp.csr_array,
    "csc": sp.csc_matrix,
    "coo": sp.coo_array,
    "lil": sp.lil_matrix,
    "upper triangle": np.triu,
    "lower triangle": np.tril,
    "sparse upper triangle": lambda a: sp.csr_array(np.triu(a)),
    "sparse lower triangle": lambda a: sp.csc_array(np.tril(a)),
    "DataFrame": lambda a: pd.DataFrame(a, index=GENES, columns=GENES),
    "DataArray": lambda a: xr.DataArray(
        a, dims=("gene", "partner"), coords={"gene": GENES, "partner": GENES}
    ),
    "lazy DataArray": lambda a: xr.DataArray(da.from_array(a, chunks=9), dims=("gene", "partner")),
    "Dask": lambda a: da.from_array(a, chunks=(7, 4)),
}


@LAYOUTS
@pytest.mark.parametrize("kind", OBJECTS)
def test_python_objects(tmp_path, matrix, kind, layout):
    network = dasknmf.import_network(
        OBJECTS[kind](matrix), tmp_path / "n.zarr", genes=GENES, layout=layout, tile=9
    )
    assert_holds(network, matrix)
    assert network.genes.tolist() == GENES


def test_names_come_from_labels_or_are_row_numbers(tmp_path, matrix):
    framed = dasknmf.import_network(OBJECTS["DataFrame"](matrix), tmp_path / "f.zarr")
    assert framed.genes.tolist() == GENES
    labelled = dasknmf.import_network(OBJECTS["DataArray"](matrix), tmp_path / "x.zarr")
    assert labelled.genes.tolist() == GENES
    bare = dasknmf.import_network(matrix, tmp_path / "b.zarr")
    assert bare.genes.tolist() == [str(k) for k in range(23)]


def test_a_list_in_a_dataframe(tmp_path):
    frame = pd.DataFrame({"tf": ["b", "a"], "target": [" c", "b"], "n": [1, 2], "score": [0.5, 2.0]})
    network = dasknmf.import_network(frame, tmp_path / "n.zarr", columns=("tf", "target", "score"))
    assert network.genes.tolist() == ["a", "b", "c"]
    np.testing.assert_array_equal(network.to_dask().compute(), [[0, 2, 0], [2, 0, 0.5], [0, 0.5, 0]])


def test_dask_blocks_are_computed_once(tmp_path, matrix):
    seen = []

    def look(block, block_info):
        seen.append(block_info[0]["chunk-location"])
        return block

    lazy = da.from_array(matrix, chunks=(6, 10))
    lazy = da.map_blocks(look, lazy, dtype=matrix.dtype, meta=np.empty((0, 0), np.float32))
    network = dasknmf.import_network(lazy, tmp_path / "n.zarr", tile=4, memory_limit=1)
    assert_holds(network, matrix)
    assert len(seen) == len(set(seen)) == 4 * 3


@TILES
@pytest.mark.parametrize("suffix", ["npy", "npz"])
def test_numpy_files(tmp_path, matrix, suffix, tile):
    path = tmp_path / f"a.{suffix}"
    np.save(path, matrix) if suffix == "npy" else np.savez_compressed(path, adjacency=matrix)
    assert_holds(dasknmf.import_network(path, tmp_path / "n.zarr", tile=tile), matrix)


@pytest.mark.parametrize("form", ["csr", "csc", "coo"])
@pytest.mark.parametrize("compressed", [True, False])
def test_scipy_files(tmp_path, matrix, form, compressed):
    sp.save_npz(tmp_path / "a.npz", sp.coo_array(matrix).asformat(form), compressed=compressed)
    assert_holds(dasknmf.import_network(tmp_path / "a.npz", tmp_path / "n.zarr", layout="sparse"), matrix)


@pytest.mark.parametrize("suffix", ["mtx", "mtx.gz"])
@pytest.mark.parametrize("symmetry", ["symmetric", "general"])
@pytest.mark.parametrize("layout", ["array", "coordinate"])
def test_matrix_market(tmp_path, matrix, layout, symmetry, suffix):
    path = tmp_path / "a.mtx"
    given = sp.coo_array(matrix) if layout == "coordinate" else matrix
    scipy.io.mmwrite(path, given, symmetry=symmetry, precision=8)
    if suffix.endswith("gz"):
        import gzip

        path = tmp_path / "a.mtx.gz"
        path.write_bytes(gzip.compress((tmp_path / "a.mtx").read_bytes()))
    assert_holds(dasknmf.import_network(path, tmp_path / "n.zarr", tile=6), matrix)


def test_matrix_market_pattern_weighs_one(tmp_path):
    (tmp_path / "p.mtx").write_text(
        "%%MatrixMarket matrix coordinate pattern symmetric\n% x\n3 3 2\n2 1\n3 3\n"
    )
    network = dasknmf.import_network(tmp_path / "p.mtx", tmp_path / "n.zarr")
    assert_holds(network, np.array([[0, 1, 0], [1, 0, 0], [0, 0, 1]]))
    assert network.header.weights == {"kind": "unweighted", "diagonal": "kept"}


def test_zarr_array(tmp_path, matrix):
    array = zarr.create_array(str(tmp_path / "a.zarr"), shape=(23, 23), chunks=(8, 5), dtype="float32")
    array[:] = matrix
    assert_holds(dasknmf.import_network(tmp_path / "a.zarr", tmp_path / "n.zarr", tile=7), matrix)


@pytest.mark.parametrize("axis", ["obsp", "varp"])
@pytest.mark.parametrize("encode", [sp.csr_matrix, sp.csc_matrix, np.asarray])
def test_anndata_file(tmp_path, matrix, axis, encode):
    frame = pd.DataFrame(index=pd.Index(GENES))
    data = ad.AnnData(**{"obs" if axis == "obsp" else "var": frame})
    getattr(data, axis)["links"] = encode(matrix)
    data.write_h5ad(tmp_path / "a.h5ad")
    network = dasknmf.import_network(tmp_path / "a.h5ad", tmp_path / "n.zarr", tile=6)
    assert_holds(network, matrix)
    assert network.genes.tolist() == GENES
    assert network.header.provenance["key"] == f"{axis}/links"


def test_anndata_file_with_two_matrices_needs_a_key(tmp_path, matrix):
    data = ad.AnnData(obs=pd.DataFrame(index=pd.Index(GENES)))
    data.obsp["one"], data.obsp["two"] = sp.csr_matrix(matrix), 2 * matrix
    data.write_h5ad(tmp_path / "a.h5ad")
    with pytest.raises(
        InputError, match=r"2 pairwise matrices: obsp/one, obsp/two; choose one: --key obsp/one"
    ):
        dasknmf.import_network(tmp_path / "a.h5ad", tmp_path / "n.zarr")
    network = dasknmf.import_network(tmp_path / "a.h5ad", tmp_path / "n.zarr", key="obsp/two")
    assert_holds(network, 2 * matrix)


@pytest.fixture
def contacts(tmp_path):
    """A Cooler file with 30 bins of 10 base pairs, and its counts."""
    rng = np.random.default_rng(3)
    counts = np.triu(rng.poisson(0.6, (30, 30)))
    row, column = np.nonzero(counts)
    starts = np.r_[np.arange(0, 200, 10), np.arange(0, 100, 10)]
    bins = pd.DataFrame({"chrom": ["chr1"] * 20 + ["chr2"] * 10, "start": starts, "end": starts + 10})
    pixels = pd.DataFrame({"bin1_id": row, "bin2_id": column, "count": counts[row, column]})
    cooler.create_cooler(str(tmp_path / "a.cool"), bins, pixels)
    return tmp_path / "a.cool", counts + np.triu(counts, 1).T


def test_cooler(tmp_path, contacts):
    path, counts = contacts
    network = dasknmf.import_network(path, tmp_path / "n.zarr", tile=8)
    assert_holds(network, counts)
    assert network.genes[[0, 20]].tolist() == ["chr1:0-10", "chr2:0-10"]
    assert network.header.weights["kind"] == "contact count"


def test_cooler_with_resolutions(tmp_path, contacts):
    path, counts = contacts
    cooler.zoomify_cooler(str(path), str(tmp_path / "a.mcool"), [10, 20], chunksize=1000)
    with pytest.raises(InputError, match=r"holds the resolutions 10, 20; choose one: --resolution 10"):
        dasknmf.import_network(tmp_path / "a.mcool", tmp_path / "n.zarr")
    with pytest.raises(InputError, match=r"10, 20, not 5000"):
        dasknmf.import_network(tmp_path / "a.mcool", tmp_path / "n.zarr", resolution=5000)
    fine = dasknmf.import_network(tmp_path / "a.mcool", tmp_path / "n.zarr", resolution=10)
    assert_holds(fine, counts)
    coarse = dasknmf.import_network(f"{tmp_path}/a.mcool::/resolutions/20", tmp_path / "c.zarr")
    merged = np.add.reduceat(
        np.add.reduceat(np.triu(counts), range(0, 30, 2), axis=0), range(0, 30, 2), axis=1
    )
    assert_holds(coarse, np.triu(merged) + np.triu(merged, 1).T)


@pytest.mark.parametrize("layout", ["dense", "sparse"])
def test_policies_on_matrices(tmp_path, layout):
    given = np.array([[4, 1, -2], [3, 0, 0], [-2, 0, 0]], dtype=float)
    for k, source in enumerate((given, sp.csr_array(given))):
        network = dasknmf.import_network(
            source,
            tmp_path / f"{k}.zarr",
            asymmetric="mean",
            negative="absolute",
            self_loops="drop",
            layout=layout,
            tile=2,
        )
        assert_holds(network, np.array([[0, 2, 2], [2, 0, 0], [2, 0, 0]]))
        assert network.header.weights["diagonal"] == "dropped"
        counts = network.header.provenance["counts"]
        assert (counts["self_loops"], counts["asymmetric_merged"], counts["negatives_changed"]) == (1, 1, 2)
        assert network.header.isolated == 0


def test_a_direction_that_a_full_matrix_lacks_is_zero(tmp_path):
    given = np.array([[0, 2, 1], [0, 0, 5], [1, 5, 0]], dtype=float)
    for k, source in enumerate((given, sp.csr_array(given))):
        with pytest.raises(InputError, match=r"two directions differ: row 1 \('0'\), column 2 \('1'\): 2"):
            dasknmf.import_network(source, tmp_path / f"{k}.zarr")
        network = dasknmf.import_network(source, tmp_path / f"{k}.zarr", asymmetric="mean")
        assert_holds(network, (given + given.T) / 2)


def test_rounding_noise_is_not_asymmetry(tmp_path):
    given = np.array([[0, 1], [1 + 1e-7, 0]])
    for k, source in enumerate((given, sp.csr_array(given))):
        network = dasknmf.import_network(source, tmp_path / f"{k}.zarr")
        assert network.header.provenance["counts"]["asymmetric_merged"] == 0


def test_layout_follows_the_source(tmp_path, matrix):
    assert dasknmf.import_network(matrix * 0 + np.eye(23), tmp_path / "a.zarr").header.layout == "dense"
    assert dasknmf.import_network(sp.eye_array(23, k=1), tmp_path / "b.zarr").header.layout == "sparse"
    assert dasknmf.import_network(sp.csr_array(matrix), tmp_path / "c.zarr").header.layout == "dense"


def test_provenance_says_where_it_comes_from(tmp_path, matrix):
    np.save(tmp_path / "a.npy", matrix)
    network = dasknmf.import_network(tmp_path / "a.npy", tmp_path / "n.zarr", asymmetric="max")
    provenance = network.header.provenance
    assert provenance["source"] == "a.npy"
    assert provenance["reader"] == "npy"
    assert provenance["policies"]["asymmetric"] == "max"
    assert provenance["program"] == f"dasknmf {dasknmf.__version__}"
    assert provenance["time"].endswith("+00:00")


@pytest.mark.parametrize("kind", ["numpy", "csr"])
def test_progress_ends_at_the_whole(tmp_path, matrix, kind):
    seen = []
    dasknmf.import_network(
        OBJECTS[kind](matrix),
        tmp_path / "n.zarr",
        tile=5,
        progress=lambda done, total: seen.append((done, total)),
    )
    assert seen == sorted(seen)
    assert seen[-1][0] == seen[-1][1]
