"""The algorithms, one a file: numpy only, no Dask, no Zarr, no xarray."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from dasknmf.errors import InputError
from dasknmf.solvers.brunet import Brunet
from dasknmf.solvers.hals import HALS
from dasknmf.solvers.mu import MU
from dasknmf.solvers.nsnmf import NsNMF
from dasknmf.solvers.symkl import SymKL

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dasknmf.options import ModelOptions
    from dasknmf.solvers.face import Solver

SOLVERS: dict[str, type[Any]] = {solver.name: solver for solver in (HALS, MU, Brunet, NsNMF, SymKL)}


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


def fits_sketch(name: str) -> bool:
    """Return whether a solver needs nothing but products, which a sketch of A has too; ratios need its entries."""
    return bool(getattr(solver_class(name), "fits_sketch", True))


def refuse_foreign(name: str, given: Mapping[str, Any]) -> None:
    """Refuse parameters that a solver does not have; those that are None are not given.

    Raises
    ------
    InputError
        Naming the solvers that have it.
    """
    for parameter, value in given.items():
        if value is None or parameter in _fields(solver_class(name)):
            continue
        have = [f"'{other}'" for other, made in sorted(SOLVERS.items()) if parameter in _fields(made)]
        msg = (
            f"{parameter}={value!r}: solver '{name}' has no such parameter; leave it out, or use solver="
            f"{' or '.join(have)}"
        )
        raise InputError(msg)


def _fields(solver: type[Any]) -> set[str]:
    return {field.name for field in fields(solver)}


def solver_of(model: ModelOptions) -> Solver:
    """Return the solver of a model, with its penalties and parameters."""
    made = solver_class(model.solver)
    given = {field.name: getattr(model, field.name, None) for field in fields(made)}
    solver: Solver = made(**{name: value for name, value in given.items() if value is not None})
    return solver
