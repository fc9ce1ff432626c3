"""How far the restarts of one rank agree: all measures of a survey, and the consensus of their factors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from dasknmf.analysis.consensus import Consensus, consensus_factors
from dasknmf.analysis.matching import restart_similarity
from dasknmf.analysis.memberships import gene_stability
from dasknmf.analysis.stability import restart_stability, silhouette

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from dasknmf.analysis.matching import Factors


@dataclass(frozen=True, eq=False)
class Agreement:
    """Measures of a rank by name, the stability of each restart, and the consensus."""

    measures: dict[str, float]
    per_restart: NDArray[Any]
    consensus: Consensus


def agreement(restarts: Sequence[Factors], *, method: Literal["medoid", "mean"], seed: int) -> Agreement:
    """Return how far restarts agree.

    Parameters
    ----------
    restarts : sequence of (W, Hᵀ), shapes (n, k)
        Factors of each.
    method : {"medoid", "mean"}
        Of the consensus.
    seed : int
        Of samples and bootstraps.
    """
    between = restart_similarity(restarts)
    stability = restart_stability(between, seed=seed)
    cophenetic, dispersion = gene_stability(restarts, seed=seed)
    measures = {
        "stability": stability.mean,
        "stability_low": stability.low,
        "stability_high": stability.high,
        "cophenetic": cophenetic,
        "dispersion": dispersion,
        "silhouette": silhouette(between).mean,
    }
    return Agreement(measures, stability.per_restart, consensus_factors(restarts, method=method, seed=seed))
