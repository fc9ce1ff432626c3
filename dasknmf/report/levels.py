"""The figure of levels: what each level of nested associations keeps, and how far restarts agree on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from dasknmf.errors import InputError
from dasknmf.report.axes import BLUE, DASHES, GREEN, INK, PURPLE, VERMILLION, new_figure, plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

#: Inches of a panel.
WIDE, TALL = 3.1, 3.2
#: Colour and marker of a branch: vermillion and blue are alike in some grey prints, markers never.
BRANCHES = {
    "partner": (BLUE, "o"),
    "W": (VERMILLION, "^"),
    "H": (GREEN, "v"),
    "index": (PURPLE, "D"),
}
#: Of a branch that is none of these.
OTHER = (INK, "X")
#: Between branches at a level, in levels.
DODGE = 0.13


class Panel(NamedTuple):
    """What a panel shows."""

    variable: str
    title: str
    #: Whether its best is 1.
    whole: bool = True
    #: Something it is compared with: a variable, and its name in the key.
    beside: str = ""
    named: str = ""


PANELS = (
    Panel("explained", "Explained share, E", whole=False, beside="bound", named="bound E*"),
    Panel("retention", "Retention, ρ = E / E*", beside="direct_retention", named="without nesting"),
    Panel("marginal", "Marginal of the level", whole=False),
    Panel("reproducibility", "Reproducibility"),
    Panel("membership_agreement", "Membership agreement"),
)


def level_panels(nested: xr.Dataset) -> tuple[Panel, ...]:
    """Return the panels that nested associations have something for, from the left."""
    return tuple(
        panel
        for panel in PANELS
        if panel.variable in nested.data_vars and bool(nested[panel.variable].notnull().any())
    )


def plot_levels(nested: xr.Dataset, *, axes: Sequence[Axes] | None = None) -> Figure | SubFigure:
    """Draw what each level keeps of the network by branch, and how far restarts agree; in the order of levels.

    Parameters
    ----------
    nested : Dataset
        What :func:`dasknmf.nested` returned. Panels of what was not measured are left out.
    axes : sequence of Axes, optional
        One for each panel, from the left: :func:`level_panels` are as many.

    Returns
    -------
    Figure
        Of panels side by side, or that of the axes given.

    Raises
    ------
    InputError
        If no level was measured, or the number of axes is not that of panels.

    Notes
    -----
    Points are means over restarts, bars reach from the least to the largest of them. Dashed is what a level is
    compared with: the bound of its rank; what loadings of the network factorized directly at that rank retain, in the
    branch of the tree; for reproducibility and membership agreement 0 is what chance has.
    """
    panels = level_panels(nested)
    if not panels:
        names = ", ".join(panel.variable for panel in PANELS)
        msg = f"no level was measured ({names}); give what dasknmf.nested returned"
        raise InputError(msg)
    if axes is None:
        axes = list(np.ravel(new_figure(WIDE * len(panels), TALL).subplots(1, len(panels))))
    if len(axes) != len(panels):
        names = ", ".join(panel.variable for panel in panels)
        msg = f"{len(axes)} axes; there are {len(panels)} panels: {names}"
        raise InputError(msg)
    branches = [str(branch) for branch in nested["branch"].to_numpy()]
    for place, (ax, panel) in enumerate(zip(axes, panels, strict=True)):
        _panel(ax, nested, panel, branches)
        # which loadings are which is said once
        said = branches if place == 0 and len(branches) > 1 else []
        _key(ax, panel, said, beside=panel.beside in nested)
    return axes[0].figure


def _panel(ax: Axes, nested: xr.Dataset, panel: Panel, branches: list[str]) -> None:
    tiers = np.arange(nested.sizes["tier"])
    for place, branch in enumerate(branches):
        colour, marker = BRANCHES.get(branch, OTHER)
        each = nested[panel.variable].sel(branch=branch).transpose("tier", "restart").to_numpy()
        there = np.isfinite(each).any(axis=1)
        x = tiers[there] + DODGE * (place - (len(branches) - 1) / 2)
        low, mean, high = (measure(each[there], axis=1) for measure in (np.nanmin, np.nanmean, np.nanmax))
        ax.vlines(x, low, high, color=colour, lw=1.6, alpha=0.6)
        ax.plot(x, mean, color=colour, marker=marker, ms=5, mew=0, lw=1)
    if panel.beside in nested:
        beside = nested[panel.beside]
        if "branch" in beside.dims:
            own = str(nested.attrs.get("loadings", branches[0]))
            beside = beside.sel(branch=own if own in branches else branches[0]).mean("restart")
        # a line needs two levels, a bar one
        one: dict[str, Any] = {"marker": "_", "ms": 14} if len(tiers) == 1 else {}
        ax.plot(tiers, beside.to_numpy(), color=INK, lw=1.2, ls=DASHES, **one)
    ax.axhline(0, color=INK, lw=0.6)
    low, high = ax.get_ylim()
    # of a panel whose best is 1, small differences are not stretched to look as if they were large
    ax.set_ylim(min(low, -0.02), max(high, 1.03) if panel.whole else high)
    factors = nested["n_factors"].to_numpy()
    step = max(1, -(-len(tiers) // 8))
    shown = tiers[::step]
    ax.set_xticks(shown, [f"{nested['tier'].to_numpy()[tier]}\n{factors[tier]:g}" for tier in shown])
    ax.set_xlim(-0.5, len(tiers) - 0.5)
    ax.set_xlabel("level, and its factors", size=9)
    ax.set_title(panel.title, loc="left", size=10)
    plain(ax)


def _key(ax: Axes, panel: Panel, branches: list[str], *, beside: bool) -> None:
    """Say which loadings are which, and what is dashed."""
    from matplotlib.lines import Line2D

    handles = []
    for branch in branches:
        colour, marker = BRANCHES.get(branch, OTHER)
        handles.append(Line2D([], [], color=colour, marker=marker, ms=5, mew=0, lw=1, label=branch))
    if beside:
        handles.append(Line2D([], [], color=INK, lw=1.2, ls=DASHES, label=panel.named))
    if handles:
        ax.legend(handles=handles, loc="best", frameon=False, fontsize=8, handlelength=2.4)
