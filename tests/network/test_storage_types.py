"""Weights kept as codes: what is read is what the codes say, the error is the stated one, and zeros stay zeros."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

import dasknmf
from dasknmf.errors import FormatError, InputError
from dasknmf.network.build import build_from_tiles
from dasknmf.network.card import network_card
from dasknmf.network.decode import decode
from dasknmf.network.encoding import STORAGES, encode, tile_scale
from dasknmf.network.header import ATTRIBUTE, CHECKSUM
from dasknmf.network.opened import forget_opened
from dasknmf.network.tiles import Grid
from tests.conftest import planted

if TYPE_CHECKING:
    from pathlib import Path

CODED = STORAGES[1:]


@pytest.fixture
def matrix() -> np.ndarray:
    """Weights over ten orders of magnitude, self-loops, isolated genes and a tile of zeros."""
    rng = np.random.default_rng(3)
    half = rng.random((100, 100)) ** 9 * (rng.random((100, 100)) < 0.7)
    A = np.maximum(half, half.T).astype(np.float32)
    A[:48, 48:96] = A[48:96, :48] = 0
    A[[7, 60]] = A[:, [7, 60]] = 0
    return A


def reference(A: np.ndarray, storage: str, tile: int) -> np.ndarray:
    """Code and decode tile by tile, in float64, without the package."""
    stored = np.zeros(A.shape)
    for a in range(0, len(A), tile):
        for c in range(a, len(A), tile):
            block = A[a : a + tile, c : c + tile].astype(np.float64)
            largest = block.max()
            if largest == 0:
                continue
            if storage == "float16":
                scale = 2.0 ** np.floor(np.log2(largest)) / 2**14
                made = (block / scale).astype(np.float16).astype(np.float64) * scale
            else:
                levels = 2 ** (8 if storage == "uint8" else 16) - 1
                made = np.rint(block / largest * levels) * (largest / levels)
            stored[a : a + tile, c : c + tile] = made
            stored[c : c + tile, a : a + tile] = made.T
    return stored


def dense(network: dasknmf.network.store.Network) -> np.ndarray:
    return network.to_dask().compute(scheduler="synchronous")


@pytest.mark.parametrize("storage", CODED)
def test_what_is_read_equals_numpy(tmp_path: Path, matrix: np.ndarray, storage: str) -> None:
    network = dasknmf.import_network(matrix, tmp_path / "n.zarr", tile=48, storage=storage)
    network.verify()
    stored = dense(network)
    # the scale of integers is a float32, and rounding may fall to the other side by it
    np.testing.assert_allclose(stored, reference(matrix, storage, 48), rtol=3e-7, atol=1e-5 * matrix.max())
    np.testing.assert_array_equal(stored, stored.T)
    assert (stored[matrix == 0] == 0).all()
    assert stored.dtype == np.float32
    assert zarr.open_group(str(tmp_path / "n.zarr"))["tiles"].dtype == storage


@pytest.mark.parametrize("storage", STORAGES)
def test_the_header_is_of_the_matrix_as_stored_and_states_the_error(
    tmp_path: Path, matrix: np.ndarray, storage: str
) -> None:
    network = dasknmf.import_network(matrix, tmp_path / "n.zarr", tile=48, storage=storage)
    header, stored = network.header, dense(network).astype(np.float64)
    loops, off = np.count_nonzero(stored.diagonal()), np.triu(stored, 1)
    assert header.dtype == storage
    assert (header.edges, header.self_loops) == (np.count_nonzero(off), loops)
    assert header.lost_edges == np.count_nonzero(np.triu((matrix != 0) & (stored == 0), 1))
    assert header.total == pytest.approx(stored.sum(), rel=1e-12)
    assert header.sum_of_squares == pytest.approx((stored**2).sum(), rel=1e-12)
    assert header.diagonal_sum_of_squares == pytest.approx((stored.diagonal() ** 2).sum(), rel=1e-12)
    assert (header.minimum, header.maximum) == (stored[stored > 0].min(), stored.max())
    assert header.isolated == np.count_nonzero((off + off.T).sum(axis=0) == 0)
    np.testing.assert_allclose(network.strength, stored.sum(axis=1), rtol=1e-12)
    np.testing.assert_array_equal(network.diagonal, stored.diagonal())
    np.testing.assert_array_equal(network.degree, np.count_nonzero(off + off.T, axis=0))
    error = np.linalg.norm(matrix - stored) / np.linalg.norm(matrix.astype(np.float64))
    assert header.storage_error == pytest.approx(error, rel=1e-9)
    assert header.largest_storage_error == np.abs(matrix - stored).max()
    assert (header.storage_error == 0) == (storage == "float32")


@pytest.mark.parametrize("storage", CODED)
def test_the_error_of_a_fit_is_that_on_the_matrix_as_stored(tmp_path: Path, storage: str) -> None:
    A = planted(100, 3, seed=0) ** 3
    network = dasknmf.import_network(A, tmp_path / "n.zarr", tile=48, storage=storage)
    fit = dasknmf.nmf(tmp_path / "n.zarr", 3, max_iter=20)
    stored = dense(network).astype(np.float64)
    W, H = fit["W"].to_numpy().astype(np.float64), fit["H"].to_numpy().astype(np.float64)
    error = np.linalg.norm(stored - W @ H) / np.linalg.norm(stored)
    assert float(fit.attrs["relative_error"]) == pytest.approx(error, rel=1e-5)


@pytest.mark.parametrize("storage", CODED)
@pytest.mark.parametrize("codec", ["none", "lz4", "zstd"])
def test_files_zarr_and_urls_give_the_same_bits(
    tmp_path: Path, matrix: np.ndarray, storage: str, codec: str
) -> None:
    plain = dasknmf.import_network(matrix, tmp_path / "plain.zarr", tile=48, storage=storage)
    other = dasknmf.import_network(matrix, tmp_path / "n.zarr", tile=48, storage=storage, codec=codec)
    url = f"memory://codes-{storage}-{codec}/n.zarr"
    remote = dasknmf.import_network(matrix, url, tile=48, storage=storage, codec=codec)
    for network in (other, remote):
        network.verify()
        np.testing.assert_array_equal(dense(network), dense(plain))
        assert network.header.checksum == plain.header.checksum


@pytest.mark.parametrize("storage", CODED)
def test_sources_of_entries_and_of_tiles_give_the_same_network(
    tmp_path: Path, matrix: np.ndarray, storage: str
) -> None:
    import scipy.sparse as sp

    whole = dasknmf.import_network(matrix, tmp_path / "w.zarr", tile=48, storage=storage)
    entries = dasknmf.import_network(
        sp.coo_array(matrix), tmp_path / "e.zarr", tile=48, storage=storage, layout="dense"
    )
    grid = Grid(100, 48)
    tiles = build_from_tiles(
        tmp_path / "t.zarr",
        lambda i, j: matrix[slice(*grid.bounds(i)), slice(*grid.bounds(j))],
        genes=whole.genes,
        grid=grid,
        layout="dense",
        weights={"kind": "test"},
        provenance={},
        storage=storage,
    )
    assert whole.header.checksum == entries.header.checksum == tiles.header.checksum
    assert whole.header.storage_error == entries.header.storage_error == tiles.header.storage_error


@pytest.mark.parametrize("storage", CODED)
def test_coexpression(tmp_path: Path, storage: str) -> None:
    values = np.random.default_rng(0).standard_normal((40, 9))
    genes = [f"g{gene}" for gene in range(40)]
    exact = dasknmf.coexpression(values, tmp_path / "e.zarr", genes=genes)
    coded = dasknmf.coexpression(values, tmp_path / "c.zarr", genes=genes, storage=storage)
    A, stored = dense(exact), dense(coded)
    assert coded.header.storage_error == pytest.approx(
        np.linalg.norm(A - stored) / np.linalg.norm(A), rel=1e-4
    )
    assert np.abs(A - stored).max() == coded.header.largest_storage_error
    card = network_card(coded)
    assert (card["storage"], card["storage_error"]) == (storage, coded.header.storage_error)
    assert card["bytes_per_sweep"] == 40 * 40 * np.dtype(storage).itemsize
    assert "storage_error" not in network_card(exact)


@settings(max_examples=60, deadline=None)
@given(
    storage=st.sampled_from(CODED),
    exponent=st.floats(-30, 38),
    seed=st.integers(0, 100),
    shape=st.tuples(st.integers(1, 9), st.integers(1, 9)),
)
def test_any_scale_of_weights_is_kept(
    storage: str, exponent: float, seed: int, shape: tuple[int, int]
) -> None:
    rng = np.random.default_rng(seed)
    tile = (rng.random(shape) * (rng.random(shape) < 0.8) * 10**exponent).astype(np.float32)
    codes, scale = encode(tile, storage, where="here")
    stored = decode(codes, scale)
    assert np.isfinite(stored).all()
    assert (stored[tile == 0] == 0).all()
    np.testing.assert_array_equal(stored, codes.astype(np.float32) * scale)
    steps = {"float16": 2.0**-11, "uint16": 0.501 / 65535, "uint8": 0.501 / 255}
    assert np.abs(stored.astype(np.float64) - tile).max() <= steps[storage] * tile.max()


def test_every_float16_is_decoded(tmp_path: Path) -> None:
    halves = np.arange(0x7C00, dtype=np.uint16).view(np.float16)
    for scale in (np.float32(1), np.float32(2.0**-40), np.float32(0.1)):
        np.testing.assert_array_equal(decode(halves, scale), halves.astype(np.float32) * scale)
    # of a tile at the edge, and of the other order of bytes
    padded = halves[:1000].reshape(10, 100)
    np.testing.assert_array_equal(decode(padded[:7, :90], np.float32(1)), padded[:7, :90].astype(np.float32))
    np.testing.assert_array_equal(decode(padded.astype(">f2"), np.float32(1)), padded.astype(np.float32))


@pytest.mark.parametrize("storage", CODED)
def test_weights_above_float16_are_scaled(tmp_path: Path, storage: str) -> None:
    A = np.array([[0, 3e9, 1], [3e9, 0, 2e5], [1, 2e5, 7e4]], dtype=np.float32)
    network = dasknmf.import_network(A, tmp_path / "n.zarr", storage=storage)
    assert dense(network).max() == pytest.approx(3e9, rel=1e-3)
    assert network.header.largest_storage_error <= 3e9 / 255


def test_a_tile_without_a_code_for_its_weights_is_refused(tmp_path: Path) -> None:
    for bad, shown in ((-1.0, "-1"), (np.nan, "nan"), (np.inf, "inf")):
        tile = np.full((2, 2), bad)
        with pytest.raises(InputError, match=rf"tile \(0, 0\): a weight is {shown}; storage='uint8' needs"):
            build_from_tiles(
                tmp_path / "n.zarr",
                lambda i, j, tile=tile: tile,
                genes=["a", "b"],
                grid=Grid(2, 2),
                layout="dense",
                weights={"kind": "test"},
                provenance={},
                storage="uint8",
            )
    assert list(tmp_path.iterdir()) == []


def test_storage_that_leaves_no_edge_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="storage='uint8' turns every edge into 0; leave it out"):
        dasknmf.import_network(
            np.array([[1e9, 1], [1, 1e9]]), tmp_path / "n.zarr", storage="uint8", layout="dense"
        )
    assert list(tmp_path.iterdir()) == []


def test_a_sparse_network_keeps_float32(tmp_path: Path) -> None:
    needs = r"storage='float16' is for dense networks and this one is sparse.*--layout dense"
    values = np.random.default_rng(0).standard_normal((9, 5))
    with pytest.raises(InputError, match=needs):
        dasknmf.import_network(np.eye(3), tmp_path / "n.zarr", layout="sparse", storage="float16")
    with pytest.raises(InputError, match=needs):
        dasknmf.coexpression(
            values, tmp_path / "n.zarr", genes=list("abcdefghi"), threshold=0.5, storage="float16"
        )
    edges = tmp_path / "edges.tsv"
    edges.write_text("".join(f"g{gene}\tg{gene + 1}\t1\n" for gene in range(100)))
    with pytest.raises(InputError, match=needs):
        dasknmf.import_network(edges, tmp_path / "n.zarr", storage="float16")
    assert dasknmf.import_network(edges, tmp_path / "n.zarr", storage="float16", layout="dense").n == 101


def test_an_unknown_storage_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="float32, float16, uint16, uint8"):
        dasknmf.import_network(np.eye(3), tmp_path / "n.zarr", storage="int4")


def change_header(path: Path, **changes: object) -> None:
    group = zarr.open_group(str(path), mode="a")
    held = {**group.attrs[ATTRIBUTE], CHECKSUM: None, **changes}
    group.attrs[ATTRIBUTE] = {key: value for key, value in held.items() if value is not None}


def test_versions(tmp_path: Path, matrix: np.ndarray) -> None:
    exact = dasknmf.import_network(matrix, tmp_path / "e.zarr")
    coded = dasknmf.import_network(matrix, tmp_path / "c.zarr", storage="uint16")
    # a reader of version 1 takes any 1.x, and must not take codes for weights
    assert (exact.header.version, coded.header.version) == ("1.0", "2.0")
    change_header(tmp_path / "e.zarr", storage_error=None, largest_storage_error=None, lost_edges=None)
    old = dasknmf.open_network(tmp_path / "e.zarr")
    np.testing.assert_array_equal(dense(old), matrix)
    assert old.header == exact.header
    change_header(tmp_path / "c.zarr", storage_error=None)
    with pytest.raises(FormatError, match="lacks storage_error in its attributes"):
        dasknmf.open_network(tmp_path / "c.zarr")


def test_a_storage_of_the_future_is_refused(tmp_path: Path, matrix: np.ndarray) -> None:
    dasknmf.import_network(matrix, tmp_path / "n.zarr", storage="uint16")
    change_header(tmp_path / "n.zarr", dtype="float8")
    with pytest.raises(
        FormatError, match=r"keeps its weights as 'float8'; this dasknmf reads float32, float16"
    ):
        dasknmf.open_network(tmp_path / "n.zarr")


@pytest.mark.parametrize("storage", CODED)
@pytest.mark.parametrize("lost", ["codes", "scales", "scale"])
def test_lost_codes_and_scales_are_found(tmp_path: Path, matrix: np.ndarray, storage: str, lost: str) -> None:
    path = tmp_path / "n.zarr"
    dasknmf.import_network(matrix, path, tile=48, storage=storage)
    if lost == "codes":
        (path / "tiles" / "c" / "0" / "2").unlink()
    elif lost == "scales":
        (path / "tile_scale" / "c" / "0").unlink()
    else:
        scale = zarr.open_group(str(path), mode="a")["tile_scale"]
        scale[2] = scale[2] * np.float32(2)
    forget_opened()
    with pytest.raises(FormatError, match=r"tile \(0, [02]\) differs from its checksum"):
        dasknmf.nmf(path, 2, max_iter=2)


def test_the_scale_of_integers_reaches_the_largest_weight() -> None:
    for largest in (1.0, 0.3, 7e37, float(np.finfo(np.float32).max)):
        for storage, codes in (("uint16", 65535), ("uint8", 255)):
            assert float(tile_scale(largest, storage)) * codes == pytest.approx(largest, rel=1e-6)
