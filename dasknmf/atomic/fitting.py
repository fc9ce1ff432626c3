"""One fit: a chain on all genes, or chains on sets of them, from data to a Dataset, on any executor."""

from __future__ import annotations

import hashlib
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dasknmf.atomic.chain import (
    NEITHER,
    ChainOptions,
    chi_squared_of,
    expected_rate,
    posterior,
)
from dasknmf.atomic.dataset import cogaps_dataset
from dasknmf.atomic.keeping import Keeping
from dasknmf.atomic.projection import require_memory
from dasknmf.atomic.running import run_chain, run_sets, summed_history
from dasknmf.atomic.sets import gene_sets
from dasknmf.atomic.shared import shared_patterns
from dasknmf.errors import InputError, one_of, whole

if TYPE_CHECKING:
    from collections.abc import Mapping

    import xarray as xr
    from numpy.typing import NDArray

    from dasknmf.atomic.given import GivenData
    from dasknmf.engine.executor import Executor


@dataclass(frozen=True)
class FitOptions:
    """What is sampled; see :func:`dasknmf.cogaps`."""

    n_patterns: int
    iterations: int = 1000
    seed: int = 0
    alpha: float = 0.01
    cut: int | None = None

    def __post_init__(self) -> None:
        """Refuse values no fit can have."""
        object.__setattr__(self, "n_patterns", whole("n_patterns", self.n_patterns, least=1))
        if self.cut is not None:
            object.__setattr__(self, "cut", whole("cut", self.cut, least=1))
        chain = self.chain(self.n_patterns)
        for name in ("iterations", "seed", "alpha"):
            object.__setattr__(self, name, getattr(chain, name))

    def chain(self, k: int, held: str = NEITHER) -> ChainOptions:
        """Return the options of its chains."""
        return ChainOptions(k, self.iterations, self.seed, self.alpha, held)

    def identity(self, given: GivenData, fixed: Mapping[str, Any] | None, sets: Any) -> dict[str, Any]:
        """Return what a run resumes only where it is equal: options, what is held fixed, and sets, in plain values."""
        held, values = fixed_factor(fixed, given.shape, self.n_patterns)
        parts = (
            [] if sets is None else [part.tobytes() for part in gene_sets(sets, given.genes, seed=self.seed)]
        )
        digest = hashlib.sha256(b"|".join([b"" if values is None else values.tobytes(), *parts])).hexdigest()
        return {**asdict(self), "held": held, "sets": len(parts), "given": digest}


def fixed_factor(
    fixed: Mapping[str, Any] | None, shape: tuple[int, int], k: int
) -> tuple[str, NDArray[np.float64] | None]:
    """Return which factor is held fixed, and W or Hᵀ as it is held.

    Raises
    ------
    InputError
        If it has another shape, or values that are negative or not finite.
    """
    if fixed is None:
        return NEITHER, None
    try:
        [(name, given)] = fixed.items()
    except (AttributeError, ValueError) as error:
        msg = "fixed: needs one factor by its name, such as fixed={'H': patterns}"
        raise InputError(msg) from error
    one_of("fixed", name, ("W", "H"))
    needed = (shape[0], k) if name == "W" else (k, shape[1])
    try:
        values = np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError) as error:
        msg = f"fixed {name}: {type(given).__name__} is no table of numbers; needs shape {needed}"
        raise InputError(msg) from error
    if values.shape != needed:
        what = "genes × n_patterns" if name == "W" else "n_patterns × samples"
        msg = f"fixed {name} has shape {values.shape}; needs {needed}, {what}: give n_patterns to fit, or turn it"
        raise InputError(msg)
    bad = np.argwhere(~(np.isfinite(values) & (values >= 0)))
    if len(bad):
        first = tuple(bad[0].tolist())
        msg = (
            f"fixed {name} has {len(bad):,} values that are negative or not finite, the first {values[first]:g} at "
            f"{first}; needs 0 or more: clip them, np.maximum({name}, 0)"
        )
        raise InputError(msg)
    return name, np.ascontiguousarray(values if name == "W" else values.T)


def fit_data(
    given: GivenData,
    options: FitOptions,
    executor: Executor,
    *,
    fixed: Mapping[str, Any] | None = None,
    sets: Any = None,
    keeping: Keeping | None = None,
    memory_limit: int | None = None,
) -> xr.Dataset:
    """Fit data on an executor; see :func:`dasknmf.cogaps` for what is in the Dataset.

    Parameters
    ----------
    given : GivenData
        From :func:`dasknmf.atomic.given.as_given`.
    options : FitOptions
        What is sampled.
    executor : Executor
        Where chains run.
    fixed, sets
        As in :func:`dasknmf.cogaps`.
    keeping : Keeping, optional
        Progress and checkpoints.
    memory_limit : int, optional
        Bytes of a process.

    Raises
    ------
    InputError
        If options do not fit the data.
    MemoryLimitError
        If the projected memory is above the limit.
    """
    began = time.perf_counter()
    held, values = fixed_factor(fixed, given.shape, options.n_patterns)
    keeping = keeping or Keeping()
    if sets is None:
        require_memory(given, options.n_patterns, executor, memory_limit)
        chain = options.chain(options.n_patterns, held)
        state, seconds = run_chain(given.strip(), given.shape, chain, executor, held=values, keeping=keeping)
        found: dict[str, NDArray[Any]] = {
            **posterior(state, chain),
            "chi_squared": state.chi_squared,
            "atoms": state.atoms.T,
        }
    else:
        if held == "W":
            msg = "fixed={'W': …} with sets: the sets share H; hold H, or leave sets out"
            raise InputError(msg)
        parts = gene_sets(sets, given.genes, seed=options.seed)
        require_memory(given, options.n_patterns, executor, memory_limit, rows=max(map(len, parts)))
        found = sample_sets(given, parts, options, executor, Ht=values, keeping=keeping)
        seconds = time.perf_counter() - began
    facts = {
        **{name: value for name, value in asdict(options).items() if value is not None},
        "n_components": found["H"].shape[0],
        "held": held,
        "sets": 0 if sets is None else len(parts),
        "uncertainty": "max(0.1 D, 0.1)" if given.uncertainty is None else "given",
        "n_iter": 2 * options.iterations,
        "stop_reason": "all iterations done",
        **goodness(given, found, options.alpha),
        "seconds": seconds,
    }
    by_scale = np.argsort(
        -np.linalg.norm(found["W"], axis=0) * np.linalg.norm(found["H"], axis=1), kind="stable"
    )
    order = by_scale if held == NEITHER else np.arange(len(by_scale))
    return cogaps_dataset(given, found, order=order, facts=facts)


def sample_sets(
    given: GivenData,
    parts: list[NDArray[np.intp]],
    options: FitOptions,
    executor: Executor,
    *,
    Ht: NDArray[np.float64] | None,
    keeping: Keeping,
) -> dict[str, NDArray[Any]]:
    """Sample sets of genes, hold the patterns they share, and sample the loadings of all genes.

    Parameters
    ----------
    given : GivenData
        The data.
    parts : list of ndarray of int
        Rows of each set.
    options : FitOptions
        What is sampled.
    executor : Executor
        Where.
    Ht : ndarray, shape (samples, K), optional
        Patterns; then only loadings are sampled.
    keeping : Keeping
        Progress and checkpoints.

    Returns
    -------
    dict
        Of :data:`dasknmf.atomic.dataset.VARIABLES`, rows in the order of the genes.
    """
    strips = [given.strip(rows) for rows in parts]
    found: dict[str, NDArray[Any]] = {}
    if Ht is None:
        chain = options.chain(options.n_patterns)
        states = run_sets(strips, chain, executor, stage="patterns", keeping=keeping)
        shared = shared_patterns(
            [posterior(state, chain)["H"] for state in states], cut=options.cut or options.n_patterns
        )
        Ht = np.ascontiguousarray(shared.H.T)
        found |= {"found_in": shared.sets, "agreement": shared.agreement}
    chain = options.chain(Ht.shape[1], "H")
    states = run_sets(strips, chain, executor, stage="loadings", held=Ht, keeping=keeping)
    ends = [posterior(state, chain) for state in states]
    found["set"] = np.empty(len(given.genes), np.int64)
    for name in ("W", "W_sd"):
        found[name] = np.empty((len(given.genes), Ht.shape[1]))
        for number, (rows, end) in enumerate(zip(parts, ends, strict=True)):
            found[name][rows], found["set"][rows] = end[name], number
    found["H"], found["H_sd"] = ends[0]["H"], ends[0]["H_sd"]
    chi_squared, atoms = summed_history(states)
    return {**found, "chi_squared": chi_squared, "atoms": atoms.T}


def goodness(given: GivenData, found: dict[str, NDArray[Any]], alpha: float) -> dict[str, float]:
    """Return χ² and relative error of the means, and λ of all data, strip by strip."""
    chi_squared, squares, error, total, count = 0.0, 0.0, 0.0, 0.0, 0
    step = max(1, 2**24 // given.shape[1])
    for first in range(0, given.shape[0], step):
        rows = np.arange(first, min(first + step, given.shape[0]))
        strip = given.strip(rows)
        D = np.asarray(strip.read(), np.float64)
        W = found["W"][rows]
        chi_squared += chi_squared_of(D, strip.uncertainty, W, found["H"])
        squares += float((D * D).sum())
        error += float(((D - W @ found["H"]) ** 2).sum())
        total, count = total + float(D.sum()), count + int(np.count_nonzero(D))
    sampled = found["chi_squared"][len(found["chi_squared"]) // 2 :]
    middle = -(-len(sampled) // 2)
    return {
        "chi_squared": chi_squared,
        "chi_squared_change": float(sampled[-middle:].mean() / sampled[:middle].mean() - 1.0),
        "relative_error": float(np.sqrt(error / squares)),
        "rate": expected_rate(np.array([total / count]), found["H"].shape[0], alpha),
    }
