"""The face every solver has: it asks for products with A, and never sees A."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Row arrays of one model, by name: ``W`` and ``H``, both gene by factor (H is kept transposed).
Rows = dict[str, "NDArray[Any]"]
#: What row panels add up to: small float64 arrays and scalars, by name.
Sums = dict[str, Any]


class State(Protocol):
    """What a solver knows besides the rows: k×k arrays and scalars, the same everywhere."""

    @property
    def iteration(self) -> int:
        """Whole iterations done."""
        ...

    @property
    def between(self) -> bool:
        """True between iterations, when the objective belongs to the rows as they are."""
        ...

    @property
    def objective(self) -> float:
        """The minimised function after the last whole iteration; nan before the first."""
        ...

    @property
    def squared_error(self) -> float:
        """‖A − WH‖² after the last whole iteration, over the entries that count; nan before the first."""
        ...

    @property
    def relative_gradient(self) -> float:
        """Projected-gradient norm, relative to that of its part A·X; nan before the first iteration."""
        ...


class Solver(Protocol):
    """An algorithm for A ≈ WH as pure functions of rows and state.

    One round is: the driver multiplies ``rows[wants(state)]`` by A, every row panel goes through
    ``update_rows`` on its own, the sums of the panels go through ``reduce``.
    """

    name: str

    def measure(self, rows: Rows) -> Sums:
        """Return what a row panel adds to the sums that ``start`` needs."""
        ...

    def start(self, sums: Sums, *, sum_of_squares: float) -> Any:
        """Return the first state."""
        ...

    def restore(self, saved: dict[str, Any]) -> Any:
        """Return a state from its fields by name, as a checkpoint kept them."""
        ...

    def wants(self, state: Any) -> str:
        """Return the name of the row array to multiply by A."""
        ...

    def update_rows(self, rows: Rows, AX: NDArray[Any], state: Any) -> tuple[Rows, Sums]:
        """Update a row panel, given its rows of A·X, and return what it adds to the sums."""
        ...

    def reduce(self, state: Any, sums: Sums) -> Any:
        """Return the next state from the summed sums."""
        ...
