"""Nested associations as tables: one row a level, or a node of the tree."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

#: Of each level, in order; means over restarts.
OF_LEVELS = (
    "explained",
    "retention",
    "direct_retention",
    "marginal",
    "effective_factors",
    "overlap",
    "nesting_index",
    "nesting_chance",
    "reproducibility",
    "membership_agreement",
)


def level_table(nested: xr.Dataset) -> pd.DataFrame:
    """Return a row for each branch and level: what it keeps, mean over restarts, and its extremes of retention.

    Parameters
    ----------
    nested : Dataset
        What :func:`dasknmf.nested` returned.

    Returns
    -------
    DataFrame
        By ``branch`` and ``level``.

    Examples
    --------
    >>> import dasknmf, numpy as np
    >>> A = np.kron(np.eye(2), np.ones((3, 3))) + 0.1
    >>> table = level_table(dasknmf.nested(A, [2, 1], restarts=1))
    >>> int(table.loc[("partner", 0), "factors"]), round(float(table.loc[("partner", 0), "retention"]), 2)
    (2, 1.0)
    """
    import pandas as pd

    branches, tiers = nested["branch"].to_numpy(), nested["tier"].to_numpy()
    index = pd.MultiIndex.from_product([branches, tiers], names=["branch", "level"])
    table = pd.DataFrame(index=index)
    table["factors"] = np.tile(nested["n_factors"].to_numpy(), len(branches))
    table["bound"] = np.tile(nested["bound"].to_numpy(), len(branches))
    for name in OF_LEVELS:
        if name in nested:
            table[name] = (
                nested[name].transpose("branch", "tier", "restart").mean("restart").to_numpy().ravel()
            )
    retention = nested["retention"].transpose("branch", "tier", "restart")
    table["retention_min"] = retention.min("restart").to_numpy().ravel()
    table["retention_max"] = retention.max("restart").to_numpy().ravel()
    return table


def node_table(nested: xr.Dataset, *, genes: int = 8) -> pd.DataFrame:
    """Return a row for each node of the tree: its level, parent, size, measures and leading genes.

    Parameters
    ----------
    nested : Dataset
        What :func:`dasknmf.nested` returned.
    genes : int
        Named, those with the largest loadings first.

    Returns
    -------
    DataFrame
        Columns ``node``, ``level``, ``factor``, ``parent``, ``size`` (genes with a loading), what else there is of
        nodes, and ``genes``.

    Examples
    --------
    >>> import dasknmf, numpy as np
    >>> A = np.kron(np.eye(2), np.ones((3, 3))) + 0.1
    >>> node_table(dasknmf.nested(A, [2, 1], restarts=1))["parent"].tolist()
    [2, 2, -1]
    """
    import pandas as pd

    offset = nested["member_offset"].to_numpy()
    place, loading = nested["member_gene"].to_numpy(), nested["member_loading"].to_numpy()
    names = nested["gene"].to_numpy()
    of_nodes = [str(name) for name, given in nested.data_vars.items() if given.dims == ("node",)]
    first = ("level", "factor", "parent")
    table = pd.DataFrame({"node": np.arange(nested.sizes["node"])})
    for name in (*first, *(one for one in of_nodes if one not in first)):
        table[name] = nested[name].to_numpy()
        if name == first[-1]:
            table["size"] = np.diff(offset)
    leading = []
    for start, stop in pairwise(offset):
        order = np.argsort(-loading[start:stop], kind="stable")[:genes]
        leading.append(" ".join(map(str, names[place[start:stop][order]])))
    table["genes"] = leading
    return table
