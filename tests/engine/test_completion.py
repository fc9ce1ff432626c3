"""A sketch that never sees held-out pairs: bits do not depend on them, and completing them is SVDimpute."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from dasknmf.engine.completion import group_moments, times_group
from dasknmf.engine.executor import Threads
from dasknmf.engine.mask import Mask, draw_mask
from dasknmf.engine.sketch import make_sketches
from dasknmf.engine.sweep import Sweep
from tests.conftest import planted

if TYPE_CHECKING:
    from dasknmf.engine.sketch import Sketch


def held_of(mask: Mask) -> np.ndarray:
    return mask.held[np.ix_(mask.group, mask.group)]


def hidden_sketch(A: Any, k: int, mask: Mask, **options: Any) -> Sketch:
    with Threads(1) as executor:
        operator = Sweep.of_array(A, executor, tile=64)
        (sketch,) = make_sketches(operator, executor, k, mask=mask, whole=False, **options)
    return sketch


def leading(A: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    values, vectors = np.linalg.eigh(A)
    order = np.argsort(-np.abs(values))[:k]
    return values[order], vectors[:, order]


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("diagonal", [True, False])
def test_what_is_held_out_changes_no_bit(sparse: bool, diagonal: bool) -> None:
    A = planted(300, 5, seed=0)
    mask = draw_mask(300, share=0.2, seed=1)
    other = np.where(held_of(mask), np.random.default_rng(0).random((300, 300)) * 9, A)
    other = np.where(held_of(mask), (other + other.T) / 2, other)
    assert not np.allclose(A, other)
    one, two = (
        hidden_sketch(sp.csr_array(given) if sparse else given, 5, mask, diagonal=diagonal)
        for given in (A, other)
    )
    np.testing.assert_array_equal(one.values, two.values)
    np.testing.assert_array_equal(one.residuals, two.residuals)
    np.testing.assert_array_equal(np.concatenate(one.vectors), np.concatenate(two.vectors))


@pytest.mark.parametrize("sparse", [False, True])
def test_it_is_that_of_a_matrix_completed_twice_from_its_leading_eigenpairs(sparse: bool) -> None:
    k = 5
    A = planted(300, k, seed=0)
    mask = draw_mask(300, share=0.2, seed=1)
    held = held_of(mask)
    filled = np.where(held, 0, A)
    for scale in (1 / (1 - mask.share()), 1.0):
        values, vectors = leading(filled, k)
        filled = np.where(held, (vectors * values * scale) @ vectors.T, A)
    sketch = hidden_sketch(sp.csr_array(A) if sparse else A, k, mask)
    values, vectors = leading(filled, k)
    np.testing.assert_allclose(sketch.values[:k], values, rtol=1e-4)
    overlap = np.abs((np.concatenate(sketch.vectors)[:, :k] * vectors).sum(axis=0))
    np.testing.assert_allclose(overlap, 1, atol=1e-4)
    # which is nearer to A than zeros in their place are
    truth = leading(A, k)[0]
    zeros = leading(np.where(held, 0, A), k)[0]
    assert np.linalg.norm(sketch.values[:k] - truth) < 0.2 * np.linalg.norm(zeros - truth)


@given(
    n=st.integers(1, 40),
    k=st.integers(1, 5),
    m=st.integers(1, 5),
    groups=st.integers(1, 9),
    seed=st.integers(0, 99),
)
def test_sums_over_groups_are_sums_over_held_out_pairs(
    n: int, k: int, m: int, groups: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    F, G, X = rng.random((n, k)), rng.random((n, k)), rng.random((n, m))
    upper = np.triu(rng.random((groups, groups)) < 0.4, 1)
    mask = Mask(rng.integers(0, groups, n), upper | upper.T)
    moments = group_moments(G, X, mask.group, groups)
    beside = (mask.held.astype(float) @ moments.reshape(groups, -1)).reshape(groups, k, m)
    expected = (held_of(mask) * (F @ G.T)) @ X
    np.testing.assert_allclose(times_group(F, beside, mask.group), expected, rtol=1e-10, atol=1e-12)
