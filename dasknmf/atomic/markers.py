"""Which genes mark a pattern."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dasknmf.errors import InputError, one_of

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr


def pattern_markers(fit: xr.Dataset, *, threshold: str = "all") -> pd.DataFrame:
    """Return the genes that belong to one factor rather than to the others, best first.

    The loadings of a gene, of patterns whose largest entry is 1, are divided by the largest of them; its score on a
    factor is the distance of what is left to that factor's unit vector: 0 for a gene that is in no other.

    Parameters
    ----------
    fit : Dataset
        What :func:`dasknmf.cogaps`, or any fit, returned: ``W (gene, factor)`` and ``H``.
    threshold : {"all", "cut"}
        ``all`` gives every gene to the factor it has the lowest score on, the first of them if several; ``cut``
        goes down the ranks of each factor, and ends before the first gene with a better rank on another.

    Returns
    -------
    DataFrame
        One row a marker, with the columns ``factor``, ``rank`` (from 1, among all genes on that factor), ``gene``
        and ``score``; by factor, then rank. Genes without loadings are never markers.

    Raises
    ------
    InputError
        If ``fit`` lacks W, H or gene names, or the threshold is unknown.

    References
    ----------
    The PatternMarkers statistic: Stein-O'Brien et al., Bioinformatics 33:1892, 2017.

    Examples
    --------
    >>> import xarray as xr
    >>> fit = xr.Dataset(
    ...     {
    ...         "W": (("gene", "factor"), [[4.0, 0.0], [1.0, 3.0], [2.0, 1.0]]),
    ...         "H": (("factor", "sample"), [[1.0, 0.5], [0.2, 1.0]]),
    ...     },
    ...     coords={"gene": ["a", "b", "c"], "factor": [0, 1]},
    ... )
    >>> print(pattern_markers(fit).round(2).to_string(index=False))
     factor  rank gene  score
          0     1    a   0.00
          0     2    c   0.50
          1     1    b   0.33
    """
    import pandas as pd

    one_of("threshold", threshold, ("all", "cut"))
    lacking = [name for name in ("W", "H", "gene", "factor") if name not in fit.variables]
    if lacking:
        msg = f"the fit lacks {', '.join(lacking)}; give what dasknmf.cogaps, nmf or load returned"
        raise InputError(msg)
    W = np.asarray(fit["W"].transpose("gene", "factor").values, dtype=np.float64)
    others = [dim for dim in fit["H"].dims if dim != "factor"]
    W = W * np.asarray(fit["H"].max(others).values, dtype=np.float64)
    genes = np.flatnonzero(W.max(axis=1) > 0)
    score = np.empty((len(genes), W.shape[1]))
    scaled = W[genes] / W[genes].max(axis=1, keepdims=True)
    for j in range(W.shape[1]):
        score[:, j] = np.linalg.norm(scaled - np.eye(W.shape[1])[j], axis=1)
    rank = np.argsort(np.argsort(score, axis=0, kind="stable"), axis=0, kind="stable")
    best = score.argmin(axis=1)
    parts = []
    for j, factor in enumerate(fit["factor"].values):
        order = np.argsort(rank[:, j])
        if threshold == "all":
            chosen = order[best[order] == j]
        else:
            worse = rank[order, j] > rank[order].min(axis=1)
            chosen = order[: int(worse.argmax()) if worse.any() else len(order)]
        columns = {"factor": factor, "rank": rank[chosen, j] + 1, "gene": fit["gene"].values[genes[chosen]]}
        parts.append(pd.DataFrame({**columns, "score": score[chosen, j]}))
    return pd.concat(parts, ignore_index=True)
