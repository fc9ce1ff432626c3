"""How far each factor of a fit is from stationary: its projected gradient on A, or why there is none to give."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dasknmf.blas import one_blas_thread
from dasknmf.solvers import is_direct, solver_class

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from dasknmf.analysis.matching import Factors

#: What solvers with two free factors minimise; the gradient of each is that of this function and their penalties.
FROBENIUS = "½‖A − WH‖²"
#: Solvers of which the fit is W and Hᵀ = W, or W and H = SWᵀ: the gradient by W is twice that of ½‖A − WH‖² with H
#: held, and H is not free.
ONE_FACTOR = frozenset({"symline", "symmu", "symhals", "anls-sym", "trifactor"})


@dataclass(frozen=True, eq=False)
class Stationarity:
    """Projected gradients of a fit.

    Attributes
    ----------
    sides : ndarray, shape (k, 2)
        Norm of the projected gradient of w_j and of h_j over that of its part A·X; nan where it says nothing.
    factors : ndarray, shape (k,)
        Of both together, balanced.
    note : str
        What was taken, or why there is none.
    """

    sides: NDArray[np.float64]
    factors: NDArray[np.float64]
    note: str


def gradient_sides(attributes: Mapping[str, Any]) -> tuple[str, str]:
    """Return which sides of a fit have a Frobenius gradient, ``"WH"``, ``"W"`` or ``""``, and why.

    Parameters
    ----------
    attributes : mapping
        Of the fit: its ``solver``, and its ``weights`` if it has any.

    Examples
    --------
    >>> gradient_sides({"solver": "hals"})[0], gradient_sides({"solver": "trifactor"})[0]
    ('WH', 'W')
    >>> print(gradient_sides({"solver": "brunet"})[1])
    none: brunet minimises Σ A log(A / WH) − A + WH, which the Frobenius gradient does not see
    """
    solver = str(attributes.get("solver"))
    if "weights" in attributes:
        return "", "none: weights of entries, or missing ones, are not in the Frobenius gradient on A"
    if is_direct(solver):
        return "", f"none: {solver} is no descent, its factors are stationary points of nothing"
    minimises = solver_class(solver).minimises
    if solver in ONE_FACTOR:
        return "W", f"of ‖A − WH‖² by W alone: the other factor of {solver} is not free"
    if minimises == FROBENIUS:
        return "WH", f"of {FROBENIUS} and its penalties, by W and by H"
    return "", f"none: {solver} minimises {minimises}, which the Frobenius gradient does not see"


def projected_gradients(
    model: Factors,
    products: Factors,
    attributes: Mapping[str, Any],
    *,
    gauge: NDArray[np.float64] | None = None,
    diagonal: bool = True,
) -> Stationarity:
    """Return the projected gradient of each factor on A, relative to that of its part A·X.

    Parameters
    ----------
    model : (W, Ht), each of shape (n, k)
        A fit, balanced.
    products : (A·Ht, A·W), each of shape (n, k)
        Over the entries that count.
    attributes : mapping
        Of the fit: solver, penalties, weights.
    gauge : ndarray, shape (k,), optional
        ‖w_j‖/‖h_j‖ as the algorithm left them, in which penalties are meant.
    diagonal : bool
        False leaves i = j out of the objective.

    Returns
    -------
    Stationarity

    Notes
    -----
    Where a loading is 0, only a gradient that would raise it counts (Lin, Neural Computation 19, 2007). For one factor
    the ratio is the same in any gauge, so it needs no balance; of both together it is √(Σ gradient² / Σ product²) with
    ‖w_j‖ = ‖h_j‖. A factor that is zero has nothing to move: 0. All sums in float64.

    Examples
    --------
    >>> A, W = np.array([[0.0, 1.0], [1.0, 0.0]]), np.eye(2)
    >>> projected_gradients((W, A), (A @ A, A @ W), {"solver": "hals"}).sides.tolist()
    [[0.0, 0.0], [0.0, 0.0]]
    """
    W, Ht = (np.asarray(side, dtype=np.float64) for side in model)
    k = W.shape[1]
    which, note = gradient_sides(attributes)
    squares = np.full((2, k, 2), np.nan)
    own = None if diagonal else np.einsum("ij,ij->i", W, Ht)
    root = _root(gauge, k)
    for side, (F, X, Y, name) in enumerate(((W, Ht, products[0], "W"), (Ht, W, products[1], "H"))):
        if name not in which:
            continue
        with one_blas_thread():
            gradient = F @ (X.T @ X)
        if own is not None:
            gradient -= own[:, None] * X
        gradient -= Y
        # held for factors as the algorithm left them, w_j √gauge_j, and seen from the balanced ones
        to = root if name == "W" else 1 / root
        gradient += float(attributes.get(f"l1_{name}", 0.0)) * to
        gradient += float(attributes.get(f"l2_{name}", 0.0)) * to**2 * F
        np.minimum(gradient, 0.0, out=gradient, where=F == 0)
        squares[0, :, side] = np.einsum("ij,ij->j", gradient, gradient)
        squares[1, :, side] = np.einsum("ij,ij->j", Y, Y, dtype=np.float64)
    dead = (np.einsum("ij,ij->j", W, W) == 0) | (np.einsum("ij,ij->j", Ht, Ht) == 0)
    squares[0, dead] = np.where(np.isnan(squares[0, dead]), np.nan, 0.0)
    sides = _ratio(squares[0], squares[1])
    free = [side for side, name in enumerate("WH") if name in which]
    if not free:
        return Stationarity(sides, np.full(k, np.nan), note)
    return Stationarity(sides, _ratio(squares[0][:, free].sum(axis=1), squares[1][:, free].sum(axis=1)), note)


def _root(gauge: NDArray[np.float64] | None, k: int) -> NDArray[np.float64]:
    given = np.ones(k) if gauge is None else np.asarray(gauge, dtype=np.float64)
    return np.sqrt(np.where(np.isfinite(given) & (given > 0), given, 1.0))


def _ratio(above: NDArray[np.float64], below: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return √(above / below); 0 where there is nothing above, infinite where there is nothing but that."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(above == 0, 0.0, np.sqrt(above / below))
