"""The algorithms, one a file: numpy only, no Dask, no Zarr, no xarray."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from dasknmf.errors import InputError
from dasknmf.solvers.hals import HALS
from dasknmf.solvers.mu import MU

if TYPE_CHECKING:
    from dasknmf.options import ModelOptions
    from dasknmf.solvers.alternating import Alternating

SOLVERS: dict[str, type[Alternating]] = {solver.name: solver for solver in (HALS, MU)}


def solver_class(name: str) -> type[Alternating]:
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


def solver_of(model: ModelOptions) -> Alternating:
    """Return the solver of a model, with its penalties."""
    penalties = {name: value for name, value in asdict(model).items() if name[:3] in ("l1_", "l2_")}
    return solver_class(model.solver)(**penalties)
