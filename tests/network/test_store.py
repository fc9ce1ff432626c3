"""The store: what it refuses, that damage is found, its views, and stores behind URLs."""

from __future__ import annotations

import pickle
import shutil

import fsspec
import numpy as np
import pytest
import zarr

import dasknmf
from dasknmf.errors import FormatError, InputError
from dasknmf.network.header import ATTRIBUTE
from dasknmf.network.opened import MOST_OPEN, _opened, forget_opened, opened
from dasknmf.network.tiles import Grid
from dasknmf.network.writer import create_network
from dasknmf.sealed_group import SEAL

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
    changed = {**group.attrs[ATTRIBUTE], **changes}
    # as a writer would that keeps no checksum of attributes
    group.attrs[ATTRIBUTE] = {key: value for key, value in changed.items() if key != SEAL}


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


def test_a_pickled_network_opens_with_its_storage_options(matrix, monkeypatch):
    options = {"client_kwargs": {"endpoint_url": "http://127.0.0.1:1"}}
    made = dasknmf.import_network(matrix, "memory://pickled/n.zarr", storage_options=options)
    used = []
    opening = "dasknmf.network.store.exists"
    monkeypatch.setattr(opening, lambda place, storage_options: used.append(storage_options) or True)
    assert pickle.loads(pickle.dumps(made)).storage_options == options
    assert used == [options]


def test_a_relative_path_is_found_from_another_folder(tmp_path, matrix, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    network = dasknmf.import_network(matrix, "n.zarr", genes=GENES, tile=4)
    lazy, pickled = network.to_dask(), pickle.dumps(network)
    monkeypatch.chdir(tmp_path / "elsewhere")
    np.testing.assert_array_equal(lazy.compute(scheduler="synchronous"), matrix)
    np.testing.assert_array_equal(network.strength, pickle.loads(pickled).strength)
    assert network.location == str(tmp_path / "n.zarr")


def test_nested_storage_options_go_through_every_view_and_fit(matrix):
    options = {"client_kwargs": {"endpoint_url": "http://127.0.0.1:1"}}
    network = dasknmf.import_network(matrix, "memory://nested/n.zarr", tile=4, storage_options=options)
    np.testing.assert_array_equal(network.to_dask().compute(scheduler="synchronous"), matrix)
    fit = dasknmf.nmf("memory://nested/n.zarr", 2, max_iter=3, storage_options=options)
    assert fit.attrs["network_checksum"] == network.header.checksum


def test_a_process_opens_a_network_once_and_only_a_few(network):
    forget_opened()
    key = network.location, network.header.checksum
    nested = (("client_kwargs", {"a": 1, "b": 2}),)
    one = opened(*key, nested)
    assert opened(*key, (("client_kwargs", {"b": 2, "a": 1}),)) is one
    assert opened(*key) is not one
    for number in range(2 * MOST_OPEN):
        opened(*key, (("number", number),))
    assert len(_opened) == MOST_OPEN
    forget_opened()
    assert not _opened
    with pytest.raises(FormatError, match="changed while it was in use"):
        opened(network.location, "sha256:other", ())


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
    change_header(tmp_path / "n.zarr", version="3.0")
    with pytest.raises(
        FormatError, match=r"has network format 3\.0; this dasknmf reads 1\.0 and 2\.0: upgrade it"
    ):
        dasknmf.open_network(tmp_path / "n.zarr")


def test_a_store_never_finished(network, tmp_path):
    change_header(tmp_path / "n.zarr", complete=False)
    with pytest.raises(FormatError, match="was never finished"):
        dasknmf.open_network(tmp_path / "n.zarr")


def test_attributes_that_were_changed(network, tmp_path):
    group = zarr.open_group(str(tmp_path / "n.zarr"), mode="a")
    group.attrs[ATTRIBUTE] = {**group.attrs[ATTRIBUTE], "maximum": 7.0}
    with pytest.raises(FormatError, match="its attributes were changed or damaged"):
        dasknmf.open_network(tmp_path / "n.zarr")


def test_a_header_with_a_gap(network, tmp_path):
    group = zarr.open_group(str(tmp_path / "n.zarr"), mode="a")
    header = dict(group.attrs[ATTRIBUTE])
    del header["checksum"], header[SEAL]
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
    with pytest.raises(FormatError, match=r"(damaged|differs from its checksum).* import the network again"):
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
    with pytest.raises(FormatError, match="gene names or checksums were changed or lost"):
        dasknmf.open_network(tmp_path / "n.zarr").verify()


def chunk_of(path, name):
    return sorted(file for file in (path / name / "c").rglob("*") if file.is_file())[0]


def test_a_lost_chunk_of_tiles_is_found_by_whatever_reads_it(network, tmp_path):
    dense = network.header.layout == "dense"
    for name in ("tiles",) if dense else ("row", "column", "weight"):
        lost = chunk_of(tmp_path / "n.zarr", name)
        content = lost.read_bytes()
        lost.unlink()
        message = r"tile \(\d, \d\) differs from its checksum \(a chunk was changed or lost\); import the network again"
        for read in (
            lambda: dasknmf.nmf(tmp_path / "n.zarr", 2, max_iter=2),
            lambda: dasknmf.open_network(tmp_path / "n.zarr").to_dask().compute(),
            lambda: dasknmf.open_network(tmp_path / "n.zarr").verify(),
        ):
            forget_opened()
            with pytest.raises(FormatError, match=message):
                read()
        lost.write_bytes(content)
    dasknmf.open_network(tmp_path / "n.zarr").verify()


def test_a_lost_tile_is_found_behind_a_url_too(matrix):
    dasknmf.import_network(matrix, "memory://lost/n.zarr", layout="dense", codec="zstd", tile=4)
    fsspec.filesystem("memory").rm("/lost/n.zarr/tiles/c/1/2")
    with pytest.raises(FormatError, match=r"tile \(1, 2\) differs from its checksum"):
        dasknmf.nmf("memory://lost/n.zarr", 2, max_iter=2)


@pytest.mark.parametrize("name", ["degree", "strength", "diagonal", "tile_offset", "tile_checksum", "gene"])
def test_a_lost_chunk_over_genes_is_found(tmp_path, matrix, name):
    np.fill_diagonal(matrix, 1)
    dasknmf.import_network(matrix, tmp_path / "n.zarr", genes=GENES, tile=4, layout="sparse")
    chunk_of(tmp_path / "n.zarr", name).unlink()
    damaged = dasknmf.open_network(tmp_path / "n.zarr")
    with pytest.raises(FormatError, match=r"changed or lost.*; import the network again"):
        _ = damaged.genes if name == "tile_checksum" else getattr(damaged, {"gene": "genes"}.get(name, name))
    with pytest.raises(FormatError, match=r"changed or lost"):
        dasknmf.open_network(tmp_path / "n.zarr").verify()


def test_a_tile_is_checked_once_in_an_open_network(network, monkeypatch):
    from dasknmf.network import checksum

    checked = []
    exact = checksum.tile_checksum
    monkeypatch.setattr(checksum, "tile_checksum", lambda arrays: checked.append(1) or exact(arrays))
    for _ in range(3):
        for i in range(network.grid.panels):
            list(network.tile_row(i, i, network.grid.panels))
    assert len(checked) == np.count_nonzero(network.tile_weights)


@pytest.mark.parametrize("written", [True, False])
def test_a_dense_tile_of_zeros_needs_no_chunk(tmp_path, written):
    # zarr does not keep a chunk of zeros, and a writer may leave the tile out
    given = {"genes": GENES[:4], "grid": Grid(4, 2), "layout": "dense", "provenance": {}}
    with create_network(tmp_path / "z.zarr", **given, weights={"kind": "test"}) as writer:
        for i, j in ((0, 0), (0, 1), (1, 1)):
            if i == j or written:
                writer.add(writer.write_dense(i, j, np.full((2, 2), float(i == j))))
    network = dasknmf.open_network(tmp_path / "z.zarr")
    network.verify()
    assert not (tmp_path / "z.zarr/tiles/c/0/1").exists()
    np.testing.assert_array_equal(network.to_dask(), np.kron(np.eye(2), np.ones((2, 2))))


def test_a_lost_array_is_found(network, tmp_path):
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
def test_what_a_killed_writer_leaves_behind_a_url_is_known(layout):
    # what is there in the middle is what a kill leaves
    location = f"memory://killed-{layout}/n.zarr"
    given = {"genes": GENES, "grid": Grid(11, 4), "layout": layout, "provenance": {}, "capacity": 9}
    with create_network(location, **given, weights={"kind": "test"}) as writer:
        for moment in ("before the first tile", "after it"):
            with pytest.raises(FormatError, match=r"was never finished .* remove it and import"):
                dasknmf.open_network(location)
            if moment == "before the first tile" and layout == "dense":
                writer.add(writer.write_dense(0, 0, np.ones((4, 4))))
            elif moment == "before the first tile":
                writer.add(writer.write_sparse(0, 1, np.array([0]), np.array([2]), np.array([0.5])))
    assert dasknmf.open_network(location).header.edges == (6 if layout == "dense" else 1)


@pytest.mark.parametrize("name", ["two\nlines", "tab\tbed", "bell\x07", "lone\udc80surrogate"])
def test_gene_names_are_plain_text(tmp_path, matrix, name):
    with pytest.raises(
        InputError, match=r"plain text: gene 2 has a line break, control character or lone surr"
    ):
        dasknmf.import_network(matrix, tmp_path / "n.zarr", genes=["ok", name, *GENES[2:]])
    assert list(tmp_path.iterdir()) == []
    named = ["µ-opioid", "IL‑2 receptor", *GENES[2:]]
    made = dasknmf.import_network(matrix, tmp_path / "n.zarr", genes=named)
    assert made.genes.tolist() == named


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
