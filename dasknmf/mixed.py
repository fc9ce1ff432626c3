"""Models of several solvers from options they share, of which a direct method has only some."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dasknmf.options import ModelOptions
from dasknmf.parameters import lacking
from dasknmf.solvers import is_seeded

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def shared_options(solver: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a solver has of the options that models of several solvers share."""
    without = lacking(solver)
    return {name: value for name, value in given.items() if name not in without}


def model_grid(
    solvers: Sequence[str], ranks: Sequence[int], seeds: Sequence[int], given: Mapping[str, Any]
) -> list[ModelOptions]:
    """Return a model for every solver, rank and seed; one for all seeds where they change nothing.

    Options that only some of the solvers have go to these.
    """
    # what none of them has is refused where a model is made
    nobody = set.intersection(*(set(lacking(name)) for name in solvers))
    unshared = {name: given[name] for name in nobody if name in given}
    return [
        ModelOptions(k, solver=name, seed=seed, **shared_options(name, given), **unshared)
        for name in solvers
        for k in ranks
        for seed in (seeds if is_seeded(name) else seeds[:1])
    ]
