"""The figure of a survey of ranks: error, prediction and agreement above one axis."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from dasknmf.analysis.rank_curves import Curves, marked_ranks
from dasknmf.errors import InputError
from dasknmf.report.axes import (
    BLUE,
    DASHES,
    GREEN,
    INK,
    PURPLE,
    VERMILLION,
    label_right,
    plain,
    pyplot,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

    from dasknmf.analysis.rank import Recommendation

    #: Draws a panel and returns the labels to the right of it: height, text and colour.
    Labels = list[tuple[float, str, str]]
    Panel = Callable[[Axes, xr.Dataset, Curves], Labels]

#: Measures of agreement: their variable, colour and width; the first is the one that decides.
AGREEMENT = (
    ("stability", BLUE, 2.5),
    ("cophenetic", VERMILLION, 1.5),
    ("dispersion", GREEN, 1.5),
    ("silhouette", PURPLE, 1.5),
)
#: Ranks whose numbers all fit below the axis.
NUMBERED = 14
#: Widest over narrowest step between ranks from which the narrow ones need a logarithmic axis.
UNEVEN = 4


def plot_survey(
    survey: xr.Dataset,
    *,
    recommendation: Recommendation | None = None,
    axes: Sequence[Axes] | None = None,
) -> Figure | SubFigure:
    """Draw error, held-out error and agreement of restarts by rank, one below the other.

    Parameters
    ----------
    survey : Dataset
        Over ``rank`` and ``restart``, see :func:`dasknmf.analysis.rank.recommend`. Panels of what was not measured
        are left out.
    recommendation : Recommendation, optional
        Ranks to mark in all panels; by default the attributes ``recommended_rank`` and ``runner_up_rank``.
    axes : sequence of Axes, optional
        One for each panel, from the top: :func:`panels` has as many names.

    Returns
    -------
    Figure
        8 inches wide, or that of the axes given.

    Raises
    ------
    InputError
        If the survey has no ranks, or the number of axes is not that of panels.
    """
    curves = Curves.of(survey)
    names = panels(survey)
    marks = marked_ranks(survey)
    if recommendation is not None:
        marks = recommendation.rank, recommendation.runner_up
    if len(curves.rank) == 1:
        # there is nothing to tell it from
        marks = None, None
    drawn = _new_axes(len(names)) if axes is None else list(axes)
    if len(drawn) != len(names):
        msg = f"{len(drawn)} axes; this survey has {len(names)} panels: {', '.join(names)}"
        raise InputError(msg)
    for ax, name in zip(drawn, names, strict=True):
        labels = PANELS[name](ax, survey, curves)
        _mark(ax, marks)
        _rank_axis(ax, curves)
        label_right(plain(ax), labels)
    _name_marks(drawn[0], marks)
    if axes is None:
        drawn[0].figure.align_ylabels(drawn)
        for ax in drawn:
            ax.label_outer()
    return drawn[0].figure


def panels(survey: xr.Dataset) -> tuple[str, ...]:
    """Return the names of the panels a survey has something for, from the top."""
    curves = Curves.of(survey)
    agreement = any(np.isfinite(getattr(curves, name)).any() for name, *_ in AGREEMENT)
    there = {"error": True, "held-out error": curves.lowest_held_out is not None, "agreement": agreement}
    return tuple(name for name, given in there.items() if given)


def _new_axes(count: int) -> list[Axes]:
    pyplot()
    from matplotlib.figure import Figure

    # the strip above the top panel names the marked ranks
    figure = Figure(figsize=(8, 1 + 2.5 * count), layout="constrained")
    axes: Any = figure.subplots(count, sharex=True, squeeze=False)
    return list(axes[:, 0])


def _error(ax: Axes, survey: xr.Dataset, curves: Curves) -> Labels:
    """Draw the error of each restart, the best, and the least that a rank allows."""
    errors = (
        survey["relative_error"]
        .sortby("rank")
        .transpose("rank", ...)
        .to_numpy()
        .reshape(len(curves.rank), -1)
    )
    ranks = np.broadcast_to(curves.rank[:, None], errors.shape)
    ax.plot(ranks.ravel(), errors.ravel(), ls="", marker="o", ms=4, mew=0, color=BLUE, alpha=0.3)
    _line(ax, curves, "best_error", BLUE, 2)
    # a line needs two ranks, a bar one
    bar = {"marker": "_", "ms": 14, "mew": 0.8} if len(curves.rank) == 1 else {"marker": ""}
    _line(ax, curves, "eckart_young", INK, 0.8, ls=DASHES, **bar)
    ax.set_ylabel("relative error")
    ax.set_title("Error on the weights that were fitted", loc="left")
    best = "fit" if curves.restarts == 1 else f"best of {curves.restarts} restarts"
    return [
        *_label(curves, "best_error", best, BLUE),
        *_label(curves, "eckart_young", "Eckart–Young bound", INK),
    ]


def _held_out(ax: Axes, _: xr.Dataset, curves: Curves) -> Labels:
    """Draw the held-out error; a bar that reaches the lowest is within one standard error of it."""
    _line(ax, curves, "held_out", BLUE, 2)
    bars = curves.held_out_difference_se
    known = np.isfinite(bars) & (bars > 0)
    ax.errorbar(
        curves.rank[known],
        curves.held_out[known],
        yerr=bars[known],
        ls="",
        ecolor=BLUE,
        elinewidth=1.2,
        capsize=2,
    )
    best = curves.lowest_held_out
    assert best is not None
    lowest = float(curves.held_out[best])
    ax.axhline(lowest, color=INK, lw=0.8, ls=DASHES)
    ax.set_ylabel("held-out error")
    ax.set_title("Prediction of weights that were held out", loc="left")
    text = f"lowest: {lowest:.3g}" + ("\n(bars: ± 1 SE of the\ndifference to it)" if known.any() else "")
    return [(lowest, text, INK)]


def _agreement(ax: Axes, _: xr.Dataset, curves: Curves) -> Labels:
    """Draw how far restarts agree, by each measure there is."""
    ends = curves.stability_low, curves.stability_high
    if len(curves.rank) > 1:
        ax.fill_between(curves.rank, *ends, color=BLUE, alpha=0.18, lw=0)
    else:
        # one rank has no band; a wide line ends where the interval does
        ax.vlines(curves.rank, *ends, color=BLUE, alpha=0.18, lw=8)
    least, labels = 0.6, []
    # the one that decides is drawn last, above the others
    for name, colour, width in reversed(AGREEMENT):
        values = getattr(curves, name)
        if np.isfinite(values).any():
            _line(ax, curves, name, colour, width)
            least = min(least, np.nanmin(values))
            labels += _label(curves, name, name, colour)
    if np.isfinite(curves.stability_low).any():
        least = min(least, np.nanmin(curves.stability_low))
    ax.set_ylim(np.floor(5 * least) / 5, 1.03)
    ax.set_ylabel("agreement")
    ax.set_title("Agreement of restarts", loc="left")
    return labels


PANELS: dict[str, Panel] = {"error": _error, "held-out error": _held_out, "agreement": _agreement}


def _line(ax: Axes, curves: Curves, name: str, colour: str, width: float, **style: Any) -> None:
    size = 4.5 if len(curves.rank) <= NUMBERED else 2.5
    drawn = {"marker": "o", "ms": size + (width > 2), "mew": 0, **style}
    ax.plot(curves.rank, getattr(curves, name), color=colour, lw=width, **drawn)


def _label(curves: Curves, name: str, text: str, colour: str) -> Labels:
    """Return the label of a line at its last point, none if it has no point."""
    values = getattr(curves, name)
    values = values[np.isfinite(values)]
    return [(float(values[-1]), text, colour)] if len(values) else []


def _mark(ax: Axes, marks: tuple[int | None, int | None]) -> None:
    for rank, style in zip(marks, ("-", ":"), strict=True):
        if rank is not None:
            ax.axvline(rank, color=INK, lw=1.2, ls=style, zorder=0)


def _name_marks(ax: Axes, marks: tuple[int | None, int | None]) -> None:
    """Name the marked ranks in a strip above a panel, each on the side where the other is not."""
    first, second = marks
    if first is None and second is None:
        return
    ax.set_title(ax.get_title(loc="left"), loc="left", pad=22)
    before = first is not None and second is not None and first < second
    sides: tuple[Literal["left", "right"], ...] = ("right", "left") if before else ("left", "right")
    for rank, name, side in zip(marks, ("recommended", "runner-up"), sides, strict=True):
        if rank is not None:
            ax.annotate(
                f"{name}: {rank}",
                (rank, 1),
                (0, 4),
                xycoords=("data", "axes fraction"),
                textcoords="offset points",
                ha=side,
                color=INK,
            )


def _rank_axis(ax: Axes, curves: Curves) -> None:
    ranks = curves.rank
    steps = np.diff(ranks)
    if len(ranks) > 2 and steps.max() >= UNEVEN * steps.min():
        ax.set_xscale("log")
        ax.minorticks_off()
        ax.set_xticks(_spaced(ranks), [str(k) for k in _spaced(ranks)])
    elif len(ranks) <= NUMBERED:
        ax.set_xticks(ranks)
    else:
        ax.locator_params(axis="x", integer=True)
    if len(ranks) == 1:
        ax.set_xlim(ranks[0] - 1, ranks[0] + 1)
    ax.set_xlabel("rank")


def _spaced(ranks: Any) -> list[int]:
    """Return the ranks whose numbers stand clear of each other on a logarithmic axis, the last always."""
    kept = [int(ranks[-1])]
    least = np.log(ranks[-1] / ranks[0]) / NUMBERED
    for rank in ranks[-2::-1]:
        if np.log(kept[-1] / rank) >= least:
            kept.append(int(rank))
    return kept[::-1]
