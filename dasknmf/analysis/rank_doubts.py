"""What speaks against a rank: other criteria, the ends of the survey, too few restarts, fits that did not converge."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.signal import find_peaks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dasknmf.analysis.rank_curves import Curves

#: Stability from which factors are said to recur: cos 18° on each side of w_j h_jᵀ.
RECURS = 0.9
#: Below this, single factors are not to be trusted: cos 27° on each side.
DOUBTFUL = 0.8
#: Restarts with ten pairs; from fewer, the interval of stability is too short.
ENOUGH = 5
#: Share by which the best error of a rank may pass that of a lower one; more than stopping early explains.
SLACK = 1e-3


class Measure(NamedTuple):
    """How a measure of agreement tells which rank it prefers.

    Attributes
    ----------
    words : str
        Its name in a sentence.
    enough : float
        What it has where restarts agree.
    prominence : float
        How far a peak stands above the dips beside it; less is within the noise of few restarts.
    """

    words: str
    enough: float
    prominence: float


#: A cophenetic correlation is high even where a third of the genes change their factor, so more is asked of it.
MEASURES = {
    "stability": Measure("stability", RECURS, 0.05),
    "cophenetic": Measure("cophenetic correlation", 0.95, 0.02),
}


def doubts(curves: Curves, chosen: int) -> Iterator[str]:
    """Yield what a user should know before taking the rank at a place, each with what to do about it."""
    rank, mean, low = (getattr(curves, name)[chosen] for name in ("rank", "stability", "stability_low"))
    if curves.lowest_held_out is not None and curves.held_out[curves.lowest_held_out] >= 1:
        yield (
            "no rank predicts held-out weights better than zeros would: the network may hold no structure that "
            "factors can find"
        )
    elif rank == 1 and np.isfinite(curves.held_out).sum() > 1:
        yield "one factor predicts as well as more: there is no evidence of modules beyond how connected each gene is"
    if mean < DOUBTFUL:
        yield (
            f"at rank {rank} factors do not recur well: matched between restarts, they have a mean similarity of "
            f"{curves.interval(chosen)}, below {DOUBTFUL}; trust a factor by its reproducibility in the consensus"
        )
    elif low < DOUBTFUL:
        yield (
            f"the stability of rank {rank}, {curves.interval(chosen)}, may be below {DOUBTFUL}: fit more restarts"
        )
    for name, measure in MEASURES.items():
        other = preferred(curves, name)
        if other is not None and abs(curves.rank[other[0]] - rank) > max(2, rank / 4):
            place, why = other
            value = curves.interval(place) if name == "stability" else f"{curves.cophenetic[place]:.2f}"
            yield f"{measure.words} prefers rank {curves.rank[place]} ({value}), not {rank}: {why}; look at both"
    yield from _edges(curves, chosen)
    if curves.restarts == 1:
        yield f"one restart of each rank: stability cannot be judged; fit at least {ENOUGH}"
    elif 1 < curves.restarts < ENOUGH:
        yield f"{curves.restarts} restarts of each rank are too few to judge stability; fit at least {ENOUGH}"
    yield from unconverged(curves)


def _edges(curves: Curves, chosen: int) -> Iterator[str]:
    first, last, rank = curves.rank[0], curves.rank[-1], curves.rank[chosen]
    if first == last:
        return
    best = curves.lowest_held_out
    if best is not None and curves.rank[best] == last != rank:
        yield (
            f"held-out error is lowest at the largest rank surveyed, {last}, though within one standard error: "
            "survey higher ranks to be sure"
        )
    elif best is not None and rank == last:
        yield f"held-out error still falls at the largest rank surveyed, {last}: survey higher ranks"
    elif rank == last:
        yield f"rank {last} is the largest surveyed: survey higher ranks"
    if rank == first > 1:
        yield f"rank {first} is the smallest surveyed: survey lower ranks"


def unconverged(curves: Curves) -> Iterator[str]:
    """Yield the ranks at which the best restart is worse than one of a lower rank, which no optimum is."""
    error = curves.best_error
    # the least error of a rank and all below; fmin passes over nan
    least = np.fmin.accumulate(error)
    worse = curves.rank[1:][error[1:] > least[:-1] * (1 + SLACK)]
    if len(worse):
        shown = ", ".join(map(str, worse[:5])) + (", …" if len(worse) > 5 else "")
        ranks = f"rank {shown} has" if len(worse) == 1 else f"ranks {shown} have"
        yield f"{ranks} a larger error than a lower rank: not converged; fit with more iterations or more restarts"


def preferred(curves: Curves, name: str) -> tuple[int, str] | None:
    """Return the place that a measure of agreement prefers: its highest peak, or the largest rank that has enough."""
    measure, places = MEASURES[name], curves.above_one(name)
    values = getattr(curves, name)[places]
    peaks = find_peaks(values, height=measure.enough, prominence=measure.prominence)[0]
    if len(peaks):
        return int(places[peaks[values[peaks].argmax()]]), f"{measure.words} has a peak there"
    recurring = places[values >= measure.enough]
    if len(recurring):
        return int(
            recurring[-1]
        ), f"it is the largest rank with a {measure.words} of at least {measure.enough}"
    return None
