"""What one fit says of W against Hᵀ in one number each, without a threshold: cheap enough for every null fit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dasknmf.analysis.stability import RESAMPLES
from dasknmf.errors import whole
from dasknmf.laboratory.assignment import Partners, partners
from dasknmf.laboratory.curvature import monotone
from dasknmf.laboratory.relating import (
    balanced_slopes,
    each_column,
    own_units,
    pearson,
    ranks,
)
from dasknmf.laboratory.skew import asymmetry

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from dasknmf.analysis.matching import Factors


@dataclass(frozen=True)
class Measure:
    """One number of a fit.

    Attributes
    ----------
    sentence : str
        What it is.
    gauge_free : bool
        Whether no rescaling of factors, w_j by d_j and h_j by 1/d_j, changes it.
    symmetric_when_large : bool or None
        Whether a larger one means that W and Hᵀ are more alike; None where neither way does.
    """

    sentence: str
    gauge_free: bool = True
    symmetric_when_large: bool | None = None


#: Medians and deviations are over factors that are not zero on a side; ``_index`` compares w_j with h_j, others with
#: the row of H assigned to it.
MEASURES: dict[str, Measure] = {
    "cosine_index": Measure("median cosine of w_j and h_j", symmetric_when_large=True),
    "cosine": Measure("median cosine of w_j and its partner", symmetric_when_large=True),
    "pearson_index": Measure("median Pearson correlation of w_j and h_j", symmetric_when_large=True),
    "pearson": Measure("median Pearson correlation of w_j and its partner", symmetric_when_large=True),
    "spearman_index": Measure("median rank correlation of w_j and h_j", symmetric_when_large=True),
    "spearman": Measure("median rank correlation of w_j and its partner", symmetric_when_large=True),
    "linearity_index": Measure(
        "median R² of the line through the origin of h_j on w_j", symmetric_when_large=True
    ),
    "linearity": Measure(
        "median R² of the line through the origin of the partner on w_j", symmetric_when_large=True
    ),
    "curvature": Measure(
        "median of what a monotone function explains of the partner beyond the line",
        symmetric_when_large=False,
    ),
    "fixed_points": Measure("factors that are their own partners", symmetric_when_large=True),
    "two_cycles": Measure("pairs of factors that are each other's partners"),
    "longer_cycles": Measure(
        "factors in cycles of the assignment longer than two", symmetric_when_large=False
    ),
    "unmatched": Measure("factors that are zero on a side", symmetric_when_large=False),
    "involution_defect": Measure(
        "share of the assigned cosines that is lost by reading the assignment backwards",
        symmetric_when_large=False,
    ),
    "broken": Measure(
        "share of factors in cycles longer than two, or zero on a side", symmetric_when_large=False
    ),
    "asymmetry": Measure("‖WH − (WH)ᵀ‖ / ‖WH‖", symmetric_when_large=False),
    "slope_dispersion": Measure(
        "standard deviation of the log slope of the partner on w_j, balanced", symmetric_when_large=False
    ),
    "own_slope_dispersion": Measure(
        "standard deviation of the log slope of the partner on w_j, as the algorithm normalises",
        gauge_free=False,
    ),
    "own_slope_dispersion_index": Measure(
        "standard deviation of the log slope of h_j on w_j, as the algorithm normalises", gauge_free=False
    ),
}


def measures(
    model: Factors, gauge: NDArray[np.float64] | None = None, *, found: Partners | None = None
) -> dict[str, float]:
    """Return every measure of :data:`MEASURES` of one fit.

    Parameters
    ----------
    model : (W, Ht), each of shape (n, k)
        A non-negative fit, in any gauge; H is given transposed.
    gauge : ndarray, shape (k,), optional
        ‖w_j‖ / ‖h_j‖ as the algorithm left it, without which the measures that are bound to it are nan.
    found : Partners, optional
        Of this fit, if they are known.

    Returns
    -------
    dict of float
        In the order of :data:`MEASURES`. Nan where there is nothing to measure: medians if all factors are zero on a
        side, deviations of fewer than two slopes above zero.

    Raises
    ------
    InputError
        If shapes do not agree, or loadings are negative or not finite.

    Examples
    --------
    Two gene sets joined to each other: index by index W and Hᵀ have nothing in common.

    >>> found = measures((np.eye(4)[:, :2], np.eye(4)[:, [1, 0]]))
    >>> found["cosine_index"], found["cosine"], found["two_cycles"], found["asymmetry"]
    (0.0, 1.0, 1.0, 0.0)
    """
    found = partners(model) if found is None else found
    table = {name: _summary(name, values) for name, values in _by_factor(model, gauge, found).items()}
    k = len(found.partner_of)
    table |= {
        "fixed_points": float(found.fixed_points),
        "two_cycles": float(found.two_cycles),
        "longer_cycles": float(found.longer_cycles),
        "unmatched": float(found.unmatched),
        "involution_defect": found.involution_defect,
        "broken": (found.longer_cycles + found.unmatched) / k if k else np.nan,
        "asymmetry": asymmetry(model),
    }
    return {name: table[name] for name in MEASURES}


def interval_over_factors(
    model: Factors,
    gauge: NDArray[np.float64] | None = None,
    *,
    found: Partners | None = None,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> dict[str, tuple[float, float]]:
    """Return 95 % bootstrap intervals of the medians and deviations over factors, where there is one fit only.

    It says how far a number hangs on which factors the fit has, not how far it would differ in another fit: for
    that, take restarts. Both factors of a pair count, though they tell much the same.

    Parameters
    ----------
    model, gauge, found
        As of :func:`measures`.
    seed, resamples : int
        Of the bootstrap.

    Returns
    -------
    dict of (low, high)
        Of the measures that are medians or deviations over factors; counts and what is of the fit as a whole have
        none. Nan for fewer than two factors.

    Raises
    ------
    InputError
        As of :func:`measures`, or if ``resamples`` is not a whole number of at least 1.

    Notes
    -----
    Percentile intervals: Efron & Tibshirani, An Introduction to the Bootstrap, 1993.

    Examples
    --------
    >>> interval_over_factors((np.eye(3), np.eye(3)))["cosine"]
    (1.0, 1.0)
    """
    resamples = whole("resamples", resamples, least=1)
    found = partners(model) if found is None else found
    intervals = {}
    for name, values in _by_factor(model, gauge, found).items():
        known = values[np.isfinite(values)]
        low = high = np.nan
        if len(known) > 1:
            # of the same seed, so that measures are of the same resampled factors where all of them are known
            drawn = np.random.default_rng(seed).integers(len(known), size=(resamples, len(known)))
            low, high = np.percentile(_statistic(name)(known[drawn], axis=1), [2.5, 97.5])
        intervals[name] = (float(low), float(high))
    return {name: intervals[name] for name in MEASURES if name in intervals}


def _by_factor(
    model: Factors, gauge: NDArray[np.float64] | None, found: Partners
) -> dict[str, NDArray[np.float64]]:
    """Return the values of factors that are not zero on a side, of which a measure is the median or deviation."""
    factors = np.flatnonzero(found.matched)
    partner = found.partner_of[factors]
    # where the partners stand among the factors that are left
    place = np.searchsorted(factors, partner)
    x, y = (np.asarray(side)[:, factors].astype(np.float64) for side in model)
    ranks_x, ranks_y = ranks(x), ranks(y)
    own, matched = found.own_cosine[factors], found.partner_cosine[factors]
    k = len(found.partner_of)
    slope = balanced_slopes(model, found, factors, partner)
    return {
        "cosine_index": own,
        "cosine": matched,
        "pearson_index": pearson(x, y),
        "pearson": pearson(x, y[:, place]),
        "spearman_index": pearson(ranks_x, ranks_y),
        "spearman": pearson(ranks_x, ranks_y[:, place]),
        "linearity_index": np.square(own),
        "linearity": np.square(matched),
        # the line is a monotone function too, so a gain below zero is rounding
        "curvature": np.maximum(each_column(monotone, x, y[:, place]) - np.square(matched), 0.0),
        "slope_dispersion": _log(slope),
        "own_slope_dispersion": _log(slope / own_units(gauge, factors, partner, k)),
        # the balanced slope of h_j on w_j is their cosine
        "own_slope_dispersion_index": _log(own / own_units(gauge, factors, factors, k)),
    }


def _log(slope: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return log slopes; nan where the slope is zero, since the sides have no gene in common."""
    return np.log(slope, out=np.full(len(slope), np.nan), where=slope > 0)


def _summary(name: str, values: NDArray[np.float64]) -> float:
    known = values[np.isfinite(values)]
    enough = len(known) >= (2 if "dispersion" in name else 1)
    return float(_statistic(name)(known, axis=0)) if enough else np.nan


def _statistic(name: str) -> Callable[..., Any]:
    return _deviation if "dispersion" in name else np.median


def _deviation(values: NDArray[np.float64], axis: int) -> Any:
    return np.std(values, axis=axis, ddof=1)
