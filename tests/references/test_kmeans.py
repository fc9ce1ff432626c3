"""k-means: as good as scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.cluster import KMeans

from dasknmf.references.kmeans import BLOCK, cluster_rows


def dense_inertia(points: np.ndarray, labels: np.ndarray) -> float:
    parts = (points[labels == label].astype(float) for label in np.unique(labels))
    return float(sum(((part - part.mean(axis=0)) ** 2).sum() for part in parts))


def on_sphere(n: int, d: int, *, seed: int) -> np.ndarray:
    points = np.random.default_rng(seed).standard_normal((n, d))
    return (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float32)


@given(n=st.integers(1, 80), d=st.integers(1, 6), k=st.integers(1, 12), seed=st.integers(0, 99))
def test_every_row_is_in_its_nearest_cluster(n: int, d: int, k: int, seed: int) -> None:
    points = np.round(on_sphere(n, d, seed=seed), 1)
    found = cluster_rows(points, k, [seed])
    assert found.settled
    assert found.inertia == pytest.approx(dense_inertia(points, found.labels), abs=1e-4)
    used = np.unique(found.labels)
    assert len(used) == min(k, len(np.unique(points, axis=0)))
    means = np.stack([points[found.labels == label].mean(axis=0) for label in used])
    distances = ((points[:, None] - means) ** 2).sum(axis=2)
    own = distances[np.arange(n), np.searchsorted(used, found.labels)]
    assert (own <= distances.min(axis=1) + 1e-5).all()


@pytest.mark.parametrize("k", [3, 10])
def test_the_best_of_ten_starts_is_as_good_as_scikit_learns(k: int) -> None:
    points = on_sphere(BLOCK + 1000, 5, seed=k)
    ours = min(cluster_rows(points, k, [0, start]).inertia for start in range(10))
    theirs = KMeans(k, n_init=10, random_state=0).fit(points).inertia_
    assert ours <= theirs * 1.005


def test_a_seed_gives_the_same_clusters() -> None:
    points = on_sphere(500, 4, seed=0)
    one, two, other = (cluster_rows(points, 6, seed) for seed in ([1], [1], [2]))
    np.testing.assert_array_equal(one.labels, two.labels)
    assert (one.labels != other.labels).any()


def test_no_rows_are_no_clusters() -> None:
    assert len(cluster_rows(np.zeros((0, 3), np.float32), 2, [0]).labels) == 0
