"""The options of a fit: one object that the Python API, the command line and checkpoints share."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any, Literal

from dasknmf.errors import InputError, not_negative, one_of, whole
from dasknmf.parameters import PARAMETERS, PENALTIES, check_parameters
from dasknmf.solvers import is_direct, is_seeded, solver_class, solver_of

if TYPE_CHECKING:
    from collections.abc import Mapping

Start = Literal["auto", "random", "random_acol", "nndsvd", "nndsvda", "given", "none"]
#: Starts that differ from seed to seed, and what they are called in the name of a model.
RANDOM = {"random": "seed", "random_acol": "acol"}
STARTS: tuple[str, ...] = ("auto", "random", "random_acol", "nndsvd", "nndsvda", "given")


@dataclass(frozen=True)
class ModelOptions:
    """One model: its rank, algorithm, start and penalties.

    Parameters
    ----------
    n_components : int
        Rank k, at least 1.
    solver : str
        One of :func:`dasknmf.list_solvers`.
    seed : int
        Of the random start, or of a direct method; NNDSVD has none.
    init : {"auto", "random", "random_acol", "nndsvd", "nndsvda", "given", "none"}
        Start. ``auto`` takes ``nndsvda`` for solvers that multiply, like ``mu``, and ``nndsvd`` for others: on five
        gene networks it reached a lower error in 50 iterations than three ``random`` starts in 200. ``nndsvda`` is
        NNDSVD with zeros raised to the mean of A, for solvers that cannot leave zero. Restarts need one of the random
        ones: ``random_acol`` takes means of five random columns of A (Langville et al. 2014), and ends in lower
        errors than ``random``, |N(0, 1)|. Direct methods, such as ``svd``, have ``none``, and no penalties.
    passes : int, optional
        Of ``hals``: how often the columns of a factor are updated with one product with A; by default 4.
    l1_W, l1_H, l2_W, l2_H : float
        ``hals``, ``mu`` and ``bpp`` minimise ½‖A − WH‖² + l1_W ΣW + ½ l2_W ‖W‖² + l1_H ΣH + ½ l2_H ‖H‖².
    theta : float, optional
        Smoothing of ``nsnmf``, from 0 to below 1; 0.5 if not given.
    floor : float, optional
        What ``brunet`` and ``nsnmf`` raise entries to every ten iterations; 2⁻⁵² and 0, which never does, if not given.
    connectivity : int, optional
        ``brunet`` and ``nsnmf`` stop when so many checks in a row, one every ten iterations, found the same genes
        together; 40 if not given, 0 never does.
    alpha : float, optional
        Coupling of ``symhals`` and ``anls-sym``; by default it grows, see :class:`dasknmf.solvers.coupled.Coupled`. Of
        ``cogaps``, atoms a bin.
    beta, eta : float, optional
        Sparsity of one factor and size of the other for ``snmf``; see :class:`dasknmf.solvers.snmf.SNMF`.
    variant : {"R", "L"}, optional
        Whether ``snmf`` makes H sparse (R, the default) or W (L).
    iterations, sets : optional
        Of ``cogaps``, see :class:`dasknmf.solvers.direct.CoGAPS`.
    tau : float, optional
        Of ``spectral`` alone, see :class:`dasknmf.solvers.direct.Spectral`.
    """

    n_components: int
    solver: str = "hals"
    seed: int = 0
    init: Start = "auto"
    passes: int | None = None
    l1_W: float = 0.0
    l1_H: float = 0.0
    l2_W: float = 0.0
    l2_H: float = 0.0
    iterations: int | None = None
    alpha: float | None = None
    sets: int | None = None
    tau: float | None = None
    theta: float | None = None
    floor: float | None = None
    connectivity: int | None = None
    beta: float | None = None
    eta: float | None = None
    variant: str | None = None

    def __post_init__(self) -> None:
        """Refuse values no fit can have."""
        solver_class(self.solver)
        # plain numbers, also where numpy's are given: they go into attributes and checkpoints
        object.__setattr__(self, "n_components", whole("n_components", self.n_components, least=1))
        object.__setattr__(self, "seed", whole("seed", self.seed, least=0))
        one_of("init", self.init, STARTS if not is_direct(self.solver) else (*STARTS, "none"))
        if self.init == "auto":
            # so that results and checkpoints say what was done
            object.__setattr__(self, "init", _default_start(self.solver))
        self._check_parameters()
        if solver_class(self.solver).multiplicative and self.init == "nndsvd":
            msg = (
                f"init='nndsvd' has zeros, which solver '{self.solver}' can never leave; use init='nndsvda' or "
                "solver='hals'"
            )
            raise InputError(msg)

    @property
    def name(self) -> str:
        """Short name: solver, rank, and what is not the default, such as ``hals-k32`` or ``mu-k8-seed3``."""
        parts = [self.solver, f"k{self.n_components}"]
        if is_direct(self.solver) and is_seeded(self.solver) and self.seed:
            parts.append(f"seed{self.seed}")
        if self.init in RANDOM:
            parts.append(f"{RANDOM[self.init]}{self.seed}")
        elif self.init != _default_start(self.solver):
            parts.append(self.init)
        made = solver_class(self.solver)
        for name in (*PENALTIES, *PARAMETERS):
            value = getattr(self, name)
            if value is not None and value != getattr(made, name, 0.0):
                parts.append(f"{name}={value if isinstance(value, str) else f'{value:g}'}")
        return "-".join(parts)

    def _check_parameters(self) -> None:
        """Refuse what the solver has not; the solver checks the values of what it has."""
        if is_direct(self.solver) and self.init != "none":
            msg = (
                f"init={self.init!r}: solver '{self.solver}' has no init; leave it out, or choose another solver "
                "(dasknmf solvers)"
            )
            raise InputError(msg)
        given = {name: getattr(self, name) for name in (*PENALTIES, *PARAMETERS)}
        for name, value in check_parameters(self.solver, given).items():
            object.__setattr__(self, name, value)
        solver_of(self)


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

    max_iter: int = 100
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
    if is_direct(solver):
        return "none"
    return "nndsvda" if solver_class(solver).multiplicative else "nndsvd"
