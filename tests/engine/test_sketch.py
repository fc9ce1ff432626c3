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
