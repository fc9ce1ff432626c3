"""What :func:`dasknmf.nested` gives back: every variable, its dimensions and what it is."""

from __future__ import annotations

#: Dimensions: ``node`` (a factor of some level, of the tree that is shown), ``end`` (one more than nodes), ``member``
#: (a gene of a node), ``link`` (two nodes of one level), ``gene``; and of the measures ``tier`` (a level: a name of its
#: own, as ``level`` is a variable of nodes), ``branch`` and ``other_branch`` (which loadings of a fit go on to the next
#: level: W, H, index or partner), ``restart``.
#:
#: ``relational`` and ``coarsen`` count levels from the finest, so that parents are one level up; ``zoom`` counts them
#: from the root, so that parents are one level down. Attribute ``order`` says which: ``fine-to-coarse`` or
#: ``coarse-to-fine``.
VARIABLES: dict[str, tuple[tuple[str, ...], str]] = {
    # the tree, of one restart (attribute ``restart``) in one branch (attribute ``loadings``)
    "level": (("node",), "level of the factor"),
    "parent": (("node",), "node of which it is a part; -1: none"),
    "factor": (("node",), "number of the factor in the fit it comes from"),
    "stop_reason": (("node",), "why the tree ends here; empty where it goes on"),
    "nesting": (("node",), "share of its mass that lies in its parent; nan without one"),
    "node_reproducibility": (("node",), "mean cosine of its loadings to those matched in the other restarts"),
    "contribution": (("node",), "share of what its level explains that is with it; of a level they sum to 1"),
    "core": (("node",), "weight of the factor with itself, C_jj for loadings of norm 1: a module"),
    "member_offset": (("end",), "members of node i are those from its offset to the next one"),
    "member_gene": (("member",), "place of a gene in ``gene``"),
    "member_loading": (("member",), "its loading, above 0"),
    "link_first": (("link",), "a node"),
    "link_second": (("link",), "another node of its level, with a larger number"),
    "link_core": (("link",), "weight between them, C_ij for loadings of norm 1: partners"),
    "link_share": (("link",), "share of what their level explains that is between them"),
    # of zoom alone: what was found inside the node, whose factors are its parts
    "node_genes": (("node",), "genes of the node"),
    "node_edges": (("node",), "pairs of its genes with a weight above 0; -1 where they were not counted"),
    "node_rank": (("node",), "factors inside it, of the fit that is shown; 0 where it was not factorized"),
    "node_explained": (("node",), "1 − ‖A − WH‖² / ‖A‖² of that fit, A the subnetwork"),
    "node_bound": (("node",), "what the best matrix of that rank explains of the subnetwork"),
    "node_null_mean": (("node",), "mean of what fits of its null networks explain"),
    "node_null_sd": (("node",), "standard deviation of what they explain"),
    "node_p": (("node",), "one-sided rank p-value of what it explains, among its null networks"),
    "node_q": (("node",), "the same corrected for all nodes of its level and all ranks that were tried"),
    "split_reproducibility": (("node",), "mean cosine of its factors to those matched in the other restarts"),
    "member_weight": (("member",), "soft membership, above 0 and at most 1"),
    # levels
    "n_factors": (("tier",), "factors of the level"),
    "bound": (("tier",), "E*: share of ‖A‖² that the best matrix of that rank explains"),
    "fitted": (("tier", "restart"), "1 − ‖A − WH‖² / ‖A‖² of A factorized directly at that rank"),
    # what a level keeps of A, for its loadings L: E = 1 − ‖A − L C Lᵀ‖² / ‖A‖² with the best C ≥ 0
    "explained": (("branch", "tier", "restart"), "E of the level"),
    "retention": (("branch", "tier", "restart"), "ρ = E / E*"),
    "direct": (("branch", "tier", "restart"), "E of the loadings of A factorized directly at that rank"),
    "direct_retention": (("branch", "tier", "restart"), "the same over E*"),
    "marginal": (
        ("branch", "tier", "restart"),
        "what the level explains that all coarser ones together do not: E of the joined loadings with and without it",
    ),
    "together": (("branch", "restart"), "E of the loadings of all levels joined; marginals sum to it"),
    "effective_factors": (
        ("branch", "tier", "restart"),
        "exp of the entropy of the contributions of factors, Σ_i C_ij (LᵀAL)_ij of factor j",
    ),
    "overlap": (
        ("branch", "tier", "restart"),
        "mean cosine of different factors of a level; nan for one factor",
    ),
    "nesting_index": (
        ("branch", "tier", "restart"),
        "mean share of a factor's mass that lies in its parent; nan for the coarsest level",
    ),
    "nesting_chance": (
        ("branch", "tier", "restart"),
        "what that would be for factors spread over genes as all loadings of the level are",
    ),
    # agreement, each with the other restarts or branches
    "reproducibility": (
        ("branch", "tier", "restart"),
        "mean cosine of factors matched in the other restarts",
    ),
    "reproducibility_mean": (("branch", "tier"), "mean over restarts"),
    "reproducibility_low": (("branch", "tier"), "2.5 % of its bootstrap over restarts"),
    "reproducibility_high": (("branch", "tier"), "97.5 %"),
    "membership_agreement": (
        ("branch", "tier", "restart"),
        "mean adjusted mutual information of the factor each gene belongs to with that in the other restarts",
    ),
    "membership_chance": (
        ("branch", "tier", "restart"),
        "normalised mutual information that such memberships have by chance; the adjusted one is then 0",
    ),
    "branch_agreement": (
        ("branch", "other_branch", "tier", "restart"),
        "mean cosine of the factors of one branch matched in another, in the same restart",
    ),
}

#: What only a tree of subnetworks has.
OF_ZOOM = {name for name in VARIABLES if name.startswith("node_")} - {"node_reproducibility"} | {
    "split_reproducibility",
    "member_weight",
}
#: Loadings that a fit can hand on, in the order of ``branch``.
BRANCHES = ("W", "H", "partner", "index")
#: Dimensions of what belongs to the tree alone; the others are of measures.
OF_TREE = ("node", "end", "member", "link")
