"""The algorithms, one a file: numpy only, no Dask, no Zarr, no xarray."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from dasknmf.errors import InputError
from dasknmf.solvers.anls_sym import ANLSSym
from dasknmf.solvers.bpp import BPP
from dasknmf.solvers.brunet import Brunet
from dasknmf.solvers.direct import SVD, CoGAPS, RandomProjection, Spectral
from dasknmf.solvers.hals import HALS
from dasknmf.solvers.lee import Lee
from dasknmf.solvers.mu import MU
from dasknmf.solvers.nsnmf import NsNMF
from dasknmf.solvers.snmf import SNMF
from dasknmf.solvers.symhals import SymHALS
from dasknmf.solvers.symkl import SymKL
from dasknmf.solvers.symline import SymLine
from dasknmf.solvers.symmu import SymMU
from dasknmf.solvers.trifactor import TriFactor

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dasknmf.options import ModelOptions
    from dasknmf.solvers.face import Solver

_ITERATIVE = (
    HALS,
    BPP,
    MU,
    Lee,
    SNMF,
    Brunet,
    NsNMF,
    SymHALS,
    SymLine,
    ANLSSym,
    SymMU,
    SymKL,
    TriFactor,
)
SOLVERS: dict[str, type[Any]] = {solver.name: solver for solver in _ITERATIVE}
#: Those that give factors at once; what each does is in :mod:`dasknmf.methods`.
DIRECT: dict[str, type[Any]] = {method.name: method for method in (SVD, Spectral, RandomProjection, CoGAPS)}


def solver_class(name: str) -> type[Any]:
    """Return the solver, or the direct method, of a name.

    Raises
    ------
    InputError
        If there is none.
    """
    try:
        return SOLVERS[name] if name in SOLVERS else DIRECT[name]
    except (KeyError, TypeError):
        known = ", ".join([*sorted(SOLVERS), *sorted(DIRECT)])
        msg = f"solver '{name}' is not known; choose one of: {known} (dasknmf solvers)"
        raise InputError(msg) from None


def is_direct(name: str) -> bool:
    """Tell whether a solver gives its factors at once: it has no start, no penalties and no iterations."""
    return isinstance(name, str) and name in DIRECT


def is_seeded(name: str) -> bool:
    """Tell whether another seed may give other factors."""
    return name not in DIRECT or "seed" in {field.name for field in fields(DIRECT[name])}


def fits_sketch(name: str) -> bool:
    """Tell whether a solver is fitted on a sketch of A; a direct method is not, but needs no iterations on A either."""
    return is_direct(name) or bool(solver_class(name).fits_sketch)


def row_arrays(names: Iterable[str]) -> int:
    """Return how many arrays of the size of W the solvers of these names keep, at most."""
    return max(2 if is_direct(name) else solver_class(name).row_arrays for name in names)


def solver_of(model: ModelOptions) -> Solver:
    """Return the solver of a model, with its penalties and parameters."""
    made = solver_class(model.solver)
    given = {field.name: getattr(model, field.name, None) for field in fields(made)}
    solver: Solver = made(**{name: value for name, value in given.items() if value is not None})
    return solver
