"""The normalised network, D^-½ A D^-½, as an operator on the tiles of A."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from dasknmf.engine.executor import Handle
    from dasknmf.engine.mask import Masked
    from dasknmf.engine.sweep import Sweep

#: A row sum that is this share of what was taken from it, its diagonal, is rounding.
ROUNDING = 1e-12


class Normalised:
    """D^-½ A D^-½ of a network, D its row sums: (D^-½AD^-½)·X is one sweep with X scaled before and after it.

    Its eigenvalues lie between −1 and 1; I − D^-½AD^-½ is the normalised Laplacian. The row and column of a gene
    without an edge, of which the sum is 0, are zero.

    Parameters
    ----------
    operator : Sweep
        A.
    strength : ndarray, shape (n,)
        Row sums of A.
    diagonal : bool
        False leaves the diagonal of A out, also of its row sums.
    tau : float
        Added to D, in its means.

    Attributes
    ----------
    degree : ndarray of float64, shape (n,)
        D: row sums of the entries that count, without what is added to them.
    sum_of_squares : float
        Not known without a read of its own, so nan.

    References
    ----------
    von Luxburg, Statistics and Computing 17 (2007), section 3.2; Qin, Rohe, NIPS 26 (2013) for tau.
    """

    def __init__(
        self, operator: Sweep, strength: NDArray[np.float64], *, diagonal: bool, tau: float = 0.0
    ) -> None:
        self.operator, self.executor = operator, operator.executor
        self.n, self.panels = operator.n, operator.panels
        loops = np.asarray(operator.diagonal, dtype=np.float64)
        degree = np.asarray(strength, dtype=np.float64)
        if not diagonal:
            rest = degree - loops
            degree = np.where(rest > ROUNDING * degree, rest, 0.0)
        self.degree = degree
        root = np.zeros(self.n)
        np.divide(1.0, np.sqrt(degree + tau * degree.mean()), out=root, where=degree > 0)
        self.diagonal = loops * root**2 if diagonal else np.zeros(self.n)
        self.sum_of_squares = float("nan")
        self._scales = self.executor.put(self.panels.split(root), label="scales")
        dropped = np.zeros(self.n) if diagonal else loops * root
        self._dropped = self.executor.put(self.panels.split(dropped), label="dropped")

    @property
    def reads(self) -> int:
        """Reads of A so far."""
        return self.operator.reads

    def sweep(
        self, X: Sequence[Handle], *, columns: int, dtype: np.dtype[Any], masked: Masked | None = None
    ) -> list[Handle]:
        """Return the row panels of D^-½AD^-½·X, given those of X; see :meth:`dasknmf.engine.sweep.Sweep.sweep`."""
        scaled = self.executor.map(_scaled, X, self._scales, label="scale")
        products = self.operator.sweep(scaled, columns=columns, dtype=dtype, masked=masked)
        return self.executor.map(_back, products, scaled, self._scales, self._dropped, label="scale-back")


def _scaled(X: NDArray[Any], scales: NDArray[np.float64]) -> NDArray[Any]:
    return np.asarray(scales.astype(X.dtype)[:, None] * X)


def _back(
    product: NDArray[Any], scaled: NDArray[Any], scales: NDArray[np.float64], dropped: NDArray[np.float64]
) -> NDArray[Any]:
    kind = product.dtype
    made = scales.astype(kind)[:, None] * product
    if dropped.any():
        made -= dropped.astype(kind)[:, None] * scaled
    return np.asarray(made)
