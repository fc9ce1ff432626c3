"""Held-out pairs: symmetric, never the diagonal, about as many as asked for, the same tile by tile as in one piece."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from dasknmf.engine.executor import Threads
from dasknmf.engine.kernels import ArraySource, SparseSource
from dasknmf.engine.mask import GROUPS, Mask, Masked, draw_mask, squared
from dasknmf.engine.sweep import Sweep
from dasknmf.network.tiles import Grid
from tests.conftest import planted


def held_of(mask: Mask) -> np.ndarray:
    """The mask as a dense matrix, gene by gene."""
    return mask.held[np.ix_(mask.group, mask.group)]


@given(n=st.integers(1, 700), share=st.sampled_from([0.0, 0.01, 0.1, 0.5]), seed=st.integers(0, 99))
def test_pairs_are_held_out_both_ways_and_a_gene_with_itself_never(n: int, share: float, seed: int) -> None:
    mask = draw_mask(n, share=share, seed=seed)
    held = held_of(mask)
    assert (held == held.T).all()
    assert not held.diagonal().any()
    assert mask.share() == pytest.approx(held.mean())
    assert len(mask.held) == min(n, GROUPS)
    # groups are as even as they can be
    assert np.ptp(np.bincount(mask.group)) <= 1


@pytest.mark.parametrize("share", [0.01, 0.05, 0.2, 0.5])
@pytest.mark.parametrize("n", [600, 5000])
def test_the_share_is_about_what_was_asked_for(n: int, share: float) -> None:
    found = [draw_mask(n, share=share, seed=seed).share() for seed in range(10)]
    pairs = GROUPS * (GROUPS - 1) / 2
    assert abs(np.mean(found) - share) < 4 * np.sqrt(share * (1 - share) / pairs / 10) + share / GROUPS


def test_every_pair_is_held_out_equally_often() -> None:
    often = np.mean([held_of(draw_mask(24, share=0.3, seed=seed)) for seed in range(2000)], axis=0)
    off = ~np.eye(24, dtype=bool)
    np.testing.assert_allclose(often[off], 0.3, atol=5 * np.sqrt(0.21 / 2000))


def test_a_mask_is_the_seeds_alone() -> None:
    one, two, other = (draw_mask(800, share=0.1, seed=seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(one.group, two.group)
    np.testing.assert_array_equal(one.held, two.held)
    assert not np.array_equal(one.held, other.held)


@given(n=st.integers(2, 60), tile=st.integers(3, 30), sparse=st.booleans(), seed=st.integers(0, 99))
def test_tile_by_tile_it_is_the_dense_mask(n: int, tile: int, sparse: bool, seed: int) -> None:
    A = planted(n, 2, seed=seed) * (np.random.default_rng(seed).random((n, n)) < 0.5)
    A = np.maximum(A, A.T).astype(np.float32)
    mask = draw_mask(n, share=0.3, seed=seed)
    held = held_of(mask)
    grid = Grid(n, tile)
    source = SparseSource(sp.csr_array(A), grid) if sparse else ArraySource(A, grid)
    for i in range(grid.panels):
        rows = slice(*grid.bounds(i))
        for j, given_tile in source.tile_row(i, i, grid.panels):
            columns = slice(*grid.bounds(j))
            for show, kept in (("seen", ~held), ("held", held)):
                shown = mask.of_tile(given_tile, rows, columns, show=show)
                expected = (A * kept)[rows, columns]
                for made, wanted in ((shown, expected), (squared(shown), expected**2)):
                    if sparse:
                        # of a tile on the diagonal, the upper triangle is there
                        wanted = np.triu(wanted) if i == j else wanted
                        made = sp.coo_array(
                            (made.weight, (made.row, made.column)), shape=made.shape
                        ).toarray()
                    np.testing.assert_allclose(made, wanted, rtol=1e-6)


@given(
    n=st.integers(2, 60),
    tile=st.integers(5, 40),
    seen=st.integers(0, 3),
    hidden=st.integers(0, 3),
    sparse=st.booleans(),
    seed=st.integers(0, 99),
)
def test_a_masked_sweep_multiplies_some_columns_with_zeros_in_place_of_what_is_held_out(
    n: int, tile: int, seen: int, hidden: int, sparse: bool, seed: int
) -> None:
    if seen + hidden == 0:
        hidden = 1
    A = planted(n, 2, seed=seed)
    mask = draw_mask(n, share=0.3, seed=seed)
    X = np.random.default_rng(seed).random((n, seen + hidden))
    with Threads(2) as executor:
        operator = Sweep.of_array(sp.csr_array(A) if sparse else A, executor, tile=tile)
        panels = executor.put(operator.panels.split(X), label="X")
        made = operator.sweep(panels, columns=X.shape[1], dtype=X.dtype, masked=Masked(mask, seen))
    Y = np.concatenate(made)
    np.testing.assert_allclose(Y[:, :seen], A @ X[:, :seen], rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(Y[:, seen:], (A * ~held_of(mask)) @ X[:, seen:], rtol=1e-12, atol=1e-12)
