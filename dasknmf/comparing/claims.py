"""The four claims of the observation that this package was made to test, judged on what was measured here."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import t as student

from dasknmf.comparing.networks import GIVEN, RANDOM
from dasknmf.laboratory.fits import ALWAYS_SYMMETRIC

if TYPE_CHECKING:
    from collections.abc import Sequence

    import xarray as xr
    from numpy.typing import NDArray

REPRODUCED, NOT_REPRODUCED, UNDECIDED = "reproduced", "not reproduced", "undecided"
#: Correlations between which neither "unrelated" nor "strong" would be a fair word.
UNRELATED, STRONG = 0.3, 0.8
#: Of which the second claim is said.
STRUCTURED = (GIVEN, "planted")
#: Standard deviation of log slopes from which slopes differ: by a twentieth.
DIFFERS = 0.05
#: Means nearer than this are one: loadings are float32, of which a measure keeps six digits.
TIE = 1e-6
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
    judged = []
    for judge, wanted in (
        (_unrelated, RANDOM),
        (_strong, STRUCTURED),
        (_most_linear, (GIVEN,)),
        (_least_dispersed, (GIVEN,)),
    ):
        lagging = unsettled(found, wanted)
        one = judge(found.drop_sel(solver=lagging))
        if lagging:
            note = f" Left out, as chains have not settled (give more iterations): {', '.join(lagging)}."
            one = replace(one, evidence=one.evidence + note)
        judged.append(one)
    return judged


def unsettled(found: xr.Dataset, kinds: Sequence[str]) -> list[str]:
    """Return the solvers of which a chain has not settled on one of these networks: what they say is not known."""
    there = _kinds(found, kinds)
    if "settled" not in found or not there:
        return []
    least = found["settled"].sel(network=there).min(("network", "restart")).to_numpy()
    return [str(name) for name, value in zip(found["solver"].to_numpy(), least, strict=True) if value < 1]


def interval(values: NDArray[np.float64], *, level: float = 0.05) -> tuple[float, float, float]:
    """Return the mean over restarts and the ends of its 95 % interval (Student's); nan ends for fewer than two.

    Parameters
    ----------
    values : ndarray, shape (restarts,)
        nan is left out.
    level : float
        Chance that it misses; smaller where several are looked at and any one decides.

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
    half = float(student.ppf(1 - level / 2, len(known) - 1) * known.std(ddof=1) / np.sqrt(len(known)))
    return mean, mean - half, mean + half


def _free(found: xr.Dataset) -> list[str]:
    """Return the solvers whose W and Hᵀ are free to differ, and that have measures."""
    names = [str(name) for name in found["solver"].to_numpy()]
    return [
        name
        for name in names
        if name not in ALWAYS_SYMMETRIC and bool(np.isfinite(found["pearson"].sel(solver=name)).any())
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
    index, matched = (_intervals(found, measure, kinds, solvers) for measure in ("pearson_index", "pearson"))
    said = (
        f"Index by index the median correlation is {_range(index)}; with the best partner, which is not known "
        f"beforehand, {_range(matched)} ({', '.join(kinds)}; {', '.join(solvers)})."
    )
    by_index, by_partner = (
        _judged([_is_unrelated(*ends[1:]) for ends in table.values()]) for table in (index, matched)
    )
    if by_index == by_partner:
        return Claim(claim, by_index, said)
    # the usual way to look, and the one that is fair to the theorem, disagree
    return Claim(claim, f"{by_index} index by index, {by_partner} after matching partners", said)


def _strong(found: xr.Dataset) -> Claim:
    claim = "On structured networks W and Hᵀ correlate strongly in all algorithms, with slopes that differ by factor."
    kinds, solvers = _kinds(found, STRUCTURED), _free(found)
    if not kinds or not solvers:
        return Claim(claim, UNDECIDED, "needs the network itself, or a planted one, and a free solver.")
    correlation, slopes, index = (
        _intervals(found, measure, kinds, solvers)
        for measure in ("pearson", "own_slope_dispersion", "pearson_index")
    )
    strong = {pair: _is_above(STRONG, *ends[1:]) for pair, ends in correlation.items()}
    differ = {pair: _is_above(DIFFERS, *ends[1:]) for pair, ends in slopes.items()}
    said = (
        f"Median correlation with partners {_range(correlation)} (index by index {_range(index)}); slopes, as each "
        f"algorithm normalises, spread by {_range(slopes)} (sd of log)."
    )
    for table, no, unsure in (
        (strong, f"Weaker than {STRONG}", f"Not clear whether above {STRONG}"),
        (differ, "Slopes that do not differ", "Not clear whether slopes differ"),
    ):
        for verdict, name in ((NOT_REPRODUCED, no), (UNDECIDED, unsure)):
            which = [f"{solver} on {kind}" for (kind, solver), its in table.items() if its == verdict]
            said += f" {name}: {', '.join(which)}." if which else ""
    of_correlation, of_slopes = _judged(list(strong.values())), _judged(list(differ.values()))
    if of_correlation == of_slopes:
        return Claim(claim, of_correlation, said)
    return Claim(claim, f"{of_correlation} for correlation, {of_slopes} for slopes", said)


def _intervals(
    found: xr.Dataset, measure: str, kinds: Sequence[str], solvers: Sequence[str]
) -> dict[tuple[str, str], tuple[float, float, float]]:
    """Return mean and ends of a measure, by kind of network and solver."""
    return {
        (kind, name): interval(found[measure].sel(network=kind, solver=name).to_numpy())
        for kind in kinds
        for name in solvers
    }


def _is_unrelated(low: float, high: float) -> str:
    if low > -UNRELATED and high < UNRELATED:
        return REPRODUCED
    return NOT_REPRODUCED if low > UNRELATED or high < -UNRELATED else UNDECIDED


def _is_above(least: float, low: float, high: float) -> str:
    return REPRODUCED if low > least else NOT_REPRODUCED if high < least else UNDECIDED


def _judged(verdicts: Sequence[str]) -> str:
    """Return the verdict on a claim of all of them: one that fails is enough against it."""
    if NOT_REPRODUCED in verdicts:
        return NOT_REPRODUCED
    return UNDECIDED if UNDECIDED in verdicts else REPRODUCED


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
    """Judge whether a solver is the best of all by a measure, restart by restart, on the network that is given.

    It is the best if it is better than each other one. It is not if any other is better, of which each is tried at
    5 % over their number.
    """
    there = [name for name in _free(found) if GIVEN in _kinds(found, (GIVEN,))]
    values = {name: found[measure].sel(network=GIVEN, solver=name).to_numpy() for name in there}
    values = {name: own for name, own in values.items() if np.isfinite(own).any()}
    others = [name for name in values if name != solver]
    if solver not in values or not others:
        return Claim(claim, UNDECIDED, f"needs {solver}, another free solver, and the network itself.")
    means = {name: float(np.nanmean(own)) for name, own in values.items()}
    gains = {name: (values[solver] - values[name]) * (1 if largest else -1) for name in others}
    next_best = (max if largest else min)(others, key=lambda name: means[name])
    mean, low, high = interval(gains[next_best])
    said = (
        f"{solver} has a mean {named} of {means[solver]:.3f}, the best of the others, {next_best}, "
        f"{means[next_best]:.3f}; the difference in favour of {solver} is {mean:.3f}"
    )
    if np.isnan(low):
        return Claim(claim, UNDECIDED, f"{said}. One restart has no interval.")
    said += f" ({low:.3f} to {high:.3f}, {len(gains[next_best])} restarts)."
    better = [name for name in others if interval(gains[name], level=0.05 / len(others))[2] < -TIE]
    if better:
        return Claim(claim, NOT_REPRODUCED, f"{said} Better than {solver}: {', '.join(better)}.")
    first = all(interval(gain)[1] > TIE for gain in gains.values())
    return Claim(claim, REPRODUCED if first else UNDECIDED, said)


def _range(table: dict[tuple[str, str], tuple[float, float, float]]) -> str:
    means = [mean for mean, _, _ in table.values() if np.isfinite(mean)]
    return f"{min(means):.2f} to {max(means):.2f}" if means else "unknown"
