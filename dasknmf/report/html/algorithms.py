"""The section on algorithms side by side, and the claims they were compared for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dasknmf.comparing.tables import comparison_table
from dasknmf.report.html.blocks import details, heading, section, table, text
from dasknmf.report.html.formats import count
from dasknmf.report.html.pictures import for_drawing, picture

if TYPE_CHECKING:
    import pandas as pd

    from dasknmf.report.html.blocks import Block
    from dasknmf.report.html.runs import Contents, Run

#: What the figure shows: what the claims are about, and the error.
DRAWN = ("pearson", "linearity", "own_slope_dispersion", "pearson_index", "asymmetry", "relative_error")


def of_comparison(contents: Contents) -> Block | None:
    """Return what comparisons say; None where there is none."""
    runs = contents.of("comparison")
    if not runs:
        return None
    blocks: list[Block | None] = []
    for run in runs:
        if len(runs) > 1:
            blocks.append(heading(run.name))
        blocks += _one(run)
    return section("algorithms", "Algorithms side by side", blocks)


def _one(run: Run) -> list[Block | None]:
    found = run.result
    solvers, networks = (found[name].to_numpy().astype(str).tolist() for name in ("solver", "network"))
    claims = list(
        zip(
            *(found[name].to_numpy().tolist() for name in ("claim", "claim_verdict", "claim_evidence")),
            strict=True,
        )
    )
    rows = comparison_table(found)
    drawn = [name for name in DRAWN if name in found]
    return [
        text(
            f"{', '.join(solvers)}: {run.attrs['n_components']} factors and {count(found.sizes['restart'], 'restart')} "
            f"each, on the network and what it is compared with: {', '.join(networks)}."
        ),
        table(
            "Claims, judged on these fits",
            [("Claim", "text"), ("Verdict", "text"), ("Evidence", "text")],
            claims,
        ),
        picture(
            lambda: _drawing(run, drawn),
            alt="Measures of each algorithm with intervals over restarts. "
            + " ".join(f"{claim} {str(judged).capitalize()}." for claim, judged, _ in claims),
            caption="Mean over restarts with its 95 % interval, and every restart.",
        ),
        _table(rows),
        details("Intervals of all measures", [_intervals(rows)]),
    ]


def _drawing(run: Run, measures: list[str]) -> object:
    from dasknmf.report.comparison import plot_comparison

    return plot_comparison(for_drawing(run.result), measures=measures)


def _table(rows: pd.DataFrame) -> Block | None:
    plain = [str(name) for name in rows.columns if not str(name).endswith(("_low", "_high"))]
    columns = [
        ("Network", "text"),
        ("Algorithm", "text"),
        *((name.replace("_", " "), "number") for name in plain),
    ]
    return table("Means over restarts", columns, rows[plain].reset_index().itertuples(index=False, name=None))


def _intervals(rows: pd.DataFrame) -> Block | None:
    """Return one row a network, algorithm and measure, which stays narrow enough to print."""
    measures = [str(name).removesuffix("_low") for name in rows.columns if str(name).endswith("_low")]
    keys = zip(*(rows.index.get_level_values(name).tolist() for name in ("network", "solver")), strict=True)
    cells = [
        [
            *key,
            name.replace("_", " "),
            *(float(rows.loc[key, column]) for column in (name, f"{name}_low", f"{name}_high")),
        ]
        for key in keys
        for name in measures
    ]
    kinds = [("Network", "text"), ("Algorithm", "text"), ("Measure", "text")]
    return table(
        "Means over restarts with 95 % intervals",
        [*kinds, ("Mean", "number"), ("2.5 %", "number"), ("97.5 %", "number")],
        cells,
    )
