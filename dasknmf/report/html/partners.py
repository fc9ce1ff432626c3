"""The section on symmetry: modules, partners and chance."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from dasknmf.laboratory.tables import factor_table, measure_table, pair_table
from dasknmf.report.html.blocks import details, framed, gallery, heading, items, section, table, verdict
from dasknmf.report.html.factors import is_of
from dasknmf.report.html.formats import count
from dasknmf.report.html.pictures import for_drawing, picture

if TYPE_CHECKING:
    from collections.abc import Iterator

    import xarray as xr

    from dasknmf.report.html.blocks import Block
    from dasknmf.report.html.runs import Contents, Run

#: Pairs of genes that are told of each pair of factors.
ENTRIES = 10
FACTOR_COLUMNS = {
    "factor": ("Factor", "number"),
    "class": ("Class", "text"),
    "partner_of": ("Partner", "number"),
    "own_cosine": ("Cosine with itself", "number"),
    "partner_cosine": ("Cosine with partner", "number"),
    "linearity": ("R² of the line", "number"),
    "spearman": ("Rank correlation", "number"),
    "slope": ("Slope, balanced", "number"),
    "own_slope": ("Slope, own", "number"),
    "skew_share": ("Share of asymmetry", "percent"),
    "recurrence": ("Recurrence", "number"),
    "recurrence_q": ("q", "number"),
    "orientation": ("On the same side", "number"),
    "cause": ("Cause", "text"),
    "W": ("Genes of W", "text"),
    "H": ("Genes of H", "text"),
}


def of_symmetry(contents: Contents) -> Block | None:
    """Return what symmetries say; None where there is none."""
    runs = contents.of("symmetry")
    if not runs:
        return None
    blocks: list[Block | None] = []
    for run in runs:
        if len(runs) > 1:
            blocks.append(heading(run.name))
        fit = next((one.result for one in contents.of("fit") if is_of(run, one.result)), None)
        blocks += _one(run, fit)
    return section("symmetry", "Symmetry and partners", blocks)


def _one(run: Run, fit: xr.Dataset | None) -> list[Block | None]:
    symmetry, attributes = run.result, run.attrs
    factors = factor_table(symmetry).reset_index()
    known = symmetry["cycle_length"].to_numpy() > 0
    # what is zero on a side is assigned to something, but has no partner
    partners = [
        at if there else None for at, there in zip(factors["partner_of"].tolist(), known, strict=True)
    ]
    factors["partner_of"] = np.array(partners, dtype=object)
    return [
        verdict(str(attributes["verdict"])) if attributes.get("verdict") else None,
        items(json.loads(attributes.get("sentences", "[]"))),
        *_pictures(symmetry, fit),
        framed("Factors and their partners", factors, FACTOR_COLUMNS),
        _pairs(symmetry),
        details("All measures, beside null networks", [_measures(symmetry)]),
    ]


def _measures(symmetry: xr.Dataset) -> Block | None:
    frame = measure_table(symmetry).reset_index()
    titles = {
        name: (name.replace("_", " "), "text" if name in ("measure", "gauge") else "number")
        for name in frame.columns
    }
    return framed("Measures", frame, titles)


def _pairs(symmetry: xr.Dataset) -> Block | None:
    """Return the heaviest pairs of genes between the two sides of each pair of factors, by name."""
    if not symmetry.sizes.get("entry"):
        return None
    rows = pair_table(symmetry).groupby(["first", "second"], sort=False).head(ENTRIES)
    return table(
        "Pairs of genes between partners, the heaviest of each pair of factors",
        [
            ("Factor", "number"),
            ("Partner", "number"),
            ("Gene", "text"),
            ("Gene of the partner", "text"),
            ("Weight in A", "number"),
            ("Weight in WH", "number"),
        ],
        rows[["first", "second", "gene", "partner", "weight", "model"]].itertuples(index=False, name=None),
    )


def _pictures(given: xr.Dataset, fit: xr.Dataset | None) -> Iterator[Block]:
    """Draw what was measured, each with its finding."""
    from dasknmf.report.classes import has
    from dasknmf.report.inertia import plot_inertia
    from dasknmf.report.nulls import null_measures, plot_null_distributions
    from dasknmf.report.partners import plot_partner_matrix
    from dasknmf.report.restarts import plot_restart_stability

    symmetry = for_drawing(given)
    yield picture(
        lambda: plot_partner_matrix(symmetry),
        alt=_partners_found(symmetry),
        caption="Cosine of every column of W with every row of H, in the order of cycles: modules lie on the diagonal, "
        "pairs of partners are framed blocks with dark corners off it.",
    )
    if has(symmetry, "predicted_pairs"):
        yield picture(
            lambda: plot_inertia(symmetry),
            alt=_inertia(symmetry),
            caption="Pairs that the signs of the leading eigenvalues predict.",
        )
    fans = [
        _fan(symmetry, own=own)
        for name, own in (("slope", False), ("own_slope", True))
        if has(symmetry, name)
    ]
    if fans:
        yield gallery(fans)
    if has(symmetry, "recurrence"):
        yield picture(
            lambda: plot_restart_stability(symmetry),
            alt="Factors come back in other restarts with a median similarity of "
            f"{float(symmetry['recurrence'].median()):.3f}.",
            caption="How similar each factor is to its match in other restarts, and whether it is on the same side.",
        )
    if null_measures(symmetry):
        yield picture(
            lambda: plot_null_distributions(symmetry),
            alt=_nulls(symmetry),
            caption="Each measure beside those of null networks.",
        )
    if fit is not None:
        yield from _scatter(symmetry, for_drawing(fit))


def _partners_found(symmetry: xr.Dataset) -> str:
    kinds = symmetry["class"].to_numpy().tolist()
    median = float(np.nanmedian(symmetry["partner_cosine"].to_numpy()))
    return (
        f"Of {count(len(kinds), 'factor')}, {kinds.count('module')} are modules on the diagonal, {kinds.count('pair')} "
        f"are in pairs of partners off it, {kinds.count('unresolved')} are neither; the median cosine with the partner "
        f"is {median:.3f}."
    )


def _inertia(symmetry: xr.Dataset) -> str:
    k = symmetry.sizes["factor"]
    ranks = symmetry["rank"].to_numpy()
    place = int(np.abs(ranks - k).argmin())
    predicted = int(symmetry["predicted_pairs"].to_numpy()[place])
    found = int((symmetry["class"].to_numpy() == "pair").sum() // 2)
    said = f"The spectrum predicts {count(predicted, 'pair')} of partners at rank {ranks[place]}"
    return f"{said}; {found} were found among {k} factors."


def _fan(symmetry: xr.Dataset, *, own: bool) -> Block:
    from dasknmf.report.slopes import plot_slope_fan

    values = symmetry["own_slope" if own else "slope"].to_numpy()
    middle, spread = _spread(values[values > 0])
    words = "as the algorithm leaves them" if own else "balanced"
    return picture(
        lambda: plot_slope_fan(symmetry, own=own),
        alt=f"Slopes of H on W, {words}: median {middle:.2f}, spread {spread:.2f} (standard deviation of their "
        "logarithm).",
        caption=f"Slope of H on W of each factor, {words}.",
    )


def _spread(values: Any) -> tuple[float, float]:
    if not len(values):
        return np.nan, np.nan
    return float(np.median(values)), float(np.log(values).std())


def _nulls(symmetry: xr.Dataset) -> str:
    from dasknmf.report.nulls import null_measures

    told = []
    for name in null_measures(symmetry)[:3]:
        value = float(symmetry["measured"].sel(measure=name))
        for kind in symmetry["kind"].to_numpy():
            null = float(symmetry["null_mean"].sel(measure=name, kind=kind))
            told.append(f"{str(name).replace('_', ' ')} {value:.3f}, {null:.3f} on {kind} networks")
    return f"The network beside its nulls: {'; '.join(told)}."


def _scatter(symmetry: xr.Dataset, fit: xr.Dataset) -> Iterator[Block]:
    from dasknmf.report.scatter import plot_factor_scatter
    from dasknmf.report.symmetry_page import telling

    factors = telling(symmetry)
    if not factors:
        return
    places = [symmetry["factor"].to_numpy().tolist().index(factor) for factor in factors]
    lines = symmetry["linearity"].to_numpy()[places]
    yield picture(
        lambda: plot_factor_scatter(fit, symmetry, factors=factors),
        alt="W against H of the partner: a line through the origin explains "
        + ", ".join(f"{line:.2f} of factor {factor}" for factor, line in zip(factors, lines, strict=True))
        + ".",
        caption="Loadings of W against those of H of the partner, gene by gene, for the factors that say most; dashed: "
        "w = h, green: best non-decreasing function.",
    )
