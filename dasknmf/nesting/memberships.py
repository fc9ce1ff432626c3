"""Which factor each gene belongs to, and how far two such memberships agree beyond chance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy.special import gammaln

if TYPE_CHECKING:
    from numpy.typing import NDArray


class MembershipAgreement(NamedTuple):
    """Agreement of two memberships.

    Attributes
    ----------
    adjusted : float
        Adjusted mutual information: 1 for the same partition, 0 on average for memberships at random.
    chance : float
        Normalised mutual information that memberships at random with these sizes have on average.
    """

    adjusted: float
    chance: float


def belongs_to(loadings: NDArray[Any]) -> NDArray[np.intp]:
    """Return the factor of the largest loading of each gene, shape (n,); -1 for a gene without loadings.

    Examples
    --------
    >>> belongs_to(np.array([[1.0, 0.5], [0.0, 0.2], [0.0, 0.0]])).tolist()
    [0, 1, -1]
    """
    return np.where(loadings.max(axis=1, initial=0) > 0, loadings.argmax(axis=1), -1)


def membership_agreement(first: NDArray[np.intp], second: NDArray[np.intp]) -> MembershipAgreement:
    """Return the adjusted mutual information of two memberships, and its chance level.

    Parameters
    ----------
    first, second : ndarray of int, shape (n,)
        From :func:`belongs_to`; genes that belong to nothing in one of them are left out.

    Returns
    -------
    MembershipAgreement
        Both nan where no gene is left. Where both have one factor, or each gene is alone in both, agreement is 1 and
        so is chance.

    Notes
    -----
    (MI − E[MI]) / (mean of the entropies − E[MI]), with the exact expectation over permutations of the genes, in which
    every cell of the table of counts is hypergeometric: Vinh, Epps, Bailey, Journal of Machine Learning Research
    11:2837, 2010, equation 24a and section 4.

    Examples
    --------
    >>> a = np.array([0, 0, 1, 1])
    >>> found = membership_agreement(a, 1 - a)
    >>> found.adjusted, round(found.chance, 6)
    (1.0, 0.333333)
    """
    there = (first >= 0) & (second >= 0)
    n = int(there.sum())
    if n == 0:
        return MembershipAgreement(np.nan, np.nan)
    places = [np.unique(labels[there], return_inverse=True)[1] for labels in (first, second)]
    sizes = [np.bincount(place).astype(float) for place in places]
    if all(len(size) == 1 for size in sizes) or all(len(size) == n for size in sizes):
        return MembershipAgreement(1.0, 1.0)
    table = np.zeros([len(size) for size in sizes])
    np.add.at(table, tuple(places), 1.0)
    outer = np.outer(*sizes)
    seen = table > 0
    shared = float((table[seen] / n * np.log(n * table[seen] / outer[seen])).sum())
    entropy = float(np.mean([-(size / n) @ np.log(size / n) for size in sizes]))
    expected = expected_information(sizes[0], sizes[1])
    # of which the difference can be rounding alone
    room = entropy - expected
    adjusted = (shared - expected) / room if room > 1e-12 * entropy else 0.0
    return MembershipAgreement(float(adjusted), float(expected / entropy))


def expected_information(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Return the mutual information that two partitions into parts of these sizes have on average, in nats.

    Examples
    --------
    Of two pairs among four genes: log 2 in one of three ways, 0 in the others.

    >>> round(float(expected_information(np.array([2.0, 2.0]), np.array([2.0, 2.0])) / np.log(2)), 6)
    0.333333
    """
    n = int(first.sum())
    factorial = gammaln(np.arange(n + 1) + 1.0)
    total = 0.0
    for a in first.astype(int):
        for b in second.astype(int):
            count = np.arange(max(1, a + b - n), min(a, b) + 1)
            log_chance = (
                factorial[a] + factorial[b] + factorial[n - a] + factorial[n - b] - factorial[n]
            ) - (
                factorial[count] + factorial[a - count] + factorial[b - count] + factorial[n - a - b + count]
            )
            total += float((count / n * np.log(n * count / (a * b))) @ np.exp(log_chance))
    return total
