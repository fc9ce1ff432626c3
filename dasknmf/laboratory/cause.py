"""Why w_j is not h_j: structure of the network, a factorization that is not unique, or one that is not finished."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dasknmf.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

#: Largest relative projected gradient of a factor that has arrived; it is also where fits stop by default. Measured on
#: three uniform and three Erdős–Rényi networks of 400 genes at rank 8, iterated to gradients of 1e-7: below 1e-4 the
#: cosine of a factor and its partner had 0.012 to go or less, by the median, and at most 0.14; from 1e-3 on 0.08 and up
#: to 0.33. On three gene networks nothing below 3e-4 moved by more than 0.0004 in 300 further iterations, above 1e-3 by
#: up to 0.96.
TOLERANCE = 1e-4
#: Mean similarity over restarts from which a factor is said to recur.
RECURS = 0.9

SYMMETRIC, STRUCTURE = "symmetric", "structure"
NON_UNIQUENESS, NON_CONVERGENCE = "non-uniqueness", "non-convergence"


@dataclass(frozen=True, eq=False)
class Causes:
    """Why each factor is as it is.

    Attributes
    ----------
    cause : ndarray of str, shape (k,)
        ``symmetric``, ``structure``, ``non-uniqueness`` or ``non-convergence``.
    supported : ndarray of bool, shape (k,)
        Where non-uniqueness was also seen: other restarts do not have the factor.
    """

    cause: NDArray[np.str_]
    supported: NDArray[np.bool_]


def causes(
    classes: ArrayLike,
    gradient: ArrayLike,
    *,
    converged: bool = False,
    recurrence: ArrayLike | None = None,
    tolerance: float = TOLERANCE,
) -> Causes:
    """Return why w_j is not h_j, of each factor.

    A module is symmetric, a pair is structure: its w and h are two gene sets that are joined. What fits neither can be
    no essentially unique factorization of a symmetric matrix; so it is not unique, or a local minimum, if it is
    stationary, and not finished otherwise.

    Parameters
    ----------
    classes : array-like of str, shape (k,)
        ``module``, ``pair`` or ``unresolved``.
    gradient : array-like, shape (k,)
        From :func:`dasknmf.laboratory.stationarity.projected_gradients`; nan where there is none to give.
    converged : bool
        Whether the fit as a whole has converged, which counts where there is no gradient.
    recurrence : array-like, shape (k,), optional
        Mean similarity to the match in other restarts, nan where it is not known. It does not change the cause, since a
        local minimum may be found again and again, but one that is not found again supports non-uniqueness.
    tolerance : float
        Largest gradient of a factor that has arrived.

    Returns
    -------
    Causes

    Raises
    ------
    InputError
        If lengths differ, or a class is not known.

    Examples
    --------
    >>> found = causes(["module", "pair", "unresolved", "unresolved"], [1e-3, 1e-3, 1e-6, 1e-3])
    >>> found.cause.tolist()
    ['symmetric', 'structure', 'non-uniqueness', 'non-convergence']
    """
    given = np.asarray(classes, dtype=str).reshape(-1)
    size = np.asarray(gradient, dtype=np.float64).reshape(-1)
    again = (
        np.full(len(given), np.nan) if recurrence is None else np.asarray(recurrence, np.float64).reshape(-1)
    )
    if not len(given) == len(size) == len(again):
        msg = (
            f"{len(given)} classes, {len(size)} gradients and {len(again)} recurrences; needs as many of each"
        )
        raise InputError(msg)
    unknown = sorted(set(given.tolist()) - {"module", "pair", "unresolved"})
    if unknown:
        msg = f"class '{unknown[0]}' is not known; needs module, pair or unresolved"
        raise InputError(msg)
    arrived = np.where(np.isnan(size), converged, size <= tolerance)
    unresolved = np.where(arrived, NON_UNIQUENESS, NON_CONVERGENCE)
    cause = np.where(given == "module", SYMMETRIC, np.where(given == "pair", STRUCTURE, unresolved))
    return Causes(cause, (cause == NON_UNIQUENESS) & (again < RECURS))
