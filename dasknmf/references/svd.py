"""The truncated SVD of A, from its sketch: the nearest matrix of its rank, and the eigenvectors themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from dasknmf.decomposition import Decomposition, Registry
from dasknmf.sketched import FACTOR
from dasknmf.sketching import vectors_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from dasknmf.engine.sketch import Sketch
    from dasknmf.options import ModelOptions
    from dasknmf.stages import Session

#: What the Dataset of ``solver="svd"`` holds besides W, H, scale and gauge.
VARIABLES: Registry = {
    "W": (("gene", "factor"), "v√|λ| of each eigenpair of A, with signs"),
    "H": (("factor", "gene"), "sign(λ)·v√|λ| of each eigenpair of A, with signs"),
    "eigenvalue": (("factor",), "λ of A, by |λ|"),
    "eigenvalue_error": (("factor",), "‖A·v − λv‖: an eigenvalue of A lies within it"),
}


def svd(session: Session, models: Sequence[ModelOptions], sketch: Sketch | None) -> list[Decomposition]:
    """Return the k leading eigenpairs of A as factors, for each model, from the sketch that all share."""
    assert sketch is not None
    vectors = vectors_of(sketch, session.executor)
    return [_truncated(sketch, vectors, model.n_components) for model in models]


def _truncated(sketch: Sketch, vectors: NDArray[Any], k: int) -> Decomposition:
    values, errors = sketch.values[:k], sketch.residuals[:k]
    W = np.ascontiguousarray(vectors[:, :k] * np.sqrt(np.abs(values)), dtype=FACTOR)
    Ht = np.ascontiguousarray(W * np.sign(values), dtype=FACTOR)
    return Decomposition(
        {"W": W, "H": Ht},
        scale=np.abs(values),
        gauge=np.where(values != 0, 1.0, np.nan),
        registry=VARIABLES,
        variables={"eigenvalue": values, "eigenvalue_error": errors},
        attributes={"sketch_reads": sketch.sweeps, "negative_eigenvalues": int((values < 0).sum())},
        stop_reason=f"direct: eigenpairs from a sketch of {sketch.sweeps} reads",
        converged=sketch.is_settled(k),
        signed=True,
    )
