"""What the spectrum of a network forbids: errors that no model of a kind and rank can beat, and what symmetry costs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dasknmf.errors import InputError
from dasknmf.model import relative_error

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class Bounds:
    """Squared errors that no model of rank k of a kind can beat.

    Attributes
    ----------
    k : int
        Rank.
    sum_of_squares : float
        ‖A‖².
    wh, wwt, wswt : float
        Of ‖A − WH‖², ‖A − WWᵀ‖² and ‖A − WSWᵀ‖².
    """

    k: int
    sum_of_squares: float
    wh: float
    wwt: float
    wswt: float

    @property
    def price(self) -> float:
        """Predicted price of symmetry, f(WWᵀ) − f(WH), as a share of ‖A‖²."""
        return (self.wwt - self.wh) / self.sum_of_squares if self.sum_of_squares > 0 else 0.0

    def relative(self, kind: str) -> float:
        """Return √(bound / ‖A‖²) of ``"wh"``, ``"wwt"`` or ``"wswt"``."""
        return relative_error(float(getattr(self, kind)), self.sum_of_squares)


def bounds(values: ArrayLike, sum_of_squares: float, k: int, *, errors: ArrayLike | None = None) -> Bounds:
    """Return what no model of rank ``k`` can beat: WH and WSWᵀ by the largest |λ|, WWᵀ by the largest λ > 0.

    Parameters
    ----------
    values : array-like, shape (p,)
        Eigenvalues of A by descending magnitude.
    sum_of_squares : float
        ‖A‖².
    k : int
        Rank.
    errors : array-like, shape (p,), optional
        ‖A v − θ v‖ of each: a Ritz value is then taken as large as its error allows, as in
        :meth:`dasknmf.engine.sketch.Sketch.relative_error`.

    Returns
    -------
    Bounds

    Raises
    ------
    InputError
        If ``k`` is below 1, or there is no eigenvalue.

    Notes
    -----
    ‖A − X‖² ≥ ‖A‖² − Σ λ² over the k largest |λ| for X of rank k, over the k largest λ > 0 for X of rank k that is
    positive semidefinite. Of eigenvalues that are not known, none is taken larger than the smallest known |λ|, and
    all together not larger than what is left of ‖A‖².

    References
    ----------
    Eckart, Young, Psychometrika 1 (1936); for semidefinite X: Higham, Linear Algebra and its Applications 103 (1988).

    Examples
    --------
    One edge has NMF error 0 at rank 2, and no WWᵀ is nearer than 1.

    >>> found = bounds([1.0, -1.0], 2.0, 2)
    >>> found.wh, found.wwt, found.wswt, found.price
    (0.0, 1.0, 0.0, 0.5)
    """
    theta = np.asarray(values, dtype=np.float64).reshape(-1)
    if k < 1 or not len(theta):
        msg = f"rank {k} and {len(theta)} eigenvalues; needs a rank of at least 1, and a spectrum"
        raise InputError(msg)
    squares = _largest_squares(theta, errors)
    # what rounding leaves of a spectrum that is known as a whole is no further eigenvalue
    outside = sum_of_squares - float((theta**2).sum())
    outside = outside if outside > 1e-12 * sum_of_squares else 0.0
    smallest = float((theta**2).min())

    def left(chosen: NDArray[np.float64]) -> float:
        unknown = min((k - len(chosen)) * smallest, outside) if len(chosen) < k else 0.0
        return max(0.0, sum_of_squares - float(chosen.sum()) - unknown)

    any_sign = left(squares[:k])
    return Bounds(int(k), float(sum_of_squares), any_sign, left(squares[theta > 0][:k]), any_sign)


def _largest_squares(theta: NDArray[np.float64], errors: ArrayLike | None) -> NDArray[np.float64]:
    """Return λ², as large as errors allow where what is outside the sketch is no larger than what is in it."""
    sizes = np.abs(theta)
    if errors is not None:
        gap = sizes - sizes.min()
        sizes = sizes + (np.sqrt(gap**2 + 4 * np.asarray(errors, dtype=np.float64) ** 2) - gap) / 2
    return np.asarray(sizes**2)


@dataclass(frozen=True)
class NegativeMass:
    """How much of a spectrum is negative.

    Attributes
    ----------
    share : float
        Σ_{λ<0} λ² / Σ λ² over the eigenvalues that are known.
    outside : float
        Share of ‖A‖² that is of eigenvalues that are not known.
    low, high : float
        Least and most that share can be of ‖A‖², with those that are not known all positive, or all negative.
    """

    share: float
    outside: float
    low: float
    high: float


def negative_mass(values: ArrayLike, sum_of_squares: float) -> NegativeMass:
    """Return the share of the squared spectrum that is negative, which no WWᵀ can have.

    Parameters
    ----------
    values : array-like, shape (p,)
        Eigenvalues that are known.
    sum_of_squares : float
        ‖A‖².

    Examples
    --------
    >>> negative_mass([2.0, -1.0], 10.0)
    NegativeMass(share=0.2, outside=0.5, low=0.1, high=0.6)
    """
    theta = np.asarray(values, dtype=np.float64).reshape(-1)
    below, known = float((theta[theta < 0] ** 2).sum()), float((theta**2).sum())
    if sum_of_squares <= 0 or known <= 0:
        return NegativeMass(0.0, 0.0, 0.0, 0.0)
    outside = max(0.0, 1 - known / sum_of_squares)
    low = min(1.0, below / sum_of_squares)
    return NegativeMass(below / known, outside, low, min(1.0, low + outside))
