"""Which row of H is the partner of each column of W, and whether partners are each other's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dasknmf.analysis.matching import cosines, match, same_genes
from dasknmf.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dasknmf.analysis.matching import Factors

#: Cosines nearer than this are one: loadings are float32, of which a cosine keeps 6 digits.
TIE = 1e-6


@dataclass(frozen=True)
class Partners:
    """The optimal assignment π between the columns of W and the rows of H of one fit.

    Attributes
    ----------
    cosine : ndarray, shape (k, k)
        ``[j, i]`` is the cosine of w_j and h_i.
    partner_of : ndarray of int, shape (k,)
        π(j), the row of H assigned to column j of W; -1 for a factor that is zero on a side.
    own_cosine, partner_cosine : ndarray, shape (k,)
        Of w_j with h_j and with h_π(j); 0 for a factor that is zero on a side.
    cycle, cycle_length : ndarray of int, shape (k,)
        Number of the cycle of π that a factor is in, by their smallest factors, and its length; -1 and 0 for a
        factor that is zero on a side.
    is_involution : bool
        Whether π(π(j)) = j for every factor that has a partner, and at least one has.
    involution_defect : float
        1 − Σ_j C[π(j), j] / Σ_j C[j, π(j)], what it costs in cosine to read π backwards. If w_j is h_π(j) for every
        j, symmetry of A says that w_π(j) is h_j too: 0 exactly where that assignment is as good, as it is if π is an
        involution, and 1 where it joins only what has no gene in common. Dense factors all have large cosines, so
        that there a broken involution may cost little. Nan where no factor has a partner.
    fixed_points, two_cycles : int
        Factors that are their own partners; pairs of factors that are each other's.
    longer_cycles, unmatched : int
        Factors in cycles of more than two; factors that are zero on a side. Hence k = ``fixed_points`` +
        2 ``two_cycles`` + ``longer_cycles`` + ``unmatched``.
    """

    cosine: NDArray[np.float64]
    partner_of: NDArray[np.intp]
    own_cosine: NDArray[np.float64]
    partner_cosine: NDArray[np.float64]
    cycle: NDArray[np.intp]
    cycle_length: NDArray[np.intp]
    is_involution: bool
    involution_defect: float
    fixed_points: int
    two_cycles: int
    longer_cycles: int
    unmatched: int

    @property
    def matched(self) -> NDArray[np.bool_]:
        """Which factors have a partner, shape (k,)."""
        return self.partner_of >= 0


def partners(model: Factors) -> Partners:
    """Assign a row of H to every column of W so that the sum of their cosines is largest.

    If A = Aᵀ has a factorization WH that is unique up to order and scale, HᵀWᵀ is the same one, so that the
    assignment is its own inverse: its fixed points are modules, w_j ∝ h_j, its 2-cycles are pairs of gene sets
    joined to each other, w_i ∝ h_j and w_j ∝ h_i. Nothing here imposes that.

    Parameters
    ----------
    model : (W, Ht), each of shape (n, k)
        A fit, in any gauge; H is given transposed.

    Returns
    -------
    Partners

    Raises
    ------
    InputError
        If shapes do not agree, or loadings are negative or not finite.

    Notes
    -----
    Jonker & Volgenant, Computing 38:325, 1987. Factors that are zero on a side are taken out before assigning.

    Ties are settled by what is added to the cosines: 1e-6 where a factor is its own partner, and between other
    factors less than half of that times the smaller of C[j, i] and C[i, j], by a symmetric matrix without ties of
    its own. So among assignments whose cosines are the same but for rounding, the one with most fixed points is
    taken, which keeps two proportional modules from being called a pair; and of a longer cycle of even length that
    can be cut into pairs at no cost, the pairs, for one of the two ways to cut it beats the mean of both, which is
    the cycle. The sum of cosines is at most 1e-6 a factor below the largest.

    Examples
    --------
    >>> found = partners((np.eye(2), np.eye(2)[:, ::-1]))
    >>> found.partner_of.tolist(), found.cycle_length.tolist(), found.is_involution
    ([1, 0], [2, 2], True)
    """
    W, Ht = (np.asarray(side) for side in model)
    same_genes([(W, Ht)])
    for name, side in (("W", W), ("Ht", Ht)):
        # a minimum that is not finite is neither
        if side.size and not (side.min() >= 0 and np.isfinite(side.max())):
            wrong = np.flatnonzero(~(np.isfinite(side) & (side >= 0)).all(axis=0))
            msg = (
                f"{name} has loadings that are negative or not finite, first in factor {wrong[0]}; partners need "
                f"a non-negative fit, such as of solver='hals'"
            )
            raise InputError(msg)
    cosine = cosines([W], [Ht], dtype=np.float64)
    # not by the cosine with each other: a factor may be orthogonal to all and still be there
    alive = np.flatnonzero(W.any(axis=0) & Ht.any(axis=0))
    partner_of = np.full(len(cosine), -1, dtype=np.intp)
    partner_of[alive] = alive[match(_without_ties(cosine[np.ix_(alive, alive)]))[0]]
    return _described(cosine, partner_of)


def classes(found: Partners, threshold: float) -> NDArray[np.str_]:
    """Return what each factor is: a module, one of a pair, or unresolved.

    Parameters
    ----------
    found : Partners
        Of a fit.
    threshold : float
        Cosine from which a partner is believed, such as one that few factors of null networks reach.

    Returns
    -------
    ndarray of str, shape (k,)
        ``"module"``: its own partner, by a cosine of ``threshold`` at least; ``"pair"``: of a 2-cycle both of whose
        cosines are; ``"unresolved"``: all others, those without a partner too.

    Raises
    ------
    InputError
        If the threshold is not between 0 and 1.

    Examples
    --------
    >>> W = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    >>> found = partners((W, W[:, [0, 2, 1]]))
    >>> classes(found, 0.9).tolist()
    ['module', 'pair', 'pair']
    """
    if not 0 <= threshold <= 1:
        msg = f"threshold={threshold!r}: needs a cosine, from 0 to 1"
        raise InputError(msg)
    good = found.partner_cosine >= threshold
    both = good & good[found.partner_of]
    kinds = np.full(len(good), "unresolved", dtype="<U10")
    kinds[good & (found.cycle_length == 1)] = "module"
    kinds[both & (found.cycle_length == 2)] = "pair"
    return kinds


def _without_ties(cosine: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return cosines of which no two assignments have the same sum: see the notes of :func:`partners`."""
    k = len(cosine)
    upper = np.triu(np.random.default_rng(0).uniform(0.25, 0.5, (k, k)), 1)
    bonus = (upper + upper.T) * np.minimum(cosine, cosine.T)
    np.fill_diagonal(bonus, 1.0)
    return np.asarray(cosine + TIE * bonus)


def _described(cosine: NDArray[np.float64], partner_of: NDArray[np.intp]) -> Partners:
    k = len(partner_of)
    factors = np.arange(k)
    matched = factors[partner_of >= 0]
    partner = partner_of[matched]
    partner_cosine = np.zeros(k)
    partner_cosine[matched] = cosine[matched, partner]
    cycle, cycle_length = _cycles(partner_of)
    is_involution = bool(len(matched)) and bool((partner_of[partner] == matched).all())
    if is_involution:
        defect = 0.0  # the sums are of the same terms, but not in the same order
    elif len(matched):
        # by its tie-break the assignment may be below its inverse by rounding
        defect = max(0.0, 1.0 - float(cosine[partner, matched].sum() / partner_cosine.sum()))
    else:
        defect = np.nan
    return Partners(
        cosine=cosine,
        partner_of=partner_of,
        own_cosine=np.diag(cosine).copy(),
        partner_cosine=partner_cosine,
        cycle=cycle,
        cycle_length=cycle_length,
        is_involution=is_involution,
        involution_defect=defect,
        fixed_points=int((cycle_length == 1).sum()),
        two_cycles=int((cycle_length == 2).sum()) // 2,
        longer_cycles=int((cycle_length > 2).sum()),
        unmatched=k - len(matched),
    )


def _cycles(partner_of: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the number and the length of the cycle of each factor; -1 and 0 where it has no partner."""
    cycle = np.full(len(partner_of), -1, dtype=np.intp)
    length = np.zeros(len(partner_of), dtype=np.intp)
    number = 0
    for first in np.flatnonzero(partner_of >= 0):
        if cycle[first] >= 0:
            continue
        members = [first]
        while (following := partner_of[members[-1]]) != first:
            members.append(following)
        cycle[members], length[members] = number, len(members)
        number += 1
    return cycle, length
