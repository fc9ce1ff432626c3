"""What brunet and nsnmf share: H and W in turn, each from the ratios of A to WH; and how far one is from the end."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from dasknmf.errors import InputError
from dasknmf.solvers.connectivity import members, moved, same_partition
from dasknmf.solvers.face import Plain

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dasknmf.solvers.face import Known, Rows, Sums, Want

#: Iterations from one check of the connectivity to the next, and from one raising to the floor to the next.
EVERY = 10
#: Rows of which a Gram is formed together, in their own precision, before it is added in float64.
GRAM_ROWS = 512


@dataclass(frozen=True)
class DivergenceState:
    """Between two half-iterations.

    Attributes
    ----------
    columns_W, columns_H : ndarray, shape (k,)
        Column sums of W and of Hᵀ.
    scale : ndarray, shape (k,)
        What the rows of W are still to be multiplied by.
    multiplier : ndarray, shape (k,)
        By which a condition on the columns of W changes the column sums that its ratios are compared with.
    n, total, sum_of_squares
        Genes, ΣA and ‖A‖².
    iteration : int
        Whole iterations done.
    half : int
        0 when H is next, 1 when W is.
    objective, squared_error : float
        The divergence, and ‖A − WH‖², before the last whole iteration: its first sweep meets them.
    relative_gradient : float
        See :func:`stationarity`.
    half_gap, half_part : float
        H's share of it, kept while W is updated.
    unchanged : int
        Checks in a row that found the connectivity unchanged.
    stopped : str
        Why it stops by itself, or nothing.
    """

    columns_W: NDArray[np.float64]
    columns_H: NDArray[np.float64]
    scale: NDArray[np.float64]
    multiplier: NDArray[np.float64]
    n: int
    total: float
    sum_of_squares: float
    iteration: int = 0
    half: int = 0
    objective: float = float("nan")
    squared_error: float = float("nan")
    relative_gradient: float = float("nan")
    half_gap: float = 0.0
    half_part: float = 0.0
    unchanged: int = 0
    stopped: str = ""

    @property
    def between(self) -> bool:
        """True when W and H have been updated equally often."""
        return self.half == 0


@dataclass(frozen=True)
class Divergence(Plain):
    """Minimises D(A‖WH) = Σ A log(A / WH) − A + WH, the Kullback–Leibler divergence, by H and W in turn.

    Parameters
    ----------
    floor : float
        Every ten iterations, entries below are raised to it, so that none is zero for ever; 0 never does.
    connectivity : int
        Stop when so many checks in a row, one every ten iterations, found that each gene still has its largest
        loading in H together with the same genes; 0 never does.
    """

    floor: float = 2.0**-52
    connectivity: int = 40

    name: ClassVar[str] = ""
    minimises: ClassVar[str] = "Σ A log(A / WH) − A + WH"
    source: ClassVar[str] = ""
    rounds: ClassVar[int] = 2
    looks_back: ClassVar[bool] = True
    multiplicative: ClassVar[bool] = True
    fits_sketch: ClassVar[bool] = False

    def __post_init__(self) -> None:
        """Refuse parameters that mean nothing."""
        if not (math.isfinite(self.floor) and self.floor >= 0):
            msg = f"floor={self.floor!r}: needs a finite number of at least 0"
            raise InputError(msg)
        if not hasattr(self.connectivity, "__index__") or self.connectivity < 0:
            msg = f"connectivity={self.connectivity!r}: needs a whole number of checks, or 0"
            raise InputError(msg)

    def smooth(self, F: NDArray[Any]) -> NDArray[Any]:
        """Return F·S, the factor as the model has it; also of its column sums, shape (k,)."""
        return F

    def rows_from(self, W: NDArray[Any], Ht: NDArray[Any]) -> Rows:
        """Return both factors."""
        return {"W": W, "H": Ht}

    def factors(self, rows: Rows, state: DivergenceState | None) -> Rows:
        """Return both factors."""
        return {"W": _scaled(rows["W"], state), "H": self.smooth(rows["H"])}

    def measure(self, rows: Rows) -> Sums:
        """Return column sums."""
        return {name: rows[name].sum(axis=0, dtype=np.float64) for name in ("W", "H")}

    def start(self, sums: Sums, known: Known) -> DivergenceState:
        """Return the state before the first iteration."""
        ones = np.ones(len(sums["W"]))
        return DivergenceState(sums["W"], sums["H"], ones, ones, known.n, known.total, known.sum_of_squares)

    def restore(self, saved: dict[str, Any]) -> DivergenceState:
        """Return the state of a checkpoint."""
        return DivergenceState(**saved)

    def stopped(self, state: DivergenceState) -> str:
        """Return that genes stay together, if they do."""
        return state.stopped

    def wants(self, state: DivergenceState) -> Want:
        """Return that each half-iteration wants the ratios, and the first of them their objective."""
        return "scored ratio" if state.half == 0 else "ratio"

    def asks(self, rows: Rows, state: DivergenceState) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return H and what it is multiplied with, or W and what it is."""
        W, H = _scaled(rows["W"], state), rows["H"]
        return (H, self.smooth(W)) if state.half == 0 else (W, self.smooth(H))

    def update_rows(self, rows: Rows, AX: NDArray[Any], state: DivergenceState) -> tuple[Rows, Sums]:
        """Update a row panel of the factor that is next."""
        L, R = self.asks(rows, state)
        name, own, below = "H", state.columns_H, self.smooth(state.columns_W)
        if state.half == 1:
            name, own, below = "W", state.columns_W, self.smooth(state.columns_H) * state.multiplier
        tenth = state.half == 1 and (state.iteration + 1) % EVERY == 0
        new, sums = update_factor(L, AX, below, own / state.n, floor=self.floor if tenth else 0.0)
        made = {**rows, name: new}
        if state.half == 0:
            sums |= {"gram_L": gram(L), "gram_R": gram(R)}
        if tenth and self.floor:
            made["H"] = np.maximum(rows["H"], rows["H"].dtype.type(self.floor))
            sums["raised"] = made["H"].sum(axis=0, dtype=np.float64)
        if tenth and self.connectivity:
            made["member"] = members(made["H"])
            if "member" in rows:
                sums["moved"] = moved(rows["member"], made["member"], new.shape[1])
        return made, sums

    def reduce(self, state: DivergenceState, sums: Sums) -> DivergenceState:
        """Return the next state; after W's half it holds the divergence of the W and H before both."""
        if state.half == 0:
            mass = float(self.smooth(state.columns_W) @ state.columns_H)
            return replace(
                state,
                half=1,
                columns_H=sums["columns"],
                objective=divergence(sums, state.total, mass),
                squared_error=squared_error(sums, state.sum_of_squares),
                half_gap=sums["gap"],
                half_part=sums["part"],
            )
        state = self._settled(state, sums)
        return replace(
            self.gauged(state, sums["columns"]),
            half=0,
            columns_H=sums.get("raised", state.columns_H),
            iteration=state.iteration + 1,
            relative_gradient=stationarity(state.half_gap + sums["gap"], state.half_part + sums["part"]),
        )

    def gauged(self, state: DivergenceState, columns: NDArray[np.float64]) -> DivergenceState:
        """Return the state with the column sums of the new W, and how its rows are scaled."""
        return replace(state, columns_W=columns)

    def _settled(self, state: DivergenceState, sums: Sums) -> DivergenceState:
        """Count checks of the connectivity."""
        if not self.connectivity or (state.iteration + 1) % EVERY:
            return state
        unchanged = state.unchanged + 1 if "moved" in sums and same_partition(sums["moved"]) else 0
        if unchanged < self.connectivity:
            return replace(state, unchanged=unchanged)
        return replace(state, unchanged=unchanged, stopped=f"connectivity unchanged over {unchanged} checks")


def update_factor(
    F: NDArray[Any],
    Y: NDArray[Any],
    below: NDArray[np.float64],
    mean: NDArray[np.float64],
    *,
    floor: float = 0.0,
) -> tuple[NDArray[Any], Sums]:
    """Return new rows F ∘ Y ⊘ below, their column sums, and their share of :func:`stationarity`."""
    from dasknmf.solvers.compiled_divergence import ratio_rows

    F, Y = np.ascontiguousarray(F), np.ascontiguousarray(Y, dtype=F.dtype)
    new, columns, gap, part = ratio_rows(F, Y, below, mean, F.dtype.type(floor))
    return new, {"columns": columns, "gap": gap, "part": part}


def divergence(sums: Sums, total: float, mass: float) -> float:
    """Return Σ A log(A / WH) − ΣA + ΣWH over the entries that count, given ΣWH over all."""
    return float(sums["logs"] - total + mass - sums.get("unseen", 0.0))


def squared_error(sums: Sums, sum_of_squares: float) -> float:
    """Return ‖A − WH‖² = ‖A‖² − 2⟨A, WH⟩ + ⟨WᵀW, HHᵀ⟩ over the entries that count, to the precision of the rows."""
    fitted = float(np.vdot(sums["gram_L"], sums["gram_R"])) - sums.get("unseen_squares", 0.0)
    return float(max(0.0, sum_of_squares - 2 * sums["cross"] + fitted))


def stationarity(gap: float, part: float) -> float:
    """Return how far factors are from the conditions of Karush, Kuhn and Tucker, between 0 and about 2.

    At a minimum an entry f has gradient g = 0, or f = 0 and g > 0. So what is wrong with an entry is f·g where g is
    positive, and where it is negative −g times f, or times the mean of its column where f is below that: an entry
    that is about zero and wants to grow is wrong too. The sum over both factors is divided by that of f times the
    part of g that A is in, which is ΣA for each. It does not change with A, with the scale of a factor against the
    other, or with the start.
    """
    return gap / part if part > 0 else 0.0


def gram(F: NDArray[Any]) -> NDArray[np.float64]:
    """Return FᵀF."""
    total = np.zeros((F.shape[1], F.shape[1]))
    for first in range(0, len(F), GRAM_ROWS):
        rows = F[first : first + GRAM_ROWS]
        total += rows.T @ rows
    return total


def _scaled(W: NDArray[Any], state: DivergenceState | None) -> NDArray[Any]:
    if state is None or (state.scale == 1).all():
        return W
    return np.asarray(W * state.scale.astype(W.dtype))
