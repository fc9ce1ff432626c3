"""The section on the choice of the rank, with its reason."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from dasknmf.analysis.rank_curves import survey_table
from dasknmf.report.html.blocks import framed, heading, items, section, text, verdict
from dasknmf.report.html.pictures import for_drawing, picture

if TYPE_CHECKING:
    from dasknmf.report.html.blocks import Block
    from dasknmf.report.html.runs import Contents, Run

COLUMNS = {
    "rank": ("Rank", "number"),
    "mark": ("Mark", "text"),
    "error_best": ("Error, best", "number"),
    "error_median": ("Error, median", "number"),
    "eckart_young": ("Eckart–Young bound", "number"),
    "held_out": ("Held-out error", "number"),
    "held_out_difference": ("Above the lowest", "number"),
    "held_out_difference_se": ("± standard error", "number"),
    "stability": ("Stability", "number"),
    "stability_low": ("2.5 %", "number"),
    "stability_high": ("97.5 %", "number"),
    "cophenetic": ("Cophenetic correlation", "number"),
    "dispersion": ("Dispersion", "number"),
    "silhouette": ("Silhouette", "number"),
}


def of_ranks(contents: Contents) -> Block | None:
    """Return what surveys recommend and why; None where there is no survey."""
    runs = contents.of("survey")
    if not runs:
        return None
    blocks: list[Block | None] = []
    for run in runs:
        if len(runs) > 1:
            blocks.append(heading(run.name))
        blocks += _one(run)
    return section("rank", "How many factors", blocks)


def _one(run: Run) -> list[Block | None]:
    attributes = run.attrs
    ranks = run.result["rank"].to_numpy()
    recommended, reason = attributes.get("recommended_rank"), str(attributes.get("reason", ""))
    by = f" by {attributes['solver']}" if "solver" in attributes else ""
    said = [f"{run.result.sizes['restart']} fits each of ranks {', '.join(map(str, ranks))}{by}."]
    if attributes.get("runner_up_rank", "none") != "none":
        said.append(
            f"The runner-up is rank {attributes['runner_up_rank']}: {attributes['runner_up_reason']}."
        )
    chosen = f"Rank {recommended} is recommended" if recommended != "none" else "No rank is recommended"
    return [
        verdict(f"{chosen}: {reason}."),
        text(" ".join(said)),
        items(f"{warning}." for warning in json.loads(attributes.get("warnings", "[]"))),
        _picture(run, f"{chosen}: {reason}."),
        framed("What was measured of each rank", survey_table(run.result), COLUMNS),
    ]


def _picture(run: Run, finding: str) -> Block:
    from dasknmf.report.survey import plot_survey

    survey = for_drawing(run.result)
    best = survey["relative_error"].min("restart")
    low, high = int(survey["rank"].min()), int(survey["rank"].max())
    ends = [f"{float(best.sel(rank=rank)):.3f} at rank {rank}" for rank in (low, high)]
    fall = f"The error falls from {' to '.join(ends)}."
    return picture(
        lambda: plot_survey(survey),
        alt=f"{finding} {fall if high > low else ''}".strip(),
        caption="Error on the weights that were fitted, error on weights held out, and agreement of restarts, by rank.",
    )
