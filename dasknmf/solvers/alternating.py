"""What most solvers share: W and H in turn, each row by row given a Gram, from one product with A.

Because A = Aᵀ, A·Hᵀ updates W and A·W updates Hᵀ by the same rule; both factors are kept gene by factor.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from dasknmf.solvers.face import Plain

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dasknmf.solvers.face import Known, Rows, Sums, Want

#: Entries of a factor updated together: a block of W, A·X and W·G stays in a 2 MiB cache.
BLOCK = 2048 * 64


@dataclass(frozen=True)
class AlternatingState:
    """Between two half-iterations.

    Attributes
    ----------
    iteration : int
        Whole iterations done.
    half : int
        0 when W is next, 1 when H is.
    gram : ndarray, shape (k, k)
        Gram of the factor that is not next.
    sum_of_squares : float
        ‖A‖².
    objective, squared_error : float
        ½‖A − WH‖² + penalties, and ‖A − WH‖² alone, after the last whole iteration.
    relative_gradient : float
        Norm of the projected gradient over that of its part A·X, both of W before its update and of H before
        its own. Unlike the ratio to the first iteration (Lin 2007, section 6) it does not depend on the start.
    half_gradient, half_product, half_penalty : float
        W's share of them, squared, and of the penalties, kept while H is updated.
    """

    gram: NDArray[np.float64]
    sum_of_squares: float
    iteration: int = 0
    half: int = 0
    objective: float = float("nan")
    squared_error: float = float("nan")
    relative_gradient: float = float("nan")
    half_gradient: float = 0.0
    half_product: float = 0.0
    half_penalty: float = 0.0

    @property
    def between(self) -> bool:
        """True when W and H have been updated equally often."""
        return self.half == 0


@dataclass(frozen=True)
class HalfSteps(Plain, ABC):
    """Minimises ½‖A − WH‖² and what a solver adds to it by updates of W and H in turn."""

    name: ClassVar[str] = ""
    minimises: ClassVar[str] = "½‖A − WH‖²"
    source: ClassVar[str] = ""
    rounds: ClassVar[int] = 2

    @abstractmethod
    def update(
        self, F: NDArray[Any], Y: NDArray[Any], G: NDArray[Any], FG: NDArray[Any], *, l1: float, l2: float
    ) -> NDArray[Any]:
        """Return new rows of a factor.

        Parameters
        ----------
        F : ndarray, shape (rows, k)
            The rows of the factor.
        Y : ndarray, shape (rows, k)
            The same rows of A·X, X the other factor.
        G : ndarray of float64, shape (k, k)
            XᵀX.
        FG : ndarray, shape (rows, k)
            F·G, which the gradient needs too.
        l1, l2 : float
            Penalties of this factor.
        """

    def penalties(self, name: str, state: Any) -> tuple[float, float]:  # noqa: ARG002
        """Return the weights of the sum of entries, and of half the sum of squares, of a factor."""
        return 0.0, 0.0

    def system(
        self,
        name: str,  # noqa: ARG002
        Y: NDArray[Any],
        X: NDArray[Any],  # noqa: ARG002
        state: Any,
    ) -> tuple[NDArray[Any], NDArray[np.float64]]:
        """Return the Y and G of the least squares of a factor, given rows of A·X and X."""
        gram: NDArray[np.float64] = state.gram
        return Y, gram

    def penalty(self, name: str, state: Any, sums: Sums) -> float:
        """Return what a new factor adds to the objective by itself."""
        l1, l2 = self.penalties(name, state)
        return l1 * float(sums["entries"]) + l2 / 2 * float(np.trace(sums["gram"]))

    def rows_from(self, W: NDArray[Any], Ht: NDArray[Any]) -> Rows:
        """Return both factors."""
        return {"W": W, "H": Ht}

    def factors(self, rows: Rows, state: Any) -> Rows:  # noqa: ARG002
        """Return both factors."""
        return rows

    def measure(self, rows: Rows) -> Sums:
        """Return H's share of its Gram: W is updated first."""
        return {"gram": gram_of(rows["H"])}

    def start(self, sums: Sums, known: Known) -> Any:
        """Return the state before the first iteration."""
        return AlternatingState(gram=sums["gram"], sum_of_squares=known.sum_of_squares)

    def restore(self, saved: dict[str, Any]) -> Any:
        """Return the state of a checkpoint."""
        return AlternatingState(**saved)

    def wants(self, state: Any) -> Want:  # noqa: ARG002
        """Return that each half-iteration wants a product."""
        return "product"

    def asks(self, rows: Rows, state: Any) -> NDArray[Any]:
        """Return H, to update W, or W, to update H."""
        return rows["H" if state.half == 0 else "W"]

    def update_rows(self, rows: Rows, AX: NDArray[Any], state: Any) -> tuple[Rows, Sums]:
        """Update a row panel of the factor that is next."""
        from dasknmf.solvers.compiled import row_sums

        name, other = _next(state)
        l1, l2 = self.penalties(name, state)
        old = rows[name]
        kind = old.dtype.type
        new = np.empty_like(old)
        total = np.zeros(4)
        gram = np.zeros(state.gram.shape)
        step = max(1, BLOCK // old.shape[1])
        for first in range(0, len(old), step):
            block = slice(first, first + step)
            Y, G = self.system(name, AX[block], rows[other][block], state)
            F, Y = np.ascontiguousarray(old[block]), np.ascontiguousarray(Y, dtype=old.dtype)
            FG = F @ G.astype(old.dtype)
            made = self.update(F, Y, G, FG, l1=l1, l2=l2)
            total += row_sums(F, FG, Y, made, kind(l1), kind(l2))
            gram += gram_of(made)
            new[block] = made
        gradient, cross, product, entries = map(float, total)
        sums = {
            "gram": gram,
            "cross": cross,
            "product": product,
            "entries": entries,
            "gradient": gradient,
        }
        return {**rows, name: new}, sums

    def reduce(self, state: Any, sums: Sums) -> Any:
        """Return the next state; after H's half it holds the objective of the new W and H.

        ‖A − WH‖² = ‖A‖² − 2⟨A·W, Hᵀ⟩ + ⟨WᵀW, HHᵀ⟩, in float64 because it cancels. Where entries of A
        do not count, ``sums["unseen"]`` holds the correction.
        """
        penalty = self.penalty(_next(state)[0], state, sums)
        if state.half == 0:
            return replace(
                state,
                half=1,
                gram=sums["gram"],
                half_gradient=sums["gradient"],
                half_product=sums["product"],
                half_penalty=penalty,
            )
        squared = max(
            0.0,
            state.sum_of_squares
            - 2 * sums["cross"]
            + float(np.vdot(state.gram, sums["gram"]))
            + sums.get("unseen", 0.0),
        )
        product = state.half_product + sums["product"]
        gradient = state.half_gradient + sums["gradient"]
        return replace(
            state,
            half=0,
            gram=sums["gram"],
            iteration=state.iteration + 1,
            objective=squared / 2 + penalty + state.half_penalty,
            squared_error=squared,
            relative_gradient=float(np.sqrt(gradient / product)) if product > 0 else 0.0,
        )


@dataclass(frozen=True)
class Alternating(HalfSteps):
    """Minimises ½‖A − WH‖² + Σ l1_F·ΣF + ½ Σ l2_F·‖F‖², F = W, H, by updates of W and H in turn.

    Parameters
    ----------
    l1_W, l1_H : float
        Weights of the sums of entries: sparser factors.
    l2_W, l2_H : float
        Weights of the halved sums of squares: smaller, denser factors.
    """

    l1_W: float = 0.0
    l1_H: float = 0.0
    l2_W: float = 0.0
    l2_H: float = 0.0

    def penalties(self, name: str, state: Any) -> tuple[float, float]:  # noqa: ARG002
        """Return the weights of the sum of entries, and of half the sum of squares, of a factor."""
        return (self.l1_W, self.l2_W) if name == "W" else (self.l1_H, self.l2_H)


def _next(state: AlternatingState) -> tuple[str, str]:
    """Return the factor that is updated, and the other one."""
    return ("W", "H") if state.half == 0 else ("H", "W")


def gram_of(F: NDArray[Any]) -> NDArray[np.float64]:
    """Return FᵀF, in float64."""
    exact = F.astype(np.float64)
    return np.asarray(exact.T @ exact)
