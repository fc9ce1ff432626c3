"""Which genes make a factor."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dasknmf.errors import InputError

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr


def top_genes(fit: xr.Dataset, *, n: int = 10) -> pd.DataFrame:
    """Return the genes with the largest loadings of every factor, on both sides.

    Parameters
    ----------
    fit : Dataset
        What :func:`dasknmf.nmf` returned: ``W (gene, factor)`` and ``H (factor, gene)``.
    n : int
        Genes of each factor and side. Genes with loading 0 are never listed, so there may be fewer.

    Returns
    -------
    DataFrame
        One row a gene, with the columns ``factor``, ``side`` (``"W"`` or ``"H"``), ``rank`` (from 1),
        ``gene`` and ``loading``; by factor, then side, then rank. Equal loadings keep the order of the genes.

    Raises
    ------
    InputError
        If ``n`` is below 1, or ``fit`` lacks W, H or gene names.

    Examples
    --------
    >>> import xarray as xr
    >>> loadings = [[0.0, 2.0], [1.0, 0.0], [3.0, 0.5]]
    >>> fit = xr.Dataset(
    ...     {"W": (("gene", "factor"), loadings), "H": (("factor", "gene"), [[1, 0, 0], [0, 1, 2]])},
    ...     coords={"gene": ["araA", "araB", "araC"], "factor": [0, 1]},
    ... )
    >>> print(top_genes(fit, n=2).to_string(index=False))
     factor side  rank gene  loading
          0    W     1 araC      3.0
          0    W     2 araB      1.0
          0    H     1 araA      1.0
          1    W     1 araA      2.0
          1    W     2 araC      0.5
          1    H     1 araC      2.0
          1    H     2 araB      1.0
    """
    import pandas as pd

    if n < 1:
        msg = f"n={n}: needs at least 1 gene a factor"
        raise InputError(msg)
    sides = loadings(fit)
    genes = fit["gene"].to_numpy()
    parts = []
    for place, factor in enumerate(fit["factor"].to_numpy()):
        for side, values in sides.items():
            column = values[:, place]
            order = np.argsort(-column, kind="stable")[:n]
            order = order[column[order] > 0]
            part = {"factor": factor, "side": side, "rank": np.arange(1, len(order) + 1)}
            parts.append(pd.DataFrame({**part, "gene": genes[order], "loading": column[order]}))
    return pd.concat(parts, ignore_index=True)


def loadings(fit: xr.Dataset) -> dict[str, np.ndarray[tuple[int, int], np.dtype[np.float64]]]:
    """Return the loadings of W and of H, each of shape (genes, factors).

    Raises
    ------
    InputError
        If ``fit`` is not the result of a fit.
    """
    lacking = [name for name in ("W", "H", "gene", "factor") if name not in fit.variables]
    if lacking:
        msg = f"the fit lacks {', '.join(lacking)}; give what dasknmf.nmf or dasknmf.load returned"
        raise InputError(msg)
    return {
        side: np.asarray(fit[side].transpose("gene", "factor").to_numpy(), dtype=np.float64)
        for side in ("W", "H")
    }
