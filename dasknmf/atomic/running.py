"""Chains on an executor: one in slices, with progress and checkpoints; or one for each set of genes."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from dasknmf.atomic.chain import ChainState, advance, begin
from dasknmf.atomic.keeping import Keeping
from dasknmf.atomic.strips import strip_data, whole_chain
from dasknmf.events import ChainAdvanced, SetsSampled
from dasknmf.model import Model

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from dasknmf.atomic.chain import ChainOptions
    from dasknmf.atomic.strips import Strip
    from dasknmf.engine.executor import Executor

#: Seconds a slice of a chain is to take: progress and Ctrl-C wait so long, and its state travels as often.
SLICE = 1.0


def run_chain(
    strip: Strip,
    shape: tuple[int, int],
    options: ChainOptions,
    executor: Executor,
    *,
    held: NDArray[Any] | None = None,
    keeping: Keeping | None = None,
) -> tuple[ChainState, float]:
    """Run one chain, slice by slice, each a task; the data are prepared once and stay where tasks run.

    Returns
    -------
    state : ChainState
        At its end.
    seconds : float
        Those of the run that was resumed included.
    """
    keeping = keeping or Keeping()
    checkpoints = keeping.place("chain")
    state, before = begin(shape, options, held), 0.0
    saved = keeping.saved("chain")
    if saved is not None:
        state, before = restored(saved.models[0]), saved.seconds
    began = time.perf_counter() - before
    if checkpoints is not None:
        checkpoints.begin(state.iteration, before)
    [data] = executor.map(strip_data, [strip], [options], label="data")
    length, most = 1, 2 * options.iterations
    while state.iteration < most:
        started, first = time.perf_counter(), state.iteration
        [state] = executor.get(
            executor.map(advance, [data], [state], [options], [length], label="iterations")
        )
        now = time.perf_counter()
        each = (now - started) / (state.iteration - first)
        keeping.listener(_advanced(state, most, now - began, each))
        # the first slice compiles
        length = max(1, min(4 * length, int(SLICE / each))) if first else 1
        if checkpoints is not None:
            if checkpoints.every_iterations is not None:
                length = min(length, checkpoints.every_iterations)
            if state.iteration < most and checkpoints.due(state.iteration, now - began):
                checkpoints.save([as_model(state)], state.iteration, now - began)
    return state, time.perf_counter() - began


def _advanced(state: ChainState, most: int, seconds: float, each: float) -> ChainAdvanced:
    done = state.iteration
    return ChainAdvanced(
        iteration=done,
        most=most,
        phase="equilibrating" if 2 * done <= most else "sampling",
        chi_squared=float(state.chi_squared[done - 1]),
        atoms=int(state.atoms[done - 1].sum()),
        seconds=seconds,
        seconds_left=each * (most - done),
    )


def run_sets(
    strips: Sequence[Strip],
    options: ChainOptions,
    executor: Executor,
    *,
    stage: str,
    held: NDArray[Any] | None = None,
    keeping: Keeping | None = None,
) -> list[ChainState]:
    """Run a chain on each strip, each a task, and keep those that have ended.

    Parameters
    ----------
    strips : sequence of Strip
        The sets.
    options : ChainOptions
        Of all of them; their random numbers differ by stage and set.
    executor : Executor
        Where they run.
    stage : {"patterns", "loadings"}
        The second holds Hᵀ as it is given.
    held : ndarray, optional
        Hᵀ.
    keeping : Keeping, optional
        Progress and checkpoints.
    """
    keeping = keeping or Keeping()
    began = time.perf_counter()
    states: dict[int, ChainState] = {}
    for number in range(len(strips)):
        saved = keeping.saved(f"{stage}-{number:05d}")
        if saved is not None:
            states[number] = restored(saved.models[0])
    there = len(states)
    left = [number for number in range(len(strips)) if number not in states]
    key = ("patterns", "loadings").index(stage)
    made = executor.stream(
        whole_chain,
        [strips[number] for number in left],
        [replace(options, key=(key, number)) for number in left],
        [held] * len(left),
        label="set",
    )
    for number, state in zip(left, made, strict=True):
        states[number] = state
        place = keeping.place(f"{stage}-{number:05d}")
        if place is not None:
            place.save([as_model(state)], state.iteration, 0.0)
        seconds, done = time.perf_counter() - began, len(states)
        seconds_left = seconds / (done - there) * (len(strips) - done)
        keeping.listener(SetsSampled(done, len(strips), stage, seconds, seconds_left))
    return [states[number] for number in range(len(strips))]


def as_model(state: ChainState) -> Model:
    """Return a chain in the form that checkpoints keep: a model whose arrays are all in its state."""
    return Model("cogaps", cast("Any", None), {}, state=state)


def restored(kept: dict[str, Any]) -> ChainState:
    """Return a chain as a checkpoint kept it."""
    return ChainState(**kept["state"])


def summed_history(states: Sequence[ChainState]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return χ² and atoms of each iteration, summed over chains."""
    chi_squared = np.sum([state.chi_squared for state in states], axis=0)
    return chi_squared, np.sum([state.atoms for state in states], axis=0)
