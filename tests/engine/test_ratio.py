"""The ratio sweep against dense formulas, for any matrix, tiles, ranks and layout, and the same bits everywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

import dasknmf
from dasknmf.engine import ratio
from dasknmf.engine.dask_executor import Distributed
from dasknmf.engine.executor import Threads
from dasknmf.engine.pairs import beside, padded, places
from dasknmf.engine.sweep import Sweep
from tests.conftest import planted

if TYPE_CHECKING:
    from pathlib import Path

    from distributed import Client


def network(n: int, density: float, *, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    upper = np.triu(rng.random((n, n)) * (rng.random((n, n)) < density))
    return upper + np.triu(upper, 1).T


def dense_ratio(A: np.ndarray, L: np.ndarray, R: np.ndarray, *, diagonal: bool) -> tuple[Any, float, float]:
    """(A ⊘ L Rᵀ) R, Σ A log(A / L Rᵀ) and Σ A L Rᵀ, from n×n arrays."""
    A = A - (0 if diagonal else np.diag(np.diag(A)))
    WH, there = L @ R.T, A > 0
    Q = np.divide(A, WH, out=np.zeros_like(A), where=there)
    return Q @ R, float((A[there] * np.log(Q[there])).sum()), float((A * WH).sum())


def swept(operator: Sweep, pairs: list[Any], *, diagonal: bool = True) -> tuple[list[np.ndarray], np.ndarray]:
    """What the engine makes of pairs (L, R), whole."""
    ranks = [L.shape[1] for L, _ in pairs]
    X = beside(pairs, operator.n, pairs[0][0].dtype)
    executor = operator.executor
    handles = executor.put(operator.panels.split(X), label="panel")
    made, sums = operator.ratio(handles, ranks=ranks, dtype=X.dtype, diagonal=diagonal)
    Y = np.concatenate(executor.get(made))
    return [Y[:, place.made] for place in places(ranks)], executor.get([sums])[0]


@given(
    n=st.integers(1, 90),
    tile=st.integers(1, 100),
    ranks=st.lists(st.integers(1, 70), min_size=1, max_size=3),
    density=st.sampled_from([0.0, 0.1, 0.7, 1.0]),
    sparse=st.booleans(),
    diagonal=st.booleans(),
    workers=st.sampled_from([1, 2]),
    seed=st.integers(0, 99),
)
def test_a_ratio_sweep_equals_the_dense_formulas(
    n: int,
    tile: int,
    ranks: list[int],
    density: float,
    sparse: bool,
    diagonal: bool,
    workers: int,
    seed: int,
) -> None:
    rng = np.random.default_rng(seed)
    A = network(n, density, seed=seed)
    pairs = [(rng.random((n, k)) + 0.01, rng.random((n, k)) + 0.01) for k in ranks]
    with pytest.MonkeyPatch.context() as patch, Threads(workers) as executor:
        # several blocks a tile, and blocks that are no whole vectors
        patch.setattr(ratio, "ROWS", 7)
        patch.setattr(ratio, "COLUMNS", 37)
        operator = Sweep.of_array(sp.csr_array(A) if sparse else A, executor, tile=tile)
        made, sums = swept(operator, pairs, diagonal=diagonal)
        assert operator.reads == 1
    for Y, found, pair in zip(made, sums, pairs, strict=True):
        expected, logs, cross = dense_ratio(A, *pair, diagonal=diagonal)
        np.testing.assert_allclose(Y, expected, rtol=1e-11, atol=1e-13)
        assert found[0] == pytest.approx(logs, rel=1e-11, abs=1e-11 * A.sum())
        assert found[1] == pytest.approx(cross, rel=1e-11)


@pytest.mark.parametrize("sparse", [True, False])
def test_float32_is_as_good_as_float32_can_be(sparse: bool) -> None:
    A = network(700, 0.6, seed=1).astype(np.float32)
    rng = np.random.default_rng(0)
    L, R = (np.exp(rng.normal(0, 3, (700, 20))).astype(np.float32) for _ in range(2))
    with Threads(2) as executor:
        # rows of several hundred entries, over many blocks of them
        operator = Sweep.of_array(sp.csr_array(A) if sparse else A, executor, tile=512)
        (Y,), sums = swept(operator, [(L, R)])
    expected, logs, cross = dense_ratio(*(array.astype(np.float64) for array in (A, L, R)), diagonal=True)
    assert Y.dtype == np.float32
    np.testing.assert_allclose(Y, expected, rtol=2e-5)
    np.testing.assert_allclose(sums[0], [logs, cross], rtol=1e-7)


@pytest.mark.parametrize("sparse", [True, False])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_where_the_model_is_zero_the_ratio_is_large_and_finite(sparse: bool, dtype: Any) -> None:
    A = np.array([[0.0, 3.0, 0.0], [3.0, 0.0, 1.0], [0.0, 1.0, 2.0]], dtype=dtype)
    L, R = np.array([[0.0], [2.0], [1.0]], dtype), np.array([[1.0], [1.0], [4.0]], dtype)
    with Threads(1) as executor:
        (Y,), sums = swept(Sweep.of_array(sp.csr_array(A) if sparse else A, executor), [(L, R)])
    least = np.sqrt(np.finfo(dtype).tiny)
    expected = [3 / least, 3 / 2 + 4 / 8, 1 + 4 * 2 / 4]
    np.testing.assert_allclose(Y[:, 0], np.array(expected, dtype), rtol=1e-6)
    logs = 3 * np.log(3 / float(least)) + 3 * np.log(3 / 2) + np.log(1 / 8) + 2 * np.log(2 / 4)
    assert sums[0, 0] == pytest.approx(logs, rel=1e-6)


@pytest.mark.parametrize("layout", ["dense", "sparse"])
def test_stores_give_the_same_bits_on_every_executor_and_to_every_model(
    layout: str, tmp_path: Path, client: Client
) -> None:
    A = planted(700, 4, seed=1) * (np.random.default_rng(0).random((700, 700)) < 0.2)
    store = dasknmf.import_network(np.maximum(A, A.T), tmp_path / "net.zarr", layout=layout, tile=128)
    rng = np.random.default_rng(2)
    pairs = [tuple(rng.random((2, 700, k), dtype=np.float32)) for k in (3, 17)]
    with Threads(1) as executor:
        operator = Sweep.of_network(store, executor)
        together, sums = swept(operator, pairs)
        for pair, Y, found in zip(pairs, together, sums, strict=True):
            (alone,), own = swept(operator, [pair])
            np.testing.assert_array_equal(alone, Y)
            np.testing.assert_array_equal(own[0], found)
    for executor in (Threads(2), Threads(5), Distributed(client)):
        with executor:
            made, others = swept(Sweep.of_network(store, executor), pairs)
        for Y, expected in zip(made, together, strict=True):
            np.testing.assert_array_equal(Y, expected)
        np.testing.assert_array_equal(others, sums)


@pytest.mark.parametrize("sparse", [True, False])
def test_a_model_that_wants_no_sums_has_the_same_ratios(sparse: bool) -> None:
    A = network(150, 0.5, seed=3)
    L, R = np.random.default_rng(0).random((2, 150, 5))
    with Threads(2) as executor:
        operator = Sweep.of_array(sp.csr_array(A) if sparse else A, executor, tile=64)
        X = executor.put(operator.panels.split(beside([(L, R)] * 2, 150, L.dtype)), label="panel")
        made, sums = operator.ratio(X, ranks=[5, 5], dtype=L.dtype, scored=[False, True])
    Y = np.concatenate(made)
    one, two = (Y[:, place.made] for place in places([5, 5]))
    np.testing.assert_array_equal(one, two)
    _, logs, cross = dense_ratio(A, L, R, diagonal=True)
    np.testing.assert_allclose(sums, [[0, 0], [logs, cross]], rtol=1e-11)


@given(st.lists(st.integers(1, 200), min_size=1, max_size=6))
def test_pairs_lie_beside_each_other_and_keep_what_they_are(ranks: list[int]) -> None:
    rng = np.random.default_rng(0)
    pairs = [tuple(rng.random((2, 3, k))) for k in ranks]
    X = beside(pairs, 3, np.dtype(np.float64))
    for (L, R), place in zip(pairs, places(ranks), strict=True):
        np.testing.assert_array_equal(X[:, place.left], L)
        np.testing.assert_array_equal(X[:, place.right], R)
    assert X.sum() == pytest.approx(sum(L.sum() + R.sum() for L, R in pairs))
    assert X.shape[1] == 2 * sum(padded(k) for k in ranks)
