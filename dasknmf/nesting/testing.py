"""The public function: runs of nested associations in, whether information fragments out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dasknmf.errors import InputError, not_negative, whole
from dasknmf.nesting.attribution import effects
from dasknmf.nesting.choice import choose
from dasknmf.nesting.curves import LOSSLESS, read_runs
from dasknmf.nesting.decay import Decay, decay_of
from dasknmf.nesting.decay_dataset import decay_dataset
from dasknmf.nesting.forms import Comparison, compare_forms
from dasknmf.nesting.intervals import Interval, difference_interval
from dasknmf.nesting.power import detectable
from dasknmf.nesting.verdicts import HALF_LIFE, Verdict, verdict_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import xarray as xr

    from dasknmf.nesting.curves import Run


@dataclass(frozen=True, eq=False)
class Tested:
    """What was found of one curve of one run."""

    decay: Decay
    forms: Comparison
    smallest: float
    controls: dict[str, Interval]
    verdict: Verdict


def fragmentation(
    nested_runs: xr.Dataset | Sequence[xr.Dataset] | Mapping[str, xr.Dataset],
    *,
    half_life: float = HALF_LIFE,
    floor: float | None = None,
    seed: int = 0,
) -> xr.Dataset:
    """Test whether information fragments, perhaps exponentially, with each level of nested associations.

    γ of ρ_l = ρ_0 exp(−γ l) is estimated for retention, agreement of branches and reproducibility, with its 95 %
    interval over restarts, compared with controls, and attributed to choices.

    Parameters
    ----------
    nested_runs : Dataset, sequence or mapping of Dataset
        What :func:`dasknmf.nested` returned: of a network, and of controls, which say so by an attribute ``kind``
        (``run.assign_attrs(kind="soules")``): ``"soules"``, in which nothing is lost by construction,
        ``"planted-nested"``, or ``"null:…"`` such as ``"null:shuffle"``. Runs of a network that differ in one choice
        are used to attribute the loss. Names of a mapping are those of its runs.
    half_life : float
        In levels: with a longer one nothing is lost for practice.
    floor : float, optional
        Value below which a quantity is not told from 0; by default measured, see
        :func:`dasknmf.nesting.decay.decay_of`.
    seed : int
        Of the bootstrap.

    Returns
    -------
    Dataset
        See :data:`dasknmf.nesting.decay_variables.VARIABLES`. Attributes ``verdict`` and ``sentence`` are of the
        first network, ``choice`` and ``choice_sentence`` say which loadings and similarity to take.

    Raises
    ------
    InputError
        If a run is no result of :func:`dasknmf.nested`, or an option cannot be used.

    Notes
    -----
    Levels of one restart come out of each other, so restarts are the sampling unit: γ is the mean of their slopes.
    Its interval is that of Hesterberg's expanded percentile bootstrap from ten restarts on and of Student's t below.
    It says what other restarts on this network and these ranks would give; nothing of other networks.

    A verdict is ``"does not fragment"``, where the interval ends below ln 2 / ``half_life``; ``"fragments
    exponentially"``, where it and that of the difference to each Soules control begin above 0 and an exponential
    describes the curve better than a linear decline and a single drop; ``"declines, not exponentially"``, where one of
    those does; otherwise ``"cannot tell"``. Null models do not decide: a network that loses as much as its shuffled
    self fragments nevertheless, only for reasons that are not its own, which is what the difference tells.

    References
    ----------
    Efron & Tibshirani, An Introduction to the Bootstrap, 1993; Hesterberg, The American Statistician 69:371, 2015.

    Examples
    --------
    >>> import xarray as xr
    >>> rng = np.random.default_rng(0)
    >>> retention = 0.5 ** np.arange(5) * (1 + 0.02 * rng.standard_normal((6, 5)))
    >>> run = xr.Dataset(
    ...     {"retention": (("branch", "restart", "tier"), retention[None]), "n_factors": ("tier", [16, 8, 4, 2, 1])},
    ...     coords={"branch": ["partner"]}, attrs={"network": "planted"},
    ... )
    >>> found = fragmentation(run)
    >>> found.attrs["verdict"], found["half_life"].values.round(2).tolist()
    ('fragments exponentially', [[1.0]])
    """
    seed = whole("seed", seed, least=0)
    if floor is not None:
        floor = not_negative("floor", floor)
    if not_negative("half_life", half_life) == 0:
        msg = "half_life=0: needs a number of levels above 0, such as 10"
        raise InputError(msg)
    runs = read_runs(nested_runs)
    decays = {
        (run.name, curve): decay_of(values, run.levels, floor=floor, seed=seed)
        for run in runs
        for curve, values in run.curves.items()
    }
    bound = float(np.log(2) / half_life)
    tested = {
        (run.name, curve): _tested(run, curve, runs, decays, bound=bound, seed=seed)
        for run in runs
        for curve in run.curves
    }
    asked = next((run for run in runs if run.is_network), runs[0])
    answer = tested[asked.name, asked.main].verdict
    chosen = choose(runs, decays, seed=seed)
    attributes: dict[str, Any] = {
        "verdict": answer.word,
        "sentence": answer.sentence + _beside(asked, runs, decays, seed),
        "choice": "" if chosen.option is None else str(chosen.option),
        "choice_sentence": chosen.sentence,
        "half_life_bound": float(half_life),
        "gamma_bound": bound,
        "floor": "measured" if floor is None else floor,
        "seed": seed,
    }
    return decay_dataset(
        runs,
        tested,
        compared(runs, decays, seed=seed),
        effects(runs, decays, seed=seed),
        chosen.standings,
        attributes,
    )


def _tested(
    run: Run,
    curve: tuple[str, str],
    runs: list[Run],
    decays: dict[tuple[str, tuple[str, str]], Decay],
    *,
    bound: float,
    seed: int,
) -> Tested:
    decay = decays[run.name, curve]
    smallest = detectable(decay.spread, run.restarts, slack=decay.slack)
    forms = compare_forms(decay.values, decay.levels, seed=seed)
    controls = {}
    if run.kind != LOSSLESS:
        controls = {
            other.name: _difference(run, other, curve, decays, seed)
            for other in controls_of(run, runs, curve)
            if other.kind == LOSSLESS and np.isfinite(decays[other.name, curve].gamma.mean)
        }
    who = f"{' '.join(curve)} of {run.name}"
    return Tested(
        decay, forms, smallest, controls, verdict_of(who, decay, forms, smallest, controls, bound=bound)
    )


def controls_of(run: Run, runs: list[Run], curve: tuple[str, str]) -> list[Run]:
    """Return the controls that were made by the same method and similarity and have the same quantity."""
    same = (run.method, run.similarity)
    return [
        other
        for other in runs
        if not other.is_network
        and other is not run
        and (other.method, other.similarity) == same
        and curve in other.curves
    ]


def compared(
    runs: list[Run], decays: dict[tuple[str, tuple[str, str]], Decay], *, seed: int = 0
) -> list[tuple[Run, Run, tuple[str, str], Interval]]:
    """Return γ of every network's curves above those of each of its controls."""
    return [
        (run, other, curve, _difference(run, other, curve, decays, seed))
        for run in runs
        if run.is_network
        for curve in run.curves
        for other in controls_of(run, runs, curve)
    ]


def _difference(
    run: Run, other: Run, curve: tuple[str, str], decays: dict[tuple[str, tuple[str, str]], Decay], seed: int
) -> Interval:
    one, two = decays[run.name, curve], decays[other.name, curve]
    return difference_interval(one.slopes, two.slopes, paired=False, seed=seed, slack=one.slack + two.slack)


def _beside(run: Run, runs: list[Run], decays: dict[tuple[str, tuple[str, str]], Decay], seed: int) -> str:
    """Return what controls say beside the verdict."""
    controls = controls_of(run, runs, run.main)
    controlled = run.kind == LOSSLESS or any(other.kind == LOSSLESS for other in controls)
    said = "" if controlled else " No control without loss was given."
    for other in controls:
        if other.kind == LOSSLESS:
            continue
        found = _difference(run, other, run.main, decays, seed)
        if np.isnan(found.low):
            continue
        how = (
            "faster than"
            if found.low > 0
            else "slower than"
            if found.high < 0
            else "no faster or slower than"
        )
        by = f"{found.mean:.3f} ({found.low:.3f} to {found.high:.3f})"
        said += f" It loses {how} {other.name} ({other.kind}): γ differs by {by}."
    return said
