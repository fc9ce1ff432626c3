"""Nested associations as a Dataset, flat, and as a tree to look into."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from dasknmf.errors import InputError
from dasknmf.nesting.tables import tabulated
from dasknmf.nesting.variables import VARIABLES
from dasknmf.results import NESTED, VERSION, versions

if TYPE_CHECKING:
    import xarray as xr

    from dasknmf.matrices import Given
    from dasknmf.nesting.descent import Descent
    from dasknmf.nesting.options import NestedOptions
    from dasknmf.stages import Session


def nested_dataset(options: NestedOptions, session: Session, found: Descent, *, reason: str) -> xr.Dataset:
    """Put levels into a Dataset; see :data:`dasknmf.nesting.variables.VARIABLES`.

    Parameters
    ----------
    options : NestedOptions
        What was asked for.
    session : Session
        The network.
    found : Descent
        What was found.
    reason : str
        Why there are so many factors on each level.
    """
    import xarray as xr

    table = tabulated(options, found)
    variables = {
        name: (VARIABLES[name][0], values, {"long_name": VARIABLES[name][1]})
        for name, values in table.variables.items()
    }
    given, operator = session.given, session.operator
    own = {
        name: value for name, value in options.as_dict().items() if name not in ("n_components", "penalties")
    }
    run = {name: getattr(session.run, name) for name in ("max_iter", "tol", "tol_objective", "polish")}
    branches = np.array(options.branches, dtype=object)
    return xr.Dataset(
        variables,
        coords={
            "gene": given.genes.astype(object),
            "branch": branches,
            "other_branch": branches,
            "tier": np.arange(len(options.n_components)),
            "restart": np.arange(options.restarts),
        },
        attrs={
            "format": NESTED,
            "version": VERSION,
            "network": given.name,
            "network_checksum": given.checksum,
            "genes": len(given.genes),
            **_kind_of(given),
            **own,
            **options.penalties,
            **run,
            "similarity": options.similarity if options.method == "relational" else "none",
            "metric": options.metric if options.method == "coarsen" else "none",
            "ranks": reason,
            "order": "fine-to-coarse",
            "restart": table.restart,
            "stop_reason": "root" if options.n_components[-1] == 1 else "the last level asked for",
            "reads": operator.reads,
            "bytes_per_read": operator.plan.weight,
            "seconds": session.seconds,
            "memory_forecast": session.memory,
            "versions": json.dumps(versions()),
        },
    )


def _kind_of(given: Given) -> dict[str, Any]:
    """Return what sort of network a run is of, as :func:`dasknmf.fragmentation` puts controls beside networks."""
    made = given.generated
    if made is None:
        return {"kind": "network"}
    if made.origin:
        return {"kind": f"null:{made.kind}", **given.about}
    nested = made.kind == "sbm" and getattr(made, "structure", "") == "nested"
    kind = "planted-nested" if nested else made.kind if made.kind == "soules" else "network"
    return {"kind": kind, **given.about}


def nested_tree(nested: xr.Dataset) -> xr.DataTree:
    """Return nested associations as a tree: every factor below the one it is a part of.

    Parameters
    ----------
    nested : Dataset
        What :func:`dasknmf.nested` returned.

    Returns
    -------
    DataTree
        At the root the measures of levels; below it nodes without a parent, named like ``level2-factor0``, and below
        each its parts. A node has the ``loading`` of its genes, largest first, and what is known of it as attributes.

    Raises
    ------
    InputError
        If it is something else.

    Examples
    --------
    >>> import dasknmf, numpy as np
    >>> A = np.kron(np.eye(2), np.ones((3, 3))) + 0.1
    >>> tree = nested_tree(dasknmf.nested(A, [2, 1], method="coarsen", restarts=1, init="nndsvd"))
    >>> sorted(tree["level1-factor0"].children)
    ['level0-factor0', 'level0-factor1']
    """
    import xarray as xr

    if nested.attrs.get("format") != NESTED:
        msg = "not nested associations; give what dasknmf.nested returned"
        raise InputError(msg)
    of_node = [str(name) for name, (dims, _) in VARIABLES.items() if dims == ("node",) and name in nested]
    parents, names = nested["parent"].values, node_names(nested)
    offsets = nested["member_offset"].values
    paths: dict[int, str] = {}

    def path(node: int) -> str:
        if node not in paths:
            above = int(parents[node])
            paths[node] = f"{path(above) if above >= 0 else ''}/{names[node]}"
        return paths[node]

    def content(node: int) -> xr.Dataset:
        members = slice(int(offsets[node]), int(offsets[node + 1]))
        loading = nested["member_loading"].values[members]
        order = np.argsort(-loading, kind="stable")
        genes = nested["gene"].values[nested["member_gene"].values[members][order]]
        # a part has other members than what it is a part of
        dim = f"member_{nested['level'].values[node]}"
        attributes: dict[str, Any] = {name: nested[name].values[node] for name in of_node}
        return xr.Dataset(
            {"loading": (dim, loading[order]), "member_name": (dim, genes)},
            attrs={
                name: value.item() if isinstance(value, np.generic) else value
                for name, value in attributes.items()
            },
        )

    measures = nested.drop_dims(
        [name for name in ("node", "end", "member", "link", "gene") if name in nested.dims]
    )
    return xr.DataTree.from_dict(
        {"/": measures, **{path(node): content(node) for node in range(nested.sizes["node"])}}
    )


def node_names(nested: xr.Dataset) -> list[str]:
    """Return a name for each node, such as ``level0-factor3``.

    Examples
    --------
    >>> import xarray as xr
    >>> node_names(xr.Dataset({"level": ("node", [0, 1]), "factor": ("node", [3, 0])}))
    ['level0-factor3', 'level1-factor0']
    """
    return [
        f"level{level}-factor{factor}"
        for level, factor in zip(nested["level"].values, nested["factor"].values, strict=True)
    ]
