"""What a tile adds to the header of its network."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dasknmf.network.checksum import tile_checksum
from dasknmf.network.encoding import NO_LOSS, Loss

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


@dataclass(frozen=True)
class TileFacts:
    """A tile in a few numbers; sums are over both triangles, so an off-diagonal tile counts twice."""

    checksum: int
    edges: int
    self_loops: int
    total: float
    sum_of_squares: float
    diagonal_sum_of_squares: float
    minimum: float
    maximum: float
    loss: Loss = NO_LOSS


@dataclass(frozen=True)
class TileSummary:
    """The facts of tile (i, j), and what it adds to its genes: degree and strength of its rows, then its columns."""

    i: int
    j: int
    facts: TileFacts
    degree: tuple[NDArray[Any], NDArray[Any]]
    strength: tuple[NDArray[Any], NDArray[Any]]
    diagonal: NDArray[np.float32] | None


def summarize_dense(
    i: int,
    j: int,
    tile: NDArray[np.float32],
    *,
    arrays: tuple[NDArray[Any], ...] | None = None,
    loss: Loss = NO_LOSS,
) -> TileSummary:
    """Summarize a dense tile; a diagonal one is symmetric.

    Parameters
    ----------
    i, j : int
        Its place.
    tile : ndarray of float32
        Its weights as they will be read.
    arrays : tuple of ndarray, optional
        What is stored, if that is not ``tile``.
    loss : Loss
        What storing changed.
    """
    exact = tile.astype(np.float64)
    present = tile != 0
    return _summary(
        i,
        j,
        arrays=(tile,) if arrays is None else arrays,
        loss=loss,
        degree=(present.sum(axis=1), present.sum(axis=0)),
        strength=(exact.sum(axis=1), exact.sum(axis=0)),
        square=float((exact * exact).sum()),
        weights=tile[present],
        diagonal=tile.diagonal().copy() if i == j else None,
    )


def summarize_sparse(
    i: int,
    j: int,
    row: NDArray[np.uint16],
    column: NDArray[np.uint16],
    weight: NDArray[np.float32],
    shape: tuple[int, int],
) -> TileSummary:
    """Summarize a sparse tile; of a diagonal one row ≤ column is given, and both triangles are summarized."""
    exact = weight.astype(np.float64)
    square = float((exact * exact).sum())
    off = row != column if i == j else np.ones(len(row), dtype=bool)
    degree = np.bincount(row[off], minlength=shape[0]), np.bincount(column[off], minlength=shape[1])
    strength = (
        np.bincount(row, exact, minlength=shape[0]),
        np.bincount(column[off], exact[off], minlength=shape[1]),
    )
    diagonal = None
    if i == j:
        diagonal = np.zeros(shape[0], dtype=np.float32)
        diagonal[row[~off]] = weight[~off]
        degree = (degree[0] + degree[1] + (diagonal != 0), degree[1])
        strength = (strength[0] + strength[1], strength[1])
        square = 2 * square - float((exact[~off] ** 2).sum())
    return _summary(
        i,
        j,
        arrays=(row, column, weight),
        degree=degree,
        strength=strength,
        square=square,
        weights=weight,
        diagonal=diagonal,
    )


def _summary(
    i: int,
    j: int,
    *,
    arrays: tuple[NDArray[Any], ...],
    degree: tuple[NDArray[Any], NDArray[Any]],
    strength: tuple[NDArray[Any], NDArray[Any]],
    square: float,
    weights: NDArray[np.float32],
    diagonal: NDArray[np.float32] | None,
    loss: Loss = NO_LOSS,
) -> TileSummary:
    loops = 0 if diagonal is None else int(np.count_nonzero(diagonal))
    on_diagonal = 0.0 if diagonal is None else float((diagonal.astype(np.float64) ** 2).sum())
    entries = int(degree[0].sum())
    twice = 1 if i == j else 2
    facts = TileFacts(
        checksum=tile_checksum(arrays),
        edges=(entries - loops) // 2 if i == j else entries,
        self_loops=loops,
        total=twice * float(strength[0].sum()),
        sum_of_squares=twice * square,
        diagonal_sum_of_squares=on_diagonal,
        minimum=float(weights.min()) if weights.size else math.inf,
        maximum=float(weights.max()) if weights.size else 0.0,
        loss=loss,
    )
    return TileSummary(i, j, facts, degree, strength, diagonal)


#: Facts of a tile that holds nothing and was not written.
EMPTY_TILE = TileFacts(tile_checksum(()), 0, 0, 0.0, 0.0, 0.0, math.inf, 0.0)


def sum_up(facts: Sequence[TileFacts]) -> dict[str, Any]:
    """Return the sums of all tiles, added in their order, by the names that the header has for them."""
    losses = [tile.loss for tile in facts]
    loss = Loss(
        math.fsum(part.error_squares for part in losses),
        math.fsum(part.squares for part in losses),
        max(part.largest for part in losses),
        sum(part.edges for part in losses),
    )
    return {
        "edges": sum(tile.edges for tile in facts),
        "self_loops": sum(tile.self_loops for tile in facts),
        "total": math.fsum(tile.total for tile in facts),
        "sum_of_squares": math.fsum(tile.sum_of_squares for tile in facts),
        "diagonal_sum_of_squares": math.fsum(tile.diagonal_sum_of_squares for tile in facts),
        "minimum": min((tile.minimum for tile in facts if tile.maximum > 0), default=0.0),
        "maximum": max(tile.maximum for tile in facts),
        "storage_error": loss.relative,
        "largest_storage_error": loss.largest,
        "lost_edges": loss.edges,
    }
