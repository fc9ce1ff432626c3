"""What ``cogaps`` gives back: posterior means and deviations that know their genes and samples."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from dasknmf.results import FORMAT, VERSION, versions

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import NDArray

    from dasknmf.atomic.given import GivenData

#: Every variable a result may hold: its dimensions and what it is. Of a network, samples are genes.
VARIABLES: dict[str, tuple[tuple[str, ...], str]] = {
    "W": (("gene", "factor"), "posterior mean of W · norm; norm: the largest entry of each row of H"),
    "W_sd": (("gene", "factor"), "posterior standard deviation of W · norm"),
    "H": (("factor", "sample"), "posterior mean of H / norm"),
    "H_sd": (
        ("factor", "sample"),
        "posterior standard deviation of H / norm; 0 of patterns that are held fixed",
    ),
    "scale": (
        ("factor",),
        "‖w_j‖·‖h_j‖ of the means, by which factors are ordered unless one side was given",
    ),
    "chi_squared": (
        ("iteration",),
        "Σ (D − WH)² / S² of the chain after each iteration; of all sets together",
    ),
    "atoms": (("side", "iteration"), "atoms of W and of H after each iteration; of all sets together"),
    "set": (("gene",), "the set of genes that each was sampled in"),
    "found_in": (("factor",), "in how many sets the pattern was found"),
    "agreement": (("factor",), "mean correlation of the patterns found in sets with their mean"),
}


def cogaps_dataset(
    given: GivenData,
    arrays: dict[str, NDArray[Any]],
    *,
    order: NDArray[np.intp],
    facts: dict[str, Any],
) -> xr.Dataset:
    """Put factors, histories and facts into a Dataset; see ``VARIABLES``.

    Parameters
    ----------
    given : GivenData
        Names of genes and samples, and where they are from.
    arrays : dict
        Of ``VARIABLES``, without ``scale``.
    order : ndarray of int, shape (K,)
        Of the factors.
    facts : dict
        Attributes; none of them None.
    """
    import xarray as xr

    norms = np.linalg.norm(arrays["W"], axis=0) * np.linalg.norm(arrays["H"], axis=1)
    arrays = {**arrays, "scale": norms}
    sample = "gene" if given.symmetric else "sample"
    variables: dict[str, Any] = {}
    for name, (dims, words) in VARIABLES.items():
        if name not in arrays:
            continue
        values = arrays[name]
        if "factor" in dims:
            values = np.take(values, order, axis=dims.index("factor"))
        if name in ("W", "W_sd", "H", "H_sd"):
            values = values.astype(np.float32)
        variables[name] = (
            tuple(sample if dim == "sample" else dim for dim in dims),
            np.ascontiguousarray(values),
            {"long_name": words},
        )
    coords: dict[str, Any] = {
        "gene": given.genes.astype(object),
        "factor": np.arange(len(order)),
        "iteration": np.arange(1, len(arrays["chi_squared"]) + 1),
        "side": np.array(["W", "H"], dtype=object),
    }
    if not given.symmetric:
        coords["sample"] = given.samples.astype(object)
    kind = "network" if given.symmetric else "data"
    attributes = {
        "format": FORMAT,
        "version": VERSION,
        "solver": "cogaps",
        **facts,
        kind: given.name,
        f"{kind}_checksum": given.checksum,
        "genes": len(given.genes),
        "samples": len(given.samples),
        "versions": json.dumps(versions()),
    }
    return xr.Dataset(variables, coords=coords, attrs=attributes)
