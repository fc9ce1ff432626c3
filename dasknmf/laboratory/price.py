"""The price of symmetry, measured: symmetric fits of the same rank beside a fit and what the spectrum forbids."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dasknmf.errors import InputError
from dasknmf.execution import Execution
from dasknmf.fitting import fit_models
from dasknmf.laboratory.stationarity import FROBENIUS
from dasknmf.options import FitOptions, ModelOptions, RunOptions
from dasknmf.parameters import PENALTIES
from dasknmf.solvers import is_direct, solver_class

if TYPE_CHECKING:
    from collections.abc import Mapping

    import xarray as xr
    from numpy.typing import NDArray

    from dasknmf.laboratory.limits import Bounds

#: The symmetric models: the solver of each, and the bound it stands beside.
MODELS = {"symline": "wwt", "trifactor": "wswt"}
#: Options of a run that a symmetric fit takes over from the fit it stands beside.
SHARED = ("max_iter", "tol", "tol_objective", "diagonal", "exact", "polish")


@dataclass(frozen=True, eq=False)
class Price:
    """What a symmetric model of the same rank gives up.

    Attributes
    ----------
    models : tuple of str
        ``symline`` for WWᵀ and ``trifactor`` for WSWᵀ.
    errors, bounds : ndarray, shape (models,)
        Exact relative error on A of the better of two starts, and what no model of its kind can beat; nan where the
        spectrum says nothing.
    gives_up : ndarray, shape (models,)
        (f(model) − f(WH)) / ‖A‖², f the squared error; nan where f is not what the fit minimised.
    predicted : ndarray, shape (models,)
        The same of the bounds.
    note : str
        Why something is nan, or not like with like; empty otherwise.
    """

    models: tuple[str, ...]
    errors: NDArray[np.float64]
    bounds: NDArray[np.float64]
    gives_up: NDArray[np.float64]
    predicted: NDArray[np.float64]
    note: str

    @property
    def attributes(self) -> dict[str, float | str]:
        """The same as attributes of a Dataset, by what they say of WWᵀ and WSWᵀ."""
        named = dict(zip(self.models, ("wwt", "wswt"), strict=True))
        found: dict[str, float | str] = {}
        for place, model in enumerate(self.models):
            found[f"price_{named[model]}"] = float(self.gives_up[place])
            found[f"price_{named[model]}_predicted"] = float(self.predicted[place])
        return found | ({"price_note": self.note} if self.note else {})


def price_of_symmetry(
    network: Any, fit: xr.Dataset, *, bounds: Bounds | None = None, execution: Execution | None = None
) -> Price:
    """Fit WWᵀ and WSWᵀ of the rank of a fit, with its options where they apply, and compare.

    Parameters
    ----------
    network : as in :func:`dasknmf.nmf`
        What was factorized.
    fit : Dataset
        What :func:`dasknmf.nmf` returned.
    bounds : Bounds, optional
        From :func:`dasknmf.laboratory.limits.bounds`, for the rank of the fit, of the whole of A; without them, or with
        a diagonal that does not count, there is no bound: a model may have anything there.
    execution : Execution, optional
        Where and how.

    Returns
    -------
    Price

    Raises
    ------
    InputError
        If the fit has weights, which symmetric solvers do not take, or has no rank, or bounds are of another one.

    Notes
    -----
    All share every read. Each model begins twice, as the fit did, by the same start and seed where it had one they can
    have, and from the fit itself; the better end counts, since each is a local minimum. They
    stop by the same rules. Bounds know nothing of W ≥ 0, for WH neither, so
    that the predicted price compares like with like, but is no bound of the measured one.

    References
    ----------
    Kuang, Ding, Park, SDM 2012, for WWᵀ; Ding, Li, Peng, Park, KDD 2006, for WSWᵀ.

    Examples
    --------
    One edge: WH has it whole at rank 2, WSWᵀ too, and no WWᵀ has more than half.

    >>> import dasknmf, numpy as np
    >>> from dasknmf.laboratory.limits import bounds
    >>> A = np.array([[0.0, 1.0], [1.0, 0.0]])
    >>> fit = dasknmf.nmf(A, n_components=2)
    >>> found = price_of_symmetry(A, fit, bounds=bounds([1.0, -1.0], 2.0, 2))
    >>> found.models, found.gives_up.round(3).tolist(), found.predicted.round(3).tolist()
    (('symline', 'trifactor'), [0.5, 0.0], [0.5, 0.0])
    """
    execution = execution or Execution()
    attributes = fit.attrs
    k = int(fit.sizes["factor"])
    if "weights" in attributes:
        msg = (
            "the fit has weights of entries, or missing ones, which symmetric solvers do not take; leave out the price "
            "of symmetry, or fit without them"
        )
        raise InputError(msg)
    if bounds is not None and bounds.k != k:
        msg = f"bounds of rank {bounds.k} beside a fit of rank {k}; needs those of rank {k}"
        raise InputError(msg)
    begins: list[dict[str, Any]] = [_start(attributes), {"init": "given"}]
    models = tuple(ModelOptions(k, solver=solver, **begin) for solver in MODELS for begin in begins)
    sides = fit["W"].transpose("gene", "factor").to_numpy(), fit["H"].transpose("factor", "gene").to_numpy()
    fits = fit_models(
        network,
        FitOptions(models, RunOptions(bound=False, **_shared(attributes))),
        execution,
        starts=[sides if model.init == "given" else None for model in models],
    )
    ends = np.array([float(one.attrs["relative_error"]) for one in fits])
    errors = ends.reshape(len(MODELS), len(begins)).min(axis=1)
    notes = []
    whole = attributes.get("diagonal", "keep") == "keep"
    limits = predicted = np.full(len(MODELS), np.nan)
    if bounds is not None and whole:
        limits = np.array([bounds.relative(kind) for kind in MODELS.values()])
        predicted = limits**2 - bounds.relative("wh") ** 2
    elif not whole:
        notes.append("no bounds: the diagonal does not count, so that a model may have anything there")
    solver = str(attributes.get("solver"))
    own = float("nan")
    if is_direct(solver) or solver_class(solver).minimises != FROBENIUS:
        notes.append(f"the squared error is not what {solver} minimises, so that nothing is given up of it")
    else:
        own = float(attributes["relative_error"])
        if any(float(attributes.get(name, 0.0)) for name in PENALTIES):
            notes.append("the fit had penalties, which symmetric ones have not")
    return Price(tuple(MODELS), errors, limits, errors**2 - own**2, predicted, "; ".join(notes))


def _start(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the start of a fit where it is drawn, so that symmetric ones begin from the same draw."""
    init = attributes.get("init")
    return {"init": init, "seed": int(attributes.get("seed", 0))} if init in ("random", "random_acol") else {}


def _shared(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of the run of a fit; attributes keep a choice as a number."""
    found = {name: attributes[name] for name in SHARED if name in attributes}
    if "exact" in found:
        found["exact"] = bool(found["exact"])
    return found
