"""Whether one side of a factor is a line of the other, or only rises with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import isotonic_regression

from dasknmf.errors import whole
from dasknmf.laboratory.slopes import WHOLE

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Of the wild bootstrap: p is then a multiple of 1/200.
RESAMPLES = 199
#: Resamples held at once, 8 MiB at 20,000 genes.
BATCH = 50
#: Squared residual of the line over ‖y‖² up to which it is rounding of float32 loadings.
ROUNDING = 1e-12


@dataclass(frozen=True)
class _Levels:
    """Genes by rising x, those with the same x as one level; genes that are zero on both sides are counted, not held.

    Attributes
    ----------
    x, y : ndarray, shape (m,)
        By rising x, then y.
    starts : ndarray of int, shape (levels,)
        First gene of each level.
    sizes : ndarray, shape (levels,)
        Genes of each level.
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    starts: NDArray[np.intp]
    sizes: NDArray[np.float64]

    def sums(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the sum of each level, of values of genes in the last dimension."""
        if len(self.starts) == len(self.x):
            return values  # no gene has the x of another
        return np.asarray(np.add.reduceat(values, self.starts, axis=-1))

    def explained(self, sums: NDArray[np.float64]) -> float:
        """Return Σ f² over genes of the best non-decreasing function f of x, given the sum of y of each level.

        A mean of a block is orthogonal to what it leaves, so it is what ‖y‖² falls by.
        """
        fit = isotonic_regression(sums / self.sizes, weights=self.sizes).x
        return float((self.sizes * np.square(fit)).sum())


def monotone(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """Return the share of Σ y² that the best non-decreasing function of x explains.

    The norm is not centred, as that of a line through the origin, which is such a function for a slope ≥ 0: it
    explains no more.

    Parameters
    ----------
    x, y : ndarray, shape (n,)
        Loadings of all genes, x ≥ 0.

    Returns
    -------
    float
        From 0 to 1; nan where y is zero.

    Notes
    -----
    Isotonic least squares by pooling adjacent violators: Barlow, Bartholomew, Bremner & Brunk, Statistical
    Inference under Order Restrictions, 1972. Genes with the same x get the same value, for f is a function of x.

    Examples
    --------
    >>> x = np.array([0.0, 1.0, 2.0, 3.0])
    >>> monotone(x, x**2)
    1.0
    """
    levels = _levels(x, y)
    size = np.square(levels.y).sum()
    if not size > 0:
        return np.nan
    return min(1.0, float(levels.explained(levels.sums(levels.y)) / size))


def curvature_test(
    x: NDArray[np.float64], y: NDArray[np.float64], *, seed: int = 0, resamples: int = RESAMPLES
) -> float:
    """Test whether y = b x explains as much of y as a non-decreasing function of x does.

    Parameters
    ----------
    x, y : ndarray, shape (n,)
        Loadings of all genes, x ≥ 0.
    seed : int
        Of the signs; columns of the same seed share them, so a result does not depend on which others are tested.
    resamples : int
        Of the bootstrap, at least 1.

    Returns
    -------
    float
        The chance, under the line, of a gain (‖y − bx‖² − ‖y − f‖²) / ‖y − bx‖² as large; 1 where the line is exact
        but for rounding, nan where x or y is zero.

    Raises
    ------
    InputError
        If ``resamples`` is not a whole number of at least 1.

    Notes
    -----
    Wild bootstrap with Rademacher signs: Wu, Annals of Statistics 14:1261, 1986; Liu, Annals of Statistics 16:1696,
    1988. Residuals of the line are kept with their gene and change sign at random, so that the spread may differ
    from gene to gene, as it does between strong genes and zeros. They are first divided by 1 − x² / Σ x², for what
    the line took from them (Davidson & Flachaire, Journal of Econometrics 146:162, 2008): of lines with a spread
    that grows with x, 5.6–6.1 % then have p ≤ 0.05, and 7.5–8.8 % with the square root of it. It supposes errors as
    likely above the line as below it. Loadings are not negative, so h > 0 at genes of w = 0 is a departure from
    the line, and counts as one.

    At n of thousands p says that a gain is there, not that it matters: its size is ``monotone`` − ``linearity``.

    Examples
    --------
    >>> x = np.linspace(0, 1, 200)
    >>> noise = np.random.default_rng(0).normal(0, 0.1, 200)
    >>> curvature_test(x, x + noise) > 0.1, curvature_test(x, x**2 + noise)
    (True, 0.005)
    """
    resamples = whole("resamples", resamples, least=1)
    levels = _levels(x, y)
    x, y = levels.x, levels.y
    square, size = np.square(x).sum(), np.square(y).sum()
    if not (square > 0 and size > 0):
        return np.nan
    line = (x @ y) / square * x
    left = y - line
    if np.square(left).sum() <= ROUNDING * size:
        return 1.0
    leverage = np.square(x) / square
    # a gene that is all of the line leaves no residual to divide
    left = np.divide(left, 1.0 - leverage, out=np.zeros_like(left), where=leverage < WHOLE)
    observed = _gain(levels, levels.sums(y), float(x @ y) ** 2 / square, size)
    signs = _signs(len(y), seed=seed, resamples=resamples)
    level_sums, line_size = levels.sums(line), np.square(line).sum()
    above = 0
    for start in range(0, resamples, BATCH):
        errors = signs[start : start + BATCH] * left
        sums = level_sums + levels.sums(errors)
        by_line = np.square((line @ x) + errors @ x) / square
        sizes = line_size + 2.0 * (errors @ line) + np.square(left).sum()
        gains = [_gain(levels, *each) for each in zip(sums, by_line, sizes, strict=True)]
        above += int((np.array(gains) >= observed).sum())
    return (1 + above) / (1 + resamples)


def _levels(x: NDArray[np.float64], y: NDArray[np.float64]) -> _Levels:
    held = np.flatnonzero((x != 0) | (y != 0))
    zeros = len(x) - len(held)
    order = held[np.lexsort((y[held], x[held]))]
    # all genes that are zero on both sides stand as one, with their number
    lead = np.zeros(min(zeros, 1))
    x, y = np.concatenate([lead, x[order]]), np.concatenate([lead, y[order]])
    genes = np.ones(len(x))
    genes[: len(lead)] = zeros
    starts = np.flatnonzero(np.concatenate([np.ones(min(len(x), 1), dtype=bool), x[1:] != x[:-1]]))
    return _Levels(x, y, starts, np.add.reduceat(genes, starts))


def _signs(genes: int, *, seed: int, resamples: int) -> NDArray[np.int8]:
    """Return ±1 of shape (resamples, genes), of which a smaller number of genes has the first ones."""
    # a gene a row of bits, so that its signs are the same however many there are
    drawn = np.random.default_rng(seed).bytes(genes * -(-resamples // 8))
    bits = np.unpackbits(np.frombuffer(drawn, dtype=np.uint8).reshape(genes, -1), axis=1, count=resamples)
    return np.ascontiguousarray(bits.T).astype(np.int8) * np.int8(2) - np.int8(1)


def _gain(levels: _Levels, sums: NDArray[np.float64], by_line: float, size: float) -> float:
    """Return what the monotone fit takes of the squared residual of the line."""
    left = size - by_line
    return (levels.explained(sums) - by_line) / left if left > 0 else 0.0
