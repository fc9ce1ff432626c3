"""What :func:`dasknmf.fragmentation` gives back: every variable, its dimensions and what it is."""

from __future__ import annotations

_CURVE = ("run", "quantity")

#: Dimensions: ``run`` (as given), ``quantity`` (a measure in a branch, such as ``retention partner``), ``tier`` (a
#: level, as in what :func:`dasknmf.nested` returns), ``restart``, ``form`` (exponential, linear, drop), ``comparison``
#: (a run with a control of the same choices), ``effect`` (two runs or branches that differ in one choice), ``standing``
#: (a way down on a network). Where a run has no such quantity, level or restart, numbers are nan and words empty.
VARIABLES: dict[str, tuple[tuple[str, ...], str]] = {
    # runs
    "kind": (("run",), "network, soules, planted-nested or null:…"),
    "network": (("run",), "its name"),
    "method": (("run",), "relational, coarsen or zoom"),
    "loadings": (("run",), "branch of its tree, whose retention its verdict is about"),
    "similarity": (("run",), "inner, cosine, core, or the power of row norms divided by"),
    "n_factors": (("run", "tier"), "factors of a level"),
    "bound": (("run", "tier"), "E* of a level"),
    "bound_gamma": (("run",), "γ of E* itself: what fewer factors hold, which retention is divided by"),
    # quantities
    "measure": (("quantity",), "retention, direct, reproducibility or agreement"),
    "branch": (("quantity",), "of its loadings; two of agreement"),
    # decay
    "gamma": (_CURVE, "γ of ρ_0 exp(−γ l), least squares on log ρ"),
    "gamma_low": (_CURVE, "2.5 % end of its interval over restarts"),
    "gamma_high": (_CURVE, "97.5 % end; inf where γ is a lower bound"),
    "t_low": (_CURVE, "2.5 % end by Student's t"),
    "t_high": (_CURVE, "97.5 % end by Student's t"),
    "half_life": (_CURVE, "ln 2 / γ in levels; inf where γ is not above 0"),
    "half_life_low": (_CURVE, "of the upper end of γ"),
    "half_life_high": (_CURVE, "of the lower end of γ"),
    "start": (_CURVE, "ρ_0"),
    "spread": (_CURVE, "standard deviation of γ between restarts"),
    "detectable": (_CURVE, "smallest γ whose interval would be above 0 in 80 % of such experiments"),
    "at_least": (_CURVE, "1 where so many values were below the floor that γ is a lower bound"),
    "levels_used": (_CURVE, "levels that the line is fitted to"),
    "gamma_of": (("run", "quantity", "restart"), "γ of each restart"),
    "kept": (("run", "quantity", "tier"), "mean over restarts"),
    "kept_of": (("run", "quantity", "tier", "restart"), "value of each restart"),
    "fitted": (("run", "quantity", "tier"), "ρ_0 exp(−γ l)"),
    "floor": (("run", "quantity", "tier"), "below it a value is not told from 0"),
    # form
    "misfit": (("run", "quantity", "form"), "root mean generalised cross-validation over levels, in ρ"),
    "advantage": (
        ("run", "quantity", "form"),
        "cross-validation above that of the exponential, mean over restarts",
    ),
    "advantage_low": (("run", "quantity", "form"), "2.5 % end of its interval"),
    "advantage_high": (("run", "quantity", "form"), "97.5 % end"),
    "drop_at": (_CURVE, "first level after the largest drop, in most restarts"),
    "best_form": (_CURVE, "the form that is better than both others; untold for none"),
    # verdict
    "verdict": (
        _CURVE,
        "fragments exponentially, declines, not exponentially, does not fragment, cannot tell",
    ),
    "sentence": (_CURVE, "the verdict with its numbers"),
    # controls
    "comparison_run": (("comparison",), "a run of a network"),
    "comparison_control": (("comparison",), "a control with the same method and similarity"),
    "comparison_kind": (("comparison",), "its kind"),
    "comparison_quantity": (("comparison",), "what is compared"),
    "difference": (("comparison",), "γ of the run above γ of the control"),
    "difference_low": (("comparison",), "2.5 % end of its interval"),
    "difference_high": (("comparison",), "97.5 % end"),
    # attribution
    "cause": (
        ("effect",),
        "normalising, semidefiniteness, index-wise, one side, rank, nesting, chance, restarts",
    ),
    "effect_run": (("effect",), "run with the choice"),
    "effect_branch": (("effect",), "its branch"),
    "effect_other": (("effect",), "run without; empty where it is of the run alone"),
    "effect_other_branch": (("effect",), "its branch"),
    "effect_gamma": (("effect",), "how much γ is larger with the choice"),
    "effect_low": (("effect",), "2.5 % end of its interval"),
    "effect_high": (("effect",), "97.5 % end"),
    "effect_start": (
        ("effect",),
        "how much −log ρ of the first level is larger: lost before nesting, not in γ",
    ),
    "effect_start_low": (("effect",), "2.5 % end"),
    "effect_start_high": (("effect",), "97.5 % end"),
    "effect_total": (("effect",), "how much −log ρ of the deepest common level is larger"),
    "effect_total_low": (("effect",), "2.5 % end"),
    "effect_total_high": (("effect",), "97.5 % end"),
    "effect_paired": (("effect",), "1 where restarts of the same seed were compared"),
    "effect_at_least": (("effect",), "1 where values below the floor make it a lower bound"),
    # choice
    "option": (("standing",), "method, loadings and similarity"),
    "option_network": (("standing",), "network it was run on"),
    "option_kept": (("standing",), "geometric mean of retention over levels and restarts"),
    "option_deepest": (("standing",), "geometric mean of retention of the deepest level"),
    "shortfall": (("standing",), "mean log retention below that of the best option of the network"),
    "shortfall_low": (("standing",), "2.5 % end of its interval"),
    "shortfall_high": (("standing",), "97.5 % end"),
}
