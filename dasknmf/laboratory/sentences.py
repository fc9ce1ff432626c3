"""What an examination says, in sentences that can be quoted, each with its numbers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from dasknmf.laboratory.verdict import by_construction, counts_of

if TYPE_CHECKING:
    import xarray as xr

#: Restarts that all agree on an orientation have p = 2^(1 − R): fewer can never be significant at 5 %.
FEWEST_COINS = 6
LEVEL = 0.05
#: Pairs named in a sentence.
NAMED = 6
#: Measures put beside null networks in a sentence, what they are called, and the p that is given of them: one-sided
#: where there is a side on which W and Hᵀ are alike.
COMPARED = (
    ("cosine", "median cosine", "p_symmetric"),
    ("involution_defect", "involution defect", "p_symmetric"),
    ("asymmetry", "asymmetry", "p_symmetric"),
    ("inertia_defect", "pairs beyond those of the inertia law", "p"),
    ("recurrence", "median recurrence in a restart", "p"),
)


def sentences_of(found: xr.Dataset) -> list[str]:
    """Return the sentences of what :func:`dasknmf.symmetry` has found, the most telling first."""
    said = [
        by_construction(found),
        _partners(found),
        _of_what(found),
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


def _of_what(found: xr.Dataset) -> str:
    """Return of what the spectrum is, where that is not what the fit was of."""
    if "weights" in found.attrs:
        return (
            "The fit has weights of entries, or missing ones; eigenvalues, and weights of gene pairs, are of the "
            "network as it is stored."
        )
    if found.attrs.get("diagonal", "keep") == "ignore":
        return (
            "The diagonal does not count in the fit; eigenvalues are of the network with a diagonal of zeros."
        )
    return ""


def _partners(found: xr.Dataset) -> str:
    counts, a = counts_of(found), found.attrs
    n = found.sizes["factor"]
    involution = "an involution" if a["is_involution"] else "no involution"
    index = _number(found, "cosine_index")
    return (
        f"{a.get('network', 'The network')}, {counted(n, 'factor')} by {a.get('solver', 'an unknown solver')}: "
        f"{counted(counts['module'], 'module')} (w ∝ h), {counted(counts['pair'] // 2, 'pair')} of partners "
        f"(w_i ∝ h_j, w_j ∝ h_i), {counts['unresolved']} neither, from cosine {a['class_threshold']:.3f} on "
        f"({a['class_threshold_reason']}). "
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
    pairs = _pairs_found(found)
    # more than the spectrum has room for, or fewer: a minimum that is not the best one
    off = ""
    if pairs > high:
        off = f" {counted(pairs - high, 'pair')} more than the spectrum promises: a sign of a local minimum."
    elif pairs < low:
        off = f" {counted(low - pairs, 'pair')} fewer than the spectrum promises: a sign of a local minimum."
    return (
        f"The inertia law: of the {counted(k, 'eigenvalue')} of largest magnitude {predicted} {_be(predicted)} "
        f"negative{error}, so {counted(predicted, 'pair')} {_be(predicted)} expected before any factorization; the "
        f"assignment has {pairs}{others}, and WH itself "
        f"{counted(found.attrs['model_negative'], 'negative eigenvalue')}.{off}"
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
    there = found["partner_of"].to_numpy() >= 0
    said = []
    for which, start, meaning in (
        (~there, "Zero on a side", "the fit does not use them: fewer components would do"),
        (
            there & (cause == "non-convergence"),
            "Unresolved by non-convergence",
            "their gradients say that the fit has not arrived: iterate longer",
        ),
        (
            there & (cause == "non-uniqueness"),
            "Unresolved by non-uniqueness",
            "they are at a minimum, so other factors would do as well: fewer components, or restarts",
        ),
    ):
        places = np.flatnonzero(which)
        if len(places):
            listed = ", ".join(map(str, places[:12])) + (" …" if len(places) > 12 else "")
            said.append(f"{start}: factor(s) {listed}; {_known(found, meaning, which)}.")
    share = found.attrs.get("negative_mass", float("nan"))
    low, high = (found.attrs.get(f"negative_mass_{end}", float("nan")) for end in ("low", "high"))
    if not math.isnan(share):
        said.append(
            f"Negative eigenvalues hold {share:.1%} of what is known of ‖A‖², {low:.1%} to {high:.1%} of all of it."
        )
    return said


def _known(found: xr.Dataset, meaning: str, which: np.ndarray) -> str:
    """Return what a cause means; without gradients it is by whether the fit has converged by its own account."""
    there = found["partner_of"].to_numpy() >= 0
    gradient = found["gradient"].to_numpy()[which & there]
    if not len(gradient) or np.isfinite(gradient).any():
        return meaning
    arrived = "has" if found.attrs.get("converged") else "has not"
    return f"there is no gradient to tell ({found.attrs['gradient_note']}), the fit {arrived} converged by its own rule"


def _slopes(found: xr.Dataset) -> str:
    own, balanced = (_value(found, name) for name in ("own_slope_dispersion", "slope_dispersion"))
    start = ""
    if not math.isnan(own) and not math.isnan(balanced):
        start = (
            f"Slopes are a gauge: as {found.attrs.get('solver', 'the algorithm')} normalises its factors, slopes of "
            f"h on w differ by a factor of {math.exp(own):.3g} (one standard deviation of their log); balanced to "
            f"‖w‖ = ‖h‖, by {math.exp(balanced):.3g}. "
        )
    return (
        f"{start}What no rescaling changes: R² through the origin {_number(found, 'linearity')}, "
        f"rank correlation {_number(found, 'spearman')}, ‖WH − (WH)ᵀ‖/‖WH‖ {_number(found, 'asymmetry')}."
    )


def _price(found: xr.Dataset) -> list[str]:
    if "model_error" not in found:
        return []
    errors = dict(zip(found["model"].to_numpy(), found["model_error"].to_numpy(), strict=True))
    a = found.attrs
    wwt, wh = ("" if math.isnan(a[name]) else f" (bound {a[name]:.4f})" for name in ("bound_wwt", "bound_wh"))
    note = f" Note: {a['price_note']}." if a.get("price_note") else ""
    said = (
        f"The price of symmetry: WWᵀ of the same rank has relative error {errors['symline']:.4f}{wwt}, the fit itself "
        f"{a.get('relative_error', float('nan')):.4f}{wh}, and WSWᵀ, which can hold partners, "
        f"{errors['trifactor']:.4f}.{note}"
    )
    return [said]


def _restarts(found: xr.Dataset) -> list[str]:
    others = found.sizes["fit"] - 1
    if not others:
        return ["One fit: without restarts nothing is said of chance."]
    recur = found["recurrence"].to_numpy()
    start = (
        f"Over {counted(others, 'restart')}: factors recur, up to swapping W and Hᵀ, with a mean similarity of "
        f"{np.nanmedian(recur):.3f} (median over factors)"
    )
    if len(recur) > 1:
        significant = int((found["recurrence_q"].to_numpy() <= LEVEL).sum())
        # nearly every factor of a random network passes as well, so it is no evidence of structure
        start += (
            f"; {significant} of {len(recur)} have the same two sides together more often than if sides were put "
            f"together at random (q ≤ {LEVEL}), which tells factors from lists of gene sets, not a network from chance"
        )
    said = [f"{start}."]
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
        parts = [_against(found.sel(measure=measure, kind=kind), name, p) for measure, name, p in COMPARED]
        parts = [part for part in parts if part]
        if parts:
            said.append(f"Against {counted(count, f'{kind} network')}: {'; '.join(parts)}.")
    smallest = float(found.attrs["smallest_null_p"])
    if smallest > LEVEL:
        said.append(
            f"So many null networks cannot give a two-sided p below {smallest:.3f}; 39 of a kind can."
        )
    return said


def _against(row: xr.Dataset, name: str, test: str) -> str:
    """Return a measure beside a kind of null; nothing where either is not known."""
    value, mean, low, high, z, p = (
        float(row[of]) for of in ("measured", "null_mean", "null_low", "null_high", "z", test)
    )
    if math.isnan(value) or math.isnan(mean):
        return ""
    distance = "" if math.isnan(z) else f", z = {z:.1f}"
    side = "one-sided" if test == "p_symmetric" else "two-sided"
    return f"{name} {value:.3f} against {mean:.3f} ({low:.3f} to {high:.3f}){distance}, {side} p = {p:.3g}"


def _rank(found: xr.Dataset) -> list[str]:
    advice = found.attrs.get("rank_advice")
    return [str(advice)] if advice else []


def _number(found: xr.Dataset, measure: str) -> str:
    """Return a measure of the reference, and what it is over restarts; of one fit, its interval over factors."""
    row = found.sel(measure=measure)
    if math.isnan(float(row["measured"])):
        return "unknown"
    value = f"{float(row['measured']):.3f}"
    of_fits = row["by_fit"].to_numpy()
    if len(of_fits) > 1:
        return f"{value} (fits {np.nanmin(of_fits):.3f} to {np.nanmax(of_fits):.3f})"
    low, high = float(row["low"]), float(row["high"])
    return value if math.isnan(low) else f"{value} (95 % {low:.3f} to {high:.3f} over factors)"


def _value(found: xr.Dataset, measure: str) -> float:
    return float(found["measured"].sel(measure=measure))


def _genes(names: np.ndarray) -> str:
    return " ".join(str(name) for name in names[:4] if name)


def counted(number: int, name: str) -> str:
    """Return a number of things in words.

    Examples
    --------
    >>> counted(1, "pair"), counted(2, "pair")
    ('1 pair', '2 pairs')
    """
    return f"{number} {name}{'' if number == 1 else 's'}"


def _be(number: int) -> str:
    return "is" if number == 1 else "are"
