"""How fast a quantity falls from level to level: γ of ρ_l = ρ_0 exp(−γ l), over restarts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dasknmf.nesting.intervals import NOTHING, Interval, mean_interval

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: What is not told from nothing in log ρ: of Soules matrices, where it is 0, what fits explain is exact to 1e-4.
RESOLUTION = 1e-4
#: Share of the largest value below which one is rounding: explained shares are sums of float32 rows.
ROUNDING = 1e-6
#: Standard deviations between restarts below which a value is not told from 0. More takes a spread that falls with ρ,
#: as where loadings are split at random (half of ρ), for noise: intervals held γ in .95 of 60 simulations of 8 and 20
#: restarts with 0.5, .93 and .88 with 1, .42 and .15 with 2; of 300 with noise that does not fall, a third of the last
#: ρ, .96 and .91, .96 and .91, .88 and .88 (5 and 20 restarts).
TOLD = 0.5
#: Share of restarts below the floor of a level from which γ is a lower bound.
RAISED = 0.1
#: Floors up to which what is gone may still be there: two standard deviations.
UP_TO = 4.0
#: Standard deviation of a normal over its median absolute deviation.
MAD_TO_SD = 1.4826


@dataclass(frozen=True, eq=False)
class Decay:
    """The fall of one quantity over levels.

    Attributes
    ----------
    slopes : ndarray, shape (R,)
        γ of each restart.
    gamma : Interval
        Their mean, which is the least-squares γ of all restarts together, each with a start of its own.
    start : float
        Geometric mean of ρ_0 of the fitted lines; nan without one.
    levels : ndarray, shape (m,)
        Levels with a finite value in every restart.
    values : ndarray, shape (R, m)
        The quantity there.
    logs : ndarray, shape (R, u)
        log ρ of the u ≤ m levels that the lines are fitted to, raised to the floor.
    floor : ndarray, shape (m,)
        Below it a value is not told from 0.
    at_least : bool
        True where so many values were below the floor that γ is a lower bound.
    slack : float
        How far γ may be wrong because log ρ is known to ``RESOLUTION``.
    """

    slopes: NDArray[np.float64]
    gamma: Interval
    start: float
    levels: NDArray[np.float64]
    values: NDArray[np.float64]
    logs: NDArray[np.float64]
    floor: NDArray[np.float64]
    at_least: bool
    slack: float

    @property
    def spread(self) -> float:
        """Standard deviation of γ between restarts; nan for one."""
        return float(np.sort(self.slopes).std(ddof=1)) if len(self.slopes) > 1 else np.nan

    @property
    def half_life(self) -> tuple[float, float, float]:
        """Half-life ln 2 / γ in levels, with the ends of its interval; inf where γ is not above 0."""
        mean, low, high = self.gamma[:3]
        return half_life(mean), half_life(high), half_life(low)

    def fitted(self) -> NDArray[np.float64]:
        """Return ρ_0 exp(−γ l) at ``levels``."""
        return np.asarray(self.start * np.exp(-self.gamma.mean * self.levels))


def half_life(gamma: float) -> float:
    """Return ln 2 / γ; inf where nothing falls.

    Examples
    --------
    >>> half_life(np.log(2)), half_life(0.0)
    (1.0, inf)
    """
    if np.isnan(gamma):
        return np.nan
    return float(np.log(2) / gamma) if gamma > 0 else np.inf


def decay_of(
    values: NDArray[np.float64],
    levels: NDArray[np.float64] | None = None,
    *,
    floor: float | None = None,
    seed: int = 0,
) -> Decay:
    """Return γ of a quantity over levels, with its interval over restarts.

    Parameters
    ----------
    values : ndarray, shape (R, n)
        ρ of every restart at every level. Levels that are nan in some restart are left out.
    levels : ndarray, shape (n,), optional
        Their numbers, by default 0 … n − 1.
    floor : float, optional
        Below it a value is not told from 0; by default measured, see Notes.
    seed : int
        Of the bootstrap.

    Returns
    -------
    Decay
        With γ nan where fewer than two levels are left.

    Notes
    -----
    The design is balanced, so least squares on log ρ of all restarts, each with a start of its own, has the mean of
    the slopes of restarts as γ, and a bootstrap of whole restarts is one of their slopes: levels of one restart,
    which come out of each other, are never taken apart.

    The logarithm of a value that is 0 but for noise is arbitrary, and would rule γ. A value is therefore not
    believed below the floor of its level: half the standard deviation between restarts there (from the median absolute
    deviation, so that a single bad restart counts as what it is), or rounding. The first level whose median over
    restarts is below its floor is the last the line is fitted to, raised to the most that may be there, two standard
    deviations: the quantity is gone there, and later levels say nothing of how fast it went. γ is then a lower bound,
    and its interval has no upper end; also where a tenth of the restarts of some level are raised to its floor.
    Values that are barely above the noise pull γ up by the curvature of the logarithm: with noise of a third of the
    last of five levels by .015, so that twenty restarts hold γ in .88 of intervals.

    Examples
    --------
    >>> found = decay_of(np.array([[0.8, 0.4, 0.2], [1.0, 0.5, 0.25]]))
    >>> round(found.gamma.mean, 3), round(found.half_life[0], 3)
    (0.693, 1.0)
    """
    values = np.atleast_2d(np.asarray(values, dtype=np.float64))
    numbers = (
        np.arange(values.shape[1], dtype=np.float64) if levels is None else np.asarray(levels, np.float64)
    )
    there = np.isfinite(values).all(axis=0) & (len(values) > 0)
    values, numbers = values[:, there], numbers[there]
    floors = _floors(values) if floor is None else np.full(len(numbers), float(floor))
    gone = np.flatnonzero(np.median(values, axis=0) <= floors) if values.size else np.empty(0, int)
    used = int(gone[0]) + 1 if len(gone) else len(numbers)
    below = values[:, :used] <= floors[:used]
    # what is gone at the first level has no logarithm to fall from
    if used < 2 or gone[:1].tolist() == [0]:
        none = np.full(len(values), np.nan)
        empty = np.empty((len(values), 0))
        return Decay(none, NOTHING, np.nan, numbers, values, empty, floors, at_least=False, slack=0.0)
    floors = floors.copy()
    if len(gone):
        # but never more than there was a level before
        floors[used - 1] = min(UP_TO * floors[used - 1], float(np.median(values[:, used - 2])))
        below[:, -1] = True
    logs = np.log(np.maximum(floors[:used], values[:, :used]))
    centred = numbers[:used] - numbers[:used].mean()
    weights = -centred / np.square(centred).sum()
    slopes = (logs * weights).sum(axis=1)
    slack = RESOLUTION * float(np.abs(weights).sum())
    gamma = mean_interval(slopes, seed=seed, slack=slack)
    at_least = bool(below.mean(axis=0).max() >= RAISED)
    if at_least and np.isfinite(gamma.high):
        gamma = gamma._replace(high=np.inf, t_high=np.inf)
    starts = logs.mean(axis=1) + slopes * numbers[:used].mean()
    start = float(np.exp(np.sort(starts).mean()))
    return Decay(slopes, gamma, start, numbers, values, logs, floors, at_least=at_least, slack=slack)


def _floors(values: NDArray[np.float64]) -> NDArray[np.float64]:
    if values.size == 0:
        return np.zeros(values.shape[1])
    # of the bulk of restarts: one in a bad minimum has lost something, and that is not noise
    distances = np.abs(values - np.median(values, axis=0))
    spread = MAD_TO_SD * np.median(distances, axis=0)
    least = max(ROUNDING * float(np.abs(values).max()), float(np.finfo(np.float64).tiny))
    return np.maximum(TOLD * spread, least)
