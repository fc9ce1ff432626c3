"""What the loss comes from: runs and branches that differ in one choice, restart by restart."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations
from typing import TYPE_CHECKING

import numpy as np

from dasknmf.nesting.curves import NULL
from dasknmf.nesting.intervals import NOTHING, Interval, difference_interval

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dasknmf.nesting.curves import Run
    from dasknmf.nesting.decay import Decay

#: All decays that were fitted, by run and curve.
Decays = dict[tuple[str, tuple[str, str]], "Decay"]

#: What a loss is attributed to, and which difference of γ it is.
CAUSES = {
    "normalising": "rows divided by ‖row‖^t, above the inner product",
    "semidefiniteness": "LLᵀ, above L C Lᵀ",
    "index-wise": "W and Hᵀ averaged index by index, above partner by partner",
    "one side": "W or Hᵀ alone, above partners averaged",
    "rank": "what factorizing the network itself at the rank of each level loses too",
    "nesting": "what remains above factorizing the network itself at the rank of each level",
    "chance": "of a network above its null model",
    "restarts": "how far other restarts could move γ: the lower part of its interval",
}


@dataclass(frozen=True)
class Effect:
    """How much of γ a cause makes.

    Attributes
    ----------
    cause : str
        One of ``CAUSES``.
    run, branch : str
        With the choice.
    other, other_branch : str
        Without; empty where it is of the run alone.
    gamma : Interval
        Difference in γ: per level.
    start : Interval
        Difference in −log ρ at the first level: lost before any nesting, so not in γ.
    total : Interval
        Difference in −log ρ at the deepest level that both curves reach.
    paired : bool
        Whether restarts of the same seed were compared.
    at_least : bool
        Whether values below the floor make γ with the choice a lower bound.
    """

    cause: str
    run: str
    branch: str
    other: str
    other_branch: str
    gamma: Interval
    start: Interval
    total: Interval
    paired: bool
    at_least: bool


def effects(runs: list[Run], decays: Decays, *, seed: int = 0) -> list[Effect]:
    """Return how much of γ each cause makes, in every pair of runs or branches that differ in nothing else.

    Parameters
    ----------
    runs : list of Run
        As given.
    decays : dict of Decay
        Of all their curves.
    seed : int
        Of the bootstrap.
    """
    found = [effect for run in runs if run.is_network for effect in _within(run, decays, seed)]
    alone = len({run.network for run in runs if run.is_network}) == 1
    for run, other in permutations(runs, 2):
        cause = _cause(run, other, alone=alone)
        if cause:
            found.append(_effect(cause, (run, run.main), (other, run.main), decays, seed))
    # runs of one similarity hold the same branches, whichever their tree is of
    same = {
        run.name: (run.kind, run.network, run.method, run.similarity, run.seed, run.restarts, run.ladder)
        for run in runs
    }
    once: dict[object, Effect] = {}
    for effect in found:
        key = (effect.cause, same[effect.run], effect.branch, same.get(effect.other), effect.other_branch)
        if np.isfinite(effect.gamma.mean):
            once.setdefault(key, effect)
    order = list(CAUSES)
    return sorted(once.values(), key=lambda effect: order.index(effect.cause))


def _cause(run: Run, other: Run, *, alone: bool) -> str:
    """Return the one choice by which ``run`` may lose more than ``other``; empty where it is none or several.

    ``alone`` says that one network was given, which all null models then belong to.
    """
    same = (run.method, run.ladder) == (other.method, other.ladder) and run.main in other.curves
    if not same or not run.is_network:
        return ""
    if other.kind.startswith(NULL):
        alike = run.similarity == other.similarity and (alone or other.network == run.network)
        return "chance" if alike else ""
    if not other.is_network or run.network != other.network:
        return ""
    if other.power == 0 and run.power > 0:
        return "normalising"
    return "semidefiniteness" if run.power == 0 and other.similarity == "core" else ""


def _within(run: Run, decays: Decays, seed: int) -> Iterator[Effect]:
    pairs = [
        ("index-wise", ("retention", "index"), ("retention", "partner")),
        ("one side", ("retention", "W"), ("retention", "partner")),
        ("one side", ("retention", "H"), ("retention", "partner")),
        ("nesting", run.main, ("direct", run.loadings)),
    ]
    for cause, first, second in pairs:
        if first in run.curves and second in run.curves:
            yield _effect(cause, (run, first), (run, second), decays, seed)
    direct = decays.get((run.name, ("direct", run.loadings)))
    if direct is not None:
        yield _alone("rank", run, direct, direct.gamma)
    own = decays[run.name, run.main]
    half = own.gamma.mean - own.gamma.low
    yield _alone("restarts", run, own, Interval(0.0, -half, half, -half, half))


def _alone(cause: str, run: Run, decay: Decay, gamma: Interval) -> Effect:
    return Effect(
        cause, run.name, run.loadings, "", "", gamma, NOTHING, NOTHING, paired=True, at_least=decay.at_least
    )


def _effect(
    cause: str,
    first: tuple[Run, tuple[str, str]],
    second: tuple[Run, tuple[str, str]],
    decays: Decays,
    seed: int,
) -> Effect:
    (run, curve), (other, other_curve) = first, second
    paired = run.paired(other)
    one, two = decays[run.name, curve], decays[other.name, other_curve]
    # a curve that is gone is held at its floor to the end, where it is at most that
    last = min(len(one.levels), len(two.levels)) - 1
    start = total = NOTHING
    if one.logs.size and two.logs.size:
        start, total = (
            difference_interval(-log_at(one, place), -log_at(two, place), paired=paired, seed=seed)
            for place in (0, last)
        )
    return Effect(
        cause,
        run.name,
        curve[1],
        other.name,
        other_curve[1],
        difference_interval(one.slopes, two.slopes, paired=paired, seed=seed, slack=one.slack + two.slack),
        start,
        total,
        paired=paired,
        at_least=one.at_least,
    )


def log_at(decay: Decay, place: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Return log ρ of every restart at a level; what is gone stays at the floor at which it went."""
    return np.asarray(decay.logs[:, min(place, decay.logs.shape[1] - 1)])
