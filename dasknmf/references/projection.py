"""What k random combinations of A's columns say of it: A ≈ Q(QᵀA), Q an orthonormal basis of A·Ω.

The honest baseline of a search for k factors. Q is made of A, by one product and without power steps or columns to
spare, so it has seen what an algorithm sees first, and everything below its error is what the search itself gained. A
basis that knows nothing of A would be no baseline: its error is √(1 − k/n) for any network.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from dasknmf.decomposition import Decomposition, Registry, balanced
from dasknmf.sketched import FACTOR

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from dasknmf.engine.sketch import Sketch
    from dasknmf.options import ModelOptions
    from dasknmf.stages import Session

#: What the Dataset of ``solver="random-projection"`` says of W and H.
VARIABLES: Registry = {
    "W": (("gene", "factor"), "Q, an orthonormal basis of A·Ω, columns balanced: Q = W / ‖w_j‖; with signs"),
    "H": (("factor", "gene"), "QᵀA, rows balanced; with signs"),
}


def random_projection(
    session: Session, models: Sequence[ModelOptions], sketch: Sketch | None
) -> list[Decomposition]:
    """Return Q and QᵀA for each model, from two reads; a lower rank of the same seed has the first columns."""
    del sketch
    widest: dict[int, int] = {}
    for model in models:
        widest[model.seed] = max(model.n_components, widest.get(model.seed, 0))
    n = session.operator.n
    # by rows of the transpose, so that a lower rank has the same first columns
    drawn = [np.random.default_rng([seed, n]).standard_normal((k, n)).T for seed, k in widest.items()]
    Y = session.product(np.concatenate(drawn, axis=1, dtype=FACTOR))
    cuts = np.cumsum(list(widest.values()))[:-1]
    bases = [np.linalg.qr(part.astype(np.float64))[0].astype(FACTOR) for part in np.split(Y, cuts, axis=1)]
    AQ = session.product(np.concatenate(bases, axis=1))
    found = dict(zip(widest, zip(bases, np.split(AQ, cuts, axis=1), strict=True), strict=True))
    return [_projected(*found[model.seed], model.n_components) for model in models]


def _projected(Q: NDArray[Any], AQ: NDArray[Any], k: int) -> Decomposition:
    rows, scale, gauge, _ = balanced(Q[:, :k], AQ[:, :k])
    return Decomposition(
        rows,
        scale,
        gauge,
        registry=VARIABLES,
        stop_reason="direct: a product with random columns, and a projection",
        signed=True,
    )
