"""Errors on A, and on what was held out, are those of dense matrices in float64."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from dasknmf.engine.executor import Threads
from dasknmf.engine.mask import draw_mask
from dasknmf.engine.sweep import Sweep
from dasknmf.exact import exact_errors, held_out_errors, sum_of_squares_of
from tests.conftest import planted

MODELS = st.lists(st.integers(1, 8), min_size=1, max_size=4)


def made(n: int, ranks: list[int], *, seed: int) -> tuple[np.ndarray, list[dict[str, np.ndarray]]]:
    rng = np.random.default_rng(seed)
    A = planted(n, 3, seed=seed) * (rng.random((n, n)) < 0.7)
    rows = [{name: rng.random((n, k)).astype(np.float32) for name in ("W", "H")} for k in ranks]
    return np.maximum(A, A.T), rows


def residual(A: np.ndarray, rows: dict[str, np.ndarray]) -> np.ndarray:
    return A - rows["W"].astype(float) @ rows["H"].astype(float).T


@given(
    n=st.integers(1, 60),
    tile=st.integers(5, 40),
    ranks=MODELS,
    diagonal=st.booleans(),
    sparse=st.booleans(),
    workers=st.sampled_from([1, 2]),
    seed=st.integers(0, 99),
)
def test_squared_errors_are_those_of_dense_float64(
    n: int, tile: int, ranks: list[int], diagonal: bool, sparse: bool, workers: int, seed: int
) -> None:
    A, models = made(n, ranks, seed=seed)
    counts = np.ones((n, n), bool) if diagonal else ~np.eye(n, dtype=bool)
    with Threads(workers) as executor:
        operator = Sweep.of_array(sp.csr_array(A) if sparse else A, executor, tile=tile)
        found = exact_errors(operator, executor, models, diagonal=diagonal)
        assert operator.reads == 1
    size = (A**2).sum()
    for exact, rows in zip(found, models, strict=True):
        squared = (residual(A, rows)[counts] ** 2).sum()
        assert exact.squared_error == pytest.approx(squared, rel=1e-10, abs=1e-12 * size)
        assert exact.sum_of_squares == pytest.approx((A[counts] ** 2).sum(), abs=1e-12 * size)


def test_an_error_of_a_millionth_is_not_lost_in_cancellation() -> None:
    rng = np.random.default_rng(0)
    W, H = (rng.random((200, 4)).astype(np.float32) for _ in "WH")
    A = W.astype(float) @ W.astype(float).T
    A += 1e-6 * (H.astype(float) @ H.astype(float).T)
    with Threads(2) as executor:
        (exact,) = exact_errors(Sweep.of_array(A, executor, tile=64), executor, [{"W": W, "H": W}])
    true = np.linalg.norm(residual(A, {"W": W, "H": W})) / np.linalg.norm(A)
    assert true < 2e-6
    assert exact.relative_error == pytest.approx(true, rel=0.05)


def test_a_matrix_that_is_only_its_diagonal_has_nothing_off_it() -> None:
    D = np.diag(np.random.default_rng(0).random(50))
    with Threads(1) as executor:
        operator = Sweep.of_array(D, executor)
        assert sum_of_squares_of(operator, diagonal=False) == 0
        assert sum_of_squares_of(operator, diagonal=True) == pytest.approx((D**2).sum())


@given(
    n=st.integers(1, 60), tile=st.integers(5, 40), ranks=MODELS, sparse=st.booleans(), seed=st.integers(0, 99)
)
def test_held_out_errors_are_those_of_dense_float64(
    n: int, tile: int, ranks: list[int], sparse: bool, seed: int
) -> None:
    A, models = made(n, ranks, seed=seed)
    mask = draw_mask(n, share=0.3, seed=seed)
    held = mask.held[np.ix_(mask.group, mask.group)]
    with Threads(2) as executor:
        operator = Sweep.of_array(sp.csr_array(A) if sparse else A, executor, tile=tile)
        found = held_out_errors(operator, executor, models, mask)
        assert operator.reads == 1
    groups = len(mask.held)

    def by_group(squares: np.ndarray) -> np.ndarray:
        return np.bincount(mask.group, (squares * held).sum(axis=1), minlength=groups)

    size = (A**2).sum() + 1
    np.testing.assert_allclose(found.squares, by_group(A**2), rtol=1e-12, atol=1e-12 * size)
    for errors, rows in zip(found.by_group, models, strict=True):
        np.testing.assert_allclose(errors, by_group(residual(A, rows) ** 2), rtol=1e-9, atol=1e-11 * size)
