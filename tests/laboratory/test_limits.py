"""Bounds of a spectrum are those of dense matrices, and hold for whatever factors."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dasknmf.errors import InputError
from dasknmf.laboratory.limits import bounds, negative_mass
from tests.conftest import planted
from tests.laboratory.networks import of_involution, spectrum


def test_one_edge_costs_symmetry_exactly_one() -> None:
    values, _ = spectrum(np.array([[0.0, 1.0], [1.0, 0.0]]))
    for k in (2, 3, 10):
        found = bounds(values, 2.0, k)
        assert (found.wh, found.wswt) == pytest.approx((0.0, 0.0), abs=1e-12)
        assert found.wwt == pytest.approx(1.0)
        assert found.price == pytest.approx(0.5)
        assert found.relative("wwt") == pytest.approx(np.sqrt(0.5))


@given(seed=st.integers(0, 99), k=st.integers(1, 12), pairs=st.integers(0, 3))
def test_bounds_of_a_whole_spectrum_are_the_nearest_matrices(seed: int, k: int, pairs: int) -> None:
    A, _ = of_involution(30, 7, pairs, seed=seed, noise=0.05)
    values, vectors = spectrum(A)
    found = bounds(values, float((A**2).sum()), k)
    nearest = (vectors[:, :k] * values[:k]) @ vectors[:, :k].T
    assert found.wh == pytest.approx(float(((A - nearest) ** 2).sum()), rel=1e-9, abs=1e-9)
    up = np.flatnonzero(values > 0)[:k]
    semidefinite = (vectors[:, up] * values[up]) @ vectors[:, up].T
    assert found.wwt == pytest.approx(float(((A - semidefinite) ** 2).sum()), rel=1e-9, abs=1e-9)
    rng = np.random.default_rng(seed)
    W, H = rng.random((30, k)) * 0.3, rng.random((k, 30)) * 0.3
    assert ((A - W @ H) ** 2).sum() >= found.wh
    assert ((A - W @ W.T) ** 2).sum() >= found.wwt


@given(seed=st.integers(0, 99), k=st.integers(1, 10), known=st.integers(1, 20), size=st.floats(0, 0.3))
def test_a_part_of_a_spectrum_and_its_errors_only_lower_the_bounds(
    seed: int, k: int, known: int, size: float
) -> None:
    values, _ = spectrum(planted(40, 4, seed=seed, noise=0.3) - 0.4)
    squares = float((values**2).sum())
    whole = bounds(values, squares, k)
    part = bounds(values[:known], squares, k, errors=np.full(known, size))
    assert part.wh <= whole.wh + 1e-9 * squares
    assert part.wwt <= whole.wwt + 1e-9 * squares


def test_negative_mass_of_a_dense_spectrum() -> None:
    A, _ = of_involution(40, 6, 3, seed=0)
    values, _ = spectrum(A)
    found = negative_mass(values, float((A**2).sum()))
    assert found.share == pytest.approx(0.5)
    assert found.outside == pytest.approx(0.0, abs=1e-12)
    part = negative_mass(values[:3], float((A**2).sum()))
    assert part.low <= 0.5 <= part.high
    assert negative_mass([0.0], 0.0).share == 0.0


def test_no_spectrum_and_no_rank_are_refused() -> None:
    with pytest.raises(InputError, match="needs a rank of at least 1"):
        bounds([1.0], 1.0, 0)
    with pytest.raises(InputError, match="0 eigenvalues"):
        bounds([], 1.0, 1)
