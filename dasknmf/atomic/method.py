"""CoGAPS of a network as one of the direct methods: posterior means as factors, through the door of ``nmf``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from dasknmf.atomic.dataset import VARIABLES
from dasknmf.atomic.fitting import FitOptions, fit_data
from dasknmf.atomic.given import as_given
from dasknmf.atomic.keeping import keeping_of
from dasknmf.decomposition import Decomposition, balanced
from dasknmf.errors import InputError
from dasknmf.solvers import solver_of
from dasknmf.solvers.direct import CoGAPS

if TYPE_CHECKING:
    from collections.abc import Sequence

    import xarray as xr

    from dasknmf.engine.sketch import Sketch
    from dasknmf.options import ModelOptions
    from dasknmf.stages import Session

#: Attributes of :func:`dasknmf.cogaps` that a fit of a network keeps as they are.
_FACTS = ("alpha", "rate", "iterations", "sets", "uncertainty", "chi_squared", "chi_squared_change")


def cogaps_of(session: Session, models: Sequence[ModelOptions], sketch: Sketch | None) -> list[Decomposition]:
    """Return posterior means for each model, one chain after another; with ``sets``, chains beside each other.

    Raises
    ------
    InputError
        If the diagonal is ignored: the sampler has a likelihood for each entry.
    """
    del sketch
    if not session.diagonal:
        msg = (
            "diagonal='ignore': solver 'cogaps' has a likelihood for every entry; keep the diagonal, or call "
            "dasknmf.cogaps(matrix, k, uncertainty=S) with a large S_ii"
        )
        raise InputError(msg)
    return [_one(session, model) for model in models]


def _one(session: Session, model: ModelOptions) -> Decomposition:
    solver = solver_of(model)
    assert isinstance(solver, CoGAPS)
    here = session.given
    given = as_given(next(data for data in (here.network, here.generated, here.matrix) if data is not None))
    options = FitOptions(
        model.n_components, iterations=solver.iterations, seed=solver.seed, alpha=solver.alpha
    )
    sets = solver.sets or None
    keeping = keeping_of(
        session.beside and f"{session.beside}.{model.name}",
        {"data": given.checksum, **options.identity(given, None, sets)},
        many=sets is not None,
        every_seconds=60.0,
        every_iterations=None,
        resume=session.resume,
        storage_options=session.storage_options,
        listener=session.listener,
        written=session.written,
    )
    fit = fit_data(given, options, session.executor, sets=sets, keeping=keeping)
    keeping.remove()
    # a set is random genes, whose rows are in nearly all tiles
    session.operator.reads += 2 * (sets or 0) or 1
    return _decomposition(fit)


def _decomposition(fit: xr.Dataset) -> Decomposition:
    W, Ht = fit["W"].values, np.ascontiguousarray(fit["H"].values.T)
    rows, scale, gauge, order = balanced(W, Ht)
    found: dict[str, Any] = {}
    # deviations follow their means through the balancing
    for name, mean in (("W", W), ("H", Ht)):
        sd = fit[f"{name}_sd"].values if name == "W" else fit[f"{name}_sd"].values.T
        size = np.linalg.norm(mean[:, order].astype(np.float64), axis=0)
        to = np.divide(
            np.linalg.norm(rows[name].astype(np.float64), axis=0),
            size,
            out=np.zeros_like(size),
            where=size > 0,
        )
        turned = (sd[:, order] * to).astype(np.float32)
        found[f"{name}_sd"] = turned if name == "W" else np.ascontiguousarray(turned.T)
    for name in ("chi_squared", "atoms", "set", "found_in", "agreement"):
        if name in fit:
            values = fit[name].values
            found[name] = values[order] if fit[name].dims == ("factor",) else values
    registry = {
        name: (tuple("gene" if dim == "sample" else dim for dim in VARIABLES[name][0]), VARIABLES[name][1])
        for name in found
    }
    return Decomposition(
        rows,
        scale,
        gauge,
        registry=registry,
        variables=found,
        attributes={
            **{name: fit.attrs[name] for name in _FACTS if name in fit.attrs},
            "n_iter": int(fit.attrs["n_iter"]),
        },
        stop_reason=str(fit.attrs["stop_reason"]),
    )
