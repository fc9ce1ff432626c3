"""Patterns that several sets of genes share: clustered by correlation, and averaged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform

from dasknmf.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


@dataclass(frozen=True)
class SharedPatterns:
    """Patterns that were found in at least half of the sets.

    Parameters
    ----------
    H : ndarray of float64, shape (K, samples)
        Their means over the patterns of their clusters; the largest entry of each is 1.
    sets : ndarray of int, shape (K,)
        In how many sets each was found.
    agreement : ndarray of float64, shape (K,)
        Mean correlation of the patterns of each cluster with their mean.
    """

    H: NDArray[np.float64]
    sets: NDArray[np.int64]
    agreement: NDArray[np.float64]


def shared_patterns(patterns: Sequence[NDArray[np.float64]], *, cut: int | None = None) -> SharedPatterns:
    """Cluster the patterns of all sets by correlation, and average the clusters that half of the sets know.

    Parameters
    ----------
    patterns : sequence of ndarray, each of shape (k, samples)
        Of each set.
    cut : int, optional
        Clusters; by default as many as a set has patterns.

    Returns
    -------
    SharedPatterns
        The largest agreement first.

    Raises
    ------
    InputError
        If no cluster is known to half of the sets.

    Notes
    -----
    Stein-O'Brien et al., Cell Systems 8:395, 2019: distance 1 − correlation, average linkage, means weighted by the
    cube of the correlation with the plain mean; a cluster of more patterns than half the sets and once all of them is
    cut in two. Published code counts the patterns of a cluster, here it is the sets that have one in it. Patterns that
    are constant correlate with nothing, and are left out.
    """
    rows = np.concatenate(patterns)
    of_set = np.repeat(np.arange(len(patterns)), [len(part) for part in patterns])
    varied = rows.std(axis=1) > 0
    rows, of_set = rows[varied], of_set[varied]
    least = -(-len(patterns) // 2)
    clusters = _known(rows, of_set, np.arange(len(rows)), cut or max(len(p) for p in patterns), least)
    clusters = _halved(rows, of_set, clusters, least, most=least + len(patterns))
    if not clusters:
        msg = (
            f"no pattern was found in {least} of {len(patterns)} sets; use fewer sets, fewer patterns or more "
            "iterations"
        )
        raise InputError(msg)
    means, agreement = zip(*(_mean(rows[members]) for members in clusters), strict=True)
    sets = np.array([len(np.unique(of_set[members])) for members in clusters])
    order = np.argsort(-np.array(agreement), kind="stable")
    return SharedPatterns(np.array(means)[order], sets[order], np.array(agreement)[order])


def _known(
    rows: NDArray[np.float64], of_set: NDArray[np.intp], members: NDArray[np.intp], cut: int, least: int
) -> list[NDArray[np.intp]]:
    """Cut these patterns into clusters, and return those that at least so many sets know."""
    if len(members) < 2:
        parts = [members]
    else:
        distance = np.clip(1.0 - np.corrcoef(rows[members]), 0.0, 2.0)
        np.fill_diagonal(distance, 0.0)
        tree = linkage(squareform(distance, checks=False), method="average")
        label = fcluster(tree, t=cut, criterion="maxclust")
        parts = [members[label == which] for which in np.unique(label)]
    return [part for part in parts if len(np.unique(of_set[part])) >= least]


def _halved(
    rows: NDArray[np.float64],
    of_set: NDArray[np.intp],
    clusters: list[NDArray[np.intp]],
    least: int,
    *,
    most: int,
) -> list[NDArray[np.intp]]:
    """Cut clusters of too many patterns in two, where a half is left that enough sets know."""
    done = []
    waiting = list(clusters)
    while waiting:
        members = waiting.pop(0)
        halves = _known(rows, of_set, members, 2, least) if len(members) > most else []
        # equal distances may leave the cluster as it was
        if halves and len(halves[0]) < len(members):
            waiting.extend(halves)
        else:
            done.append(members)
    return done


def _mean(rows: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """Return the weighted mean of a cluster, its largest entry 1, and the mean correlation with the plain mean."""
    middle = rows.mean(axis=0)
    if middle.std() == 0:
        return middle / middle.max(), 0.0
    correlation = np.array([np.corrcoef(row, middle)[0, 1] for row in rows])
    weights = np.clip(correlation, 0.0, None) ** 3
    mean = np.average(rows, axis=0, weights=weights) if weights.any() else middle
    return mean / mean.max(), float(correlation.mean())
