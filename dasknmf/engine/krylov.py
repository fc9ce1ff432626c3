"""Block Lanczos on row panels: an orthonormal basis of A's leading space that never leaves the workers.

The client sees Grams and the small matrix T = QᵀAQ only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from dasknmf.engine.executor import Executor, Handle
    from dasknmf.engine.grid import Panels

#: Relative size of the rounding in a float32 product.
ROUNDING = 1e-6
#: The basis is kept, and multiplied, in float32, which is as exact as products with A are: a block is made
#: orthogonal to the basis before and after it is scaled, and only Grams, whose roots are taken, need float64.
BASIS = np.dtype(np.float32)


class Krylov:
    """An orthonormal basis Q of the space spanned by X, A·X, A²·X, …, X random, in row panels.

    One step is: the caller multiplies ``block`` by A and gives the product to ``take``; ``grow`` then makes the
    next block from what of the product is new.

    Parameters
    ----------
    executor : Executor
        Where the panels live.
    panels : Panels
        How rows are cut.
    width : int
        Columns of a block.
    seed : int
        Of the random start.

    References
    ----------
    Musco, Musco, NIPS 28 (2015), algorithm 2; Golub, Underwood, Mathematical Software III (1977);
    Yamamoto, Nakatsukasa, Yanagisawa, Fukaya, ETNA 44 (2015) for the Gram–Cholesky orthogonalisation.
    """

    #: Sweep up to which its values cannot have settled: there is nothing to compare them with.
    settles_after = 1

    def __init__(self, executor: Executor, panels: Panels, *, width: int, seed: int) -> None:
        self.executor, self.panels = executor, panels
        self.n = panels.grid.n
        self.T = np.empty((0, 0))
        #: Gram of what of the last product is outside the space, shape (columns of the last block,) * 2.
        self.rest_gram = np.zeros((0, 0))
        self._blocks: list[list[Handle]] = [[] for _ in panels.rows]
        self._widths: list[int] = []
        seeds = [[seed, self.n, q] for q in range(len(panels))]
        self._rest = executor.map(_normal, panels.rows, [width] * len(panels), seeds, label="start")
        self.rest_gram = self._total(_gram, self._rest)
        self.grow()

    def _restart(self, block: list[Handle]) -> None:
        """Begin anew from an orthonormal block."""
        self.T = np.empty((0, 0))
        self._blocks = [[part] for part in block]
        self._widths = [self.width]

    @property
    def size(self) -> int:
        """Columns of the basis."""
        return sum(self._widths)

    @property
    def width(self) -> int:
        """Columns of the last block."""
        return self._widths[-1] if self._widths else 0

    @property
    def block(self) -> list[Handle]:
        """Row panels of the last block, which is to be multiplied by A."""
        return [blocks[-1] for blocks in self._blocks]

    def take(self, product: Sequence[Handle]) -> None:
        """Take A·block: T grows by a block, and what is outside the space is kept for ``grow``."""
        column = self._total(_project, self._blocks, product)
        self.T = _extended(self.T, column)
        self._rest = self._map(_subtract, self._blocks, product, [column] * len(product), label="rest")
        self.rest_gram = self._total(_gram, self._rest)

    def begins_anew(self, sweep: int) -> bool:  # noqa: ARG002
        """Begin anew from what is known after this sweep, if the space does that; True if it did."""
        return False

    def grow(self) -> bool:
        """Add a block of what is outside the space; False if that is nothing but rounding.

        Directions come from the Gram of the rest, twice: the first pass leaves them orthonormal to about the
        square root of float64's rounding over their spread, the second, after they were orthogonalised to the
        basis again, to that of float32.
        """
        largest = float(np.abs(np.linalg.eigvalsh(self.T)).max(initial=0.0)) if len(self.T) else 0.0
        values, vectors = np.linalg.eigh(self.rest_gram)
        keep = (values > (ROUNDING * largest) ** 2) & (
            values > 1e-14 * max(float(values.max(initial=0)), 0.0)
        )
        keep[: max(0, len(keep) - (self.n - self.size))] = False
        if not keep.any():
            return False
        count = len(self._rest)
        # largest first, so that the order of columns does not hang on the smallest
        turn = np.ascontiguousarray((vectors[:, keep] / np.sqrt(values[keep]))[:, ::-1])
        made = self._map(_times, self._rest, [turn] * count, label="turn")
        if self._widths:
            column = self._total(_project, self._blocks, made)
            made = self._map(_subtract, self._blocks, made, [column] * count, label="rest")
        values, vectors = np.linalg.eigh(self._total(_gram, made))
        # not a Cholesky factor: this one exists also where rounding made the Gram singular
        keep = values > ROUNDING
        turn = (vectors[:, keep] / np.sqrt(values[keep])) @ vectors[:, keep].T
        if not keep.all():
            turn = (vectors[:, keep] / np.sqrt(values[keep]))[:, ::-1]
        turn = np.ascontiguousarray(turn)
        made = self._map(_block, made, [turn] * count, label="block")
        for blocks, block in zip(self._blocks, made, strict=True):
            blocks.append(block)
        self._widths.append(turn.shape[1])
        return bool(turn.shape[1])

    def combine(self, chosen: NDArray[np.float64]) -> list[Handle]:
        """Return the row panels of Q·chosen, shape (n, columns of chosen), in float32."""
        # in C order, as it is after a journey: BLAS gives other bits for columns picked from a larger array
        chosen = np.ascontiguousarray(chosen)
        return self._map(_combine, self._blocks, [chosen] * len(self._blocks), label="vectors")

    def _map(self, function: Any, *columns: Sequence[Any], label: str) -> list[Handle]:
        return self.executor.map(function, *columns, label=label)

    def _total(self, function: Any, *columns: Sequence[Any]) -> NDArray[np.float64]:
        """Sum a small array over the panels, in their order."""
        parts = self.executor.get(self._map(function, *columns, label="gram"))
        total = np.zeros_like(parts[0])
        for part in parts:
            total += part
        return np.asarray(total)


def _normal(rows: int, width: int, seed: list[int]) -> NDArray[np.float64]:
    return np.random.default_rng(seed).standard_normal((rows, width))


def _gram(rest: NDArray[Any]) -> NDArray[np.float64]:
    exact = rest.astype(np.float64)
    return np.asarray(exact.T @ exact)


def _project(blocks: Sequence[NDArray[Any]], product: NDArray[Any]) -> NDArray[np.float64]:
    single = product.astype(BASIS, copy=False)
    return np.concatenate([(block.T @ single).astype(np.float64) for block in blocks])


def _subtract(
    blocks: Sequence[NDArray[Any]], product: NDArray[Any], column: NDArray[np.float64]
) -> NDArray[np.float32]:
    rest = product.astype(BASIS)
    single = column.astype(BASIS)
    first = 0
    for block in blocks:
        rest -= block @ single[first : first + block.shape[1]]
        first += block.shape[1]
    return rest


def _times(rest: NDArray[Any], turn: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(rest @ turn)


def _block(rest: NDArray[Any], turn: NDArray[np.float64]) -> NDArray[np.float32]:
    return (rest @ turn).astype(BASIS)


def _combine(blocks: Sequence[NDArray[Any]], chosen: NDArray[np.float64]) -> NDArray[np.float32]:
    total = np.zeros((len(blocks[0]), chosen.shape[1]), dtype=BASIS)
    first = 0
    for block in blocks:
        total += block @ chosen[first : first + block.shape[1]].astype(BASIS)
        first += block.shape[1]
    return total


def _extended(T: NDArray[np.float64], column: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return QᵀAQ after a block was added to Q, given its block column."""
    old, width = len(T), column.shape[1]
    larger = np.zeros((old + width, old + width))
    larger[:old, :old] = T
    larger[:old, old:] = column[:old]
    larger[old:, :old] = column[:old].T
    larger[old:, old:] = (column[old:] + column[old:].T) / 2
    return larger
