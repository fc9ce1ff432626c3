"""The normalised network as an operator is the dense one."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from dasknmf.engine.executor import Threads
from dasknmf.engine.normalised import Normalised
from dasknmf.engine.sweep import Sweep
from tests.references.networks import mixed, normalised, without_diagonal


@given(
    n=st.integers(1, 60),
    tile=st.integers(5, 40),
    columns=st.integers(1, 5),
    diagonal=st.booleans(),
    sparse=st.booleans(),
    tau=st.sampled_from([0.0, 0.3]),
    seed=st.integers(0, 99),
)
def test_its_sweep_is_the_dense_product(
    n: int, tile: int, columns: int, diagonal: bool, sparse: bool, tau: float, seed: int
) -> None:
    A = mixed(n, seed=seed)
    X = np.random.default_rng(seed).standard_normal((n, columns))
    with Threads(2) as executor:
        operator = Sweep.of_array(sp.csr_array(A) if sparse else A, executor, tile=tile)
        body = Normalised(operator, A.sum(axis=1), diagonal=diagonal, tau=tau)
        panels = executor.put(body.panels.split(X), label="X")
        made = np.concatenate(executor.get(body.sweep(panels, columns=columns, dtype=X.dtype)))
        assert body.reads == operator.reads == 1
    N = normalised(A if diagonal else without_diagonal(A), tau=tau)
    np.testing.assert_allclose(made, N @ X, atol=1e-12)
    np.testing.assert_allclose(body.diagonal, N.diagonal(), atol=1e-12)
    np.testing.assert_allclose(body.degree, (A if diagonal else without_diagonal(A)).sum(axis=1), atol=1e-10)


@pytest.mark.parametrize("weight", [1e-30, 0.1, 1e30])
def test_a_gene_with_a_self_loop_alone_has_no_degree_where_the_diagonal_is_ignored(weight: float) -> None:
    A = np.zeros((3, 3))
    A[0, 1] = A[1, 0] = 0.7
    A[2, 2] = A[0, 0] = weight
    with Threads(1) as executor:
        body = Normalised(Sweep.of_array(A, executor), A.sum(axis=1), diagonal=False)
        assert body.degree[2] == 0
        np.testing.assert_allclose(body.degree[1], 0.7)
