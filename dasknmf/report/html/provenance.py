"""The section that lets a reader repeat everything: parameters, seeds, versions, checksums, commands."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from dasknmf.report.html.blocks import command, details, heading, section, table, text
from dasknmf.report.html.commands import commands_of

if TYPE_CHECKING:
    from dasknmf.report.html.blocks import Block
    from dasknmf.report.html.runs import Contents, Run

#: Attributes that other sections tell in full.
TOLD = frozenset(
    {
        "format",
        "version",
        "verdict",
        "sentence",
        "sentences",
        "reason",
        "runner_up_reason",
        "warnings",
        "choice_sentence",
        "within_w_verdict",
        "rank_advice",
    }
)


def of_provenance(contents: Contents) -> Block:
    """Return how to repeat what is on the page."""
    said = commands_of(contents)
    lead = (
        "A fixed seed gives the same factors to the last bit on processors of one kind, with any number of workers. "
        "Names of files have no folders here; results of networks that were generated or given as arrays have no "
        "command."
    )
    return section(
        "repeat",
        "How to repeat it",
        [
            text(lead),
            command(said),
            heading("Parameters, seeds, versions and checksums"),
            *(details(f"{run.name}: {run.kind}", [_table(run)]) for run in contents.runs),
        ],
    )


def _table(run: Run) -> Block | None:
    return table(
        f"All that {run.name} says of itself", [("Name", "text"), ("Value", "exact")], parameters(run)
    )


def parameters(run: Run) -> list[tuple[str, str]]:
    """Return every attribute of a result as it is, what is kept as JSON one by one, and its format first."""
    rows = [("format", f"{run.attrs.get('format')} {run.attrs.get('version', '')}".strip())]
    for name, value in sorted(run.attrs.items()):
        if name in TOLD:
            continue
        inside = _inside(value)
        if inside is None:
            rows.append((name, _exact(value)))
        else:
            rows += [(f"{name}: {key}", _exact(item)) for key, item in inside.items()]
    return rows


def _inside(value: Any) -> dict[str, Any] | None:
    """Return a mapping that is written as JSON, or None for anything else."""
    if not isinstance(value, str) or not value.startswith("{"):
        return None
    try:
        read = json.loads(value)
    except ValueError:
        return None
    return read if isinstance(read, dict) else None


def _exact(value: Any) -> str:
    """Return a value with all its digits, as it can be typed."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_exact, value))
    return "none" if value is None else str(value)
