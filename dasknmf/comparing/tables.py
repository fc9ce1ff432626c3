"""A comparison as a table: one row a kind of network and solver, and the places of solvers among each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    import xarray as xr
    from numpy.typing import NDArray

#: By which solvers are put in order on each network, and whether large is good.
CRITERIA = {"pearson": True, "linearity": True, "own_slope_dispersion": False, "relative_error": False}


def places(table: Mapping[str, NDArray[np.float64]]) -> NDArray[np.float64]:
    """Return the mean place of each solver by each criterion, shape (criteria, networks, solvers)."""
    from scipy.stats import rankdata

    found = []
    for name, large in CRITERIA.items():
        values = -table[name] if large else table[name]
        ranks = rankdata(values, axis=1, nan_policy="omit")
        found.append(np.where(np.isnan(values), np.nan, ranks).mean(axis=2))
    return np.array(found)


def comparison_table(comparison: xr.Dataset) -> Any:
    """Return one row for each kind of network and solver: correlation, linearity and dispersion of slopes.

    Parameters
    ----------
    comparison : Dataset
        What :func:`dasknmf.compare` returned.

    Returns
    -------
    DataFrame
        Means over restarts, with ``_low`` and ``_high``, and mean places by criterion.
    """
    import pandas as pd

    shown = (
        "relative_error",
        "pearson_index",
        "pearson",
        "spearman",
        "linearity",
        "own_slope_dispersion",
        "own_slope_dispersion_index",
        "slope_dispersion",
        "involution_defect",
        "asymmetry",
        "two_cycles",
    )
    columns: dict[str, Any] = {}
    for name in shown:
        columns[name] = comparison[name].mean("restart").to_numpy().ravel()
        for end in ("low", "high"):
            columns[f"{name}_{end}"] = comparison[f"{name}_{end}"].to_numpy().ravel()
    for name in comparison["criterion"].to_numpy():
        columns[f"place_{name}"] = comparison["place"].sel(criterion=name).to_numpy().ravel()
    index = pd.MultiIndex.from_product(
        [comparison["network"].to_numpy(), comparison["solver"].to_numpy()], names=["network", "solver"]
    )
    return pd.DataFrame(columns, index=index)
