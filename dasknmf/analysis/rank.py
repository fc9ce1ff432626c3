"""How many factors a network holds: a bound from its spectrum, and a recommendation from a survey of ranks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dasknmf.analysis.rank_curves import Curves
from dasknmf.analysis.rank_doubts import ENOUGH, RECURS, doubts, preferred, unconverged

if TYPE_CHECKING:
    from collections.abc import Iterator

    import xarray as xr
    from numpy.typing import NDArray


class EffectiveRank(NamedTuple):
    """Between which numbers the participation ratio of a network lies."""

    low: float
    high: float


@dataclass(frozen=True)
class Recommendation:
    """Which rank to take, in words that say why.

    Attributes
    ----------
    rank : int or None
        None where a survey has nothing to choose by.
    reason : str
        By what criterion, with its numbers.
    runner_up : int or None
        The best by another criterion, if that is another rank.
    runner_up_reason : str
        Empty without a runner-up.
    warnings : tuple of str
        What speaks against the recommended rank, and what to do about it.
    """

    rank: int | None
    reason: str
    runner_up: int | None
    runner_up_reason: str
    warnings: tuple[str, ...]


def effective_rank(values: NDArray[np.float64], sum_of_squares: float) -> EffectiveRank:
    """Return bounds of the participation ratio (Σλ²)² / Σλ⁴ of a network, from its leading eigenvalues.

    It is k where k eigenvalues of equal size make the network, and says on how many its weight spreads.

    Parameters
    ----------
    values : ndarray, shape (p,)
        The p eigenvalues of largest magnitude, in any order.
    sum_of_squares : float
        ‖A‖², the exact one.

    Returns
    -------
    EffectiveRank
        ``low`` and ``high``. They agree where the eigenvalues given make up the network; nan for the zero matrix.

    Notes
    -----
    The eigenvalues not given have squares that sum to the rest of ‖A‖², E, and are at most λ_p in magnitude, so
    their fourth powers sum to at least 0 and at most λ_p² E. Participation ratio: Bell & Dean, Discussions of the
    Faraday Society 50:55, 1970.

    Examples
    --------
    >>> effective_rank(np.array([2.0, -2.0, 2.0]), 12.0)
    EffectiveRank(low=3.0, high=3.0)
    >>> effective_rank(np.array([2.0]), 12.0)
    EffectiveRank(low=3.0, high=9.0)
    """
    squares = np.square(np.asarray(values, dtype=np.float64))
    seen = float(np.square(squares).sum())
    if seen == 0 or sum_of_squares <= 0:
        return EffectiveRank(np.nan, np.nan)
    # of rounded eigenvalues the squares may sum to more than all
    rest = max(sum_of_squares - float(squares.sum()), 0.0)
    whole = sum_of_squares**2
    return EffectiveRank(whole / (seen + float(squares.min()) * rest), whole / seen)


def recommend(survey: xr.Dataset) -> Recommendation:
    """Recommend a rank: the smallest that predicts held-out weights as well as any.

    As well is within one standard error of the paired difference to the lowest held-out error. Where no weights
    were held out, the largest rank above 1 with a stability of at least 0.9 is taken, and if none has that, the most
    stable: neither tests whether the factors are in the network or only in the algorithm, and the reason says so.
    The error on fitted weights decides nothing: it falls with every factor. Stability at rank 1 neither, since one
    factor always recurs.

    Parameters
    ----------
    survey : Dataset
        Over ``rank`` and ``restart``: ``relative_error (rank, restart)``; over ``rank``, each of which may be nan or
        missing: ``held_out``, ``held_out_difference``, ``held_out_difference_se``, ``stability``,
        ``stability_low``, ``stability_high`` and ``cophenetic``.

    Returns
    -------
    Recommendation

    Notes
    -----
    One-standard-error rule: Breiman, Friedman, Olshen & Stone, Classification and Regression Trees, 1984, §3.4.3.
    Held-out weights for NMF: Owen & Perry, Annals of Applied Statistics 3:564, 2009. A peak of stability, which
    makes the runner-up, is a local maximum that stands at least 0.05 above the dips beside it.

    Examples
    --------
    >>> import xarray as xr
    >>> survey = xr.Dataset(
    ...     {
    ...         "relative_error": (("rank", "restart"), [[0.9] * 5, [0.7] * 5, [0.6] * 5, [0.5] * 5]),
    ...         "held_out": ("rank", [0.9, 0.60, 0.59, 0.7]),
    ...         "held_out_difference": ("rank", [0.31, 0.01, 0.0, 0.11]),
    ...         "held_out_difference_se": ("rank", [0.02, 0.02, 0.0, 0.02]),
    ...     },
    ...     coords={"rank": [1, 2, 3, 4]},
    ... )
    >>> found = recommend(survey)
    >>> found.rank, found.runner_up
    (2, 3)
    >>> print(found.reason)  # doctest: +NORMALIZE_WHITESPACE
    rank 2 is the smallest that predicts held-out weights as well as any: its held-out error is 0.6, above the lowest,
    0.59 at rank 3, by 0.01 ± 0.02, which is within one standard error
    """
    curves = Curves.of(survey)
    choice = _by_prediction(curves) or _by_stability(curves)
    if len(curves.rank) == 1:
        reason = "the only rank surveyed: there is nothing to compare it with"
        return Recommendation(int(curves.rank[0]), reason, None, "", tuple(doubts(curves, 0)))
    if choice is None:
        reason = (
            "nothing to choose by: no weights were held out, and no rank above 1 has restarts to compare; hold weights "
            f"out, or fit at least {ENOUGH} restarts of each rank"
        )
        return Recommendation(None, reason, None, "", tuple(unconverged(curves)))
    chosen, reason = choice
    others = ((place, why) for place, why in _other_choices(curves) if place != chosen)
    runner_up, why = next(others, (None, ""))
    return Recommendation(
        int(curves.rank[chosen]),
        reason,
        None if runner_up is None else int(curves.rank[runner_up]),
        why,
        tuple(doubts(curves, chosen)),
    )


def _by_prediction(curves: Curves) -> tuple[int, str] | None:
    """Return the place of the smallest rank within one standard error of the lowest held-out error."""
    best = curves.lowest_held_out
    if best is None:
        return None
    chosen = int(curves.within_one_error[0])
    rank, error = curves.rank, curves.held_out
    if chosen < best:
        return chosen, (
            f"rank {rank[chosen]} is the smallest that predicts held-out weights as well as any: its held-out error is "
            f"{error[chosen]:.4g}, above the lowest, {error[best]:.4g} at rank {rank[best]}, by "
            f"{curves.difference(chosen)}, which is within one standard error"
        )
    reason = f"rank {rank[best]} predicts held-out weights best: its held-out error is {error[best]:.4g}"
    smaller = [place for place in range(best) if np.isfinite(error[place])]
    if smaller:
        nearest = min(smaller, key=lambda place: float(error[place]))
        reason += (
            f", and no smaller rank comes within one standard error of it (rank {rank[nearest]} is worse by "
            f"{curves.difference(nearest)})"
        )
    return best, reason


def _by_stability(curves: Curves) -> tuple[int, str] | None:
    places = curves.above_one("stability")
    if not len(places):
        return None
    untested = "; no weights were held out, so prediction was not tested"
    recurring = places[curves.stability[places] >= RECURS]
    if len(recurring):
        chosen = int(recurring[-1])
        return chosen, (
            f"rank {curves.rank[chosen]} is the largest whose factors recur: those matched between restarts have a "
            f"mean similarity of {curves.interval(chosen)}, at least {RECURS}{untested}"
        )
    chosen = int(places[curves.stability[places].argmax()])
    return chosen, (
        f"rank {curves.rank[chosen]} is the most stable above 1, but no rank reaches a stability of {RECURS}: factors "
        f"matched between restarts have a mean similarity of {curves.interval(chosen)}{untested}"
    )


def _other_choices(curves: Curves) -> Iterator[tuple[int, str]]:
    """Yield what other criteria choose, the weightiest first."""
    stable = preferred(curves, "stability")
    if stable:
        place, why = stable
        yield place, f"{why}: {curves.interval(place)}"
    best = curves.lowest_held_out
    if best is not None:
        yield best, f"it has the lowest held-out error, {curves.held_out[best]:.4g}"
        for place in curves.within_one_error:
            yield int(place), f"its held-out error is above the lowest by only {curves.difference(place)}"
    places = curves.above_one("stability")
    for place in places[np.argsort(-curves.stability[places], kind="stable")]:
        yield int(place), f"it is the most stable of the other ranks: {curves.interval(place)}"
