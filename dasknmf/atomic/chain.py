"""One chain: its options, its whole state, and how it goes on from there to the same bits."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from dasknmf.atomic.draws import stream
from dasknmf.errors import InputError, whole

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: ``held`` of a chain that samples both factors.
NEITHER = "neither"


@dataclass(frozen=True)
class ChainOptions:
    """What a chain samples.

    Parameters
    ----------
    n_components : int
        Patterns K.
    iterations : int
        Of equilibration, and as many of sampling.
    seed : int
        Of the random numbers; ``key`` tells the chains of one seed apart.
    alpha : float
        Expected number of atoms a bin before the data are seen; also in the expected mass of an atom.
    held : {"neither", "W", "H"}
        The factor that stays as it is given.
    """

    n_components: int
    iterations: int = 1000
    seed: int = 0
    alpha: float = 0.01
    held: str = NEITHER
    key: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        """Refuse values no chain can have."""
        for name, least in (("n_components", 1), ("iterations", 1), ("seed", 0)):
            object.__setattr__(self, name, whole(name, getattr(self, name), least=least))
        try:
            alpha = float(self.alpha)
        except (TypeError, ValueError):
            alpha = np.nan
        if not 0 < alpha < np.inf:
            msg = f"alpha={self.alpha!r}: needs a finite number above 0, such as 0.01"
            raise InputError(msg)
        object.__setattr__(self, "alpha", alpha)


@dataclass(frozen=True)
class ChainData:
    """What a chain reads at every step, in float32.

    Parameters
    ----------
    values, weight : ndarray of float32, shape (rows, columns)
        D, and 1 / S².
    rate : float
        λ of the masses, from the non-zeros of D.
    turned : pair of ndarray of float32, shape (columns, rows), optional
        Both transposed; without it they are symmetric.
    """

    values: NDArray[np.float32]
    weight: NDArray[np.float32]
    rate: float
    turned: tuple[NDArray[np.float32], NDArray[np.float32]] | None


@dataclass(frozen=True)
class ChainState:
    """All that a chain is between two iterations: atoms in their order, factors, averages, random numbers.

    Sums over rows are computed anew in every iteration and so are no part of it.
    """

    iteration: int
    stream: NDArray[np.uint64]
    W: NDArray[np.float64]
    Ht: NDArray[np.float64]
    position_W: NDArray[np.int64]
    mass_W: NDArray[np.float64]
    position_H: NDArray[np.int64]
    mass_H: NDArray[np.float64]
    mean_W: NDArray[np.float64]
    spread_W: NDArray[np.float64]
    mean_H: NDArray[np.float64]
    spread_H: NDArray[np.float64]
    chi_squared: NDArray[np.float64]
    atoms: NDArray[np.int64]


def default_uncertainty(values: NDArray[Any]) -> NDArray[np.float64]:
    """Return S = max(0.1·D, 0.1), the uncertainty of data that come without one, in float64."""
    return np.maximum(0.1 * np.asarray(values, np.float64), 0.1)


def expected_rate(values: NDArray[Any], n_components: int, alpha: float) -> float:
    """Return λ = α·√(K / mean of the non-zeros of D): 1/λ is the expected mass of an atom.

    Examples
    --------
    >>> round(expected_rate(np.array([[0.0, 4.0], [4.0, 4.0]]), 9, 0.01), 12)
    0.015
    """
    count = np.count_nonzero(values)
    return float(alpha * np.sqrt(n_components / (values.sum(dtype=np.float64) / count)))


def chain_data(
    values: NDArray[Any],
    uncertainty: NDArray[Any] | None,
    options: ChainOptions,
    *,
    symmetric: bool = False,
) -> ChainData:
    """Return the data of a chain, from D and S as given; by default S = max(0.1·D, 0.1).

    Raises
    ------
    InputError
        If D is zero everywhere, or an uncertainty is so small or so large that 1/S² is no float32.
    """
    held = np.ascontiguousarray(values, np.float32)
    if not held.any():
        msg = f"all {held.size:,} values of {held.shape[0]:,} rows are 0; needs some above 0: leave such rows out"
        raise InputError(msg)
    weight = np.empty(held.shape, np.float32)
    with np.errstate(over="ignore", under="ignore", divide="ignore"):
        for r in range(len(held)):
            S = (
                default_uncertainty(held[r])
                if uncertainty is None
                else np.asarray(uncertainty[r], np.float64)
            )
            weight[r] = 1.0 / (S * S)
    if not (np.isfinite(weight).all() and (weight > 0).all()):
        msg = "uncertainty: 1/S² leaves float32; needs values from about 1e-19 to 1e18: rescale data and uncertainty"
        raise InputError(msg)
    turned = None if symmetric else (np.ascontiguousarray(held.T), np.ascontiguousarray(weight.T))
    return ChainData(held, weight, expected_rate(held, options.n_components, options.alpha), turned)


def begin(shape: tuple[int, int], options: ChainOptions, held: NDArray[Any] | None = None) -> ChainState:
    """Return the start of a chain: no atoms, and the factor that is held, W or Hᵀ, as it is given."""
    rows, columns = shape
    k = options.n_components
    W, Ht = np.zeros((rows, k)), np.zeros((columns, k))
    if held is not None:
        (W if options.held == "W" else Ht)[:] = held
    return ChainState(
        iteration=0,
        stream=stream(options.seed, *options.key),
        W=W,
        Ht=Ht,
        position_W=np.zeros(0, np.int64),
        mass_W=np.zeros(0),
        position_H=np.zeros(0, np.int64),
        mass_H=np.zeros(0),
        mean_W=np.zeros_like(W),
        spread_W=np.zeros_like(W),
        mean_H=np.zeros_like(Ht),
        spread_H=np.zeros_like(Ht),
        chi_squared=np.full(2 * options.iterations, np.nan),
        atoms=np.zeros((2 * options.iterations, 2), np.int64),
    )


def advance(data: ChainData, state: ChainState, options: ChainOptions, iterations: int) -> ChainState:
    """Return the state after at most so many more iterations; the one given stays as it is.

    Parameters
    ----------
    data : ChainData
        D and 1/S².
    state : ChainState
        Where the chain is.
    options : ChainOptions
        Those it began with.
    iterations : int
        How many more; bits do not depend on where a run is cut.
    """
    from dasknmf.atomic.domain import make_domain, with_room
    from dasknmf.atomic.iterations import Averages, iterate
    from dasknmf.atomic.side import make_side
    from dasknmf.atomic.steps import Prior

    k = options.n_components
    turned = data.turned or (data.values, data.weight)
    W, Ht = state.W.copy(), state.Ht.copy()
    domains = (
        make_domain(len(W) * k, state.position_W, state.mass_W),
        make_domain(len(Ht) * k, state.position_H, state.mass_H),
    )
    sides = (make_side(W, data.weight), make_side(Ht, turned[1]))
    averages = Averages(*(getattr(state, name).copy() for name in Averages._fields))
    history = (state.chi_squared.copy(), state.atoms.copy())
    numbers = state.stream.copy()
    updated = (options.held != "W", options.held != "H")
    prior = Prior(data.rate, 100.0 / data.rate, options.alpha)
    done = state.iteration
    until = min(done + iterations, 2 * options.iterations)
    while True:
        done = iterate(
            domains,
            sides,
            (data.values, turned[0]),
            updated,
            prior,
            averages,
            history,
            numbers,
            done,
            until,
        )
        if done == until:
            break
        domains = (with_room(domains[0]), with_room(domains[1]))
    n_W, n_H = (int(domain.ends[0]) for domain in domains)
    return replace(
        state,
        iteration=done,
        stream=numbers,
        W=W,
        Ht=Ht,
        position_W=domains[0].position[:n_W].copy(),
        mass_W=domains[0].mass[:n_W].copy(),
        position_H=domains[1].position[:n_H].copy(),
        mass_H=domains[1].mass[:n_H].copy(),
        chi_squared=history[0],
        atoms=history[1],
        **averages._asdict(),
    )


def posterior(state: ChainState, options: ChainOptions) -> dict[str, NDArray[np.float64]]:
    """Return ``W``, ``W_sd`` (rows × K) and ``H``, ``H_sd`` (K × columns) of a chain that has ended."""
    from dasknmf.atomic.iterations import deviation

    return {
        "W": state.mean_W,
        "W_sd": deviation(state.spread_W, options.iterations),
        "H": np.ascontiguousarray(state.mean_H.T),
        "H_sd": np.ascontiguousarray(deviation(state.spread_H, options.iterations).T),
    }


def chi_squared_of(values: NDArray[Any], uncertainty: NDArray[Any] | None, W: Any, H: Any) -> float:
    """Return χ² = Σ (D − WH)² / S² in float64."""
    total = 0.0
    for first in range(0, len(values), 256):
        rows = slice(first, first + 256)
        D = np.asarray(values[rows], np.float64)
        S = default_uncertainty(D) if uncertainty is None else np.asarray(uncertainty[rows], np.float64)
        total += float((((D - W[rows] @ H) / S) ** 2).sum())
    return total
