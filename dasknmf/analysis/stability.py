"""How far the restarts of one rank agree on their factors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.cluster.hierarchy import cut_tree, linkage
from scipy.spatial.distance import squareform

from dasknmf.analysis.matching import match_restarts

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Resamples of a bootstrap: the ends of a 95 % interval then vary by less than a twentieth of its length.
RESAMPLES = 2000
#: Restarts below which an interval would be made of one pair.
FEWEST = 3


@dataclass(frozen=True)
class RestartStability:
    """Agreement of R restarts of one rank.

    Attributes
    ----------
    pairs : ndarray, shape (R, R)
        Similarity of matched factors, mean over factors; symmetric, nan on the diagonal.
    per_restart : ndarray, shape (R,)
        Mean of a restart's pairs with the others.
    mean, low, high : float
        Mean over all pairs, and its 95 % bootstrap interval over restarts.
    """

    pairs: NDArray[np.float64]
    per_restart: NDArray[np.float64]
    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Silhouette:
    """Clusters of the factors of R restarts of one rank, and how well each factor sits in its own.

    Attributes
    ----------
    mean : float
        Over all R·k factors; one that is zero counts as 0.
    per_cluster : ndarray, shape (clusters,)
        Mean over the factors of each.
    sizes : ndarray of int, shape (clusters,)
        Factors of each; R where every restart has one.
    values : ndarray, shape (R, k)
        Of each factor.
    clusters : ndarray of int, shape (R, k)
        Of each factor, numbered as they first appear; -1 for a factor that is zero.
    """

    mean: float
    per_cluster: NDArray[np.float64]
    sizes: NDArray[np.intp]
    values: NDArray[np.float64]
    clusters: NDArray[np.intp]


def restart_stability(
    between: NDArray[np.float64], *, seed: int = 0, resamples: int = RESAMPLES
) -> RestartStability:
    """Return the similarity of matched factors of every pair of restarts, and its mean with an interval.

    A factor that is zero has no like in any restart: it counts as 0, so a rank that is not used up is not stable.

    Parameters
    ----------
    between : ndarray, shape (R, k, R, k)
        From :func:`dasknmf.analysis.matching.restart_similarity`.
    seed : int
        Of the bootstrap.
    resamples : int
        Of the bootstrap.

    Returns
    -------
    RestartStability
        All nan for one restart; the interval is nan for two, which have one pair.

    Notes
    -----
    Pairs share restarts, so restarts are resampled, not pairs; pairs of a resampled restart with itself, which
    agree whatever the network, are left out. Percentile intervals: Efron & Tibshirani, An Introduction to the
    Bootstrap, 1993.

    Examples
    --------
    >>> from dasknmf.analysis.matching import restart_similarity
    >>> W = np.eye(4, 2)
    >>> found = restart_stability(restart_similarity([(W, W)] * 3))
    >>> found.mean, found.low, found.high
    (1.0, 1.0, 1.0)
    """
    R = len(between)
    pairs = match_restarts(between)[1].mean(axis=2)
    np.fill_diagonal(pairs, np.nan)
    if R < 2:
        return RestartStability(pairs, np.full(R, np.nan), np.nan, np.nan, np.nan)
    others = np.where(np.eye(R, dtype=bool), 0.0, pairs)
    per_restart = others.sum(axis=1) / (R - 1)
    low = high = np.nan
    if R >= FEWEST:
        times = _resampled(R, seed=seed, resamples=resamples)
        weight = R**2 - np.square(times).sum(axis=1)
        sums = np.einsum("ba,ab->b", times, others @ times.T)
        means = sums[weight > 0] / weight[weight > 0]
        low, high = (float(end) for end in np.percentile(means, [2.5, 97.5]))
    return RestartStability(pairs, per_restart, float(per_restart.mean()), low, high)


def interval_of_means(
    values: NDArray[np.float64], *, seed: int = 0, resamples: int = RESAMPLES
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the ends of the 95 % bootstrap interval of the mean of each column over its rows.

    Parameters
    ----------
    values : ndarray, shape (m, k)
        One row a restart, all columns resampled together.
    seed, resamples : int
        Of the bootstrap.

    Returns
    -------
    low, high : ndarray, shape (k,)
        nan for fewer than two rows.

    Examples
    --------
    >>> low, high = interval_of_means(np.full((4, 2), 0.5))
    >>> low.tolist(), high.tolist()
    ([0.5, 0.5], [0.5, 0.5])
    """
    m, k = values.shape
    if m < FEWEST - 1:
        return np.full(k, np.nan), np.full(k, np.nan)
    means = _resampled(m, seed=seed, resamples=resamples) @ values / m
    low, high = np.percentile(means, [2.5, 97.5], axis=0)
    return low, high


def silhouette(between: NDArray[np.float64]) -> Silhouette:
    """Cluster the factors of all restarts and return how much nearer each is to its own cluster than to the next.

    Average linkage on 1 − similarity, cut into as many clusters as a restart has factors that are not zero. Nothing
    makes a cluster take one factor of each restart, and the network is not perturbed: it describes restarts.

    Parameters
    ----------
    between : ndarray, shape (R, k, R, k)
        From :func:`dasknmf.analysis.matching.restart_similarity`.

    Returns
    -------
    Silhouette
        All nan for one restart or one cluster.

    Notes
    -----
    Rousseeuw, Journal of Computational and Applied Mathematics 20:53, 1987; a cluster of one has silhouette 0.

    Examples
    --------
    >>> from dasknmf.analysis.matching import restart_similarity
    >>> W = np.eye(4, 2)
    >>> found = silhouette(restart_similarity([(W, W), (W[:, ::-1], W[:, ::-1])]))
    >>> found.mean, found.clusters.tolist()
    (1.0, [[0, 1], [1, 0]])
    """
    R, k = between.shape[:2]
    alive = np.einsum("ajaj->aj", between) > 0
    number = int(alive.sum(axis=1).max(initial=0))
    values, clusters = np.zeros((R, k)), np.full((R, k), -1, dtype=np.intp)
    if R < 2 or number < 2:
        values[...] = np.nan
        return Silhouette(np.nan, np.full(number, np.nan), np.zeros(number, dtype=np.intp), values, clusters)
    flat = alive.ravel()
    distances = 1 - between.reshape(R * k, R * k)[np.ix_(flat, flat)]
    distances = (distances + distances.T) / 2
    np.fill_diagonal(distances, 0)
    tree = linkage(squareform(distances, checks=False), method="average")
    # cut_tree numbers clusters as they first appear, and parts ties, which fcluster would keep together
    labels = cut_tree(tree, n_clusters=number)[:, 0]
    values[alive] = _silhouettes(distances, labels)
    clusters[alive] = labels
    sizes = np.bincount(labels, minlength=number)
    per_cluster = np.bincount(labels, values[alive], minlength=number) / sizes
    return Silhouette(float(values.mean()), per_cluster, sizes, values, clusters)


def _silhouettes(distances: NDArray[np.float64], labels: NDArray[Any]) -> NDArray[np.float64]:
    member = np.eye(labels.max() + 1)[labels]
    sizes = member.sum(axis=0)
    sums = distances @ member
    own = np.arange(len(labels)), labels
    inside = sums[own] / np.maximum(sizes[labels] - 1, 1)
    means = sums / sizes
    means[own] = np.inf
    nearest = means.min(axis=1)
    larger = np.maximum(inside, nearest)
    values = np.zeros(len(labels))
    np.divide(nearest - inside, larger, out=values, where=(sizes[labels] > 1) & (larger > 0))
    return values


def _resampled(R: int, *, seed: int, resamples: int) -> NDArray[np.float64]:
    """Return how often each resample takes each of R restarts, shape (resamples, R)."""
    drawn = np.random.default_rng(seed).multinomial(R, np.full(R, 1 / R), size=resamples)
    return drawn.astype(np.float64)
