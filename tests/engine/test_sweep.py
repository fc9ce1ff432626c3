"""The operator equals a dense product, for any matrix, tile size, executor and layout."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

import dasknmf
from dasknmf.engine import cache
from dasknmf.engine.dask_executor import Distributed
from dasknmf.engine.executor import Threads
from dasknmf.engine.sweep import Sweep
from tests.conftest import planted

if TYPE_CHECKING:
    from pathlib import Path

    from distributed import Client


@given(
    n=st.integers(1, 60),
    tile=st.integers(1, 64),
    columns=st.integers(1, 5),
    density=st.sampled_from([0.0, 0.1, 1.0]),
    sparse=st.booleans(),
    workers=st.sampled_from([1, 2]),
    seed=st.integers(0, 99),
)
def test_a_sweep_equals_the_dense_product(
    n: int, tile: int, columns: int, density: float, sparse: bool, workers: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    A = np.triu(rng.random((n, n)) * (rng.random((n, n)) < density))
    A = A + np.triu(A, 1).T
    X = rng.random((n, columns))
    with Threads(workers) as executor:
        operator = Sweep.of_array(sp.csr_array(A) if sparse else A, executor, tile=tile)
        np.testing.assert_allclose(operator @ X, A @ X, rtol=1e-12, atol=1e-12)
        assert operator.reads == 1
    assert operator.sum_of_squares == pytest.approx((A**2).sum())
    assert operator.total == pytest.approx(A.sum())


def test_a_sparse_matrix_wider_than_the_largest_tile_is_cut() -> None:
    n = 70_000
    rng = np.random.default_rng(0)
    i, j = rng.integers(0, n, (2, 500))
    i[:2], j[:2] = (0, n - 1), (n - 1, n - 1)
    A = sp.csr_array((rng.random(500), (i, j)), shape=(n, n))
    A = A + A.T
    X = rng.random((n, 3))
    for tile in (None, n):
        with Threads(2) as executor:
            np.testing.assert_allclose(Sweep.of_array(A, executor, tile=tile) @ X, A @ X, rtol=1e-12)


def test_weights_that_float32_cannot_hold_keep_their_digits() -> None:
    for weight in (0.1, 1e100, 1e-100):
        A = sp.csr_array(np.array([[0.0, weight], [weight, 0.0]]))
        with Threads(1) as executor:
            made = Sweep.of_array(A, executor) @ np.array([[1.0], [2.0]])
        np.testing.assert_array_equal(made, np.array([[2 * weight], [weight]]))


@pytest.mark.parametrize("layout", ["dense", "sparse"])
def test_stores_give_the_same_bits_on_every_executor(layout: str, tmp_path: Path, client: Client) -> None:
    A = planted(700, 4, seed=1) * (np.random.default_rng(0).random((700, 700)) < 0.2)
    A = np.maximum(A, A.T)
    network = dasknmf.import_network(A, tmp_path / "net.zarr", layout=layout, tile=128)
    X = np.random.default_rng(2).random((700, 3)).astype(np.float32)
    results = []
    for workers in (1, 2, 5):
        with Threads(workers) as executor:
            results.append(Sweep.of_network(network, executor, cache=2**20 * (workers > 1)) @ X)
            executor.everywhere(cache.forget)
    with Distributed(client) as executor:
        results.append(Sweep.of_network(network, executor) @ X)
    for result in results:
        np.testing.assert_array_equal(result, results[0])
    np.testing.assert_allclose(results[0], A @ X, rtol=1e-4)


def test_parts_too_large_to_travel_together_give_the_same_bits(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    A = planted(300, 3, seed=0)
    X = np.random.default_rng(0).random((300, 2))
    with Distributed(client) as executor:
        together = Sweep.of_array(A, executor, tile=64) @ X
        monkeypatch.setattr("dasknmf.engine.dask_executor.SMALL_PART", 0)
        apart = Sweep.of_array(A, executor, tile=64) @ X
    np.testing.assert_array_equal(together, apart)


def test_the_cache_reads_a_tile_once_and_keeps_to_its_budget() -> None:
    class Counting:
        def __init__(self) -> None:
            self.read: list[int] = []

        def tile_row(self, i: int, first: int, last: int):
            for j in range(first, last):
                self.read.append(j)
                yield j, np.ones((4, 4), dtype=np.float32)

    cache.forget()
    source = Counting()
    cached = cache.CachedSource(source, "a", budget=3 * 64)
    for _ in range(2):
        assert [j for j, _ in cached.tile_row(0, 0, 2)] == [0, 1]
    assert source.read == [0, 1]
    for _ in range(2):  # does not fit any more: read each time
        assert [j for j, _ in cached.tile_row(1, 2, 4)] == [2, 3]
    assert source.read == [0, 1, 2, 3, 2, 3]
    cache.forget()
    assert [j for j, _ in cached.tile_row(0, 0, 2)] == [0, 1]
    assert len(source.read) == 8
    cache.forget()
