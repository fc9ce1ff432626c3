"""What some solvers have and others have not: penalties, and parameters with what they take and do."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal

from dasknmf.errors import InputError, not_negative, one_of, whole
from dasknmf.solvers import DIRECT, SOLVERS, is_direct, solver_class

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Zero by default.
PENALTIES = ("l1_W", "l1_H", "l2_W", "l2_H")


@dataclass(frozen=True)
class Parameter:
    """What a parameter takes, a whole number, a number of at least 0 or a word, and what it does."""

    takes: Literal["whole", "number"] | tuple[str, ...]
    does: str


#: Fields of :class:`dasknmf.options.ModelOptions` that are None where the default of the solver holds.
PARAMETERS: dict[str, Parameter] = {
    "passes": Parameter(
        "whole", "Of hals: updates of a factor from one product with the network.  [default: 4]"
    ),
    "theta": Parameter("number", "Of nsnmf: smoothing, from 0 to below 1.  [default: 0.5]"),
    "floor": Parameter(
        "number", "Of brunet and nsnmf: what entries are raised to every ten iterations.  [default: 2^-52; 0]"
    ),
    "connectivity": Parameter(
        "whole",
        "Of brunet and nsnmf: stop when so many checks in a row, one every ten iterations, found the same genes "
        "together; 0 never does.  [default: 40]",
    ),
    "iterations": Parameter(
        "whole", "Of cogaps: iterations of equilibration, and as many of sampling.  [default: 1000]"
    ),
    "alpha": Parameter(
        "number",
        "Of symhals and anls-sym: coupling, which else grows; of cogaps: atoms a bin expected before the data are "
        "seen.  [default of cogaps: 0.01]",
    ),
    "beta": Parameter("number", "Of snmf: sparsity of one factor.  [default: 0.01]"),
    "eta": Parameter(
        "number", "Of snmf: smallness of the other.  [default: the mean weight of an edge drawn by weight]"
    ),
    "variant": Parameter(
        ("R", "L"), "Of snmf: which factor it makes sparse, R for H, L for W.  [default: R]"
    ),
    "sets": Parameter("whole", "Of cogaps: sets of genes, each a task; 0 is one chain of all.  [default: 0]"),
    "tau": Parameter(
        "number",
        "Of spectral: added to every degree, in mean degrees; 1 helps where a network has small components.  "
        "[default: 0]",
    ),
}


def lacking(solver: str) -> list[str]:
    """Return the options of a model that a solver does not have; a direct method has no start either."""
    has = {field.name for field in fields(solver_class(solver))}
    return [
        *(["init"] if is_direct(solver) else []),
        *(name for name in (*PENALTIES, *PARAMETERS) if name not in has),
    ]


def check_parameters(solver: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return penalties and parameters as plain values, None where one is not given.

    Raises
    ------
    InputError
        If a value cannot be used, or the solver does not have what is given.
    """
    without = lacking(solver)
    clean: dict[str, Any] = {name: not_negative(name, given[name]) for name in PENALTIES}
    for name, parameter in PARAMETERS.items():
        value = given[name]
        clean[name] = None if value is None else _plain(name, value, parameter)
    for name, value in clean.items():
        if name in without and value is not None and (name in PARAMETERS or value):
            others = [
                key for key, made in (SOLVERS | DIRECT).items() if name in {f.name for f in fields(made)}
            ]
            msg = (
                f"{name}={value!r}: solver '{solver}' has no {name}; leave it out, or take one that has it: "
                f"{', '.join(sorted(others))} (dasknmf solvers)"
            )
            raise InputError(msg)
    return clean


def _plain(name: str, value: Any, parameter: Parameter) -> Any:
    if isinstance(parameter.takes, tuple):
        one_of(name, value, parameter.takes)
        return value
    return whole(name, value, least=0) if parameter.takes == "whole" else not_negative(name, value)
