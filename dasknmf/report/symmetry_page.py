"""One page of a symmetry: the figures that say most, without those there is nothing for."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np

from dasknmf.report.axes import INK, new_figure
from dasknmf.report.classes import (
    class_handles,
    cycles,
    has,
    needs,
    numbers,
    partner_places,
    values_of,
    without_legend,
)
from dasknmf.report.inertia import PAIRS, plot_inertia
from dasknmf.report.nulls import null_measures, plot_null_distributions
from dasknmf.report.partners import plot_partner_matrix
from dasknmf.report.restarts import plot_restart_stability
from dasknmf.report.scatter import plot_factor_scatter
from dasknmf.report.slopes import plot_slope_fan

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure

#: Inches of the page across, and of each of its rows.
WIDE, MATRIX, RESTARTS, SCATTER = 14.0, 6.2, 4.6, 2.9
#: Letters of a line above the page.
LINE = 118
#: Measures and factors for which a page has room.
MEASURES, FACTORS = 4, 6
#: Measures drawn first where they are there, of which each is of something else.
FIRST = ("cosine", "involution_defect", "inertia_defect", "asymmetry")


def plot_symmetry(symmetry: xr.Dataset, fit: xr.Dataset | None = None, *, found: str = PAIRS) -> Figure:
    """Draw what a symmetry says on one page; panels of what was not measured are left out.

    Parameters
    ----------
    symmetry : Dataset
        What ``dasknmf.symmetry`` returned.
    fit : Dataset, optional
        Its reference fit, for W against H of the factors that say most.
    found : str
        Measure that counts pairs in every restart, see :func:`dasknmf.report.inertia.plot_inertia`.

    Returns
    -------
    Figure
        14 inches wide; save it with ``figure.savefig``.

    Raises
    ------
    InputError
        If the Dataset has no partners.

    Examples
    --------
    >>> plot_symmetry(symmetry, fit).savefig("symmetry.png")  # doctest: +SKIP
    """
    needs(symmetry, "cosine", "partner_of", "class")
    measures = _telling_measures(symmetry)
    again = has(symmetry, "recurrence")
    factors = telling(symmetry) if fit is not None else []
    middle = RESTARTS if not again else max(RESTARTS, 0.13 * symmetry.sizes["factor"] + 1.2)
    rows = [("partners", MATRIX)]
    rows += [("chance", middle)] if again or measures else []
    rows += [("scatter", SCATTER)] if factors else []
    heights = [height for _, height in rows]
    head = _head(symmetry)
    figure = new_figure(WIDE, sum(heights) + 0.25 * (head.count("\n") + 2))
    figure.suptitle(head, ha="left", x=0.01, size=11, color=INK)
    figure.legend(
        handles=class_handles(symmetry),
        loc="upper right",
        ncols=3,
        frameon=False,
        fontsize=9,
        borderaxespad=0.1,
    )
    bands: Any = dict(
        zip(
            (name for name, _ in rows),
            figure.subfigures(len(rows), 1, height_ratios=heights, squeeze=False)[:, 0],
            strict=True,
        )
    )
    _partners(bands["partners"], symmetry, found)
    if "chance" in bands:
        _chance(bands["chance"], symmetry, measures, again=again)
    if fit is not None and factors:
        _scatter(bands["scatter"], fit, symmetry, factors)
    return figure


def telling(symmetry: xr.Dataset) -> list[int]:
    """Return the numbers of factors that say most: pairs whole and first, then the least linear, then by order."""
    there, known = partner_places(symmetry), numbers(symmetry)
    linearity = np.nan_to_num(values_of(symmetry, "linearity"), nan=1.0)
    pairs = [cycle for cycle in cycles(symmetry) if len(cycle) == 2]
    chosen = [place for cycle in pairs for place in cycle][: FACTORS - 2]
    for place in np.argsort(linearity, kind="stable"):
        if int(place) not in chosen and there[place] is not None:
            chosen.append(int(place))
    return [known[place] for place in chosen[:FACTORS]]


def _head(symmetry: xr.Dataset) -> str:
    """Say what was fitted, and below it the verdict if there is one."""
    a = symmetry.attrs
    given = [str(a[name]) for name in ("network", "solver") if a.get(name)]
    first = ", ".join([*given, f"{symmetry.sizes['factor']} factors"])
    lines = textwrap.wrap(str(a.get("verdict", "")), LINE)
    return "\n".join([f"Symmetry of {first}", *lines])


def _partners(band: Any, symmetry: xr.Dataset, found: str) -> None:
    """Draw the matrix on the left, and pairs by rank and slopes to the right of it."""
    inertia = has(symmetry, "predicted_pairs")
    own, slope = has(symmetry, "own_slope"), has(symmetry, "slope")
    if not (inertia or own or slope):
        plot_partner_matrix(symmetry, ax=band.subplots())
        return
    left, right = band.subfigures(1, 2, width_ratios=(1.1, 1))
    plot_partner_matrix(symmetry, ax=left.subplots())
    fans = [mine for mine, there in ((False, slope), (True, own)) if there]
    parts = right.subfigures(2, 1, height_ratios=(1, 1.15)) if inertia and fans else [right, right]
    if inertia:
        plot_inertia(symmetry, ax=parts[0].subplots(), found=found)
    if fans:
        for ax, mine in zip(np.ravel(parts[1].subplots(1, len(fans))), fans, strict=True):
            without_legend(plot_slope_fan(symmetry, ax=ax, own=mine))


def _chance(band: Any, symmetry: xr.Dataset, measures: tuple[str, ...], *, again: bool) -> None:
    """Draw restarts on the left and nulls on the right, or either across."""
    parts = band.subfigures(1, 2, width_ratios=(1, 1.3)) if again and measures else [band, band]
    if again:
        without_legend(plot_restart_stability(symmetry, ax=parts[0].subplots()))
    if measures:
        across = 2 if again and len(measures) > 1 else len(measures)
        axes = np.ravel(parts[1].subplots(-(-len(measures) // across), across))
        for ax in axes[len(measures) :]:
            ax.remove()
        plot_null_distributions(symmetry, measures=measures, axes=list(axes[: len(measures)]))


def _scatter(band: Any, fit: xr.Dataset, symmetry: xr.Dataset, factors: list[int]) -> None:
    """Draw W against H of some factors in a row, and say what the lines are."""
    lines = "line through the origin and its interval; green: best non-decreasing function; dashed: w = h"
    band.suptitle(f"W against H, {lines}", ha="left", x=0.01, size=9, color=INK)
    axes = list(band.subplots(1, FACTORS))
    for ax in axes[len(factors) :]:
        ax.remove()
    axes[0].set_ylabel("H of the partner")
    for ax in axes[: len(factors)]:
        ax.set_xlabel("W")
    plot_factor_scatter(fit, symmetry, factors=factors, axes=axes[: len(factors)])


def _telling_measures(symmetry: xr.Dataset) -> tuple[str, ...]:
    """Return the measures to put beside null networks, at most ``MEASURES``."""
    there = null_measures(symmetry)
    first = [name for name in FIRST if name in there]
    return (*first, *(name for name in there if name not in first))[:MEASURES]
