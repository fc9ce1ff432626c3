"""One model of a run: its rows, its state and its history; and what becomes of its factors at the end."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dasknmf.solvers.face import Rows, Solver


@dataclass
class Model:
    """One model of a run, from its start to its end.

    ``sketched`` iterations of its history were done on the sketch of A, and ended for ``sketch_reason`` in the state
    ``before``.
    """

    name: str
    solver: Solver
    rows: Rows
    state: Any = None
    before: Any = None
    objective: list[float] = field(default_factory=list)
    squared_error: list[float] = field(default_factory=list)
    gradient: list[float] = field(default_factory=list)
    stop_reason: str = ""
    converged: bool = False
    sketched: int = 0
    sketch_reason: str = ""

    @property
    def columns(self) -> int:
        """Columns of A·X it needs."""
        return int(next(iter(self.rows.values())).shape[1])

    @property
    def factors(self) -> Rows:
        """W and Hᵀ, of which WH is the model."""
        return self.solver.result(self.rows, self.state)


@dataclass(frozen=True)
class Exact:
    """The end of a model, computed on A in float64."""

    squared_error: float
    sum_of_squares: float
    #: Kullback–Leibler divergence of A from WH, where that is what was minimised.
    divergence: float | None = None

    @property
    def relative_error(self) -> float:
        """‖A − WH‖ / ‖A‖, over the entries that count."""
        return relative_error(self.squared_error, self.sum_of_squares)


def relative_error(squared_error: float, sum_of_squares: float) -> float:
    """Return ‖A − WH‖ / ‖A‖; 0 for the zero matrix."""
    return float(np.sqrt(squared_error / sum_of_squares)) if sum_of_squares > 0 else 0.0


def balanced_core(core: NDArray[np.float64], rows: Rows) -> NDArray[np.float64]:
    """Return the S of W S Wᵀ for the W that :func:`balance` makes of these rows, of which the right ones are W S."""
    order, to = _gauge(rows)[:2]
    with np.errstate(divide="ignore", invalid="ignore"):
        made = core[np.ix_(order, order)] / np.outer(to["W"], to["W"])
    alive = to["W"] > 0
    return np.asarray(np.where(np.outer(alive, alive), made, 0.0))


def balance(rows: Rows) -> tuple[Rows, NDArray[np.float64], NDArray[np.float64]]:
    """Return rows with ‖w_j‖ = ‖h_j‖, heaviest factor first, the scales ‖w_j‖‖h_j‖ and the ratios ‖w_j‖/‖h_j‖ before.

    WH stays what it was: the ratio is a gauge of the algorithm, not of the network.
    """
    order, to, scale, ratio = _gauge(rows)
    # in C order, as the panels of a worker would be
    balanced = {
        name: np.ascontiguousarray(rows[name][:, order] * to[name], dtype=rows[name].dtype)
        for name in ("W", "H")
    }
    return balanced, scale[order], ratio[order]


def _gauge(
    rows: Rows,
) -> tuple[NDArray[np.intp], dict[str, NDArray[np.float64]], NDArray[np.float64], NDArray[np.float64]]:
    """Return the order of factors, by what they are multiplied in that order, their scales and their ratios."""
    norms = {name: np.linalg.norm(rows[name].astype(np.float64), axis=0) for name in ("W", "H")}
    scale = norms["W"] * norms["H"]
    order = np.argsort(-scale, kind="stable")
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = norms["W"] / norms["H"]
        to = {
            name: np.where(norms[name] > 0, np.sqrt(scale) / norms[name], 0.0)[order] for name in ("W", "H")
        }
    return order, to, scale, ratio
