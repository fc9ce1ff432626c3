"""The loadings that are tested: W, H, or the mean of each factor and its partner."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dasknmf.analysis.genes import loadings
from dasknmf.analysis.matching import match
from dasknmf.errors import InputError, one_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import xarray as xr
    from numpy.typing import ArrayLike, NDArray

SIDES = ("W", "H", "mean")


def side_loadings(
    fit: xr.Dataset, sides: Sequence[str], partner_of: ArrayLike | None
) -> tuple[dict[str, NDArray[np.float64]], NDArray[np.int64] | None]:
    """Return loadings of every side, each of shape (genes, factors), and the partners where they were needed.

    Raises
    ------
    InputError
        If a side is not known, or partners are not one row of H for each column of W.
    """
    if isinstance(sides, str):
        sides = [sides]
    for side in sides:
        one_of("sides", side, SIDES)
    if not sides or len(set(sides)) < len(sides):
        msg = f"sides={list(sides)!r}: needs one or several of {', '.join(SIDES)}, each once"
        raise InputError(msg)
    both = loadings(fit)
    if not all(np.isfinite(values).all() and (values >= 0).all() for values in both.values()):
        msg = "the fit has loadings that are negative or not finite; enrich takes non-negative factors"
        raise InputError(msg)
    partners = None
    if "mean" in sides:
        W, H = (_unit(both[side]) for side in ("W", "H"))
        partners = _partners(W, H, partner_of)
        both["mean"] = (W + H[:, partners]) / 2
    elif partner_of is not None:
        msg = "partner_of is only for sides='mean', the mean of each factor and its partner; leave it out"
        raise InputError(msg)
    return {side: both[side] for side in sides}, partners


def _partners(
    W: NDArray[np.float64], H: NDArray[np.float64], partner_of: ArrayLike | None
) -> NDArray[np.int64]:
    k = W.shape[1]
    if partner_of is None:
        return match(W.T @ H)[0].astype(np.int64)
    given = np.asarray(partner_of)
    if (
        given.shape != (k,)
        or given.dtype.kind not in "iu"
        or not np.array_equal(np.sort(given), np.arange(k))
    ):
        msg = (
            f"partner_of={partner_of!r}: needs the row of H for each of the {k} columns of W, each once, "
            "such as partner_of of dasknmf.symmetry"
        )
        raise InputError(msg)
    return given.astype(np.int64)


def _unit(values: NDArray[np.float64]) -> NDArray[np.float64]:
    norms = np.linalg.norm(values, axis=0)
    return np.asarray(values / np.where(norms > 0, norms, 1))
