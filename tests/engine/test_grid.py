"""The plan of a sweep: pure integers that depend on the matrix alone."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st

from dasknmf.engine.grid import LARGEST_GROUP, MOST_GROUPS, SMALL_PANEL, SMALLEST_DENSE_GROUP, MiB, make_plan
from dasknmf.network.tiles import Grid


@st.composite
def weighted_grids(draw):
    """A grid and the bytes of its tiles, many of them empty."""
    grid = Grid(n=draw(st.integers(1, 60)), tile=draw(st.integers(1, 12)))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    weights = random.integers(0, 40 * MiB, grid.n_tiles) * (
        random.random(grid.n_tiles) < draw(st.floats(0, 1))
    )
    return grid, weights.astype(np.int64)


def tiles_of(group):
    return [(i, j) for i, first, last in group.tile_rows() for j in range(first, last)]


@given(case=weighted_grids())
def test_every_tile_that_holds_anything_is_in_one_group(case):
    grid, weights = case
    read = [tile for group in make_plan(grid, weights).groups for tile in tiles_of(group)]
    assert len(read) == len(set(read))
    missed = set(grid.tiles()) - set(read)
    assert all(weights[grid.index(i, j)] == 0 for i, j in missed)


@given(case=weighted_grids())
def test_the_weight_of_a_group_is_that_of_its_tiles(case):
    grid, weights = case
    plan = make_plan(grid, weights)
    for group in plan.groups:
        assert group.weight == sum(weights[grid.index(i, j)] for i, j in tiles_of(group))
    assert plan.weight == weights.sum()


@given(case=weighted_grids())
def test_a_group_is_light_or_a_single_tile(case):
    grid, weights = case
    largest = max(LARGEST_GROUP, int(weights.sum()) // MOST_GROUPS)
    for group in make_plan(grid, weights).groups:
        assert group.weight <= largest or len(tiles_of(group)) == 1


@given(case=weighted_grids())
def test_a_group_touches_exactly_the_panels_of_its_tiles(case):
    grid, weights = case
    plan = make_plan(grid, weights)
    for group in plan.groups:
        rows = {k for tile in tiles_of(group) for k in tile}
        assert {plan.panels.place(k)[0] for k in rows} <= set(group.panels)
        own = {*range(*group.rows), *range(*group.columns)}
        for q in group.panels:
            assert own & set(range(plan.panels.cuts[q], plan.panels.cuts[q + 1]))


@given(case=weighted_grids())
def test_panels_cut_the_genes_and_place_every_tile_row(case):
    grid, weights = case
    panels = make_plan(grid, weights).panels
    genes = np.arange(grid.n)
    pieces = panels.split(genes)
    np.testing.assert_array_equal(np.concatenate(pieces), genes)
    for i in range(grid.panels):
        q, inside = panels.place(i)
        np.testing.assert_array_equal(pieces[q][inside], np.arange(*grid.bounds(i)))


def test_a_small_matrix_gives_work_to_several_cores():
    grid = Grid(n=4096, tile=512)
    plan = make_plan(grid, np.full(grid.n_tiles, SMALLEST_DENSE_GROUP))
    assert len(plan.groups) >= 16


def test_a_large_network_has_neither_too_many_groups_nor_wide_ones():
    grid = Grid(n=100_000, tile=2048)
    plan = make_plan(grid, np.full(grid.n_tiles, 16 * MiB))
    assert 256 <= len(plan.groups) <= MOST_GROUPS
    assert max(len(group.panels) for group in plan.groups) <= 2


@given(n=st.integers(1, 3 * SMALL_PANEL), tile=st.integers(64, 4096))
def test_neighbouring_panels_together_are_never_small(n, tile):
    grid = Grid(n=n, tile=tile)
    panels = make_plan(grid, np.full(grid.n_tiles, MiB)).panels
    assert sum(panels.rows) == n
    assert all(a + b > SMALL_PANEL - tile for a, b in pairwise(panels.rows))


@given(case=weighted_grids(), n=st.integers(2, 5))
def test_an_empty_matrix_has_no_groups(case, n):
    grid, weights = case
    assume(grid.n_tiles > n)
    plan = make_plan(grid, np.zeros_like(weights))
    assert plan.groups == ()
    assert plan.weight == 0
