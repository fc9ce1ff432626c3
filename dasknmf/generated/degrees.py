"""Networks of given expected degrees and expected weighted degrees, and of nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from dasknmf.generated.draws import (
    chosen,
    dense_weights,
    drawn_tile,
    edge_tile,
    pair_at,
    pairs_by_tile,
    pairs_of,
    sparse_weights,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from dasknmf.generated.draws import Table
    from dasknmf.network.sparse_tile import SparseTile
    from dasknmf.network.tiles import Grid

#: Relative errors of expected degrees, and of expected strengths, at which they are solved for. The second is above
#: the first, so that a network of equal weights keeps them: its scales are right to begin with.
DEGREE_TOLERANCE = 1e-8
STRENGTH_TOLERANCE = 1e-7
#: A pair of a larger rate is joined with chance 1, to rounding; exp(−rate) is a number still.
LARGEST_RATE = 700.0
#: Rounds after which they are taken as they are.
MOST_ROUNDS = 1000


def edge_rates(degree: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return x ≥ 0 with Σ_j≠i 1 − exp(−x_i x_j) = degree_i.

    In log x these are the equations of the minimum of a convex function, which there is unless the degrees are an
    extreme of what a graph can have: those of a star are only reached in the limit. Genes of one degree have one x, so
    a round takes as long as there are pairs of different degrees. The step is that of Newton with 2S in the place of
    the Jacobian S + P, S its row sums: where edges are rare it is x ← x √(degree / expected), and a hub that is joined
    to nearly all still moves.

    Parameters
    ----------
    degree : ndarray of int, shape (n,)
        Below n each.

    Returns
    -------
    ndarray of float64, shape (n,)

    References
    ----------
    Norros, Reittu, Advances in Applied Probability 38 (2006).

    Examples
    --------
    >>> x = edge_rates(np.array([3, 2, 2, 2, 1]))
    >>> p = -np.expm1(-np.outer(x, x))
    >>> (p.sum(axis=1) - p.diagonal()).round(6)
    array([3., 2., 2., 2., 1.])
    """
    values, which, counts = np.unique(degree, return_inverse=True, return_counts=True)
    made = np.zeros(len(values))
    there = values > 0
    if there.any():
        made[there] = _class_rates(values[there].astype(np.float64), counts[there])
    return made[which]


def _class_rates(degree: NDArray[np.float64], counts: NDArray[np.int64]) -> NDArray[np.float64]:
    log = np.log(degree) - 0.5 * np.log(degree @ counts)
    for _ in range(MOST_ROUNDS):
        rate = np.minimum(np.exp(log[:, None] + log), LARGEST_RATE)
        p = _chance(rate)
        short = degree - (p @ counts - p.diagonal())
        if (abs(short) <= DEGREE_TOLERANCE * degree).all():
            break
        slope = rate * np.exp(-rate)
        step = short / (2 * (slope @ counts - slope.diagonal()) + np.finfo(float).tiny)
        log += np.clip(step, -0.5, 0.5)
    return np.exp(log)


def scales(
    strength: NDArray[np.float64],
    joined: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    start: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return r ≥ 0 with r_i · joined(r)_i = strength_i, where joined(r)_i = Σ_j≠i p_ij r_j.

    The symmetric scaling of a matrix of chances by r ← √(r · strength / joined(r)); where a gene has more than half of
    all strength there is none, and the nearest it comes to is returned.

    References
    ----------
    Knight, Ruiz, Uçar, SIAM Journal on Matrix Analysis and Applications 35 (2014).
    """
    r = start.copy()
    there = strength > 0
    r[~there] = 0
    for _ in range(MOST_ROUNDS):
        made = r * joined(r)
        if (abs(made - strength)[there] <= STRENGTH_TOLERANCE * strength[there]).all():
            break
        r[there] *= np.clip(np.sqrt(strength[there] / np.maximum(made[there], np.finfo(float).tiny)), 0.5, 2)
    return r


def edge_scales(
    strength: NDArray[np.float64], degree: NDArray[np.int64], x: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return r with r_i Σ_j≠i (1 − exp(−x_i x_j)) r_j = strength_i, shape (n,)."""
    values, first, which = np.unique(degree, return_index=True, return_inverse=True)
    rates = x[first]
    p = _chance(np.outer(rates, rates))
    own = p.diagonal()[which]

    def joined(r: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray((p @ np.bincount(which, r, len(values)))[which] - own * r)

    mean = strength.sum() / max(1, degree.sum())
    start = np.divide(strength, degree, out=np.zeros(len(x)), where=degree > 0)
    return scales(strength, joined, start / np.sqrt(mean) if mean else start)


def dense_scales(strength: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return r with r_i Σ_j≠i r_j = strength_i, shape (n,)."""
    total = strength.sum()
    return scales(strength, lambda r: r.sum() - r, strength / np.sqrt(total) if total else strength)


@dataclass(frozen=True, eq=False)
class DegreeLaw:
    """Genes i and j are joined with chance 1 − exp(−x_i x_j), by a weight r_i r_j ε, ε from one distribution of mean 1.

    Pairs are chosen with a bound of their chance and kept with the rest of it, which takes as long as there are edges,
    however large a hub is: 210 ns an edge of STRING human. No chance is above 1, as d_i d_j / Σd of Chung and Lu may
    be.

    Parameters
    ----------
    sparse : bool
        Otherwise every pair is joined, and ``x`` does not matter.
    x, r : ndarray of float64, shape (n,)
        See :func:`edge_rates` and :func:`scales`.
    values : Table
        ε.
    diagonal : ndarray of float32, shape (n,)
        Kept in place.

    References
    ----------
    Chung, Lu, PNAS 99 (2002); Norros, Reittu, Advances in Applied Probability 38 (2006); Miller, Hagberg, WAW 2011.
    """

    kind: ClassVar[str] = "degree"
    sparse: bool
    x: NDArray[np.float64]
    r: NDArray[np.float64]
    values: Table
    diagonal: NDArray[np.float32]

    def tile(self, grid: Grid, i: int, j: int, rng: np.random.Generator) -> NDArray[np.float32] | SparseTile:
        """Return tile (i, j)."""
        shape, rows, columns = grid.shape(i, j), slice(*grid.bounds(i)), slice(*grid.bounds(j))
        own = self.diagonal[rows] if i == j else None
        if self.sparse:
            row, column = _joined(rng, self.x[rows], self.x[columns], diagonal=i == j)
            weight = self.r[rows][row] * self.r[columns][column] * self.values.draw(rng, row.shape)
            return edge_tile(shape, row, column, weight.astype(np.float32), own=own)
        left, right = (self.r[genes].astype(np.float32) for genes in (rows, columns))

        def draw(part: slice) -> NDArray[np.float32]:
            strip = self.values.draw(rng, (part.stop - part.start, shape[1]))
            strip *= left[part, None]
            strip *= right
            return strip

        return drawn_tile(shape, draw, own=own, diagonal=i == j)

    def weights(self, grid: Grid) -> NDArray[np.int64]:
        """Return the bytes of each tile."""
        if not self.sparse:
            return dense_weights(grid)
        sums = np.add.reduceat(self.x, np.arange(0, grid.n, grid.tile))
        rates = np.outer(sums, sums)[np.triu_indices(grid.panels)]
        return sparse_weights(grid, np.minimum(rates, pairs_by_tile(grid)), self.diagonal)


def _joined(
    rng: np.random.Generator, x: NDArray[np.float64], y: NDArray[np.float64], *, diagonal: bool
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the rows and columns of edges; in a diagonal tile row < column.

    Genes are put in classes within which x differs by less than a factor 2, so that of the pairs of two classes, chosen
    with the largest chance there is among them, more than a quarter are kept.
    """
    found = [(np.zeros(0, dtype=np.int64),) * 2]
    classes = [_classes(x)] * 2 if diagonal else [_classes(x), _classes(y)]
    for a, above in enumerate(classes[0]):
        for b, beside in enumerate(classes[1]):
            if diagonal and b < a:
                continue
            shape, same = (len(above), len(beside)), diagonal and a == b
            most = _chance(float(x[above].max() * y[beside].max()))
            row, column = pair_at(chosen(rng, pairs_of(shape, diagonal=same), most), shape, diagonal=same)
            row, column = above[row], beside[column]
            kept = rng.random(len(row)) * most < _chance(x[row] * y[column])
            found.append((row[kept], column[kept]))
    row, column = (np.concatenate(index) for index in zip(*found, strict=True))
    return (np.minimum(row, column), np.maximum(row, column)) if diagonal else (row, column)


def _classes(x: NDArray[np.float64]) -> list[NDArray[np.int64]]:
    """Return the genes of each power of two of x, without those of x = 0."""
    power = np.frexp(x)[1]
    return [np.flatnonzero((power == one) & (x > 0)) for one in np.unique(power[x > 0])]


def _chance(rate: Any) -> Any:
    """Return 1 − exp(−rate)."""
    return -np.expm1(-np.minimum(rate, LARGEST_RATE))
