"""Expected degrees and strengths are those of the network, hubs included."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dasknmf.generated.degrees import DegreeLaw, dense_scales, edge_rates, edge_scales
from dasknmf.generated.draws import Table
from dasknmf.generated.network import GeneratedNetwork, numbered
from dasknmf.network.tiles import Grid
from tests.generated.whole import symmetric_weights, whole


def chances(x):
    p = -np.expm1(-np.outer(x, x))
    np.fill_diagonal(p, 0)
    return p


@pytest.mark.parametrize("hubs", [0, 1, 3])
@pytest.mark.parametrize("density", [0.02, 0.1, 0.6])
def test_chances_sum_to_degrees_and_weights_to_strengths(hubs, density):
    A = symmetric_weights(80, density, seed=hubs, hubs=hubs)
    degree, strength = (A > 0).sum(axis=1), A.sum(axis=1)
    x = edge_rates(degree)
    np.testing.assert_allclose(chances(x).sum(axis=1), degree, rtol=1e-6)
    r = edge_scales(strength, degree, x)
    np.testing.assert_allclose(r * (chances(x) @ r), strength, rtol=1e-6)


def test_hubs_for_which_plain_chung_lu_has_chances_above_one():
    A = symmetric_weights(80, 0.03, seed=1, hubs=3)
    degree = (A > 0).sum(axis=1)
    assert degree.max() == 79
    assert degree.max() ** 2 / degree.sum() > 5
    p = chances(edge_rates(degree))
    assert p.max() <= 1
    np.testing.assert_allclose(p.sum(axis=1), degree, rtol=1e-6)


def test_where_edges_are_rare_chances_are_those_of_chung_and_lu():
    degree = np.random.default_rng(0).integers(1, 5, size=3000)
    x = edge_rates(degree)
    np.testing.assert_allclose(x, degree / np.sqrt(degree.sum()), rtol=0.01)


def test_a_star_is_nearly_kept_and_genes_without_edges_have_none():
    degree = np.array([9] + [1] * 9 + [0, 0])
    p = chances(edge_rates(degree))
    np.testing.assert_allclose(p.sum(axis=1), degree, atol=0.02)
    assert (edge_rates(np.zeros(3, dtype=int)) == 0).all()


@given(st.lists(st.floats(0.1, 10), min_size=3, max_size=30))
def test_dense_scales_give_strengths_that_are_there(scale):
    r = np.array(scale)
    strength = r * (r.sum() - r)
    found = dense_scales(strength)
    np.testing.assert_allclose(found * (found.sum() - found), strength, rtol=1e-6)


@pytest.mark.parametrize("tile", [5, 12])
def test_each_pair_is_joined_with_its_chance(tile):
    x = np.array([0.0, 0.1, 0.3, 0.5, 0.7, 1.0, 1.5, 2.5, 0.2, 0.4, 3.0, 0.0])
    n, draws = len(x), 2000
    law = DegreeLaw(True, x, np.ones(n), Table(np.ones(1, np.float32)), np.zeros(n, np.float32))
    seen = np.zeros((n, n))
    for seed in range(draws):
        seen += whole(GeneratedNetwork(numbered(n), Grid(n, tile), seed, law, "x")) > 0
    p = chances(x)
    never = p == 0
    assert (seen[never] == 0).all()
    z = (seen / draws - p)[~never] / np.sqrt(p * (1 - p) / draws)[~never]
    assert abs(z).max() < 5
    assert 0.8 < z.std() < 1.2
