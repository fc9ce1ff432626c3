"""The store: what it refuses, that damage is found, its views, and stores behind URLs."""

from __future__ import annotations

import pickle

import fsspec
import numpy as np
import pytest
import zarr

import dasknmf
from dasknmf.errors import FormatError, InputError
from dasknmf.network.header import ATTRIBUTE

GENES = [f"gene{k}" for k in range(11)]


@pytest.fixture
def matrix() -> np.ndarray:
    rng = np.random.default_rng(1)
    full = rng.random((11, 11)) * (rng.random((11, 11)) < 0.4)
    return np.maximum(full, full.T).astype(np.float32)


@pytest.fixture(params=["dense", "sparse"])
def network(request, tmp_path, matrix):
    return dasknmf.import_network(matrix, tmp_path / "n.zarr", genes=GENES, layout=request.param, tile=4)


def change_header(path, **changes):
    group = zarr.open_group(str(path), mode="a")
    group.attrs[ATTRIBUTE] = {**group.attrs[ATTRIBUTE], **changes}


def test_views_equal_the_matrix(network, matrix):
    lazy = network.to_dask()
    assert lazy.chunks == ((4, 4, 3), (4, 4, 3))
    np.testing.assert_array_equal(lazy.compute(), matrix)
    labelled = network.to_xarray()
    assert labelled.dims == ("gene", "partner")
    assert float(labelled.sel(gene="gene3", partner="gene7")) == matrix[3, 7]
    np.testing.assert_array_equal(labelled.to_numpy(), matrix)


def test_anndata_view(network, matrix):
    data = network.to_anndata()
    assert data.obs_names.tolist() == GENES
    held = data.obsp["adjacency"]
    np.testing.assert_array_equal(held if network.header.layout == "dense" else held.toarray(), matrix)
    np.testing.assert_allclose(data.obs["strength"], matrix.sum(axis=1), rtol=1e-6)


def test_a_network_survives_pickling(network, matrix):
    again = pickle.loads(pickle.dumps(network))
    assert again.header == network.header
    np.testing.assert_array_equal(again.genes, network.genes)


def test_nothing_there(tmp_path):
    with pytest.raises(InputError, match=r"there is no network at .*; make one with: dasknmf import"):
        dasknmf.open_network(tmp_path / "no.zarr")


def test_a_file_or_folder_that_is_not_zarr(tmp_path):
    (tmp_path / "edges.tsv").write_text("A\tB\n")
    (tmp_path / "folder").mkdir()
    for name in ("edges.tsv", "folder"):
        with pytest.raises(FormatError, match=rf"{name} is not a Zarr group"):
            dasknmf.open_network(tmp_path / name)


def test_a_zarr_group_that_is_no_network(tmp_path):
    zarr.create_group(str(tmp_path / "g.zarr"))
    with pytest.raises(FormatError, match="is a Zarr group but not a dasknmf network"):
        dasknmf.open_network(tmp_path / "g.zarr")


def test_a_version_not_known(network, tmp_path):
    change_header(tmp_path / "n.zarr", version="2.0")
    with pytest.raises(FormatError, match=r"has network format 2\.0; this dasknmf reads 1\.0: upgrade it"):
        dasknmf.open_network(tmp_path / "n.zarr")


def test_a_store_never_finished(network, tmp_path):
    change_header(tmp_path / "n.zarr", complete=False)
    with pytest.raises(FormatError, match="was never finished"):
        dasknmf.open_network(tmp_path / "n.zarr")


def test_a_header_with_a_gap(network, tmp_path):
    group = zarr.open_group(str(tmp_path / "n.zarr"), mode="a")
    header = dict(group.attrs[ATTRIBUTE])
    del header["checksum"]
    group.attrs[ATTRIBUTE] = header
    with pytest.raises(FormatError, match="lacks checksum in its attributes"):
        dasknmf.open_network(tmp_path / "n.zarr")


def test_a_flipped_byte_is_found(network, tmp_path):
    name = "tiles" if network.header.layout == "dense" else "weight"
    chunk = sorted(
        path for path in (tmp_path / "n.zarr" / name).rglob("*") if path.is_file() and "c" in path.parts
    )[0]
    content = bytearray(chunk.read_bytes())
    content[len(content) // 2] ^= 1
    chunk.write_bytes(content)
    damaged = dasknmf.open_network(tmp_path / "n.zarr")
    with pytest.raises(FormatError, match=r"damaged.* import the network again"):
        damaged.verify()


def test_a_tile_replaced_by_another_is_found(network, tmp_path):
    # as when a disk gives back an older version of a chunk: every CRC is right
    name = "tiles" if network.header.layout == "dense" else "weight"
    array = zarr.open_group(str(tmp_path / "n.zarr"), mode="a")[name]
    array[...] = array[...] * 2
    with pytest.raises(FormatError, match=r"tile \(0, 0\) differs from its checksum"):
        dasknmf.open_network(tmp_path / "n.zarr").verify()


def test_changed_names_are_found(network, tmp_path):
    array = zarr.open_group(str(tmp_path / "n.zarr"), mode="a")["gene"]
    array[0] = "other"
    with pytest.raises(FormatError, match="gene names or checksums were changed"):
        dasknmf.open_network(tmp_path / "n.zarr").verify()


def test_a_lost_array_is_found(network, tmp_path):
    import shutil

    shutil.rmtree(tmp_path / "n.zarr" / "degree")
    with pytest.raises(FormatError, match="lacks its array 'degree'"):
        _ = dasknmf.open_network(tmp_path / "n.zarr").degree


@pytest.mark.parametrize("layout", ["dense", "sparse"])
def test_a_store_behind_a_url(matrix, layout):
    location = f"memory://stores-{layout}/n.zarr"
    network = dasknmf.import_network(matrix, location, genes=GENES, layout=layout, tile=4)
    network.verify()
    np.testing.assert_array_equal(network.to_dask().compute(scheduler="synchronous"), matrix)
    with pytest.raises(InputError, match="exists already"):
        dasknmf.import_network(matrix, location)
    doubled = dasknmf.import_network(2 * matrix, location, layout=layout, tile=5, overwrite=True)
    doubled.verify()
    np.testing.assert_array_equal(doubled.to_dask().compute(scheduler="synchronous"), 2 * matrix)


def test_a_failed_import_leaves_nothing_behind_a_url(matrix):
    location = "memory://stores-failed/n.zarr"
    with pytest.raises(InputError, match="negative"):
        dasknmf.import_network(-matrix, location)
    assert not fsspec.filesystem("memory").exists("/stores-failed/n.zarr")


@pytest.mark.parametrize("layout", ["dense", "sparse"])
def test_overwriting_replaces_the_whole_store(tmp_path, matrix, layout):
    dasknmf.import_network(matrix, tmp_path / "n.zarr", layout="dense", tile=2)
    network = dasknmf.import_network(matrix[:5, :5], tmp_path / "n.zarr", layout=layout, overwrite=True)
    network.verify()
    assert network.n == 5
    assert [path.name for path in tmp_path.iterdir()] == ["n.zarr"]


def test_a_failed_overwrite_keeps_what_was_there(tmp_path, network, matrix):
    with pytest.raises(InputError):
        dasknmf.import_network(matrix - 5, tmp_path / "n.zarr", overwrite=True)
    kept = dasknmf.open_network(tmp_path / "n.zarr")
    kept.verify()
    assert kept.header.checksum == network.header.checksum
    assert [path.name for path in tmp_path.iterdir()] == ["n.zarr"]


@pytest.mark.parametrize("codec", ["none", "lz4", "zstd"])
@pytest.mark.parametrize("layout", ["dense", "sparse"])
def test_codecs(tmp_path, matrix, layout, codec):
    network = dasknmf.import_network(matrix, tmp_path / "n.zarr", layout=layout, codec=codec, tile=4)
    network.verify()
    np.testing.assert_array_equal(network.to_dask().compute(), matrix)
