"""The algorithms, one a file: numpy only, no Dask, no Zarr, no xarray."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from dasknmf.errors import InputError
from dasknmf.solvers.anls_sym import ANLSSym
from dasknmf.solvers.bpp import BPP
from dasknmf.solvers.hals import HALS
from dasknmf.solvers.lee import Lee
from dasknmf.solvers.mu import MU
from dasknmf.solvers.snmf import SNMF
from dasknmf.solvers.symhals import SymHALS
from dasknmf.solvers.symline import SymLine
from dasknmf.solvers.symmu import SymMU
from dasknmf.solvers.trifactor import TriFactor

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dasknmf.options import ModelOptions
    from dasknmf.solvers.face import Solver

SOLVERS: dict[str, type[Any]] = {
    solver.name: solver for solver in (HALS, MU, BPP, SNMF, Lee, SymHALS, SymLine, SymMU, ANLSSym, TriFactor)
}


def solver_class(name: str) -> type[Any]:
    """Return the solver of a name.

    Raises
    ------
    InputError
        If there is none.
    """
    try:
        return SOLVERS[name]
    except KeyError:
        msg = f"solver '{name}' is not known; choose one of: {', '.join(sorted(SOLVERS))}"
        raise InputError(msg) from None


def row_arrays(names: Iterable[str]) -> int:
    """Return how many arrays of the size of W the solvers of these names keep, at most."""
    return max(getattr(solver_class(name), "row_arrays", 2) for name in names)


def solver_of(model: ModelOptions) -> Solver:
    """Return the solver of a model, with its penalties and parameters."""
    made = solver_class(model.solver)
    given = {field.name: getattr(model, field.name, None) for field in fields(made)}
    solver: Solver = made(**{name: value for name, value in given.items() if value is not None})
    return solver
