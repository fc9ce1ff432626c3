"""How well factors find known modules, beside what they find when the gene labels are shuffled."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import rankdata

from dasknmf.analysis.genes import loadings
from dasknmf.errors import InputError, offenders

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr
    from numpy.typing import NDArray

#: Above this AUROC a module counts as recovered.
RECOVERED = 0.9


def module_recovery(fit: xr.Dataset, modules: pd.DataFrame, *, size: int = 20, seed: int = 0) -> xr.Dataset:
    """Score each known module by the factor that ranks its genes highest.

    A module is its ``size`` genes of largest absolute weight. A factor's score is the area under the ROC
    curve (AUROC) of its loadings for these genes against all others: the chance that a gene of the module
    has the larger loading, ties counted half. A module's score is the best over all factors and both sides,
    W and H; on a symmetric network at convergence the sides agree (a factor's other side is the W of its
    partner), and either may find a module before that. The best of many is large even by chance, so
    the same search is done with the gene labels shuffled.

    Parameters
    ----------
    fit : Dataset
        What :func:`dasknmf.nmf` returned.
    modules : DataFrame, shape (genes, modules)
        Signed weights, with gene names as index. Genes the fit does not have are left out.
    size : int
        Genes of a module; fewer where fewer weights are not 0.
    seed : int
        Of the shuffle.

    Returns
    -------
    Dataset
        Along ``module``: ``auroc``, the best ``factor`` and its ``side``, ``shuffled`` (best AUROC with
        shuffled labels) and ``genes`` (size of the module). Attributes: ``median_auroc``,
        ``median_shuffled``, ``recovered`` (modules with AUROC above ``threshold``, 0.9) and
        ``recovered_shuffled``, ``modules``, ``size``, ``seed``.

    Raises
    ------
    InputError
        If the modules share no genes with the fit, or one of them is empty or not finite.

    Notes
    -----
    AUROC from rank sums: Hanley & McNeil, Radiology 143:29, 1982.

    Examples
    --------
    >>> import pandas as pd, xarray as xr
    >>> fit = xr.Dataset(
    ...     {"W": (("gene", "factor"), [[9], [8], [1], [0]]), "H": (("factor", "gene"), [[0, 0, 0, 1]])},
    ...     coords={"gene": list("abcd"), "factor": [0]},
    ... )
    >>> modules = pd.DataFrame({"argR": [-3.0, 2.0, 0.1, 0.0]}, index=list("abcd"))
    >>> module_recovery(fit, modules, size=2)["auroc"].values.tolist()
    [1.0]
    """
    import xarray as xr

    sides = loadings(fit)
    members = _members(np.asarray(fit["gene"].to_numpy(), dtype=object), modules, size)
    k = fit.sizes["factor"]
    ranks = rankdata(np.hstack([sides["W"], sides["H"]]), axis=0)
    scores = auroc(members, ranks)
    best = scores.argmax(axis=1)
    labels = np.random.default_rng(seed).permutation(members.shape[1])
    shuffled = auroc(members[:, labels], ranks).max(axis=1)
    top = scores.max(axis=1)
    return xr.Dataset(
        {
            "auroc": ("module", top),
            "factor": ("module", fit["factor"].to_numpy()[best % k]),
            "side": ("module", np.where(best < k, "W", "H").astype(object)),
            "shuffled": ("module", shuffled),
            "genes": ("module", members.sum(axis=1)),
        },
        coords={"module": modules.columns.astype(str).to_numpy(dtype=object)},
        attrs={
            "median_auroc": float(np.median(top)),
            "median_shuffled": float(np.median(shuffled)),
            "threshold": RECOVERED,
            "recovered": int((top > RECOVERED).sum()),
            "recovered_shuffled": int((shuffled > RECOVERED).sum()),
            "modules": len(top),
            "size": size,
            "seed": seed,
        },
    )


def auroc(members: NDArray[np.bool_], ranks: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the AUROC of every score for every set, from the ranks of the scores.

    Parameters
    ----------
    members : ndarray of bool, shape (sets, genes)
        Which genes are in a set; neither none nor all.
    ranks : ndarray, shape (genes, scores)
        Average ranks of each score, from 1.

    Returns
    -------
    ndarray, shape (sets, scores)

    Examples
    --------
    >>> auroc(np.array([[False, True, True]]), np.array([[1.0], [2.5], [2.5]])).tolist()
    [[1.0]]
    """
    inside = members.sum(axis=1, keepdims=True)
    rank_sums = members.astype(np.float64) @ ranks
    return np.asarray((rank_sums - inside * (inside + 1) / 2) / (inside * (members.shape[1] - inside)))


def _members(genes: NDArray[np.object_], modules: pd.DataFrame, size: int) -> NDArray[np.bool_]:
    if not 1 <= size < len(genes):
        msg = f"size={size}: a module needs at least 1 gene and fewer than the {len(genes):,} of the fit"
        raise InputError(msg)
    if not modules.index.is_unique or not modules.index.isin(genes).any():
        first = ", ".join(map(str, modules.index[:3]))
        msg = (
            f"modules: their index begins {first}; it must be unique gene names, some of them of the fit, "
            f"such as {genes[0]}"
        )
        raise InputError(msg)
    weights = np.abs(modules.reindex(genes).fillna(0).to_numpy(dtype=np.float64)).T
    order = np.argsort(-weights, axis=1, kind="stable")[:, :size]
    members = np.zeros(weights.shape, dtype=bool)
    np.put_along_axis(members, order, values=True, axis=1)
    members &= weights > 0
    empty = np.flatnonzero(~members.any(axis=1) | ~np.isfinite(weights).all(axis=1))
    if len(empty):
        shown = [f"'{modules.columns[i]}'" for i in empty[:3]]
        msg = (
            f"modules without a finite weight for any gene of the fit: {offenders(shown, len(empty))}; "
            "leave them out: modules.drop(columns=[...])"
        )
        raise InputError(msg)
    return members
