"""The Frobenius updates as the R package NMF does them: H first, and columns of W that sum to one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from dasknmf.solvers.alternating import gram_of
from dasknmf.solvers.face import Plain

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dasknmf.solvers.face import Known, Rows, Sums, Want

#: Added below, and the least that is above the line, of every ratio.
FLOOR = 1e-9


@dataclass(frozen=True)
class LeeState:
    """Between two half-iterations; the objective is that of the factors before the last iteration.

    Attributes
    ----------
    half : int
        0 when H is next, 1 when W is.
    scale : ndarray, shape (k,)
        By what the columns of W, as they are kept, are multiplied.
    gram_W, gram_H : ndarray, shape (k, k)
        WᵀW, of W so multiplied, and HHᵀ.
    sum_of_squares : float
        ‖A‖².
    half_gradient, half_product : float
        H's share in the relative gradient.
    """

    scale: NDArray[np.float64]
    gram_W: NDArray[np.float64]
    gram_H: NDArray[np.float64]
    sum_of_squares: float
    iteration: int = 0
    half: int = 0
    objective: float = float("nan")
    squared_error: float = float("nan")
    relative_gradient: float = float("nan")
    half_gradient: float = 0.0
    half_product: float = 0.0

    @property
    def between(self) -> bool:
        """True when W and H have been updated equally often."""
        return self.half == 0


@dataclass(frozen=True)
class Lee(Plain):
    """H ← H ∘ (A·W)ᵀ ⊘ (WᵀW H); W ← W ∘ (A·Hᵀ) ⊘ (W HHᵀ); W's columns divided by their sums.

    H does not make up for the division: its next update does. So the objective can rise, and is far off after the
    first iteration; ``mu`` does neither. This one is for those who want what ``method="lee"`` gives in R, also its
    least of 1e-9 in every ratio, whatever the unit of A: weights must not be near it.

    References
    ----------
    Lee, Seung, NIPS 13 (2001), theorem 1; Gaujoux, Seoighe, BMC Bioinformatics 11 (2010) 367, the R package NMF.
    """

    name: ClassVar[str] = "lee"
    minimises: ClassVar[str] = "½‖A − WH‖²"
    source: ClassVar[str] = "Lee & Seung 2001, as in Gaujoux & Seoighe 2010"
    rounds: ClassVar[int] = 2
    looks_back: ClassVar[bool] = True
    multiplicative: ClassVar[bool] = True

    def rows_from(self, W: NDArray[Any], Ht: NDArray[Any]) -> Rows:
        """Return both factors."""
        return {"W": W, "H": Ht}

    def factors(self, rows: Rows, state: LeeState) -> Rows:
        """Return both factors; the division of W waits for its sums, until it is used."""
        return {"W": rows["W"] * state.scale.astype(rows["W"].dtype), "H": rows["H"]}

    def measure(self, rows: Rows) -> Sums:
        """Return the shares of both Grams."""
        return {"gram_W": gram_of(rows["W"]), "gram_H": gram_of(rows["H"])}

    def start(self, sums: Sums, known: Known) -> LeeState:
        """Return the state before the first iteration."""
        scale = np.ones(len(sums["gram_W"]))
        return LeeState(scale, sums["gram_W"], sums["gram_H"], sum_of_squares=known.sum_of_squares)

    def carry_on(self, state: LeeState, before: LeeState) -> LeeState:
        """Return the first state on A with the division that waited on its sketch."""
        scale = before.scale
        return replace(state, scale=scale, gram_W=state.gram_W * np.outer(scale, scale))

    def restore(self, saved: dict[str, Any]) -> LeeState:
        """Return the state of a checkpoint."""
        return LeeState(**saved)

    def wants(self, state: LeeState) -> Want:  # noqa: ARG002
        """Return that each half-iteration wants a product."""
        return "product"

    def asks(self, rows: Rows, state: LeeState) -> NDArray[Any]:
        """Return W, to update H, or H, to update W."""
        return self.factors(rows, state)["W"] if state.half == 0 else rows["H"]

    def update_rows(self, rows: Rows, AX: NDArray[Any], state: LeeState) -> tuple[Rows, Sums]:
        """Update a row panel of the factor that is next."""
        name, gram = ("H", state.gram_W) if state.half == 0 else ("W", state.gram_H)
        old = self.factors(rows, state)[name]
        kind = old.dtype.type
        Y, below = AX.astype(old.dtype, copy=False), old @ gram.astype(old.dtype)
        new = np.asarray(np.maximum(old * Y, kind(FLOOR)) / (below + kind(FLOOR)), dtype=old.dtype)
        gradient = np.where((old > 0) | (below < Y), below - Y, 0).astype(np.float64)
        sums = {
            "gram": gram_of(new),
            "columns": new.sum(axis=0, dtype=np.float64),
            "before": float(np.einsum("ij,ij->", Y, old, dtype=np.float64)),
            "gradient": float(np.vdot(gradient, gradient)),
            "product": float(np.einsum("ij,ij->", Y, Y, dtype=np.float64)),
        }
        return {**rows, name: new}, sums

    def reduce(self, state: LeeState, sums: Sums) -> LeeState:
        """Return the next state."""
        if state.half == 0:
            fitted = float(np.vdot(state.gram_W, state.gram_H))
            squared = max(0.0, state.sum_of_squares - 2 * sums["before"] + fitted + sums.get("unseen", 0.0))
            return replace(
                state,
                half=1,
                gram_H=sums["gram"],
                objective=squared / 2,
                squared_error=squared,
                half_gradient=sums["gradient"],
                half_product=sums["product"],
            )
        scale = 1 / sums["columns"]
        gradient, product = state.half_gradient + sums["gradient"], state.half_product + sums["product"]
        relative = float(np.sqrt(gradient / product)) if product > 0 else 0.0
        # also a minimum is left where columns do not sum to one, so that both must have settled
        moved = float(np.abs(sums["columns"] - 1).max())
        return replace(
            state,
            half=0,
            iteration=state.iteration + 1,
            scale=scale,
            gram_W=sums["gram"] * np.outer(scale, scale),
            relative_gradient=max(relative, moved),
        )
