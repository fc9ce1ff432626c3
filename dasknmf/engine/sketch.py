"""The sketch of A: its leading eigenpairs from a few sweeps, and the operator V·diag(λ)·Vᵀ that stands for A."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from dasknmf.engine.completion import CompletedKrylov
from dasknmf.engine.krylov import ROUNDING, Krylov
from dasknmf.engine.mask import Masked

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from dasknmf.engine.executor import Executor, Handle
    from dasknmf.engine.mask import Mask
    from dasknmf.engine.normalised import Normalised
    from dasknmf.engine.sweep import Sweep

#: Extra columns beyond the eigenpairs wanted, as Halko et al. §4.2 advise.
OVERSAMPLING = 10
#: Widths are rounded up to a multiple of it, so that most ranks share one sketch.
WIDTH_STEP = 64
#: Settled: a further sweep changes the sum of squares of the wanted eigenvalues by less than this share.
SETTLED = 1e-4
#: Eigenpairs are known if ‖AV − VΛ‖² is a smaller share of ‖VΛ‖².
KNOWN = 1e-2
#: Held-out pairs are completed from at most one eigenpair for so many genes.
GENES_AN_EIGENPAIR = 8
#: Most sweeps, and most bytes of the basis, of which three blocks are kept however large they are.
MOST_SWEEPS = 8
LARGEST_BASIS = 2**32
FLOAT = np.dtype(np.float32)


@dataclass(frozen=True, eq=False)
class Sketch:
    """Approximate eigenpairs of A with the largest |λ|, in that order.

    Attributes
    ----------
    values : ndarray, shape (p,)
        Ritz values, positive and negative; their squares sum to at most those of the true eigenvalues.
    residuals : ndarray, shape (p,)
        ‖A v − θ v‖: an eigenvalue of A lies within it of each Ritz value.
    vectors : list of handles of ndarray, shapes (rows of panel, p)
        Orthonormal Ritz vectors, float32, in row panels.
    sum_of_squares : float
        ‖A‖², without the diagonal where that is ignored and without what is held out.
    captured : float
        ‖QᵀAQ‖² of the whole basis Q, of which the pairs here are the leading ones.
    sweeps : int
        Reads of A it took.
    """

    values: NDArray[np.float64]
    residuals: NDArray[np.float64]
    vectors: list[Handle]
    sum_of_squares: float
    captured: float
    sweeps: int

    @property
    def residual(self) -> float:
        """‖A − QTQᵀ‖ / ‖A‖, T = QᵀAQ: what of A is outside the sketch."""
        if self.sum_of_squares == 0:
            return 0.0
        return float(np.sqrt(max(0.0, 1.0 - self.captured / self.sum_of_squares)))

    def relative_error(self, k: int) -> float:
        """Return the Eckart–Young bound for rank ``k``, √(1 − Σ_{i≤k} λ_i² / ‖A‖²), from below.

        A Ritz value θ is taken as large as float32 products and its residual r allow where what is outside the
        sketch has no eigenvalue above the smallest one kept, c: the larger one of [[|θ|, r], [r, c]]. So the bound
        is an estimate, but one that errs to the low side, also where eight sweeps did not settle the spectrum of
        a matrix without structure.
        """
        if self.sum_of_squares == 0:
            return 0.0
        values, residuals = np.abs(self.values[:k]), self.residuals[:k]
        gap = values - np.abs(self.values[-1])
        slack = (np.sqrt(gap**2 + 4 * residuals**2) - gap) / 2
        captured = float(((values * (1 + ROUNDING) + slack) ** 2).sum())
        return float(np.sqrt(max(0.0, 1.0 - captured / self.sum_of_squares)))

    def is_settled(self, k: int) -> bool:
        """Tell whether the leading ``k`` eigenpairs are those of the matrix, by their residuals."""
        values, residuals = self.values[:k], self.residuals[:k]
        return bool((residuals**2).sum() <= KNOWN * (values**2).sum())


def sketch_width(n: int, k: int) -> int:
    """Return the columns of each block in which the leading ``k`` eigenpairs of ``n`` genes are looked for.

    Examples
    --------
    >>> sketch_width(20_000, 2), sketch_width(20_000, 54), sketch_width(20_000, 55), sketch_width(30, 2)
    (64, 64, 128, 30)
    """
    return min(n, -(-(k + OVERSAMPLING) // WIDTH_STEP) * WIDTH_STEP)


def sketch_columns(n: int, k: int) -> int:
    """Return how many eigenpairs a sketch for rank ``k`` keeps, at most: twice its width."""
    return min(n, 2 * sketch_width(n, k))


def basis_blocks(n: int, k: int) -> int:
    """Return how many blocks the basis may have, which is also the most sweeps made."""
    return max(3, min(MOST_SWEEPS, LARGEST_BASIS // (4 * n * sketch_width(n, k))))


def basis_bytes(n: int, k: int) -> int:
    """Return the bytes that a sketch takes on its way: its basis in float32, and six blocks in float64."""
    return (4 * basis_blocks(n, k) + 6 * 8) * n * sketch_width(n, k)


def make_sketches(
    operator: Sweep | Normalised,
    executor: Executor,
    k: int,
    *,
    seed: int = 0,
    mask: Mask | None = None,
    whole: bool = True,
    diagonal: bool = True,
    on_sweep: Callable[[int, int, float], None] = lambda *_: None,
) -> list[Sketch]:
    """Sketch A, and A with the entries that a mask holds out completed from the others, in the same reads.

    By block Lanczos with full orthogonalisation: the Ritz values of all blocks Q, A·Q, A²·Q, … settle in far
    fewer sweeps than powers of A do.

    Parameters
    ----------
    operator : Sweep or Normalised
        The matrix.
    executor : Executor
        Where row panels live; the operator's own.
    k : int
        Eigenpairs wanted.
    seed : int
        Of the random start.
    mask : Mask, optional
        What is held out from the second sketch.
    whole : bool
        Sketch A itself too; otherwise only A without what is held out.
    diagonal : bool
        False leaves the diagonal out.
    on_sweep : callable
        Called after each read with its number, the most there will be, and the share of ‖A‖² captured.

    Returns
    -------
    list of Sketch
        That of A, if ``whole``, then that of A without what is held out, if there is a mask; the sum of squares
        of the latter is said to be that of A.

    References
    ----------
    Musco, Musco, NIPS 28 (2015), algorithm 2; Halko, Martinsson, Tropp, SIAM Review 53 (2011).
    """
    n = operator.n
    k = min(k, n)
    width, most = sketch_width(n, k), basis_blocks(n, k)
    wanted = max(k, width - OVERSAMPLING)
    spaces: list[Krylov] = []
    if whole:
        spaces.append(Krylov(executor, operator.panels, width=width, seed=seed))
    if mask is not None:
        # so few that they cannot say what was held out by themselves
        rank = min(k, max(1, n // GENES_AN_EIGENPAIR))
        hidden = CompletedKrylov(executor, operator.panels, width=width, seed=seed + 1, mask=mask, rank=rank)
        spaces.append(hidden)
    squares = operator.sum_of_squares
    ignored = None
    if not diagonal:
        exact = np.asarray(operator.diagonal, dtype=np.float64)
        squares = max(0.0, squares - float(exact @ exact))
        ignored = executor.put(operator.panels.split(exact), label="diagonal")
    before = [0.0] * len(spaces)
    growing = list(range(len(spaces)))
    for sweep in range(1, most + 1):
        products = _multiply(operator, executor, [spaces[s] for s in growing])
        for s, product in zip(list(growing), products, strict=True):
            space = spaces[s]
            if ignored is not None:
                product = executor.map(_without_diagonal, product, space.block, ignored, label="rest")
            space.take(product)
            if sweep < most and space.begins_anew(sweep):
                continue
            values = np.linalg.eigvalsh(space.T)
            captured = float(np.sort(values**2)[::-1][:wanted].sum())
            settled = sweep > space.settles_after and captured - before[s] <= SETTLED * captured
            before[s] = captured
            # a space that cannot grow is exhausted: its values are exact
            if settled or sweep == most or not space.grow():
                growing.remove(s)
        on_sweep(sweep, most, before[0] / squares if squares else 1.0)
        if not growing:
            break
    return [sketch_of_space(space, sketch_columns(n, k), squares, sweep) for space in spaces]


def _multiply(operator: Sweep | Normalised, executor: Executor, spaces: list[Krylov]) -> list[list[Handle]]:
    """Return A·block of each space from one read; a last one with a mask sees A without what is held out."""
    widths = [space.width for space in spaces]
    blocks = [space.block for space in spaces]
    X = blocks[0] if len(blocks) == 1 else executor.map(beside, *blocks, label="stack")
    last = spaces[-1]
    masked = Masked(last.mask, first=sum(widths[:-1])) if isinstance(last, CompletedKrylov) else None
    Y = operator.sweep(X, columns=sum(widths), dtype=FLOAT, masked=masked)
    if len(spaces) == 1:
        return [Y]
    cuts = np.cumsum([0, *widths])
    return [
        executor.map(columns_of, Y, [int(a)] * len(Y), [int(b)] * len(Y), label="columns")
        for a, b in pairwise(cuts)
    ]


def sketch_of_space(space: Krylov, columns: int, squares: float, sweeps: int) -> Sketch:
    """Return the leading Ritz pairs of a space."""
    values, U = np.linalg.eigh(space.T)
    order = np.argsort(-np.abs(values), kind="stable")[:columns]
    chosen = U[:, order]
    last = chosen[len(chosen) - len(space.rest_gram) :]
    residuals = np.sqrt(np.maximum(np.einsum("ip,ij,jp->p", last, space.rest_gram, last), 0))
    vectors = space.combine(chosen * _signs(space, chosen))
    return Sketch(values[order], residuals, vectors, squares, float((space.T**2).sum()), sweeps)


def _signs(space: Krylov, chosen: NDArray[np.float64]) -> NDArray[np.float64]:
    """Make the entry of largest magnitude of each vector positive; eigenvectors are known up to sign."""
    parts = space.executor.get(space.executor.map(_largest, space.combine(chosen), label="largest"))
    largest = np.stack(parts)
    found = largest[np.abs(largest).argmax(axis=0), np.arange(largest.shape[1])]
    return np.where(found < 0, -1.0, 1.0)


def _largest(vectors: NDArray[Any]) -> NDArray[np.float64]:
    place = np.abs(vectors).argmax(axis=0)
    return np.asarray(vectors[place, np.arange(vectors.shape[1])], dtype=np.float64)


def beside(*blocks: NDArray[Any]) -> NDArray[Any]:
    """Return blocks side by side."""
    return np.concatenate(blocks, axis=1)


def columns_of(Y: NDArray[Any], first: int, last: int) -> NDArray[Any]:
    """Return some columns of a product."""
    # in C order, as it is after a journey: BLAS gives other bits for a view with gaps
    return np.ascontiguousarray(Y[:, first:last])


def _without_diagonal(
    product: NDArray[Any], block: NDArray[Any], diagonal: NDArray[np.float64]
) -> NDArray[np.float64]:
    return np.asarray(product - diagonal[:, None] * block)
