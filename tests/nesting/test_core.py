"""The best core, beside non-negative least squares on the whole n² × k² problem."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import nnls

from dasknmf.nesting.core import best_core, least_squares
from dasknmf.nesting.core_factors import factorize_core
from dasknmf.options import ModelOptions, RunOptions


def drawn(n: int, k: int, *, seed: int, density: float) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    L = rng.random((n, k)) * (rng.random((n, k)) < density)
    A = rng.random((n, n)) * (rng.random((n, n)) < density)
    return L, A + A.T


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("n", "k", "density"), [(20, 3, 0.5), (40, 7, 0.3), (40, 8, 0.9)])
def test_it_explains_what_least_squares_on_all_pairs_does(n: int, k: int, density: float, seed: int) -> None:
    L, A = drawn(n, k, seed=seed, density=density)
    _, rest = nnls(np.kron(L, L), A.ravel(), maxiter=20_000)
    core = best_core(L.T @ A @ L, L.T @ L, (A**2).sum())
    assert core.explained == pytest.approx(1 - rest**2 / (A**2).sum(), abs=1e-10)
    unit = L / np.linalg.norm(L, axis=0)
    error = np.linalg.norm(A - unit @ core.matrix @ unit.T) ** 2
    assert core.explained == pytest.approx(1 - error / (A**2).sum(), abs=1e-12)
    assert (core.matrix >= 0).all()
    np.testing.assert_allclose(core.matrix, core.matrix.T, atol=1e-6 * core.matrix.max())


def test_shares_of_what_is_explained_sum_to_one() -> None:
    L, A = drawn(40, 6, seed=5, density=0.4)
    core = best_core(L.T @ A @ L, L.T @ L, (A**2).sum())
    assert core.contributions.sum() == pytest.approx(1)
    assert (core.contributions >= 0).all()


def test_a_factor_that_is_zero_has_no_core() -> None:
    L, A = drawn(30, 4, seed=1, density=0.6)
    alive = best_core(L.T @ A @ L, L.T @ L, (A**2).sum())
    with_dead = np.insert(L, 2, 0.0, axis=1)
    core = best_core(with_dead.T @ A @ with_dead, with_dead.T @ with_dead, (A**2).sum())
    assert not core.matrix[2].any()
    assert not core.matrix[:, 2].any()
    assert core.explained == pytest.approx(alive.explained, abs=1e-12)


def test_two_factors_that_are_one_explain_as_much_as_it_does() -> None:
    L, A = drawn(30, 4, seed=2, density=0.6)
    alone = best_core(L.T @ A @ L, L.T @ L, (A**2).sum())
    twice = np.concatenate([L, 3 * L[:, :1]], axis=1)
    core = best_core(twice.T @ A @ twice, twice.T @ twice, (A**2).sum())
    assert core.explained == pytest.approx(alone.explained, abs=1e-9)


def test_no_network_is_explained_by_nothing() -> None:
    core = best_core(np.zeros((2, 2)), np.eye(2), 0.0)
    assert core.explained == 0
    assert not core.matrix.any()


def test_a_weighted_problem_is_that_of_its_square_roots() -> None:
    rng = np.random.default_rng(3)
    left, right, target = rng.random((9, 5)), rng.random((3, 7)), rng.normal(size=(9, 7))
    found = least_squares(
        left.T @ target @ right.T, left.T @ left, right @ right.T, np.zeros((5, 3)), rounds=500
    )
    expected, _ = nnls(np.kron(left, right.T), target.ravel())
    np.testing.assert_allclose(found.ravel(), expected, atol=1e-6)


def test_the_error_of_genes_is_lower_where_it_is_minimised() -> None:
    rng = np.random.default_rng(0)
    L = rng.random((60, 8))
    L /= np.linalg.norm(L, axis=0)
    C = rng.random((8, 8)) * np.eye(8) + 0.1 * rng.random((8, 8))
    C = C + C.T
    errors = {}
    for metric in ("genes", "factors"):
        M, Ht = factorize_core(C, L.T @ L, ModelOptions(3), RunOptions(), metric)
        assert M.min() >= 0
        assert Ht.min() >= 0
        errors[metric] = (
            np.linalg.norm(L @ (C - M.astype(float) @ Ht.T) @ L.T),
            np.linalg.norm(C - M.astype(float) @ Ht.T),
        )
    assert errors["genes"][0] < errors["factors"][0]
    assert errors["genes"][1] > errors["factors"][1]
