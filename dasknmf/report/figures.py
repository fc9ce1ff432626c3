"""Figures of fits, drawn with matplotlib on axes of the caller's choice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from dasknmf.analysis.genes import loadings
from dasknmf.errors import InputError
from dasknmf.report.axes import BLUE, DASHES, INK, VERMILLION, beside, own_or_new, plain, pyplot

if TYPE_CHECKING:
    from collections.abc import Sequence

    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

FOUND, CHANCE = BLUE, VERMILLION
#: Of the heatmap; one hue, light to dark, so that order survives a grey print.
COLOURS = "Blues"
#: Factors and genes of each that still can be read in a third of a page.
FACTORS, GENES = 12, 3
#: Iterations from which a logarithmic axis has round numbers to show.
MANY = 30


def plot_recovery(recovery: xr.Dataset, *, ax: Axes | None = None) -> Axes:
    """Draw the best AUROC of each known module, sorted, beside that with gene labels shuffled.

    Parameters
    ----------
    recovery : Dataset
        What :func:`dasknmf.analysis.recovery.module_recovery` returned.
    ax : Axes, optional
        Where to draw; by default new axes.

    Returns
    -------
    Axes
    """
    ax = own_or_new(ax)
    a = recovery.attrs
    place = np.arange(1, recovery.sizes["module"] + 1)
    for name, colour, label in (
        ("auroc", FOUND, f"factors, median {a['median_auroc']:.2f}"),
        ("shuffled", CHANCE, f"gene labels shuffled, median {a['median_shuffled']:.2f}"),
    ):
        # sorted each on its own: the two curves are two distributions, not pairs
        values = np.sort(recovery[name].to_numpy())[::-1]
        ax.plot(place, values, color=colour, lw=2.5)
        # the curves fall, so there is room to the lower left of a point
        at = len(place) * 5 // 8
        beside(ax, place[at], values[at], label, colour, above=False)
    ax.axhline(a["threshold"], color=INK, lw=0.8, ls=DASHES)
    found = f"{a['recovered']} of {a['modules']} above {a['threshold']} ({a['recovered_shuffled']} by chance)"
    beside(ax, place[-1], a["threshold"], found, INK, above=True)
    ax.locator_params(axis="x", integer=True)
    ax.set(xlabel="known module, best first", ylabel="AUROC of the best factor", xlim=(0.5, len(place) + 0.5))
    ax.set_ylim(min(0.5, ax.get_ylim()[0]), 1.02)
    ax.set_title("Known modules found", loc="left")
    return plain(ax)


def plot_convergence(fit: xr.Dataset, *, ax: Axes | None = None) -> Axes:
    """Draw the relative error after each iteration, above the least that its rank allows.

    Parameters
    ----------
    fit : Dataset
        What :func:`dasknmf.nmf` returned; the Eckart–Young bound is drawn if its attributes have it.
    ax : Axes, optional
        Where to draw; by default new axes.

    Returns
    -------
    Axes
    """
    ax = own_or_new(ax)
    error = fit["relative_error"]
    iteration, values = error["iteration"].to_numpy(), error.to_numpy()
    ax.plot(iteration, values, color=FOUND, lw=2.5)
    beside(ax, iteration[-1], values[-1], f"{values[-1]:.3f}", FOUND, above=True)
    bound = fit.attrs.get("eckart_young")
    if isinstance(bound, float) and np.isfinite(bound):
        ax.axhline(bound, color=INK, lw=0.8, ls=DASHES)
        text = f"Eckart–Young bound of rank {fit.sizes['factor']}: {bound:.3f}"
        beside(ax, iteration[-1], bound, text, INK, above=False)
        # room for the text below the bound, and no drama where the first iteration is already close to it
        span = max(float(values[0]) - bound, 0.02)
        ax.set_ylim(bound - 0.2 * span, bound + 1.1 * span)
    if len(values) > MANY:
        # most of the way is gone in the first iterations
        ax.set_xscale("log")
        ax.xaxis.set_major_formatter("{x:g}")
    else:
        ax.locator_params(axis="x", integer=True)
    ax.set(xlabel="iteration", ylabel="relative error", xlim=(1, max(2, iteration[-1])))
    ax.set_title("Convergence", loc="left")
    return plain(ax)


def plot_factors(
    fit: xr.Dataset,
    *,
    ax: Axes | None = None,
    factors: Sequence[int] | None = None,
    labels: Sequence[str] | None = None,
    n: int = GENES,
) -> Axes:
    """Draw the loadings of the top genes of some factors as a heatmap.

    Parameters
    ----------
    fit : Dataset
        What :func:`dasknmf.nmf` returned.
    ax : Axes, optional
        Where to draw; by default new axes.
    factors : sequence of int, optional
        Which, by their label; by default the first 12, which contribute most.
    labels : sequence of str, optional
        What to call them; by default their numbers.
    n : int
        Top genes of each; a gene that is at the top of several is drawn once.

    Returns
    -------
    Axes

    Raises
    ------
    InputError
        If a factor is not in the fit.
    """
    ax = own_or_new(ax)
    known = fit["factor"].to_numpy().tolist()
    chosen = known[:FACTORS] if factors is None else list(factors)
    absent = [factor for factor in chosen if factor not in known]
    if absent:
        msg = f"factors={absent}: not in the fit, which has {known[0]} to {known[-1]}"
        raise InputError(msg)
    W = loadings(fit)["W"][:, [known.index(factor) for factor in chosen]]
    rows = _top_rows(W, n)
    shown = W[rows] / np.maximum(W.max(axis=0), np.finfo(float).tiny)
    image = ax.imshow(shown, aspect="auto", cmap=COLOURS, vmin=0, vmax=1, interpolation="nearest")
    names = [str(name) for name in (labels or chosen)]
    turned = max(map(len, names), default=0) > 3
    ax.set_xticks(range(len(chosen)), names, rotation=45 if turned else 0, ha="right" if turned else "center")
    size = 9 if len(rows) > 20 else None
    ax.set_yticks(range(len(rows)), fit["gene"].to_numpy()[rows], style="italic", size=size)
    ax.tick_params(length=0, pad=2)
    ax.set_xlabel("factor")
    _grid(ax, shown.shape)
    bar = ax.figure.colorbar(image, ax=ax, fraction=0.04, pad=0.02, ticks=[0, 0.5, 1])
    bar.set_label("loading / largest of the factor")
    bar.outline.set_visible(False)
    ax.set_title("Top genes of factors", loc="left")
    return ax


def demo_figure(fit: xr.Dataset, recovery: xr.Dataset) -> Figure:
    """Draw convergence, recovery, and the factors that found a module best, side by side.

    Parameters
    ----------
    fit : Dataset
        What :func:`dasknmf.nmf` returned.
    recovery : Dataset
        What :func:`dasknmf.analysis.recovery.module_recovery` returned.

    Returns
    -------
    Figure
        13 × 6.4 inches; save it with ``figure.savefig``.
    """
    pyplot()
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 6.4), layout="constrained")
    halves: Any = figure.subfigures(1, 2, width_ratios=(1, 1.35), wspace=0.03)
    top, bottom = halves[0].subplots(2, 1, height_ratios=(1, 1.4))
    plot_convergence(fit, ax=top)
    plot_recovery(recovery, ax=bottom)
    factors, labels = _best_factors(recovery)
    heatmap = plot_factors(fit, ax=halves[1].subplots(), factors=factors, labels=labels)
    heatmap.set_xlabel("factor, by the known module it finds")
    return figure


def _best_factors(recovery: xr.Dataset) -> tuple[list[int], list[str]]:
    """Return the factors with the best found modules, each once, and the names of these modules."""
    ordered = recovery.sortby("auroc", ascending=False)
    names: dict[int, str] = {}
    for factor, module in zip(ordered["factor"].to_numpy(), ordered["module"].to_numpy(), strict=True):
        names.setdefault(int(factor), str(module))
    factors = list(names)[:FACTORS]
    return factors, [names[factor] for factor in factors]


def _top_rows(W: NDArray[np.float64], n: int) -> list[int]:
    """Return the rows of the top genes of each column, each once."""
    rows: dict[int, None] = {}
    for column in W.T:
        new = [int(g) for g in np.argsort(-column, kind="stable") if int(g) not in rows][:n]
        rows.update(dict.fromkeys(g for g in new if column[g] > 0))
    return list(rows)


def _grid(ax: Axes, shape: tuple[int, ...]) -> None:
    """Part the cells of a heatmap by white lines."""
    ax.set_xticks(np.arange(1, shape[1]) - 0.5, minor=True)
    ax.set_yticks(np.arange(1, shape[0]) - 0.5, minor=True)
    ax.grid(which="minor", color="white", lw=1)
    ax.tick_params(which="minor", length=0)
    ax.spines[:].set_visible(False)
