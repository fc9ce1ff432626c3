"""What all figures share: colours, plain axes, and labels beside what they name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dasknmf.errors import missing_dependency

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Colours of Okabe & Ito (2008), told apart with any colour vision; the first two also in grey.
BLUE, VERMILLION, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
INK = "#444444"
#: Of a thin line that something is compared with.
DASHES = (0, (4, 3))
POINTS_PER_INCH = 72


def pyplot() -> Any:
    """Import it, or name the extra that installs it."""
    try:
        from matplotlib import pyplot as plt
    except ImportError:
        error = missing_dependency("matplotlib", extra="plot", purpose="drawing a figure")
        raise error from None
    return plt


def own_or_new(ax: Axes | None) -> Axes:
    """Return the axes given, or new ones."""
    if ax is not None:
        return ax
    axes: Axes = pyplot().subplots(layout="constrained")[1]
    return axes


def new_figure(width: float, height: float) -> Figure:
    """Return a figure of a size in inches that pyplot does not know, so that nobody has to close it."""
    try:
        # not "from matplotlib.figure": that would find the submodule where matplotlib itself is away
        from matplotlib import figure
    except ImportError:
        error = missing_dependency("matplotlib", extra="plot", purpose="drawing a figure")
        raise error from None
    return figure.Figure(figsize=(width, height), layout="constrained")


def own_or_sized(ax: Axes | None, width: float, height: float) -> Axes:
    """Return the axes given, or new ones in a figure of a size in inches."""
    return new_figure(width, height).subplots() if ax is None else ax


def settle(ax: Axes) -> None:
    """Lay out the figure of some axes, so that what is measured next is where it will be drawn."""
    ax.figure.figure.draw_without_rendering()


def plain(ax: Axes) -> Axes:
    """Take away the spines that say nothing."""
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def beside(ax: Axes, x: float, y: float, text: str, colour: str, *, above: bool) -> None:
    """Write a label that ends at a point, above or below it."""
    va, offset = ("bottom", 4) if above else ("top", -5)
    ax.annotate(text, (x, y), (0, offset), textcoords="offset points", ha="right", va=va, color=colour)


def label_right(ax: Axes, labels: Sequence[tuple[float, str, str]]) -> None:
    """Write labels to the right of axes at the heights of what they name, moved apart where they would overlap.

    Parameters
    ----------
    ax : Axes
        With its final limits, linear upwards.
    labels : sequence of (y, text, colour)
        ``y`` in data; a text may have several lines.
    """
    from matplotlib import rcParams

    tall = ax.bbox.height / ax.figure.dpi * POINTS_PER_INCH
    line = 1.25 * float(rcParams["font.size"]) / tall
    low, high = ax.get_ylim()
    ordered = sorted(labels)
    heights = [line * (text.count("\n") + 1) for _, text, _ in ordered]
    places = apart([(y - low) / (high - low) for y, *_ in ordered], heights)
    for (_, text, colour), at in zip(ordered, places, strict=True):
        ax.annotate(
            text,
            (1, at),
            (6, 0),
            xycoords="axes fraction",
            textcoords="offset points",
            annotation_clip=False,
            va="center",
            color=colour,
        )


def apart(wanted: Sequence[float], heights: Sequence[float]) -> list[float]:
    """Return the places nearest to those wanted, in their order, between 0 and 1, so that no two overlap.

    Parameters
    ----------
    wanted : sequence of float
        Centres, ascending.
    heights : sequence of float
        Of each.

    Returns
    -------
    list of float
        Where all heights together are above 1, they begin at 0 and the last are above 1.

    Examples
    --------
    >>> apart([0.5, 0.5], [0.2, 0.2])
    [0.4, 0.6]
    >>> apart([0.1, 1.0, 1.0], [0.2, 0.2, 0.2])
    [0.1, 0.7, 0.9]
    """
    # labels that touch form a block, which sits where its members want it on average
    blocks: list[list[int]] = []
    for item in range(len(wanted)):
        blocks.append([item])
        while len(blocks) > 1 and _end(blocks[-2], wanted, heights) > _start(blocks[-1], wanted, heights):
            last = blocks.pop()
            blocks[-1] += last
    places = [0.0] * len(wanted)
    for block in blocks:
        at = _start(block, wanted, heights)
        for item in block:
            places[item] = round(at + heights[item] / 2, 9)
            at += heights[item]
    return places


def _start(block: list[int], wanted: Sequence[float], heights: Sequence[float]) -> float:
    """Return where a block begins: least squares from what its members want, inside 0 and 1 if it can be."""
    before, starts = 0.0, []
    for item in block:
        starts.append(wanted[item] - heights[item] / 2 - before)
        before += heights[item]
    return max(0.0, min(sum(starts) / len(starts), 1 - before))


def _end(block: list[int], wanted: Sequence[float], heights: Sequence[float]) -> float:
    return _start(block, wanted, heights) + sum(heights[item] for item in block)
