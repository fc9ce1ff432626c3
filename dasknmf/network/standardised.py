"""Expression as rows of mean 0 and length 1, on disk: their products are correlations."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from dasknmf.errors import InputError, offenders
from dasknmf.network.row_spool import RowSpool

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from dasknmf.network.expression import Expression
    from dasknmf.network.weighting import Method

Constant = Literal["error", "zero", "drop"]


@dataclass
class Rows:
    """Rows of mean 0 and length 1, so that products are correlations; a constant row is 0 and isolated."""

    genes: list[str]
    values: NDArray[np.float64]
    isolated: NDArray[np.bool_]
    constants: int


@contextmanager
def standardised(opened: Expression, method: Method, constant: Constant) -> Iterator[Rows]:
    """Standardise expression, block by block, into a spool that is gone when the block ends.

    Parameters
    ----------
    opened : Expression
        Genes × samples; its blocks are used up.
    method : {"pearson", "spearman"}
        Of values, or of their average ranks.
    constant : {"error", "zero", "drop"}
        What becomes of constant rows.

    Yields
    ------
    Rows

    Raises
    ------
    InputError
        If a row is constant and that is an error, or no row is left.
    """
    kept: list[NDArray[np.intp]] = []
    flat: list[NDArray[np.intp]] = []
    with RowSpool(opened.samples, purpose=opened.where) as spool:
        start = 0
        for block in opened.blocks:
            rows, is_flat = _standardise(block, method)
            flat.append(start + np.flatnonzero(is_flat))
            kept.append(start + np.flatnonzero(~is_flat if constant == "drop" else np.ones_like(is_flat)))
            spool.append(rows[~is_flat] if constant == "drop" else rows)
            start += len(block)
        constants = np.concatenate(flat) if flat else np.empty(0, np.intp)
        _check_constants(opened, constants, constant, spool.rows)
        isolated = np.zeros(spool.rows, dtype=bool)
        if constant == "zero":
            isolated[constants] = True
        genes = [opened.genes[i] for i in np.concatenate(kept)]
        yield Rows(genes, spool.array(), isolated, len(constants))


def _check_constants(opened: Expression, constants: NDArray[np.intp], constant: Constant, rows: int) -> None:
    if len(constants) and constant == "error":
        shown = [f"gene '{opened.genes[i]}'" for i in constants[:3]]
        msg = (
            f"{opened.where}: the same value in every sample, so no correlation: "
            f"{offenders(shown, len(constants))}; keep such genes without edges (--constant zero, "
            "constant='zero') or leave them out (--constant drop, constant='drop')"
        )
        raise InputError(msg)
    if not rows:
        why = f"all {len(constants):,} are constant" if len(constants) else "no rows"
        msg = f"{opened.where}: holds no genes ({why}); needs at least one row of genes × samples"
        raise InputError(msg)


def _standardise(block: NDArray[np.float64], method: Method) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return rows of mean 0 and length 1, shape (genes, samples), and which are constant (left at 0)."""
    flat = np.ptp(block, axis=1) == 0
    if method == "spearman":
        from scipy.stats import rankdata

        rows = rankdata(block, axis=1)
    else:
        # scaled by the largest value first: squares of 1e200 overflow, of 1e-200 vanish
        largest = np.abs(block).max(axis=1, keepdims=True)
        rows = block / np.where(largest == 0, 1, largest)
    rows -= rows.mean(axis=1, keepdims=True)
    rows[flat] = 0
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(length == 0, 1, length), flat
