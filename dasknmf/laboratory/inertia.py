"""The inertia law: how many pairs of factors a spectrum promises, and how many a model has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dasknmf.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from dasknmf.analysis.matching import Factors

#: An eigenvalue of a model that is this share of the largest is rounding of float32 factors: those of a symmetric fit
#: that went through a file have negative ones of 1e-7.
ROUNDING = 1e-6
#: Genes at once, of which W and Hᵀ in float64 are 1 MiB at rank 32.
BLOCK = 2048


@dataclass(frozen=True, eq=False)
class Inertia:
    """Pairs predicted by a spectrum, for some ranks.

    Attributes
    ----------
    ranks : ndarray of int, shape (r,)
        k.
    predicted : ndarray of int, shape (r,)
        Negative ones of the k eigenvalues of largest magnitude.
    low, high : ndarray of int, shape (r,)
        Fewest and most of them, wherever within their errors eigenvalues are.
    """

    ranks: NDArray[np.intp]
    predicted: NDArray[np.intp]
    low: NDArray[np.intp]
    high: NDArray[np.intp]


def inertia(values: ArrayLike, errors: ArrayLike, ranks: int | Sequence[int] | NDArray[np.intp]) -> Inertia:
    """Return the pairs of factors that the inertia law predicts at each rank.

    If A_k = WΠDWᵀ with W of full column rank, Π an involution and D positive, then by Sylvester's law A_k has as many
    negative eigenvalues as Π has 2-cycles; the nearest A_k has those of the k largest |λ| (Eckart–Young). So they are
    counted before any factorization.

    Parameters
    ----------
    values : array-like, shape (p,)
        Eigenvalues of A with the largest |λ|, in any order; more than the largest rank, so that those next in size can
        compete for a place.
    errors : array-like, shape (p,)
        How far each may be off, such as ‖A v − θ v‖.
    ranks : int or sequence of int
        At most p each.

    Returns
    -------
    Inertia

    Raises
    ------
    InputError
        If values or errors are not finite, errors are negative, or a rank is not from 1 to p.

    Notes
    -----
    Most: every eigenvalue that can be below zero is taken at its lower end, as large a negative one as it can be, every
    other at its lower end too, as small a positive one as it can be. That is the largest count, not only a bound of it:
    moving one more eigenvalue that way never lowers the count. If it was among the k largest, it stays as a negative
    one, or gives its place to another one; if it was not, it stays out, or takes the place of at most one. Fewest: the
    same of −A, where zero is no negative one. Of equal magnitudes the one that helps comes first, so both ends are
    safe. Errors are of each eigenvalue by itself; eigenvalues that the sketch has not seen at all are not in them.

    References
    ----------
    Sylvester, Philosophical Magazine 4 (1852); Eckart, Young, Psychometrika 1 (1936); for the errors: Parlett, The
    Symmetric Eigenvalue Problem, SIAM 1998, theorem 4.5.1.

    Examples
    --------
    An edge between two genes is a pair, whatever small errors say; of −2 and 1.9 either may be the second.

    >>> inertia([1.0, -1.0], [0.1, 0.1], 2).predicted.tolist()
    [1]
    >>> found = inertia([5.0, -2.0, 1.9], [0.1, 0.1, 0.1], [1, 2, 3])
    >>> found.predicted.tolist(), found.low.tolist(), found.high.tolist()
    ([0, 1, 1], [0, 0, 1], [0, 1, 1])
    """
    theta, error = (np.asarray(given, dtype=np.float64).reshape(-1) for given in (values, errors))
    if (
        theta.shape != error.shape
        or not np.isfinite(theta).all()
        or not (np.isfinite(error) & (error >= 0)).all()
    ):
        msg = f"{theta.size} eigenvalues and {error.size} errors; needs as many, finite, and errors of at least 0"
        raise InputError(msg)
    wanted = np.atleast_1d(np.asarray(ranks, dtype=np.intp))
    if wanted.size and not 1 <= wanted.min() <= wanted.max() <= len(theta):
        bad = int(wanted[(wanted < 1) | (wanted > len(theta))][0])
        msg = f"rank {bad} of {len(theta)} eigenvalues; needs 1 to {len(theta)}: make a sketch for a larger rank"
        raise InputError(msg)
    lowest, highest = theta - error, theta + error
    return Inertia(
        wanted,
        _negative(theta, wanted, first=None),
        _negative(highest, wanted, first=False),
        _negative(lowest, wanted, first=True),
    )


def _negative(
    values: NDArray[np.float64], ranks: NDArray[np.intp], *, first: bool | None
) -> NDArray[np.intp]:
    """Count the negative ones of the k largest |λ|; ``first``: whether they come first where magnitudes are equal."""
    negative = values < 0
    later = np.zeros(len(values), bool) if first is None else negative != first
    order = np.lexsort((later, -np.abs(values)))
    return np.asarray(np.cumsum(negative[order])[ranks - 1], dtype=np.intp)


def model_spectrum(model: Factors) -> NDArray[np.float64]:
    """Return the eigenvalues of (WH + HᵀWᵀ)/2 that need not be zero, from a 2k × 2k problem.

    Parameters
    ----------
    model : (W, Ht), each of shape (n, k)
        A fit.

    Returns
    -------
    ndarray, shape (2k,)
        By descending magnitude; if 2k > n, some are zeros that the matrix does not have.

    Notes
    -----
    The matrix is F J Fᵀ with F = [W Hᵀ] and J = ½[[0, I], [I, 0]]. With G = FᵀF = RᵀR its eigenvalues other than zero
    are those of R J Rᵀ. No n × n matrix is made; G is summed in float64 over blocks of genes. Factors are balanced
    first, so that a gauge costs no digits.

    Examples
    --------
    One edge: w_1 = h_2 and w_2 = h_1.

    >>> sorted(model_spectrum((np.eye(2), np.eye(2)[:, ::-1])).round(9).tolist())
    [-1.0, 0.0, 0.0, 1.0]
    """
    W, Ht = (np.asarray(side) for side in model)
    n, k = W.shape
    G = np.zeros((2 * k, 2 * k))
    for start in range(0, n, BLOCK):
        rows = slice(start, start + BLOCK)
        F = np.hstack([W[rows], Ht[rows]]).astype(np.float64)
        G += F.T @ F
    norms = np.sqrt(np.diag(G))
    scale = np.sqrt(norms[:k] * norms[k:])
    to = np.zeros(2 * k)
    np.divide(np.tile(scale, 2), norms, out=to, where=norms > 0)
    squares, vectors = np.linalg.eigh(G * np.outer(to, to))
    R = np.sqrt(np.maximum(squares, 0))[:, None] * vectors.T
    half = R[:, :k] @ R[:, k:].T
    found = np.linalg.eigvalsh((half + half.T) / 2)
    return np.asarray(found[np.argsort(-np.abs(found), kind="stable")])


def model_inertia(model: Factors) -> int:
    """Return the negative ones of the k eigenvalues of largest magnitude of (WH + HᵀWᵀ)/2.

    It is what the fit itself says of its pairs, without any matching: where W ∝ Hᵀ up to an involution, the number of
    its 2-cycles. All 2k would not do: a module of which w and h differ a little has a small negative eigenvalue,
    ‖w‖‖h‖(cos − 1)/2, that is of no pair.

    Parameters
    ----------
    model : (W, Ht), each of shape (n, k)
        A fit.

    Returns
    -------
    int

    Examples
    --------
    Three genes: a module of one, and an edge between the two others.

    >>> model_inertia((np.eye(3), np.eye(3)[:, [0, 2, 1]]))
    1
    """
    k = np.shape(model[0])[1]
    values = model_spectrum(model)[:k]
    return int((values < -ROUNDING * np.abs(values).max(initial=0.0)).sum())
