"""Both sides of the factors of one fit against both sides of those of its restarts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dasknmf.analysis.matching import cosines, norms, same_genes
from dasknmf.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from dasknmf.analysis.matching import Factors


@dataclass(frozen=True)
class Crossed:
    """Cosines of the sides of k factors with the sides of those of R restarts; 0 for a side that is zero.

    Attributes
    ----------
    ww, hh, wh, hw : ndarray, shape (R, k, l)
        Element ``[r, j, l]`` of ``wh`` is that of w_j with row l of H of restart r, of ``hw`` that of h_j with
        column l of its W.
    scale : ndarray, shape (R, l)
        ‖w‖‖h‖ of the factors of each restart.
    """

    ww: NDArray[np.float64]
    hh: NDArray[np.float64]
    wh: NDArray[np.float64]
    hw: NDArray[np.float64]
    scale: NDArray[np.float64]


def crossed(reference: Factors, restarts: Sequence[Factors]) -> Crossed:
    """Return the cosines of both sides of a fit with both sides of others, from one pass over the genes.

    Parameters
    ----------
    reference : (W, Ht), each of shape (n, k)
        A fit, non-negative, H transposed.
    restarts : sequence of (W, Ht), each of shape (n, l)
        R others, of one rank; none is allowed.

    Returns
    -------
    Crossed

    Raises
    ------
    InputError
        If shapes do not agree.

    Examples
    --------
    >>> W, Ht = np.eye(3)[:, :1], np.eye(3)[:, 1:2]
    >>> found = crossed((W, Ht), [(Ht, 2 * W)])
    >>> found.ww.item(), found.wh.item(), found.hw.item(), found.scale.item()
    (0.0, 1.0, 1.0, 2.0)
    """
    same_genes([reference, *restarts])
    k, ranks = np.shape(reference[0])[1], sorted({np.shape(W)[1] for W, _ in restarts})
    if len(ranks) > 1:
        msg = f"restarts of ranks {', '.join(map(str, ranks))}; needs restarts of one rank"
        raise InputError(msg)
    R, rank = len(restarts), ranks[0] if ranks else k
    sides = [np.asarray(side) for model in restarts for side in model]
    found = cosines([np.asarray(side) for side in reference], sides)
    blocks = found.reshape(2, k, R, 2, rank).transpose(0, 3, 2, 1, 4)
    lengths = np.array([norms(side) for side in sides]).reshape(R, 2, rank)
    return Crossed(blocks[0, 0], blocks[1, 1], blocks[0, 1], blocks[1, 0], lengths.prod(axis=1))
