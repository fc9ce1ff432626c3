"""The restarts of one rank, given as fits: checked, named, and as arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from dasknmf.analysis.genes import loadings
from dasknmf.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import xarray as xr
    from numpy.typing import NDArray

    from dasknmf.analysis.matching import Factors


def factors(fit: xr.Dataset) -> Factors:
    """Return W and Hᵀ of a fit in float32, each of shape (n, k)."""
    sides = loadings(fit)
    return sides["W"].astype(np.float32), sides["H"].astype(np.float32)


def named(fits: Any) -> dict[str, xr.Dataset]:
    """Return the fits of a DataTree by their names, those of a sequence by their places.

    Raises
    ------
    InputError
        If there are none.
    """
    import xarray as xr

    if isinstance(fits, xr.Dataset):
        msg = "one fit; a consensus needs its restarts: dasknmf.nmf_many(network, [{…, 'init': 'random', 'seed': s} …])"
        raise InputError(msg)
    if isinstance(fits, xr.DataTree):
        found = {str(name): child.to_dataset() for name, child in fits.children.items()}
    else:
        found = {str(place): fit for place, fit in enumerate(fits)}
    if not found:
        msg = "no fits; give what dasknmf.nmf_many returned, or a list of what dasknmf.nmf returned"
        raise InputError(msg)
    return found


def agreed(fits: dict[str, xr.Dataset]) -> tuple[NDArray[Any], int]:
    """Return the genes and the rank that all fits share.

    Raises
    ------
    InputError
        Naming a fit that differs from the first, or is none.
    """
    first, *others = fits.items()
    loadings(first[1])
    genes, k = first[1]["gene"].to_numpy(), first[1].sizes["factor"]
    for name, fit in others:
        loadings(fit)
        if fit.sizes["factor"] != k:
            msg = f"'{name}' has rank {fit.sizes['factor']} and '{first[0]}' {k}; give fits of one rank"
            raise InputError(msg)
        its = fit["gene"].to_numpy()
        if len(its) != len(genes):
            msg = f"'{name}' has {len(its):,} genes and '{first[0]}' {len(genes):,}; give fits of one network"
            raise InputError(msg)
        differ = np.flatnonzero(its != genes)
        if len(differ):
            at = int(differ[0])
            msg = (
                f"gene {at + 1} is '{its[at]}' in '{name}' and '{genes[at]}' in '{first[0]}', {len(differ):,} differ; "
                f"give fits of one network, or bring them in one order: fit.sel(gene=first.gene)"
            )
            raise InputError(msg)
    return genes, k


def shared(attributes: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the attributes that are the same in all fits; checksums, options and versions are, seeds are not."""
    first, *others = attributes
    return {name: v for name, v in first.items() if all(name in o and o[name] == v for o in others)}
