"""The fan of slopes: how much of each factor an algorithm leaves in W and how much in H."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from dasknmf.report.axes import INK, POINTS_PER_INCH, apart, own_or_sized, settle
from dasknmf.report.classes import class_legend, needs, numbers, styles_of, values_of

if TYPE_CHECKING:
    from collections.abc import Callable

    import xarray as xr
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

RIGHT = np.pi / 2
#: Rays that can all be labelled; of more, as many of the slopes farthest from their median.
LABELLED = 10
#: Where factors are named, where the scale is, and where the axes end, in lengths of a ray.
NAMES, SCALE, EDGE = 1.13, 1.23, 1.36
FAINT = "#D9D9D9"
#: Powers of ten on either side of 1 that a logarithmic fan has at least.
DECADES = 2
#: Slopes that are written at the rim of a fan of true angles.
ROUND = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0)
LETTERS = 8.0


def plot_slope_fan(symmetry: xr.Dataset, *, ax: Axes | None = None, own: bool = False) -> Axes:
    """Draw the slope of h on w of each factor as a ray, with a wedge for its interval.

    A slope is a gauge: it tells how scale is shared between W and H, not what a factor is. Balanced factors are
    drawn with the angles that the lines have in a scatter of equal axes. Under the algorithm's own normalisation
    slopes differ by orders of magnitude; there the angle is proportional to the logarithm of the slope, so that
    0.01 and 100 are as far from 1 as each other.

    Parameters
    ----------
    symmetry : Dataset
        What ``dasknmf.symmetry`` returned: ``class`` and ``slope``, or ``own_slope``.
    ax : Axes, optional
        Where to draw; by default new axes.
    own : bool
        Slopes under the algorithm's own normalisation. Their intervals are those of the balanced slopes, scaled.

    Returns
    -------
    Axes

    Raises
    ------
    InputError
        If slopes are not in the Dataset.
    """
    needs(symmetry, "class", "own_slope" if own else "slope")
    ax = own_or_sized(ax, 5.2, 5.2)
    slope, low, high = slope_intervals(symmetry, own=own)
    # a logarithm has no place for 0
    drawn = np.isfinite(slope) & ((slope > 0) if own else (slope >= 0))
    angle = _log_angle(slope[drawn]) if own else np.arctan
    for place in np.flatnonzero(drawn):
        style = styles_of(symmetry)[place]
        end = float(angle(slope[place]))
        if np.isfinite(low[place]) and np.isfinite(high[place]):
            ends = np.maximum([low[place], high[place]], 0.0)
            _wedge(ax, *angle(ends), colour=style.colour)
        ax.plot([0, np.cos(end)], [0, np.sin(end)], color=style.colour, ls=style.line, lw=1.6)
    _rim(ax, angle, _ticks(slope[drawn], own=own))
    ax.set(xlim=(-0.04, EDGE), ylim=(-0.04, EDGE), aspect="equal", xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    ax.set_xlabel("W")
    ax.set_ylabel("H")
    class_legend(ax, symmetry, "Slopes, the algorithm's own" if own else "Slopes, balanced")
    _say(ax, slope, drawn)
    _name(ax, symmetry, slope, drawn, angle)
    return ax


def slope_intervals(symmetry: xr.Dataset, *, own: bool) -> tuple[Array, Array, Array]:
    """Return the slopes of all factors and the ends of their intervals; NaN where there are none.

    Notes
    -----
    Changing the gauge multiplies slope and interval of a factor by one number, so the interval of an own slope is
    that of the balanced one, times their ratio.
    """
    slope, low, high = (values_of(symmetry, name) for name in ("slope", "slope_low", "slope_high"))
    if not own:
        return slope, low, high
    mine = values_of(symmetry, "own_slope")
    ratio = np.full(len(slope), np.nan)
    np.divide(mine, slope, out=ratio, where=slope > 0)
    return mine, low * ratio, high * ratio


def _log_angle(slope: Array) -> Callable[[Any], Any]:
    """Return the function from slopes to angles in which 1 is half of a right angle."""
    decades = _decades(slope)

    def angle(value: Any) -> Any:
        inside = np.clip(value, 10.0**-decades, 10.0**decades)
        return RIGHT * (np.log10(inside) + decades) / (2 * decades)

    return angle


def _decades(slope: Array) -> int:
    return max(DECADES, int(np.ceil(np.abs(np.log10(slope)).max(initial=0) - 1e-9)))


def _ticks(slope: Array, *, own: bool) -> list[float]:
    if not own:
        return list(ROUND)
    decades = _decades(slope)
    step = -(-decades // 4)
    reach = decades // step * step
    return [10.0**power for power in range(-reach, reach + 1, step)]


def _wedge(ax: Axes, low: float, high: float, *, colour: str) -> None:
    along = np.linspace(low, high, 24)
    xs, ys = np.append(0, np.cos(along)), np.append(0, np.sin(along))
    ax.fill(xs, ys, color=colour, alpha=0.2, lw=0, zorder=1)


def _rim(ax: Axes, angle: Callable[[Any], Any], ticks: list[float]) -> None:
    """Draw the quarter of a circle where rays end and, beyond the names of factors, a scale of slopes."""
    arc = np.linspace(0, RIGHT, 91)
    ax.plot(np.cos(arc), np.sin(arc), color=FAINT, lw=0.8, zorder=0)
    ax.plot(SCALE * np.cos(arc), SCALE * np.sin(arc), color=INK, lw=0.8, zorder=0)
    for tick in ticks:
        at = float(angle(tick))
        x, y = SCALE * np.cos(at), SCALE * np.sin(at)
        ax.plot([0, x], [0, y], color=FAINT, lw=0.6, zorder=0)
        across, up = ("center" if x < 0.1 else "left"), ("center" if y < 0.1 else "bottom")
        ax.annotate(
            f"{tick:g}",
            (x, y),
            (3 * np.cos(at), 3 * np.sin(at)),
            textcoords="offset points",
            ha=across,
            va=up,
            color=INK,
            size=LETTERS,
        )


def _say(ax: Axes, slope: Array, drawn: NDArray[np.bool_]) -> None:
    """Write the dispersion of slopes, and how many have none, where no ray comes: under the right end."""
    there = slope[drawn & (slope > 0)]
    told = []
    if len(there) > 1:
        told.append(f"sd of log slope {np.std(np.log(there), ddof=1):.2g}")
    if not drawn.all():
        told.append(f"{int((~drawn).sum())} without a slope")
    ax.annotate(
        "\n".join(told),
        (1, 1),
        (0, -2),
        xycoords="axes fraction",
        textcoords="offset points",
        ha="right",
        va="top",
        color=INK,
        size=LETTERS,
    )


def _name(
    ax: Axes, symmetry: xr.Dataset, slope: Array, drawn: NDArray[np.bool_], angle: Callable[[Any], Any]
) -> None:
    """Write the numbers of factors beyond the scale, moved apart along the rim, with a line to their ray."""
    places = np.flatnonzero(drawn)
    angles = np.array([float(angle(slope[place])) for place in places])
    if len(places) > LABELLED:
        extreme = np.argsort(-np.abs(angles - np.median(angles)), kind="stable")[:LABELLED]
        places, angles = places[extreme], angles[extreme]
    order = np.argsort(angles, kind="stable")
    settle(ax)
    ax.apply_aspect()
    unit = np.ptp(ax.transData.transform([(0, 0), (1, 0)])[:, 0]) / ax.figure.dpi * POINTS_PER_INCH
    # numbers are wider than high, and beside each other where the rim is steep
    share = 1.9 * LETTERS / (NAMES * RIGHT * unit)
    ends = apart([float(angles[at]) / RIGHT for at in order], [share] * len(order))
    for at, end in zip(order, ends, strict=True):
        style = styles_of(symmetry)[places[at]]
        x, y = np.cos(RIGHT * end), np.sin(RIGHT * end)
        start = (1.005 * np.cos(angles[at]), 1.005 * np.sin(angles[at]))
        ax.plot([start[0], 1.07 * x], [start[1], 1.07 * y], color=style.colour, lw=0.5, zorder=0, alpha=0.7)
        number = str(numbers(symmetry)[places[at]])
        ax.text(NAMES * x, NAMES * y, number, ha="center", va="center", color=style.colour, size=LETTERS)
