"""svd: the eigenpairs of A, and the error that no matrix of the rank is below."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.sparse.linalg import eigsh

import dasknmf
from tests.conftest import planted
from tests.references.networks import apart, leading, mixed, without_diagonal


@given(
    n=st.integers(2, 60),
    rank=st.floats(0, 1),
    tile=st.integers(5, 40),
    density=st.sampled_from([0.2, 0.6, 1.0]),
    layout=st.sampled_from(["dense", "sparse"]),
    diagonal=st.sampled_from(["keep", "ignore"]),
    seed=st.integers(0, 99),
)
def test_it_is_the_truncated_eigendecomposition(
    n: int,
    rank: float,
    tile: int,
    density: float,
    layout: str,
    diagonal: str,
    seed: int,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    k = 1 + int(rank * (n - 1))
    given = mixed(n, seed=seed, density=density).astype(np.float32).astype(float)
    assume(given.any())
    place = tmp_path_factory.mktemp("svd") / "net.zarr"
    dasknmf.import_network(given, place, tile=tile, layout=layout)
    fit = dasknmf.nmf(place, k, solver="svd", diagonal=diagonal)
    A = given if diagonal == "keep" else without_diagonal(given)
    values, vectors = leading(A, k)
    size = np.linalg.norm(A) + 1e-30
    np.testing.assert_allclose(np.abs(fit["eigenvalue"]), np.abs(values), atol=1e-5 * size)
    W, H = fit["W"].values.astype(float), fit["H"].values.astype(float)
    np.testing.assert_allclose((W**2).sum(axis=0), fit["scale"], atol=1e-5 * size)
    np.testing.assert_allclose(np.diag(H @ W), fit["eigenvalue"], atol=1e-5 * size)
    if apart(A, k):
        np.testing.assert_allclose(W @ H, vectors * values @ vectors.T, atol=1e-4 * size)
    counts = np.ones((n, n), bool) if diagonal == "keep" else ~np.eye(n, dtype=bool)
    squared = ((given - W @ H)[counts] ** 2).sum()
    assert fit.attrs["squared_error"] == pytest.approx(squared, rel=1e-6, abs=1e-8 * size**2)


@pytest.mark.parametrize("sparse", [False, True])
def test_eigenpairs_are_those_of_arpack_negative_ones_too(sparse: bool) -> None:
    A = mixed(400, seed=3)
    fit = dasknmf.nmf(sp.csr_array(A) if sparse else A, 6, solver="svd")
    values, vectors = eigsh(A, k=6, which="LM", v0=np.ones(400))
    order = np.argsort(-np.abs(values))
    assert (values < 0).any()
    assert fit.attrs["negative_eigenvalues"] == (fit["eigenvalue"].values < 0).sum()
    # a Ritz value is nearer to an eigenvalue than its residual is, and by its square
    inside = np.abs(fit["eigenvalue"].values - values[order])
    assert (inside <= fit["eigenvalue_error"].values + 1e-6 * abs(values).max()).all()
    strong = slice(0, 2)
    cosines = np.einsum(
        "ij,ij->j",
        fit["W"].values[:, strong] / np.sqrt(fit["scale"].values[strong]),
        vectors[:, order[strong]],
    )
    np.testing.assert_allclose(np.abs(cosines), 1, atol=1e-5)


@pytest.mark.parametrize("k", [1, 4, 20])
@pytest.mark.parametrize("seed", [0, 1])
def test_its_exact_error_is_the_eckart_young_bound(k: int, seed: int) -> None:
    A = mixed(300, seed=seed) if seed else planted(300, 5, seed=0)
    fit = dasknmf.nmf(A, k, solver="svd")
    squares = np.sort(np.linalg.eigvalsh(A) ** 2)[::-1]
    bound = np.sqrt(squares[k:].sum() / squares.sum())
    assert fit.attrs["relative_error"] == pytest.approx(bound, rel=1e-3)
    assert fit.attrs["relative_error"] >= bound * (1 - 1e-6)
    assert fit.attrs["eckart_young"] <= fit.attrs["relative_error"]
    assert fit.attrs["converged"] == 1


def test_it_says_that_its_factors_have_signs() -> None:
    fit = dasknmf.nmf(mixed(60, seed=0), 4, solver="svd")
    assert fit.attrs["signed"] == 1
    assert (fit["W"].values < 0).any()
    assert "with signs" in fit["W"].attrs["long_name"]
    np.testing.assert_allclose(
        fit["H"].values, fit["W"].values.T * np.sign(fit["eigenvalue"].values)[:, None]
    )
    with pytest.raises(dasknmf.errors.InputError, match="'svd' have signs; needs a non-negative fit"):
        dasknmf.transform(fit, np.ones((1, 60)))


def test_a_diagonal_that_is_ignored_is_zero_and_said_so() -> None:
    A = mixed(80, seed=1) + np.diag(np.linspace(1, 50, 80))
    fit = dasknmf.nmf(A, 3, solver="svd", diagonal="ignore")
    np.testing.assert_allclose(fit["eigenvalue"], leading(without_diagonal(A), 3)[0], rtol=1e-5)
    assert fit.attrs["diagonal_taken"] == "A_ii is taken as 0; the error is over i ≠ j"
    assert np.isnan(fit.attrs["eckart_young"])


def test_the_zero_matrix_has_zero_factors() -> None:
    fit = dasknmf.nmf(np.zeros((5, 5)), 2, solver="svd")
    assert not fit["W"].values.any()
    assert fit.attrs["relative_error"] == 0


def test_eigenpairs_that_have_not_settled_are_not_called_converged() -> None:
    from dasknmf.engine.sketch import Sketch

    sketch = Sketch(np.array([2.0, -1.0]), np.array([0.01, 0.5]), [], 5.0, 5.0, 8)
    assert sketch.is_settled(1)
    assert not sketch.is_settled(2)
