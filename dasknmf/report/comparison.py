"""The figure of algorithms: each measure of each solver, on a network and on its nulls."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dasknmf.errors import InputError
from dasknmf.report.axes import BLUE, GREEN, PURPLE, VERMILLION, new_figure, plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure
    from numpy.typing import NDArray

#: Of networks, told apart by colour and by marker; the rest of Okabe & Ito (2008) after those of other figures.
COLOURS = (BLUE, VERMILLION, GREEN, PURPLE, "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "D", "s", "^", "v", "P", "X")
#: Panels beside each other; inches of a panel, of what is around its rows, and of a network in a row.
ACROSS, WIDE, AROUND, ROW = 3, 3.6, 1.3, 0.14
#: Of the height of a solver, what its networks share.
SHARE = 0.7
#: Percent that an interval covers.
LEVEL = 0.95


def plot_comparison(
    comparison: xr.Dataset, *, measures: Sequence[str], axes: Sequence[Axes] | None = None
) -> Figure | SubFigure:
    """Draw measures of several solvers on several networks: the mean of restarts with its interval, and each.

    Parameters
    ----------
    comparison : Dataset
        Over ``network``, ``solver`` and ``restart``, with a variable for each measure. Where it has
        ``<measure>_low`` and ``<measure>_high`` over network and solver, they are the interval; otherwise it is
        Student's, 95 % of the mean over restarts, and none where there is one restart.
    measures : sequence of str
        Names of variables, a panel each.
    axes : sequence of Axes, optional
        One for each measure.

    Returns
    -------
    Figure
        That of the axes.

    Raises
    ------
    InputError
        If a measure is not in the Dataset, or the number of axes is not that of measures.
    """
    absent = [name for name in measures if name not in comparison]
    if absent or not measures:
        known = [str(name) for name, given in comparison.items() if "restart" in given.dims]
        msg = f"measures={absent}: not in the comparison; choose from {', '.join(known)}"
        raise InputError(msg)
    count = len(measures)
    drawn = _new_axes(count, comparison) if axes is None else list(axes)
    if len(drawn) != count:
        msg = f"{len(drawn)} axes; there are {count} measures: {', '.join(measures)}"
        raise InputError(msg)
    for place, (ax, measure) in enumerate(zip(drawn, measures, strict=True)):
        _panel(ax, comparison, measure, named=axes is not None or place % min(count, ACROSS) == 0)
    _legend(drawn[0], comparison, own=axes is None)
    return drawn[0].figure


def _new_axes(count: int, comparison: xr.Dataset) -> list[Axes]:
    across = min(count, ACROSS)
    down = -(-count // across)
    rows = comparison.sizes["solver"] * max(2, comparison.sizes["network"])
    figure = new_figure(WIDE * across + 0.8, (AROUND + ROW * rows) * down)
    axes = figure.subplots(down, across, squeeze=False).ravel()
    for ax in axes[count:]:
        ax.remove()
    return list(axes[:count])


def _panel(ax: Axes, comparison: xr.Dataset, measure: str, *, named: bool) -> None:
    values = comparison[measure].transpose("network", "solver", "restart").to_numpy()
    mean, low, high = _intervals(comparison, measure, values)
    networks, solvers = values.shape[:2]
    for place in range(networks):
        colour, marker = COLOURS[place % len(COLOURS)], MARKERS[place % len(MARKERS)]
        rows = np.arange(solvers) + SHARE * ((place + 0.5) / networks - 0.5)
        each = np.broadcast_to(rows[:, None], values[place].shape)
        there = np.isfinite(values[place])
        ax.scatter(values[place][there], each[there], s=12, color=colour, alpha=0.45, lw=0, zorder=3)
        ax.hlines(rows, low[place], high[place], color=colour, lw=1.1, zorder=2)
        known = np.isfinite(mean[place])
        ax.plot(
            mean[place][known],
            rows[known],
            ls="",
            marker=marker,
            ms=5.5,
            mew=0.6,
            mec="white",
            color=colour,
            zorder=4,
        )
    for edge in range(1, solvers):
        ax.axhline(edge - 0.5, color="#E5E5E5", lw=0.8, zorder=0)
    called = comparison["solver"].to_numpy().astype(str)
    ax.set_yticks(range(solvers), called if named else [""] * solvers)
    ax.set_ylim(solvers - 0.5, -0.5)
    ax.tick_params(axis="y", length=0)
    ax.locator_params(axis="x", nbins=5)
    ax.set_title(measure.replace("_", " "), loc="left", size=10.5)
    plain(ax)


def _intervals(
    comparison: xr.Dataset, measure: str, values: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the means over restarts and the ends of their intervals, over networks and solvers."""
    count = np.isfinite(values).sum(axis=2)
    mean = np.full(count.shape, np.nan)
    np.divide(np.nansum(values, axis=2), count, out=mean, where=count > 0)
    ends = [f"{measure}_{end}" for end in ("low", "high")]
    if all(name in comparison for name in ends):
        low, high = (comparison[name].transpose("network", "solver").to_numpy() for name in ends)
        return mean, low, high
    from scipy.stats import t

    half = np.full(count.shape, np.nan)
    several = count > 1
    squares = np.nansum((values - mean[:, :, None]) ** 2, axis=2)[several]
    free = count[several] - 1
    half[several] = t.ppf((1 + LEVEL) / 2, free) * np.sqrt(squares / free / count[several])
    return mean, mean - half, mean + half


def _legend(ax: Axes, comparison: xr.Dataset, *, own: bool) -> None:
    """Name the networks: below all panels of an own figure, below the first of given axes."""
    from matplotlib.lines import Line2D

    networks = [str(name) for name in comparison["network"].to_numpy()]
    handles = [
        Line2D(
            [], [], ls="", marker=MARKERS[at % len(MARKERS)], ms=6, mew=0, color=COLOURS[at % len(COLOURS)]
        )
        for at in range(len(networks))
    ]
    if own:
        columns = min(len(networks), 6)
        ax.figure.legend(handles, networks, frameon=False, loc="outside lower left", ncols=columns)
    else:
        ax.legend(handles, networks, frameon=False, loc="upper left", bbox_to_anchor=(0, -0.1))
