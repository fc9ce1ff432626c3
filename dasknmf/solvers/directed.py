"""Symmetric factorization along a direction with an exact line search: what symline and trifactor share.

One pass of HALS for the left factor of W S Wᵀ alone, the right one kept, gives Z. To put Z on both sides, as is often
done, can raise the objective, and on disassortative networks oscillates. But Z − W is a direction of descent: the
gradient of ½‖A − W S Wᵀ‖² is twice that of ½‖A − Z S Wᵀ‖² at Z = W, and the latter is convex and lower at Z. Along it
the objective is a polynomial of degree 4 in the step, with coefficients from k×k sums, whose least value for a step
from 0 to 1 is exact.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from dasknmf.solvers.alternating import gram_of
from dasknmf.solvers.face import Plain
from dasknmf.solvers.initial import symmetric_start

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dasknmf.solvers.face import Known, Rows, Sums, Want

#: Iterations after which A·W is multiplied anew: in between it is added up from A·D, one product an iteration, and
#: errors of float32 with it.
REFRESH = 20
#: A column that steps shrink more is a difference of which digits are lost: it is multiplied anew at once.
SHRUNK = 1e-2


@dataclass(frozen=True)
class DirectedState:
    """Between two rounds.

    Attributes
    ----------
    gram, core, product : ndarray, shape (k, k)
        WᵀW, S, and WᵀAW.
    sum_of_squares : float
        ‖A‖², over the entries that count.
    diagonal : bool
        Whether the diagonal counts.
    phase : {"product", "direction", "search", "step"}
        What the next round does: multiply W by A; find D; multiply D by A; go on to W + step·D and find the next D.
        An iteration is a search and a step, one in ``REFRESH`` begins with the other two.
    due : bool
        Whether this iteration, or from a search on the next, does.
    step : float
        How far to go along D.
    earlier : int
        Iterations on the sketch of A.
    scale : ndarray, shape (k,)
        By what columns of W are multiplied after the step.
    lost : ndarray, shape (k,)
        How many times columns have shrunk since A·W was multiplied.
    """

    gram: NDArray[np.float64]
    core: NDArray[np.float64]
    product: NDArray[np.float64]
    scale: NDArray[np.float64]
    lost: NDArray[np.float64]
    sum_of_squares: float
    diagonal: bool = True
    phase: str = "product"
    due: bool = True
    step: float = 0.0
    earlier: int = 0
    iteration: int = 0
    objective: float = float("nan")
    squared_error: float = float("nan")
    relative_gradient: float = float("nan")

    @property
    def between(self) -> bool:
        """True when the next round begins an iteration."""
        return self.phase == ("product" if self.due else "search")

    @property
    def curvature(self) -> NDArray[np.float64]:
        """S WᵀW S, the Gram of the right factor."""
        return np.asarray(self.core @ self.gram @ self.core)


@dataclass(frozen=True)
class Directed(Plain, ABC):
    """Minimises ½‖A − W S Wᵀ‖² over W ≥ 0, and what a solver says of S, by exact steps to a pass of HALS."""

    name: ClassVar[str] = ""
    minimises: ClassVar[str] = ""
    source: ClassVar[str] = ""
    rounds: ClassVar[int] = 1
    row_arrays: ClassVar[int] = 4

    @abstractmethod
    def best_core(
        self, state: DirectedState, gram: NDArray[np.float64], product: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return an S that is as good or better than that of the state, for WᵀW and WᵀAW."""

    @abstractmethod
    def scale_of(self, before: NDArray[np.float64], after: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return by what columns of W are to be multiplied, S making up for it; 0 ends a column.

        Given are their squared norms before and after a step.
        """

    def rows_from(self, W: NDArray[Any], Ht: NDArray[Any]) -> Rows:
        """Return the one factor; see :func:`dasknmf.solvers.initial.symmetric_start`."""
        return {"W": symmetric_start(W, Ht)}

    def factors(self, rows: Rows, state: DirectedState) -> Rows:
        """Return W and W S."""
        return {"W": rows["W"], "H": rows["W"] @ state.core.astype(rows["W"].dtype)}

    def measure(self, rows: Rows) -> Sums:
        """Return the factor's share of its Gram."""
        return {"gram": gram_of(rows["W"])}

    def start(self, sums: Sums, known: Known) -> DirectedState:
        """Return the state before the first iteration."""
        k = len(sums["gram"])
        return DirectedState(
            gram=sums["gram"],
            core=np.eye(k),
            product=np.zeros((k, k)),
            scale=np.ones(k),
            lost=np.ones(k),
            sum_of_squares=known.sum_of_squares,
            diagonal=known.diagonal,
        )

    def carry_on(self, state: DirectedState, before: DirectedState) -> DirectedState:
        """Return the first state on A with the S that was found on its sketch."""
        return replace(state, core=before.core, earlier=before.earlier + before.iteration)

    def restore(self, saved: dict[str, Any]) -> DirectedState:
        """Return the state of a checkpoint."""
        return DirectedState(**saved)

    def wants(self, state: DirectedState) -> Want:
        """Return that D, and now and then W, is to be multiplied."""
        return "product" if state.phase in ("product", "search") else "nothing"

    def asks(self, rows: Rows, state: DirectedState) -> NDArray[Any]:
        """Return W, or D."""
        return rows["W" if state.phase == "product" else "D"]

    def update_rows(self, rows: Rows, AX: NDArray[Any], state: DirectedState) -> tuple[Rows, Sums]:
        """Do the phase of a row panel; of A without its diagonal, A·W and A·D are kept without the model's own."""
        W = rows["W"]
        if state.phase in ("product", "search"):
            X = self.asks(rows, state)
            name = "AW" if state.phase == "product" else "AD"
            fill = 0 if state.diagonal else self._own(W, state)[:, None] * X
            sums = {"product": _cross(W, AX)}
            if name == "AD":
                sums |= {"square": _cross(X, AX), "cross": _cross(W, X), "gram": gram_of(X)}
            return {**rows, name: np.asarray(AX - fill, dtype=W.dtype)}, sums
        return self._step(rows, state)

    def _step(self, rows: Rows, state: DirectedState) -> tuple[Rows, Sums]:
        from dasknmf.solvers.compiled import hals_rows, row_sums

        W, Y = rows["W"], rows["AW"]
        kind = W.dtype.type
        if state.phase == "step":
            scale = state.scale.astype(kind)
            W = np.maximum(W + kind(state.step) * rows["D"], 0) * scale
            Y = (Y + kind(state.step) * rows["AD"]) * scale
        own = None if state.diagonal else self._own(W, state)
        filled = Y if own is None else Y + (own[:, None] * W).astype(kind)
        core, curvature = state.core.astype(kind), state.curvature.astype(kind)
        right = np.ascontiguousarray(filled @ core)
        Z = hals_rows(W, right, curvature, kind(0), kind(0), 1)
        gradient, _, product, _ = row_sums(W, W @ curvature, right, W, kind(0), kind(0))
        sums = {
            "gram": gram_of(W),
            "product": _cross(W, filled),
            "own": 0.0 if own is None else float(own @ own),
            "gradient": gradient,
            "size": product,
        }
        return {"W": W, "AW": Y, "D": Z - W}, sums

    def _own(self, W: NDArray[Any], state: DirectedState) -> NDArray[np.float64]:
        """Return the model's diagonal."""
        right = W @ state.core.astype(W.dtype)
        return np.asarray(np.einsum("ij,ij->i", W, right, dtype=np.float64))

    def reduce(self, state: DirectedState, sums: Sums) -> DirectedState:
        """Return the next state."""
        product = (sums["product"] + sums["product"].T) / 2
        if state.phase == "product":
            core = self.best_core(state, state.gram, product)
            return replace(state, core=core, product=product, lost=np.ones(len(core)), phase="direction")
        if state.phase == "search":
            return self._search(state, sums)
        state = replace(state, gram=sums["gram"], product=product)
        if state.phase == "direction":
            return replace(state, phase="search")
        core, gram = state.core, state.gram
        # the diagonal, where it does not count, is that of the model on both sides
        squared = state.sum_of_squares + sums["own"] - 2 * float(np.vdot(product, core))
        squared = max(0.0, squared + float(np.vdot(gram @ core, core @ gram)))
        iteration = state.iteration + 1
        due = state.due or iteration % REFRESH == 0
        return replace(
            state,
            phase="product" if due else "search",
            due=due,
            iteration=iteration,
            objective=squared / 2,
            squared_error=squared,
            relative_gradient=float(np.sqrt(sums["gradient"] / sums["size"])) if sums["size"] > 0 else 0.0,
        )

    def _search(self, state: DirectedState, sums: Sums) -> DirectedState:
        """Find the step, then the best S for where it leads to."""
        # WᵀAW and WᵀW of W + step·D, as polynomials of the step
        products = (
            state.product,
            sums["product"] + sums["product"].T,
            (sums["square"] + sums["square"].T) / 2,
        )
        grams = (state.gram, sums["cross"] + sums["cross"].T, sums["gram"])
        step = best_step(products, grams, state.core)
        powers = (1.0, step, step**2)
        product, gram = (sum(p * M for p, M in zip(powers, of, strict=True)) for of in (products, grams))
        # what is left of a column that the step has emptied can be below zero
        before, after = np.diag(state.gram), np.maximum(np.diag(gram), 0)
        scale = self.scale_of(before, after)
        alive = scale > 0
        ratio = np.divide(before, after, where=alive & (after > 0), out=np.ones_like(after))
        lost = np.maximum(1, state.lost * np.sqrt(ratio))
        shrunk = bool((lost[alive] > 1 / SHRUNK).any())
        core = state.core
        if shrunk:
            # sums of what has lost its digits say too little of the best S: it waits for new ones
            scale = np.where(alive, 1.0, 0.0)
        else:
            core = self.best_core(state, gram * np.outer(alive, alive), product * np.outer(alive, alive))
        back = np.divide(1, scale, where=alive, out=np.zeros_like(scale))
        core = core * np.outer(back, back)
        # the Gram after the step: the direction after it is found before W itself has been summed
        gram = gram * np.outer(scale, scale)
        kept = {"core": core, "gram": gram, "scale": scale, "lost": lost}
        return replace(state, step=step, due=shrunk, phase="step", **kept)


def best_step(
    products: tuple[NDArray[np.float64], ...],
    grams: tuple[NDArray[np.float64], ...],
    core: NDArray[np.float64],
) -> float:
    """Return the t from 0 to 1 of the least ‖A − W_t S W_tᵀ‖² = const − 2⟨W_tᵀAW_t, S⟩ + ⟨G_t S, S G_t⟩.

    Parameters
    ----------
    products, grams : tuples of three ndarrays, shape (k, k)
        W_tᵀAW_t and G_t = W_tᵀW_t: their parts without t, by t and by t².
    core : ndarray, shape (k, k)
        S.
    """
    coefficients = np.zeros(5)
    for a, product in enumerate(products):
        coefficients[a] -= 2 * np.vdot(product, core)
    for a, left in enumerate(grams):
        for b, right in enumerate(grams):
            coefficients[a + b] += np.vdot(left @ core, core @ right)
    if not np.isfinite(coefficients).all():
        # the objective will be no number either, and the run ends with a message
        return float("nan")
    slope = np.polynomial.Polynomial(coefficients).deriv()
    found: NDArray[np.complex128] = np.asarray(slope.roots(), dtype=np.complex128)
    # the real part of one that is not real is only another step to try
    roots = [float(t) for t in found.real if 0 < t < 1]
    # without a constant, differences of small values keep their digits
    along = np.polynomial.Polynomial([0.0, *coefficients[1:]])
    return min([1.0, 0.0, *roots], key=lambda t: float(along(t)))


def _cross(X: NDArray[Any], Y: NDArray[Any]) -> NDArray[np.float64]:
    """Return XᵀY, in float64."""
    return np.asarray(X.astype(np.float64).T @ Y.astype(np.float64))
