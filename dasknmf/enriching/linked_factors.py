"""The tree of the factors of one flat fit, to compare nested factors with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dasknmf.analysis.genes import loadings
from dasknmf.analysis.matching import similarity
from dasknmf.analysis.memberships import memberships
from dasknmf.enriching.trees import Tree, level_tree
from dasknmf.errors import InputError, whole

if TYPE_CHECKING:
    from collections.abc import Sequence

    import xarray as xr
    from numpy.typing import NDArray


def factor_tree(
    fit: xr.Dataset, *, method: str = "average", clusters: Sequence[int] | None = None, min_size: int = 5
) -> Tree:
    """Return the tree of the factors of a fit: each gene in the factor it belongs to, factors linked by likeness.

    A tree to compare nested factors with. It is the flat fit of one rank, and every gene is in one leaf.

    Parameters
    ----------
    fit : Dataset
        What :func:`dasknmf.nmf` returned. Of ``solver="spectral"`` modules are linked by the angle between the means
        of their genes' rows of the embedding, each eigenvector times |λ|, as in a diffusion map after one step
        (Coifman & Lafon, Applied and Computational Harmonic Analysis 21:5, 2006); of others, factors by the cosine of
        their w_j h_jᵀ.
    method : str
        Of :func:`scipy.cluster.hierarchy.linkage`.
    clusters : sequence of int, optional
        Unions only at these numbers of them, such as the levels of nested factors; by default at all, two by two.
    min_size : int
        Smaller clusters are left out; their genes are in those above.

    Returns
    -------
    Tree
        Factors and their unions; the union of all, which says nothing, is left out.

    Raises
    ------
    InputError
        If ``fit`` is not the result of a fit.

    Examples
    --------
    >>> import dasknmf
    >>> fit = dasknmf.nmf(np.kron(np.eye(3), np.ones((6, 6))) + 0.1, n_components=3)
    >>> np.diff(factor_tree(fit).offset).tolist()
    [6, 12, 6, 6]
    """
    from scipy.cluster.hierarchy import linkage
    from scipy.spatial.distance import squareform

    sides = loadings(fit)
    labels = memberships((sides["W"], sides["H"]))
    used = np.unique(labels[labels >= 0])
    if len(used) < 2:
        msg = f"the genes of the fit belong to {len(used)} factor(s); needs at least 2 for a tree"
        raise InputError(msg)
    if "embedding" in fit.variables:
        rows = np.asarray(fit["embedding"].transpose("gene", ...).to_numpy(), dtype=np.float64)
        # where each eigenvector has a module of its own, only the eigenvalues say which modules are near
        rows = rows * np.abs(fit["eigenvalue"].to_numpy())
        means = np.array([rows[labels == factor].mean(axis=0) for factor in used])
        likeness = _cosines(means)
    else:
        likeness = similarity([(sides["W"][:, used], sides["H"][:, used])])
    distance = np.clip(1 - likeness, 0, None)
    np.fill_diagonal(distance, 0)
    Z = linkage(squareform((distance + distance.T) / 2, checks=False), method=method)
    leaf = np.searchsorted(used, labels)
    cuts = _merges(Z)
    if clusters is not None:
        # the first is of two clusters
        cuts = [
            cuts[min(whole("clusters", number, least=2), len(used)) - 2] for number in sorted(set(clusters))
        ]
    levels = [np.where(labels >= 0, cut[np.minimum(leaf, len(used) - 1)], -1) for cut in cuts]
    return level_tree(np.array(levels), fit["gene"].to_numpy(), min_size=min_size)


def _cosines(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    unit = rows / np.where(norms > 0, norms, 1)
    return np.asarray(unit @ unit.T)


def _merges(Z: NDArray[np.float64]) -> list[NDArray[np.int64]]:
    """Return the clusters of the leaves after each merge, from two clusters to none merged."""
    count = len(Z) + 1
    labels = np.arange(count)
    levels = [labels]
    for step, (a, b) in enumerate(Z[:-1, :2].astype(np.int64)):
        labels = np.where((labels == a) | (labels == b), count + step, labels)
        levels.append(labels)
    return levels[::-1]
