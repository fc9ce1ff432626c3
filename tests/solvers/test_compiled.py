"""The compiled passes over rows against numpy written from the formulas."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dasknmf.solvers.compiled import LANES, hals_rows, row_sums

KINDS = st.sampled_from([np.float32, np.float64])
TOLERANCE = {np.float32: 2e-4, np.float64: 1e-11}


def columns_in_turn(F, Y, G, l1, l2):
    """Cichocki & Phan 2009, one column after the other."""
    F = F.copy()
    for j in range(F.shape[1]):
        curvature = G[j, j] + l2
        if curvature > 0:
            F[:, j] = np.maximum(0, F[:, j] + (Y[:, j] - F @ G[:, j] - l1 - l2 * F[:, j]) / curvature)
        elif l1 > 0:
            F[:, j] = 0
    return F


def made(n: int, k: int, kind, *, dead: bool, seed: int):
    rng = np.random.default_rng(seed)
    F = rng.random((n, k)) * (rng.random((n, k)) < 0.8)
    X = rng.random((k + 5, k))
    if dead:
        X[:, rng.integers(0, k)] = 0
    Y = (F @ X.T @ X) + rng.standard_normal((n, k))
    return F.astype(kind), Y.astype(kind), (X.T @ X).astype(kind)


@given(
    n=st.integers(1, 3 * LANES + 5),
    k=st.integers(1, 23),
    kind=KINDS,
    l1=st.sampled_from([0.0, 0.3]),
    l2=st.sampled_from([0.0, 0.7]),
    dead=st.booleans(),
    seed=st.integers(0, 999),
)
def test_a_pass_of_hals_takes_one_column_after_the_other(
    n: int, k: int, kind, l1: float, l2: float, dead: bool, seed: int
) -> None:
    F, Y, G = made(n, k, kind, dead=dead, seed=seed)
    kept = F.copy(), Y.copy(), G.copy()
    new = hals_rows(F, Y, G, kind(l1), kind(l2), 1)
    expected = columns_in_turn(F.astype(float), Y.astype(float), G.astype(float), l1, l2)
    assert new.dtype == kind
    np.testing.assert_allclose(new, expected, rtol=TOLERANCE[kind], atol=TOLERANCE[kind] * np.abs(Y).max())
    assert (new >= 0).all()
    for given_array, before in zip((F, Y, G), kept, strict=True):
        np.testing.assert_array_equal(given_array, before)


@given(n=st.integers(1, 2 * LANES), cut=st.integers(1, LANES), k=st.integers(1, 9), kind=KINDS)
def test_a_row_does_not_depend_on_the_rows_beside_it(n: int, cut: int, k: int, kind) -> None:
    F, Y, G = made(n, k, kind, dead=False, seed=n)
    whole = hals_rows(F, Y, G, kind(0), kind(0), 1)
    parts = [hals_rows(F[a : a + cut], Y[a : a + cut], G, kind(0), kind(0), 1) for a in range(0, n, cut)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


@pytest.mark.parametrize("where", ["F", "Y", "G"])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_what_is_not_a_number_does_not_become_zero(where: str, kind) -> None:
    F, Y, G = made(LANES + 3, 5, kind, dead=False, seed=0)
    {"F": F, "Y": Y, "G": G}[where][1, 2] = np.nan
    new = hals_rows(F, Y, G, kind(0), kind(0), 1)
    if where == "G":
        assert np.isnan(new[:, 1]).all()
    else:
        assert np.isnan(new[1]).any()
        assert np.isfinite(np.delete(new, 1, axis=0)).all()


@given(
    n=st.integers(1, 90),
    k=st.integers(1, 9),
    kind=KINDS,
    l1=st.sampled_from([0.0, 0.3]),
    seed=st.integers(0, 99),
)
def test_sums_over_rows_are_those_of_numpy(n: int, k: int, kind, l1: float, seed: int) -> None:
    F, Y, G = made(n, k, kind, dead=False, seed=seed)
    FG, l2 = F @ G, 0.7
    new = hals_rows(F, Y, G, kind(l1), kind(l2), 1)
    found = row_sums(F, FG, Y, new, kind(l1), kind(l2))
    exact = [array.astype(float) for array in (F, FG, Y, new)]
    gradient = exact[1] - exact[2] + l1 + l2 * exact[0]
    inside = np.where((exact[0] > 0) | (gradient < 0), gradient, 0)
    expected = [(inside**2).sum(), (exact[2] * exact[3]).sum(), (exact[2] ** 2).sum(), exact[3].sum()]
    # the gradient is a difference, of numbers of the type of F
    size = (exact[1] ** 2).sum() + (exact[2] ** 2).sum()
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-4, atol=1e-6 * size)
    np.testing.assert_allclose(found[1:], expected[1:], rtol=1e-12, atol=1e-10)


@given(
    n=st.integers(1, 2 * LANES), k=st.integers(1, 9), kind=KINDS, passes=st.integers(1, 5), dead=st.booleans()
)
def test_passes_are_single_passes_after_one_another(n: int, k: int, kind, passes: int, dead: bool) -> None:
    F, Y, G = made(n, k, kind, dead=dead, seed=n)
    expected = F
    for _ in range(passes):
        expected = hals_rows(expected, Y, G, kind(0.1), kind(0.2), 1)
    np.testing.assert_array_equal(hals_rows(F, Y, G, kind(0.1), kind(0.2), passes), expected)
