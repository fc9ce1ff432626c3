"""Which loadings and similarity to take: what keeps most, on the network where it does worst."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dasknmf.nesting.attribution import log_at
from dasknmf.nesting.intervals import Interval, difference_interval

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dasknmf.nesting.attribution import Decays
    from dasknmf.nesting.curves import Run

#: Shortfall, as a share of retention, that does not decide: restarts of one fit differ by as much.
TIE = 0.01
#: Options alike that a sentence names.
SHOWN = 2
#: Which is taken among those that are alike: the first that keeps partners and costs least.
PREFERRED_LOADINGS = ("partner", "W", "H", "index")
PREFERRED_SIMILARITY = ("inner", "core", "")


class Option(NamedTuple):
    """A way down: its method, similarity and branch."""

    method: str
    similarity: str
    loadings: str

    def __str__(self) -> str:
        """Return it as one would type it."""
        parts = [f"method={self.method}" if self.method else "", f"loadings={self.loadings}"]
        parts.append(f"similarity={self.similarity}" if self.similarity else "")
        return ", ".join(filter(None, parts))

    @property
    def place(self) -> tuple[int, int, str]:
        """Its place among options that are alike."""
        known = PREFERRED_SIMILARITY
        similarity = known.index(self.similarity) if self.similarity in known else len(known)
        return PREFERRED_LOADINGS.index(self.loadings), similarity, str(self)


@dataclass(frozen=True)
class Standing:
    """How an option does on a network.

    Attributes
    ----------
    option : Option
    network : str
    kept : float
        Geometric mean of ρ over levels and restarts.
    deepest : float
        Geometric mean of ρ at the deepest level over restarts.
    shortfall : Interval
        Of log ρ, mean over levels, below that of the best option of the network.
    """

    option: Option
    network: str
    kept: float
    deepest: float
    shortfall: Interval


@dataclass(frozen=True)
class Choice:
    """The option to take, with how all stand and the sentence that says it."""

    option: Option | None
    standings: list[Standing]
    sentence: str


def choose(runs: list[Run], decays: Decays, *, seed: int = 0) -> Choice:
    """Return the option whose worst shortfall over networks is the smallest.

    Parameters
    ----------
    runs : list of Run
        Those of networks are used; of one network those with the factors per level of its first.
    decays : dict of Decay
        Of all their curves.
    seed : int
        Of the bootstrap.

    Notes
    -----
    An option is judged by the mean of log ρ over levels, the first included: averaging index by index loses before
    any nesting, where γ does not see it. Only options that were run on every network compete. The smallest worst
    shortfall (Savage, Journal of the American Statistical Association 46:55, 1951) needs no weights of networks,
    and does not let an option that is a little better on many be ruinous on one.
    """
    found = _measured(runs, decays)
    standings = [
        standing
        for network in sorted({network for network, _ in found})
        for standing in _stand(network, found, seed)
    ]
    networks = {standing.network for standing in standings}
    worst: dict[Option, Standing] = {}
    for option in sorted({standing.option for standing in standings}, key=lambda option: option.place):
        own = [standing for standing in standings if standing.option == option]
        if len(own) == len(networks):
            worst[option] = max(own, key=lambda standing: standing.shortfall.mean)
    if len(worst) < 2:
        return Choice(None, standings, "no choice: needs two or more options run on every network")
    least = min(standing.shortfall.mean for standing in worst.values())
    alike = [option for option in worst if worst[option].shortfall.mean <= least + TIE]
    best = alike[0]
    return Choice(best, standings, _sentence(best, worst, alike, len(networks)))


def _measured(
    runs: list[Run], decays: Decays
) -> dict[tuple[str, Option], tuple[Run, NDArray[np.float64], float]]:
    """Return, of every option on every network, its run, mean log ρ of each restart, and ρ at the deepest level."""
    found: dict[tuple[str, Option], tuple[Run, NDArray[np.float64], float]] = {}
    ladders: dict[str, tuple[float, ...]] = {}
    for run in runs:
        if not run.is_network or ladders.setdefault(run.network, run.ladder) != run.ladder:
            continue
        for measure, branch in run.curves:
            key = (run.network, Option(run.method, run.similarity, branch))
            decay = decays[run.name, (measure, branch)]
            if measure != "retention" or key in found or not decay.logs.size:
                continue
            logs = np.array([log_at(decay, place) for place in range(len(decay.levels))])
            found[key] = (run, logs.mean(axis=0), float(np.exp(np.sort(logs[-1]).mean())))
    return found


def _stand(
    network: str, found: dict[tuple[str, Option], tuple[Run, NDArray[np.float64], float]], seed: int
) -> list[Standing]:
    own = {option: value for (name, option), value in found.items() if name == network}
    means = {option: float(np.sort(logs).mean()) for option, (_, logs, _) in own.items()}
    best = max(sorted(own, key=lambda option: option.place), key=lambda option: means[option])
    best_run, best_logs, _ = own[best]
    standings = []
    for option, (run, logs, deepest) in own.items():
        short = difference_interval(best_logs, logs, paired=run.paired(best_run), seed=seed)
        standings.append(Standing(option, network, float(np.exp(means[option])), deepest, short))
    return standings


def _sentence(best: Option, worst: dict[Option, Standing], alike: list[Option], networks: int) -> str:
    own = worst[best]
    said = f"Take {best}: " + (
        f"over {networks} networks it keeps at worst"
        if networks > 1
        else f"on {own.network or 'the network'} it keeps"
    )
    said += f" {np.exp(-max(own.shortfall.mean, 0)):.0%} of what the best option keeps"
    said += f" ({own.network})" if networks > 1 else ""
    if len(alike) > 1:
        others = "; ".join(str(option) for option in alike[1 : 1 + SHOWN])
        others += f"; and {len(alike) - 1 - SHOWN} more" if len(alike) > 1 + SHOWN else ""
        said += f"; no worse by more than {TIE:.0%} of retention: {others}"
    rest = [option for option in worst if option not in alike]
    if rest:
        after = worst[min(rest, key=lambda option: worst[option].shortfall.mean)]
        ends = [np.exp(-end) for end in after.shortfall[2:0:-1]]
        told = "" if np.isnan(ends[0]) else f", 95 % interval {ends[0]:.0%} to {ends[1]:.0%}"
        said += f"; the next, {after.option}, keeps {np.exp(-after.shortfall.mean):.0%}{told}"
        said += f" ({after.network})" if networks > 1 else ""
    return said + "."
