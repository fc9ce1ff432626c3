"""How each column of W is related to the row of H that is its partner: over genes, one factor at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.stats import rankdata

from dasknmf.analysis.matching import norms, same_genes
from dasknmf.errors import InputError
from dasknmf.laboratory.curvature import RESAMPLES, curvature_test, monotone
from dasknmf.laboratory.multiplicity import q_values
from dasknmf.laboratory.slopes import least_squares, total_least_squares

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from dasknmf.analysis.matching import Factors
    from dasknmf.laboratory.assignment import Partners


def relations(
    model: Factors,
    found: Partners,
    gauge: NDArray[np.float64] | None = None,
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> dict[str, NDArray[np.float64]]:
    """Relate w_j to the row of H assigned to it, for every factor j.

    Correlations are over all genes, as ``numpy.corrcoef`` of the two columns gives them. Genes that are zero on both
    sides, most of them in a sparse factor, are on both sides alike; to leave them out would choose genes by what is
    compared, by which two independent sparse sides come to exclude each other.

    Parameters
    ----------
    model : (W, Ht), each of shape (n, k)
        A non-negative fit, in any gauge; H is given transposed.
    found : Partners
        Of this fit, by :func:`dasknmf.laboratory.assignment.partners`.
    gauge : ndarray, shape (k,), optional
        ‖w_j‖ / ‖h_j‖ as the algorithm left it: ``gauge`` of a result, or :func:`gauge_of` factors that nobody
        balanced. Without it own slopes are nan, for balanced factors do not tell.
    seed, resamples : int
        Of the wild bootstrap.

    Returns
    -------
    dict of ndarray, each of shape (k,)
        As :data:`dasknmf.laboratory.variables.VARIABLES` says: ``pearson``, ``spearman``, ``linearity`` (which is
        the square of the cosine), ``monotone``, ``curvature_p``, ``curvature_q``; ``slope`` and ``slope_tls`` with
        ``_low`` and ``_high``, of balanced factors; ``own_slope`` and ``own_slope_tls``, which are these over
        √(g_j g_π(j)). All nan for a factor without a partner; correlations also where a side is constant.

    Raises
    ------
    InputError
        If shapes do not agree.

    Notes
    -----
    Total least squares is done in the balanced gauge, the only one in which w and h are on one scale, and carried
    over; in another it would lean to the side that the algorithm made larger. q: Benjamini & Hochberg, Journal of
    the Royal Statistical Society B 57:289, 1995.

    Examples
    --------
    >>> from dasknmf.laboratory.assignment import partners
    >>> W = np.array([[4.0, 0.0], [2.0, 0.0], [0.0, 1.0], [0.0, 3.0]])
    >>> fit = W, W / 4
    >>> table = relations(fit, partners(fit), gauge_of(fit))
    >>> table["slope"].round(6).tolist(), table["own_slope"].round(6).tolist()
    ([1.0, 1.0], [0.25, 0.25])
    """
    W, Ht = _sides(model, found)
    factors = np.flatnonzero(found.matched)
    partner = found.partner_of[factors]
    x, y = _balanced_pairs(W, Ht, factors, partner)
    table = {
        "pearson": pearson(x, y),
        "spearman": pearson(ranks(W[:, factors]), ranks(Ht[:, partner])),
        "linearity": np.square(found.partner_cosine[factors]),
        "monotone": each_column(monotone, x, y),
        "curvature_p": each_column(
            lambda one, other: curvature_test(one, other, seed=seed, resamples=resamples), x, y
        ),
    }
    table["curvature_q"] = q_values(table["curvature_p"])
    table |= zip(("slope", "slope_low", "slope_high"), least_squares(x, y), strict=True)
    table |= zip(("slope_tls", "slope_tls_low", "slope_tls_high"), total_least_squares(x, y), strict=True)
    unit = own_units(gauge, factors, partner, len(found.partner_of))
    table["own_slope"], table["own_slope_tls"] = table["slope"] / unit, table["slope_tls"] / unit
    return {name: _spread(values, factors, len(found.partner_of)) for name, values in table.items()}


def gauge_of(model: Factors) -> NDArray[np.float64]:
    """Return ‖w_j‖ / ‖h_j‖ of factors as an algorithm left them; nan where both are zero, inf where h_j alone is.

    Parameters
    ----------
    model : (W, Ht), each of shape (n, k)
        A fit that nobody balanced.

    Returns
    -------
    ndarray, shape (k,)

    Examples
    --------
    >>> gauge_of((np.full((1, 1), 8.0), np.full((1, 1), 2.0))).tolist()
    [4.0]
    """
    same_genes([model])
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(norms(np.asarray(model[0])) / norms(np.asarray(model[1])))


def balanced_slopes(
    model: Factors, found: Partners, factors: NDArray[np.intp], partner: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Return the least-squares slopes of h_i on w_j of balanced factors, without intervals.

    A slope is the cosine times √(s_i / s_j), where s_j = ‖w_j‖‖h_j‖. ``factors`` and ``partner`` are the j and i,
    each of shape (m,), none of them zero on a side.
    """
    size = np.sqrt(norms(np.asarray(model[0]))) * np.sqrt(norms(np.asarray(model[1])))
    return np.asarray(found.cosine[factors, partner] * size[partner] / size[factors])


def own_units(
    gauge: NDArray[np.float64] | None, factors: NDArray[np.intp], partner: NDArray[np.intp], k: int
) -> NDArray[np.float64]:
    """Return √(g_j g_i), by which a balanced slope of h_i on w_j is above that of the algorithm; nan if not known."""
    if gauge is None:
        return np.full(len(factors), np.nan)
    gauge = np.asarray(gauge, dtype=np.float64)
    if gauge.shape != (k,):
        msg = f"gauge of shape {gauge.shape}; needs ‖w_j‖ / ‖h_j‖ of each of {k} factors, shape ({k},)"
        raise InputError(msg)
    wrong = factors[~(np.isfinite(gauge[factors]) & (gauge[factors] > 0))]
    if len(wrong):
        msg = f"gauge of factor {wrong[0]} is {gauge[wrong[0]]}; needs ‖w_j‖ / ‖h_j‖, which is above 0"
        raise InputError(msg)
    return np.sqrt(gauge[factors]) * np.sqrt(gauge[partner])


def pearson(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the correlation of column j of ``x`` with column j of ``y``; nan where one is constant."""
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    size = np.sqrt(np.square(x).sum(axis=0)) * np.sqrt(np.square(y).sum(axis=0))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.clip(np.where(size > 0, (x * y).sum(axis=0) / size, np.nan), -1.0, 1.0)


def ranks(side: NDArray[Any]) -> NDArray[np.float64]:
    """Return the ranks of genes in each column, ties by their mean."""
    return np.asarray(rankdata(side, axis=0), dtype=np.float64).reshape(side.shape)


def each_column(
    function: Callable[[NDArray[np.float64], NDArray[np.float64]], float],
    x: NDArray[np.float64],
    y: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return a function of columns j of ``x`` and ``y``, for all j."""
    return np.array([function(one, other) for one, other in zip(x.T, y.T, strict=True)], dtype=np.float64)


def _sides(model: Factors, found: Partners) -> Factors:
    W, Ht = (np.asarray(side) for side in model)
    same_genes([(W, Ht)])
    if W.shape[1] != len(found.partner_of):
        msg = (
            f"a fit of {W.shape[1]} factors and partners of {len(found.partner_of)}; give partners(model) of "
            f"the same fit"
        )
        raise InputError(msg)
    return W, Ht


def _balanced_pairs(
    W: NDArray[Any], Ht: NDArray[Any], factors: NDArray[np.intp], partner: NDArray[np.intp]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return columns j of W and i of Hᵀ, balanced, in float64 so that order and ties of genes stay what they are."""
    root_w, root_h = np.sqrt(norms(W)), np.sqrt(norms(Ht))
    with np.errstate(divide="ignore", invalid="ignore"):
        x = W[:, factors] * (root_h / root_w)[factors]
        y = Ht[:, partner] * (root_w / root_h)[partner]
    return x, y


def _spread(values: NDArray[np.float64], factors: NDArray[np.intp], k: int) -> NDArray[np.float64]:
    """Return values of some factors at their places among all k, nan elsewhere."""
    spread = np.full(k, np.nan)
    spread[factors] = values
    return spread
