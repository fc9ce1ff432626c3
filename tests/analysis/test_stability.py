from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dasknmf.analysis.matching import match, restart_similarity, similarity
from dasknmf.analysis.stability import interval_of_means, restart_stability, silhouette


def noisy_restarts(seed, R, k, *, noise, n=60):
    """Restarts that share k factors, in orders and with noise of their own."""
    rng = np.random.default_rng(seed)
    W = rng.random((n, k)) * (rng.random((n, k)) < 0.3)
    Ht = rng.random((n, k)) * (rng.random((n, k)) < 0.3)
    fits = []
    for _ in range(R):
        order = rng.permutation(k)
        fits.append(tuple(side[:, order] + noise * rng.random((n, k)) for side in (W, Ht)))
    return fits


@given(seed=st.integers(0, 10_000), R=st.integers(2, 5), k=st.integers(1, 4))
def test_stability_is_the_mean_matched_similarity_of_all_pairs(seed, R, k):
    fits = noisy_restarts(seed, R, k, noise=0.2)
    found = restart_stability(restart_similarity(fits))
    pairs = {(a, b): match(similarity([fits[a]], [fits[b]]))[1].mean() for a, b in combinations(range(R), 2)}
    for (a, b), value in pairs.items():
        assert found.pairs[a, b] == found.pairs[b, a] == pytest.approx(value, abs=1e-6)
    assert found.mean == pytest.approx(np.mean(list(pairs.values())), abs=1e-6)
    assert np.isnan(np.diag(found.pairs)).all()
    np.testing.assert_allclose(found.per_restart, np.nanmean(found.pairs, axis=1))
    assert np.isnan([found.low, found.high]).all() == (R < 3)
    if R >= 3:
        assert found.pairs[found.pairs > 0].min() <= found.low <= found.high <= np.nanmax(found.pairs)


def test_the_interval_equals_a_bootstrap_written_out():
    found = restart_stability(restart_similarity(noisy_restarts(3, 6, 3, noise=0.4)), seed=8)
    rng = np.random.default_rng(0)
    means = []
    for _ in range(4000):
        drawn = rng.integers(0, 6, 6)
        means.append(np.mean([found.pairs[a, b] for a in drawn for b in drawn if a != b]))
    width = found.high - found.low
    assert found.low == pytest.approx(np.percentile(means, 2.5), abs=0.1 * width)
    assert found.high == pytest.approx(np.percentile(means, 97.5), abs=0.1 * width)
    assert found.low < found.mean < found.high


def test_the_interval_depends_on_the_seed_alone():
    between = restart_similarity(noisy_restarts(3, 6, 3, noise=0.4))
    one, again, other = (restart_stability(between, seed=seed) for seed in (1, 1, 2))
    assert (one.low, one.high) == (again.low, again.high) != (other.low, other.high)
    assert one.mean == other.mean


def test_one_restart_has_no_stability():
    found = restart_stability(restart_similarity(noisy_restarts(0, 1, 3, noise=0)))
    assert np.isnan([found.mean, found.low, found.high, *found.per_restart, *found.pairs.ravel()]).all()


@pytest.mark.parametrize("k", [1, 4])
def test_identical_restarts_are_entirely_stable(k):
    between = restart_similarity(noisy_restarts(0, 5, k, noise=0))
    found = restart_stability(between)
    np.testing.assert_allclose([found.mean, found.low, found.high], 1, atol=1e-6)
    clusters = silhouette(between)
    if k == 1:
        assert np.isnan(clusters.mean)
    else:
        assert clusters.sizes.tolist() == [5] * k
        assert clusters.mean == pytest.approx(1, abs=1e-5)


def test_a_factor_that_is_zero_is_not_reproduced():
    fits = noisy_restarts(0, 4, 3, noise=0)
    for place, (W, Ht) in enumerate(fits):
        fits[place] = np.hstack([W, np.zeros((60, 1))]), np.hstack([Ht, np.ones((60, 1))])
    between = restart_similarity(fits)
    assert restart_stability(between).mean == pytest.approx(3 / 4, abs=1e-6)
    found = silhouette(between)
    assert found.clusters[:, 3].tolist() == [-1] * 4
    assert found.values[:, 3].tolist() == [0] * 4
    assert found.sizes.tolist() == [4, 4, 4]
    assert found.mean == pytest.approx(3 / 4, abs=1e-5)


@given(seed=st.integers(0, 10_000), R=st.integers(2, 5), k=st.integers(2, 5), noise=st.floats(0, 1))
def test_silhouettes_equal_those_of_scikit_learn(seed, R, k, noise):
    metrics = pytest.importorskip("sklearn.metrics")
    between = restart_similarity(noisy_restarts(seed, R, k, noise=noise))
    found = silhouette(between)
    distances = 1 - between.reshape(R * k, R * k)
    np.fill_diagonal(distances, 0)
    labels = found.clusters.ravel()
    assert sorted(set(labels)) == list(range(k))
    expected = metrics.silhouette_samples(distances, labels, metric="precomputed")
    np.testing.assert_allclose(found.values.ravel(), expected, atol=1e-6)
    assert found.mean == pytest.approx(metrics.silhouette_score(distances, labels, metric="precomputed"))
    for cluster in range(k):
        assert found.per_cluster[cluster] == pytest.approx(expected[labels == cluster].mean())


def test_a_cluster_may_hold_two_factors_of_one_restart_and_none_of_another():
    near, far, lone = np.eye(4)[0], np.eye(4)[1], np.eye(4)[2]
    first = np.array([near, near + 0.1 * far]).T
    second = np.array([near, lone]).T
    found = silhouette(restart_similarity([(first, first), (second, second)]))
    assert found.clusters.tolist() == [[0, 0], [0, 1]]
    assert found.sizes.tolist() == [3, 1]
    assert found.values[1, 1] == 0


def test_all_factors_zero_or_one_restart_has_no_silhouette():
    nothing = np.zeros((5, 3))
    for fits in ([(nothing, nothing)] * 3, noisy_restarts(0, 1, 3, noise=0)):
        assert np.isnan(silhouette(restart_similarity(fits)).mean)
    assert restart_stability(restart_similarity([(nothing, nothing)] * 3)).mean == 0


def test_the_interval_of_a_mean_covers_it_as_often_as_it_says():
    rng = np.random.default_rng(4)
    # 30 observations each of 1,000 columns of mean 0: percentile intervals cover about 93 %
    low, high = interval_of_means(rng.standard_normal((30, 1000)), resamples=500)
    assert 0.90 < np.mean((low < 0) & (high > 0)) < 0.97
    assert np.isnan(interval_of_means(np.ones((1, 2)))).all()
