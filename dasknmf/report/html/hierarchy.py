"""The section on nested associations: what each level keeps, and the tree."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from dasknmf.nesting.showing import level_table, node_table
from dasknmf.report.html.blocks import details, framed, heading, section, text
from dasknmf.report.html.formats import count, number
from dasknmf.report.html.pictures import for_drawing, picture

if TYPE_CHECKING:
    import pandas as pd

    from dasknmf.report.html.blocks import Block
    from dasknmf.report.html.runs import Contents, Run

LEVEL_COLUMNS = {
    "branch": ("Loadings", "text"),
    "level": ("Level", "number"),
    "factors": ("Factors", "number"),
    "explained": ("Explained, E", "percent"),
    "bound": ("Bound, E*", "percent"),
    "retention": ("Retention, E / E*", "number"),
    "retention_min": ("Lowest", "number"),
    "retention_max": ("Highest", "number"),
    "direct_retention": ("Without nesting", "number"),
    "marginal": ("Marginal", "percent"),
    "effective_factors": ("Effective factors", "number"),
    "overlap": ("Overlap", "number"),
    "nesting_index": ("Nesting", "number"),
    "nesting_chance": ("By chance", "number"),
    "reproducibility": ("Reproducibility", "number"),
    "membership_agreement": ("Membership agreement", "number"),
}
NODE_COLUMNS = {
    "node": ("Node", "number"),
    "level": ("Level", "number"),
    "factor": ("Factor", "number"),
    "parent": ("Part of node", "number"),
    "size": ("Genes", "number"),
    "contribution": ("Contribution", "percent"),
    "node_reproducibility": ("Reproducibility", "number"),
    "nesting": ("Nesting", "number"),
    "stop_reason": ("Ends because", "text"),
    "genes": ("Leading genes", "text"),
}


def of_nested(contents: Contents) -> Block | None:
    """Return levels and trees of nested associations, controls after networks; None where there are none."""
    runs = sorted(contents.of("nested"), key=lambda run: run.control)
    if not runs:
        return None
    blocks: list[Block | None] = []
    for run in runs:
        if len(runs) > 1:
            control = f", a control: {run.attrs['kind']}" if run.control else ""
            blocks.append(heading(f"{run.name}{control}"))
        blocks += _one(run)
    return section("nested", "Nested associations", blocks)


def _one(run: Run) -> list[Block | None]:
    levels = level_table(run.result).reset_index() if "branch" in run.result.dims else None
    shown = str(run.attrs.get("loadings", ""))
    own = None if levels is None else levels[levels["branch"] == shown].drop(columns="branch")
    nodes = node_table(run.result)
    # of objects, or None would make numbers of nodes into fractions
    nodes["parent"] = np.array([None if at < 0 else at for at in nodes["parent"].tolist()], dtype=object)
    kept = [
        _levels(run, own),
        None if own is None else framed(f"What each level keeps, loadings {shown}", own, LEVEL_COLUMNS),
    ]
    return [
        text(_lead(run)),
        # a control is there to be compared with, which is done where fragmentation is tested
        *([details("What its levels keep", kept)] if run.control else [*kept, *_tree(run)]),
        details(
            "All loadings",
            [framed("What each level keeps", levels, LEVEL_COLUMNS)] if levels is not None else [],
        ),
        details(
            f"All nodes of the tree ({count(len(nodes), 'row')})",
            [framed("Nodes of the tree", nodes, NODE_COLUMNS)],
        ),
    ]


def _lead(run: Run) -> str:
    a, ranks = run.attrs, run.result["n_factors"].to_numpy().tolist() if "n_factors" in run.result else []
    similarity = f", similarity {a['similarity']}" if a.get("similarity", "none") != "none" else ""
    down = " → ".join(number(rank) for rank in ranks)
    order = (
        "Levels are counted from the finest"
        if a.get("order") == "fine-to-coarse"
        else "Levels are counted from the root"
    )
    return (
        f"Method {a.get('method', '')}, loadings {a.get('loadings', '')}{similarity}"
        f"{f'; factors of each level: {down}' if down else ''}. {order}; each is made of the one before. Retention is "
        "what a level explains of the network over what the best matrix of its rank could."
    )


def _levels(run: Run, own: pd.DataFrame | None) -> Block | None:
    from dasknmf.report.levels import plot_levels

    if own is None:
        return None
    kept = own["retention"].to_numpy()
    return picture(
        lambda: plot_levels(for_drawing(run.result)),
        alt=f"Retention goes from {number(float(kept[0]))} at the first of {count(len(kept), 'level')} to "
        f"{number(float(kept[-1]))} at the last.",
        caption="What each level explains, keeps of the best possible, and adds; and how far restarts agree on it.",
    )


def _tree(run: Run) -> list[Block | None]:
    from dasknmf.report.vector_tree import tree_svg

    if not run.result.sizes.get("node"):
        return []
    result: Any = run.result
    share = result["nesting"].to_numpy() if "nesting" in result else np.array([])
    known = share[np.isfinite(share)]
    inside = (
        f" A factor has {number(float(known.mean()))} of its mass in its parent on average."
        if len(known)
        else ""
    )
    return [
        heading("The tree"),
        text(
            "Every box is a factor, below what it is a part of, as wide as it has genes. Choose a box to see what is "
            f"in it, and again to go back; all nodes are in the table below, too.{inside}"
        ),
        {"block": "tree", "svg": tree_svg(result)},
    ]
