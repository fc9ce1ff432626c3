"""Measures of one fit against the same measures of fits of null networks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dasknmf.errors import InputError
from dasknmf.laboratory.multiplicity import q_values

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

#: Nulls are constant when they vary by no more than the sum of a few thousand of them rounds.
CONSTANT = 1e-12


@dataclass(frozen=True)
class Against:
    """One value of each of m measures against several kinds of null; all arrays are (m, kinds).

    Attributes
    ----------
    kinds : tuple of str
        In the order they first appear.
    mean, low, high : ndarray
        Mean of the nulls, and what 2.5 % of them are below and 97.5 % below.
    z : ndarray
        Distance from their mean in their standard deviations; nan where they do not vary or are fewer than two.
    p, q : ndarray
        Two-sided, by rank; the same, Benjamini–Hochberg over the measures of a kind.
    effect : ndarray
        Cliff's delta, the share of nulls below minus the share above: 1 where the value is above all.
    used : ndarray of int
        Nulls that have a value.
    smallest_p : ndarray
        The least p that so many nulls can give, 2/(1 + used): above 0.05 for fewer than 39.
    """

    kinds: tuple[str, ...]
    mean: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    z: NDArray[np.float64]
    p: NDArray[np.float64]
    q: NDArray[np.float64]
    effect: NDArray[np.float64]
    used: NDArray[np.intp]
    smallest_p: NDArray[np.float64]


def against_nulls(measured: ArrayLike, by_null: ArrayLike, kinds: Sequence[str] | NDArray[Any]) -> Against:
    """Return how far each measure of a fit is from those of fits of null networks, for every kind of null.

    Parameters
    ----------
    measured : array, shape (m,)
        Of the fit; nan where a measure has no value.
    by_null : array, shape (m, B)
        Of the fits of null networks; nan likewise, infinite values are the largest or smallest.
    kinds : sequence of str, length B
        Which kind of null each is.

    Returns
    -------
    Against

    Raises
    ------
    InputError
        If shapes do not agree.

    Notes
    -----
    Under the null hypothesis the fit is one more null, so each of the 1 + B ranks is equally likely:
    (1 + #{null ≥ x})/(1 + B) is an exact p for "large", never 0 (Phipson & Smyth, Statistical Applications in Genetics
    and Molecular Biology 9:39, 2010), and so is its mirror image for "small"; two-sided p is twice the smaller one, at
    most 1, as for any two tests of which at most one is to be believed. It depends on order alone, unlike
    distances from a centre: log, cosine or angle give the same p. A null without a value is no evidence in either
    direction: it is left out, and ``used`` says so. Where nulls are constant, z has no unit, but ranks are still
    right. Cliff, Psychological Bulletin 114:494, 1993.

    Examples
    --------
    >>> found = against_nulls([5.0], [np.arange(39.0) / 10], ["shuffle"] * 39)
    >>> found.mean.round(2).item(), found.z.round(2).item(), found.p.item(), found.effect.item()
    (1.9, 2.72, 0.05, 1.0)
    """
    value, nulls = np.asarray(measured, dtype=float), np.asarray(by_null, dtype=float)
    labels = np.asarray(kinds, dtype=object)
    if value.ndim != 1 or nulls.ndim != 2 or len(nulls) != len(value) or labels.shape != nulls.shape[1:]:
        msg = (
            f"measured {value.shape}, by_null {nulls.shape} and kinds {labels.shape}; "
            f"needs m measures, (m, B) of them of nulls, and a kind for each of the B"
        )
        raise InputError(msg)
    names = tuple(dict.fromkeys(str(label) for label in labels))
    member = [np.array([str(label) == name for label in labels]) for name in names]
    table = np.array([[_compare(x, row[one]) for one in member] for x, row in zip(value, nulls, strict=True)])
    table = table.reshape(len(value), len(names), 8)
    mean, low, high, z, p, effect, used, smallest = np.moveaxis(table, 2, 0)
    q = np.array([q_values(column) for column in p.T]).reshape(p.T.shape).T
    return Against(names, mean, low, high, z, p, q, effect, used.astype(np.intp), smallest)


def _compare(x: float, nulls: NDArray[np.float64]) -> tuple[float, ...]:
    """Return mean, ends, z, p, effect, count and smallest p of one measure and kind."""
    nulls = nulls[~np.isnan(nulls)]
    B = len(nulls)
    smallest = min(1.0, 2 / (1 + B))
    if not B:
        return (*[np.nan] * 6, 0, smallest)
    with np.errstate(invalid="ignore"):  # infinite ones of both signs have no mean
        mean, (low, high) = nulls.mean(), np.percentile(nulls, [2.5, 97.5])
    if np.isnan(x):
        return mean, low, high, np.nan, np.nan, np.nan, B, smallest
    below, above = int((nulls < x).sum()), int((nulls > x).sum())
    p = min(1.0, 2 * (1 + B - max(below, above)) / (1 + B))
    return mean, low, high, _z(x, nulls), p, (below - above) / B, B, smallest


def _z(x: float, nulls: NDArray[np.float64]) -> float:
    if len(nulls) < 2 or not np.isfinite(nulls).all():
        return np.nan
    sd = nulls.std(ddof=1)
    return float((x - nulls.mean()) / sd) if sd > CONSTANT * np.abs(nulls).max() else np.nan
