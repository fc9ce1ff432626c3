"""An examination as tables: one row a factor, a measure, or a pair of genes between partners."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

#: Columns of a table of factors, in order.
OF_FACTORS = (
    "class",
    "partner_of",
    "own_cosine",
    "partner_cosine",
    "linearity",
    "spearman",
    "slope",
    "own_slope",
    "skew_share",
    "gradient",
    "cause",
    "recurrence",
    "recurrence_q",
    "orientation",
    "orientation_q",
)


def factor_table(symmetry: xr.Dataset, *, genes: int = 5) -> pd.DataFrame:
    """Return a row for each factor: its class, partner, cosines, cause, and leading genes of both sides.

    Parameters
    ----------
    symmetry : Dataset
        What :func:`dasknmf.symmetry` returned.
    genes : int
        Named of each side.

    Returns
    -------
    DataFrame
        By ``factor``.

    Examples
    --------
    >>> import dasknmf, numpy as np
    >>> A = np.array([[0.0, 1.0], [1.0, 0.0]])
    >>> found = dasknmf.symmetry(dasknmf.nmf(A, 2), A, restarts=0)
    >>> factor_table(found)[["class", "partner_of", "W"]].values.tolist()
    [['pair', 1, '0'], ['pair', 0, '1']]
    """
    import pandas as pd

    table = pd.DataFrame({name: symmetry[name].to_numpy() for name in OF_FACTORS})
    for side in ("W", "H"):
        named = symmetry["top_gene"].sel(side=side).to_numpy()[:, :genes]
        table[side] = [" ".join(str(name) for name in row if name) for row in named]
    table.index = pd.Index(symmetry["factor"].to_numpy(), name="factor")
    return table


def measure_table(symmetry: xr.Dataset) -> pd.DataFrame:
    """Return a row for each measure: its value and interval, whether it is a gauge, and the null models beside it.

    Parameters
    ----------
    symmetry : Dataset
        What :func:`dasknmf.symmetry` returned.

    Returns
    -------
    DataFrame
        By ``measure``: ``value`` of the fit that is described, ``mean`` over restarts, ``low`` and ``high`` of this
        mean (of fewer than 3 fits: of ``value``, over factors), and whether it is a gauge; of each null model ``mean``,
        ``z``, ``p``, ``q``, ``p_symmetric`` and ``effect``, with its name.
    """
    import pandas as pd

    table = pd.DataFrame(
        {
            "value": symmetry["measured"].to_numpy(),
            "mean": symmetry["mean"].to_numpy(),
            "low": symmetry["low"].to_numpy(),
            "high": symmetry["high"].to_numpy(),
            "gauge": np.where(symmetry["gauge_free"].to_numpy(), "free", "bound"),
        },
        index=pd.Index(symmetry["measure"].to_numpy(), name="measure"),
    )
    for kind in symmetry["kind"].to_numpy() if "kind" in symmetry.dims else ():
        of_kind = symmetry.sel(kind=kind)
        for name in ("null_mean", "z", "p", "q", "p_symmetric", "effect"):
            table[f"{kind}_{name.removeprefix('null_')}"] = of_kind[name].to_numpy()
    return table


def pair_table(symmetry: xr.Dataset) -> pd.DataFrame:
    """Return the pairs of genes between the two sides of each pair of factors, with their weight in A and in WH.

    Parameters
    ----------
    symmetry : Dataset
        What :func:`dasknmf.symmetry` returned.

    Returns
    -------
    DataFrame
        Columns ``first``, ``second`` (factors), ``gene``, ``partner`` (genes of their W sides), ``weight``, ``model``;
        heaviest first within a pair.
    """
    import pandas as pd

    of = symmetry["entry_pair"].to_numpy()
    genes = symmetry["entry_gene"].to_numpy().reshape(-1, 2)
    return pd.DataFrame(
        {
            "first": symmetry["pair_first"].to_numpy()[of],
            "second": symmetry["pair_second"].to_numpy()[of],
            "gene": genes[:, 0],
            "partner": genes[:, 1],
            "weight": symmetry["entry_weight"].to_numpy(),
            "model": symmetry["entry_model"].to_numpy(),
        }
    )
