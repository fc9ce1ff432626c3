"""Places, pairs and tiles that random networks are put together from."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dasknmf.generated.draws import (
    Table,
    Uniform,
    chosen,
    drawn_tile,
    edge_tile,
    pair_at,
    pairs_by_tile,
    pairs_of,
    stream,
)
from dasknmf.network.tiles import Grid


@pytest.mark.parametrize("share", [0.003, 0.2, 0.9])
def test_every_place_is_chosen_with_its_chance_and_by_itself(share):
    places, draws = 40, 20_000
    hit = np.zeros((draws, places))
    for draw in range(draws):
        hit[draw, chosen(stream(draw, "test", 0, 0), places, share)] = 1
    z = (hit.mean(axis=0) - share) / np.sqrt(share * (1 - share) / draws)
    assert abs(z).max() < 5
    # the number is binomial: its variance is that of independent places
    variance = places * share * (1 - share)
    kurtosis = (1 - 6 * share * (1 - share)) / variance
    assert abs(hit.sum(axis=1).var() / variance - 1) < 5 * np.sqrt((2 + kurtosis) / draws)


@given(places=st.integers(0, 300), share=st.floats(0, 1), seed=st.integers(0, 50))
def test_places_are_ascending_and_there(places, share, seed):
    found = chosen(stream(seed, "test", 1, 2), places, share)
    assert (np.diff(found) > 0).all()
    assert len(found) == 0 or (found[0] >= 0 and found[-1] < places)
    assert len(found) == places if share == 1 else True


def test_rare_edges_among_very_many_pairs_do_not_overflow():
    assert len(chosen(stream(0, "test", 0, 0), 2**32, 1e-18)) == 0
    assert len(chosen(stream(0, "test", 0, 0), 2**32, 1e-7)) == pytest.approx(429.5, abs=5 * 20.7)


@pytest.mark.parametrize("n", [1, 2, 7])
def test_pairs_are_numbered_along_the_rows(n):
    row, column = pair_at(np.arange(pairs_of((n, n), diagonal=True)), (n, n), diagonal=True)
    np.testing.assert_array_equal([row, column], np.triu_indices(n, k=1))
    row, column = pair_at(np.arange(n * 3), (n, 3), diagonal=False)
    np.testing.assert_array_equal([row, column], np.indices((n, 3)).reshape(2, -1))


@given(n=st.integers(1, 60), tile=st.integers(1, 20))
def test_tiles_stand_for_every_pair_once(n, tile):
    assert pairs_by_tile(Grid(n, tile)).sum() == n * (n - 1) // 2


def test_a_diagonal_tile_is_its_upper_triangle_mirrored(monkeypatch):
    monkeypatch.setattr("dasknmf.generated.draws.STRIP", 16)
    drawn = np.arange(49, dtype=np.float32).reshape(7, 7)
    tile = drawn_tile((7, 7), lambda rows: drawn[rows], own=None, diagonal=True)
    upper = np.triu(drawn)
    np.testing.assert_array_equal(tile, upper + np.triu(drawn, k=1).T)
    own = drawn_tile((7, 7), lambda rows: drawn[rows], own=np.ones(7), diagonal=True)
    assert (own.diagonal() == 1).all()
    np.testing.assert_array_equal(np.triu(own, k=1), np.triu(drawn, k=1))


def test_edges_in_any_order_and_loops_are_one_tile():
    row, column = np.array([1, 0, 0]), np.array([2, 2, 1])
    weight = np.array([5, 4, 3], dtype=np.float32)
    tile = edge_tile((3, 3), row, column, weight, own=np.array([0, 7, 0], dtype=np.float32))
    np.testing.assert_array_equal(tile.toarray(diagonal=True), [[0, 3, 4], [3, 7, 5], [4, 5, 0]])
    assert tile.column.tolist() == [1, 2, 1, 2]


def test_uniform_weights_are_above_zero_and_up_to_the_largest():
    from scipy.stats import kstest

    drawn = Uniform(3.0).draw(stream(0, "test", 0, 0), (20_000,))
    assert drawn.min() > 0
    assert drawn.max() <= 3
    assert kstest(drawn / 3, "uniform").pvalue > 1e-4
    table = Table(np.array([1, 2], dtype=np.float32)).draw(stream(0, "test", 0, 0), (10_000,))
    assert abs((table == 1).mean() - 0.5) < 5 * 0.005


def test_streams_of_other_tiles_seeds_and_kinds_differ():
    first = [
        stream(*of).random()
        for of in ((0, "a", 0, 0), (1, "a", 0, 0), (0, "b", 0, 0), (0, "a", 1, 0), (0, "a", 0, 1))
    ]
    assert len(set(first)) == len(first)
