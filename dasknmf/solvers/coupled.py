"""Symmetric factorization by two factors that are drawn together: what symhals and anls-sym share."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from dasknmf.solvers.alternating import AlternatingState, HalfSteps
from dasknmf.solvers.initial import symmetric_start

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dasknmf.solvers.face import Known, Rows, Sums

#: Coupling at first, as a share of ‖A‖, and by what it grows in each iteration. On three gene networks a tenth of the
#: share began with U and V apart for 60 iterations and ended no lower; with 1.1 the factors froze too early.
FIRST, GROWTH = 0.01, 1.05


@dataclass(frozen=True)
class CoupledState(AlternatingState):
    """As of other alternations, W and H being U and V.

    Attributes
    ----------
    alpha : float
        The coupling of this iteration.
    held : bool
        Whether it stays.
    bound : float
        Above which U = V wherever the iterations can converge to from here; see :class:`Coupled`.
    apart : float
        ‖U − V‖² after the last whole iteration.
    size : float
        ‖V‖² then.
    """

    alpha: float = 0.0
    held: bool = False
    bound: float = float("nan")
    apart: float = float("nan")
    size: float = float("nan")

    @property
    def annealing(self) -> bool:
        """True while the coupling grows, so that the objective says nothing of convergence."""
        return not self.held


@dataclass(frozen=True)
class Coupled(HalfSteps):
    """Minimises ½‖A − UVᵀ‖² + ½ alpha ‖U − V‖² by updates of U and V in turn, for A ≈ UUᵀ.

    Parameters
    ----------
    alpha : float, optional
        Kept from the first iteration on. By default it begins at 1 % of ‖A‖ and grows by 5 % an iteration until it is
        above the bound; models do not count as converged before.

    Notes
    -----
    A critical point has U = V if alpha > ½(‖UVᵀ‖₂ − λ_n), λ_n the smallest eigenvalue of A. Iterations that lower
    the objective f never have ‖A − UVᵀ‖ above √(2f), so that ½(‖A‖₂ − λ_n + √(2f)) is enough; and ‖A‖₂ − λ_n is at
    most √2‖A‖, as λ_1² + λ_n² ≤ ‖A‖². So the bound ½(√2‖A‖ + √(2f)) needs no eigenvalue. It is sufficient, not
    necessary: on gene networks ‖U − V‖ is below 1 % of ‖U‖ at a tenth of it.

    Both begin as the same W; see :func:`dasknmf.solvers.initial.symmetric_start`. The model that is returned has one
    factor, (U + V) / 2: when U = V to rounding, either of them.

    References
    ----------
    Zhu, Li, Liu, Li, NeurIPS 31 (2018), theorem 1; Li, Zhu, Li, Liu, arXiv:2301.10499.
    """

    alpha: float | None = None

    minimises: ClassVar[str] = "½‖A − UVᵀ‖² + ½ alpha ‖U − V‖², alpha growing until U = V"

    def rows_from(self, W: NDArray[Any], Ht: NDArray[Any]) -> Rows:
        """Return two equal factors."""
        start = symmetric_start(W, Ht)
        return {"W": start, "H": start.copy()}

    def result(self, rows: Rows, state: CoupledState) -> Rows:  # noqa: ARG002
        """Return the mean of both factors, twice."""
        mean = (rows["W"] + rows["H"]) / 2
        return {"W": mean, "H": mean}

    def start(self, sums: Sums, known: Known) -> CoupledState:
        """Return the state before the first iteration."""
        size = float(np.sqrt(known.sum_of_squares))
        return CoupledState(
            gram=sums["gram"],
            sum_of_squares=known.sum_of_squares,
            alpha=FIRST * size if self.alpha is None else self.alpha,
            held=self.alpha is not None,
        )

    def settles(self, state: CoupledState) -> bool:
        """Tell whether the coupling has stopped growing."""
        return not state.annealing

    def carry_on(self, state: CoupledState, before: CoupledState) -> CoupledState:
        """Return the first state on A with the coupling that was reached on its sketch."""
        return replace(state, alpha=before.alpha, held=before.held, bound=before.bound)

    def restore(self, saved: dict[str, Any]) -> CoupledState:
        """Return the state of a checkpoint."""
        return CoupledState(**saved)

    def facts(self, state: CoupledState) -> dict[str, float]:
        """Return the coupling that was reached, the bound, and ‖U − V‖ / ‖V‖."""
        apart = np.sqrt(state.apart / state.size) if state.size > 0 else 0.0
        return {"alpha_reached": state.alpha, "alpha_bound": state.bound, "apart": float(apart)}

    def system(
        self,
        name: str,  # noqa: ARG002
        Y: NDArray[Any],
        X: NDArray[Any],
        state: CoupledState,
    ) -> tuple[NDArray[Any], NDArray[np.float64]]:
        """Return (A + alpha)·X and G + alpha."""
        return Y + X.dtype.type(state.alpha) * X, state.gram + state.alpha * np.eye(len(state.gram))

    def update_rows(self, rows: Rows, AX: NDArray[Any], state: CoupledState) -> tuple[Rows, Sums]:
        """Update a row panel of the factor that is next; the sums are of A itself, and of U − V."""
        new, sums = super().update_rows(rows, AX, state)
        X, made = (rows["H"], new["W"]) if state.half == 0 else (rows["W"], new["H"])
        apart = (made - X).astype(np.float64)
        sums["apart"] = float(np.vdot(apart, apart))
        sums["cross"] -= state.alpha * float(np.einsum("ij,ij->", made, X, dtype=np.float64))
        sums["product"] = float(np.einsum("ij,ij->", AX, AX, dtype=np.float64))
        return new, sums

    def reduce(self, state: CoupledState, sums: Sums) -> CoupledState:
        """Return the next state, after H's half with the coupling of the next iteration."""
        reduced: CoupledState = super().reduce(state, sums)
        if state.half == 0:
            return reduced
        objective = reduced.objective + state.alpha / 2 * sums["apart"]
        # where a diagonal does not count, A has the model's own in its place
        size = float(np.sqrt(state.sum_of_squares + max(0.0, sums.get("unseen", 0.0))))
        bound = (np.sqrt(2) * size + np.sqrt(2 * objective)) / 2
        held = state.held or state.alpha > bound or not bound
        return replace(
            reduced,
            objective=objective,
            alpha=state.alpha if held else state.alpha * GROWTH,
            held=bool(held),
            # once alpha is held, the bound is that of the moment from which on it was
            bound=state.bound if state.held and np.isfinite(state.bound) else float(bound),
            apart=sums["apart"],
            size=float(np.trace(sums["gram"])),
        )
