"""Patterns that sets share, and genes in sets."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dasknmf.atomic.sets import gene_sets
from dasknmf.atomic.shared import shared_patterns
from dasknmf.errors import InputError

GENES = np.array([f"g{i}" for i in range(11)], dtype=object)


def patterns(seed: int = 0) -> np.ndarray:
    """Three patterns over 40 samples that hardly correlate."""
    H = np.random.default_rng(seed).gamma(0.5, 1, (3, 40))
    return H / H.max(axis=1, keepdims=True)


def test_patterns_are_matched_whatever_their_order_scale_and_noise():
    rng, truth = np.random.default_rng(1), patterns()
    sets = [truth[rng.permutation(3)] * rng.uniform(0.1, 10) + 0.01 * rng.random((3, 40)) for _ in range(5)]
    shared = shared_patterns(sets)
    assert shared.H.shape == (3, 40)
    np.testing.assert_allclose(shared.H.max(axis=1), 1)
    assert shared.sets.tolist() == [5, 5, 5]
    between = np.corrcoef(shared.H, truth)[:3, 3:]
    assert sorted(between.argmax(axis=1).tolist()) == [0, 1, 2]
    assert between.max(axis=1).min() > 0.99
    assert (np.diff(shared.agreement) <= 0).all()


def test_a_pattern_that_fewer_than_half_of_the_sets_know_is_left_out():
    truth, rng = patterns(), np.random.default_rng(2)
    noise = rng.gamma(0.5, 1, (4, 40))
    sets = [np.vstack([truth[:2], truth[2] if s < 2 else noise[s - 2]]) for s in range(5)]
    shared = shared_patterns(sets, cut=6)
    assert shared.sets.tolist() == [5, 5]
    sets = [np.vstack([truth[:2], truth[2] if s < 3 else noise[s - 2]]) for s in range(5)]
    assert sorted(shared_patterns(sets, cut=6).sets.tolist()) == [3, 5, 5]


def test_a_cluster_of_too_many_patterns_is_cut_in_two():
    rng, truth = np.random.default_rng(3), patterns()
    # two patterns that correlate, in each of 4 sets: 8 patterns in one cluster, at most 6 may be
    close = 0.6 * truth[0] + 0.4 * truth[1]
    sets = [np.vstack([truth[0], close, truth[2]]) + 0.005 * rng.random((3, 40)) for _ in range(4)]
    shared = shared_patterns(sets, cut=2)
    assert len(shared.H) == 3
    between = np.corrcoef(shared.H, np.vstack([truth[0], close, truth[2]]))[:3, 3:]
    assert between.max(axis=1).min() > 0.99


def test_the_mean_is_weighted_by_the_cube_of_the_correlation_with_the_plain_mean():
    rng = np.random.default_rng(4)
    base = rng.random(30)
    rows = base + rng.random((3, 30)) * np.array([[0.1], [0.5], [2.0]])
    shared = shared_patterns([row[None] for row in rows])
    weights = np.array([np.corrcoef(row, rows.mean(axis=0))[0, 1] for row in rows]) ** 3
    mean = (weights[:, None] * rows).sum(axis=0) / weights.sum()
    np.testing.assert_allclose(shared.H[0], mean / mean.max())


def test_patterns_that_no_half_of_the_sets_share_are_an_error():
    rng = np.random.default_rng(5)
    sets = [rng.gamma(0.3, 1, (2, 200)) for _ in range(6)]
    with pytest.raises(InputError, match="no pattern was found in 3 of 6 sets; use fewer sets"):
        shared_patterns(sets, cut=12)
    with pytest.raises(InputError, match="no pattern was found"):
        shared_patterns([np.ones((1, 5)), np.zeros((1, 5))])


@given(count=st.integers(2, 11), seed=st.integers(0, 50))
def test_random_sets_have_every_gene_once_and_about_the_same_size(count: int, seed: int):
    parts = gene_sets(count, GENES, seed=seed)
    assert sorted(np.concatenate(parts).tolist()) == list(range(11))
    sizes = [len(part) for part in parts]
    assert max(sizes) - min(sizes) <= 1
    again = gene_sets(count, GENES, seed=seed)
    assert all(np.array_equal(a, b) for a, b in zip(parts, again, strict=True))


def test_random_sets_differ_by_seed():
    assert len({tuple(gene_sets(2, GENES, seed=seed)[0].tolist()) for seed in range(10)}) > 5


def test_sets_by_name_or_row():
    parts = gene_sets([["g3", "g0"], list(range(4, 11)), ["g1", 2]], GENES, seed=0)
    assert [part.tolist() for part in parts] == [[0, 3], [4, 5, 6, 7, 8, 9, 10], [1, 2]]


@pytest.mark.parametrize(
    ("sets", "message"),
    [
        (1, "sets=1: needs a whole number of at least 2"),
        (12, "sets=12: there are 11 genes"),
        (3.5, "needs a number of sets, or a list of lists"),
        ([["g0"], []], "2 were given, 1 of them empty"),
        ([list(GENES[:10]), ["g9"]], "'g9' is in 2; 'g10' is in 0; 2 in all; needs every gene in one set"),
        ([["gene"], ["g1"]], "'gene' is no gene of the data"),
        ([[-1], [1]], "-1 is no gene of the data"),
    ],
)
def test_sets_that_cannot_be(sets, message):
    with pytest.raises(InputError, match=message):
        gene_sets(sets, GENES, seed=0)
