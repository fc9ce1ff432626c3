"""A solver for a matrix with missing or weighted entries: the solver it was, given products with a filled matrix.

Each half-iteration is an EM step: F = WH + Ω∘(A − WH) takes the place of A, and since ½‖F − W'H‖² is above the
weighted objective and meets it at W' = W, what lowers the first lowers the second.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from dasknmf.solvers.face import Plain

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dasknmf.solvers.alternating import Alternating, AlternatingState
    from dasknmf.solvers.face import Known, Rows, Sums, Want

#: Solvers that can be given filled products, by name.
FILLED = ("hals", "mu")


@dataclass(frozen=True)
class Filled(Plain):
    """``hals`` or ``mu`` for ½ΣΩ∘(A − WH)² + penalties.

    What one read says of the objective is of the factors before the update, so that is what its history has.

    References
    ----------
    Srebro, Jaakkola, ICML 2003, section 3; Zhang, Wang, Ford, Makedon, SDM 2006, section 3.
    """

    solver: Alternating

    minimises: ClassVar[str] = "½ΣΩ∘(A − WH)²"
    looks_back: ClassVar[bool] = True
    #: Of the histories in a result.
    histories: ClassVar[dict[str, str]] = {
        "objective": "½ΣΩ∘(A − WH)² + penalties, of the factors before each iteration",
        "relative_error": "‖Ω^½∘(A − WH)‖ / ‖Ω^½∘A‖, of the factors before each iteration",
        "relative_gradient": "projected-gradient norm over that of its part F·X, F the filled matrix",
    }

    @property
    def name(self) -> str:
        """By which users choose it."""
        return self.solver.name

    @property
    def source(self) -> str:
        """The paper of the update."""
        return self.solver.source

    @property
    def rounds(self) -> int:
        """Sweeps an iteration takes."""
        return self.solver.rounds

    def rows_from(self, W: NDArray[Any], Ht: NDArray[Any]) -> Rows:
        """Return the rows of a start."""
        return self.solver.rows_from(W, Ht)

    def factors(self, rows: Rows, state: AlternatingState) -> Rows:
        """Return both factors."""
        return self.solver.factors(rows, state)

    def measure(self, rows: Rows) -> Sums:
        """Return what a row panel adds to the sums that ``start`` needs."""
        return self.solver.measure(rows)

    def start(self, sums: Sums, known: Known) -> Any:
        """Return the first state."""
        return self.solver.start(sums, known)

    def restore(self, saved: dict[str, Any]) -> Any:
        """Return the state of a checkpoint."""
        return self.solver.restore(saved)

    def wants(self, state: AlternatingState) -> Want:  # noqa: ARG002
        """Return that each half-iteration wants a filled product."""
        return "filled"

    def asks(self, rows: Rows, state: AlternatingState) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return the factor that is next, and the one that F is multiplied with."""
        X = self.solver.asks(rows, state)
        return rows["W" if state.half == 0 else "H"], X

    def update_rows(self, rows: Rows, AX: NDArray[Any], state: AlternatingState) -> tuple[Rows, Sums]:
        """Update a row panel, given its rows of F·X."""
        made, sums = self.solver.update_rows(rows, AX, state)
        if state.half == 0:
            sums["before"] = self._penalty(rows)
        return made, sums

    def _penalty(self, rows: Rows) -> float:
        solver = self.solver
        total = 0.0
        for name, l1, l2 in (("W", solver.l1_W, solver.l2_W), ("H", solver.l1_H, solver.l2_H)):
            if l1 or l2:
                F = rows[name].astype(np.float64)
                total += l1 * float(F.sum()) + l2 / 2 * float(np.vdot(F, F))
        return total

    def reduce(self, state: AlternatingState, sums: Sums) -> Any:
        """Return the next state; its objective is that of the factors before both halves, ``sums["squared"]``."""
        squared, objective = state.squared_error, state.objective
        if state.half == 0:
            # pairs that Grams stand for can leave a little below zero
            squared = max(0.0, sums["squared"])
            objective = squared / 2 + sums["before"]
        return replace(self.solver.reduce(state, sums), squared_error=squared, objective=objective)
