"""The options of ``zoom``: how many factors inside a factor, which genes are in it, and when it ends."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from dasknmf.errors import InputError, not_negative, one_of, whole
from dasknmf.nesting.variables import BRANCHES
from dasknmf.options import RANDOM, ModelOptions
from dasknmf.solvers import fits_sketch, is_direct

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dasknmf.options import Start

#: Splits from the root to the deepest leaf. STRING human from 32 factors has 139 nodes on the fourth level, of 36 genes
#: in the middle, and takes minutes.
LEVELS = 4
#: Least mean cosine of matched factors of restarts. On STRING human, of 150 nodes that are better than their nulls 137
#: are above 0.95 and 7 below 0.9. Null networks cannot set it: of 64 nodes that are not better than theirs, which are
#: chance as far as one knows, 45 are above 0.99, as two factors of a small network mostly are.
REPRODUCIBLE = 0.9
#: Factors that are tried inside a factor, in this order.
BRANCHING = (2, 3, 4)


@dataclass(frozen=True)
class ZoomOptions:
    """How factors are factorized again.

    Parameters
    ----------
    n_components : tuple of int
        Factors of the root, then of every node of the levels below it.
    levels : int
        Splits from the root to the deepest leaf; levels that ``n_components`` does not say choose among ``branching``.
    branching : tuple of int
        Factors to try, ascending: the first number that is better than its null and reproducible is taken.
    membership : {"hard", "soft"}
        ``"hard"``: a gene is in the factor of its largest loading. ``"soft"``: in all of which the loading is at least
        ``share`` of its largest, by that share; the subnetwork is D A D, D its memberships, those of the node above
        among them.
    share : float
        Of soft membership, above 0 and at most 1.
    loadings : {"partner", "W", "H", "index"}
        Of which side of a fit; see :func:`dasknmf.nesting.loadings.loadings_of`.
    least_genes, least_edges : int
        Nodes with fewer are leaves.
    null : {"degree", "shuffle"}
        What a node's null networks keep of it: expected degrees and strengths, as hubs alone are no modules; or
        weights.
    nulls : int
        Null networks of a node, at least 19.
    alpha : float
        A node goes on if the chance that any null of its level were as far out as it is is at most this.
    reproducible : float
        Least mean cosine of the matched factors of restarts.
    restarts : int
        Fits of a node from different starts, at least 2; the first is the one that is used.
    seed : int
        Of all that is random; a node has numbers of its own, by its path from the root.
    solver, init
        Of all fits; see :class:`dasknmf.options.ModelOptions`.
    penalties : dict
        ``l1_W, …`` and parameters of the solver, of all fits.
    """

    n_components: tuple[int, ...]
    levels: int = LEVELS
    branching: tuple[int, ...] = BRANCHING
    membership: str = "hard"
    share: float = 0.5
    loadings: str = "partner"
    least_genes: int = 16
    least_edges: int = 32
    null: str = "degree"
    nulls: int = 19
    alpha: float = 0.05
    reproducible: float = REPRODUCIBLE
    restarts: int = 3
    seed: int = 0
    solver: str = "hals"
    init: Start = "random_acol"
    penalties: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse values that cannot be."""
        one_of("membership", self.membership, ("hard", "soft"))
        one_of("loadings", self.loadings, BRANCHES)
        one_of("null", self.null, ("degree", "shuffle"))
        for name, least in (
            ("levels", 1),
            ("least_genes", 2),
            ("least_edges", 1),
            ("nulls", 19),
            ("restarts", 2),
            ("seed", 0),
        ):
            object.__setattr__(self, name, whole(name, getattr(self, name), least=least))
        for name in ("share", "alpha", "reproducible"):
            value = not_negative(name, getattr(self, name))
            if value > 1 or (name != "reproducible" and value == 0):
                msg = f"{name}={value:g}: needs a number {'from' if name == 'reproducible' else 'above'} 0, at most 1"
                raise InputError(msg)
            object.__setattr__(self, name, value)
        self._check_ranks()
        if self.alpha < 1 / (self.nulls + 1):
            most = int(np.ceil(1 / self.alpha)) - 1
            msg = f"nulls={self.nulls}: no p-value can be {self.alpha:g}; give at least nulls={most}"
            raise InputError(msg)
        if is_direct(self.solver) or not fits_sketch(self.solver):
            msg = f"solver='{self.solver}': zoom needs an iterative Frobenius solver such as hals"
            raise InputError(msg)
        if self.init not in RANDOM:
            msg = f"init={self.init!r} is the same for every restart; use init='random_acol'"
            raise InputError(msg)

    def _check_ranks(self) -> None:
        for name in ("n_components", "branching"):
            ranks = getattr(self, name)
            ranks = (ranks,) if hasattr(ranks, "__index__") else tuple(ranks)
            object.__setattr__(self, name, tuple(whole(name, k, least=2) for k in ranks))
        if not self.n_components or len(self.n_components) > self.levels:
            msg = (
                f"n_components={list(self.n_components)}, levels={self.levels}: needs the factors of the root, and "
                "those of a node of each further level or none"
            )
            raise InputError(msg)
        if not self.branching or list(self.branching) != sorted(set(self.branching)):
            msg = f"branching={list(self.branching)}: needs numbers of factors to try, ascending, such as [2, 3, 4]"
            raise InputError(msg)

    def ranks(self, level: int) -> tuple[int, ...]:
        """Return the numbers of factors that are tried inside a node of a level.

        Examples
        --------
        >>> options = ZoomOptions((32, 4))
        >>> options.ranks(0), options.ranks(1), options.ranks(2)
        ((32,), (4,), (2, 3, 4))
        """
        return (self.n_components[level],) if level < len(self.n_components) else self.branching

    def genes_needed(self, level: int) -> int:
        """Return how many genes a node of a level needs: no fewer than one more than factors."""
        return max(self.least_genes, self.ranks(level)[0] + 1 if level < self.levels else 0)

    def ranks_for(self, level: int, genes: int) -> tuple[int, ...]:
        """Return the numbers of factors that are tried in a node, none where it ends by its level or its size.

        Examples
        --------
        >>> options = ZoomOptions((32, 4), least_genes=3)
        >>> options.ranks_for(0, 32), options.ranks_for(1, 32), options.ranks_for(2, 4), options.ranks_for(4, 99)
        ((), (4,), (2, 3), ())
        """
        if level >= self.levels or genes < self.genes_needed(level):
            return ()
        return tuple(k for k in self.ranks(level) if k < genes)

    def seed_of(self, path: tuple[int, ...]) -> int:
        """Return the seed of a node, by its path of factors from the root."""
        return int(np.random.SeedSequence(self.seed, spawn_key=path).generate_state(1)[0])

    def models(self, path: tuple[int, ...], ranks: tuple[int, ...], restarts: int) -> list[ModelOptions]:
        """Return the options of all fits of a network: restart by restart, rank by rank."""
        first = self.seed_of(path)
        penalties: dict[str, Any] = dict(self.penalties)
        return [
            ModelOptions(k, solver=self.solver, seed=first + restart, init=self.init, **penalties)
            for k in ranks
            for restart in range(restarts)
        ]

    def as_dict(self) -> dict[str, Any]:
        """Return the options as plain values."""
        lists = {name: list(getattr(self, name)) for name in ("n_components", "branching")}
        return {**asdict(self), **lists, "penalties": dict(self.penalties)}
