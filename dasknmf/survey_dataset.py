"""What a survey of ranks gives back: a Dataset over ranks and restarts, with the factors of every rank."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dasknmf.analysis.rank import effective_rank, recommend
from dasknmf.parameters import PENALTIES
from dasknmf.results import SURVEY, VERSION, versions

if TYPE_CHECKING:
    from collections.abc import Sequence

    import xarray as xr

    from dasknmf.analysis.consensus import Consensus
    from dasknmf.analysis.held_out import HeldOutCurve
    from dasknmf.engine.mask import Mask
    from dasknmf.engine.sketch import Sketch
    from dasknmf.model import Exact, Model
    from dasknmf.stages import Session
    from dasknmf.survey_options import SurveyOptions

#: Every variable a survey holds: its dimensions and what it is.
VARIABLES: dict[str, tuple[tuple[str, ...], str]] = {
    "relative_error": (("rank", "restart"), "‖A − WH‖ / ‖A‖, computed on A in float64"),
    "eckart_young": (("rank",), "what no matrix of that rank can beat"),
    "n_iter": (("rank", "restart"), "iterations, on the sketch and on A"),
    "converged": (("rank", "restart"), "1 where a fit stopped by itself"),
    "stability": (("rank",), "mean similarity of matched factors over pairs of restarts"),
    "stability_low": (("rank",), "2.5 % of its bootstrap over restarts"),
    "stability_high": (("rank",), "97.5 %"),
    "restart_stability": (("rank", "restart"), "mean similarity of matched factors to the other restarts"),
    "cophenetic": (("rank",), "cophenetic correlation of the consensus of gene memberships"),
    "dispersion": (("rank",), "dispersion of the consensus of gene memberships"),
    "silhouette": (("rank",), "mean silhouette of the clustered factors of all restarts"),
    "held_out": (("rank",), "‖A − WH‖² / ‖A‖² over pairs of genes that the fit did not see"),
    "held_out_se": (("rank",), "its standard error, by leaving out groups of genes"),
    "held_out_difference": (("rank",), "held-out error above the lowest"),
    "held_out_difference_se": (("rank",), "standard error of that difference, paired"),
    "medoid": (("rank",), "restart most like the others"),
    "W": (("gene", "component"), "consensus left factors of all ranks, columns balanced"),
    "H": (("component", "gene"), "consensus right factors, rows balanced"),
    "scale": (("component",), "‖w_j‖·‖h_j‖"),
    "component_rank": (("component",), "the rank a factor belongs to"),
    "component_factor": (("component",), "its number within the rank"),
    "reproducibility": (("component",), "mean similarity of its matches in the other restarts"),
    "reproducibility_low": (("component",), "2.5 % of its bootstrap over restarts"),
    "reproducibility_high": (("component",), "97.5 %"),
    "consensus_error": (("rank",), "‖A − WH‖ / ‖A‖ of the consensus factors, computed on A in float64"),
    "eigenvalue": (("eigenpair",), "leading eigenvalues of A, from its sketch"),
    "eigenvalue_residual": (("eigenpair",), "an eigenvalue of A lies within it of each"),
}


@dataclass(frozen=True, eq=False)
class Found:
    """What the stages of a survey leave behind."""

    models: list[Model]
    errors: list[Exact]
    consensus: list[Consensus]
    consensus_errors: list[float]
    measures: list[dict[str, float]]
    restart_stability: list[np.ndarray[Any, Any]]
    held_out: HeldOutCurve | None
    sketch: Sketch


def survey_dataset(options: SurveyOptions, session: Session, found: Found, mask: Mask | None) -> xr.Dataset:
    """Put what a survey found into a Dataset, with its advice; see ``VARIABLES`` for what is in it."""
    import xarray as xr

    given = session.given
    ranks, restarts = options.n_components, options.restarts
    shape = (len(ranks), restarts)
    sketch, operator = found.sketch, session.operator
    bound = sketch.relative_error if session.diagonal else lambda _: float("nan")
    data: dict[str, Any] = {
        "relative_error": np.reshape([end.relative_error for end in found.errors], shape),
        "eckart_young": np.array([bound(k) for k in ranks]),
        "n_iter": np.reshape([len(model.objective) for model in found.models], shape),
        "converged": np.reshape([int(model.converged) for model in found.models], shape),
        "restart_stability": np.stack(found.restart_stability),
        "medoid": np.array([made.medoid for made in found.consensus]),
        "consensus_error": np.array(found.consensus_errors),
        "eigenvalue": sketch.values,
        "eigenvalue_residual": sketch.residuals,
        **{name: np.array([measure[name] for measure in found.measures]) for name in found.measures[0]},
        **_components(found.consensus, ranks),
    }
    if found.held_out is not None:
        curve = found.held_out
        data |= {
            "held_out": curve.relative,
            "held_out_se": curve.se,
            "held_out_difference": curve.difference,
            "held_out_difference_se": curve.difference_se,
        }
    variables = {
        name: (VARIABLES[name][0], values, {"long_name": VARIABLES[name][1]}) for name, values in data.items()
    }
    made = xr.Dataset(
        variables,
        coords={"rank": np.array(ranks), "restart": np.arange(restarts), "gene": given.genes.astype(object)},
        attrs=_attributes(options, session, sketch, mask),
    )
    advice = recommend(made)
    effective = effective_rank(sketch.values, sketch.sum_of_squares)
    return made.assign_attrs(
        recommended_rank="none" if advice.rank is None else advice.rank,
        reason=advice.reason,
        runner_up_rank="none" if advice.runner_up is None else advice.runner_up,
        runner_up_reason=advice.runner_up_reason,
        warnings=json.dumps(list(advice.warnings), ensure_ascii=False),
        effective_rank_low=effective.low,
        effective_rank_high=effective.high,
        reads=operator.reads,
        bytes_per_read=operator.plan.weight,
        seconds=session.seconds,
        memory_forecast=session.memory,
    )


def _components(consensus: Sequence[Consensus], ranks: Sequence[int]) -> dict[str, Any]:
    """Put the consensus factors of all ranks side by side."""
    W = np.concatenate([made.W for made in consensus], axis=1)
    H = np.concatenate([made.Ht for made in consensus], axis=1)
    norms = [np.linalg.norm(F.astype(np.float64), axis=0) for F in (W, H)]
    return {
        "W": W,
        "H": np.ascontiguousarray(H.T),
        "scale": norms[0] * norms[1],
        "component_rank": np.repeat(ranks, ranks),
        "component_factor": np.concatenate([np.arange(k) for k in ranks]),
        "reproducibility": np.concatenate([made.reproducibility for made in consensus]),
        "reproducibility_low": np.concatenate([made.low for made in consensus]),
        "reproducibility_high": np.concatenate([made.high for made in consensus]),
    }


def _attributes(
    options: SurveyOptions, session: Session, sketch: Sketch, mask: Mask | None
) -> dict[str, Any]:
    given = session.given
    own = {
        name: value
        for name, value in options.as_dict().items()
        if name not in ("n_components", "penalties", "held_out")
    }
    run = {
        name: "none" if value is None else value
        for name, value in vars(session.run).items()
        if name not in ("exact", "bound")
    }
    how = "fits on a sketch of the network without the held-out pairs, judged on these pairs of the network itself"
    attributes = {
        "format": SURVEY,
        "version": VERSION,
        "network": given.name,
        "network_checksum": given.checksum,
        **given.about,
        "genes": len(given.genes),
        **own,
        **dict.fromkeys(PENALTIES, 0.0),
        **options.penalties,
        **run,
        "held_out_asked": options.held_out,
        "held_out_share": mask.share() if mask is not None else 0.0,
        "held_out_how": how if mask is not None else "none",
        "sketch_sweeps": sketch.sweeps,
        "sketch_residual": sketch.residual,
        "versions": json.dumps(versions()),
    }
    return {name: int(value) if isinstance(value, bool) else value for name, value in attributes.items()}
