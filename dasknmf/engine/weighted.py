"""The operator of a matrix with missing or weighted entries: what is known of A, and the model where it is not."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from dasknmf.engine.cache import CachedSource
from dasknmf.engine.filled import (
    FACTS,
    errors_group,
    facts_group,
    filled_group,
    moments_of,
    moments_of_factors,
    multiply_known,
    with_moments,
    with_own,
)
from dasknmf.engine.kernels import multiply_group
from dasknmf.engine.paired import paired_sweep
from dasknmf.engine.sweep import Sweep
from dasknmf.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from dasknmf.engine.executor import Executor, Handle
    from dasknmf.engine.grid import Plan
    from dasknmf.engine.known_source import KnownSource
    from dasknmf.engine.mask import Masked

EXACT = np.dtype(np.float64)


class WeightedSweep(Sweep):
    """Products with a tiled matrix of which some entries are missing, or count in part.

    Plain products, for sketches and starts, take what is unknown as zero; :meth:`filled` takes the model's own.
    What is known of A by itself, ``sum_of_squares``, ``total`` and ``diagonal``, is there after :meth:`look`.

    Parameters
    ----------
    source : KnownSource
        Where tiles of A and of the weights are read.
    plan : Plan
        How they are grouped.
    executor : Executor
        Where groups are worked on.
    key : str
        Identity of both matrices, for tiles that are kept.
    in_memory : bool
        Whether ``source`` holds a matrix that is in memory.

    Attributes
    ----------
    not_counted : int
        Pairs of genes i ≤ j of weight 0.
    about : dict
        What results say of the weights.
    """

    def __init__(
        self, source: KnownSource, plan: Plan, executor: Executor, *, key: str, in_memory: bool
    ) -> None:
        super().__init__(
            # a matrix goes to the workers once
            executor.put([source], label="matrix")[0] if in_memory else source,
            plan,
            executor,
            sum_of_squares=float("nan"),
            total=float("nan"),
            diagonal=np.zeros(plan.grid.n),
        )
        self._absent, self._counts, self._key, self._in_memory = source.absent, source.counts, key, in_memory
        self.not_counted = 0
        self.about: dict[str, Any] = {}

    def keep_tiles(self, budget: int) -> None:
        """Let each process keep tiles of stores, up to ``budget`` bytes."""
        if not self._in_memory and budget > 0:
            self.source = CachedSource(self.source, self._key, budget)

    def look(self) -> None:
        """Read A and its weights once, for what they say by themselves.

        Raises
        ------
        InputError
            If a weight is not between 0 and 1, or none is above 0.
        """
        self.reads += 1
        last = len(self.panels)
        *diagonal, facts = self.executor.get(
            self.executor.add_up(
                facts_group,
                [(self._tiles(group), self.panels, group) for group in self.plan.groups],
                [
                    (
                        *((q, slice(0, self.panels.rows[q])) for q in group.panels),
                        (last, slice(0, 1)),
                    )
                    for group in self.plan.groups
                ],
                [*((rows, 1) for rows in self.panels.rows), (1, FACTS)],
                EXACT,
                label="facts",
            )
        )
        squares, total, unknown, known = map(float, facts[0])
        pairs = self.n * (self.n + 1) // 2
        self.not_counted = int(pairs - known if self._absent == 0 else unknown)
        if self.not_counted == pairs:
            msg = "weights: every pair of genes has weight 0, or is missing; needs some that count"
            raise InputError(msg)
        self.about["pairs_not_counted"] = self.not_counted
        self.sum_of_squares, self.total = squares, total
        self.diagonal = np.concatenate(diagonal)[:, 0]

    def sweep(
        self, X: Sequence[Handle], *, columns: int, dtype: np.dtype[Any], masked: Masked | None = None
    ) -> list[Handle]:
        """Return the row panels of A·X, with unknown entries of A as zero; see :meth:`Sweep.sweep`."""
        self.reads += 1
        groups = self.plan.groups
        return self.executor.add_up(
            partial(multiply_known, multiply_group),
            [
                (self._tiles(group), self.panels, group, [X[q] for q in group.panels], masked)
                for group in groups
            ],
            [tuple(zip(group.panels, self.panels.touched(group), strict=True)) for group in groups],
            [(rows, columns) for rows in self.panels.rows],
            dtype,
            label="sweep",
        )

    def filled(
        self, X: Sequence[Handle], *, ranks: Sequence[int], dtype: np.dtype[Any]
    ) -> tuple[list[Handle], Handle]:
        """Return F·R of models from one read, F = LRᵀ + Ω∘(A − LRᵀ), and ΣΩ∘(A − LRᵀ)².

        Parameters
        ----------
        X : sequence of handles of ndarray, shapes (rows of panel, 2K)
            For each row panel, L and R of all models, as :func:`dasknmf.engine.pairs.beside` puts them.
        ranks : sequence of int
            Columns of each L.
        dtype : dtype
            That of X and of the products; sums are in float64.

        Returns
        -------
        made : list of handles of ndarray, shapes (rows of panel, K)
            F·R of each model where :func:`dasknmf.engine.pairs.places` says.
        sums : handle of ndarray of float64, shape (models, 1)
        """
        self.reads += 1
        calls = [(self._tiles(group), group) for group in self.plan.groups]
        made, sums = paired_sweep(
            self.executor,
            self.panels,
            filled_group,
            calls,
            X,
            ranks=ranks,
            dtype=dtype,
            scores=1,
            label="filled",
        )
        if self._absent is None:
            return made, sums
        count = len(self.panels)
        left, right = self._moments(moments_of, [(part, tuple(ranks)) for part in X], ranks)
        every = [tuple(ranks)] * count
        if self._absent == 0:
            return self.executor.map(with_own, made, X, [right] * count, every, label="own"), sums
        return made, self.executor.map(with_moments, [sums], [left], [right], every[:1], label="moments")[0]

    def errors(self, W: Sequence[Handle], H: Sequence[Handle], *, models: int) -> NDArray[np.float64]:
        """Return ΣΩ∘(A − WH)² of each model, in float64, from one read; shape (models,), see :meth:`Sweep.inner`."""
        (total,) = self._add_up(errors_group, (W, H), (), [(1, models)], label="errors")
        if self._absent != 1:
            return np.asarray(total[0])
        ranks = self.executor.get(self.executor.map(_ranks, W[:1], label="ranks"))[0]
        moments = self._moments(moments_of_factors, list(zip(W, H, strict=True)), ranks)
        left, right = self.executor.get(moments)
        return with_moments(total.T, left, right, ranks)[:, 0]

    def _moments(
        self, function: Any, calls: list[tuple[Any, ...]], ranks: Sequence[int]
    ) -> tuple[Handle, Handle]:
        shape = sum(ranks), max(ranks)
        every = tuple((place, slice(0, shape[0])) for place in range(2))
        left, right = self.executor.add_up(
            function, calls, [every] * len(calls), [shape] * 2, EXACT, label="moments"
        )
        return left, right


def _ranks(factors: Sequence[Any]) -> tuple[int, ...]:
    return tuple(factor.shape[1] for factor in factors)
