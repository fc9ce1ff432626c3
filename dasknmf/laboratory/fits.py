"""The fits that are examined: read from what users give, and the options they were made with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from dasknmf.analysis.genes import loadings
from dasknmf.analysis.matching import restart_similarity
from dasknmf.analysis.restarts import agreed, factors, named
from dasknmf.analysis.stability import restart_stability
from dasknmf.errors import InputError
from dasknmf.options import ModelOptions, RunOptions
from dasknmf.results import SURVEY
from dasknmf.solvers import is_direct, is_seeded

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import NDArray

    from dasknmf.analysis.matching import Factors


#: Solvers that end with W ∝ Hᵀ whatever the network is: nothing can be learnt of W and Hᵀ from them.
ALWAYS_SYMMETRIC = frozenset({"symline", "symmu", "symhals", "symkl", "anls-sym"})
#: Of the attributes of restarts, those that must agree.
ALIKE = ("network_checksum", "solver", "diagonal", "weights_checksum")


@dataclass(frozen=True, eq=False)
class Restart:
    """One fit, as far as it is put beside others.

    Attributes
    ----------
    name : str
    model : (W, Ht), shapes (n, k)
        Its factors, balanced, float32.
    gauge : ndarray, shape (k,), or None
        ‖w_j‖ / ‖h_j‖ as the algorithm left them, nan where a factor is zero; None where that is not known.
    relative_error : float
        On A.
    """

    name: str
    model: Factors
    gauge: NDArray[np.float64] | None
    relative_error: float

    @classmethod
    def of(cls, name: str, fit: xr.Dataset) -> Restart:
        """Return what a fit says."""
        return cls(name, factors(fit), gauge_of(fit), float(fit.attrs.get("relative_error", np.nan)))

    @classmethod
    def kept(cls, name: str, content: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> Restart:
        """Return what was kept."""
        return cls(name, (arrays["W"], arrays["Ht"]), arrays.get("gauge"), float(content["relative_error"]))

    @property
    def arrays(self) -> dict[str, NDArray[Any]]:
        """What is to be kept."""
        kept = {"W": self.model[0], "Ht": self.model[1]}
        return kept if self.gauge is None else {**kept, "gauge": self.gauge}


@dataclass(frozen=True, eq=False)
class Examined:
    """Restarts of one rank and solver, one of which is the reference.

    Attributes
    ----------
    restarts : list of Restart
        All of them.
    reference : int
        Place of the one whose factors are described.
    fit : Dataset
        As it was given.
    """

    restarts: list[Restart]
    reference: int
    fit: xr.Dataset

    @property
    def own(self) -> Restart:
        """The reference."""
        return self.restarts[self.reference]

    @property
    def others(self) -> list[Restart]:
        """All others."""
        return [one for place, one in enumerate(self.restarts) if place != self.reference]


def examined(fits: Any) -> Examined:
    """Return the fits to examine; of several, the one most like all others is the reference.

    Parameters
    ----------
    fits : Dataset, DataTree, or sequence or mapping of Dataset
        What :func:`dasknmf.nmf`, :func:`dasknmf.nmf_many` or :func:`dasknmf.survey_fit` returned; several must be
        restarts of one rank and solver.

    Raises
    ------
    InputError
        If they are not fits, or of several ranks, solvers or networks, or have signs.
    """
    given = _given_fits(fits)
    agreed(given)
    for name in ALIKE:
        values = sorted({str(fit.attrs.get(name, "none")) for fit in given.values()})
        if len(values) > 1 and name == "solver":
            msg = (
                f"fits of solvers {', '.join(values)}; give restarts of one, and put several side by side with "
                "dasknmf.compare"
            )
            raise InputError(msg)
        if len(values) > 1:
            msg = f"fits differ in their {name}: {', '.join(values)}; give restarts of one network and one objective"
            raise InputError(msg)
    solver = str(next(iter(given.values())).attrs.get("solver", "unknown"))
    for name, fit in given.items():
        if fit.attrs.get("signed") or any((side < 0).any() for side in loadings(fit).values()):
            msg = (
                f"'{name}' has factors with signs (solver '{solver}'); needs a non-negative fit, such as hals"
            )
            raise InputError(msg)
    restarts = [Restart.of(name, fit) for name, fit in given.items()]
    reference = medoid([one.model for one in restarts])
    return Examined(restarts, reference, list(given.values())[reference])


def seeds_of(fit: xr.Dataset) -> set[int]:
    """Return the seeds that a fit, or the restarts of a consensus, began from: a further restart must not.

    Examples
    --------
    >>> import dasknmf, numpy as np
    >>> fit = dasknmf.nmf(np.ones((4, 4)), 1, init="random", seed=3)
    >>> seeds_of(fit), seeds_of(dasknmf.nmf(np.ones((4, 4)), 1, seed=3))
    ({3}, set())
    """
    attributes = fit.attrs
    drawn = is_direct(str(attributes.get("solver"))) or str(attributes.get("init", "")).startswith("random")
    if not drawn:
        return set()
    if "seeds" in attributes:
        return {int(seed) for seed in str(attributes["seeds"]).split(", ")}
    first = int(attributes.get("seed", 0))
    return set(range(first, first + int(attributes.get("restarts", 1))))


def with_restarts(first: Examined, more: Sequence[Restart]) -> Examined:
    """Return fits with more restarts of the reference, which stays what it is."""
    return replace(first, restarts=[*first.restarts, *more])


def medoid(models: Sequence[Factors]) -> int:
    """Return the place of the restart most like all others."""
    if len(models) == 1:
        return 0
    stability = restart_stability(restart_similarity(models), resamples=1)
    return int(np.nan_to_num(stability.per_restart).argmax())


def gauge_of(fit: xr.Dataset) -> NDArray[np.float64] | None:
    """Return ‖w_j‖ / ‖h_j‖ as the algorithm left them; None where a fit does not say, or has only balanced ones."""
    if "gauge" not in fit or "consensus" in fit.attrs:
        return None
    return np.asarray(fit["gauge"].to_numpy(), dtype=np.float64)


def options_of(fit: xr.Dataset) -> tuple[ModelOptions, RunOptions]:
    """Return the options a fit was made with, from its attributes; one that began from given factors, from NNDSVD.

    Raises
    ------
    InputError
        If it does not say.

    Examples
    --------
    >>> import dasknmf, numpy as np
    >>> fit = dasknmf.nmf(np.ones((4, 4)), 1, solver="mu", max_iter=7)
    >>> model, run = options_of(fit)
    >>> model.name, run.max_iter
    ('mu-k1', 7)
    """
    if "solver" not in fit.attrs:
        msg = "the fit does not say its solver (attribute 'solver'); give what dasknmf.nmf or dasknmf.load returned"
        raise InputError(msg)
    k = int(fit.attrs.get("n_components", fit.sizes["factor"]))
    own = {**_given(fit, ModelOptions), "n_components": k}
    if own.get("init") == "given":
        del own["init"]
    return ModelOptions(**own), RunOptions(**_given(fit, RunOptions))


def _given(fit: xr.Dataset, kind: type[Any]) -> dict[str, Any]:
    found = {field.name: fit.attrs[field.name] for field in fields(kind) if field.name in fit.attrs}
    # what was None is kept as a word; that of init is one of its values
    found = {name: value for name, value in found.items() if value != "none" or name == "init"}
    flags = {field.name for field in fields(kind) if isinstance(field.default, bool)}
    plain = {name: value.item() if isinstance(value, np.generic) else value for name, value in found.items()}
    return {name: bool(value) if name in flags else value for name, value in plain.items()}


def restart_options(model: ModelOptions, seeds: Sequence[int]) -> list[ModelOptions]:
    """Return a model for each seed that starts at random.

    Raises
    ------
    InputError
        If its solver has nothing random.

    Examples
    --------
    >>> [made.name for made in restart_options(ModelOptions(4), [1, 2])]
    ['hals-k4-acol1', 'hals-k4-acol2']
    """
    if not is_seeded(model.solver):
        msg = f"solver '{model.solver}' has nothing random, so it has no restarts; use restarts=0"
        raise InputError(msg)
    # one of random start says how its restarts start
    start = model.init if is_direct(model.solver) or model.init == "random" else "random_acol"
    return [replace(model, seed=seed, init=start) for seed in seeds]


def _given_fits(fits: Any) -> dict[str, xr.Dataset]:
    """Return fits by name.

    Raises
    ------
    InputError
        If there are none, or something else.
    """
    import xarray as xr

    if isinstance(fits, xr.Dataset):
        if fits.attrs.get("format") == SURVEY:
            msg = "a survey has fits of many ranks; give one: dasknmf.survey_fit(survey, rank)"
            raise InputError(msg)
        loadings(fits)
        return {_name(fits): fits}
    if not isinstance(fits, (xr.DataTree, Mapping, Sequence)) or isinstance(fits, str):
        msg = (
            f"fits: {type(fits).__name__} was given; needs what dasknmf.nmf, nmf_many, survey_fit or load returned, or "
            "a list of them"
        )
        raise InputError(msg)
    given = dict(fits) if isinstance(fits, Mapping) and not isinstance(fits, xr.DataTree) else named(fits)
    for name, fit in given.items():
        if not isinstance(fit, xr.Dataset):
            msg = f"fits: '{name}' is a {type(fit).__name__}; needs what dasknmf.nmf returned"
            raise InputError(msg)
    if not given:
        msg = "fits: there is none; give what dasknmf.nmf returned, or a list of it"
        raise InputError(msg)
    return given


def _name(fit: xr.Dataset) -> str:
    solver, k, seed = fit.attrs.get("solver", "fit"), fit.sizes["factor"], fit.attrs.get("seed", 0)
    return f"{solver}-k{k}-{fit.attrs.get('init', 'given')}{seed}"
