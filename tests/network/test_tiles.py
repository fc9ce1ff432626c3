"""Tiles of the upper triangle, and how large they are."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dasknmf.network.tiles import LARGEST_SPARSE_TILE, Grid, dense_tile, sparse_tile

GRIDS = st.builds(Grid, n=st.integers(1, 300), tile=st.integers(1, 400))


@given(grid=GRIDS)
def test_tiles_come_in_the_order_of_their_index(grid):
    tiles = list(grid.tiles())
    assert [grid.index(i, j) for i, j in tiles] == list(range(grid.n_tiles))
    assert all(i <= j < grid.panels for i, j in tiles)


@given(grid=GRIDS)
def test_bounds_cut_the_genes_without_gap_or_overlap(grid):
    bounds = [grid.bounds(i) for i in range(grid.panels)]
    assert [gene for start, stop in bounds for gene in range(start, stop)] == list(range(grid.n))
    assert all(0 < stop - start <= grid.tile for start, stop in bounds)


@given(n=st.integers(1, 10**7))
def test_dense_tiles_are_at_most_16_mib(n):
    assert 64 <= dense_tile(n) <= 2048
    assert dense_tile(n) % 64 == 0


@given(n=st.integers(1, 10**7), edges=st.integers(0, 10**10))
def test_local_indices_of_sparse_tiles_fit_in_16_bits(n, edges):
    assert 1 <= sparse_tile(n, edges) <= LARGEST_SPARSE_TILE
