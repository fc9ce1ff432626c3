"""The space of A without held-out pairs of genes, which are completed from the others while it is built."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp

from dasknmf.compiling import compiled
from dasknmf.engine.krylov import Krylov

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from dasknmf.engine.executor import Executor, Handle
    from dasknmf.engine.grid import Panels
    from dasknmf.engine.mask import Mask

#: After so many sweeps held-out pairs are replaced by what is known by then, and the space begins anew from there.
REFILLS = (3, 5)


class CompletedKrylov(Krylov):
    """The Krylov space of A with its held-out pairs replaced by what its leading eigenvectors without them say.

    Zeros in their place would be a matrix of their own, with eigenvalues like those that a high rank is after.
    So after a few products the leading eigenpairs, which have seen nothing of the held-out pairs, complete them,
    and the space begins anew from their vectors; twice. What is completed is a sum over pairs of gene groups.

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
    mask : Mask
        What is held out.
    rank : int
        Eigenpairs that complete.

    References
    ----------
    Troyanskaya et al., Bioinformatics 17 (2001) 520, SVDimpute; Mazumder, Hastie, Tibshirani, JMLR 11 (2010) 2287.
    """

    settles_after = REFILLS[-1] + 1

    def __init__(
        self, executor: Executor, panels: Panels, *, width: int, seed: int, mask: Mask, rank: int
    ) -> None:
        super().__init__(executor, panels, width=width, seed=seed)
        self.mask, self.rank = mask, min(rank, width)
        self._share = mask.share()
        self._groups = executor.put(panels.split(mask.group), label="groups")
        self._held = sp.csr_array(mask.held.astype(np.float32))
        self._fill: tuple[list[Handle], NDArray[np.float64]] | None = None

    def take(self, product: Sequence[Handle]) -> None:
        """Take the product of block with A without its held-out pairs; they are added as they are completed."""
        super().take(product if self._fill is None else self._completed(product))

    def _completed(self, product: Sequence[Handle]) -> list[Handle]:
        assert self._fill is not None
        vectors, values = self._fill
        count, groups = len(vectors), len(self.mask.held)
        moments = self._total(group_moments, vectors, self.block, self._groups, [groups] * count)
        beside = (self._held @ moments.reshape(groups, -1)).reshape(moments.shape)
        beside *= values.astype(np.float32)[:, None]
        return self._map(_add_group, product, vectors, [beside] * count, self._groups, label="complete")

    def begins_anew(self, sweep: int) -> bool:
        """Complete the held-out pairs anew after some of the sweeps."""
        if sweep not in REFILLS:
            return False
        self.refill()
        return True

    def refill(self) -> None:
        """Complete the held-out pairs from the leading eigenpairs known now, and begin anew from their vectors."""
        values, U = np.linalg.eigh(self.T)
        order = np.argsort(-np.abs(values), kind="stable")
        # what was left out is missing from the first eigenvalues, in proportion
        scale = 1.0 if self._fill else 1 / (1 - self._share)
        leading = order[: self.rank]
        self._fill = self.combine(U[:, leading]), values[leading] * scale
        start = self.combine(U[:, order[: self.width]])
        self._restart(start)


def _add_group(
    product: NDArray[Any], vectors: NDArray[Any], beside: NDArray[Any], group: NDArray[Any]
) -> NDArray[Any]:
    return np.asarray(product + times_group(np.ascontiguousarray(vectors), beside, group))


@compiled
def group_moments(A: NDArray[Any], B: NDArray[Any], group: NDArray[Any], groups: int) -> NDArray[Any]:
    """Return Σ a_i b_iᵀ over the genes i of each group, shape (groups, k, l)."""
    made = np.zeros((groups, A.shape[1], B.shape[1]), A.dtype)
    for i in range(len(A)):
        total = made[group[i]]
        for a in range(A.shape[1]):
            for b in range(B.shape[1]):
                total[a, b] += A[i, a] * B[i, b]
    return made


@compiled
def times_group(F: NDArray[Any], matrices: NDArray[Any], group: NDArray[Any]) -> NDArray[Any]:
    """Return row i of F times the matrix of its group, shape (n, l)."""
    made = np.zeros((len(F), matrices.shape[2]), F.dtype)
    for i in range(len(F)):
        matrix = matrices[group[i]]
        for a in range(F.shape[1]):
            for b in range(matrices.shape[2]):
                made[i, b] += F[i, a] * matrix[a, b]
    return made
