"""The section on factors: their genes, sizes, contributions, how surely they come back, and known gene sets in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from dasknmf.analysis.genes import loadings, top_genes
from dasknmf.enriching.overlap import participation
from dasknmf.enriching.table import enrichment_table
from dasknmf.errors import InputError
from dasknmf.report.html.blocks import details, framed, section, table, text
from dasknmf.report.html.formats import count, percent
from dasknmf.report.html.pictures import for_drawing, picture

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr
    from numpy.typing import NDArray

    from dasknmf.report.html.blocks import Block
    from dasknmf.report.html.runs import Contents, Run

#: Genes of each side, gene sets of a factor in the table of factors and folded away, and the largest q of these.
GENES, BEST, SETS, Q = 10, 2, 5, 0.05
#: Attributes by which a fit is known again in what was made of it.
KNOWN_BY = ("network_checksum", "solver", "n_components", "init", "relative_error")

SET_COLUMNS = {
    "factor": ("Factor", "number"),
    "side": ("Side", "text"),
    "set": ("Gene set", "text"),
    "description": ("Description", "text"),
    "size": ("Genes of the set", "number"),
    "overlap": ("In the top", "number"),
    "fold": ("Times chance", "number"),
    "q": ("q", "number"),
    "auroc": ("AUROC", "number"),
    "genes": ("Genes", "text"),
}


def chosen_fit(contents: Contents) -> tuple[str, xr.Dataset] | None:
    """Return the fit whose factors are told, and its name.

    The one that a symmetry examined, or else an enrichment; of the others that with the smallest relative error.
    Without a fit, the consensus of the recommended rank of a survey.
    """
    fits = contents.of("fit")
    for kind in ("symmetry", "enrichment"):
        for made in contents.of(kind):
            for run in fits:
                if is_of(made, run.result):
                    return run.name, run.result
    if fits:
        best = min(fits, key=lambda run: float(run.attrs.get("relative_error", np.inf)))
        return best.name, best.result
    from dasknmf.survey_factors import survey_fit

    for run in contents.of("survey"):
        try:
            return f"the consensus of {run.name}", survey_fit(run.result)
        except InputError:
            continue
    return None


def is_of(made: Run, fit: xr.Dataset) -> bool:
    """Tell whether a symmetry or an enrichment is of a fit, by what both say of it."""
    prefix = "fit_" if made.kind == "enrichment" else ""
    if made.result["factor"].to_numpy().tolist() != fit["factor"].to_numpy().tolist():
        return False
    if (
        "gene" in made.result.coords
        and made.result["gene"].to_numpy().tolist() != fit["gene"].to_numpy().tolist()
    ):
        return False
    for name in KNOWN_BY:
        theirs = made.attrs.get(name if name == "network_checksum" else prefix + name)
        if theirs is not None and name in fit.attrs and theirs != fit.attrs[name]:
            return False
    return True


def contributions(fit: xr.Dataset) -> NDArray[np.float64]:
    """Return ⟨w_j h_j, WH⟩ / ‖WH‖² of each factor: its share of what the fit explains; they sum to 1."""
    sides = loadings(fit)
    shares = ((sides["W"].T @ sides["W"]) * (sides["H"].T @ sides["H"])).sum(axis=1)
    total = shares.sum()
    return np.asarray(shares / total if total else np.full(len(shares), np.nan))


def of_factors(contents: Contents) -> Block | None:
    """Return the factors of one fit; None where there are none."""
    found = chosen_fit(contents)
    if found is None:
        return None
    name, fit = found
    symmetry = next((run.result for run in contents.of("symmetry") if is_of(run, fit)), None)
    enriched = [run for run in contents.of("enrichment") if is_of(run, fit)]
    shares = contributions(fit)
    return section(
        "factors",
        "Factors",
        [
            text(_lead(name, fit, contents)),
            _picture(fit, shares),
            _table(fit, shares, symmetry, enriched),
            *(_sets(run) for run in enriched),
        ],
    )


def _lead(name: str, fit: xr.Dataset, contents: Contents) -> str:
    others = len(contents.of("fit")) - 1
    beside = f" The factors of {count(others, 'other fit')} are not listed." if others > 0 else ""
    return (
        f"The {count(fit.sizes['factor'], 'factor')} of {name}, by the size of their loadings. A factor is a group of "
        "genes (W) and the genes they are connected to (H); in a module both are the same. The size of a side is its "
        "participation number, (Σw²)² / Σw⁴: how many genes carry it. The contribution is its share of what the fit "
        f"explains.{beside}"
    )


def _table(
    fit: xr.Dataset, shares: NDArray[np.float64], symmetry: xr.Dataset | None, enriched: list[Run]
) -> Block | None:
    sides = loadings(fit)
    sizes = {side: participation(values) for side, values in sides.items()}
    genes = _genes(fit)
    again = reproducibility(fit, symmetry)
    sets = _best_sets(enriched)
    columns = [
        ("Factor", "number"),
        ("Contribution", "percent"),
        ("Size, W", "number"),
        ("Size, H", "number"),
        ("Reproducibility", "number"),
        ("Class", "text"),
        ("Top genes of W", "genes"),
        ("Top genes of H", "genes"),
        ("Best known gene sets", "items"),
    ]
    rows = []
    for place, factor in enumerate(fit["factor"].to_numpy().tolist()):
        W, H = (genes.get((factor, side), []) for side in ("W", "H"))
        rows.append(
            [
                factor,
                float(shares[place]),
                int(sizes["W"][place]),
                int(sizes["H"][place]),
                float(again[place]),
                "" if symmetry is None else _class(symmetry, place),
                W,
                H,
                sets.get(factor, []),
            ]
        )
    return table("Factors", columns, rows)


def _genes(fit: xr.Dataset) -> dict[tuple[int, str], list[str]]:
    """Return the names of the top genes by factor and side."""
    rows = top_genes(fit, n=GENES)
    found: dict[tuple[int, str], list[str]] = {}
    for factor, side, gene in zip(*(rows[name].tolist() for name in ("factor", "side", "gene")), strict=True):
        found.setdefault((factor, side), []).append(str(gene))
    return found


def reproducibility(fit: xr.Dataset, symmetry: xr.Dataset | None) -> NDArray[np.float64]:
    """Return how similar each factor is to its matches in other restarts, where that was measured."""
    for source, name in ((fit, "reproducibility"), (symmetry, "recurrence")):
        if source is not None and name in source:
            return np.asarray(source[name].to_numpy(), dtype=np.float64)
    return np.full(fit.sizes["factor"], np.nan)


def _class(symmetry: xr.Dataset, place: int) -> str:
    kind = str(symmetry["class"].to_numpy()[place])
    return f"{kind} with {int(symmetry['partner_of'].to_numpy()[place])}" if kind == "pair" else kind


def _best_sets(enriched: list[Run]) -> dict[int, list[str]]:
    """Return the best significant gene sets of each factor, over its sides, each once."""
    found: dict[int, list[str]] = {}
    for run in enriched:
        rows = enrichment_table(run.result, max_q=Q).sort_values(["factor", "p"], kind="stable")
        rows = rows.drop_duplicates(["factor", "set"]).groupby("factor").head(BEST)
        columns = (rows[name].tolist() for name in ("factor", "set", "description", "overlap", "size", "q"))
        for factor, name, description, overlap, size, q in zip(*columns, strict=True):
            # the smallest numbers are 0 to a computer
            how = f"q = {q:.1g}" if q else "q < 1e-300"
            told = f"{_called(name, description)} ({overlap} of {size}, {how})"
            found.setdefault(factor, []).append(told)
    return found


def _called(name: str, description: str) -> str:
    """Return what a set is called by people: its description, where that is words and no address."""
    words = description and "://" not in description and description != name
    return f"{description}, {name}" if words else name


def _sets(run: Run) -> Block | None:
    rows: pd.DataFrame = enrichment_table(run.result, n=SETS, max_q=Q)
    attributes: dict[str, Any] = run.attrs
    k, sides = run.result.sizes["factor"], run.result.sizes["side"]
    found = rows["factor"].nunique()
    lead = (
        f"{found} of {count(k, 'factor')} have at least one known gene set at q ≤ {Q:g}, of "
        f"{attributes['sets_tested']:,} tested in {attributes['gene_sets']}; {attributes['genes_shared']:,} of "
        f"{attributes['genes_of_network']:,} genes are in any set. q is corrected over the sets of one factor and side "
        "and takes genes for independent, which those of a pathway are not: it says what a factor is about, not how "
        "surely."
    )
    summary = f"Known gene sets in the top genes of factors, the best {SETS} of each side ({count(len(rows), 'row')})"
    return {
        "block": "group",
        "blocks": [
            block
            for block in (
                text(lead),
                details(
                    summary,
                    [framed(f"Gene sets, {'both sides' if sides > 1 else 'one side'}", rows, SET_COLUMNS)],
                ),
            )
            if block is not None
        ],
    }


def _picture(fit: xr.Dataset, shares: NDArray[np.float64]) -> Block | None:
    from dasknmf.report.axes import new_figure
    from dasknmf.report.figures import plot_convergence, plot_factors

    if (loadings(fit)["W"] < 0).any():
        # of eigenvectors the largest loading is not what a factor is
        return None
    drawn = for_drawing(fit)
    converged = "iteration" in fit.dims and fit.sizes["iteration"] > 1 and "relative_error" in fit

    def draw() -> Any:
        figure = new_figure(11, 6.5)
        if not converged:
            plot_factors(drawn, ax=figure.subplots())
            return figure
        left, right = figure.subplots(1, 2, width_ratios=(1, 1.4))
        plot_convergence(drawn, ax=left)
        plot_factors(drawn, ax=right)
        return figure

    leading = percent(float(np.sort(shares)[::-1][:5].sum()))
    error = float(fit.attrs.get("relative_error", np.nan))
    ends = f"The relative error ends at {error:.3f}. " if converged and np.isfinite(error) else ""
    of = min(5, len(shares))
    return picture(
        draw,
        alt=f"{ends}The largest {of} of {len(shares)} factors make {leading} of what the fit explains.",
        caption=f"{'Error by iteration, and loadings' if converged else 'Loadings'} of the top genes of the first "
        "factors.",
    )
