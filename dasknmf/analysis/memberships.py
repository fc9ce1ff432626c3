"""Which genes belong together in the restarts of one rank, and how far the restarts agree on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.cluster.hierarchy import cophenet, linkage
from scipy.spatial.distance import squareform

from dasknmf.analysis.matching import balanced

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from dasknmf.analysis.matching import Factors

#: Genes whose consensus is clustered: half a million pairs, 4 MiB and a tenth of a second.
SAMPLE = 1000


def memberships(model: Factors) -> NDArray[np.intp]:
    """Return the factor each gene belongs to: that of its largest loading in balanced W.

    W alone decides. Where two factors of a symmetric network are partners, w_i ∝ h_j and w_j ∝ h_i, the sums
    w_i + h_i and w_j + h_j are proportional, and which is larger would be chance; at convergence the columns of
    Hᵀ are columns of W, so nothing is lost.

    Parameters
    ----------
    model : (W, Ht), each of shape (n, k)
        A fit.

    Returns
    -------
    ndarray of int, shape (n,)
        -1 for a gene without loadings, which belongs to nobody.

    Examples
    --------
    >>> W = np.array([[1.0, 0.5], [0.0, 0.2], [0.0, 0.0]])
    >>> memberships((W, W)).tolist()
    [0, 1, -1]
    """
    W = balanced(model)[0]
    return np.where(W.max(axis=1, initial=0) > 0, W.argmax(axis=1), -1)


def sample_genes(labels: NDArray[np.intp], *, size: int = SAMPLE, seed: int = 0) -> NDArray[np.intp]:
    """Draw genes that belong to a factor in some restart.

    All genes are shuffled and the first that qualify are taken, so that samples for different ranks of one network
    and one seed are nearly the same.

    Parameters
    ----------
    labels : ndarray of int, shape (R, n)
        :func:`memberships` of each restart.
    size : int
        Genes to draw; all that qualify if there are fewer.
    seed : int
        Of the draw.

    Returns
    -------
    ndarray of int, shape (at most size,)
        Their places, in order.

    Examples
    --------
    >>> sample_genes(np.array([[0, -1, 1, -1], [0, -1, -1, 1]]), size=10).tolist()
    [0, 2, 3]
    """
    order = np.random.default_rng(seed).permutation(labels.shape[1])
    qualified = np.any(labels >= 0, axis=0)
    return np.sort(order[qualified[order]][:size])


def gene_consensus(labels: NDArray[np.intp]) -> NDArray[np.float64]:
    """Return the share of restarts in which two genes belong to the same factor.

    Parameters
    ----------
    labels : ndarray of int, shape (R, m)
        Memberships of the sampled genes in each restart; two genes that belong to nobody do not belong together.

    Returns
    -------
    ndarray, shape (m, m)
        Symmetric, 1 on the diagonal.

    Notes
    -----
    Monti et al., Machine Learning 52:91, 2003; Brunet et al., PNAS 101:4164, 2004.

    Examples
    --------
    >>> gene_consensus(np.array([[0, 0, 1], [1, 0, 0]])).tolist()
    [[1.0, 0.5, 0.0], [0.5, 1.0, 0.5], [0.0, 0.5, 1.0]]
    """
    R, m = labels.shape
    together = np.zeros((m, m))
    for row in labels:
        # whole numbers, so float32 sums are exact
        member = (row[:, None] == np.unique(row[row >= 0])).astype(np.float32)
        together += member @ member.T
    np.fill_diagonal(together, R)
    return np.asarray(together / R)


def cophenetic(consensus: NDArray[np.float64]) -> float:
    """Return the correlation of 1 − consensus with the distances in its average-linkage tree.

    Parameters
    ----------
    consensus : ndarray, shape (m, m)
        From :func:`gene_consensus`.

    Returns
    -------
    float
        1 where genes always or never belong together; nan where all pairs are equal, as for one factor: there
        is nothing to correlate.

    Notes
    -----
    Brunet et al., PNAS 101:4164, 2004.

    Examples
    --------
    >>> cophenetic(gene_consensus(np.array([[0, 0, 1, 1], [1, 1, 0, 0]])))
    1.0
    """
    distances = squareform(1 - consensus, checks=False)
    # heights of the tree are means of distances and differ by their rounding
    if len(distances) == 0 or np.ptp(distances) < 1e-12:
        return float("nan")
    try:
        heights = cophenet(linkage(distances, method="average"))
    except ValueError:
        # equal distances, and heights that differ by rounding only, can confuse the tree: part them a little
        apart = distances + 1e-9 * np.random.default_rng(0).random(len(distances))
        heights = cophenet(linkage(apart, method="average"))
    return float(np.clip(np.corrcoef(distances, heights)[0, 1], -1, 1))


def dispersion(consensus: NDArray[np.float64]) -> float:
    """Return the mean of 4 (c − ½)² over all entries of a consensus: 1 if all are 0 or 1, 0 if all are ½.

    Parameters
    ----------
    consensus : ndarray, shape (m, m)
        From :func:`gene_consensus`.

    Returns
    -------
    float
        nan for no genes.

    Notes
    -----
    Kim & Park, Bioinformatics 23:1495, 2007.

    Examples
    --------
    >>> dispersion(np.array([[1.0, 0.5], [0.5, 1.0]]))
    0.5
    """
    return float(4 * np.square(consensus - 0.5).mean()) if consensus.size else float("nan")


def gene_stability(models: Sequence[Factors], *, size: int = SAMPLE, seed: int = 0) -> tuple[float, float]:
    """Return cophenetic correlation and dispersion of the gene memberships of the restarts of one rank.

    Parameters
    ----------
    models : sequence of (W, Ht), each of shape (n, k)
        R restarts.
    size : int
        Genes to draw.
    seed : int
        Of the draw.

    Returns
    -------
    cophenetic, dispersion : float
        nan for one restart, which agrees with itself.

    Examples
    --------
    >>> W = np.kron(np.eye(2), np.ones((2, 1)))
    >>> gene_stability([(W, W), (W[:, ::-1], W[:, ::-1])])
    (1.0, 1.0)
    """
    if len(models) < 2:
        return float("nan"), float("nan")
    labels = np.stack([memberships(model) for model in models])
    consensus = gene_consensus(labels[:, sample_genes(labels, size=size, seed=seed)])
    return cophenetic(consensus), dispersion(consensus)
