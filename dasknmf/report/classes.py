"""What the figures of a symmetry share: colours of classes, names of factors, and the order of cycles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from dasknmf.errors import InputError
from dasknmf.report.axes import BLUE, POINTS_PER_INCH, VERMILLION

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D
    from numpy.typing import NDArray

#: Factors whose genes still can be read beside their numbers.
NAMED = 40
#: Sizes of letters, in points: the largest beside cells, and the least that can be read in print.
LARGEST, LEAST = 9.0, 4.5


class Style(NamedTuple):
    """How a class is told apart, in colour and without."""

    colour: str
    marker: str
    line: Any


#: A marker and a line each: in grey print vermillion and grey are alike.
CLASSES = {
    "module": Style(BLUE, "o", "-"),
    "pair": Style(VERMILLION, "D", (0, (5, 1.5))),
    "unresolved": Style("#777777", "X", (0, (1, 1.2))),
}


def needs(symmetry: xr.Dataset, *names: str) -> None:
    """Refuse a Dataset that lacks what a figure shows.

    Raises
    ------
    InputError
        Naming what is lacking.
    """
    lacking = [name for name in names if not has(symmetry, name)]
    if lacking:
        msg = f"the symmetry lacks {', '.join(lacking)}; give what dasknmf.symmetry returned"
        raise InputError(msg)


def has(symmetry: xr.Dataset, name: str) -> bool:
    """Return whether there is a variable and a value in it."""
    return name in symmetry.variables and bool(symmetry[name].notnull().any())


def values_of(symmetry: xr.Dataset, name: str) -> NDArray[np.float64]:
    """Return a variable over factors; NaN where it was not measured."""
    if name not in symmetry.variables:
        return np.full(symmetry.sizes["factor"], np.nan)
    return np.asarray(symmetry[name].to_numpy(), dtype=np.float64)


def numbers(symmetry: xr.Dataset) -> list[int]:
    """Return the numbers of the factors."""
    return [int(factor) for factor in symmetry["factor"].to_numpy()]


def partner_places(symmetry: xr.Dataset) -> list[int | None]:
    """Return the place of the partner of each factor; None where it has none.

    Examples
    --------
    >>> import xarray as xr
    >>> symmetry = xr.Dataset({"partner_of": ("factor", [1, 0, -1])}, coords={"factor": [0, 1, 2]})
    >>> partner_places(symmetry)
    [1, 0, None]
    """
    place = {number: at for at, number in enumerate(numbers(symmetry))}
    found = [place.get(int(partner)) for partner in symmetry["partner_of"].to_numpy()]
    if "cycle_length" not in symmetry:
        return found
    lengths = symmetry["cycle_length"].to_numpy()
    return [at if length else None for at, length in zip(found, lengths, strict=True)]


def cycles(symmetry: xr.Dataset) -> list[list[int]]:
    """Return the cycles of the assignment: fixed points, pairs, then longer ones; the unmatched one by one, last.

    Parameters
    ----------
    symmetry : Dataset
        With ``partner_of``.

    Returns
    -------
    list of list of int
        Places of factors, each followed by its partner.

    Examples
    --------
    >>> import xarray as xr
    >>> partner_of = ("factor", [2, 1, 0, -1, 4])
    >>> cycles(xr.Dataset({"partner_of": partner_of}, coords={"factor": range(5)}))
    [[1], [4], [0, 2], [3]]
    """
    there = partner_places(symmetry)
    seen: set[int] = set()
    closed, lone = [], []
    for start in range(len(there)):
        at: int | None = start
        cycle: list[int] = []
        while at is not None and at not in seen:
            seen.add(at)
            cycle.append(at)
            at = there[at]
        if cycle and there[cycle[-1]] == cycle[0]:
            closed.append(cycle)
        else:
            lone += [[place] for place in cycle]
    return sorted(closed, key=len) + lone


def styles_of(symmetry: xr.Dataset) -> list[Style]:
    """Return the style of the class of each factor.

    Raises
    ------
    InputError
        If a class is not known.
    """
    given = [str(name) for name in symmetry["class"].to_numpy()]
    unknown = sorted(set(given) - set(CLASSES))
    if unknown:
        msg = f"class {', '.join(unknown)} is not known; needs {', '.join(CLASSES)}"
        raise InputError(msg)
    return [CLASSES[name] for name in given]


def names(symmetry: xr.Dataset, *, side: str = "W") -> list[str]:
    """Return what to call each factor: its number and, where they can be read, the top gene of a side."""
    called = [str(number) for number in numbers(symmetry)]
    if "top_gene" not in symmetry or len(called) > NAMED:
        return called
    genes = symmetry["top_gene"].sel(side=side).isel(top=0).transpose("factor").to_numpy()
    return [f"{number} {gene}".rstrip() for number, gene in zip(called, genes, strict=True)]


def fitting_size(ax: Axes, count: int, *, across: bool = False) -> float:
    """Return the size in points of letters of which ``count`` lines fill the height (or width) of axes."""
    long = ax.bbox.width if across else ax.bbox.height
    room = long / ax.figure.dpi * POINTS_PER_INCH / max(count, 1)
    return float(np.clip(0.85 * room, LEAST, LARGEST))


def class_handles(symmetry: xr.Dataset) -> list[Line2D]:
    """Return what a legend shows of the classes there are, with their counts."""
    from matplotlib.lines import Line2D

    given = [str(name) for name in symmetry["class"].to_numpy()]
    return [
        Line2D(
            [],
            [],
            color=style.colour,
            marker=style.marker,
            ms=5,
            ls=style.line,
            lw=1.5,
            label=f"{name} ({given.count(name)})",
        )
        for name, style in CLASSES.items()
        if name in given
    ]


def class_legend(ax: Axes, symmetry: xr.Dataset, title: str) -> None:
    """Write the title of axes, and below it the classes there are."""
    handles = class_handles(symmetry)
    legend = ax.legend(
        handles=handles,
        loc="lower left",
        bbox_to_anchor=(0, 1),
        ncols=len(handles),
        frameon=False,
        fontsize=8.5,
        borderaxespad=0.2,
        borderpad=0.2,
        handlelength=2.2,
        columnspacing=1.2,
    )
    # the title leaves room for it; a legend wider than its axes would take their width away
    legend.set_in_layout(False)
    ax.set_title(title, loc="left", pad=22)


def without_legend(ax: Axes) -> None:
    """Take the classes away again, where one legend serves several axes."""
    legend = ax.get_legend()
    if legend is not None:
        legend.remove()
        ax.set_title(ax.get_title(loc="left"), loc="left", pad=6)
