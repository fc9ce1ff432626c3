"""The options of a fit: one object that the Python API, the command line and checkpoints share."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field, fields
from numbers import Real
from typing import TYPE_CHECKING, Any, Literal

from dasknmf.errors import InputError, one_of
from dasknmf.solvers import SOLVERS, solver_class

if TYPE_CHECKING:
    from collections.abc import Mapping

Start = Literal["auto", "random", "random_acol", "nndsvd", "nndsvda", "given"]
#: Starts that differ from seed to seed, and what they are called in the name of a model.
RANDOM = {"random": "seed", "random_acol": "acol"}
#: With more of it held out, what is left is another network.
MOST_HELD_OUT = 0.5
PENALTIES = ("l1_W", "l1_H", "l2_W", "l2_H")
#: Parameters of some solvers: numbers of at least 0, or one of these words.
PARAMETERS: dict[str, tuple[str, ...]] = {"alpha": (), "beta": (), "eta": (), "variant": ("R", "L")}
STARTS: tuple[str, ...] = ("auto", "random", "random_acol", "nndsvd", "nndsvda", "given")


@dataclass(frozen=True)
class ModelOptions:
    """One model: its rank, algorithm, start and penalties.

    Parameters
    ----------
    n_components : int
        Rank k, at least 1.
    solver : str
        A ≈ WH: ``"hals"``, ``"mu"``, ``"lee"``, ``"bpp"`` or ``"snmf"``; A ≈ WWᵀ: ``"symhals"``, ``"symline"``,
        ``"anls-sym"`` or ``"symmu"``; A ≈ W S Wᵀ: ``"trifactor"``.
    seed : int
        Of the random start; NNDSVD has none.
    init : {"auto", "random", "random_acol", "nndsvd", "nndsvda", "given"}
        Start. ``auto`` takes ``nndsvda`` for solvers that multiply, like ``mu``, and ``nndsvd`` for others: on five
        gene networks it reached a lower error in 50 iterations than three ``random`` starts in 200. ``nndsvda`` is
        NNDSVD with zeros raised to the mean of A, for solvers that cannot leave zero. Restarts need one of the random
        ones: ``random_acol`` takes means of five random columns of A (Langville et al. 2014), and ends in lower
        errors than ``random``, |N(0, 1)|.
    l1_W, l1_H, l2_W, l2_H : float
        ``hals``, ``mu`` and ``bpp`` minimise ½‖A − WH‖² + l1_W ΣW + ½ l2_W ‖W‖² + l1_H ΣH + ½ l2_H ‖H‖².
    alpha : float, optional
        Coupling of ``symhals`` and ``anls-sym``; by default it grows, see :class:`dasknmf.solvers.coupled.Coupled`.
    beta, eta : float, optional
        Sparsity of one factor and size of the other for ``snmf``; see :class:`dasknmf.solvers.snmf.SNMF`.
    variant : {"R", "L"}, optional
        Whether ``snmf`` makes H sparse (R, the default) or W (L).
    """

    n_components: int
    solver: str = "hals"
    seed: int = 0
    init: Start = "auto"
    l1_W: float = 0.0
    l1_H: float = 0.0
    l2_W: float = 0.0
    l2_H: float = 0.0
    alpha: float | None = None
    beta: float | None = None
    eta: float | None = None
    variant: str | None = None

    def __post_init__(self) -> None:
        """Refuse values no fit can have."""
        solver_class(self.solver)
        # plain numbers, also where numpy's are given: they go into attributes and checkpoints
        object.__setattr__(self, "n_components", whole("n_components", self.n_components, least=1))
        object.__setattr__(self, "seed", whole("seed", self.seed, least=0))
        one_of("init", self.init, STARTS)
        if self.init == "auto":
            # so that results and checkpoints say what was done
            object.__setattr__(self, "init", _default_start(self.solver))
        for name in PENALTIES:
            object.__setattr__(self, name, not_negative(name, getattr(self, name)))
        for name, words in PARAMETERS.items():
            value = getattr(self, name)
            if value is not None and words:
                one_of(name, value, words)
            elif value is not None:
                object.__setattr__(self, name, not_negative(name, value))
        self._check_taken()
        if solver_class(self.solver).multiplicative and self.init == "nndsvd":
            msg = (
                f"init='nndsvd' has zeros, which solver '{self.solver}' can never leave; use init='nndsvda' or "
                "solver='hals'"
            )
            raise InputError(msg)

    def _check_taken(self) -> None:
        """Refuse a penalty or a parameter that the solver would not heed."""
        for name in (*PENALTIES, *PARAMETERS):
            value = getattr(self, name)
            if value != getattr(type(self), name) and not hasattr(solver_class(self.solver), name):
                having = ", ".join(sorted(key for key, made in SOLVERS.items() if hasattr(made, name)))
                msg = f"{name}={value}: solver '{self.solver}' has no {name}; leave it out, or take one of: {having}"
                raise InputError(msg)

    @property
    def name(self) -> str:
        """Short name: solver, rank, and what is not the default, such as ``hals-k32`` or ``mu-k8-seed3``."""
        parts = [self.solver, f"k{self.n_components}"]
        if self.init in RANDOM:
            parts.append(f"{RANDOM[self.init]}{self.seed}")
        elif self.init != _default_start(self.solver):
            parts.append(self.init)
        parts += [f"{name}={getattr(self, name):g}" for name in PENALTIES if getattr(self, name)]
        given = {name: getattr(self, name) for name in PARAMETERS if getattr(self, name) is not None}
        parts += [
            f"{name}={value if isinstance(value, str) else f'{value:g}'}" for name, value in given.items()
        ]
        return "-".join(parts)


@dataclass(frozen=True)
class RunOptions:
    """What all models of a run share.

    Parameters
    ----------
    max_iter : int
        Most iterations, on the sketch or on A.
    tol : float
        Stop when the norm of the projected gradient (Lin 2007) is below ``tol`` times that of its part A·X;
        0 never does.
    tol_objective : float
        Stop when ten iterations lowered the objective by less than ``tol_objective`` times its first value;
        0 never does.
    max_seconds : float, optional
        Stop after the first iteration that ends later.
    diagonal : {"keep", "ignore"}
        ``ignore`` leaves A_ii out of the objective, for networks whose diagonal is unknown or trivial.
    bound : bool
        Also compute the Eckart–Young bound of the relative error, for a few more reads of A; without ``exact``
        the sketch has it anyway.
    exact : bool
        Do all iterations on A, two reads each, instead of on its sketch.
    polish : int
        Most iterations on A that follow those on the sketch.
    """

    max_iter: int = 200
    tol: float = 1e-4
    tol_objective: float = 1e-6
    max_seconds: float | None = None
    diagonal: Literal["keep", "ignore"] = "keep"
    bound: bool = True
    exact: bool = False
    polish: int = 2

    def __post_init__(self) -> None:
        """Refuse values no run can have."""
        object.__setattr__(self, "max_iter", whole("max_iter", self.max_iter, least=1))
        object.__setattr__(self, "polish", whole("polish", self.polish, least=0))
        for name in ("tol", "tol_objective"):
            object.__setattr__(self, name, not_negative(name, getattr(self, name)))
        one_of("diagonal", self.diagonal, ("keep", "ignore"))
        if self.max_seconds is not None and not self.max_seconds > 0:
            msg = f"max_seconds={self.max_seconds!r}: needs a number of seconds above 0, or None"
            raise InputError(msg)


@dataclass(frozen=True)
class FitOptions:
    """The models of a run, and what they share."""

    models: tuple[ModelOptions, ...]
    run: RunOptions = field(default_factory=RunOptions)

    def __post_init__(self) -> None:
        """Refuse no model at all, and two that would be the same."""
        if not self.models:
            msg = "models: there is none; give at least one, such as {'n_components': 32}"
            raise InputError(msg)
        names = [model.name for model in self.models]
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            msg = (
                f"models: {twice[0]} is there {len(twice)} times; two models must differ in solver, n_components, "
                "start or penalties, and restarts need init='random_acol' (or 'random') and different seeds"
            )
            raise InputError(msg)

    def as_dict(self) -> dict[str, Any]:
        """Return the options as plain values, for attributes, checkpoints and comparison."""
        return {"models": [asdict(model) for model in self.models], "run": asdict(self.run)}


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
        one_of("init", self.init, tuple(RANDOM))
        one_of("consensus", self.consensus, ("medoid", "mean"))
        object.__setattr__(self, "held_out", not_negative("held_out", self.held_out))
        if self.held_out > MOST_HELD_OUT:
            msg = f"held_out={self.held_out:g}: needs a share of the gene pairs from 0 to {MOST_HELD_OUT}"
            raise InputError(msg)

    def models(self, restarts: int, *, first: int = 0) -> tuple[ModelOptions, ...]:
        """Return the models of all ranks, ``restarts`` of each, rank by rank."""
        return tuple(
            ModelOptions(k, solver=self.solver, seed=self.seed + first + r, init=self.init, **self.penalties)
            for k in self.n_components
            for r in range(restarts)
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the options as plain values."""
        return {**asdict(self), "n_components": list(self.n_components), "penalties": dict(self.penalties)}


def split_options(given: Mapping[str, Any]) -> tuple[dict[str, Any], RunOptions]:
    """Split options by keyword into those of a model and those of a run.

    Raises
    ------
    InputError
        If a name is neither, with the names there are.
    """
    of_model = {f.name for f in fields(ModelOptions)}
    of_run = {f.name for f in fields(RunOptions)}
    unknown = sorted(set(given) - of_model - of_run)
    if unknown:
        msg = f"option {unknown[0]!r} is not known; there are: {', '.join(sorted(of_model | of_run))}"
        raise InputError(msg)
    run = RunOptions(**{name: value for name, value in given.items() if name in of_run})
    return {name: value for name, value in given.items() if name in of_model}, run


def _default_start(solver: str) -> Start:
    return "nndsvda" if solver_class(solver).multiplicative else "nndsvd"


def whole(name: str, value: Any, *, least: int) -> int:
    """Return a whole number of at least ``least`` as an int; refuse anything else."""
    if isinstance(value, bool) or not hasattr(value, "__index__") or value < least:
        msg = f"{name}={value!r}: needs a whole number of at least {least}"
        raise InputError(msg)
    return int(value)


def not_negative(name: str, value: Any) -> float:
    """Return a finite number of at least 0 as a float; refuse anything else."""
    if not isinstance(value, Real) or not math.isfinite(value) or value < 0:
        msg = f"{name}={value!r}: needs a finite number of at least 0"
        raise InputError(msg)
    return float(value)
