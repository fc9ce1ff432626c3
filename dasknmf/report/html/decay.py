"""The section on fragmentation: whether information is lost at each level, how surely, and to what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dasknmf.nesting.decay_dataset import attribution_table, fragmentation_table
from dasknmf.report.html.blocks import details, framed, heading, section, text, verdict
from dasknmf.report.html.pictures import for_drawing, picture

if TYPE_CHECKING:
    from collections.abc import Callable

    import xarray as xr

    from dasknmf.report.html.blocks import Block
    from dasknmf.report.html.runs import Contents, Run

RUN_COLUMNS = {
    "run": ("Run", "text"),
    "kind": ("Kind", "text"),
    "quantity": ("Of", "text"),
    "gamma": ("γ a level", "number"),
    "gamma_low": ("2.5 %", "number"),
    "gamma_high": ("97.5 %", "number"),
    "half_life": ("Half-life, levels", "number"),
    "detectable": ("γ that would be seen", "number"),
    "best_form": ("Form", "text"),
    "verdict": ("Verdict", "text"),
}
EFFECT_COLUMNS = {
    "cause": ("Cause", "text"),
    "effect_run": ("Run", "text"),
    "effect_branch": ("Loadings", "text"),
    "effect_other": ("Beside run", "text"),
    "effect_other_branch": ("Its loadings", "text"),
    "effect_gamma": ("Adds to γ", "number"),
    "effect_low": ("2.5 %", "number"),
    "effect_high": ("97.5 %", "number"),
    "effect_start": ("Lost before nesting", "number"),
    "effect_total": ("Lost at the deepest level", "number"),
}
OPTION_COLUMNS = {
    "option": ("Choice", "text"),
    "option_network": ("Network", "text"),
    "option_kept": ("Kept, mean of levels", "number"),
    "option_deepest": ("Kept, deepest level", "number"),
    "shortfall": ("Below the best, log", "number"),
    "shortfall_low": ("2.5 %", "number"),
    "shortfall_high": ("97.5 %", "number"),
}


def of_fragmentation(contents: Contents) -> Block | None:
    """Return the verdicts on fragmentation; None where there are none."""
    runs = contents.of("fragmentation")
    if not runs:
        return None
    blocks: list[Block | None] = []
    for run in runs:
        if len(runs) > 1:
            blocks.append(heading(run.name))
        blocks += _one(run)
    return section("fragmentation", "Does information fragment?", blocks)


def _one(run: Run) -> list[Block | None]:
    found, attributes = run.result, run.attrs
    sentence = str(attributes.get("sentence", ""))
    return [
        verdict(f"{str(attributes['verdict']).capitalize()}."),
        text(sentence) if sentence else None,
        *_pictures(found, sentence or str(attributes["verdict"])),
        framed(
            "Loss per level of every run: retention falls as exp(−γ · level)",
            fragmentation_table(found),
            RUN_COLUMNS,
        ),
        framed("What γ is made of", attribution_table(found), EFFECT_COLUMNS),
        text(str(attributes["choice_sentence"])) if attributes.get("choice_sentence") else None,
        details("Choices of loadings and similarity", [_options(found)]),
    ]


def _options(found: xr.Dataset) -> Block | None:
    import pandas as pd

    there = [name for name in OPTION_COLUMNS if name in found]
    return framed(
        "What each choice keeps",
        pd.DataFrame({name: found[name].to_numpy() for name in there}),
        OPTION_COLUMNS,
    )


def _pictures(given: xr.Dataset, sentence: str) -> list[Block | None]:
    from dasknmf.report.decay import plot_attribution, plot_gamma, plot_retention

    found = for_drawing(given)
    rows = fragmentation_table(given)
    each = "; ".join(f"{run}: {judged}" for run, judged in zip(rows["run"], rows["verdict"], strict=True))
    made: list[Block | None] = [
        _picture(
            plot_retention, found, sentence, "Retention by level, with the exponential that fits it best."
        ),
        _picture(plot_gamma, found, f"γ of every run. {each}.", "Loss per level, γ, with its 95 % interval."),
    ]
    if given.sizes.get("effect"):
        effects = attribution_table(given)
        largest = effects.iloc[int(effects["effect_gamma"].abs().fillna(-1).to_numpy().argmax())]
        told = f"The largest part of γ is of {largest['cause']}: {largest['effect_gamma']:.3g} a level."
        made.append(_picture(plot_attribution, found, told, "What γ is made of, with 95 % intervals."))
    return made


def _picture(draw: Callable[..., Any], found: xr.Dataset, alt: str, caption: str) -> Block:
    return picture(lambda: draw(found), alt=alt, caption=caption)
