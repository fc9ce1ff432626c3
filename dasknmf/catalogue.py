"""The list of solvers: what each minimises, what it costs, and where it comes from."""

from __future__ import annotations

from dataclasses import MISSING, fields
from typing import TYPE_CHECKING, Any

from dasknmf.solvers import DIRECT, SOLVERS

if TYPE_CHECKING:
    import pandas as pd


def list_solvers() -> pd.DataFrame:
    """Return what ``solver=`` can be, one row each.

    Returns
    -------
    DataFrame
        By ``name``: ``kind`` (``"iterative"``, or what a direct method is), ``minimises``, ``rounds`` (reads of A that
        an iteration on it takes, on its sketch none; 0 without iterations), ``reads`` (the same in words), ``source``
        (the paper) and ``parameters`` (with their defaults; what all share, such as the rank, is left out).

    Examples
    --------
    >>> solvers = list_solvers()
    >>> solvers.loc["hals", "kind"], int(solvers.loc["hals", "rounds"])
    ('iterative', 2)
    >>> solvers.loc["svd", "minimises"]
    '‖A − X‖² over all X of rank k'
    """
    import pandas as pd

    return pd.DataFrame(solver_facts()).set_index("name")


def solver_facts() -> list[dict[str, Any]]:
    """Return the rows of :func:`list_solvers` as plain values."""
    iterative = [
        _facts(solver, "iterative", solver.rounds, f"{solver.rounds} an iteration")
        for solver in SOLVERS.values()
    ]
    direct = [_facts(method, method.kind, 0, method.reads) for method in DIRECT.values()]
    return iterative + direct


def _facts(made: type[Any], kind: str, rounds: int, reads: str) -> dict[str, Any]:
    return {
        "name": made.name,
        "kind": kind,
        "minimises": made.minimises,
        "rounds": rounds,
        "reads": reads,
        "source": made.source,
        "parameters": {
            field.name: None if field.default is MISSING else field.default for field in fields(made)
        },
    }
