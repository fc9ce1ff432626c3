"""Whether a quantity falls exponentially, linearly, or at one level only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dasknmf.nesting.intervals import NOTHING, Interval, mean_interval

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Forms, and how many numbers each is fitted with; a drop has two heights and its place.
FORMS = {"exponential": 2, "linear": 2, "drop": 3}
#: Levels below which a form cannot be told: three points leave a drop nothing to be wrong at.
FEWEST = 4
#: Rates that an exponential is tried with, then once more between the neighbours of the best.
RATES = np.linspace(-1.0, 6.0, 701)
FINER = np.linspace(-0.01, 0.01, 201)
#: Share of the mean square of a curve below which a misfit is rounding.
ROUNDING = 1e-12


@dataclass(frozen=True)
class Comparison:
    """How well each form describes the fall of a quantity.

    Attributes
    ----------
    misfit : dict of float
        Of each form: root of the mean over restarts of its generalised cross-validation; in the quantity's units.
    advantage : dict of Interval
        Of each other form: by how much its cross-validation is above that of the exponential.
    drop_at : float
        Level with the most frequent drop; nan where it cannot be told.
    form : str
        The form that is better than the others in all of the interval over restarts; ``"untold"`` for none.
    """

    misfit: dict[str, float]
    advantage: dict[str, Interval]
    drop_at: float
    form: str


def compare_forms(values: NDArray[np.float64], levels: NDArray[np.float64], *, seed: int = 0) -> Comparison:
    """Compare an exponential, a linear decline and a single drop.

    Parameters
    ----------
    values : ndarray, shape (R, n)
        ρ of every restart at every level, as measured: nothing is raised to a floor.
    levels : ndarray, shape (n,)
        Numbers of the levels, increasing.
    seed : int
        Of the bootstrap.

    Returns
    -------
    Comparison
        With form ``"untold"`` for fewer than four levels or two restarts.

    Notes
    -----
    All forms are fitted to ρ itself by least squares, so that they differ in nothing but their form, restart by
    restart. n·SSE/(n − p)² of p fitted numbers is leave-one-level-out error with leverages averaged (Golub, Heath &
    Wahba, Technometrics 21:215, 1979). That of each level as it is would be unfair to a drop, of which no
    level beside it can be foretold, and AICc needs six levels for three numbers. Differences are paired over restarts.

    Examples
    --------
    >>> levels = np.arange(5.0)
    >>> compare_forms(np.exp(-0.5 * levels) * np.ones((3, 1)), levels).form
    'exponential'
    >>> compare_forms(np.array([[0.9, 0.9, 0.3, 0.3, 0.3]] * 3), levels).form
    'drop'
    """
    R, n = values.shape
    if n < FEWEST or R < 1:
        return Comparison(
            dict.fromkeys(FORMS, np.nan), dict.fromkeys(list(FORMS)[1:], NOTHING), np.nan, "untold"
        )
    squares = {"exponential": _exponential(values, levels), "linear": _linear(values, levels)}
    squares["drop"], places = _drop(values)
    least = ROUNDING * np.square(values).sum(axis=1)
    errors = {
        form: n * np.where(squares[form] > least, squares[form], 0.0) / (n - p) ** 2
        for form, p in FORMS.items()
    }
    misfit = {form: float(np.sqrt(np.sort(error).mean())) for form, error in errors.items()}
    advantage = {
        form: mean_interval(errors[form] - errors["exponential"], seed=seed) for form in list(FORMS)[1:]
    }
    at = float(levels[np.bincount(places).argmax()])
    return Comparison(misfit, advantage, at, _told(errors, seed))


def _told(errors: dict[str, NDArray[np.float64]], seed: int) -> str:
    best = min(errors, key=lambda form: float(np.sort(errors[form]).mean()))
    others = [mean_interval(errors[other] - errors[best], seed=seed) for other in errors if other != best]
    return best if all(found.low > 0 for found in others) else "untold"


def _exponential(values: NDArray[np.float64], levels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the least ‖ρ − a exp(−γl)‖² of each restart, over rates γ."""
    coarse = _explained(values, levels, np.broadcast_to(RATES, (len(values), len(RATES))))
    best = RATES[coarse.argmax(axis=1)]
    fine = _explained(values, levels, best[:, None] + FINER)
    return np.asarray(np.square(values).sum(axis=1) - fine.max(axis=1))


def _explained(
    values: NDArray[np.float64], levels: NDArray[np.float64], rates: NDArray[np.float64]
) -> NDArray[np.float64]:
    shapes = np.exp(-rates[:, :, None] * (levels - levels[0]))
    along = np.maximum((shapes * values[:, None, :]).sum(axis=2), 0.0)
    return np.asarray(along**2 / np.square(shapes).sum(axis=2))


def _linear(values: NDArray[np.float64], levels: NDArray[np.float64]) -> NDArray[np.float64]:
    centred = levels - levels.mean()
    rest = values - values.mean(axis=1, keepdims=True)
    slopes = (rest * centred).sum(axis=1) / np.square(centred).sum()
    return np.asarray(np.square(rest - slopes[:, None] * centred).sum(axis=1))


def _drop(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Return the least squares of two heights, and the place of the first level after the drop."""
    tried = []
    for place in range(1, values.shape[1]):
        parts = (values[:, :place], values[:, place:])
        tried.append(sum(np.square(part - part.mean(axis=1, keepdims=True)).sum(axis=1) for part in parts))
    squares = np.array(tried)
    return squares.min(axis=0), squares.argmin(axis=0) + 1
