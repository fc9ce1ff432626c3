"""The network between factors: the best C ≥ 0 of A ≈ L C Lᵀ, and what it explains, from k×k sums alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Projected gradient over ‖LᵀAL‖, for loadings of norm 1, at which C is the best: what it explains is then wrong by
#: the square of it.
TOLERANCE = 1e-7
#: Rounds of a projected step and a minimisation on the face it leads to; cores of five networks took 4 to 60.
ROUNDS = 500
#: Conjugate-gradient steps on a face, for factors that are nearly alike; a round does not have to be exact.
FACE_STEPS = 100
#: Halvings of a step before it is none.
HALVINGS = 40


@dataclass(frozen=True, eq=False)
class Core:
    """The best C ≥ 0, C = Cᵀ, of A ≈ L C Lᵀ, and what it says.

    Attributes
    ----------
    matrix : ndarray, shape (k, k)
        C for columns of L of norm 1; zero for a column that is zero.
    explained : float
        1 − ‖A − L C Lᵀ‖² / ‖A‖²; at most 1, and not below 0.
    contributions : ndarray, shape (k, k)
        Share of what is explained that is with factor i on one side and j on the other: C_ij (LᵀAL)_ij, which sum to
        ⟨A, L C Lᵀ⟩ = ‖L C Lᵀ‖², over that; zero where nothing is explained.
    """

    matrix: NDArray[np.float64]
    explained: float
    contributions: NDArray[np.float64]


def best_core(product: NDArray[Any], gram: NDArray[Any], sum_of_squares: float) -> Core:
    """Return the best C ≥ 0 of A ≈ L C Lᵀ.

    Parameters
    ----------
    product : ndarray, shape (k, k)
        LᵀAL.
    gram : ndarray, shape (k, k)
        LᵀL.
    sum_of_squares : float
        ‖A‖².

    Returns
    -------
    Core

    Notes
    -----
    ½‖A − L C Lᵀ‖² = const − ⟨LᵀAL, C⟩ + ½⟨C, G C G⟩ is convex, a non-negative least-squares problem with the Hessian
    G ⊗ G, and a best C is symmetric as its transpose is as good. Projected-gradient steps find the face on which it
    lies, conjugate gradients the minimum on the face (Moré & Toraldo, SIAM Journal on Optimization 1:93, 1991), with
    two products of k×k matrices a step. Columns of L are brought to norm 1 first: C L-scaled back is the same model.

    Examples
    --------
    Two partners: nothing on the diagonal.

    >>> core = best_core(np.array([[0.0, 2.0], [2.0, 0.0]]), np.eye(2), 8.0)
    >>> core.matrix.tolist(), core.explained
    ([[0.0, 2.0], [2.0, 0.0]], 1.0)
    """
    norms = np.sqrt(np.diag(gram))
    to = np.divide(1.0, norms, out=np.zeros_like(norms), where=norms > 0)
    T, G = (np.outer(to, to) * (given + given.T) / 2 for given in (product, gram))
    C = np.maximum(T, 0.0)
    curved = float(np.vdot(C, G @ C @ G))
    C = least_squares(T, G, G, C * (float(np.vdot(T, C)) / curved if curved > 0 else 0.0))
    share = C * T
    seen = float(share.sum())
    model = float(np.vdot(C, G @ C @ G))
    explained = (2 * seen - model) / sum_of_squares if sum_of_squares > 0 else 0.0
    contributions = share / seen if seen > 0 else np.zeros_like(share)
    return Core(C, min(1.0, max(0.0, explained)), contributions)


def least_squares(
    T: NDArray[np.float64],
    left: NDArray[np.float64],
    right: NDArray[np.float64],
    start: NDArray[np.float64],
    *,
    rounds: int = ROUNDS,
) -> NDArray[np.float64]:
    """Return argmin over X ≥ 0 of ½⟨X, G X P⟩ − ⟨T, X⟩.

    Parameters
    ----------
    T : ndarray, shape (k, m)
        What X is to give.
    left, right : ndarray, shapes (k, k) and (m, m)
        G and P, positive semidefinite.
    start : ndarray, shape (k, m)
        Not below 0.
    rounds : int
        At most; the objective never rises.

    Examples
    --------
    >>> least_squares(np.array([[2.0, -1.0]]), np.eye(1), np.eye(2), np.zeros((1, 2))).tolist()
    [[2.0, 0.0]]
    """
    X = start
    gradient = left @ X @ right - T
    enough = TOLERANCE * float(np.linalg.norm(T))
    for _ in range(rounds):
        inside = np.where((X > 0) | (gradient < 0), gradient, 0.0)
        size = float(np.linalg.norm(inside))
        if size <= enough:
            break
        curved = float(np.vdot(inside, left @ inside @ right))
        if curved <= 0:
            break
        X, gradient = _step(X, gradient, -inside * (size**2 / curved), T, left, right)
        X, gradient = _step(X, gradient, _to_face_minimum(X, gradient, left, right), T, left, right)
    return X


def _to_face_minimum(
    X: NDArray[np.float64],
    gradient: NDArray[np.float64],
    left: NDArray[np.float64],
    right: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return the step to the minimum over the entries of X that are above zero, by conjugate gradients."""
    free = X > 0
    step = np.zeros_like(X)
    rest = np.where(free, -gradient, 0.0)
    direction = rest
    size = float(np.vdot(rest, rest))
    # far below the tolerance, so that the last face is the last round
    enough = 1e-6 * size
    for _ in range(FACE_STEPS):
        if size <= enough or size == 0:
            break
        curved = np.where(free, left @ direction @ right, 0.0)
        along = float(np.vdot(direction, curved))
        if along <= 0:
            break
        step = step + (size / along) * direction
        rest = rest - (size / along) * curved
        before, size = size, float(np.vdot(rest, rest))
        direction = rest + (size / before) * direction
    return step


def _step(
    X: NDArray[np.float64],
    gradient: NDArray[np.float64],
    step: NDArray[np.float64],
    T: NDArray[np.float64],
    left: NDArray[np.float64],
    right: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return X and its gradient after the longest of a step and its halves, cut off at 0, that lowers the objective."""
    for halving in range(HALVINGS):
        new = np.maximum(X + 0.5**halving * step, 0.0)
        moved = new - X
        change = left @ moved @ right
        # of a quadratic, exactly, without the difference of two large numbers
        if float(np.vdot(gradient, moved)) + 0.5 * float(np.vdot(moved, change)) < 0:
            # anew, so that rounding does not add up
            return new, left @ new @ right - T
    return X, gradient
