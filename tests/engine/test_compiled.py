"""The compiled product of a sparse tile equals a dense one, and its bits depend on nothing but the tile."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import dasknmf
from dasknmf.compiling import once
from dasknmf.engine import compiled
from dasknmf.engine.kernels import add_products
from dasknmf.network.sparse_tile import SparseTile
from tests.conftest import planted

KINDS = st.sampled_from([np.float32, np.float64])


def made_tile(rng, rows: int, columns: int, density: float, weight, *, diagonal: bool):
    """Return a sparse tile, and the whole block of the matrix that it stands for."""
    dense = (rng.random((rows, columns)) * (rng.random((rows, columns)) < density)).astype(weight)
    if diagonal:
        dense = np.triu(dense)
    row, column = np.nonzero(dense)
    tile = SparseTile.of_entries(
        dense.shape, row.astype(np.uint16), column.astype(np.uint16), dense[row, column]
    )
    return tile, dense + np.triu(dense, 1).T if diagonal else dense


def panels(rng, rows: int, columns: int, k: int, dtype, *, diagonal: bool):
    i = rng.random((rows, k)).astype(dtype)
    return i, i if diagonal else rng.random((columns, k)).astype(dtype)


@given(
    rows=st.integers(1, 50),
    columns=st.integers(1, 50),
    k=st.integers(1, 100),
    density=st.sampled_from([0.0, 0.05, 0.5, 1.0]),
    diagonal=st.booleans(),
    gathered=st.booleans(),
    dtype=KINDS,
    weight=KINDS,
    seed=st.integers(0, 99),
)
def test_it_adds_both_products_of_the_dense_tile(
    rows, columns, k, density, diagonal, gathered, dtype, weight, seed
) -> None:
    rng = np.random.default_rng(seed)
    columns = rows if diagonal else columns
    tile, block = made_tile(rng, rows, columns, density, weight, diagonal=diagonal)
    X_i, X_j = panels(rng, rows, columns, k, dtype, diagonal=diagonal)
    Y_i, Y_j = panels(rng, rows, columns, k, dtype, diagonal=diagonal)
    exact = np.float64
    expected_i = Y_i + block.astype(exact) @ X_j.astype(exact)
    expected_j = Y_j + block.T.astype(exact) @ X_i.astype(exact)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiled, "DENSE_ENOUGH", 0 if gathered else np.inf)
        add_products(tile, X_i, X_j, Y_i, Y_j, diagonal=diagonal)
    tolerance = 1e-5 if dtype == np.float32 else 1e-13
    np.testing.assert_allclose(Y_i, expected_i, rtol=tolerance)
    if not diagonal:
        np.testing.assert_allclose(Y_j, expected_j, rtol=tolerance)


@given(
    k=st.integers(1, 80),
    first=st.integers(0, 5),
    diagonal=st.booleans(),
    dtype=KINDS,
    seed=st.integers(0, 9),
)
def test_bits_do_not_depend_on_how_columns_are_cut_or_where_they_lie(k, first, diagonal, dtype, seed) -> None:
    rng = np.random.default_rng(seed)
    tile, _ = made_tile(rng, 40, 40, 0.4, np.float32, diagonal=diagonal)
    X_i, X_j = panels(rng, 40, 40, k, dtype, diagonal=diagonal)

    def product(X_i, X_j, *, dense_enough):
        Y_i = np.ones(X_i.shape, dtype)
        Y_j = Y_i if diagonal else np.ones(X_j.shape, dtype)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(compiled, "DENSE_ENOUGH", dense_enough)
            add_products(tile, X_i, X_j, Y_i, Y_j, diagonal=diagonal)
        return Y_i, Y_j

    whole = product(X_i, X_j, dense_enough=np.inf)
    cut = slice(min(first, k - 1), k)
    for dense_enough in (0, np.inf):
        # a slice of columns, read-only, in Fortran order, and at an odd address
        for move in (lambda X: X[:, cut], constant, np.asfortranarray, oddly_placed):
            made = product(move(X_i), move(X_j), dense_enough=dense_enough)
            for part, full in zip(made, whole, strict=True):
                np.testing.assert_array_equal(part, full[:, cut] if part.shape != full.shape else full)


def constant(X):
    X = X.copy()
    X.flags.writeable = False
    return X


def oddly_placed(X):
    room = np.empty(X.nbytes + 1, dtype=np.uint8)[1:].view(X.dtype).reshape(X.shape)
    room[:] = X
    return room


def test_a_tile_from_another_process_may_lie_at_odd_addresses() -> None:
    rng = np.random.default_rng(0)
    tile, block = made_tile(rng, 9, 7, 0.5, np.float32, diagonal=False)
    moved = SparseTile(
        tile.shape, oddly_placed(tile.pointer), oddly_placed(tile.column), oddly_placed(tile.weight)
    )
    X_i, X_j = panels(rng, 9, 7, 3, np.float64, diagonal=False)
    Y_i, Y_j = np.zeros((9, 3)), np.zeros((7, 3))
    add_products(moved, X_i, X_j, Y_i, Y_j, diagonal=False)
    np.testing.assert_allclose(Y_i, block @ X_j, rtol=1e-13)
    np.testing.assert_allclose(Y_j, block.T @ X_i, rtol=1e-13)


def test_columns_beside_those_asked_for_are_left_alone() -> None:
    rng = np.random.default_rng(0)
    tile, block = made_tile(rng, 30, 30, 0.9, np.float32, diagonal=False)
    X_i, X_j = panels(rng, 30, 30, 5, np.float64, diagonal=False)
    Y_i, Y_j = np.zeros((30, 9)), np.zeros((30, 9))
    add_products(tile, X_i, X_j, Y_i[:, 2:7], Y_j[:, 2:7], diagonal=False)
    np.testing.assert_allclose(Y_i[:, 2:7], block @ X_j, rtol=1e-13)
    np.testing.assert_allclose(Y_j[:, 2:7], block.T @ X_i, rtol=1e-13)
    for Y in (Y_i, Y_j):
        assert not Y[:, :2].any()
        assert not Y[:, 7:].any()


def no_folder(*_args: object) -> None:
    raise RuntimeError("no locator available")


def full_disk(*_args: object) -> None:
    raise OSError("no space left on device")


@pytest.mark.parametrize("failing", ["folder", "disk"])
def test_without_a_place_for_machine_code_it_is_compiled_each_time(monkeypatch, failing) -> None:
    from numba.core.caching import FunctionCache
    from numba.core.dispatcher import Dispatcher

    if failing == "folder":
        monkeypatch.setattr(Dispatcher, "enable_caching", no_folder)
    else:
        monkeypatch.setattr(FunctionCache, "load_overload", lambda *_: None)
        monkeypatch.setattr(FunctionCache, "save_overload", full_disk)
    # nothing compiled before is kept
    monkeypatch.setattr(compiled, "_kernel", once(compiled._kernel.__wrapped__))
    tile, block = made_tile(np.random.default_rng(0), 4, 4, 0.5, np.float32, diagonal=False)
    X, Y_i, Y_j = np.ones((4, 2), np.float32), np.zeros((4, 2), np.float32), np.zeros((4, 2), np.float32)
    add_products(tile, X, X, Y_i, Y_j, diagonal=False)
    np.testing.assert_allclose(Y_i, block @ X, rtol=1e-6)


def test_numba_is_loaded_by_a_fit_and_not_by_what_reads_networks_and_factors(tmp_path) -> None:
    dasknmf.import_network(planted(40, 3, seed=0), tmp_path / "net.zarr")
    dasknmf.save(dasknmf.nmf(tmp_path / "net.zarr", 2, max_iter=3), tmp_path / "fit.zarr")
    code = (
        "import sys, dasknmf; dasknmf.open_network('net.zarr'); dasknmf.top_genes(dasknmf.load('fit.zarr')); "
        "print('numba' in sys.modules); dasknmf.nmf('net.zarr', 2, max_iter=3); print('numba' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["False", "True"]
