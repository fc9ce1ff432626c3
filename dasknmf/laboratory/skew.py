"""The part of WH that is not symmetric, and whose it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dasknmf.analysis.matching import cosines, norms, same_genes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dasknmf.analysis.matching import Factors

#: ‖WH − (WH)ᵀ‖² / ‖WH‖² up to which it is rounding: loadings are float32, of relative error 6e-8, and squares of
#: norms that nearly cancel keep no more than 1e-14.
ROUNDING = 1e-12


def asymmetry(model: Factors) -> float:
    """Return ‖WH − (WH)ᵀ‖ / ‖WH‖: from 0, where WH is symmetric, to √2, where no entry has its mirror.

    Parameters
    ----------
    model : (W, Ht), each of shape (n, k)
        A non-negative fit, in any gauge; H is given transposed.

    Returns
    -------
    float
        0 where it is below 1e-6, which is rounding; nan where WH = 0.

    Raises
    ------
    InputError
        If shapes do not agree.

    Notes
    -----
    ‖WH − (WH)ᵀ‖² = 2‖WH‖² − 2 tr(WHWH), of k × k products; no n × n matrix is made.

    Examples
    --------
    >>> asymmetry((np.array([[1.0], [0.0]]), np.array([[0.0], [1.0]])))
    1.4142135623730951
    """
    straight, crossed = _products(model)
    whole = straight.sum()
    skew = 2.0 * (straight - crossed).sum()
    if not whole > 0:
        return float("nan")
    return float(np.sqrt(skew / whole)) if skew > ROUNDING * whole else 0.0


def skew_shares(model: Factors) -> NDArray[np.float64]:
    """Return the share of each factor in the skew part of WH.

    With S_j = (w_j h_jᵀ − h_j w_jᵀ) / 2, the skew part is S = Σ S_j, and the share of factor j is
    ⟨S_j, S⟩ / ‖S‖². What two partners have in common cancels: of w_i h_iᵀ + h_i w_iᵀ neither has a share.

    Parameters
    ----------
    model : (W, Ht), each of shape (n, k)
        A non-negative fit, in any gauge; H is given transposed.

    Returns
    -------
    ndarray, shape (k,)
        Their sum is 1; a factor that makes WH more symmetric than it were without has a negative share. All 0 where
        :func:`asymmetry` is 0 or nan, as there is nothing to share out.

    Raises
    ------
    InputError
        If shapes do not agree.

    Examples
    --------
    A module and a factor that goes one way.

    >>> skew_shares((np.eye(3)[:, :2], np.eye(3)[:, [0, 2]])).tolist()
    [0.0, 1.0]
    """
    straight, crossed = _products(model)
    by_factor = (straight - crossed).sum(axis=1)
    total = by_factor.sum()
    if not 2.0 * total > ROUNDING * straight.sum():
        return np.zeros(len(by_factor))
    return np.asarray(by_factor / total)


def _products(model: Factors) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return ⟨w_j h_jᵀ, w_l h_lᵀ⟩ and ⟨w_j h_jᵀ, h_l w_lᵀ⟩ for all factors j and l.

    By cosines, times the norms of the rank-one matrices: however an algorithm shares scale between W and H, no
    product overflows and no digits are lost.
    """
    W, Ht = (np.asarray(side) for side in model)
    same_genes([(W, Ht)])
    size = norms(W) * norms(Ht)
    size /= size.max(initial=0.0) or 1.0
    scale = np.outer(size, size)
    between = cosines([W], [Ht], dtype=np.float64)
    straight = cosines([W], dtype=np.float64) * cosines([Ht], dtype=np.float64)
    return scale * straight, scale * (between * between.T)
