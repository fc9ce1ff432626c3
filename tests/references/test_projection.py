"""random-projection: A ≈ Q(QᵀA) for a random Q."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import dasknmf
from tests.conftest import planted
from tests.references.networks import mixed, without_diagonal


def basis(fit) -> np.ndarray:
    W = fit["W"].values.astype(float)
    norms = np.linalg.norm(W, axis=0)
    return W / np.where(norms > 0, norms, 1)


@given(
    n=st.integers(2, 60),
    rank=st.floats(0, 1),
    diagonal=st.sampled_from(["keep", "ignore"]),
    seed=st.integers(0, 99),
)
def test_it_is_the_projection_on_its_basis(n: int, rank: float, diagonal: str, seed: int) -> None:
    k = 1 + int(rank * (n - 1))
    given = mixed(n, seed=seed)
    fit = dasknmf.nmf(given, k, solver="random-projection", seed=seed, diagonal=diagonal)
    A = given if diagonal == "keep" else without_diagonal(given)
    Q, size = basis(fit), np.linalg.norm(given) + 1e-30
    there = fit["scale"].values > 1e-6 * size
    np.testing.assert_allclose((Q.T @ Q)[np.ix_(there, there)], np.eye(there.sum()), atol=1e-5)
    np.testing.assert_allclose(fit["W"].values @ fit["H"].values, Q @ Q.T @ A, atol=1e-5 * size)
    counts = np.ones((n, n), bool) if diagonal == "keep" else ~np.eye(n, dtype=bool)
    error = np.linalg.norm((given - Q @ Q.T @ A)[counts]) / (np.linalg.norm(given[counts]) or 1)
    assert fit.attrs["relative_error"] == pytest.approx(error, abs=2e-3)
    assert fit.attrs["reads"] <= 8 + 2 + 1


def test_its_basis_is_that_of_a_product_with_the_network() -> None:
    # of a matrix of rank 3, three random combinations of columns have everything
    V = np.random.default_rng(0).random((100, 3))
    fit = dasknmf.nmf(V @ V.T, 3, solver="random-projection")
    assert fit.attrs["relative_error"] < 1e-4


def test_its_error_is_within_the_theorem() -> None:
    """Halko, Martinsson, Tropp 2011, theorem 10.5: E‖A − QQᵀA‖² ≤ (1 + r/(p − 1)) Σ_{j>r} σ_j², r + p = k."""
    A, k = mixed(200, seed=0), 12
    squares = np.sort(np.linalg.eigvalsh(A) ** 2)[::-1]
    bound = min((1 + r / (k - r - 1)) * squares[r:].sum() for r in range(2, k - 1))
    fits = dasknmf.nmf_many(
        A, [{"n_components": k, "seed": s, "solver": "random-projection"} for s in range(20)]
    )
    errors = [child.attrs["squared_error"] for child in fits.children.values()]
    assert np.mean(errors) <= bound
    assert min(errors) >= squares[k:].sum() * (1 - 1e-6)
    assert len(set(errors)) == 20


def test_all_ranks_and_seeds_share_two_reads() -> None:
    A = planted(100, 4, seed=0)
    models = [{"n_components": k, "seed": s, "solver": "random-projection"} for k in (2, 6) for s in (0, 1)]
    fits = dasknmf.nmf_many(A, models, bound=False)
    assert fits["random-projection-k2"].attrs["reads"] == 3
    single = dasknmf.nmf(A, 2, solver="random-projection", seed=1, bound=False)
    together = fits["random-projection-k2-seed1"].to_dataset()
    np.testing.assert_allclose(np.abs(single["W"]), np.abs(together["W"]), atol=1e-4)
    Q2, Q6 = basis(fits["random-projection-k2"]), basis(fits["random-projection-k6"])
    np.testing.assert_allclose(Q6 @ (Q6.T @ Q2), Q2, atol=1e-5)
