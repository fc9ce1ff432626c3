"""Iterations of the chain, compiled: steps on W, steps on H, and what is averaged over the samples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from dasknmf.atomic.draws import poisson
from dasknmf.atomic.side import prepare
from dasknmf.atomic.steps import take_steps
from dasknmf.compiling import compiled, compiled_sums

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dasknmf.atomic.domain import Domain
    from dasknmf.atomic.side import Side
    from dasknmf.atomic.steps import Prior

#: Fewest steps an iteration has in the mean, before there are as many atoms.
FEWEST_STEPS = 10


class Averages(NamedTuple):
    """Mean and sum of squared deviations of both factors over the samples so far (Welford 1962)."""

    mean_W: NDArray[np.float64]
    spread_W: NDArray[np.float64]
    mean_H: NDArray[np.float64]
    spread_H: NDArray[np.float64]


@compiled
def iterate(
    domains: tuple[Domain, Domain],
    sides: tuple[Side, Side],
    data: tuple[NDArray[np.float32], NDArray[np.float32]],
    updated: tuple[bool, bool],
    prior: Prior,
    averages: Averages,
    history: tuple[NDArray[np.float64], NDArray[np.int64]],
    stream: NDArray[np.uint64],
    done: int,
    until: int,
) -> int:
    """Iterate from ``done`` iterations to ``until``, or for as long as there is room for more atoms.

    Parameters
    ----------
    domains, sides : pair
        Of W (rows × K) and of Hᵀ (columns × K).
    data : pair of ndarray of float32
        D and Dᵀ.
    updated : pair of bool
        False for a factor that is held fixed.
    prior : Prior
        Of the masses of both.
    averages : Averages
        Over the second half of the iterations.
    history : pair of ndarray, shapes (iterations,) and (iterations, 2)
        χ² and atoms after each iteration; half of its length are the iterations of each phase.
    stream : ndarray of uint64, shape (4,)
        Random numbers.
    done, until : int
        Iterations before and after.

    Returns
    -------
    int
        Iterations done.
    """
    half = len(history[0]) // 2
    drawn = np.empty_like(stream)
    while done < until:
        drawn[:] = stream
        steps_W = poisson(stream, max(float(domains[0].ends[0]), FEWEST_STEPS))
        steps_H = poisson(stream, max(float(domains[1].ends[0]), FEWEST_STEPS))
        if _short(domains[0], steps_W) or _short(domains[1], steps_H):
            stream[:] = drawn
            return done
        temperature = temperature_of(done, half)
        # before either side's steps: what the other one is now, and a residual free of rounding
        if updated[0]:
            prepare(sides[0], data[0], sides[1].matrix)
            take_steps(domains[0], sides[0], prior, temperature, steps_W, stream)
        if updated[1]:
            prepare(sides[1], data[1], sides[0].matrix)
            take_steps(domains[1], sides[1], prior, temperature, steps_H, stream)
        last = sides[1] if updated[1] else sides[0]
        history[0][done] = chi_squared(last)
        history[1][done, 0], history[1][done, 1] = domains[0].ends[0], domains[1].ends[0]
        done += 1
        if done > half:
            record(averages, sides[0].matrix, sides[1].matrix, done - half)
    return done


@compiled
def _short(domain: Domain, steps: int) -> Any:
    return domain.ends[0] + steps > len(domain.position)


@compiled
def temperature_of(done: int, iterations: int) -> float:
    """Return the temperature of the iteration after ``done``: it rises to 1 over the first half of equilibration."""
    return min(1.0, 2.0 * done / iterations)


@compiled_sums
def chi_squared(side: Side) -> float:
    """Return χ² = Σ (D − F Oᵀ)² / S² from what a side keeps of it."""
    total = 0.0
    for r in range(side.pull.shape[0]):
        pull, weight = side.pull[r], side.weight[r]
        row = np.float32(0)
        for j in range(len(pull)):
            row += pull[j] * (pull[j] / weight[j])
        total += np.float64(row)
    return total


@compiled
def record(averages: Averages, W: NDArray[np.float64], Ht: NDArray[np.float64], samples: int) -> None:
    """Take a sample, with the largest entry of each pattern made 1, into the averages."""
    norm = np.zeros(W.shape[1])
    for j in range(Ht.shape[0]):
        for c in range(Ht.shape[1]):
            norm[c] = max(norm[c], Ht[j, c])
    for c in range(len(norm)):
        if norm[c] == 0:
            norm[c] = 1.0
    for r in range(W.shape[0]):
        for c in range(W.shape[1]):
            _welford(averages.mean_W, averages.spread_W, r, c, W[r, c] * norm[c], samples)
    for j in range(Ht.shape[0]):
        for c in range(Ht.shape[1]):
            _welford(averages.mean_H, averages.spread_H, j, c, Ht[j, c] / norm[c], samples)


@compiled
def _welford(
    mean: NDArray[np.float64], spread: NDArray[np.float64], r: int, c: int, value: float, samples: int
) -> None:
    change = value - mean[r, c]
    mean[r, c] += change / samples
    spread[r, c] += change * (value - mean[r, c])


def deviation(spread: NDArray[np.float64], samples: int) -> NDArray[np.float64]:
    """Return standard deviations from sums of squared deviations; 0 of a single sample."""
    return np.sqrt(spread / (samples - 1)) if samples > 1 else np.zeros_like(spread)
