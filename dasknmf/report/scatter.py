"""W against H: every gene of a factor and of its partner, in small multiples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from dasknmf.analysis.genes import loadings
from dasknmf.analysis.matching import balanced
from dasknmf.errors import InputError
from dasknmf.report.axes import DASHES, GREEN, INK, new_figure, plain, settle
from dasknmf.report.classes import (
    CLASSES,
    Style,
    cycles,
    needs,
    numbers,
    partner_places,
    styles_of,
    values_of,
)
from dasknmf.report.non_decreasing import monotone
from dasknmf.report.placing import name_points

if TYPE_CHECKING:
    from collections.abc import Sequence

    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

#: Points of a panel, and how many of them are the largest, which a sample would lose.
POINTS, LARGEST = 1500, 300
#: Genes of a factor above which a sample of points hides how many lie where, so that density is drawn.
DENSE = 10_000
#: Panels up to which three genes of each can be named; of more, one.
FEW = 12
#: Inches of a panel where there are few, and where there are many.
WIDE, NARROW = 2.5, 1.75
#: Hexagons across a panel.
HEXAGONS = 32


class Panel(NamedTuple):
    """What one panel shows."""

    x: Array
    y: Array
    title: str
    told: str
    style: Style
    slope: tuple[float, float, float]


def plot_factor_scatter(
    fit: xr.Dataset,
    symmetry: xr.Dataset,
    *,
    factors: Sequence[int] | None = None,
    axes: Sequence[Axes] | None = None,
    seed: int = 0,
) -> Figure | SubFigure:
    """Draw each column of W against the row of H assigned to it, balanced, a panel a factor.

    Genes that are 0 on both sides are left out. Of more than 1,500 the 300 largest are drawn with a sample of the
    others; of more than 10,000, their density by a logarithmic scale with the 300 largest above it. A band
    around the line through the origin is the interval of its slope; the bent line is the best non-decreasing
    function of w; the dashed one is w = h. Names are of genes that are large, or far from the line.

    Parameters
    ----------
    fit : Dataset
        The reference fit, as :func:`dasknmf.nmf` returned it.
    symmetry : Dataset
        What ``dasknmf.symmetry`` returned for it.
    factors : sequence of int, optional
        Which, by their number; by default all that have a partner, in the order of cycles: partners side by side.
    axes : sequence of Axes, optional
        One for each factor.
    seed : int
        Of the sample of genes.

    Returns
    -------
    Figure
        That of the axes.

    Raises
    ------
    InputError
        If the fit is not that of the symmetry, a factor is not in it or has no partner, or the number of axes is
        not that of factors.
    """
    needs(symmetry, "partner_of", "class")
    W, Ht, genes = _sides(fit, symmetry)
    chosen = _chosen(symmetry, factors)
    drawn = _new_axes(len(chosen)) if axes is None else list(axes)
    if len(drawn) != len(chosen):
        msg = f"{len(drawn)} axes; there are {len(chosen)} factors to draw"
        raise InputError(msg)
    there = partner_places(symmetry)
    shown = []
    for ax, place in zip(drawn, chosen, strict=True):
        partner = there[place]
        assert partner is not None
        panel = Panel(W[:, place], Ht[:, partner], *_told(symmetry, place, partner))
        _points(ax, panel, np.random.default_rng((seed, place)))
        _lines(ax, panel)
        _dress(ax, panel, small=len(chosen) > FEW)
        shown.append(panel)
    _shared_density(drawn)
    if axes is None:
        _around(drawn[0].figure, symmetry)
    settle(drawn[0])
    for ax, panel in zip(drawn, shown, strict=True):
        points = _extreme(panel, genes, 3 if len(chosen) <= FEW else 1)
        name_points(ax, points, size=7.5 if len(chosen) <= FEW else 6, colour=INK)
    return drawn[0].figure


def _sides(fit: xr.Dataset, symmetry: xr.Dataset) -> tuple[Array, Array, list[str]]:
    """Return W and Hᵀ balanced, of shape (genes, factors), and the names of genes."""
    sides = loadings(fit)
    if fit["factor"].to_numpy().tolist() != symmetry["factor"].to_numpy().tolist():
        msg = (
            f"a fit of {fit.sizes['factor']} factors and a symmetry of {symmetry.sizes['factor']}; "
            f"give the reference fit, {symmetry.attrs.get('reference', 'that of dasknmf.symmetry')}"
        )
        raise InputError(msg)
    W, Ht = balanced((sides["W"], sides["H"]))
    return W.astype(np.float64), Ht.astype(np.float64), [str(gene) for gene in fit["gene"].to_numpy()]


def _chosen(symmetry: xr.Dataset, factors: Sequence[int] | None) -> list[int]:
    """Return the places of the factors to draw."""
    there, known = partner_places(symmetry), numbers(symmetry)
    if factors is None:
        chosen = [place for cycle in cycles(symmetry) for place in cycle if there[place] is not None]
    else:
        wrong = [f for f in factors if f not in known or there[known.index(f)] is None]
        if wrong:
            msg = f"factors={wrong}: not in the symmetry, or without a partner; it has {known[0]} to {known[-1]}"
            raise InputError(msg)
        chosen = [known.index(factor) for factor in factors]
    if not chosen:
        msg = "no factor to draw: give factors that have a partner"
        raise InputError(msg)
    return chosen


def _new_axes(count: int) -> list[Axes]:
    """Return panels in a grid that is wider than high."""
    size = WIDE if count <= FEW else NARROW
    across = min(count, 4 if count <= FEW else 8)
    down = -(-count // across)
    figure = new_figure(max(size * across, 4) + 0.4, size * down + 0.8)
    axes = figure.subplots(down, across, squeeze=False).ravel()
    for ax in axes[count:]:
        ax.remove()
    return list(axes[:count])


def _told(
    symmetry: xr.Dataset, place: int, partner: int
) -> tuple[str, str, Style, tuple[float, float, float]]:
    """Return title, measures in words, style and slope of a factor."""
    known = (("cos", "partner_cosine"), ("R²", "linearity"))
    told = [(short, float(values_of(symmetry, name)[place])) for short, name in known]
    slope, low, high = (float(values_of(symmetry, "slope" + end)[place]) for end in ("", "_low", "_high"))
    title = f"W{numbers(symmetry)[place]} · H{numbers(symmetry)[partner]}"
    words = "  ".join(f"{short} {value:.2f}" for short, value in told if np.isfinite(value))
    return title, words, styles_of(symmetry)[place], (slope, low, high)


def _points(ax: Axes, panel: Panel, rng: np.random.Generator) -> None:
    """Draw the genes of a factor: all, a sample, or their density under the largest."""
    x, y = panel.x, panel.y
    there = np.flatnonzero((x > 0) | (y > 0))
    away = np.hypot(x / max(x.max(), 1e-300), y / max(y.max(), 1e-300))
    ordered = there[np.argsort(-away[there], kind="stable")]
    colour = panel.style.colour
    if len(ordered) > DENSE:
        ax.hexbin(x[there], y[there], gridsize=HEXAGONS, mincnt=1, cmap="Greys", lw=0.1, rasterized=True)
        ordered = ordered[:LARGEST]
    elif len(ordered) > POINTS:
        sample = rng.choice(ordered[LARGEST:], POINTS - LARGEST, replace=False)
        ordered = np.concatenate([ordered[:LARGEST], sample])
    ax.scatter(x[ordered], y[ordered], s=6, color=colour, alpha=0.5, lw=0, zorder=2, rasterized=True)


def _lines(ax: Axes, panel: Panel) -> None:
    """Draw the line through the origin with its interval, the monotone fit, and w = h."""
    right, top = (1.08 * float(side.max()) or 1.0 for side in (panel.x, panel.y))
    ends = np.array([0.0, right])
    ax.plot(ends, ends, color=INK, lw=0.7, ls=DASHES, zorder=1)
    slope, low, high = panel.slope
    if np.isfinite(low) and np.isfinite(high):
        ax.fill_between(ends, low * ends, high * ends, color=panel.style.colour, alpha=0.2, lw=0, zorder=1)
    if np.isfinite(slope):
        ax.plot(ends, slope * ends, color=panel.style.colour, lw=1.6, zorder=3)
    ax.plot(*monotone(panel.x, panel.y), color=GREEN, lw=1.2, zorder=4)
    # a margin of 3 %, so that genes on an axis are seen whole
    ax.set(xlim=(-0.03 * right, right), ylim=(-0.03 * top, top))


def _extreme(panel: Panel, genes: list[str], count: int) -> list[tuple[float, float, str]]:
    """Return the genes that are largest on each side and farthest from the line, by turns."""
    x, y = panel.x, panel.y
    slope = panel.slope[0] if np.isfinite(panel.slope[0]) else 0.0
    ranked = [np.argsort(-values, kind="stable")[:count] for values in (x, y, np.abs(y - slope * x))]
    turns = dict.fromkeys(int(gene) for turn in zip(*ranked, strict=True) for gene in turn)
    return [(float(x[g]), float(y[g]), genes[g]) for g in turns if x[g] > 0 or y[g] > 0]


def _dress(ax: Axes, panel: Panel, *, small: bool) -> None:
    ax.set_box_aspect(1)
    size = 7.5 if small else 9
    ax.set_title(panel.title, loc="left", color=panel.style.colour, size=size, weight="bold", pad=3)
    ax.set_title(panel.told, loc="right", color=INK, size=size - 1.5, pad=3)
    ax.locator_params(nbins=2 if small else 3)
    ax.tick_params(labelsize=6 if small else 7.5, length=2, pad=1.5)
    plain(ax)


def _shared_density(axes: list[Axes]) -> None:
    """Give all densities one scale, and say what it is."""
    from matplotlib.collections import PolyCollection
    from matplotlib.colors import LogNorm

    dense = [
        art
        for ax in axes
        for art in ax.collections
        if isinstance(art, PolyCollection) and _counts(art) is not None
    ]
    if not dense:
        return
    most = max(float(np.max(_counts(art))) for art in dense)
    for art in dense:
        # below 1, so that a single gene is not white
        art.set_norm(LogNorm(0.3, most))
    bar = axes[0].figure.colorbar(dense[0], ax=axes, fraction=0.02, pad=0.01, aspect=40)
    bar.set_label("genes of a hexagon")
    bar.outline.set_visible(False)
    bar.ax.set_ylim(1, most)


def _counts(art: Any) -> Any:
    """Return the genes of each hexagon; None of a collection that is no density."""
    return art.get_array()


def _around(figure: Any, symmetry: xr.Dataset) -> None:
    """Name the axes of all panels once, and what is drawn in them."""
    from matplotlib.lines import Line2D

    figure.supxlabel("loading in W, balanced", size=9)
    figure.supylabel("loading in H of the partner, balanced", size=9)
    given = {str(name) for name in symmetry["class"].to_numpy()}
    handles = [
        Line2D(
            [], [], color=style.colour, lw=1.6, marker="o", ms=3.5, label=f"{name}: line through the origin"
        )
        for name, style in CLASSES.items()
        if name in given
    ]
    handles += [
        Line2D([], [], color=GREEN, lw=1.2, label="monotone fit"),
        Line2D([], [], color=INK, lw=0.7, ls=DASHES, label="w = h"),
    ]
    figure.legend(handles=handles, loc="outside upper left", ncols=len(handles), frameon=False, fontsize=8)
