"""Why W is not Hᵀ, in a sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dasknmf.laboratory.fits import ALWAYS_SYMMETRIC

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import NDArray


#: Shuffled networks from which on a one-sided p can be 5 %.
ENOUGH_NULLS = 19
LEVEL = 0.05


def verdict_of(found: xr.Dataset) -> str:
    """Return in a sentence why W is not Hᵀ here, and in another whether shuffled networks do as well."""
    return _why(found) + _chance(found)


def _chance(found: xr.Dataset) -> str:
    """Return a warning where the cosines of partners are not larger than those of shuffled networks, or may not be."""
    counts = counts_of(found)
    if by_construction(found) or not counts["module"] + counts["pair"]:
        return ""
    there = "kind" in found.dims and "shuffle" in found["kind"].to_numpy()
    nulls = int((found["null_kind"].to_numpy().astype(str) == "shuffle").sum()) if there else 0
    if nulls < ENOUGH_NULLS:
        return " Whether chance would do as well takes 19 shuffled networks or more to say: nulls=20."
    p = float(found["p_symmetric"].sel(measure="cosine", kind="shuffle"))
    if p <= LEVEL:
        return (
            f" Factors of shuffled networks are less like their partners (one-sided p = {p:.2g} of {nulls})."
        )
    return (
        f" Factors of shuffled networks are as like their partners (one-sided p = {p:.2g} of {nulls}), so that by "
        "cosines alone this may be chance."
    )


def _why(found: xr.Dataset) -> str:
    counts = counts_of(found)
    k, resolved = found.sizes["factor"], counts["module"] + counts["pair"]
    said = by_construction(found)
    if said:
        return said
    unmatched = int((found["partner_of"].to_numpy() < 0).sum())
    if unmatched == k:
        return "All factors are zero on a side: there is nothing to compare."
    if resolved == k and not counts["pair"]:
        return f"W and Hᵀ are the same up to scale: {_all(k, 'factor is a module', 'factors are modules')}."
    if resolved == k:
        pairs = counts["pair"] // 2
        stand = "pair of factors stands" if pairs == 1 else "pairs of factors stand"
        return (
            f"W differs from Hᵀ by structure: {counts['module']} of {k} factors are modules, and {pairs} {stand} for "
            "gene sets that are joined to each other."
        )
    cause = found["cause"].to_numpy().astype(str)
    why = [name for name in ("non-convergence", "non-uniqueness") if (cause == name).any()]
    tellable = np.isfinite(found["gradient"].to_numpy()[classes_of(found) == "unresolved"]).any()
    if not tellable:
        why = ["non-uniqueness or non-convergence, which without gradients cannot be told apart"]
    if not counts["pair"]:
        start = f"by {' and '.join(why)}"
    elif resolved > k / 2:
        start = "mostly by structure"
    else:
        start = f"mostly by {' and '.join(why)}"
    return (
        f"W differs from Hᵀ {start}: {resolved} of {k} factors are modules ({counts['module']}) or partners "
        f"({counts['pair']}), {counts['unresolved']} neither."
    )


def counts_of(found: xr.Dataset) -> dict[str, int]:
    """Return how many factors are of each class."""
    classes = classes_of(found)
    return {name: int((classes == name).sum()) for name in ("module", "pair", "unresolved")}


def classes_of(found: xr.Dataset) -> NDArray[np.str_]:
    """Return the class of each factor, shape (k,)."""
    return np.asarray(found["class"].to_numpy().astype(str))


def by_construction(found: xr.Dataset) -> str:
    """Return that W and Hᵀ are the same whatever the network is, of a solver that ends so; otherwise nothing."""
    solver = str(found.attrs.get("solver"))
    if solver not in ALWAYS_SYMMETRIC:
        return ""
    return (
        f"W and Hᵀ are the same by construction of {solver}, which says nothing of the network; to see whether they "
        "differ, fit it with a solver that leaves both free, such as hals."
    )


def _all(number: int, one: str, many: str) -> str:
    return f"its one {one}" if number == 1 else f"all {number} {many}"
