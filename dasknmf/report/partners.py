"""The figure of partners: the cosine of every column of W with every row of H."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from dasknmf.report.axes import INK, VERMILLION, own_or_sized, settle
from dasknmf.report.classes import LEAST, NAMED, cycles, fitting_size, names, needs, partner_places

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

#: Of cosines; one hue, light to dark, so that order survives a grey print.
COLOURS = "Blues"
#: Cosine from which a cell is so dark that only white is seen on it.
DARK = 0.6
#: Inches of a cell, and of all around them.
CELL, AROUND = 0.16, 2.2


def plot_partner_matrix(symmetry: xr.Dataset, *, ax: Axes | None = None) -> Axes:
    """Draw the cosines of all columns of W with all rows of H as a heatmap in the order of cycles.

    Fixed points come first, then 2-cycles side by side, then longer cycles, then what has no partner: modules lie
    on the diagonal, and a pair is a framed block with dark corners off it. A dot marks the partner of each column.

    Parameters
    ----------
    symmetry : Dataset
        What ``dasknmf.symmetry`` returned: ``cosine (factor, partner)``, ``partner_of``, and ``top_gene`` for names.
    ax : Axes, optional
        Where to draw; by default new axes, of a size for the number of factors.

    Returns
    -------
    Axes

    Raises
    ------
    InputError
        If the Dataset has no cosines.
    """
    needs(symmetry, "cosine", "partner_of")
    k = symmetry.sizes["factor"]
    side = max(3.0, CELL * k)
    own = ax is None
    ax = own_or_sized(ax, side + AROUND, side + AROUND - 0.6)
    found = cycles(symmetry)
    order = [place for cycle in found for place in cycle]
    cosine = symmetry["cosine"].transpose("factor", "partner").to_numpy()[np.ix_(order, order)]
    image = ax.imshow(cosine, cmap=COLOURS, vmin=0, vmax=1, interpolation="nearest")
    _frames(ax, found, symmetry)
    _dots(ax, partner_places(symmetry), order, cosine)
    _names(ax, symmetry, order)
    bar = ax.figure.colorbar(image, ax=ax, fraction=0.04, pad=0.02, ticks=[0, 0.5, 1])
    bar.set_label("cosine")
    bar.outline.set_visible(False)
    ax.set(xlabel="row of H", ylabel="column of W")
    ax.set_title(_title(found, partner_places(symmetry)), loc="left")
    ax.spines[:].set_color("#BBBBBB")
    if own:
        # square cells shrink the axes after the layout has measured their names; it takes two more to agree
        for _ in range(2):
            settle(ax)
    return ax


def _title(found: list[list[int]], there: list[int | None]) -> str:
    """Say how many cycles of each kind there are; of what there is none, nothing."""
    lone = sum(there[cycle[-1]] != cycle[0] for cycle in found)
    lengths = [len(cycle) for cycle in found]
    fixed, pairs = lengths.count(1) - lone, lengths.count(2)
    longer = len(found) - lone - fixed - pairs
    told = [
        f"{kind}: {count}"
        for kind, count in (
            ("fixed points", fixed),
            ("2-cycles", pairs),
            ("longer", longer),
            ("unmatched", lone),
        )
        if count
    ]
    return "Partners; " + ", ".join(told)


def _frames(ax: Axes, found: list[list[int]], symmetry: xr.Dataset) -> None:
    """Frame each pair, and in grey dashes what is a cycle by assignment alone: too unlike, or too long."""
    from matplotlib.patches import Rectangle

    kind = symmetry["class"].to_numpy() if "class" in symmetry else np.full(symmetry.sizes["factor"], "")
    at = 0
    for cycle in found:
        size = len(cycle)
        if size > 1:
            resolved = all(kind[place] != "unresolved" for place in cycle)
            colour, style = (VERMILLION, "-") if size == 2 and resolved else (INK, "--")
            corner = (at - 0.5, at - 0.5)
            ax.add_patch(
                Rectangle(
                    corner, size, size, fill=False, ec=colour, ls=style, lw=1.6, zorder=3, clip_on=False
                )
            )
        at += size


def _dots(ax: Axes, there: list[int | None], order: list[int], cosine: NDArray[Any]) -> None:
    """Mark the cell of each partner: in a broken involution it need not be the darkest of its row."""
    column = {place: at for at, place in enumerate(order)}
    cells = [(row, column[at]) for row, place in enumerate(order) if (at := there[place]) is not None]
    rows = np.array([row for row, _ in cells], dtype=np.intp)
    columns = np.array([at for _, at in cells], dtype=np.intp)
    colours = ["white" if cosine[cell] > DARK else INK for cell in cells]
    ax.scatter(columns, rows, s=min(16.0, 320 / len(order)), c=colours, lw=0, zorder=4)


def _names(ax: Axes, symmetry: xr.Dataset, order: list[int]) -> None:
    """Name rows by the top genes of W and columns by those of H; where letters would overlap, only some."""
    k = len(order)
    down, across = names(symmetry, side="W"), names(symmetry, side="H")
    size = min(fitting_size(ax, k), fitting_size(ax, k, across=True))
    # numbers of every second factor where one line a cell would be smaller than can be read
    step = 1 if k <= NAMED and size > LEAST else max(1, -(-k // 30))
    shown = range(0, k, step)
    turned = max(map(len, across), default=0) > 3
    ax.set_yticks(shown, [down[order[at]] for at in shown], size=size)
    ax.set_xticks(shown, [across[order[at]] for at in shown], size=size, rotation=90 if turned else 0)
    ax.tick_params(length=0, pad=2)
