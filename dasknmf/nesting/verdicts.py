"""What is said of a decay: fragments exponentially, declines otherwise, does not fragment, or cannot tell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dasknmf.nesting.forms import FEWEST
from dasknmf.nesting.power import POWER

if TYPE_CHECKING:
    from dasknmf.nesting.decay import Decay
    from dasknmf.nesting.forms import Comparison
    from dasknmf.nesting.intervals import Interval

#: Levels of half-life beyond which a loss is none for practice: halving a thousand factors ten times leaves one, so
#: half of what could be kept is still there at the root of the deepest tree of modules anyone reads.
HALF_LIFE = 10.0

#: Levels that no half-life is told beyond.
LONG = 100

FRAGMENTS = "fragments exponentially"
DECLINES = "declines, not exponentially"
DOES_NOT = "does not fragment"
CANNOT_TELL = "cannot tell"


@dataclass(frozen=True)
class Verdict:
    """A verdict and the sentence that says it with its numbers."""

    word: str
    sentence: str


def verdict_of(
    who: str,
    decay: Decay,
    forms: Comparison,
    smallest: float,
    controls: dict[str, Interval],
    *,
    bound: float,
) -> Verdict:
    """Return the verdict on a decay.

    Parameters
    ----------
    who : str
        What decays, to begin the sentence.
    decay : Decay
        With its interval.
    forms : Comparison
        Of its form.
    smallest : float
        The γ that would have been seen, see :func:`dasknmf.nesting.power.detectable`.
    controls : dict of Interval
        γ above that of each control without loss.
    bound : float
        The γ below which nothing is lost for practice.

    Returns
    -------
    Verdict
        ``"does not fragment"``: all of the interval is below the bound, no value was below the floor, and a γ at the
        bound would have been seen. Else, where the interval of γ and those of its difference to every control
        without loss are above 0, the form decides: ``"fragments exponentially"``, ``"declines, not
        exponentially"``, or neither where it cannot be told. Else ``"cannot tell"``.
    """
    gamma = decay.gamma
    R, n = len(decay.slopes), len(decay.levels)
    if np.isnan(gamma.mean):
        return Verdict(CANNOT_TELL, f"{who}: cannot tell: it is there at fewer than two levels.")
    if np.isnan(gamma.low):
        return Verdict(
            CANNOT_TELL, f"{who}: cannot tell: γ = {_n(gamma.mean)} of one restart has no interval."
        )
    numbers = _numbers(decay)
    chances = f"5 %, power {POWER * 100:.0f} %"
    seen = f"with {n} levels and {R} restarts a γ of {_n(smallest)} would have been seen ({chances})"
    if gamma.high < bound and not decay.at_least and smallest <= bound:
        limit = f"at most {_n(gamma.high)}, below {_n(bound)}, a half-life of {np.log(2) / bound:g} levels"
        return Verdict(DOES_NOT, f"{who}: does not fragment: {numbers}, {limit}; {seen}.")
    unclear = [name for name, difference in controls.items() if not difference.low > 0]
    if gamma.low > 0 and not unclear:
        return _of_form(who, numbers, forms, controls, n)
    if gamma.low > 0:
        why = f"it is not above that of the control without loss, {unclear[0]}"
    elif gamma.high < bound:
        why = "some values were too small to be told from 0" if decay.at_least else "too few restarts"
    else:
        why = f"the interval holds 0 and reaches {_n(bound)}, where loss matters"
    return Verdict(CANNOT_TELL, f"{who}: cannot tell: {numbers}; {why}; {seen}.")


def _of_form(who: str, numbers: str, forms: Comparison, controls: dict[str, Interval], n: int) -> Verdict:
    above = "".join(
        f"; above control {name} by {_n(found.mean)} ({_n(found.low)} to {_n(found.high)})"
        for name, found in controls.items()
    )
    if forms.form == "exponential":
        best = f"over {n} levels an exponential describes it better than a linear decline or a single drop"
        return Verdict(FRAGMENTS, f"{who}: fragments exponentially: {numbers}; {best}{above}.")
    if forms.form == "untold":
        why = (
            f"{n} levels cannot tell the form, {FEWEST} can"
            if n < FEWEST
            else "neither exponential, linear decline nor single drop is better over restarts"
        )
        return Verdict(
            CANNOT_TELL, f"{who}: loses, but cannot tell whether exponentially: {numbers}; {why}{above}."
        )
    better = "a linear decline" if forms.form == "linear" else f"a single drop at level {forms.drop_at:g}"
    text = f"{who}: declines, not exponentially: {numbers}; {better} describes it better than an exponential{above}."
    return Verdict(DECLINES, text)


def _numbers(decay: Decay) -> str:
    gamma = decay.gamma
    half, least, most = decay.half_life
    more = "at least " if decay.at_least else ""
    high = "any" if np.isinf(gamma.high) else _n(gamma.high)
    text = f"γ = {more}{_n(gamma.mean)} a level (95 % interval {_n(gamma.low)} to {high}"
    text += f" over {len(decay.slopes)} restarts)"
    if gamma.mean <= 0:
        return f"{text}, no half-life"
    if least > LONG:
        return f"{text}, half-life over {LONG} levels"
    until = "without end" if np.isinf(most) else f"to {_levels(most)}"
    return f"{text}, half-life {_levels(half)} levels ({_levels(least)} {until})"


def _levels(value: float) -> str:
    return f"{value:.3g}" if value < LONG else f"over {LONG}"


def _n(value: float) -> str:
    if value == 0 or abs(value) >= 0.0095:
        return f"{value:.3f}" if abs(value) < 1 else f"{value:.2f}"
    return f"{value:.4f}" if abs(value) >= 0.00005 else "0.000"
