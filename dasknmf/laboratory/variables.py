"""What :func:`dasknmf.symmetry` gives back: every variable, its dimensions and what it is."""

from __future__ import annotations

#: Dimensions: ``factor`` (of the reference fit), ``side`` (W, H), ``top`` (rank of a gene), ``fit`` (restarts),
#: ``measure`` (one number a fit), ``kind`` (of null model), ``null`` (one fit of one of them), ``eigenpair``, ``rank``
#: (of the spectrum), ``pair`` (2-cycles), ``entry`` (pairs of genes of all pairs of factors), ``model`` (symmetric),
#: ``alignment`` (index: factor j with factor j; matched: with its partner).
VARIABLES: dict[str, tuple[tuple[str, ...], str]] = {
    # partners: the optimal assignment between columns of W and rows of H
    "cosine": (("factor", "partner"), "cosine of column j of W and row i of H"),
    "partner_of": (("factor",), "the row of H assigned to each column of W"),
    "own_cosine": (("factor",), "cosine of w_j and h_j"),
    "partner_cosine": (("factor",), "cosine of w_j and the row of H assigned to it"),
    "cycle": (("factor",), "number of the cycle of the assignment it belongs to"),
    "cycle_length": (("factor",), "1: own partner; 2: a pair; 0: unmatched, as zero on a side"),
    "class": (("factor",), "module, pair, or unresolved"),
    "top_gene": (("factor", "side", "top"), "genes with the largest loadings; empty where there are fewer"),
    "top_loading": (("factor", "side", "top"), "their loadings, balanced"),
    # gauge-free relations of w_j and the row of H assigned to it
    "pearson": (("factor",), "Pearson correlation over genes"),
    "spearman": (("factor",), "rank correlation over genes"),
    "linearity": (("factor",), "R² of h = b w: what the best line through the origin explains, Σh² = 1"),
    "monotone": (("factor",), "R² of the best non-decreasing function of w, by the same norm"),
    "curvature_p": (
        ("factor",),
        "chance of such a gain of the monotone fit over the line, by wild bootstrap",
    ),
    "curvature_q": (("factor",), "the same, Benjamini–Hochberg over factors"),
    # slopes of h on w: a gauge; balanced, and as the algorithm left its factors
    "slope": (("factor",), "least-squares slope through the origin, ‖w‖ = ‖h‖ for each factor"),
    "slope_low": (("factor",), "2.5 % end of its sandwich interval"),
    "slope_high": (("factor",), "97.5 % end"),
    "slope_tls": (("factor",), "total-least-squares slope through the origin, balanced"),
    "slope_tls_low": (("factor",), "2.5 % end of its sandwich interval"),
    "slope_tls_high": (("factor",), "97.5 % end"),
    "own_slope": (("factor",), "least-squares slope under the algorithm's own normalisation"),
    "own_slope_tls": (("factor",), "total-least-squares slope under the algorithm's own normalisation"),
    # the part of WH that is not symmetric
    "skew_share": (
        ("factor",),
        "share of ‖WH − (WH)ᵀ‖² that is of a factor, by its inner product; they sum to 1",
    ),
    # cause
    "gradient": (("factor",), "projected gradient of w_j and h_j over that of its part A·X"),
    "cause": (("factor",), "symmetric, structure, non-uniqueness or non-convergence"),
    # chance, over restarts
    "recurrence": (("factor",), "mean similarity to its match in other restarts, W and Hᵀ swapped or not"),
    "recurrence_low": (("factor",), "2.5 % of its bootstrap over restarts"),
    "recurrence_high": (("factor",), "97.5 %"),
    "recurrence_p": (("factor",), "chance of such similarity if sides were put together at random"),
    "recurrence_q": (("factor",), "the same, Benjamini–Hochberg over factors"),
    "orientation": (("factor",), "share of other restarts in which the same gene set is in W"),
    "orientation_low": (("factor",), "2.5 % end of its exact interval"),
    "orientation_high": (("factor",), "97.5 % end"),
    "orientation_p": (("factor",), "two-sided exact binomial test of a fair coin"),
    "orientation_q": (("factor",), "the same, Benjamini–Hochberg over factors"),
    # one number a fit
    "measured": (("measure",), "of the reference fit"),
    "gauge_free": (("measure",), "1 where no rescaling of factors changes it"),
    "by_fit": (("measure", "fit"), "of every restart"),
    "mean": (("measure",), "over restarts"),
    "low": (
        ("measure",),
        "2.5 % of the bootstrap of that mean; of fewer than 3 fits, of the first over factors",
    ),
    "high": (("measure",), "97.5 %"),
    "by_null": (("measure", "null"), "of every fit of a null model"),
    "null_kind": (("null",), "which null model"),
    "null_mean": (("measure", "kind"), "mean over fits of a null model"),
    "null_low": (("measure", "kind"), "2.5 % of them"),
    "null_high": (("measure", "kind"), "97.5 % of them"),
    "z": (("measure", "kind"), "distance from the null mean in its standard deviations"),
    "p": (("measure", "kind"), "two-sided, by rank among the fits of a null model"),
    "q": (("measure", "kind"), "the same, Benjamini–Hochberg over measures"),
    "effect": (("measure", "kind"), "Cliff's delta: share of null fits below minus share above"),
    "p_symmetric": (
        ("measure", "kind"),
        "one-sided: as far to the side of W and Hᵀ alike; nan for measures without",
    ),
    "fit_error": (("fit",), "‖A − WH‖ / ‖A‖ of every restart, on A"),
    # may factors be compared within W alone: similarity of columns of W against that of rows of H
    "mantel": (("alignment",), "correlation of the similarities of different factors by W and by H"),
    "mantel_low": (("alignment",), "2.5 % end of its jackknife interval over factors"),
    "mantel_high": (("alignment",), "97.5 % end"),
    "mantel_p": (("alignment",), "one-sided: chance of it if it were unknown which factor is which"),
    "cka": (("alignment",), "linear centred kernel alignment of the same"),
    "cka_low": (("alignment",), "2.5 % end of its jackknife interval over factors"),
    "cka_high": (("alignment",), "97.5 % end"),
    "cka_p": (("alignment",), "one-sided: chance of it if it were unknown which factor is which"),
    "cka_expected": (("alignment",), "its mean if it were unknown which factor is which"),
    # the inertia law
    "eigenvalue": (("eigenpair",), "of A, by descending magnitude, from its sketch"),
    "eigenvalue_error": (("eigenpair",), "an eigenvalue of A lies within it of each"),
    "mirror": (("eigenpair",), "place of the eigenvalue of opposite sign over the same genes; -1: none"),
    "predicted_pairs": (("rank",), "negative ones of the eigenvalues of largest magnitude"),
    "predicted_low": (("rank",), "fewest that errors of eigenvalues allow"),
    "predicted_high": (("rank",), "most"),
    "splits": (("rank",), "pairs of eigenvalues ± that a cut at this rank takes apart"),
    # price of symmetry
    "model_error": (("model",), "relative error of a symmetric model of the same rank, on A"),
    "model_bound": (("model",), "what no model of its kind can beat, by the spectrum"),
    # pairs of factors, and the genes between them
    "pair_first": (("pair",), "factor whose W side is the first gene set"),
    "pair_second": (("pair",), "its partner"),
    "entry_pair": (("entry",), "which pair"),
    "entry_gene": (("entry", "side"), "a gene of each set"),
    "entry_weight": (("entry",), "their weight in A"),
    "entry_model": (("entry",), "their weight in WH, the mean of both directions"),
}
