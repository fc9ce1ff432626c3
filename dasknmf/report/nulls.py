"""The figure of nulls: each measure of a network beside those of networks with nothing to find."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dasknmf.errors import InputError
from dasknmf.report.axes import BLUE, INK, VERMILLION, new_figure, plain
from dasknmf.report.classes import needs

if TYPE_CHECKING:
    from collections.abc import Sequence

    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure
    from numpy.typing import NDArray

#: Values of a null that can be seen one by one, and the least from which quartiles say something.
EACH, QUARTILES = 60, 5
#: Panels beside each other; inches of a panel and of a null in it.
ACROSS, WIDE, TALL, ROW = 4, 3.1, 1.0, 0.62
#: Of a row: where its values lie and where its numbers are written, downwards from its middle.
STRIP, WRITTEN, SPREAD = 0.14, -0.3, 0.16
LETTERS = 8


def plot_null_distributions(
    symmetry: xr.Dataset,
    *,
    measures: Sequence[str] | None = None,
    axes: Sequence[Axes] | None = None,
) -> Figure | SubFigure:
    """Draw the values of each measure on fits of null models, and where the network itself is.

    Up to 60 null fits are drawn one by one, below a box of their quartiles with lines to the
    extremes; more as a violin. The line is the
    measure of the reference fit, the band beside it the interval of its mean over restarts.

    Parameters
    ----------
    symmetry : Dataset
        What ``dasknmf.symmetry`` returned with nulls: ``by_null``, ``null_kind``, ``measured``, and where they
        are there ``low``, ``high``, ``p``, ``z`` and ``gauge_free``.
    measures : sequence of str, optional
        Which; by default all that null fits have.
    axes : sequence of Axes, optional
        One for each measure: :func:`null_measures` names them in their order.

    Returns
    -------
    Figure
        That of the axes.

    Raises
    ------
    InputError
        If there are no nulls, a measure is not in the Dataset, or the number of axes is not that of measures.
    """
    known = null_measures(symmetry)
    if not known:
        msg = "the symmetry has no null fits to draw; call dasknmf.symmetry with nulls=20"
        raise InputError(msg)
    chosen = known if measures is None else tuple(measures)
    absent = [name for name in chosen if name not in known]
    if absent or not chosen:
        msg = f"measures={absent}: not measured on nulls; choose from {', '.join(known)}"
        raise InputError(msg)
    drawn = _new_axes(len(chosen), len(_kinds(symmetry))) if axes is None else list(axes)
    if len(drawn) != len(chosen):
        msg = f"{len(drawn)} axes; there are {len(chosen)} measures: {', '.join(chosen)}"
        raise InputError(msg)
    for ax, measure in zip(drawn, chosen, strict=True):
        _panel(ax, symmetry, measure)
    return drawn[0].figure


def null_measures(symmetry: xr.Dataset) -> tuple[str, ...]:
    """Return the names of the measures that some null fit has a value of."""
    if "by_null" not in symmetry or not symmetry["by_null"].size:
        return ()
    needs(symmetry, "measured", "null_kind")
    there = symmetry["by_null"].notnull().any("null")
    return tuple(str(name) for name in symmetry["measure"].to_numpy()[there.to_numpy()])


def _new_axes(count: int, kinds: int) -> list[Axes]:
    down = -(-count // ACROSS)
    across = -(-count // down)
    figure = new_figure(WIDE * across + 0.6, (TALL + ROW * kinds) * down)
    axes = figure.subplots(down, across, squeeze=False).ravel()
    for ax in axes[count:]:
        ax.remove()
    return list(axes[:count])


def _kinds(symmetry: xr.Dataset) -> list[str]:
    """Return the kinds of null models in the order of the Dataset, or else of their first fit."""
    fitted = [str(kind) for kind in symmetry["null_kind"].to_numpy()]
    ordered = symmetry["kind"].to_numpy() if "kind" in symmetry.coords else fitted
    return [kind for kind in dict.fromkeys(map(str, ordered)) if kind in fitted]


def _panel(ax: Axes, symmetry: xr.Dataset, measure: str) -> None:
    values = symmetry.sel(measure=measure)
    kinds = _kinds(symmetry)
    labels = []
    for row, kind in enumerate(kinds):
        null = values["by_null"].to_numpy()[symmetry["null_kind"].to_numpy().astype(str) == kind]
        null = null[np.isfinite(null)]
        labels.append(f"{kind}\n{len(null)} fits")
        _distribution(ax, null, row + STRIP)
    _measured(ax, values)
    _numbers(ax, values, kinds)
    ax.set_yticks(range(len(kinds)), labels, size=LETTERS)
    ax.set_ylim(len(kinds) - 0.5, -0.5)
    ax.tick_params(axis="y", length=0)
    ax.locator_params(axis="x", nbins=4)
    bound = "gauge_free" in values and not bool(values["gauge_free"])
    ax.set_title(measure.replace("_", " ") + (" (gauge)" if bound else ""), loc="left", size=10)
    plain(ax)


def _distribution(ax: Axes, null: NDArray[np.float64], row: float) -> None:
    """Draw the values of one null model in a strip around a height."""
    if len(null) > EACH and np.ptp(null) > 0:
        from scipy.stats import gaussian_kde

        at = np.linspace(null.min(), null.max(), 200)
        density = gaussian_kde(null)(at)
        around = 1.2 * SPREAD * density / density.max()
        ax.fill_between(at, row - around, row + around, color=BLUE, alpha=0.35, lw=0, zorder=2)
    else:
        # the golden ratio spreads any number of points without a pattern and without a seed
        jitter = (np.arange(len(null)) * 0.618034) % 1 - 0.5
        ax.scatter(null, row + 2 * SPREAD * jitter, s=14, color=BLUE, alpha=0.6, lw=0, zorder=2)
    if len(null) >= QUARTILES:
        first, middle, third = np.percentile(null, (25, 50, 75))
        ax.hlines([row, row], [null.min(), third], [first, null.max()], color=INK, lw=0.8, zorder=3)
        height = 2 * SPREAD
        ax.barh(row, third - first, height, left=first, fill=False, edgecolor=INK, lw=0.8, zorder=3)
        ax.vlines(middle, row - SPREAD, row + SPREAD, color=INK, lw=2, zorder=3)


def _measured(ax: Axes, values: xr.Dataset) -> None:
    """Draw the measure of the reference fit, its interval over restarts, and both in words."""
    measured = float(values["measured"])
    told = f"measured {measured:.3g}"
    ends = [float(values[end]) for end in ("low", "high") if end in values]
    if len(ends) == 2 and np.isfinite(ends).all():
        ax.axvspan(*ends, color=VERMILLION, alpha=0.2, lw=0, zorder=0)
        # the mean over restarts is not the measure of one of them
        what = "mean of fits " if "mean over restarts" in str(values.attrs.get("interval_of", "")) else ""
        told += f" ({what}{ends[0]:.3g} to {ends[1]:.3g})"
    ax.axvline(measured, color=VERMILLION, lw=2, zorder=1)
    ax.set_xlabel(told, color=VERMILLION, size=9)


def _numbers(ax: Axes, values: xr.Dataset, kinds: list[str]) -> None:
    """Write p and z above each null, on the side where the measure itself is not."""
    ax.margins(x=0.08)
    low, high = ax.get_xlim()
    left = float(values["measured"]) > (low + high) / 2
    for row, kind in enumerate(kinds):
        ax.text(
            0.01 if left else 0.99,
            row + WRITTEN,
            _told(values, kind),
            transform=ax.get_yaxis_transform(),
            ha="left" if left else "right",
            va="center",
            size=LETTERS,
            color=INK,
        )


def _told(values: xr.Dataset, kind: str) -> str:
    """Write p and z of a kind of null, as far as they are known."""
    if "kind" not in values.coords or kind not in values["kind"].to_numpy().astype(str):
        return ""
    one = values.isel(kind=int(np.flatnonzero(values["kind"].to_numpy().astype(str) == kind)[0]))
    known = [(name, float(one[name])) for name in ("p", "z") if name in one]
    return ", ".join(f"{name} = {value:.2g}" for name, value in known if np.isfinite(value))
