"""A comparison of which the numbers are chosen."""

from __future__ import annotations

import numpy as np
import xarray as xr


def comparison(values, *, restarts=4, spread=0.0):
    """Return a Dataset of ``{measure: {network: {solver: mean}}}``; restarts lie evenly within ± ``spread``."""
    networks = list(dict.fromkeys(kind for one in values.values() for kind in one))
    solvers = list(dict.fromkeys(name for one in values.values() for kind in one.values() for name in kind))
    around = np.linspace(-spread, spread, restarts) if restarts > 1 else np.zeros(1)
    data = {}
    for measure in ("pearson", "pearson_index", "linearity", "own_slope_dispersion"):
        table = np.full((len(networks), len(solvers), restarts), np.nan)
        for kind, by_solver in values.get(measure, {}).items():
            for name, mean in by_solver.items():
                table[networks.index(kind), solvers.index(name)] = np.asarray(mean) + around
        data[measure] = (("network", "solver", "restart"), table)
    return xr.Dataset(data, coords={"network": networks, "solver": solvers, "restart": np.arange(restarts)})
