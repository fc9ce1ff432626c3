"""The face every solver has: it asks for products with A, and never sees A."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: Row arrays of one model, by name, each gene by factor. Which there are is the solver's own; see ``factors``.
Rows = dict[str, "NDArray[Any]"]
#: What row panels add up to: small float64 arrays and scalars, by name.
Sums = dict[str, Any]
#: What a solver wants of A in a round: A·X; or (A ⊘ L Rᵀ)·R, a scored one with Σ A log(A / LRᵀ) and Σ A LRᵀ as
#: ``logs`` and ``cross`` of the sums; or (L Rᵀ + Ω∘(A − L Rᵀ))·R, with ΣΩ∘(A − LRᵀ)² as ``squared``; or nothing, when
#: it only needs the sums of all panels.
Want = Literal["product", "ratio", "scored ratio", "filled", "nothing"]
#: Those that are made of two factors, L and R, and their sums.
PAIRED: dict[str, tuple[str, ...]] = {
    "ratio": ("logs", "cross"),
    "scored ratio": ("logs", "cross"),
    "filled": ("squared",),
}


@dataclass(frozen=True)
class Known:
    """What a solver may know of A before any product: its size, ‖A‖² and ΣA, over the entries that count.

    ``diagonal`` is False where the diagonal does not count, and products with A have the model's own in its place.
    """

    n: int
    sum_of_squares: float
    total: float
    diagonal: bool = True


class State(Protocol):
    """What a solver knows besides the rows: k×k arrays and scalars, the same everywhere."""

    @property
    def iteration(self) -> int:
        """Whole iterations done."""
        ...

    @property
    def between(self) -> bool:
        """True between iterations."""
        ...

    @property
    def objective(self) -> float:
        """The minimised function after the last whole iteration, or where it ``looks_back``, before it."""
        ...

    @property
    def squared_error(self) -> float:
        """‖A − WH‖² of the same factors, over the entries that count."""
        ...

    @property
    def relative_gradient(self) -> float:
        """Projected-gradient norm, relative to that of its part A·X; nan before the first iteration."""
        ...


class Solver(Protocol):
    """An algorithm for A ≈ WH as pure functions of rows and state.

    One round is: the driver multiplies what the solver ``asks`` for by A, every row panel goes through
    ``update_rows`` on its own, the sums of the panels go through ``reduce``.

    Attributes
    ----------
    name : str
        By which users choose it.
    minimises, source : str
        The objective in a formula, and the paper.
    rounds : int
        Sweeps over A an iteration takes.
    looks_back : bool
        Whether the objective it knows at the end of an iteration is that of the factors before it: all that one
        product an iteration can say.
    multiplicative : bool
        Whether an entry that is zero stays zero, so that a start must be positive.
    fits_sketch : bool
        Whether products are all it wants, so that it can be fitted on a sketch of A; ratios need A itself.
    row_arrays : int
        How many arrays of the size of W it keeps.
    histories : dict
        What the histories in a result are, by name, where that is not what :mod:`dasknmf.results` says.
    """

    name: ClassVar[str]
    minimises: ClassVar[str]
    source: ClassVar[str]
    rounds: ClassVar[int]
    looks_back: ClassVar[bool]
    multiplicative: ClassVar[bool]
    fits_sketch: ClassVar[bool]
    row_arrays: ClassVar[int]
    histories: ClassVar[dict[str, str]]

    def rows_from(self, W: NDArray[Any], Ht: NDArray[Any]) -> Rows:
        """Return the rows of a start, given W and Hᵀ, both gene by factor."""
        ...

    def factors(self, rows: Rows, state: Any) -> Rows:
        """Return ``W`` and ``H``, the latter transposed, of which WH is the model, row by row."""
        ...

    def measure(self, rows: Rows) -> Sums:
        """Return what a row panel adds to the sums that ``start`` needs."""
        ...

    def start(self, sums: Sums, known: Known) -> Any:
        """Return the first state."""
        ...

    def restore(self, saved: dict[str, Any]) -> Any:
        """Return a state from its fields by name, as a checkpoint kept them."""
        ...

    def wants(self, state: Any) -> Want:
        """Return what it wants of A in this round."""
        ...

    def asks(self, rows: Rows, state: Any) -> Any:
        """Return the rows of X, to be multiplied by A; or for a ratio or a filled product those of L and R."""
        ...

    def update_rows(self, rows: Rows, AX: NDArray[Any], state: Any) -> tuple[Rows, Sums]:
        """Update a row panel, given its rows of A·X, or of the ratios, and return what it adds to the sums."""
        ...

    def reduce(self, state: Any, sums: Sums) -> Any:
        """Return the next state from the summed sums."""
        ...

    def result(self, rows: Rows, state: Any) -> Rows:
        """Return the factors a user gets, where they are not those of the iterations."""
        ...

    def carry_on(self, state: Any, before: Any) -> Any:
        """Return the first state on A of what was fitted on its sketch, given the last state there."""
        ...

    def settles(self, state: Any) -> bool:
        """Tell whether the objective is one that can settle; not while it changes by itself."""
        ...

    def stopped(self, state: Any) -> str:
        """Return why the model stops by itself, or nothing."""
        ...

    def core(self, state: Any) -> NDArray[np.float64] | None:
        """Return the S of W S Wᵀ, where factors are W and W S."""
        ...

    def facts(self, state: Any) -> dict[str, float]:
        """Return numbers for the attributes of a result."""
        ...


class Plain:
    """What a solver is and does where it does not say otherwise."""

    looks_back: ClassVar[bool] = False
    multiplicative: ClassVar[bool] = False
    fits_sketch: ClassVar[bool] = True
    row_arrays: ClassVar[int] = 2
    histories: ClassVar[dict[str, str]] = {}

    def factors(self, rows: Rows, state: Any) -> Rows:  # noqa: ARG002
        """Return both factors, which are the rows."""
        return rows

    def result(self, rows: Rows, state: Any) -> Rows:
        """Return the factors of the iterations."""
        return self.factors(rows, state)

    def carry_on(self, state: Any, before: Any) -> Any:  # noqa: ARG002
        """Return the state of a start."""
        return state

    def settles(self, state: Any) -> bool:  # noqa: ARG002
        """Return that the objective is the same in every iteration."""
        return True

    def stopped(self, state: Any) -> str:  # noqa: ARG002
        """Return nothing: the driver decides."""
        return ""

    def core(self, state: Any) -> NDArray[np.float64] | None:  # noqa: ARG002
        """Return that there is none."""
        return None

    def facts(self, state: Any) -> dict[str, float]:  # noqa: ARG002
        """Return none."""
        return {}
