"""What a direct method gives: factors at once, and what else it knows; and the Dataset of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from dasknmf.model import balance
from dasknmf.results import VARIABLES, fit_attributes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import xarray as xr
    from numpy.typing import NDArray

    from dasknmf.model import Exact
    from dasknmf.options import ModelOptions, RunOptions
    from dasknmf.solvers.face import Rows

#: Dimensions and a sentence, by name, of the variables a method adds.
Registry = dict[str, tuple[tuple[str, ...], str]]
#: Dimensions that have a coordinate, by number.
NUMBERED = ("eigenpair",)


@dataclass(frozen=True, eq=False)
class Decomposition:
    """W and Hᵀ of a direct method, heaviest factor first.

    Parameters
    ----------
    rows : dict
        ``W`` and ``H``, the latter transposed, float32, each gene by factor and balanced: ‖w_j‖ = ‖h_j‖.
    scale, gauge : ndarray, shape (k,)
        ‖w_j‖‖h_j‖, and ‖w_j‖/‖h_j‖ before balancing; nan where both are 0.
    registry : dict
        What there is besides: the dimensions of each variable and what it is.
    variables : dict
        Its values.
    attributes : dict
        What else there is to say, as plain values.
    stop_reason : str
        What it is made of, in words.
    converged : bool
        Whether it is what it is meant to be: eigenpairs and k-means can be unsettled.
    signed : bool
        Whether factors have negative entries.
    """

    rows: Rows
    scale: NDArray[np.float64]
    gauge: NDArray[np.float64]
    registry: Registry = field(default_factory=dict)
    variables: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    attributes: Mapping[str, Any] = field(default_factory=dict)
    stop_reason: str = "direct"
    converged: bool = True
    signed: bool = False


def balanced(
    W: NDArray[Any], Ht: NDArray[Any]
) -> tuple[Rows, NDArray[np.float64], NDArray[np.float64], NDArray[np.intp]]:
    """Return balanced rows, scale and gauge, heaviest factor first, and which factor each of them was.

    Parameters
    ----------
    W, Ht : ndarray, shape (n, k)
        Factors in any gauge; all that is by factor, such as labels, follows the order returned.
    """
    norms = [np.linalg.norm(np.asarray(F, np.float64), axis=0) for F in (W, Ht)]
    order = np.argsort(-(norms[0] * norms[1]), kind="stable")
    rows, scale, gauge = balance(
        {"W": np.ascontiguousarray(W[:, order]), "H": np.ascontiguousarray(Ht[:, order])}
    )
    return rows, scale, gauge, order


def decomposition_dataset(
    found: Decomposition,
    exact: Exact,
    *,
    genes: NDArray[np.object_],
    options: ModelOptions,
    run: RunOptions,
    bound: float,
    facts: dict[str, Any],
) -> xr.Dataset:
    """Put a decomposition into a Dataset, like :func:`dasknmf.results.fit_dataset`, without a history of iterations."""
    import xarray as xr

    data: dict[str, Any] = {
        "W": found.rows["W"],
        "H": np.ascontiguousarray(found.rows["H"].T),
        "scale": found.scale,
        "gauge": found.gauge,
        **found.variables,
    }
    about = {**VARIABLES, **found.registry}
    sizes = _sizes(data, about)
    dropped = "A_ii is taken as 0; the error is over i ≠ j" if run.diagonal == "ignore" else "as given"
    attributes = {
        **fit_attributes(options, run, exact, bound),
        "n_iter": 0,
        "n_iter_sketched": 0,
        "stop_reason": found.stop_reason,
        "converged": int(found.converged),
        "signed": int(found.signed),
        "diagonal_taken": dropped,
        **found.attributes,
        **facts,
    }
    return xr.Dataset(
        {name: (about[name][0], values, {"long_name": about[name][1]}) for name, values in data.items()},
        coords={
            "gene": genes.astype(object),
            "factor": np.arange(len(found.scale)),
            **{dim: np.arange(sizes[dim]) for dim in NUMBERED if dim in sizes},
        },
        attrs=attributes,
    )


def _sizes(data: Mapping[str, NDArray[Any]], about: Registry) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for name, values in data.items():
        dims: Sequence[str] = about[name][0]
        sizes.update(zip(dims, values.shape, strict=True))
    return sizes
