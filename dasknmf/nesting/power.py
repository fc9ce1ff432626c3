"""The smallest γ that would have been seen with the levels and restarts there are."""

from __future__ import annotations

import numpy as np
from scipy import stats
from scipy.optimize import brentq

from dasknmf.nesting.intervals import TAIL

#: How often a γ that is there should be seen.
POWER = 0.8


def power_of(gamma: float, spread: float, R: int) -> float:
    """Return the chance that the 95 % interval of γ is above 0.

    Parameters
    ----------
    gamma : float
        The γ that is there.
    spread : float
        Standard deviation of γ between restarts.
    R : int
        Restarts, at least 2.

    Notes
    -----
    √R γ̂ / s has a non-central t distribution with R − 1 degrees of freedom if γ is normal over restarts.

    Examples
    --------
    >>> round(power_of(0.0, 0.1, 5), 3)
    0.025
    """
    quantile = float(stats.t.ppf(1 - TAIL, R - 1))
    return float(stats.nct.sf(quantile, R - 1, gamma * np.sqrt(R) / spread))


def detectable(spread: float, R: int, *, power: float = POWER, slack: float = 0.0) -> float:
    """Return the smallest γ whose interval would have been above 0 with a given chance.

    Parameters
    ----------
    spread : float
        Standard deviation of γ between restarts, as measured.
    R : int
        Restarts.
    power : float
        The chance.
    slack : float
        What γ may be wrong by besides.

    Returns
    -------
    float
        nan for fewer than two restarts.

    Examples
    --------
    >>> round(detectable(0.1, 5), 3), round(detectable(0.1, 20), 3)
    (0.168, 0.066)
    """
    if R < 2 or np.isnan(spread):
        return np.nan
    high = 1.0
    while power_of(high, 1.0, R) < power:
        high *= 2
    return float(brentq(lambda gamma: power_of(gamma, 1.0, R) - power, 0.0, high)) * spread + slack
