"""The four claims of the observation that this package was made to test, judged on what was measured here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import t as student

from dasknmf.comparing.networks import GIVEN, RANDOM

if TYPE_CHECKING:
    from collections.abc import Sequence

    import xarray as xr
    from numpy.typing import NDArray

REPRODUCED, NOT_REPRODUCED, UNDECIDED = "reproduced", "not reproduced", "undecided"
#: Correlations between which neither "unrelated" nor "strong" would be a fair word.
UNRELATED, STRONG = 0.3, 0.8
#: Standard deviation of log slopes from which slopes differ: by a twentieth.
DIFFERS = 0.05
#: Solvers that end with W ∝ Hᵀ whatever the network is: nothing can be learnt of W and Hᵀ from them.
BY_CONSTRUCTION = frozenset({"symline", "symmu", "symhals", "symkl", "anls-sym"})
MOST_LINEAR, LEAST_DISPERSED = "cogaps", "brunet"


@dataclass(frozen=True)
class Claim:
    """A claim, whether it holds here, and on what evidence."""

    claim: str
    verdict: str
    evidence: str


def claims_of(found: xr.Dataset) -> list[Claim]:
    """Return the four claims, judged.

    Parameters
    ----------
    found : Dataset
        Of :func:`dasknmf.compare`, over network, solver and restart.

    Returns
    -------
    list of Claim
        "reproduced" and "not reproduced" need the 95 % interval of a mean over restarts (Student's) on one side of
        what the claim says; with one restart all are "undecided".
    """
    return [_unrelated(found), _strong(found), _most_linear(found), _least_dispersed(found)]


def interval(values: NDArray[np.float64]) -> tuple[float, float, float]:
    """Return the mean over restarts and the ends of its 95 % interval (Student's); nan ends for fewer than two.

    Examples
    --------
    >>> interval(np.array([1.0, 1.0, 1.0]))
    (1.0, 1.0, 1.0)
    """
    known = values[np.isfinite(values)]
    if len(known) == 0:
        return np.nan, np.nan, np.nan
    mean = float(known.mean())
    if len(known) < 2:
        return mean, np.nan, np.nan
    half = float(student.ppf(0.975, len(known) - 1) * known.std(ddof=1) / np.sqrt(len(known)))
    return mean, mean - half, mean + half


def _free(found: xr.Dataset) -> list[str]:
    """Return the solvers whose W and Hᵀ are free to differ, and that have measures."""
    names = [str(name) for name in found["solver"].to_numpy()]
    return [
        name
        for name in names
        if name not in BY_CONSTRUCTION and bool(np.isfinite(found["pearson"].sel(solver=name)).any())
    ]


def _kinds(found: xr.Dataset, wanted: Sequence[str]) -> list[str]:
    there = [str(kind) for kind in found["network"].to_numpy()]
    return [kind for kind in wanted if kind in there]


def _unrelated(found: xr.Dataset) -> Claim:
    claim = "On random networks W and Hᵀ are unrelated."
    kinds, solvers = _kinds(found, RANDOM), _free(found)
    if not kinds or not solvers:
        return Claim(
            claim, UNDECIDED, f"needs a random kind of network ({', '.join(RANDOM)}) and a free solver."
        )
    index, matched = (
        {
            (kind, name): interval(found[measure].sel(network=kind, solver=name).to_numpy())
            for kind in kinds
            for name in solvers
        }
        for measure in ("pearson_index", "pearson")
    )
    low = all(end < UNRELATED for _, _, end in index.values())
    related = [pair for pair, (_, start, _) in matched.items() if start > UNRELATED]
    said = (
        f"Index by index the median correlation is {_range(index)}; with the best partner, which is not known "
        f"beforehand, {_range(matched)} ({', '.join(kinds)}; {', '.join(solvers)})."
    )
    if low and not related:
        return Claim(claim, REPRODUCED, said)
    if low:
        # the usual way to look, and the one that is fair to the theorem, disagree
        said += " Index by index they are unrelated; matched, factors of random networks have partners too."
        return Claim(claim, f"{REPRODUCED} index by index, {NOT_REPRODUCED} after matching partners", said)
    high = all(start > UNRELATED for _, start, _ in index.values())
    return Claim(claim, NOT_REPRODUCED if high else UNDECIDED, said)


def _strong(found: xr.Dataset) -> Claim:
    claim = "On structured networks W and Hᵀ correlate strongly in all algorithms, with slopes that differ by factor."
    kinds, solvers = _kinds(found, (GIVEN, "planted")), _free(found)
    if not kinds or not solvers:
        return Claim(claim, UNDECIDED, "needs the network itself, or a planted one, and a free solver.")
    correlation, slopes = (
        {
            (kind, name): interval(found[measure].sel(network=kind, solver=name).to_numpy())
            for kind in kinds
            for name in solvers
        }
        for measure in ("pearson", "own_slope_dispersion")
    )
    weak = [f"{name} on {kind}" for (kind, name), (_, _, end) in correlation.items() if end < STRONG]
    unsure = [
        f"{name} on {kind}"
        for (kind, name), (_, start, end) in correlation.items()
        if not start > STRONG and not end < STRONG
    ]
    same = [f"{name} on {kind}" for (kind, name), (_, _, end) in slopes.items() if end < DIFFERS]
    said = (
        f"Median correlation with partners {_range(correlation)}; slopes, as each algorithm normalises, spread by "
        f"{_range(slopes)} (sd of log)."
    )
    said += f" Weaker than {STRONG}: {', '.join(weak)}." if weak else ""
    said += f" Slopes that do not differ: {', '.join(same)}." if same else ""
    said += f" Not clear: {', '.join(unsure)}." if unsure and not weak else ""
    if weak:
        return Claim(claim, NOT_REPRODUCED, said)
    return Claim(claim, UNDECIDED if unsure else REPRODUCED, said)


def _most_linear(found: xr.Dataset) -> Claim:
    return _best(
        found,
        "CoGAPS gives the most linear relation of W and Hᵀ.",
        MOST_LINEAR,
        "linearity",
        largest=True,
        named="R² through the origin",
    )


def _least_dispersed(found: xr.Dataset) -> Claim:
    return _best(
        found,
        "brunet gives the least dispersed slopes.",
        LEAST_DISPERSED,
        "own_slope_dispersion",
        largest=False,
        named="sd of log slopes",
    )


def _best(found: xr.Dataset, claim: str, solver: str, measure: str, *, largest: bool, named: str) -> Claim:
    """Judge whether a solver is the best of all by a measure, restart by restart, on the network that is given."""
    solvers = _free(found)
    others = [name for name in solvers if name != solver]
    if solver not in solvers or not others or not _kinds(found, (GIVEN,)):
        return Claim(claim, UNDECIDED, f"needs {solver}, another free solver, and the network itself.")
    values = found[measure].sel(network=GIVEN)
    own = values.sel(solver=solver).to_numpy()
    rest = values.sel(solver=others)
    means = {name: float(np.nanmean(rest.sel(solver=name))) for name in others}
    next_best = (max if largest else min)(means, key=lambda name: means[name])
    gain = (own - rest.sel(solver=next_best).to_numpy()) * (1 if largest else -1)
    mean, low, high = interval(gain)
    said = (
        f"{solver} has a mean {named} of {float(np.nanmean(own)):.3f}, the best of the others, {next_best}, "
        f"{means[next_best]:.3f}; the difference in favour of {solver} is {mean:.3f} ({low:.3f} to {high:.3f}, "
        f"{len(own)} restarts)."
    )
    if np.isnan(low):
        return Claim(claim, UNDECIDED, f"{said} One restart has no interval.")
    return Claim(claim, REPRODUCED if low > 0 else NOT_REPRODUCED if high < 0 else UNDECIDED, said)


def _range(table: dict[tuple[str, str], tuple[float, float, float]]) -> str:
    means = [mean for mean, _, _ in table.values()]
    return f"{np.nanmin(means):.2f} to {np.nanmax(means):.2f}"
