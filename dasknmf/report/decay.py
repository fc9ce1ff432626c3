"""Figures of the test of fragmentation: what levels retain, how fast it falls, and what makes it fall."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np

from dasknmf.errors import InputError
from dasknmf.report.axes import DASHES, INK, POINTS_PER_INCH, apart, own_or_sized, plain, settle
from dasknmf.report.curves import NETWORKS, Curve, Look, curves_of, effect_names

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

#: Shares of the largest retention below which an axis is not opened further for what is gone.
LOWEST = 1e-4
#: Inches of a row of a table of intervals, and of all above and below it.
ROW, AROUND = 0.3, 1.1
#: γ above so many bounds need an axis that is logarithmic beyond the bound.
WIDE_RANGE = 8
LETTERS = 8.5
#: Letters of a line of a name.
NAME = 34


def plot_retention(fragmentation: xr.Dataset, *, ax: Axes | None = None, quantity: str | None = None) -> Axes:
    """Draw what runs retain level by level, on a logarithmic axis, and the exponentials fitted to it.

    Parameters
    ----------
    fragmentation : Dataset
        What :func:`dasknmf.fragmentation` returned.
    ax : Axes, optional
        Where to draw; by default new axes. Names stand to the right of them.
    quantity : str, optional
        Such as ``"retention W"``; by default of each run the one its verdict is about.

    Returns
    -------
    Axes

    Raises
    ------
    InputError
        If it is something else, or there is no such quantity.

    Notes
    -----
    Large markers are means, small ones restarts, thin straight lines ρ_0 exp(−γ l). Controls are grey, hollow and
    broken. A hair leads from the end of each line to its name.
    """
    curves = curves_of(fragmentation, quantity)
    ax = own_or_sized(ax, 8.5, max(4.4, 0.55 * len(curves) + 1.2))
    tiers = fragmentation["tier"].to_numpy()
    step = float(np.diff(tiers).min()) if len(tiers) > 1 else 1.0
    lowest, highest = np.inf, 0.0
    for place, curve in enumerate(curves):
        # beside each other, so that no restart hides another
        x = tiers + 0.035 * step * (place - (len(curves) - 1) / 2)
        kept, fitted = curve.values["kept"].to_numpy(), curve.values["fitted"].to_numpy()
        colour = curve.look.colour
        if "kept_of" in curve.values:
            each = curve.values["kept_of"].transpose("tier", "restart").to_numpy()
            across = np.broadcast_to(x[:, None], each.shape)
            style = {**curve.look.points, "ms": 3, "mew": 0.6, "alpha": 0.5}
            ax.plot(across.ravel(), each.ravel(), ls="", zorder=2, **style)
        drawn = {"ls": curve.look.line, "lw": 1.5, "ms": 6.5, "mew": 1.3, **curve.look.points}
        ax.plot(x, kept, color=colour, zorder=3, label=curve.name, **drawn)
        ax.plot(x, fitted, color=colour, lw=0.8, alpha=0.7, zorder=2.5)
        seen = np.concatenate([kept, fitted])
        seen = seen[np.isfinite(seen) & (seen > 0)]
        lowest, highest = min(lowest, *seen, np.inf), max(highest, *seen, 0.0)
    highest = max(highest, 1.0)
    lowest = max(min(lowest, highest / 2), LOWEST * highest)
    ax.set_yscale("log")
    ax.set_ylim(lowest / 1.25, highest * 1.08)
    _plain_numbers(ax)
    ax.set_xticks(tiers)
    ax.set_xlim(tiers[0] - 0.3 * step, tiers[-1] + 0.3 * step)
    ax.set_xlabel("level")
    ax.set_ylabel("ρ, share of what its rank could hold" if quantity is None else quantity)
    what = "Retention" if quantity is None else quantity.capitalize()
    ax.set_title(f"{what} by level; thin: $\\rho_0\\,e^{{-\\gamma l}}$", loc="left")
    plain(ax)
    _name_curves(ax, curves, tiers)
    return ax


def _folded(name: str) -> str:
    """Return a name on lines that leave room for what it names."""
    return textwrap.fill(name, NAME, break_long_words=False, break_on_hyphens=False)


def _plain_numbers(ax: Axes) -> None:
    """Write the numbers of a logarithmic axis, 1, 2 and 5 times powers of ten, as they are."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    low, high = ax.get_ylim()
    steps = (1.0, 2.0, 5.0) if high / low < 300 else (1.0,)
    ax.yaxis.set_major_locator(LogLocator(subs=steps, numticks=30))
    ax.yaxis.set_minor_locator(NullLocator())
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def _name_curves(ax: Axes, curves: list[Curve], tiers: Array) -> None:
    """Write to the right of the axes the name and γ of each run, with its marker and a thin line to where it ends."""
    settle(ax)
    tall = ax.bbox.height / ax.figure.dpi * POINTS_PER_INCH
    ends = []
    for curve in curves:
        line = curve.values["kept"].to_numpy()
        last = int(np.flatnonzero(np.isfinite(line))[-1])
        at = ax.transAxes.inverted().transform(ax.transData.transform((tiers[last], max(line[last], 1e-300))))
        ends.append((float(np.clip(at[1], 0.0, 1.0)), float(at[0]), curve))
    ends.sort(key=lambda end: end[0])
    texts = [f"{_folded(curve.name)}\n{curve.interval()}" for *_, curve in ends]
    heights = [(1.42 * LETTERS * (text.count("\n") + 1) + 2) / tall for text in texts]
    places = apart([end[0] for end in ends], heights)
    for place, text, (y, x, curve) in zip(places, texts, ends, strict=True):
        style: dict[str, Any] = {"transform": ax.transAxes, "clip_on": False, "color": curve.look.colour}
        ax.plot([x, 1.0, 1.02], [y, y, place], lw=0.5, **style)
        ax.plot([1.035], [place], ls="", ms=6, mew=1.2, **style, **curve.look.points)
        ax.annotate(
            text,
            (1.035, place),
            (7, 0),
            xycoords="axes fraction",
            textcoords="offset points",
            annotation_clip=False,
            va="center",
            size=LETTERS,
            color=INK,
        )


def plot_gamma(fragmentation: xr.Dataset, *, ax: Axes | None = None, quantity: str | None = None) -> Axes:
    """Draw γ of each run with its interval, beside 0 and the bound for practice, and the verdict to the right.

    Parameters
    ----------
    fragmentation : Dataset
        What :func:`dasknmf.fragmentation` returned.
    ax : Axes, optional
        Where to draw; by default new axes. Verdicts stand to the right of them.
    quantity : str, optional
        Such as ``"retention W"``; by default of each run the one its verdict is about.

    Returns
    -------
    Axes

    Raises
    ------
    InputError
        If it is something else, or there is no such quantity.

    Notes
    -----
    Where some γ is far above the bound, the axis is linear to the bound and logarithmic beyond it, so that both can be
    read. An arrow is an interval without an end: γ is a lower bound there.
    """
    curves = curves_of(fragmentation, quantity)
    ax = own_or_sized(ax, 8.5, ROW * 1.3 * len(curves) + AROUND)
    bound = float(fragmentation.attrs.get("gamma_bound", np.nan))
    for row, curve in enumerate(curves):
        ends = [curve.number(name) for name in ("gamma", "gamma_low", "gamma_high")]
        _interval(ax, row, *ends, look=curve.look)
    _gamma_axis(ax, bound)
    ax.set_yticks(range(len(curves)), [_folded(curve.name) for curve in curves], size=LETTERS)
    for row, curve in enumerate(curves):
        _beside(ax, row, str(curve.values["verdict"].item()))
    ax.set_ylim(len(curves) - 0.4, -0.6)
    ax.tick_params(axis="y", length=0)
    ax.set_xlabel("γ, loss per level")
    half = fragmentation.attrs.get("half_life_bound")
    said = f"; shaded: half-life above {half:g} levels" if half is not None else ""
    ax.set_title(f"γ with 95 % interval{said}", loc="left", size=11)
    return plain(ax)


def _gamma_axis(ax: Axes, bound: float) -> None:
    """Mark 0 and the bound, on an axis on which both can be read."""
    low, high = ax.dataLim.intervalx
    ax.axvline(0, color=INK, lw=0.9, zorder=0)
    if not np.isfinite(bound):
        return
    ax.axvspan(min(low, -bound), bound, color="#ECECEC", lw=0, zorder=-1)
    ax.axvline(bound, color=INK, lw=0.9, ls=DASHES, zorder=0)
    if max(abs(low), abs(high)) <= WIDE_RANGE * bound:
        ax.set_xlim(min(low, -bound) - 0.2 * bound, max(high, 1.5 * bound) * 1.05)
        return
    ax.set_xscale("symlog", linthresh=bound, linscale=1.0)
    start, end = min(low * 1.1, -0.5 * bound), high * 1.15
    ticks = [
        sign * size
        for sign in (-1, 1)
        for size in (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
        if start <= sign * size <= end
    ]
    ax.set_xticks([0.0, *ticks], [f"{tick:g}" for tick in (0.0, *ticks)])
    ax.minorticks_off()
    ax.set_xlim(start, end)


def _interval(ax: Axes, row: float, value: float, low: float, high: float, *, look: Look) -> None:
    """Draw a value with its interval in a row; an end that is not there is an arrow."""
    colour = look.colour
    if np.isfinite(low) and np.isfinite(high):
        ax.hlines(row, low, high, color=colour, lw=2)
    elif np.isfinite(low):
        ax.hlines(row, low, value, color=colour, lw=2)
        ax.annotate(
            "", (value, row), (16, 0), textcoords="offset points",
            arrowprops={"arrowstyle": "<-", "color": colour, "lw": 1.6, "shrinkA": 0, "shrinkB": 3},
        )  # fmt: skip
    if np.isfinite(value):
        ax.plot([value], [row], ls="", ms=6.5, mew=1.3, color=colour, **look.points)


def _beside(ax: Axes, row: float, text: str) -> None:
    ax.annotate(
        text,
        (1, row),
        (8, 0),
        xycoords=ax.get_yaxis_transform(),
        textcoords="offset points",
        annotation_clip=False,
        va="center",
        size=LETTERS,
        color=INK,
    )


def plot_attribution(fragmentation: xr.Dataset, *, ax: Axes | None = None) -> Axes:
    """Draw how much of γ each cause makes, with its interval: the difference of two runs or branches.

    Parameters
    ----------
    fragmentation : Dataset
        What :func:`dasknmf.fragmentation` returned, of runs of which some differ in one choice.
    ax : Axes, optional
        Where to draw; by default new axes.

    Returns
    -------
    Axes
        A row an effect, those of a cause together, which is named to the right.

    Raises
    ------
    InputError
        If there is no effect to draw.

    Notes
    -----
    Above 0 γ is larger with the choice. Hollow are effects of runs that were not paired by the seeds of their
    restarts. An arrow says that values below the floor make an effect a lower bound.
    """
    if "cause" not in fragmentation or not fragmentation.sizes.get("effect", 0):
        msg = "no effects to draw; give dasknmf.fragmentation runs of a network that differ in one choice"
        raise InputError(msg)
    causes = [str(cause) for cause in fragmentation["cause"].to_numpy()]
    called = effect_names(fragmentation)
    ax = own_or_sized(ax, 9, ROW * 0.85 * len(causes) + AROUND)
    colours = {cause: NETWORKS[at % len(NETWORKS)] for at, cause in enumerate(dict.fromkeys(causes))}
    for row, cause in enumerate(causes):
        own = fragmentation.isel(effect=row)
        ends = [float(own[name]) for name in ("effect_gamma", "effect_low", "effect_high")]
        if own["effect_at_least"].item() == 1:
            ends[2] = np.inf
        _interval(ax, row, *ends, look=Look(*colours[cause], "-", filled=own["effect_paired"].item() == 1))
        if row == 0 or causes[row - 1] != cause:
            _beside(ax, row, cause)
        if row and causes[row - 1] != cause:
            ax.axhline(row - 0.5, color="#CCCCCC", lw=0.6)
    ax.axvline(0, color=INK, lw=0.9, zorder=0)
    ax.set_yticks(range(len(causes)), called, size=LETTERS)
    ax.set_ylim(len(causes) - 0.4, -0.6)
    ax.tick_params(axis="y", length=0)
    ax.set_xlabel("how much larger γ is")
    ax.set_title("What makes γ", loc="left")
    return plain(ax)
