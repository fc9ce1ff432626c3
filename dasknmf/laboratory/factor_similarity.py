"""May factors be compared within W alone, or does H say otherwise which of them are alike."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from scipy.stats import t as student

from dasknmf.analysis.matching import cosines, same_genes
from dasknmf.errors import InputError, whole

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

    from dasknmf.analysis.matching import Factors

    Centred: TypeAlias = Callable[[NDArray[np.float64]], NDArray[np.float64]]

#: All k! orders up to here, 720; beyond, random ones, with a smallest p of 1/1000.
EXACT_RANK = 6
ORDERS = 999
#: Cosines are exact to about 1e-6, and their correlations to that over how much they vary. A correlation within it of
#: that of the data counts as reaching it, which can only make p larger; what varies less does not vary.
ROUNDING = 2e-6
#: Numbers of permuted matrices at a time: 2 MiB stay in a cache.
CHUNK = 2**18
#: Leaving one factor of 5 out leaves 6 similarities to correlate; of 4 it leaves 3, which any line nearly fits.
FEWEST_FOR_INTERVAL = 5
#: Correlation from which the one side explains half of how the other varies.
ENOUGH = 0.5**0.5
#: p of a verdict: half of 5 %, as either of two agreements makes one; at 5 % each, 7.8 % of 400 unrelated sides were
#: called comparable. The 24 orders of 4 factors cannot give it.
LEVEL = 0.025


@dataclass(frozen=True)
class Agreement:
    """Agreement of two matrices of similarity between the same k factors.

    Attributes
    ----------
    factors : int
        k: those that are zero on neither side.
    mantel, mantel_low, mantel_high : float
        Correlation of the similarities of different factors, and its 95 % jackknife interval over factors; nan where
        similarities do not vary, the interval also below 5 factors.
    mantel_p : float
        One-sided: chance of as large a correlation if it were unknown which factor is which.
    cka, cka_low, cka_high, cka_p : float
        The same of linear centred kernel alignment.
    cka_expected : float
        Its mean over orders: what it is where nothing agrees. Far from 0, since each factor is like itself.
    smallest_p : float
        The least p that so many orders can give.
    """

    factors: int
    mantel: float
    mantel_low: float
    mantel_high: float
    mantel_p: float
    cka: float
    cka_low: float
    cka_high: float
    cka_p: float
    cka_expected: float
    smallest_p: float

    @property
    def enough(self) -> bool:
        """Whether similarity on one side tells that on the other: not chance, and half of its variance."""
        return self.mantel_p <= LEVEL and self.mantel >= ENOUGH


@dataclass(frozen=True)
class SideSimilarity:
    """Similarity between factors by W, and by H.

    Attributes
    ----------
    by_w, by_h : ndarray, shape (k, k)
        Cosines of columns of W, and of rows of H.
    index : Agreement
        Of w_j, w_l with h_j, h_l.
    matched : Agreement
        Of w_j, w_l with their partners among the rows of H.
    """

    by_w: NDArray[np.float64]
    by_h: NDArray[np.float64]
    index: Agreement
    matched: Agreement

    @property
    def verdict(self) -> str:
        """Whether factors may be compared within W alone, in a sentence with the numbers."""
        numbers = f"index by index {_in_words(self.index)}; after partner matching {_in_words(self.matched)}"
        tellable = any(
            one.smallest_p <= LEVEL and not np.isnan(one.mantel) for one in (self.index, self.matched)
        )
        if self.index.enough:
            start = "Factors may be compared within W alone, index by index: H has the same ones alike"
        elif self.matched.enough:
            start = (
                "Factors may be compared within W alone only after partner matching: "
                "the partners of factors alike in W are alike in H, rows of H of the same index need not be"
            )
        elif not tellable:
            start = (
                "It cannot be told whether factors may be compared within W alone: too few factors that are alike "
                "to a different degree"
            )
        else:
            start = "Factors may not be compared within W alone: likeness in W does not tell likeness in H"
        return f"{start} ({numbers})."


def side_similarity(
    model: Factors, partner_of: ArrayLike, *, orders: int = ORDERS, seed: int = 0
) -> SideSimilarity:
    """Compare how alike factors are by W with how alike they are by H, as they stand and after partner matching.

    Parameters
    ----------
    model : (W, Ht), each of shape (n, k)
        A fit, non-negative, H transposed.
    partner_of : array of int, shape (k,)
        The row of H assigned to each column of W, each at most once; -1 for none.
    orders : int
        Random orders of factors where all k! are too many.
    seed : int
        Of these.

    Returns
    -------
    SideSimilarity
        Factors that are zero on a side are in neither agreement.

    Raises
    ------
    InputError
        If shapes do not agree, or two factors have one partner.

    Notes
    -----
    Correlation of what is off the diagonal, tested by permuting the factors of one side (Mantel, Cancer Research
    27:209, 1967): all k! orders, p = #{≥}/k!, or (1 + #{≥})/(1 + N). One-sided, as only likeness that agrees lets one
    side stand for both. Linear CKA of the k × k Gram matrices of unit columns, ⟨CKC, CLC⟩/(‖CKC‖‖CLC‖), C = I − 11ᵀ/k
    (Kornblith, Norouzi, Lee & Hinton, ICML 2019), has the same test. Similarities that share a factor are not
    independent, so intervals leave one factor out at a time (jackknife, Student's t with k − 1 degrees: Arvesen, Annals
    of Mathematical Statistics 40:2076, 1969), cut to what is possible. A bootstrap would draw a factor twice, and
    that it is like itself on both sides is no agreement. In simulations of 5 to 40 factors it covered 95–99 %.

    Both tests take the order of factors as given. Where it comes of the loadings (by contribution, or partners matched
    by the cosine of w and h) unrelated sides might agree for it; between W and H of different random networks of rank
    4 it did not show, p ≤ 5 % in 5.0 and 5.2 % of 400, where 24 orders allow 4.2 %. W and H of one random network do
    agree more often after matching, 11.5 %, and index by index never (``examples/benchmarks/false_positives.py``).

    Examples
    --------
    Factors 0 and 1 share genes on both sides, 2 and 3 fewer.

    >>> W = np.array([[1, 2, 0, 0.0], [2, 1, 0, 0], [0, 0, 1, 4], [0, 1, 4, 1]])
    >>> found = side_similarity((W, W[::-1]), [0, 1, 2, 3])
    >>> round(found.index.mantel, 6), round(found.index.mantel_p, 4)
    (1.0, 0.0417)
    >>> found.verdict[:65]
    'It cannot be told whether factors may be compared within W alone:'
    """
    whole("orders", orders, least=1)
    same_genes([model])
    W, Ht = (np.asarray(side) for side in model)
    k = W.shape[1]
    partner = _partners(partner_of, k)
    by_w, by_h = cosines([W]), cosines([Ht])
    alive_w, alive_h = np.diag(by_w) > 0, np.diag(by_h) > 0
    found = []
    for columns, rows in (
        (np.arange(k), np.arange(k)),
        (np.flatnonzero(partner >= 0), partner[partner >= 0]),
    ):
        both = alive_w[columns] & alive_h[rows]
        j, i = columns[both], rows[both]
        found.append(_agreement(by_w[np.ix_(j, j)], by_h[np.ix_(i, i)], orders, seed))
    return SideSimilarity(by_w, by_h, *found)


def _partners(partner_of: ArrayLike, k: int) -> NDArray[np.intp]:
    partner = np.asarray(partner_of)
    given = partner[partner >= 0] if partner.shape == (k,) and partner.dtype.kind in "iu" else None
    if given is None or (given >= k).any() or len(np.unique(given)) < len(given):
        msg = (
            f"partner_of={np.array2string(partner, threshold=8)}; needs a row of H, 0 to {k - 1}, for each of the {k} "
            f"columns of W, none twice, and -1 for none"
        )
        raise InputError(msg)
    return partner.astype(np.intp)


def _agreement(A: NDArray[np.float64], B: NDArray[np.float64], orders: int, seed: int) -> Agreement:
    """Return the agreement of two matrices of the same factors."""
    k = len(A)
    if k < 2:
        nothing = (np.nan, np.nan, np.nan, np.nan)
        return Agreement(k, *nothing, *nothing, cka_expected=np.nan, smallest_p=1.0)
    exact = k <= EXACT_RANK
    if exact:
        tried = np.array(list(permutations(range(k))), dtype=np.intp)
    else:
        tried = np.random.default_rng(seed).permuted(np.tile(np.arange(k), (orders, 1)), axis=1)
    # all orders have the data among them, random ones have not
    data = 0 if exact else 1
    mantel, _ = _tested(A, B, _apart, tried, data)
    cka, expected = _tested(A, B, _centred, tried, data)
    return Agreement(k, *mantel, *cka, cka_expected=expected, smallest_p=1 / (data + len(tried)))


def _tested(
    A: NDArray[np.float64], B: NDArray[np.float64], centred: Centred, tried: NDArray[np.intp], data: int
) -> tuple[tuple[float, float, float, float], float]:
    """Return an agreement, the ends of its interval and p; and its mean over orders."""
    a, b = centred(A), centred(B)
    value = _correlation(a, b)
    if np.isnan(value):
        return (np.nan, np.nan, np.nan, np.nan), np.nan
    lengths = np.linalg.norm(a), np.linalg.norm(b)
    by_order = np.empty(len(tried))
    for start in range(0, len(tried), chunk := max(1, CHUNK // a.size)):
        some = tried[start : start + chunk]
        turned = b[some[:, :, None], some[:, None, :]].reshape(len(some), -1)
        by_order[start : start + chunk] = turned @ a.ravel() / (lengths[0] * lengths[1])
    least = value - ROUNDING * len(A) * (1 / lengths[0] + 1 / lengths[1])
    p = (data + int((by_order >= least).sum())) / (data + len(tried))
    return (value, *_jackknife(A, B, value, centred), p), float(by_order.mean())


def _jackknife(
    A: NDArray[np.float64], B: NDArray[np.float64], value: float, centred: Centred
) -> tuple[float, float]:
    """Return the ends of the 95 % interval of an agreement over factors."""
    k = len(A)
    if k < FEWEST_FOR_INTERVAL:
        return np.nan, np.nan
    kept = [np.delete(np.arange(k), j) for j in range(k)]
    without = np.array([_correlation(centred(A[np.ix_(j, j)]), centred(B[np.ix_(j, j)])) for j in kept])
    away = student.ppf(0.975, k - 1) * np.sqrt((k - 1) * without.var())
    return float(max(value - away, -1.0)), float(min(value + away, 1.0))


def _apart(S: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return similarities of different factors less their mean, 0 on the diagonal."""
    apart = ~np.eye(len(S), dtype=bool)
    return np.where(apart, S - S[apart].mean(), 0.0)


def _centred(S: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return CSC."""
    away: NDArray[np.float64] = S - S.mean(axis=0)
    return np.asarray(away - away.mean(axis=1)[:, None])


def _correlation(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Return the cosine of two centred matrices; nan where one does not vary."""
    lengths = np.linalg.norm(a), np.linalg.norm(b)
    if min(lengths) <= ROUNDING * len(a):
        return np.nan
    return float(np.vdot(a, b) / (lengths[0] * lengths[1]))


def _in_words(found: Agreement) -> str:
    if np.isnan(found.mantel):
        return "no correlation, as similarities do not vary"
    interval = (
        "" if np.isnan(found.mantel_low) else f" (95 % {found.mantel_low:.2f} to {found.mantel_high:.2f})"
    )
    return (
        f"r = {found.mantel:.2f}{interval}, p = {found.mantel_p:.2g}, "
        f"CKA {found.cka:.2f} where chance has {found.cka_expected:.2f}"
    )
