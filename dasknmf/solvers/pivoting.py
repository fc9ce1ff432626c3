"""Exact non-negative least squares of many rows with one Gram, by block principal pivoting, in float64."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from dasknmf.compiling import compiled

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Exchanges of all infeasible variables that may fail to lessen their number before single ones are exchanged.
PATIENCE = 3
#: Share of the largest entry that is added to the diagonal for rows that need it.
RIDGE = 1e-11


def nnls_rows(
    F: NDArray[Any],
    Y: NDArray[Any],
    G: NDArray[Any],
    *,
    most_rounds: int | None = None,
    precision: float = float(np.finfo(np.float64).eps),
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return, for each row y of Y, argmin over x ≥ 0 of ½ x G xᵀ − x yᵀ, and which rows were solved.

    Parameters
    ----------
    F : ndarray, shape (rows, k)
        Where it starts: what is above zero begins in the passive set.
    Y : ndarray, shape (rows, k)
        Right sides.
    G : ndarray, shape (k, k)
        Symmetric, positive semidefinite.
    most_rounds : int, optional
        After so many, twice, rows that are not solved are given up; by default 5 k + 20, of which real ones take a few.
    precision : float
        Relative error of G and Y.

    Returns
    -------
    x : ndarray, shape (rows, k)
        Zero in rows that were given up.
    solved : ndarray, shape (rows,)

    Notes
    -----
    Rows are sorted by their passive sets, so that equal ones share a Cholesky factorization, and the next set goes on
    from the columns that it has in common. A column that depends on those before it, a pivot below k times
    ``precision``, is left out of the solution at zero: its gradient is then that of the others, so what is returned
    is a minimum also where G is singular and has many. Where pivoting then goes in circles, for a few rows in a
    thousand of such a G, it begins again with a ridge, with which it must end. No row depends on the rows beside it.

    References
    ----------
    Kim, Park, SIAM Journal on Scientific Computing 33 (2011), algorithm 2; Júdice, Pires, Computers & Operations
    Research 21 (1994), for the backup rule that makes it end.
    """
    rows, k = Y.shape
    x = np.zeros((rows, k))
    passive = F > 0
    G, Y = (np.ascontiguousarray(array, dtype=np.float64) for array in (G, Y))
    ridge = max(RIDGE, k * precision) * float(G.diagonal().max(initial=0))
    todo = np.arange(rows)
    for curvature in (G, G + ridge * np.eye(k)):
        fewest, lives = np.full(rows, k + 1), np.full(rows, PATIENCE)
        for _ in range(5 * k + 20 if most_rounds is None else most_rounds):
            todo = todo[_by_set(passive[todo])]
            wrong = pivot(todo, passive, fewest, lives, Y, curvature, x, k * precision)
            todo = todo[wrong]
            if not len(todo):
                break
        passive[todo] = False
    solved = np.ones(rows, dtype=bool)
    solved[todo], x[todo] = False, 0
    return x, solved


def _by_set(passive: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return the order of rows by their sets, those that begin with the same columns side by side."""
    packed = np.packbits(passive, axis=1)
    words = np.zeros((len(packed), -(-packed.shape[1] // 8) * 8), np.uint8)
    words[:, : packed.shape[1]] = packed
    return np.lexsort(words.view(">u8").astype(np.uint64).T[::-1])


@compiled
def pivot(
    todo: NDArray[Any],
    passive: NDArray[Any],
    fewest: NDArray[Any],
    lives: NDArray[Any],
    Y: NDArray[Any],
    G: NDArray[Any],
    x: NDArray[Any],
    least: float,
) -> NDArray[np.bool_]:
    """Solve rows for their passive sets, exchange what is infeasible, and return which rows had any.

    Parameters
    ----------
    todo : ndarray of int
        The rows, sorted by set.
    passive : ndarray of bool, shape (rows, k)
        Changed in place, like ``fewest``, ``lives`` and ``x``.
    fewest, lives : ndarray of int, shape (rows,)
        Least number of infeasible variables so far, and failures to lessen it that are left.
    Y, G, x : ndarray
        As in :func:`nnls_rows`.
    least : float
        Pivots below ``least`` times the diagonal are zero.
    """
    k = len(G)
    L = np.zeros((k, k))
    chosen, last = np.zeros(k, np.int64), np.zeros(k, np.int64)
    z, dual = np.zeros(k), np.zeros(k)
    any_wrong = np.zeros(len(todo), np.bool_)
    bad = np.zeros(k, np.bool_)
    known = 0
    for place in range(len(todo)):
        r = todo[place]
        size = 0
        for j in range(k):
            if passive[r, j]:
                chosen[size] = j
                size += 1
        same = 0
        while same < min(size, known) and chosen[same] == last[same]:
            same += 1
        for a in range(same, size):
            i = chosen[a]
            last[a] = i
            for b in range(a):
                value = G[i, chosen[b]]
                for c in range(b):
                    value -= L[a, c] * L[b, c]
                L[a, b] = value / L[b, b] if L[b, b] != 0 else 0.0
            value = G[i, i]
            for c in range(a):
                value -= L[a, c] * L[a, c]
            L[a, a] = 0.0 if value <= least * G[i, i] else np.sqrt(value)
        known = size
        for a in range(size):
            value = Y[r, chosen[a]]
            for b in range(a):
                value -= L[a, b] * z[b]
            z[a] = value / L[a, a] if L[a, a] != 0 else 0.0
        for a in range(size - 1, -1, -1):
            value = z[a]
            for b in range(a + 1, size):
                value -= L[b, a] * z[b]
            z[a] = value / L[a, a] if L[a, a] != 0 else 0.0
        for j in range(k):
            x[r, j] = 0.0
        for a in range(size):
            x[r, chosen[a]] = z[a]
        count = 0
        for j in range(k):
            bad[j] = False
            if passive[r, j]:
                bad[j] = x[r, j] < 0
            else:
                # the gradient, and what its rounding can be
                dual[j], reach = -Y[r, j], abs(Y[r, j])
                for a in range(size):
                    part = G[j, chosen[a]] * z[a]
                    dual[j] += part
                    reach += abs(part)
                bad[j] = dual[j] < -4 * least * reach
            count += bad[j]
        if count == 0:
            continue
        any_wrong[place] = True
        single = False
        if count < fewest[r]:
            fewest[r], lives[r] = count, PATIENCE
        elif lives[r] > 0:
            lives[r] -= 1
        else:
            single = True
        for j in range(k - 1, -1, -1):
            if bad[j]:
                passive[r, j] = not passive[r, j]
                if single:
                    break
    return any_wrong
