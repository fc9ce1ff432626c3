"""Which function makes the factors of each direct method, given the matrix, an executor and options."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from dasknmf.atomic.method import cogaps_of
from dasknmf.references.projection import random_projection
from dasknmf.references.spectral import spectral
from dasknmf.references.svd import svd
from dasknmf.solvers import solver_class

if TYPE_CHECKING:
    from dasknmf.decomposition import Decomposition
    from dasknmf.engine.sketch import Sketch
    from dasknmf.options import ModelOptions
    from dasknmf.stages import Session

#: A direct method: given the session, which has the network, the operator and the executor, all models of a run that
#: want it, and the sketch of A where there is one, it returns their factors, sharing its reads among them.
Method = Callable[["Session", Sequence["ModelOptions"], "Sketch | None"], list["Decomposition"]]

#: By the name under which :data:`dasknmf.solvers.DIRECT` knows it.
METHODS: dict[str, Method] = {
    "svd": svd,
    "spectral": spectral,
    "random-projection": random_projection,
    "cogaps": cogaps_of,
}


def decompose(
    session: Session, models: Sequence[ModelOptions], sketch: Sketch | None
) -> dict[str, Decomposition]:
    """Return the factors of direct methods, by the name of the model.

    Parameters
    ----------
    session : Session
        The network, opened for a run.
    models : sequence of ModelOptions
        Those of direct methods.
    sketch : Sketch, optional
        Of A; it is there where a method is made ``of_sketch``.
    """
    found: dict[str, Decomposition] = {}
    for solver in dict.fromkeys(model.solver for model in models):
        own = [model for model in models if model.solver == solver]
        made = METHODS[solver](session, own, sketch)
        found.update(zip([model.name for model in own], made, strict=True))
    return found


def own_sketches(models: Sequence[ModelOptions]) -> int:
    """Return how many sketches, besides that of A, are in memory at most at a time."""
    return max((getattr(solver_class(model.solver), "own_sketches", 0) for model in models), default=0)


def needs_sketch(models: Sequence[ModelOptions]) -> bool:
    """Tell whether a direct method is made of the sketch of A."""
    return any(getattr(solver_class(model.solver), "of_sketch", False) for model in models)
