"""Which of the two gene sets of a factor went to W, and whether a coin decides it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import binomtest

from dasknmf.errors import whole
from dasknmf.laboratory.multiplicity import q_values

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dasknmf.laboratory.crossing import Crossed

#: |a| up to which its sign is rounding. Against float64, float32 cosines of 150 to 100,000 genes, dense and 5 % dense,
#: moved a by at most 1.4e-7, that of w ∝ h from 0 to at most 2e-8; ten times that, and what cosines promise (1e-6).
UNDECIDED = 2e-6
#: All ways to transpose restarts up to this number of them, 2¹⁵ that differ; beyond, random ones.
EXACT_RESTARTS = 16
FLIPS = 9999


@dataclass(frozen=True)
class Orientation:
    """Which way round k factors are modelled by R restarts.

    Attributes
    ----------
    signed : ndarray, shape (k, R)
        From -1, a restart has the transposed factor alone, over 0, both alike, to 1, it has the factor as it is; nan
        where it has nothing between the two gene sets.
    same, trials : ndarray of int, shape (k,)
        Restarts with the same gene set in W, of those that are decided.
    orientation, low, high : ndarray, shape (k,)
        Their share and its exact 95 % interval; nan without trials.
    p, q : ndarray, shape (k,)
        Two-sided exact test of a fair coin; the same, Benjamini–Hochberg over factors.
    alignment : float
        ‖mean of a over restarts‖ / mean of ‖a‖, a the columns of ``signed``: 1 where all are the same way round.
    pooled_p : float
        Chance of such an alignment if each restart as a whole might as well have been transposed.
    """

    signed: NDArray[np.float64]
    same: NDArray[np.intp]
    trials: NDArray[np.intp]
    orientation: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    p: NDArray[np.float64]
    q: NDArray[np.float64]
    alignment: float
    pooled_p: float


def orientation_of(sides: Crossed, *, flips: int = FLIPS, seed: int = 0) -> Orientation:
    """Test whether the gene set of a factor that went to W does so in other restarts, more or less often than half.

    With P = w/‖w‖ and Q = h/‖h‖ of a factor, and M' = W'H' of a restart, a = (PᵀM'Q − QᵀM'P)/(PᵀM'Q + QᵀM'P):
    what M' has from P to Q against what it has from Q to P. No factors are matched and no scale matters. A module,
    P = Q, has a = 0, as has a pair that is modelled both ways round, w_i ∝ h_j and w_j ∝ h_i; half a pair, of which
    the other way round is missing, has ±1. Its size is how one-sided, its sign which way round.

    Parameters
    ----------
    sides : Crossed
        Of the fit whose factors are tested and R others, of that or another rank.
    flips : int
        Random choices of restarts to transpose where all are too many.
    seed : int
        Of these.

    Returns
    -------
    Orientation
        A sign within rounding is not counted: a factor of which all are has no trials, and nan.

    Raises
    ------
    InputError
        If ``flips`` is less than 1.

    Notes
    -----
    The null hypothesis: a restart and its transpose are equally likely, as they are when A = Aᵀ, the starts of W and
    Hᵀ are drawn alike, and the algorithm treats both sides alike; one that updates W first every time need not.
    Given the reference, signs are then fair coins, one for each restart: an exact binomial test and interval (Clopper &
    Pearson, Biometrika 26:404, 1934). R coins that all agree have p = 2^(1−R), so fewer than 6 restarts can never be
    significant at 5 %. Factors of one restart are transposed together, so their coins may not be pooled: the
    pooled test transposes whole restarts, all 2^(R−1) ways that differ or random ones, and needs R ≥ 6 as well.

    Examples
    --------
    Half a pair, six times as in the reference and once transposed.

    >>> from dasknmf.laboratory.crossing import crossed
    >>> W, Ht = np.eye(4)[:, :1], np.eye(4)[:, 1:2]
    >>> found = orientation_of(crossed((W, Ht), [(W, Ht)] * 6 + [(Ht, W)]))
    >>> found.signed.tolist(), found.orientation.round(3).tolist(), found.p.tolist()
    ([[1.0, 1.0, 1.0, 1.0, 1.0, 1.0, -1.0]], [0.857], [0.125])
    """
    whole("flips", flips, least=1)
    there = np.einsum("rjl,rjl,rl->jr", sides.ww, sides.hh, sides.scale)
    back = np.einsum("rjl,rjl,rl->jr", sides.hw, sides.wh, sides.scale)
    signed = np.full(there.shape, np.nan)
    np.divide(there - back, there + back, out=signed, where=there + back > 0)
    decided = np.where(np.abs(signed) > UNDECIDED, signed, 0.0)
    same, trials = (decided > 0).sum(axis=1), (decided != 0).sum(axis=1)
    share, low, high, p = (np.full(len(signed), np.nan) for _ in range(4))
    for j in np.flatnonzero(trials):
        test = binomtest(int(same[j]), int(trials[j]))
        interval = test.proportion_ci(0.95, method="exact")
        share[j], p[j] = same[j] / trials[j], test.pvalue
        low[j], high[j] = interval.low, interval.high
    alignment, pooled = _pooled(decided, flips, seed)
    return Orientation(signed, same, trials, share, low, high, p, q_values(p), alignment, pooled)


def _pooled(signed: NDArray[np.float64], flips: int, seed: int) -> tuple[float, float]:
    """Return how alike restarts are the way round, and its p among transposed restarts."""
    R = signed.shape[1]
    gram = signed.T @ signed
    lengths = float(np.sqrt(np.diag(gram)).sum())
    if not lengths:
        return np.nan, np.nan
    if exact := R <= EXACT_RESTARTS:
        # to transpose all restarts changes no length, so that the first may stay
        flipped = np.array([(1, *others) for others in product((1, -1), repeat=R - 1)], dtype=float)
    else:
        flipped = np.random.default_rng(seed).choice([1.0, -1.0], size=(flips, R))
    squares = ((flipped @ gram) * flipped).sum(axis=1)
    least = gram.sum() - UNDECIDED * lengths**2
    count = int((squares >= least).sum())
    p = count / len(flipped) if exact else (1 + count) / (1 + len(flipped))
    return float(np.sqrt(max(gram.sum(), 0.0)) / lengths), p
