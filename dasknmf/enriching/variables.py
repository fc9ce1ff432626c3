"""What :func:`dasknmf.enrich` gives back: every variable, its dimensions and what it is."""

from __future__ import annotations

CELL = ("side", "factor", "set")

VARIABLES: dict[str, tuple[tuple[str, ...], str]] = {
    # top genes: one-sided exact test of Fisher
    "overlap": (CELL, "genes of the set among the top genes"),
    "odds_ratio": (CELL, "of the 2 × 2 table of set and top; infinite where an off-diagonal cell is 0"),
    "fold": (CELL, "overlap over its expectation"),
    "p": (CELL, "chance of such an overlap, or more, of genes drawn blindly; exact, one-sided"),
    "q": (CELL, "the same, Benjamini–Hochberg over the sets of a factor and side"),
    # all loadings: rank sums of Mann and Whitney
    "auroc": (CELL, "chance that a gene of the set has a larger loading than one outside; ties count half"),
    "z": (CELL, "distance of the rank sum from its mean, in standard deviations exact with ties"),
    "rank_p": (CELL, "chance of such a z, or more; gamma distribution with the exact skewness, one-sided"),
    "rank_q": (CELL, "the same, Benjamini–Hochberg over the sets of a factor and side"),
    # what was compared
    "size": (("set",), "genes of the set in the universe"),
    "given_size": (("set",), "genes of the set as given"),
    "top": (("side", "factor"), "top genes in the universe"),
    "top_rank": (
        ("side", "factor", "gene"),
        "rank among the top genes of the network, from 1; 0: not in the top",
    ),
    "in_universe": (("gene",), "whether the gene counts"),
    "set_offset": (("bound",), "genes of set s are set_gene[set_offset[s]:set_offset[s + 1]]"),
    "set_gene": (("member",), "places of genes in the network, of one set after the other"),
    "partner_of": (("factor",), "the row of H in the mean with each column of W"),
}
