"""The leading spectrum against ARPACK, and the Eckart–Young bound against a closed form."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse.linalg import eigsh

from dasknmf.engine.executor import Threads
from dasknmf.engine.sketch import leading_spectrum
from dasknmf.engine.sweep import Sweep
from tests.conftest import planted


@pytest.mark.parametrize("seed", [0, 1])
def test_values_and_vectors_are_those_of_arpack(seed: int) -> None:
    A = planted(400, 6, seed=seed)
    A[:50, 50:120] += 3  # a bipartite block brings a large negative eigenvalue
    A = (A + A.T) / 2
    with Threads(1) as executor:
        operator = Sweep.of_array(A, executor, tile=128)
        spectrum = leading_spectrum(operator, 6, seed=seed)
        assert operator.reads <= 12
    values, vectors = eigsh(A, k=6, which="LM")
    order = np.argsort(-np.abs(values))
    np.testing.assert_allclose(spectrum.values, values[order], rtol=1e-4)
    assert (spectrum.values < 0).any()
    assert (np.abs(spectrum.values - values[order]) <= spectrum.residuals + 1e-6).all()
    overlap = np.abs((spectrum.vectors * vectors[:, order]).sum(axis=0))
    np.testing.assert_allclose(overlap[:2], 1, atol=1e-3)
    bound = np.sqrt(1 - (values**2).sum() / (A**2).sum())
    assert spectrum.relative_error(6, (A**2).sum()) == pytest.approx(bound, rel=1e-3)


def test_more_eigenpairs_than_genes_are_all_of_them() -> None:
    A = planted(5, 2, seed=0)
    with Threads(1) as executor:
        spectrum = leading_spectrum(Sweep.of_array(A, executor), 9, seed=0)
    np.testing.assert_allclose(np.sort(spectrum.values), np.linalg.eigvalsh(A), rtol=1e-5, atol=1e-5)
    assert spectrum.relative_error(5, (A**2).sum()) == pytest.approx(0, abs=1e-3)


def star(n: int) -> np.ndarray:
    A = np.zeros((n, n))
    A[0, 1:] = A[1:, 0] = 1
    return A


def few_edges(n: int, edges: int) -> np.ndarray:
    A = np.zeros((n, n))
    for i in range(edges):
        A[2 * i, 2 * i + 1] = A[2 * i + 1, 2 * i] = i + 1
    return A


@pytest.mark.parametrize(
    ("A", "k"),
    [
        (np.ones((200, 200)), 3),
        (star(300), 4),
        (few_edges(100, 1), 5),
        (few_edges(500, 8), 10),
        (np.kron(np.eye(5), np.ones((20, 20))), 3),
        (np.zeros((50, 50)), 3),
    ],
    ids=["ones", "star", "one edge", "eight edges", "cliques", "zero"],
)
def test_matrices_of_low_rank_exhaust_the_krylov_space_without_harm(A: np.ndarray, k: int) -> None:
    with Threads(1) as executor:
        operator = Sweep.of_array(A, executor, tile=64)
        spectrum = leading_spectrum(operator, k, seed=0)
    values = np.linalg.eigvalsh(A)
    largest = np.sort(np.abs(values))[::-1][:k]
    np.testing.assert_allclose(np.abs(spectrum.values), largest, atol=1e-5 * max(1, largest[0]))
    np.testing.assert_allclose(spectrum.vectors.T @ spectrum.vectors, np.eye(k), atol=1e-6)


@pytest.mark.parametrize("seed", range(4))
def test_the_bound_is_tight_and_errs_to_the_low_side(seed: int) -> None:
    A = planted(300, 8, seed=seed, noise=0.4)
    values = np.sort(np.linalg.eigvalsh(A) ** 2)[::-1]
    with Threads(1) as executor:
        spectrum = leading_spectrum(Sweep.of_array(A, executor), 12, seed=0)
    for k in (4, 8, 12):
        bound = np.sqrt(values[k:].sum() / values.sum())
        found = spectrum.relative_error(k, values.sum())
        assert found <= bound
        assert found == pytest.approx(bound, rel=1e-3)
