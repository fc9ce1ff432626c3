"""⟨A, WH⟩ of many models from one read equals a dense computation in float64; so do held-out sums."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from dasknmf.engine.executor import Threads
from dasknmf.engine.inner import STRIP
from dasknmf.engine.mask import draw_mask
from dasknmf.engine.sweep import Sweep
from tests.conftest import planted


def made(n: int, ranks: list[int], *, seed: int) -> tuple[np.ndarray, list[np.ndarray], list[np.ndarray]]:
    rng = np.random.default_rng(seed)
    A = planted(n, 3, seed=seed) * (rng.random((n, n)) < 0.6)
    W, H = ([rng.random((n, k)).astype(np.float32) for k in ranks] for _ in "WH")
    return np.maximum(A, A.T), W, H


def in_panels(operator: Sweep, factors: list[np.ndarray]) -> list[list[np.ndarray]]:
    return [list(parts) for parts in zip(*(operator.panels.split(F) for F in factors), strict=True)]


@given(
    n=st.integers(1, 70),
    tile=st.integers(5, 40),
    ranks=st.lists(st.integers(1, 90), min_size=1, max_size=6),
    sparse=st.booleans(),
    workers=st.sampled_from([1, 2]),
    seed=st.integers(0, 99),
)
def test_inner_products_are_those_of_dense_float64(
    n: int, tile: int, ranks: list[int], sparse: bool, workers: int, seed: int
) -> None:
    A, W, H = made(n, ranks, seed=seed)
    with Threads(workers) as executor:
        operator = Sweep.of_array(sp.csr_array(A) if sparse else A, executor, tile=tile)
        found = operator.inner(in_panels(operator, W), in_panels(operator, H), models=len(ranks))
        assert operator.reads == 1
    expected = [(A * (w.astype(float) @ h.astype(float).T)).sum() for w, h in zip(W, H, strict=True)]
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


def test_a_model_wider_than_a_strip_and_many_narrow_ones_share_a_read() -> None:
    ranks = [3, STRIP + 37, *[5] * 60, STRIP]
    A, W, H = made(300, ranks, seed=0)
    with Threads(2) as executor:
        operator = Sweep.of_array(A, executor, tile=64)
        found = operator.inner(in_panels(operator, W), in_panels(operator, H), models=len(ranks))
        assert operator.reads == 1
    expected = [np.vdot(A @ h.astype(float), w.astype(float)) for w, h in zip(W, H, strict=True)]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@given(
    n=st.integers(1, 60),
    tile=st.integers(5, 40),
    ranks=st.lists(st.integers(1, 9), min_size=1, max_size=4),
    sparse=st.booleans(),
    seed=st.integers(0, 99),
)
def test_held_out_sums_by_group_of_genes_are_those_of_dense_float64(
    n: int, tile: int, ranks: list[int], sparse: bool, seed: int
) -> None:
    A, W, H = made(n, ranks, seed=seed)
    mask = draw_mask(n, share=0.3, seed=seed)
    held = mask.held[np.ix_(mask.group, mask.group)]
    with Threads(2) as executor:
        operator = Sweep.of_array(sp.csr_array(A) if sparse else A, executor, tile=tile)
        cross, squares = operator.held_out(
            in_panels(operator, W), in_panels(operator, H), models=len(ranks), mask=mask
        )
        assert operator.reads == 1
    groups = len(mask.held)
    expected = np.bincount(mask.group, ((A * held) ** 2).sum(axis=1), minlength=groups)
    np.testing.assert_allclose(squares, expected, rtol=1e-12, atol=1e-12)
    for m, (w, h) in enumerate(zip(W, H, strict=True)):
        by_gene = (A * held * (w.astype(float) @ h.astype(float).T)).sum(axis=1)
        expected = np.bincount(mask.group, by_gene, minlength=groups)
        np.testing.assert_allclose(cross[m], expected, rtol=1e-12, atol=1e-12)
