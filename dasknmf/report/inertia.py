"""The figure of the inertia law: pairs that the spectrum predicts beside those that were found."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dasknmf.report.axes import BLUE, DASHES, INK, POINTS_PER_INCH, PURPLE, VERMILLION, own_or_sized, plain
from dasknmf.report.classes import needs

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes

#: The measure of a fit that is the number of its pairs.
PAIRS = "two_cycles"
#: Points that tick labels and the name of an axis take.
BELOW = 34


def plot_inertia(symmetry: xr.Dataset, *, ax: Axes | None = None, found: str = PAIRS) -> Axes:
    """Draw the number of pairs that the spectrum predicts by rank, and the number found at the rank of the fit.

    Parameters
    ----------
    symmetry : Dataset
        What ``dasknmf.symmetry`` returned: ``predicted_pairs (rank)``, its ends ``predicted_low`` and
        ``predicted_high``, ``splits``, and ``class (factor)``.
    ax : Axes, optional
        Where to draw; by default new axes.
    found : str
        Measure that counts pairs, of the reference fit and of every restart; where there is none, factors of
        the class pair are counted, of the reference fit alone.

    Returns
    -------
    Axes

    Raises
    ------
    InputError
        If there is no prediction in the Dataset.

    References
    ----------
    Sylvester's law of inertia, Philosophical Magazine 4:138, 1852.
    """
    needs(symmetry, "predicted_pairs", "class")
    ax = own_or_sized(ax, 6.4, 4)
    ordered = symmetry.sortby("rank")
    rank, predicted = ordered["rank"].to_numpy(), ordered["predicted_pairs"].to_numpy()
    if {"predicted_low", "predicted_high"} <= set(ordered.variables):
        low, high = (ordered[f"predicted_{end}"].to_numpy() for end in ("low", "high"))
        ax.fill_between(
            rank, low, high, step="mid", color=BLUE, alpha=0.2, lw=0, label="errors of eigenvalues"
        )
    ax.plot(rank, predicted, color=BLUE, lw=2, drawstyle="steps-mid", label="predicted by the spectrum")
    _splits(ax, ordered)
    _found(ax, symmetry, found)
    ax.locator_params(axis="both", integer=True)
    ax.set(xlabel="rank", ylabel="pairs", xlim=(rank[0] - 0.5, max(rank[-1], symmetry.sizes["factor"]) + 0.5))
    ax.set_ylim(0 if "splits" not in ordered else None, None)
    ax.set_title("Pairs by the inertia law", loc="left")
    _legend(ax)
    return plain(ax)


def _splits(ax: Axes, ordered: xr.Dataset) -> None:
    """Mark the ranks that take a pair of eigenvalues ± apart, below the curve."""
    if "splits" not in ordered:
        return
    cut = ordered["rank"].to_numpy()[ordered["splits"].to_numpy() > 0]
    highest = max(1.0, float(np.nanmax(ordered["predicted_pairs"].to_numpy())))
    ax.axhline(0, color=INK, lw=0.5, zorder=0)
    if len(cut):
        at = np.full(len(cut), -0.06 * highest)
        ax.plot(cut, at, ls="", marker="^", ms=4, mew=0, color=PURPLE, label="cuts a ± pair")
    ax.set_ylim(bottom=-0.12 * highest)


def _found(ax: Axes, symmetry: xr.Dataset, measure: str) -> None:
    """Mark the pairs found at the rank of the fit, with the range of its restarts."""
    k = symmetry.sizes["factor"]
    count = float((symmetry["class"].to_numpy() == "pair").sum() / 2)
    known = "measured" in symmetry and measure in symmetry["measure"].to_numpy()
    if known:
        count = float(symmetry["measured"].sel(measure=measure))
    label = f"found at rank {k}: {count:g}"
    ax.axvline(k, color=INK, lw=0.8, ls=DASHES, zorder=0)
    if known and "by_fit" in symmetry:
        every = symmetry["by_fit"].sel(measure=measure).to_numpy()
        every = every[np.isfinite(every)]
        if len(every) > 1:
            low, high = every.min(), every.max()
            ax.vlines(k, low, high, color=VERMILLION, lw=3, alpha=0.5, zorder=3)
            label += f" ({low:g} to {high:g} in {len(every)} restarts)"
    ax.plot([k], [count], ls="", marker="D", ms=7, color=VERMILLION, mec="white", label=label, zorder=4)


def _legend(ax: Axes) -> None:
    from matplotlib.transforms import ScaledTranslation

    # below the axes and the name of theirs, however high they are: curve and marks may be anywhere on them
    scale = ax.figure.dpi_scale_trans
    below = ax.transAxes + ScaledTranslation(0, -BELOW / POINTS_PER_INCH, scale)
    ax.legend(
        loc="upper left",
        bbox_to_anchor=(0, 0),
        bbox_transform=below,
        ncols=2,
        frameon=False,
        fontsize=8.5,
        borderaxespad=0.2,
    )
