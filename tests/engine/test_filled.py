"""The filled sweep against dense formulas, for any matrix, weights, tiles, ranks and layout, and the same bits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

import dasknmf
from dasknmf.engine import filled, known
from dasknmf.engine.dask_executor import Distributed
from dasknmf.engine.executor import Threads
from dasknmf.engine.grid import make_plan
from dasknmf.engine.kernels import ArraySource, SparseSource
from dasknmf.engine.known_source import KnownSource
from dasknmf.engine.pairs import beside, places
from dasknmf.engine.weighted import WeightedSweep
from dasknmf.errors import InputError
from dasknmf.matrices import as_matrix
from dasknmf.network.tiles import Grid
from dasknmf.pair_weights import weights_for

if TYPE_CHECKING:
    from pathlib import Path

    from distributed import Client

#: How A is given, how the weights are, and whether they are those of missing pairs.
KINDS = [
    (network, layout, missing)
    for network in ("dense", "sparse")
    for layout, missing in (
        ("dense", False),
        ("dense", True),
        ("sparse", True),
        ("sparse", False),
        ("called", False),
    )
]


def symmetric(values: np.ndarray, density: float, *, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    upper = np.triu(values * (rng.random(values.shape) < density))
    return upper + np.triu(upper, 1).T


def drawn(n: int, density: float, share: float, kind: Any, *, seed: int) -> tuple[np.ndarray, ...]:
    """A, the matrix that is given as weights or as what is missing, and the weights it stands for."""
    rng = np.random.default_rng(seed)
    A = symmetric(rng.random((n, n)), density, seed=seed)
    if kind[2]:
        marks = symmetric(np.ones((n, n)), share, seed=seed + 1)
        return A, marks, (marks == 0) * 1.0
    weights = symmetric(rng.choice([0.25, 0.7, 1.0], (n, n)), share, seed=seed + 1)
    return A, weights, weights


def operator_of(
    A: np.ndarray, matrix: np.ndarray, kind: Any, executor: Any, *, tile: int, counts: bool
) -> WeightedSweep:
    network, layout, missing = kind
    grid = Grid(len(A), tile)
    make = {"dense": ArraySource, "sparse": lambda given, grid: SparseSource(sp.csr_array(given), grid)}
    weights = (
        make[layout](matrix, grid) if layout in make else lambda rows, columns: matrix[np.ix_(rows, columns)]
    )
    source = KnownSource(make[network](A, grid), weights, grid, network == "sparse", layout, missing, counts)
    plan = make_plan(grid, np.full(grid.n_tiles, 2**24))
    return WeightedSweep(source, plan, executor, key="", in_memory=True)


def swept(operator: WeightedSweep, pairs: list[Any]) -> tuple[list[np.ndarray], np.ndarray]:
    ranks = [L.shape[1] for L, _ in pairs]
    X = beside(pairs, operator.n, pairs[0][0].dtype)
    executor = operator.executor
    handles = executor.put(operator.panels.split(X), label="panel")
    made, sums = operator.filled(handles, ranks=ranks, dtype=X.dtype)
    Y = np.concatenate(executor.get(made))
    return [Y[:, place.made] for place in places(ranks)], executor.get([sums])[0][:, 0]


@pytest.mark.parametrize("kind", KINDS, ids="-".join(map(str, range(3))).format)
@given(
    n=st.integers(1, 70),
    tile=st.integers(3, 80),
    ranks=st.lists(st.integers(1, 40), min_size=1, max_size=3),
    density=st.sampled_from([0.0, 0.1, 1.0]),
    share=st.sampled_from([0.1, 0.6, 1.0]),
    counts=st.booleans(),
    seed=st.integers(0, 99),
)
def test_a_filled_sweep_equals_the_dense_formulas(
    kind: Any,
    n: int,
    tile: int,
    ranks: list[int],
    density: float,
    share: float,
    counts: bool,
    seed: int,
) -> None:
    rng = np.random.default_rng(seed)
    A, matrix, omega = drawn(n, density, share, kind, seed=seed)
    if not counts:
        omega = omega * ~np.eye(n, dtype=bool)
    pairs = [(rng.random((n, k)), rng.random((n, k))) for k in ranks]
    with pytest.MonkeyPatch.context() as patch, Threads(1 + seed % 2) as executor:
        # several blocks a tile, and entries of several blocks
        patch.setattr(filled, "ROWS", 7)
        patch.setattr(filled, "COLUMNS", 37)
        patch.setattr(known, "STRIP", 100)
        operator = operator_of(A, matrix, kind, executor, tile=tile, counts=counts)
        if not omega.any():
            with pytest.raises(InputError, match="every pair of genes has weight 0"):
                operator.look()
            return
        operator.look()
        assert operator.not_counted == (np.triu(omega == 0) & np.triu(np.ones_like(A, dtype=bool))).sum()
        assert operator.sum_of_squares == pytest.approx((omega * A**2).sum(), rel=1e-12)
        assert operator.total == pytest.approx(A[omega > 0].sum(), rel=1e-12)
        np.testing.assert_array_equal(operator.diagonal, np.diag(A) * (np.diag(omega) > 0))
        X = pairs[0][0]
        np.testing.assert_allclose(operator @ X, (A * (omega > 0)) @ X, rtol=1e-11, atol=1e-12)
        made, sums = swept(operator, pairs)
        W, H = (
            executor.put(
                list(zip(*(operator.panels.split(pair[at]) for pair in pairs), strict=True)), label="f"
            )
            for at in (0, 1)
        )
        errors = operator.errors(W, H, models=len(pairs))
        assert operator.reads == 4
    for Y, found, error, (L, R) in zip(made, sums, errors, pairs, strict=True):
        apart = A - L @ R.T
        np.testing.assert_allclose(Y, (L @ R.T + omega * apart) @ R, rtol=1e-10, atol=1e-11)
        expected, whole = (omega * apart**2).sum(), ((L @ R.T) ** 2).sum()
        assert found == pytest.approx(expected, rel=1e-11, abs=1e-12 * whole)
        assert error == pytest.approx(expected, rel=1e-11, abs=1e-12 * whole)


@pytest.mark.parametrize("kind", KINDS, ids="-".join(map(str, range(3))).format)
def test_float32_is_as_good_as_float32_can_be(kind: Any) -> None:
    A, matrix, omega = (x.astype(np.float32) for x in drawn(600, 0.6, 0.6, kind, seed=1))
    rng = np.random.default_rng(0)
    L, R = (rng.random((600, 20), dtype=np.float32) for _ in range(2))
    with Threads(2) as executor:
        # rows of several hundred entries, over several blocks of them
        operator = operator_of(A, matrix, kind, executor, tile=512, counts=True)
        (Y,), sums = swept(operator, [(L, R)])
    A, omega, L, R = (x.astype(np.float64) for x in (A, omega, L, R))
    assert Y.dtype == np.float32
    np.testing.assert_allclose(Y, (L @ R.T + omega * (A - L @ R.T)) @ R, rtol=2e-5)
    assert sums[0] == pytest.approx((omega * (A - L @ R.T) ** 2).sum(), rel=1e-6)


@pytest.mark.parametrize("layout", ["dense", "sparse"])
@pytest.mark.parametrize("other", ["dense", "sparse", "called"])
def test_stores_give_the_same_bits_on_every_executor_and_to_every_model(
    layout: Any, other: Any, tmp_path: Path, client: Client
) -> None:
    rng = np.random.default_rng(2)
    A, M, _ = drawn(300, 0.3, 0.2, ("", "", True), seed=3)
    network = dasknmf.import_network(A, tmp_path / "net.zarr", layout=layout, tile=64)
    if other == "called":
        given: dict[str, Any] = {"missing": None, "weights": lambda i, j: 1 / (1 + abs(i[:, None] - j) % 3)}
    else:
        given = {
            "missing": dasknmf.import_network(M, tmp_path / "m.zarr", layout=other, tile=64),
            "weights": None,
        }
    taken = as_matrix(network)
    weights = weights_for(taken, **given)
    assert weights is not None
    pairs = [tuple(rng.random((2, 300, k), dtype=np.float32)) for k in (3, 17)]
    with Threads(1) as executor:
        operator = weights.operator(taken, executor, diagonal=True)
        together, sums = swept(operator, pairs)
        for pair, Y, found in zip(pairs, together, sums, strict=True):
            (alone,), own = swept(operator, [pair])
            np.testing.assert_array_equal(alone, Y)
            assert own[0] == found
        # tiles that are kept are those that are read
        operator.keep_tiles(2**28)
        for _ in range(2):
            kept, again = swept(operator, pairs)
            np.testing.assert_array_equal(np.hstack(kept), np.hstack(together))
            np.testing.assert_array_equal(again, sums)
    for executor in (Threads(2), Distributed(client)):
        with executor:
            made, others = swept(weights.operator(taken, executor, diagonal=True), pairs)
        np.testing.assert_array_equal(np.hstack(made), np.hstack(together))
        np.testing.assert_array_equal(others, sums)


def test_what_stands_where_an_entry_is_missing_is_not_even_multiplied() -> None:
    A = np.array([[1.0, 2.0, 3.0], [2.0, np.finfo(float).max, 1.0], [3.0, 1.0, 2.0]])
    M = np.diag([0.0, 1.0, 0.0])
    L = np.ones((3, 1))
    with Threads(1) as executor:
        for network in ("dense", "sparse"):
            operator = operator_of(A, M, (network, "sparse", True), executor, tile=2, counts=True)
            (Y,), sums = swept(operator, [(L, L)])
            np.testing.assert_array_equal(Y[:, 0], [6.0, 4.0, 6.0])
            assert sums[0] == 2 * (1 + 4 + 0) + 0 + 1
