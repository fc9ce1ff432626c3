"""What an examination says, in sentences that can be quoted, each with its numbers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import xarray as xr

#: Restarts that all agree on an orientation have p = 2^(1 − R): fewer can never be significant at 5 %.
FEWEST_COINS = 6
LEVEL = 0.05
#: Pairs named in a sentence.
NAMED = 6


def sentences_of(found: xr.Dataset) -> list[str]:
    """Return the sentences of what :func:`dasknmf.symmetry` has found, the most telling first."""
    said = [
        _partners(found),
        _inertia(found),
        *_pairs(found),
        *_causes(found),
        _slopes(found),
        *_price(found),
        *_restarts(found),
        *_nulls(found),
        str(found.attrs["within_w_verdict"]),
        *_rank(found),
    ]
    return [sentence for sentence in said if sentence]


def verdict_of(found: xr.Dataset) -> str:
    """Return in one sentence why W is not Hᵀ here."""
    counts = counts_of(found)
    k, resolved = found.sizes["factor"], counts["module"] + counts["pair"]
    if resolved == k and not counts["pair"]:
        return f"W and Hᵀ are the same up to scale: all {k} factors are modules."
    if resolved == k:
        return (
            f"W differs from Hᵀ by structure: {counts['module']} of {k} factors are modules and {counts['pair'] // 2} "
            f"pairs of factors stand for gene sets that are joined to each other."
        )
    cause = found["cause"].to_numpy().astype(str)
    why = [name for name in ("non-convergence", "non-uniqueness") if (cause == name).any()]
    start = "mostly by structure" if resolved > k / 2 else f"mostly by {' and '.join(why)}"
    return (
        f"W differs from Hᵀ {start}: {resolved} of {k} factors are modules ({counts['module']}) or partners "
        f"({counts['pair']}); {counts['unresolved']} are neither ({', '.join(why)})."
    )


def counts_of(found: xr.Dataset) -> dict[str, int]:
    """Return how many factors are of each class."""
    classes = found["class"].to_numpy().astype(str)
    return {name: int((classes == name).sum()) for name in ("module", "pair", "unresolved")}


def _partners(found: xr.Dataset) -> str:
    counts, a = counts_of(found), found.attrs
    n = found.sizes["factor"]
    involution = "an involution" if a["is_involution"] else "no involution"
    index = _number(found, "cosine_index")
    return (
        f"{a.get('network', 'The network')}, {n} factors by {a.get('solver', 'an unknown solver')}: "
        f"{counts['module']} modules (w ∝ h), {counts['pair'] // 2} pairs of partners (w_i ∝ h_j, w_j ∝ h_i), "
        f"{counts['unresolved']} neither, from cosine {a['class_threshold']:.3f} on ({a['class_threshold_reason']}). "
        f"The assignment of rows of H to columns of W is {involution}; median cosine {_number(found, 'cosine')} with "
        f"partners, {index} index by index."
    )


def _inertia(found: xr.Dataset) -> str:
    k = found.sizes["factor"]
    if k not in found["rank"].to_numpy():
        return ""
    row = found.sel(rank=k)
    predicted, low, high = (int(row[name]) for name in ("predicted_pairs", "predicted_low", "predicted_high"))
    error = "" if low == high else f" ({low} to {high} by the errors of eigenvalues)"
    of_fits = found["by_fit"].sel(measure="two_cycles").to_numpy().astype(int)
    others = f" ({of_fits.min()} to {of_fits.max()} over {len(of_fits)} fits)" if len(of_fits) > 1 else ""
    return (
        f"The inertia law: {predicted} of the {k} eigenvalues of largest magnitude are negative{error}, so {predicted} "
        f"pairs are expected before any factorization; the assignment has {_pairs_found(found)}{others}, and WH itself "
        f"{found.attrs['model_negative']} negative eigenvalue(s)."
    )


def _pairs(found: xr.Dataset) -> list[str]:
    resolved = _resolved_pairs(found)
    if not resolved:
        return []
    genes = found["top_gene"].sel(side="W")
    named = [
        f"{_genes(genes.isel(factor=a).to_numpy())} ↔ {_genes(genes.isel(factor=b).to_numpy())}"
        for a, b in resolved
    ]
    more = f", and {len(named) - NAMED} more" if len(named) > NAMED else ""
    return [f"Gene sets joined to each other: {'; '.join(named[:NAMED])}{more}."]


def _resolved_pairs(found: xr.Dataset) -> list[tuple[int, int]]:
    classes = found["class"].to_numpy().astype(str)
    both = zip(found["pair_first"].to_numpy(), found["pair_second"].to_numpy(), strict=True)
    return [(int(a), int(b)) for a, b in both if classes[a] == "pair"]


def _pairs_found(found: xr.Dataset) -> int:
    return int(found["measured"].sel(measure="two_cycles"))


def _causes(found: xr.Dataset) -> list[str]:
    cause = found["cause"].to_numpy().astype(str)
    said = []
    for name, meaning in (
        ("non-convergence", "their gradients say that the fit has not arrived: iterate longer"),
        (
            "non-uniqueness",
            "they are at a minimum, so other factors would do as well: fewer components, or restarts",
        ),
    ):
        which = np.flatnonzero(cause == name)
        if len(which):
            listed = ", ".join(map(str, which[:12])) + (" …" if len(which) > 12 else "")
            said.append(f"Unresolved by {name}: factor(s) {listed}; {meaning}.")
    share = found.attrs.get("negative_mass", float("nan"))
    low, high = (found.attrs.get(f"negative_mass_{end}", float("nan")) for end in ("low", "high"))
    if not math.isnan(share):
        said.append(
            f"Negative eigenvalues hold {share:.1%} of what is known of ‖A‖², {low:.1%} to {high:.1%} of all of it."
        )
    return said


def _slopes(found: xr.Dataset) -> str:
    own, balanced = (_value(found, name) for name in ("own_slope_dispersion", "slope_dispersion"))
    if math.isnan(own) or math.isnan(balanced):
        return ""
    return (
        f"Slopes are a gauge: as {found.attrs.get('solver', 'the algorithm')} normalises its factors, slopes of h on w "
        f"differ by a factor of {math.exp(own):.2f} (one standard deviation of their log); balanced to ‖w‖ = ‖h‖, by "
        f"{math.exp(balanced):.2f}. What no rescaling changes: R² through the origin {_number(found, 'linearity')}, "
        f"rank correlation {_number(found, 'spearman')}, ‖WH − (WH)ᵀ‖/‖WH‖ {_number(found, 'asymmetry')}."
    )


def _price(found: xr.Dataset) -> list[str]:
    if "model_error" not in found:
        return []
    errors = dict(zip(found["model"].to_numpy(), found["model_error"].to_numpy(), strict=True))
    a = found.attrs
    said = (
        f"The price of symmetry: WWᵀ of the same rank has relative error {errors['symline']:.4f} (bound "
        f"{a['bound_wwt']:.4f}), WH {a.get('relative_error', float('nan')):.4f} (bound {a['bound_wh']:.4f}), and WSWᵀ, "
        f"which can hold partners, {errors['trifactor']:.4f}."
    )
    return [said]


def _restarts(found: xr.Dataset) -> list[str]:
    others = found.sizes["fit"] - 1
    if not others:
        return ["One fit: without restarts nothing is said of chance."]
    recur = found["recurrence"].to_numpy()
    q = found["recurrence_q"].to_numpy()
    significant = int((q <= LEVEL).sum())
    start = (
        f"Over {others} restarts: factors recur, up to swapping W and Hᵀ, with a mean similarity of "
        f"{np.nanmedian(recur):.3f} (median over factors); in {significant} of {len(recur)} restarts put the same two "
        f"sides together more often than chance would (q ≤ {LEVEL})."
    )
    said = [start]
    share = found["orientation"].to_numpy()
    tossed = ~np.isnan(share)
    if tossed.any():
        biased = int((found["orientation_q"].to_numpy() <= LEVEL).sum())
        power = "" if others >= FEWEST_COINS else f"; fewer than {FEWEST_COINS} restarts can never be"
        said.append(
            f"Which gene set went to W: in {biased} of {int(tossed.sum())} factors with two different sides more "
            f"one-sided than a fair coin (q ≤ {LEVEL}{power}); pooled p = {found.attrs['orientation_pooled_p']:.3g}."
        )
    return said


def _nulls(found: xr.Dataset) -> list[str]:
    if "kind" not in found.dims:
        return []
    said = []
    for kind in found["kind"].to_numpy():
        count = int((found["null_kind"].to_numpy().astype(str) == str(kind)).sum())
        parts = []
        for measure, name in (
            ("cosine", "median cosine"),
            ("involution_defect", "involution defect"),
            ("asymmetry", "asymmetry"),
        ):
            row = found.sel(measure=measure, kind=kind)
            value = float(found["measured"].sel(measure=measure))
            mean, low, high, z, p = (
                float(row[of]) for of in ("null_mean", "null_low", "null_high", "z", "p_symmetric")
            )
            parts.append(
                f"{name} {value:.3f} against {mean:.3f} ({low:.3f} to {high:.3f}), z = {z:.1f}, one-sided p = {p:.3g}"
            )
        said.append(f"Against {count} {kind} networks: {'; '.join(parts)}.")
    smallest = float(found.attrs["smallest_null_p"])
    if smallest > LEVEL:
        said.append(
            f"So many null networks cannot give a two-sided p below {smallest:.3f}; 39 of a kind can."
        )
    return said


def _rank(found: xr.Dataset) -> list[str]:
    advice = found.attrs.get("rank_advice")
    return [str(advice)] if advice else []


def _number(found: xr.Dataset, measure: str) -> str:
    """Return a measure of the reference, and what it is over restarts; of one fit, its interval over factors."""
    row = found.sel(measure=measure)
    value = f"{float(row['measured']):.3f}"
    of_fits = row["by_fit"].to_numpy()
    if len(of_fits) > 1:
        return f"{value} (restarts {np.nanmin(of_fits):.3f} to {np.nanmax(of_fits):.3f})"
    low, high = float(row["low"]), float(row["high"])
    return value if math.isnan(low) else f"{value} (95 % {low:.3f} to {high:.3f} over factors)"


def _value(found: xr.Dataset, measure: str) -> float:
    return float(found["measured"].sel(measure=measure))


def _genes(names: np.ndarray) -> str:
    return " ".join(str(name) for name in names[:4] if name)
