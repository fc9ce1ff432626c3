"""Similarities of genes, beside the n×n matrices that are never made."""

from __future__ import annotations

import numpy as np
import pytest

from dasknmf.errors import InputError
from dasknmf.nesting.similarity import similarity_of, similarity_power


def dense(L: np.ndarray, power: float, core: np.ndarray | None) -> np.ndarray:
    if core is not None:
        L = L / np.linalg.norm(L, axis=0)
    norms = np.linalg.norm(L, axis=1)
    L = np.array([row / norm**power if norm else row for row, norm in zip(L, norms, strict=True)])
    return L @ (np.eye(L.shape[1]) if core is None else core) @ L.T


CORE = np.array([[0.0, 2.0, 0.0], [2.0, 0.1, 0.0], [0.0, 0.0, 1.0]])


@pytest.mark.parametrize(("power", "core"), [(0.0, None), (0.5, None), (1.0, None), (0.0, CORE)])
def test_eigenpairs_are_those_of_the_whole_matrix(power: float, core: np.ndarray | None) -> None:
    rng = np.random.default_rng(0)
    L = rng.random((50, 3)) * (rng.random((50, 3)) < 0.5)
    L[7] = 0
    S = dense(L, power, core)
    found = similarity_of(L, power=power, core=core)
    made = (found.vectors * found.values) @ found.vectors.T
    np.testing.assert_allclose(made, S, atol=1e-6 * abs(S).max())
    assert found.sum_of_squares == pytest.approx((S**2).sum())
    assert found.total == pytest.approx(S.sum())
    assert (np.diff(abs(found.values)) <= 0).all()
    assert (found.values < 0).any() == (core is not None)


def test_factors_that_repeat_have_no_eigenvalue_of_their_own() -> None:
    L = np.random.default_rng(1).random((30, 2))
    assert len(similarity_of(np.concatenate([L, L], axis=1)).values) == 2
    assert similarity_of(np.zeros((5, 2))).values.tolist() == [0.0]


def test_another_order_of_genes_gives_another_order_of_rows() -> None:
    rng = np.random.default_rng(2)
    L, order = rng.random((40, 4)), rng.permutation(40)
    here, there = similarity_of(L, power=0.5), similarity_of(L[order], power=0.5)
    np.testing.assert_allclose(there.values, here.values, rtol=1e-12)
    np.testing.assert_allclose(there.vectors, here.vectors[order], atol=1e-6)


@pytest.mark.parametrize(
    ("given", "says"), [("dot", "choose one of"), (1.5, "0 .* to 1"), (-1, "at least 0")]
)
def test_a_similarity_that_is_none_is_refused(given: object, says: str) -> None:
    with pytest.raises(InputError, match=says):
        similarity_power(given)  # type: ignore[arg-type]
