"""An examination as a Dataset: names, dimensions, attributes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from dasknmf.analysis.stability import interval_of_means
from dasknmf.laboratory.beyond import EVERY
from dasknmf.laboratory.inertia import inertia, model_inertia
from dasknmf.laboratory.limits import negative_mass
from dasknmf.laboratory.measuring import interval_over_factors
from dasknmf.laboratory.mirroring import advised_rank, mirrors, splits
from dasknmf.laboratory.sentences import sentences_of
from dasknmf.laboratory.variables import VARIABLES
from dasknmf.laboratory.verdict import verdict_of
from dasknmf.results import SYMMETRY, VERSION, versions

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import NDArray

    from dasknmf.laboratory.examination import Examination

#: Fits below which a mean over restarts has no interval, and that of a single fit is taken over its factors.
FEWEST = 3
#: Attributes of the fit that are those of its examination too.
KEPT = (
    "network",
    "network_checksum",
    "solver",
    "n_components",
    "init",
    "diagonal",
    "relative_error",
    "eckart_young",
    "stop_reason",
    "converged",
    "weights",
    "missing",
)


def symmetry_dataset(made: Examination, asked: dict[str, Any]) -> xr.Dataset:
    """Put an examination into a Dataset; see ``VARIABLES`` for what is in it.

    Parameters
    ----------
    made : Examination
        All of it.
    asked : dict
        Options of :func:`dasknmf.symmetry`, for the attributes.
    """
    import xarray as xr

    spectrum, of_spectrum = _spectrum(made)
    data: dict[str, Any] = {
        **_factors(made),
        **_chance(made),
        **_measured(made),
        **spectrum,
        **_blocks(made),
    }
    if made.price is not None:
        data["model_error"], data["model_bound"] = made.price.errors, made.price.bounds
    found = xr.Dataset(
        {
            name: (VARIABLES[name][0], values, {"long_name": VARIABLES[name][1]})
            for name, values in data.items()
        },
        coords=_coordinates(made, data),
        attrs={**_attributes(made, asked), **of_spectrum},
    )
    said = sentences_of(found)
    return found.assign_attrs(verdict=verdict_of(found), sentences=json.dumps(said, ensure_ascii=False))


def _coordinates(made: Examination, data: dict[str, Any]) -> dict[str, Any]:
    factor = made.given.fit["factor"].to_numpy()
    coordinates: dict[str, Any] = {
        "factor": factor,
        "partner": factor,
        "side": _names("W", "H"),
        "top": np.arange(1, made.top + 1),
        "fit": _names(*(one.name for one in made.given.restarts)),
        "measure": _names(*EVERY),
        "eigenpair": np.arange(1, len(made.facts.values) + 1),
        "rank": np.arange(1, len(data["splits"]) + 1),
        "alignment": _names("index", "matched"),
        "pair": np.arange(len(made.blocks.pair_first)),
        "entry": np.arange(len(made.blocks.entry_pair)),
    }
    if made.nulls.kinds:
        coordinates["kind"] = _names(*made.against.kinds)
        coordinates["null"] = np.arange(len(made.nulls.kinds))
    if made.price is not None:
        coordinates["model"] = _names(*made.price.models)
    return coordinates


def _names(*names: str) -> NDArray[np.object_]:
    # strings of any length, as Zarr keeps them
    return np.array(names, dtype=object)


def _factors(made: Examination) -> dict[str, Any]:
    found = made.found
    genes, loadings = _top(made)
    return {
        "cosine": found.cosine,
        "partner_of": found.partner_of,
        "own_cosine": found.own_cosine,
        "partner_cosine": found.partner_cosine,
        "cycle": found.cycle,
        "cycle_length": found.cycle_length,
        "class": made.classes.astype(object),
        "top_gene": genes,
        "top_loading": loadings,
        **made.relations,
        "skew_share": made.skew_share,
        "gradient": made.facts.stationarity.factors,
        "cause": made.cause.astype(object),
    }


def _top(made: Examination) -> tuple[NDArray[np.object_], NDArray[np.float64]]:
    """Return the genes with the largest loadings of each factor and side, and these."""
    names = made.given.fit["gene"].to_numpy()
    model = made.given.own.model
    shape = (model[0].shape[1], 2, made.top)
    genes, loadings = np.full(shape, "", dtype=object), np.zeros(shape)
    for side, values in enumerate(model):
        for factor, column in enumerate(values.T):
            order = np.argsort(-column, kind="stable")[: made.top]
            order = order[column[order] > 0]
            genes[factor, side, : len(order)] = names[order]
            loadings[factor, side, : len(order)] = column[order]
    return genes, loadings


def _chance(made: Examination) -> dict[str, Any]:
    recurrence, orientation = made.recurrence, made.orientation
    sides = (made.similarity.index, made.similarity.matched)
    of_sides = [name for name in VARIABLES if VARIABLES[name][0] == ("alignment",)]
    return {
        "recurrence": recurrence.recurrence,
        **{f"recurrence_{name}": getattr(recurrence, name) for name in ("low", "high", "p", "q")},
        "orientation": orientation.orientation,
        **{f"orientation_{name}": getattr(orientation, name) for name in ("low", "high", "p", "q")},
        **{name: np.array([getattr(side, name) for side in sides]) for name in of_sides},
    }


def _measured(made: Examination) -> dict[str, Any]:
    own = made.by_fit[:, made.given.reference]
    if made.by_fit.shape[1] >= FEWEST:
        low, high = interval_of_means(made.by_fit.T)
    else:
        ends = interval_over_factors(made.given.own.model, made.given.own.gauge, found=made.found)
        low, high = np.array([ends.get(name, (np.nan, np.nan)) for name in EVERY]).T
    found = {
        "measured": own,
        "mean": made.by_fit.mean(axis=1),
        "gauge_free": np.array([one.gauge_free for one in EVERY.values()]),
        "by_fit": made.by_fit,
        "low": low,
        "high": high,
        "fit_error": np.array([one.relative_error for one in made.given.restarts]),
    }
    if not made.nulls.kinds:
        return found
    against = made.against
    return {
        **found,
        "by_null": made.nulls.by_null,
        "null_kind": np.array(made.nulls.kinds, dtype=object),
        "null_mean": against.mean,
        "null_low": against.low,
        "null_high": against.high,
        "z": against.z,
        "p": against.p,
        "q": against.q,
        "effect": against.effect,
        "p_symmetric": _one_sided(made),
    }


def _one_sided(made: Examination) -> NDArray[np.float64]:
    """Return (1 + nulls at least as far to the symmetric side) / (1 + nulls), of measures that have such a side."""
    labels = np.array(made.nulls.kinds, dtype=object)
    found = np.full((len(EVERY), len(made.against.kinds)), np.nan)
    for row, one in enumerate(EVERY.values()):
        value = made.by_fit[row, made.given.reference]
        if one.symmetric_when_large is None or np.isnan(value):
            continue
        for column, kind in enumerate(made.against.kinds):
            nulls = made.nulls.by_null[row, labels == kind]
            nulls = nulls[~np.isnan(nulls)]
            reach = nulls >= value if one.symmetric_when_large else nulls <= value
            found[row, column] = (1 + reach.sum()) / (1 + len(nulls))
    return found


def _spectrum(made: Examination) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the inertia law over ranks, and what it says at the rank of the fit."""
    values, errors = made.facts.values, made.facts.errors
    k = len(made.found.partner_of)
    # one eigenvalue more has to be known, to compete for a place, but where all are
    last = len(values) if len(values) == len(made.facts.vectors) else len(values) - 1
    ranks = np.arange(1, max(1, min(last, max(2 * k, 40))) + 1)
    law = inertia(values, errors, ranks)
    mirror = mirrors(values, made.facts.vectors)
    apart = splits(mirror, ranks)
    mass = negative_mass(values, made.facts.sum_of_squares)
    variables = {
        "eigenvalue": values,
        "eigenvalue_error": errors,
        "mirror": mirror,
        "predicted_pairs": law.predicted,
        "predicted_low": law.low,
        "predicted_high": law.high,
        "splits": apart,
    }
    attributes: dict[str, Any] = {
        "model_negative": model_inertia(made.given.own.model),
        "negative_mass": mass.share,
        "negative_mass_low": mass.low,
        "negative_mass_high": mass.high,
        **_bounds(made),
    }
    if k <= len(ranks):
        advice = advised_rank(k, apart)
        pairs = made.found.two_cycles
        attributes |= {
            "rank_advice": advice.sentence,
            "rank_lower": advice.lower if advice.lower is not None else "none",
            "rank_higher": advice.higher if advice.higher is not None else "none",
            "inertia_defect": int(pairs - law.predicted[k - 1]),
        }
    return variables, attributes


def _bounds(made: Examination) -> dict[str, float]:
    """Return what no model can beat; nan where the objective is not of all of A, so that one may."""
    attributes = made.given.fit.attrs
    if attributes.get("diagonal", "keep") != "keep" or "weights" in attributes:
        return dict.fromkeys(("bound_wh", "bound_wwt", "price_predicted"), float("nan"))
    limits = made.limits
    return {
        "bound_wh": limits.relative("wh"),
        "bound_wwt": limits.relative("wwt"),
        "price_predicted": limits.price,
    }


def _blocks(made: Examination) -> dict[str, Any]:
    found, names = made.blocks, made.given.fit["gene"].to_numpy()
    return {
        "pair_first": found.pair_first,
        "pair_second": found.pair_second,
        "entry_pair": found.entry_pair,
        "entry_gene": names[found.entry_gene].astype(object).reshape(-1, 2),
        "entry_weight": found.entry_weight,
        "entry_model": found.entry_model,
    }


def _attributes(made: Examination, asked: dict[str, Any]) -> dict[str, Any]:
    fit = made.given.fit
    plain = {
        f"option_{name}": ", ".join(value) if isinstance(value, list) else int(value)
        for name, value in asked.items()
    }
    orientation = made.orientation
    return {
        "format": SYMMETRY,
        "version": VERSION,
        **{name: fit.attrs[name] for name in KEPT if name in fit.attrs},
        "genes": fit.sizes["gene"],
        "reference": made.given.own.name,
        "class_threshold": made.threshold.cosine,
        "class_threshold_reason": made.threshold.reason,
        "is_involution": int(made.found.is_involution),
        "gradient_note": made.facts.stationarity.note,
        "orientation_alignment": orientation.alignment,
        "orientation_pooled_p": orientation.pooled_p,
        "recurrence_pairings": made.recurrence.pairings,
        "within_w_verdict": made.similarity.verdict,
        "interval_of": "the mean over restarts"
        if made.by_fit.shape[1] >= FEWEST
        else "this fit over its factors",
        # by the kind of which there are fewest, and the measure that all of its fits have
        "smallest_null_p": float(made.against.smallest_p.min(axis=0).max()) if made.nulls.kinds else 1.0,
        **(made.price.attributes if made.price is not None else {}),
        **plain,
        "versions": json.dumps(versions()),
    }
