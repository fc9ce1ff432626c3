"""The options of nested associations: which way down, through how many factors, by which loadings and similarity."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from dasknmf.errors import InputError, one_of, whole
from dasknmf.nesting.similarity import similarity_power
from dasknmf.nesting.variables import BRANCHES
from dasknmf.options import RANDOM, ModelOptions
from dasknmf.solvers import fits_sketch, is_direct

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dasknmf.options import Start

METHODS = ("relational", "coarsen")
#: Branches that are always followed, so that what the choice of loadings costs is known.
FOLLOWED = ("W", "H", "partner")


@dataclass(frozen=True)
class NestedOptions:
    """What nested associations are made of.

    Parameters
    ----------
    n_components : tuple of int
        Factors of each level, finest first, each fewer than the one before; see :func:`ranks_of`.
    method : {"relational", "coarsen"}
        The way from a level to the next.
    loadings : {"partner", "W", "H", "index"}
        Which loadings of a fit go on in the tree that is shown; see :func:`dasknmf.nesting.loadings.loadings_of`. W, H
        and partner are followed in any case.
    similarity : "core", "inner", "cosine" or float
        Of ``relational`` alone: L C Lᵀ with the core C; LLᵀ; rows divided by their norm, or a power of it.
    metric : {"genes", "factors"}
        Of ``coarsen`` alone: by which error the core is factorized; see
        :func:`dasknmf.nesting.core_factors.factorize_core`.
    restarts : int
        Fits of each level, from different starts; each goes its own way down.
    seed : int
        Restart r has the seed ``seed + r``, on every level.
    solver, init
        Of all fits; see :class:`dasknmf.options.ModelOptions`.
    penalties : dict
        ``l1_W, …`` and parameters of the solver, of all fits.
    """

    n_components: tuple[int, ...]
    method: str = "relational"
    loadings: str = "partner"
    similarity: str | float = "core"
    metric: str = "genes"
    restarts: int = 3
    seed: int = 0
    solver: str = "hals"
    init: Start = "random_acol"
    penalties: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse values that cannot be."""
        one_of("method", self.method, METHODS)
        one_of("loadings", self.loadings, BRANCHES)
        similarity_power(self.similarity)
        one_of("metric", self.metric, ("genes", "factors"))
        object.__setattr__(self, "restarts", whole("restarts", self.restarts, least=1))
        object.__setattr__(self, "seed", whole("seed", self.seed, least=0))
        ranks = tuple(whole("n_components", k, least=1) for k in self.n_components)
        object.__setattr__(self, "n_components", ranks)
        if not ranks or any(b >= a for a, b in pairwise(ranks)):
            msg = (
                f"n_components={list(ranks)}: each level needs fewer factors than the one before; give them finest "
                "first, such as [24, 12, 6, 3], or one number, which is halved down to a root"
            )
            raise InputError(msg)
        if is_direct(self.solver) or not fits_sketch(self.solver):
            msg = (
                f"solver='{self.solver}': levels are fitted on similarities that are never written out, which needs "
                "an iterative Frobenius solver such as hals"
            )
            raise InputError(msg)
        if self.restarts > 1 and self.init not in RANDOM:
            msg = f"init={self.init!r} is the same for every restart; use init='random_acol', or restarts=1"
            raise InputError(msg)

    @property
    def branches(self) -> tuple[str, ...]:
        """The loadings that are followed."""
        return FOLLOWED if self.loadings in FOLLOWED else (*FOLLOWED, self.loadings)

    @property
    def strands(self) -> list[tuple[str, int]]:
        """Branch and restart of each way down, branch by branch."""
        return [(branch, restart) for branch in self.branches for restart in range(self.restarts)]

    def model(self, k: int, restart: int) -> ModelOptions:
        """Return the options of a fit."""
        penalties: dict[str, Any] = dict(self.penalties)
        return ModelOptions(k, solver=self.solver, seed=self.seed + restart, init=self.init, **penalties)

    def as_dict(self) -> dict[str, Any]:
        """Return the options as plain values."""
        return {**asdict(self), "n_components": list(self.n_components), "penalties": dict(self.penalties)}


def ranks_of(given: Any, *, levels: int | None = None) -> tuple[int, ...]:
    """Return the factors of each level: as listed, or one number halved, rounded up, down to a root.

    Parameters
    ----------
    given : int or iterable of int
        Factors.
    levels : int, optional
        Most levels.

    Raises
    ------
    InputError
        If it is neither.

    Examples
    --------
    >>> ranks_of(24), ranks_of(24, levels=3), ranks_of([20, 5])
    ((24, 12, 6, 3, 2, 1), (24, 12, 6), (20, 5))
    """
    if hasattr(given, "__index__"):
        k = whole("n_components", given, least=1)
        ranks = [k]
        while k > 1:
            k = -(-k // 2)
            ranks.append(k)
    else:
        try:
            ranks = list(given)
        except TypeError as error:
            msg = f"n_components={given!r}: needs a number, a list such as [24, 12, 6, 3], or 'survey'"
            raise InputError(msg) from error
    if levels is not None:
        ranks = ranks[: whole("levels", levels, least=1)]
    return tuple(ranks)
