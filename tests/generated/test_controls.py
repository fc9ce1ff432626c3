"""What is known of each control is so."""

from __future__ import annotations

import numpy as np
import pytest

import dasknmf
from dasknmf.errors import InputError
from tests.generated.whole import off_diagonal, whole


def block_means(A, labels):
    """Share of pairs of different genes that are joined, and how many pairs there are, for each two blocks."""
    member = np.eye(labels.max() + 1)[labels]
    pairs = member.T @ (1 - np.eye(len(labels))) @ member
    return (member.T @ (A > 0) @ member) / pairs, pairs


@pytest.mark.parametrize("sparse", [True, False], ids=["sparse", "dense"])
@pytest.mark.parametrize("structure", ["assortative", "disassortative", "nested"])
def test_blocks_have_the_densities_given(structure, sparse):
    low, high = (0.01, 0.12) if sparse else (0.2, 0.8)
    within, between = (low, high) if structure == "disassortative" else (high, low)
    if sparse and structure == "disassortative":
        low, high = within, between = 0.01, 0.08
    network = dasknmf.control_network(
        "sbm", 500, seed=2, tile=128, structure=structure, within=within, between=between
    )
    assert network.sparse == sparse
    assert network.structure == structure
    A = whole(network)
    found, pairs = block_means(A, network.labels)
    # ordered pairs: each pair of one block counts twice
    error = np.sqrt(network.densities * (1 - network.densities) / pairs * (1 + np.eye(len(pairs))))
    assert abs((found - network.densities) / error).max() < 4.5
    blocks = len(network.densities)
    assert blocks == (8 if structure == "nested" else 4)
    assert np.ptp(np.bincount(network.labels)) <= 1
    assert (A.diagonal() == 0).all()
    weights = off_diagonal(A)[off_diagonal(A) > 0]
    assert abs(weights.mean() - 0.5) < 5 / np.sqrt(12 * len(weights))
    # what plans are made of is what is drawn
    if sparse:
        edges = np.array([8 * len(network.tile(i, j).weight) for i, j in network.grid.tiles()])
        assert abs(edges - network.tile_weights).max() < 8 * 5 * np.sqrt(network.tile_weights.max() / 8)


def test_nested_blocks_are_halves_of_halves_and_denser_by_one_factor():
    network = dasknmf.control_network("sbm", 64, structure="nested", levels=3, within=0.8, between=0.1)
    first = network.densities[0]
    np.testing.assert_allclose(first, [0.8, 0.4, 0.2, 0.2, 0.1, 0.1, 0.1, 0.1])
    assert [len(np.unique(level)) for level in network.levels] == [2, 4, 8]
    np.testing.assert_array_equal(network.levels[0], np.repeat([0, 1], 32))
    np.testing.assert_array_equal(network.levels[1], network.labels // 2)


@pytest.mark.parametrize("density", [0.03, 0.5, 1.0])
def test_uniform_has_its_density_and_uniform_weights(density):
    from scipy.stats import kstest

    network = dasknmf.control_network("uniform", 400, seed=1, tile=128, density=density, upper=2.0)
    assert network.sparse == (density < 0.25)
    values = off_diagonal(whole(network))
    there = values > 0
    assert abs(there.mean() - density) <= 5 * np.sqrt(density * (1 - density) / len(values))
    assert kstest(values[there] / 2, "uniform").pvalue > 1e-3


@pytest.mark.parametrize("values", [None, (90, 40, 40, 7)])
def test_soules_errors_are_the_tail_of_the_spectrum(values):
    network = dasknmf.control_network("soules", 96, values=values, tile=40)
    A = whole(network).astype(np.float64)
    np.testing.assert_allclose(np.linalg.eigvalsh(A)[::-1], network.eigenvalues, atol=1e-4)
    np.testing.assert_allclose(network.strength, A.sum(axis=1), rtol=1e-6)
    np.testing.assert_allclose(network.sums, ((A**2).sum(), A.sum()), rtol=1e-6)
    assert network.labels.max() + 1 == (8 if values is None else 4)
    # constant on blocks
    for label in np.unique(network.labels):
        mine = np.flatnonzero(network.labels == label)
        np.testing.assert_allclose(np.ptp(A[mine], axis=0), 0, atol=1e-6)
    for k in (1, 2, 3, 4):
        fit = dasknmf.nmf(network, k, exact=True, max_iter=2000, tol=0, tol_objective=1e-14)
        tail = np.sqrt((network.eigenvalues[k:] ** 2).sum() / (network.eigenvalues**2).sum())
        assert fit.attrs["relative_error"] == pytest.approx(tail, abs=2e-3)
        # two blocks of equal eigenvalues may be cut apart in more than one way, never for less
        assert fit.attrs["relative_error"] > tail - 1e-4


def test_planted_is_its_factors_and_noise_of_the_share_given():
    network = dasknmf.control_network(
        "planted", 300, seed=3, tile=128, modules=3, pairs=2, overlap=0.2, noise=0.3
    )
    W, Ht, truth = network.W.astype(np.float64), network.Ht.astype(np.float64), network.truth
    np.testing.assert_array_equal(truth, [0, 1, 2, 4, 3, 6, 5])
    np.testing.assert_array_equal(truth[truth], np.arange(7))
    signal = sum(np.outer(W[:, j], W[:, j]) for j in range(3))
    for j in (3, 5):
        signal = signal + np.outer(W[:, j], W[:, j + 1]) + np.outer(W[:, j + 1], W[:, j])
    np.testing.assert_allclose(W @ Ht.T, signal)
    noise = whole(network) - signal
    assert np.linalg.norm(noise) / np.linalg.norm(signal) == pytest.approx(0.3, rel=0.01)
    assert noise.min() > -1e-5
    sets = (W > 0).sum(axis=1)
    assert set(sets) == {1, 2}
    assert abs((sets == 2).mean() - 0.2) < 5 * np.sqrt(0.16 / 300)


def test_without_noise_and_overlap_planted_factors_are_found_as_they_are():
    network = dasknmf.control_network("planted", 200, seed=1, modules=2, pairs=1, noise=0)
    assert ((network.W > 0).sum(axis=1) == 1).all()
    A = whole(network)
    np.testing.assert_allclose(A, network.W @ network.Ht.T, rtol=1e-6)
    fit = dasknmf.nmf(network, 4, seed=1, init="random_acol", exact=True, max_iter=500)
    assert fit.attrs["relative_error"] < 1e-3
    cosine = [
        [abs(w @ v) / np.linalg.norm(w) / np.linalg.norm(v) for v in network.W.T] for w in fit["W"].values.T
    ]
    of = np.argmax(cosine, axis=1)
    assert np.max(cosine, axis=1).min() > 0.999
    sides = [[h @ v / np.linalg.norm(h) / np.linalg.norm(v) for v in network.W.T] for h in fit["H"].values]
    np.testing.assert_array_equal(np.argmax(sides, axis=1), network.truth[of])


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        ("rings", {}, "kind='rings' is not known; choose one of uniform, sbm, soules, planted"),
        ("uniform", {"blocks": 3}, "blocks: kind='uniform' has no such parameter; there are density, upper"),
        ("uniform", {"density": 1.5}, "density=1.5: needs a number from 0 to 1"),
        ("uniform", {"upper": 0}, "upper=0: needs a number above 0"),
        ("uniform", {"n": 1}, "n=1: needs a whole number of at least 2"),
        ("uniform", {"seed": 0.5}, "seed=0.5: needs a whole number"),
        (
            "sbm",
            {"structure": "core"},
            "structure='core' is not known; choose one of assortative, disassortative, nested",
        ),
        (
            "sbm",
            {"within": 0.1, "between": 0.2},
            r"within=0.1, between=0.2: structure='assortative' needs within above",
        ),
        ("sbm", {"structure": "disassortative", "within": 0.5}, "needs within below between"),
        ("sbm", {"structure": "nested", "between": 0}, "and between above 0"),
        ("sbm", {"structure": "nested", "blocks": 4}, "blocks=4: structure='nested' has none; use levels"),
        ("sbm", {"levels": 2}, "levels=2: structure='assortative' has none; use blocks"),
        ("sbm", {"blocks": 51}, "51 blocks of 50 genes"),
        ("soules", {"values": (1, 2)}, "needs finite ones, none above the one before it"),
        ("soules", {"values": "abc"}, "values='abc': needs numbers"),
        ("soules", {"values": (1,), "levels": 2}, "values and levels=2 are both given"),
        ("planted", {"modules": 0, "pairs": 0}, "modules=0, pairs=0: 0 sets of 50 genes"),
        ("planted", {"noise": -1}, "noise=-1: needs a finite number of at least 0"),
        ("planted", {"overlap": float("nan")}, "overlap=nan: needs a number from 0 to 1"),
    ],
)
def test_what_cannot_be_used_is_one_clear_error(kind, options, message):
    with pytest.raises(InputError, match=message):
        dasknmf.control_network(kind, **{"n": 50, **options})
