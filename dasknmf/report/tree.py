"""The tree of nested associations as an icicle: in axes, and as plain SVG."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dasknmf.errors import InputError
from dasknmf.report.axes import POINTS_PER_INCH, VERMILLION, own_or_sized, settle
from dasknmf.report.nodes import COLOURS, Tree, ink_on, shade, tree_of, wrapped

if TYPE_CHECKING:
    from collections.abc import Callable

    import xarray as xr
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

#: Inches across, of a row, and of all above and below.
WIDE, ROW, AROUND = 12.0, 1.05, 0.9
#: Between rows, in heights of a row: room for arcs between partners, or none.
GAP, CLOSE = 0.3, 0.05
#: Sizes of letters and whether they run upwards, the first that fits is taken.
LETTERS = ((9.0, False), (7.5, False), (7.5, True), (6.0, False), (6.0, True), (5.0, True))
#: Points between letters and the edge of their box.
INSET = 1.5
#: Narrowest box that has letters, in points: 5 and their inset.
READ = 8.0
#: Widest line of an arc, in points: of a pair with a fifth of its level or more.
ARC, WIDEST_SHARE = 3.0, 0.2
#: Steps of the scale that the key shows.
STEPS = (0.0, 0.25, 0.5, 0.75, 1.0)
BELOW = "#F1F1F1"
#: Of boxes: seen on the lightest and on the darkest.
EDGE = "#9FB1C3"


class Label(NamedTuple):
    """What is written in a box."""

    lines: list[str]
    size: float
    upwards: bool


def fitting_label(
    genes: list[str], wide: float, tall: float, width_of: Callable[[str], float]
) -> Label | None:
    """Return what fits into a box, in points; None where nothing that can be read does."""
    if min(wide, tall) < READ:
        return None
    for size, upwards in LETTERS:
        room = (tall, wide) if upwards else (wide, tall)
        lines = wrapped(genes, room[0] - 2 * INSET, room[1] - 2 * INSET, size, width_of)
        if lines:
            return Label(lines, size, upwards)
    return None


def plot_icicle(nested: xr.Dataset, *, ax: Axes | None = None, colour: str = "reproducibility") -> Axes:
    """Draw the tree of nested associations as an icicle: parts below what they are a part of.

    Parameters
    ----------
    nested : Dataset
        What :func:`dasknmf.nested` returned, of any method.
    ax : Axes, optional
        Where to draw; by default new axes.
    colour : {"reproducibility", "nesting"}
        What boxes are coloured by, from light, 0, to dark, 1: mean cosine to the factors matched in other restarts, or
        the share of a factor's mass that lies in its parent. Boxes without a value are white.

    Returns
    -------
    Axes
        From 0 to 1 across, rows from 0 downwards.

    Raises
    ------
    InputError
        If there is no tree, or the colour is not known.

    Notes
    -----
    The width of a box is the number of genes that belong to it, see :func:`dasknmf.report.nodes.tree_of`; its label
    are its leading genes, where they fit. Arcs join partners: pairs of factors with more between them than each has
    with itself, the wider the more of what their level explains is between them.
    """
    from matplotlib.collections import PatchCollection
    from matplotlib.patches import Rectangle

    tree, values = coloured(nested, colour)
    pairs = tree.partners()
    step = 1 + (GAP if pairs else CLOSE)
    ax = own_or_sized(ax, WIDE, ROW * step * tree.rows + AROUND)
    ax.set(xlim=(0, 1), ylim=(step * tree.rows, -0.04))
    if pairs:
        inner = np.unique(tree.parent[tree.parent >= 0])
        shadows = [Rectangle((tree.left[i], step * tree.row[i] + 1), tree.width[i], GAP) for i in inner]
        ax.add_collection(PatchCollection(shadows, facecolor=BELOW, edgecolor="none", zorder=0.5))
    boxes = [Rectangle((tree.left[i], step * tree.row[i]), tree.width[i], 1) for i in range(len(values))]
    line = 0.7 if len(boxes) <= 100 else 0.3
    colours = [shade(value) for value in values]
    ax.add_collection(PatchCollection(boxes, facecolor=colours, edgecolor=EDGE, lw=line, zorder=1))
    for first, second, share in pairs:
        _arc(ax, tree, first, second, step, share)
    rows = range(tree.rows)
    ax.set_yticks(
        [step * row + 0.5 for row in rows],
        ["\n".join(tree.row_name(row)) for row in rows],
    )
    ax.set_xticks([])
    ax.tick_params(axis="y", length=0)
    ax.spines[:].set_visible(False)
    _key(ax, colour, pairs=bool(pairs), white=not np.isfinite(values).all())
    _write(ax, tree, colours, step)
    return ax


def coloured(nested: xr.Dataset, colour: str) -> tuple[Tree, NDArray[np.float64]]:
    """Lay out a tree, and find what its nodes are coloured by."""
    if colour not in COLOURS:
        msg = f"colour={colour!r} is not there; choose {' or '.join(COLOURS)}"
        raise InputError(msg)
    tree = tree_of(nested)
    return tree, tree.values(COLOURS[colour])


def _arc(ax: Axes, tree: Tree, first: int, second: int, step: float, share: float) -> None:
    """Draw an arc from a box to another below their row; far ones hang lower."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    ends, low = arc_points(tree, first, second)
    top = step * tree.row[first] + 1
    path = Path([(ends[0], top), (sum(ends) / 2, top + 2 * low), (ends[1], top)], [1, 3, 3])
    ax.add_patch(PathPatch(path, fc="none", ec=VERMILLION, lw=arc_width(share), zorder=3, capstyle="round"))
    ax.plot(ends, [top, top], ls="", marker="o", ms=3, mew=0, color=VERMILLION, zorder=3)


def arc_points(tree: Tree, first: int, second: int) -> tuple[list[float], float]:
    """Return where an arc begins and ends, and how low it hangs, in heights of a row."""
    ends = sorted(float(tree.left[node] + tree.width[node] / 2) for node in (first, second))
    return ends, GAP * (0.3 + 0.6 * (ends[1] - ends[0]) ** 0.5)


def arc_width(share: float) -> float:
    """Return how wide an arc is, in points, by the share of its level between its ends."""
    return 0.6 + (ARC - 0.6) * min(share / WIDEST_SHARE, 1.0)


def _key(ax: Axes, colour: str, *, pairs: bool, white: bool) -> None:
    """Write above the axes what widths, colours and arcs are."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Patch | Line2D] = [
        Patch(fc=shade(value), ec=EDGE, lw=0.7, label=f"{value:g}") for value in STEPS
    ]
    handles[0].set_label(f"{colour} 0")
    if white:
        handles.append(Patch(fc=shade(np.nan), ec=EDGE, lw=0.7, label="not measured"))
    if pairs:
        handles.append(Line2D([], [], color=VERMILLION, lw=2, label="partners"))
    legend = ax.legend(
        handles=handles,
        loc="lower right",
        bbox_to_anchor=(1, 1),
        ncols=len(handles),
        frameon=False,
        fontsize=8.5,
        borderaxespad=0.2,
        borderpad=0.2,
        handlelength=1.6,
        columnspacing=1.0,
    )
    # the title leaves room for it; a legend wider than its axes would take their width away
    legend.set_in_layout(False)
    ax.set_title("Nested associations; width: genes", loc="left", pad=6)


def _write(ax: Axes, tree: Tree, colours: list[str], step: float) -> None:
    """Write leading genes into the boxes where they fit."""
    settle(ax)
    corner, far = ax.transData.transform([(0, 0), (1, 1)])
    across, down = abs(far - corner) / ax.figure.dpi * POINTS_PER_INCH
    width_of = _letter_widths()
    for node, genes in enumerate(tree.leading):
        label = fitting_label(genes, across * tree.width[node], down, width_of)
        if label is not None:
            text = ax.text(
                tree.left[node] + tree.width[node] / 2,
                step * tree.row[node] + 0.5,
                "\n".join(label.lines),
                size=label.size,
                rotation=90 if label.upwards else 0,
                ha="center",
                va="center",
                style="italic",
                color=ink_on(colours[node]),
                linespacing=1.05,
                zorder=4,
            )
            # what was measured to fit must not move what it fits into
            text.set_in_layout(False)


def _letter_widths() -> Callable[[str], float]:
    """Return the width of a text in letters of size 1, of the font of figures; without kerning, which narrows it."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextToPath

    paths, font = TextToPath(), FontProperties(style="italic", size=10)

    @cache
    def of_letter(letter: str) -> float:
        # hinting rounds letters to dots
        return 1.04 * float(paths.get_text_width_height_descent(letter, font, ismath=False)[0]) / 10

    return lambda text: sum(map(of_letter, text))
