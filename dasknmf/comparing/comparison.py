"""Algorithms side by side on a network, its nulls and a planted one: one call, one table, four claims judged."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from dasknmf.analysis.restarts import factors
from dasknmf.analysis.stability import interval_of_means
from dasknmf.comparing.claims import claims_of
from dasknmf.comparing.networks import GIVEN, check_kinds, network_of
from dasknmf.comparing.tables import CRITERIA, places
from dasknmf.errors import InputError, whole
from dasknmf.events import StageAdvanced
from dasknmf.execution import Execution, take_execution
from dasknmf.laboratory.fits import gauge_of
from dasknmf.laboratory.measuring import MEASURES, measures
from dasknmf.lock import locked
from dasknmf.matrices import as_matrix
from dasknmf.mixed import shared_options
from dasknmf.models import nmf_many
from dasknmf.options import RANDOM, ModelOptions, RunOptions, split_options
from dasknmf.parameters import lacking
from dasknmf.parts import KeptParts
from dasknmf.progress import faults_of
from dasknmf.results import COMPARISON, VERSION, versions
from dasknmf.solvers import is_direct, is_seeded

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import xarray as xr
    from numpy.typing import NDArray

    from dasknmf.matrices import Given

SOLVERS = ("hals", "mu", "bpp", "brunet", "cogaps", "symline", "svd", "spectral")
#: Share by which χ² of a settled chain differs between the first and the last samples. On 3,923 E. coli genes, k = 8,
#: it was 0.10, 0.08 and 0.003 with 100, 300 and 1,000 iterations, and R² of W and Hᵀ 0.47, 0.95 and 0.996.
SETTLED = 0.01
FLAGS = ("converged", "settled")
ABOUT = {
    "relative_error": "‖A − WH‖ / ‖A‖, computed on A in float64",
    "converged": "1 where a fit stopped by itself",
    "settled": "0 where a sampler has not settled: χ² of its samples still changed by more than 1 %",
    "place": "place of a solver among those that have the measure, 1 the best; mean over restarts",
}


@dataclass(frozen=True)
class Asked:
    """What is to be compared."""

    n_components: int
    solvers: tuple[str, ...]
    restarts: int
    kinds: tuple[str, ...]
    seed: int
    of_model: dict[str, Any]
    run: RunOptions

    def models(self, seed: int) -> list[ModelOptions]:
        """Return a model of each solver, all of one seed and random start."""
        found = []
        # what none of them has is refused where a model is made
        nobody = set.intersection(*(set(lacking(solver)) for solver in self.solvers))
        unshared = {name: self.of_model[name] for name in nobody if name in self.of_model}
        for solver in self.solvers:
            given = {"seed": seed, **shared_options(solver, self.of_model), **unshared}
            if not is_direct(solver):
                given.setdefault("init", "random_acol")
            if not is_seeded(solver):
                given.pop("seed")
            found.append(ModelOptions(self.n_components, solver=solver, **given))
        return found


def compare(
    network: Any,
    n_components: int,
    *,
    solvers: Sequence[str] = SOLVERS,
    restarts: int = 3,
    kinds: Sequence[str] = (GIVEN, "shuffle", "uniform", "planted"),
    seed: int = 0,
    execution: Execution | None = None,
    **options: Any,
) -> xr.Dataset:
    """Compare what algorithms make of W and Hᵀ, over restarts and kinds of network.

    Every restart is a random start of all solvers; of null and planted networks, each restart is also another network.
    Solvers of a restart share its reads of A.

    Parameters
    ----------
    network : as in :func:`dasknmf.nmf`
        The network.
    n_components : int
        Rank k.
    solvers : sequence of str
        Of :func:`dasknmf.list_solvers`. Those whose factors have signs, such as ``"svd"``, have an error and no more.
    restarts : int
        Of each kind of network; intervals need two, honest ones five.
    kinds : sequence of {"network", "shuffle", "degree", "uniform", "planted"}
        The network itself, its nulls (:func:`dasknmf.null_network`), and ``k`` planted factors, half of them in pairs,
        with noise of 0.3 of their norm.
    seed : int
        The first of those of restarts.
    execution : Execution, optional
        Where and how; by default made of ``options``. Its checkpoint is a folder, in which restarts are kept.
    **options
        Fields of :class:`dasknmf.options.ModelOptions` for the solvers that have them (``iterations`` of ``cogaps``),
        of :class:`dasknmf.options.RunOptions`, and, without ``execution``, of :class:`dasknmf.execution.Execution`.

    Returns
    -------
    Dataset
        Over (network, solver, restart): :data:`dasknmf.laboratory.measuring.MEASURES`, ``relative_error``,
        ``converged`` and ``settled``; ``<measure>_low`` and ``_high`` (network, solver), the 95 % bootstrap interval of
        the mean over restarts; ``place (criterion, network, solver)``; ``claim``, ``claim_verdict``,
        ``claim_evidence``. Measures are nan where factors have signs.

    Raises
    ------
    InputError
        If the network, a solver, a kind or an option cannot be used.

    Examples
    --------
    >>> import dasknmf, numpy as np
    >>> A = np.kron(np.eye(3), np.ones((20, 20)))
    >>> found = dasknmf.compare(A, 3, solvers=["hals", "mu"], restarts=2, kinds=["network"])
    >>> found["linearity"].sel(network="network").round(2).values.tolist()
    [[1.0, 1.0], [1.0, 1.0]]
    """
    running = take_execution(options, execution)
    of_model, run = split_options(options)
    names = _checked_solvers(solvers, of_model)
    asked = Asked(
        whole("n_components", n_components, least=1),
        names,
        whole("restarts", restarts, least=1),
        check_kinds(kinds),
        whole("seed", seed, least=0),
        of_model,
        run,
    )
    # refuses what cannot be before anything runs
    asked.models(asked.seed)
    given = as_matrix(network, storage_options=running.storage_options)
    identity = {"network": given.checksum, **asdict(asked)}
    # parts are by kind and restart, so that there may be more of them
    del identity["restarts"], identity["kinds"]
    with locked(running.checkpoint):
        parts = KeptParts(
            running.checkpoint, identity, resume=running.resume, storage_options=running.storage_options
        )
        rows = _restarts(network, given, asked, running, parts)
        if not running.keep_checkpoint:
            parts.remove()
    return _dataset(rows, given, asked)


def _checked_solvers(solvers: Sequence[str], of_model: Mapping[str, Any]) -> tuple[str, ...]:
    """Return solvers, each once.

    Raises
    ------
    InputError
        If there is none, or options would make all restarts one.
    """
    names = (solvers,) if isinstance(solvers, str) else tuple(dict.fromkeys(solvers))
    if not names:
        msg = "solvers: there is none; give at least one of: dasknmf solvers"
        raise InputError(msg)
    if "solver" in of_model:
        msg = f"solver={of_model['solver']!r}: compare takes several, solvers=[…]"
        raise InputError(msg)
    start = of_model.get("init", "random_acol")
    if start not in RANDOM:
        msg = f"init={start!r}: every restart would begin alike; use one of: {', '.join(RANDOM)}"
        raise InputError(msg)
    return names


def _restarts(
    network: Any, given: Given, asked: Asked, running: Execution, parts: KeptParts
) -> list[list[dict[str, dict[str, float]]]]:
    """Return what is measured, by kind of network, restart and solver."""
    began, done = time.perf_counter(), 0
    of = len(asked.kinds) * asked.restarts
    rows: list[list[dict[str, dict[str, float]]]] = []
    for kind in asked.kinds:
        rows.append([])
        for restart in range(asked.restarts):
            name = f"{kind}-{asked.seed + restart}"
            part = parts.get(name)
            if part is None:
                made = _measured(network, given, kind, asked, asked.seed + restart, running)
                part = made, {}
                parts.put(name, *part)
            rows[-1].append(part[0])
            done += 1
            seconds = time.perf_counter() - began
            running.progress(
                StageAdvanced(f"{kind} {restart + 1}", done, of, seconds, seconds / done * (of - done))
            )
    return rows


def _measured(
    network: Any, given: Given, kind: str, asked: Asked, seed: int, running: Execution
) -> dict[str, dict[str, float]]:
    """Return the measures of every solver on one network."""
    chosen = network_of(
        network, given, kind, asked.n_components, seed, storage_options=running.storage_options
    )
    quiet = replace(running, checkpoint=None, resume=False, progress=faults_of(running.progress))
    models = asked.models(seed)
    fits = nmf_many(chosen, models, execution=quiet, **{**asdict(asked.run), "bound": False})
    found = {}
    for solver, model in zip(asked.solvers, models, strict=True):
        fit = fits[model.name].to_dataset()
        signed = bool(fit.attrs.get("signed"))
        values = dict.fromkeys(MEASURES, float("nan")) if signed else measures(factors(fit), gauge_of(fit))
        found[solver] = {
            **values,
            "relative_error": float(fit.attrs["relative_error"]),
            "converged": float(fit.attrs["converged"]),
            "settled": float(abs(float(fit.attrs.get("chi_squared_change", 0.0))) <= SETTLED),
        }
    return found


def _dataset(rows: list[list[dict[str, dict[str, float]]]], given: Given, asked: Asked) -> xr.Dataset:
    import xarray as xr

    dims = ("network", "solver", "restart")
    data: dict[str, Any] = {}
    table: dict[str, NDArray[np.float64]] = {}
    for name in (*MEASURES, "relative_error", *FLAGS):
        # by network, restart, solver; solvers before restarts
        values = np.array(
            [[[one[solver][name] for solver in asked.solvers] for one in kind] for kind in rows]
        )
        table[name] = values.transpose(0, 2, 1)
        sentence = MEASURES[name].sentence if name in MEASURES else ABOUT[name]
        data[name] = (dims, table[name], {"long_name": sentence})
        if name not in FLAGS:
            ends = [[interval_of_means(one[:, None]) for one in kind] for kind in table[name]]
            for place, end in enumerate(("low", "high")):
                made = np.array([[pair[place][0] for pair in kind] for kind in ends])
                data[f"{name}_{end}"] = (dims[:2], made, {"long_name": f"{end} end, 95 % over restarts"})
    data["place"] = (("criterion", *dims[:2]), places(table), {"long_name": ABOUT["place"]})
    found = xr.Dataset(
        data,
        coords={
            "network": np.array(asked.kinds, dtype=object),
            "solver": np.array(asked.solvers, dtype=object),
            "restart": np.arange(asked.seed, asked.seed + asked.restarts),
            "criterion": np.array(list(CRITERIA), dtype=object),
        },
        attrs={
            "format": COMPARISON,
            "version": VERSION,
            "network": given.name,
            "network_checksum": given.checksum,
            "genes": len(given.genes),
            "n_components": asked.n_components,
            "seed": asked.seed,
            "options": json.dumps({**asked.of_model, **asdict(asked.run)}),
            "versions": json.dumps(versions()),
        },
    )
    judged = claims_of(found)
    return found.assign(
        claim=("number", np.array([one.claim for one in judged], dtype=object)),
        claim_verdict=("number", np.array([one.verdict for one in judged], dtype=object)),
        claim_evidence=("number", np.array([one.evidence for one in judged], dtype=object)),
    ).assign_coords(number=np.arange(1, len(judged) + 1))
