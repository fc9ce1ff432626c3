"""The figure of restarts: which factors come back, and whether on the same side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dasknmf.report.axes import DASHES, INK, own_or_sized, plain
from dasknmf.report.classes import (
    LEAST,
    class_legend,
    fitting_size,
    has,
    names,
    needs,
    styles_of,
    values_of,
)

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

#: Inches of a factor, and of all above and below them.
ROW, AROUND = 0.16, 1.6
#: Width of the axes for orientation, of that of those for recurrence.
WIDE = "45%"


def plot_restart_stability(symmetry: xr.Dataset, *, ax: Axes | None = None) -> Axes:
    """Draw how well each factor recurs in other restarts, the best on top, and beside it how often on its side.

    Parameters
    ----------
    symmetry : Dataset
        What ``dasknmf.symmetry`` returned for several fits: ``recurrence`` and ``class``, and where they are there
        the ends of its interval, and ``orientation`` with its own.
    ax : Axes, optional
        Where to draw; by default new axes. Their right end becomes axes for orientation.

    Returns
    -------
    Axes
        Those of recurrence; those of orientation are the last of the figure.

    Raises
    ------
    InputError
        If there are no restarts to compare.
    """
    needs(symmetry, "recurrence", "class")
    k = symmetry.sizes["factor"]
    ax = own_or_sized(ax, 7, max(3.0, ROW * k + AROUND))
    # NaN, which sorts last, is a factor that nothing can be said of: below all others
    order = np.argsort(-values_of(symmetry, "recurrence"), kind="stable")
    _rows(ax, symmetry, "recurrence", order)
    called = names(symmetry)
    size = fitting_size(ax, k)
    step = 1 if size > LEAST else max(1, -(-k // 40))
    shown = range(0, k, step)
    ax.set_yticks(shown, [called[order[at]] for at in shown], size=size)
    ax.tick_params(axis="y", length=0)
    ax.set(xlabel="recurrence in other restarts", xlim=(-0.03, 1.03), ylim=(k - 0.4, -0.6))
    class_legend(ax, symmetry, "Recurrence of factors")
    if has(symmetry, "orientation"):
        from mpl_toolkits.axes_grid1 import make_axes_locatable

        # of the place the axes have, so that neighbours and any layout stay as they are
        inset = make_axes_locatable(ax).append_axes("right", WIDE, pad=0.15, sharey=ax)
        _rows(inset, symmetry, "orientation", order)
        inset.axvline(0.5, color=INK, lw=0.8, ls=DASHES, zorder=0)
        inset.set(xlabel="on the same side", xlim=(-0.06, 1.06))
        inset.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
        inset.tick_params(axis="y", left=False, labelleft=False)
        plain(inset)
    return plain(ax)


def _rows(ax: Axes, symmetry: xr.Dataset, name: str, order: NDArray[np.intp]) -> None:
    """Draw a variable of each factor as a dot with its interval, one below the other."""
    values, low, high = (values_of(symmetry, name + end)[order] for end in ("", "_low", "_high"))
    styles = [styles_of(symmetry)[place] for place in order]
    ms = 5.5 if len(order) <= 20 else 4
    for row, (value, style) in enumerate(zip(values, styles, strict=True)):
        if np.isfinite(low[row]) and np.isfinite(high[row]):
            ax.hlines(row, low[row], high[row], color=style.colour, lw=1.4, alpha=0.6)
        if np.isfinite(value):
            ax.plot([value], [row], ls="", marker=style.marker, ms=ms, mew=0, color=style.colour)
    ax.grid(axis="y", color="#EEEEEE", lw=0.6)
    ax.set_axisbelow(True)
