"""One factor as the sampler sees it: its matrix, the residual, and the sums that say what more mass would do."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dasknmf.compiling import compiled, compiled_sums

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Side(NamedTuple):
    """A factor F (rows × K) of D ≈ F · Oᵀ, while the other one, O (columns × K), stays as it is.

    Parameters
    ----------
    matrix : ndarray of float64, shape (rows, K)
        F: the mass in each bin; bin r · K + c is its entry (r, c).
    other : ndarray of float32, shape (K, columns)
        Oᵀ.
    dead : ndarray of bool, shape (K,)
        Columns of O that are zero, about which the data say nothing.
    curvature : ndarray of float32, shape (rows, K)
        s = Σ_j O_jc² / S_rj² of each entry: it does not change while O does not.
    pull : ndarray of float32, shape (rows, columns)
        (D − F · Oᵀ) / S², so that s_μ is a sum of two rows.
    weight : ndarray of float32, shape (rows, columns)
        1 / S².
    """

    matrix: NDArray[np.float64]
    other: NDArray[np.float32]
    dead: NDArray[np.bool_]
    curvature: NDArray[np.float32]
    pull: NDArray[np.float32]
    weight: NDArray[np.float32]


def make_side(matrix: NDArray[np.float64], weight: NDArray[np.float32]) -> Side:
    """Return a side whose sums are not known yet; see :func:`prepare`."""
    k = matrix.shape[1]
    return Side(
        matrix=matrix,
        other=np.zeros((k, weight.shape[1]), np.float32),
        dead=np.ones(k, np.bool_),
        curvature=np.zeros(matrix.shape, np.float32),
        pull=np.empty_like(weight),
        weight=weight,
    )


@compiled
def prepare(side: Side, data: NDArray[np.float32], O: NDArray[np.float64]) -> None:  # noqa: E741
    """Take another O: compute residual and curvature anew from D, F and O.

    Done before each run of steps, so that rounding never adds up over them.
    """
    squares = np.empty_like(side.other)
    for c in range(O.shape[1]):
        alive = False
        for j in range(O.shape[0]):
            value = np.float32(O[j, c])
            side.other[c, j], squares[c, j] = value, value * value
            if value > 0:
                alive = True
        side.dead[c] = not alive
    for r in range(side.matrix.shape[0]):
        _prepare_row(side, data, squares, r)


@compiled_sums
def _prepare_row(side: Side, data: NDArray[np.float32], squares: NDArray[np.float32], r: int) -> None:
    k, columns = side.other.shape
    pull, weight = side.pull[r], side.weight[r]
    pull[:] = data[r]
    for c in range(k):
        entry = np.float32(side.matrix[r, c])
        if entry > 0:
            other = side.other[c]
            for j in range(columns):
                pull[j] -= entry * other[j]
        if not side.dead[c]:
            square = squares[c]
            curvature = np.float32(0)
            for j in range(columns):
                curvature += weight[j] * square[j]
            side.curvature[r, c] = curvature
        else:
            side.curvature[r, c] = np.float32(0)
    for j in range(columns):
        pull[j] *= weight[j]


@compiled_sums
def slope(side: Side, r: int, c: int) -> float:
    """Return s_μ = Σ_j O_jc (D − F Oᵀ)_rj / S_rj², what the log-likelihood gains by mass at (r, c)."""
    other, pull = side.other[c], side.pull[r]
    total = np.float32(0)
    for j in range(len(other)):
        total += other[j] * pull[j]
    return np.float64(total)


@compiled_sums
def slope_between(side: Side, r: int, c: int, d: int) -> tuple[float, float]:
    """Return s and s_μ of mass that goes from (r, d) to (r, c): those of O_c − O_d."""
    first, second, pull, weight = side.other[c], side.other[d], side.pull[r], side.weight[r]
    curvature, total = np.float32(0), np.float32(0)
    for j in range(len(first)):
        difference = first[j] - second[j]
        curvature += difference * difference * weight[j]
        total += difference * pull[j]
    return np.float64(curvature), np.float64(total)


@compiled_sums
def add_mass(side: Side, r: int, c: int, mass: float) -> None:
    """Add mass to an entry, or take it away, and keep the residual."""
    side.matrix[r, c] = max(side.matrix[r, c] + mass, 0.0)
    if side.dead[c]:
        return
    other, pull, weight = side.other[c], side.pull[r], side.weight[r]
    change = np.float32(mass)
    for j in range(len(other)):
        pull[j] -= change * other[j] * weight[j]


@compiled_sums
def shift_mass(side: Side, r: int, c: int, d: int, mass: float) -> None:
    """Take mass from entry (r, d) and add it to (r, c)."""
    side.matrix[r, c] = max(side.matrix[r, c] + mass, 0.0)
    side.matrix[r, d] = max(side.matrix[r, d] - mass, 0.0)
    first, second, pull, weight = side.other[c], side.other[d], side.pull[r], side.weight[r]
    change = np.float32(mass)
    for j in range(len(first)):
        pull[j] -= change * (first[j] - second[j]) * weight[j]
