"""The options of a survey of ranks."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from dasknmf.errors import InputError, not_negative, one_of, whole
from dasknmf.options import RANDOM, ModelOptions
from dasknmf.solvers import fits_sketch, is_direct

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dasknmf.options import Start

#: With more of it held out, what is left is another network.
MOST_HELD_OUT = 0.5


@dataclass(frozen=True)
class SurveyOptions:
    """What a survey of ranks fits.

    Parameters
    ----------
    n_components : sequence of int
        The ranks.
    restarts : int
        Fits of each rank, from different starts.
    solver : str
        Algorithm of all of them.
    seed : int
        Restart r has the seed ``seed + r``; also of the mask, the samples and the bootstraps.
    init : {"random_acol", "random"}
        Starts; see :class:`ModelOptions`.
    held_out : float
        Share of the pairs of genes that is held out; 0 holds out none.
    held_out_restarts : int
        Fits of each rank without what is held out; the one that fits best what it sees is judged.
    warm_start : bool
        Start each rank of a restart from its factors of the rank below, and new ones. Restarts then differ less.
    consensus : {"medoid", "mean"}
        Which factors of each rank are returned; see :func:`dasknmf.consensus`.
    penalties : dict
        ``l1_W, l1_H, l2_W, l2_H``, and parameters of the solver, of all models.
    """

    n_components: tuple[int, ...]
    restarts: int = 10
    solver: str = "hals"
    seed: int = 0
    init: Start = "random_acol"
    held_out: float = 0.05
    held_out_restarts: int = 3
    warm_start: bool = False
    consensus: Literal["medoid", "mean"] = "medoid"
    penalties: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse values no survey can have."""
        given = self.n_components
        ranks = [given] if hasattr(given, "__index__") else list(given)
        whole_ranks = sorted({whole("n_components", rank, least=1) for rank in ranks})
        if not whole_ranks:
            msg = "n_components: there is no rank; give some, such as range(2, 17)"
            raise InputError(msg)
        object.__setattr__(self, "n_components", tuple(whole_ranks))
        for name, least in (("restarts", 1), ("seed", 0), ("held_out_restarts", 1)):
            object.__setattr__(self, name, whole(name, getattr(self, name), least=least))
        if is_direct(self.solver):
            msg = (
                f"solver '{self.solver}' is no iteration, so it has no restarts to survey; fit it beside the survey: "
                f"dasknmf fit NETWORK -k 2:17 --solver {self.solver} -o FITS"
            )
            raise InputError(msg)
        one_of("init", self.init, tuple(RANDOM))
        one_of("consensus", self.consensus, ("medoid", "mean"))
        if not fits_sketch(self.solver):
            msg = (
                f"solver='{self.solver}': a survey fits on the sketch of A, and this solver needs A itself; survey "
                "with solver='hals', or fit ranks and seeds together: dasknmf.nmf_many(network, "
                f"[{{'n_components': 8, 'solver': '{self.solver}', 'init': 'random_acol', 'seed': 0}}, …])"
            )
            raise InputError(msg)
        object.__setattr__(self, "held_out", not_negative("held_out", self.held_out))
        if self.held_out > MOST_HELD_OUT:
            msg = f"held_out={self.held_out:g}: needs a share of the gene pairs from 0 to {MOST_HELD_OUT}"
            raise InputError(msg)

    def models(self, restarts: int, *, first: int = 0) -> tuple[ModelOptions, ...]:
        """Return the models of all ranks, ``restarts`` of each, rank by rank."""
        penalties: dict[str, Any] = dict(self.penalties)
        return tuple(
            ModelOptions(k, solver=self.solver, seed=self.seed + first + r, init=self.init, **penalties)
            for k in self.n_components
            for r in range(restarts)
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the options as plain values."""
        return {**asdict(self), "n_components": list(self.n_components), "penalties": dict(self.penalties)}
