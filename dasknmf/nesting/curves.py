"""What runs of `dasknmf.nested` say of every level, read as curves over levels and restarts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from dasknmf.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import xarray as xr
    from numpy.typing import NDArray

#: Measures that are tried for decay: their variable, with (branch, tier, restart).
MEASURES = {
    "retention": "retention",
    "direct": "direct_retention",
    "reproducibility": "reproducibility",
}
#: Control in which nothing is lost, by construction.
LOSSLESS = "soules"
#: What begins the kind of a null model.
NULL = "null:"
#: Kinds of runs, but for null models.
KINDS = ("network", LOSSLESS, "planted-nested")


@dataclass(frozen=True, eq=False)
class Run:
    """One run of :func:`dasknmf.nested`.

    Attributes
    ----------
    name : str
        Its own among all given.
    kind : str
        ``"network"``, ``"soules"``, ``"planted-nested"`` or ``"null:…"``.
    network, method, loadings, similarity, seed : str
        Choices, from its attributes; empty where it does not say.
    levels, n_factors, bound : ndarray, shape (n,)
        Numbers of its levels, factors and E* of each; bound is nan where it is not given.
    curves : dict of ndarray, shape (R, n)
        By (measure, branch); of ``"agreement"`` the branch is two, such as ``"W H"``.
    """

    name: str
    kind: str
    network: str
    method: str
    loadings: str
    similarity: str
    seed: str
    levels: NDArray[np.float64]
    n_factors: NDArray[np.float64]
    bound: NDArray[np.float64]
    curves: dict[tuple[str, str], NDArray[np.float64]]

    @property
    def restarts(self) -> int:
        """Restarts of the run."""
        return len(next(iter(self.curves.values())))

    @property
    def is_network(self) -> bool:
        """Whether it is of a network that is asked about, no control."""
        return self.kind == "network"

    @property
    def main(self) -> tuple[str, str]:
        """The curve its verdict is about: retention in the branch of its tree."""
        return ("retention", self.loadings)

    @property
    def ladder(self) -> tuple[float, ...]:
        """Factors of its levels."""
        return tuple(self.n_factors.tolist())

    @property
    def power(self) -> float:
        """The t of rows / ‖row‖^t of its similarity; nan where it is none, or has a core."""
        named = {"inner": 0.0, "cosine": 1.0}
        if self.similarity in named:
            return named[self.similarity]
        try:
            return float(self.similarity)
        except ValueError:
            return np.nan

    def paired(self, other: Run) -> bool:
        """Whether restart r of the one and of the other began alike: the same network, seed and number of them."""
        return (self.kind, self.network, self.seed, self.restarts, self.ladder) == (
            other.kind,
            other.network,
            other.seed,
            other.restarts,
            other.ladder,
        )


def read_runs(nested_runs: xr.Dataset | Sequence[xr.Dataset] | Mapping[str, xr.Dataset]) -> list[Run]:
    """Return the runs given, each with a name of its own.

    Raises
    ------
    InputError
        If there are none, or one is no result of :func:`dasknmf.nested`.
    """
    import xarray as xr

    if isinstance(nested_runs, xr.Dataset):
        runs = [_read(nested_runs, "")]
    elif isinstance(nested_runs, Mapping):
        runs = [_read(run, str(name)) for name, run in nested_runs.items()]
    else:
        runs = [_read(run, "") for run in _several(nested_runs)]
    if not runs:
        msg = (
            "no runs given; needs what dasknmf.nested returns, such as dasknmf.fragmentation([run, control])"
        )
        raise InputError(msg)
    return _own_names(runs)


def _several(given: Any) -> list[Any]:
    if isinstance(given, str) or not hasattr(given, "__iter__"):
        msg = f"{type(given).__name__} given; needs what dasknmf.nested returned, or several of them"
        raise InputError(msg)
    return list(given)


def _own_names(runs: list[Run]) -> list[Run]:
    seen: dict[str, int] = {}
    named = []
    for run in runs:
        seen[run.name] = seen.get(run.name, 0) + 1
        named.append(run if seen[run.name] == 1 else replace(run, name=f"{run.name} #{seen[run.name]}"))
    return named


def _read(run: Any, name: str) -> Run:
    _check(run, name)
    words = {
        key: _word(run.attrs.get(key)) for key in ("network", "method", "loadings", "similarity", "seed")
    }
    kind = _word(run.attrs.get("kind")) or "network"
    if kind not in KINDS and not kind.startswith(NULL):
        msg = f"kind '{kind}' of run '{name or words['network']}' is not known; choose one of {', '.join(KINDS)}, or "
        msg += f"'{NULL}…' of a null model, such as '{NULL}shuffle'"
        raise InputError(msg)
    branches = [str(branch) for branch in run["branch"].to_numpy()]
    words["loadings"] = words["loadings"] or ("partner" if "partner" in branches else branches[0])
    if words["loadings"] not in branches:
        msg = f"loadings '{words['loadings']}' of the run are not among its branches: {', '.join(branches)}"
        raise InputError(msg)
    n = run.sizes["tier"]
    own = [words["network"] or "network", "" if kind == "network" else kind]
    own += [words["method"], words["loadings"], words["similarity"]]
    return Run(
        name=name or " ".join(filter(None, own)),
        kind=kind,
        **words,
        levels=np.asarray(run["tier"].to_numpy() if "tier" in run.coords else np.arange(n), dtype=np.float64),
        n_factors=_of_levels(run, "n_factors"),
        bound=_of_levels(run, "bound"),
        curves=_curves(run, branches),
    )


def _check(run: Any, name: str) -> None:
    import xarray as xr

    who = f"run '{name}'" if name else "a run"
    if not isinstance(run, xr.Dataset):
        msg = f"{who} is a {type(run).__name__}; needs a Dataset that dasknmf.nested returned"
        raise InputError(msg)
    if "retention" not in run or set(run["retention"].dims) != {"branch", "tier", "restart"}:
        dims = f"has dimensions {run['retention'].dims}" if "retention" in run else "is not there"
        msg = f"'retention' of {who} {dims}; needs (branch, tier, restart), as dasknmf.nested returns it"
        raise InputError(msg)
    if "branch" not in run.coords:
        msg = f"{who} does not name its branches; needs a coordinate 'branch', such as W, H and partner"
        raise InputError(msg)
    if "tier" in run.coords and run.sizes["tier"] > 1 and (np.diff(run["tier"].to_numpy()) <= 0).any():
        msg = (
            f"levels of {who} do not increase: {run['tier'].to_numpy().tolist()}; sort it with sortby('tier')"
        )
        raise InputError(msg)
    if not run.sizes["restart"]:
        msg = f"{who} has no restarts; needs at least one, and ten for an interval worth its name"
        raise InputError(msg)


def _curves(run: xr.Dataset, branches: list[str]) -> dict[tuple[str, str], NDArray[np.float64]]:
    found = {}
    for measure, variable in MEASURES.items():
        if variable in run and set(run[variable].dims) == {"branch", "tier", "restart"}:
            values = run[variable].transpose("branch", "restart", "tier").to_numpy()
            for branch, curve in zip(branches, values, strict=True):
                found[measure, branch] = np.asarray(curve, dtype=np.float64)
    if "branch_agreement" in run:
        order = ("branch", "other_branch", "restart", "tier")
        agreement = run["branch_agreement"].transpose(*order).to_numpy()
        for a, one in enumerate(branches):
            for b in range(a + 1, len(branches)):
                found["agreement", f"{one} {branches[b]}"] = np.asarray(agreement[a, b], dtype=np.float64)
    return found


def _of_levels(run: xr.Dataset, variable: str) -> NDArray[np.float64]:
    if variable not in run:
        return np.full(run.sizes["tier"], np.nan)
    return np.asarray(run[variable].to_numpy(), dtype=np.float64)


def _word(value: Any) -> str:
    if value is None or value == "none":
        return ""
    return f"{value:g}" if isinstance(value, float) else str(value)
