"""What solvers do row by row, compiled: numpy takes several passes over memory for each, and one for each factor.

Imported at the first update, since numba takes half a second to import.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from dasknmf.compiling import compiled

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Rows updated together, one in each lane of the processor's vectors: k × 64 numbers stay in its first cache.
LANES = 64


@compiled
def hals_rows(
    F: NDArray[Any], Y: NDArray[Any], G: NDArray[Any], l1: Any, l2: Any, passes: int
) -> NDArray[Any]:
    """Return new rows of F by passes of HALS; see :class:`dasknmf.solvers.hals.HALS`.

    Parameters
    ----------
    F, Y : ndarray, shape (rows, k)
        Rows of the factor, and of A·X.
    G : ndarray, shape (k, k)
        XᵀX.
    l1, l2 : number of the type of F
        Penalties.
    passes : int
        How often each column is updated.
    """
    n, k = F.shape
    new = np.empty_like(F)
    padded = (k + 3) // 4 * 4
    V = np.zeros((padded, LANES), F.dtype)
    T = np.zeros((k, LANES), F.dtype)
    rest = np.zeros(LANES, F.dtype)
    gram = np.zeros((k, padded), F.dtype)
    gram[:, :k] = G
    zero = F.dtype.type(0)
    for start in range(0, n, LANES):
        rows = min(LANES, n - start)
        for r in range(rows):
            for j in range(k):
                V[j, r], T[j, r] = F[start + r, j], Y[start + r, j]
        for _ in range(passes):
            for j in range(k):
                curvature = G[j, j] + l2
                if curvature <= 0:
                    # its partner has died: the column matters to its penalty alone, which wants it to be zero
                    if l1 > 0:
                        V[j, :] = zero
                    continue
                for r in range(LANES):
                    rest[r] = T[j, r]
                for i in range(0, padded, 4):
                    a, b, c, d = gram[j, i], gram[j, i + 1], gram[j, i + 2], gram[j, i + 3]
                    for r in range(LANES):
                        rest[r] -= (a * V[i, r] + b * V[i + 1, r]) + (c * V[i + 2, r] + d * V[i + 3, r])
                for r in range(LANES):
                    value = V[j, r] + (rest[r] - l1 - l2 * V[j, r]) / curvature
                    V[j, r] = value if value > zero else (zero if value <= zero else value)
        for r in range(rows):
            for j in range(k):
                new[start + r, j] = V[j, r]
    return new


@compiled
def row_sums(
    F: NDArray[Any], FG: NDArray[Any], Y: NDArray[Any], new: NDArray[Any], l1: Any, l2: Any
) -> tuple[float, float, float, float]:
    """Return four sums over rows, in float64.

    The squared projected gradient at F (without what would push a zero below zero), ⟨Y, new⟩, ‖Y‖² and Σ new.
    """
    n, k = F.shape
    gradient, cross, product, entries = np.zeros(k), np.zeros(k), np.zeros(k), np.zeros(k)
    zero = F.dtype.type(0)
    for r in range(n):
        for j in range(k):
            f, y, g = F[r, j], Y[r, j], FG[r, j] - Y[r, j] + (l1 + l2 * F[r, j])
            inside = np.float64(g if f > zero or g < zero else zero)
            gradient[j] += inside * inside
            cross[j] += np.float64(y) * np.float64(new[r, j])
            product[j] += np.float64(y) * np.float64(y)
            entries[j] += np.float64(new[r, j])
    return gradient.sum(), cross.sum(), product.sum(), entries.sum()


@compiled
def core_passes(S: NDArray[Any], G: NDArray[Any], B: NDArray[Any], passes: int, kept: float) -> NDArray[Any]:
    """Return S = Sᵀ ≥ 0 after passes of coordinate descent on ½ ⟨S, G S G⟩ − ⟨B, S⟩.

    An entry beside the diagonal moves with its mirror image.

    Parameters
    ----------
    S, G, B : ndarray of float64, shape (k, k)
        All symmetric.
    passes : int
        At most; it ends when none changes anything.
    kept : float
        Share of itself that every entry keeps at least.
    """
    k = len(S)
    least = kept * S
    S = S.copy()
    rest = G @ S @ G - B
    for _ in range(passes):
        moved = False
        for i in range(k):
            for j in range(i, k):
                curvature = G[i, i] * G[j, j] + G[i, j] * G[i, j]
                if curvature <= 0:
                    continue
                # beside the diagonal slope and curvature are twice these, on it the curvature is half of it
                old = S[i, j]
                slope = rest[i, j] / curvature
                new = max(least[i, j], old - (2 * slope if i == j else slope))
                step = new - old
                if step == 0:
                    continue
                moved = True
                S[i, j] = S[j, i] = new
                if i == j:
                    for a in range(k):
                        for b in range(k):
                            rest[a, b] += step * G[a, i] * G[i, b]
                else:
                    for a in range(k):
                        for b in range(k):
                            rest[a, b] += step * (G[a, i] * G[j, b] + G[a, j] * G[i, b])
        if not moved:
            break
    return S
