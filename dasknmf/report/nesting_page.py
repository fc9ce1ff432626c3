"""Pages of nested associations: a tree with its levels, and a test of fragmentation."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np

from dasknmf.report.axes import INK, new_figure
from dasknmf.report.curves import curves_of
from dasknmf.report.decay import plot_gamma, plot_retention
from dasknmf.report.levels import level_panels, plot_levels
from dasknmf.report.nodes import tree_of
from dasknmf.report.tree import plot_icicle

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure

#: Inches of a page across, of a row of the tree, of what is above and below it, and of the panels of levels.
WIDE, ROW, AROUND, LEVELS = 14.0, 1.15, 0.7, 3.3
#: Inches of a run in each figure of a test, and of what is above and below them.
RUN, RETENTION, RATES = 0.55, 2.2, 1.2
#: Letters of a line above a page.
LINE = 165


def plot_nested(nested: xr.Dataset) -> Figure:
    """Draw nested associations on one page: the tree, and below it what its levels keep.

    Parameters
    ----------
    nested : Dataset
        What :func:`dasknmf.nested` returned.

    Returns
    -------
    Figure
        14 inches wide; save it with ``figure.savefig``. Without panels of levels where none was measured.

    Raises
    ------
    InputError
        If there is no tree.

    Examples
    --------
    >>> plot_nested(nested).savefig("nested.png")  # doctest: +SKIP
    """
    rows, panels = tree_of(nested).rows, level_panels(nested)
    heights = [ROW * rows + AROUND, *([LEVELS] if panels else [])]
    figure = new_figure(WIDE, sum(heights) + 0.4)
    attributes = nested.attrs
    given = [str(attributes[name]) for name in ("network", "method", "loadings") if attributes.get(name)]
    figure.suptitle(", ".join(given), ha="left", x=0.01, size=11, color=INK)
    bands: Any = figure.subfigures(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0]
    if panels:
        plot_levels(nested, axes=list(np.ravel(bands[1].subplots(1, len(panels)))))
    # last, as its labels are fitted to the place that is left for it
    plot_icicle(nested, ax=bands[0].subplots())
    return figure


def plot_fragmentation(fragmentation: xr.Dataset) -> Figure:
    """Draw a test of fragmentation on one page: what runs retain, and how fast it falls, with the verdict above.

    Parameters
    ----------
    fragmentation : Dataset
        What :func:`dasknmf.fragmentation` returned.

    Returns
    -------
    Figure
        14 inches wide; save it with ``figure.savefig``.

    Raises
    ------
    InputError
        If it is something else.

    Examples
    --------
    >>> plot_fragmentation(fragmentation).savefig("fragmentation.png")  # doctest: +SKIP
    """
    count = len(curves_of(fragmentation, None))
    head = textwrap.wrap(str(fragmentation.attrs.get("sentence", "")), LINE)
    tall = max(RUN * count + RATES, RETENTION + RUN * count)
    figure = new_figure(WIDE, max(tall, 4.0) + 0.22 * len(head) + 0.1)
    if head:
        figure.suptitle("\n".join(head), ha="left", x=0.01, size=10.5, color=INK)
    left, right = figure.subplots(1, 2, width_ratios=(1.1, 1))
    plot_gamma(fragmentation, ax=right)
    plot_retention(fragmentation, ax=left)
    return figure
