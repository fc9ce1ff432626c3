"""The public functions: a network and a rank in, factors that know their genes out."""

from __future__ import annotations

import os
import time
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from dasknmf import checkpoint as checkpoints
from dasknmf.cluster import executor_for, parse_memory
from dasknmf.driver import Model, Run, balance
from dasknmf.engine.cache import forget
from dasknmf.engine.memory import USABLE, Projection, check_memory, project
from dasknmf.engine.sketch import Spectrum, basis_bytes, leading_spectrum, sketch_width
from dasknmf.events import RunEnded, RunStarted
from dasknmf.matrices import Given, as_matrix
from dasknmf.options import FitOptions, ModelOptions, RunOptions, split_options
from dasknmf.progress import silent
from dasknmf.results import fit_dataset
from dasknmf.solvers import solver_class
from dasknmf.solvers.initial import nndsvd_start, random_start

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import xarray as xr
    from numpy.typing import NDArray

    from dasknmf.engine.executor import Executor
    from dasknmf.engine.sweep import Sweep
    from dasknmf.events import Listener
    from dasknmf.solvers.face import Rows
    from dasknmf.storage import Location, StorageOptions

FACTOR = np.dtype(np.float32)


def nmf(
    network: Any,
    n_components: int,
    *,
    solver: str = "hals",
    seed: int = 0,
    init: str = "auto",
    W: Any = None,
    H: Any = None,
    scheduler: Any = None,
    workers: int | None = None,
    memory_limit: int | str | None = None,
    checkpoint: Location | None = None,
    checkpoint_seconds: float | None = 60.0,
    checkpoint_iterations: int | None = None,
    resume: bool = False,
    storage_options: StorageOptions | None = None,
    progress: Listener = silent,
    **options: Any,
) -> xr.Dataset:
    """Factorize a gene network, A ≈ WH, without holding it in memory.

    Parameters
    ----------
    network : Network, path, URL, ndarray, scipy sparse array, DataFrame or DataArray, shape (n, n)
        Symmetric and non-negative. A store may be larger than memory.
    n_components : int
        Rank k.
    solver : {"hals", "mu"}
        Algorithm.
    seed : int
        Of the random start; a start gives bitwise the same factors on any executor.
    init : {"auto", "random", "nndsvd", "nndsvda"}
        Start, unless ``W`` and ``H`` are given; see :class:`dasknmf.options.ModelOptions`.
    W, H : array-like, shapes (n, k) and (k, n), optional
        Where to start.
    scheduler : str or distributed.Client, optional
        ``"threads"``, ``"serial"``, ``"local"``, an address, a scheduler file or a client; by default the
        current client, otherwise threads.
    workers : int, optional
        Threads, or processes of ``"local"``.
    memory_limit : int or str, optional
        Of a process that runs tasks, such as ``"4 GiB"``; the run is refused before it begins if its
        projection is above it, and memory left keeps tiles.
    checkpoint : path or URL, optional
        File for checkpoints; it is removed when the run is done.
    checkpoint_seconds, checkpoint_iterations : optional
        How often; whichever comes first.
    resume : bool
        Go on from ``checkpoint`` if it is there, to the same factors.
    storage_options : dict, optional
        Options of the fsspec file system of URLs.
    progress : callable, optional
        Receives :mod:`dasknmf.events`; :class:`dasknmf.progress.LogLines` writes them to the log.
    **options
        Fields of :class:`dasknmf.options.ModelOptions` and :class:`dasknmf.options.RunOptions`:
        ``l1_W, l1_H, l2_W, l2_H, max_iter, tol, tol_objective, max_seconds, diagonal, bound``.

    Returns
    -------
    Dataset
        ``W (gene, factor)``, ``H (factor, gene)``, ``scale (factor)``, ``objective (iteration)`` and more,
        see :data:`dasknmf.results.VARIABLES`. Attributes hold the exact ``relative_error`` on A, the
        Eckart–Young bound beside it, every option, the network's checksum, reads of A, seconds and the
        stop reason.

    Raises
    ------
    InputError
        If the network or an option cannot be used.
    MemoryLimitError
        If the projected memory is above the limit.

    References
    ----------
    Lee, Seung, NIPS 13 (2001); Cichocki, Phan, IEICE Transactions E92-A (2009).

    Examples
    --------
    >>> import dasknmf, numpy as np
    >>> A = np.kron(np.eye(2), np.ones((3, 3)))
    >>> fit = dasknmf.nmf(A, n_components=2, seed=1)
    >>> bool(fit.attrs["relative_error"] < 1e-3)
    True
    """
    of_model, run = split_options(options)
    start: tuple[NDArray[Any], NDArray[Any]] | None = None
    if W is not None or H is not None:
        init = "given"
        start = (W, H)  # checked against the network's shape when it is known
    model = ModelOptions(n_components, solver=solver, seed=seed, init=init, **of_model)  # type: ignore[arg-type]
    fits = _fit(
        network,
        FitOptions((model,), run),
        starts=[start],
        scheduler=scheduler,
        workers=workers,
        memory_limit=memory_limit,
        checkpoint=checkpoint,
        checkpoint_seconds=checkpoint_seconds,
        checkpoint_iterations=checkpoint_iterations,
        resume=resume,
        storage_options=storage_options,
        progress=progress,
    )
    return fits[0]


def nmf_many(
    network: Any,
    models: Sequence[ModelOptions | Mapping[str, Any]],
    *,
    scheduler: Any = None,
    workers: int | None = None,
    memory_limit: int | str | None = None,
    checkpoint: Location | None = None,
    checkpoint_seconds: float | None = 60.0,
    checkpoint_iterations: int | None = None,
    resume: bool = False,
    storage_options: StorageOptions | None = None,
    progress: Listener = silent,
    run: RunOptions | None = None,
    **options: Any,
) -> xr.DataTree:
    """Fit several models, of any rank, seed and algorithm, that share every read of the network.

    Parameters
    ----------
    network : as in :func:`nmf`
        The network.
    models : sequence of ModelOptions or dict
        Fields of :class:`dasknmf.options.ModelOptions` each; their names must differ.
    scheduler, workers, memory_limit, checkpoint, checkpoint_seconds, checkpoint_iterations, resume, \
storage_options, progress
        As in :func:`nmf`.
    run : RunOptions, optional
        What all models share; by default made of ``options``.
    **options
        Fields of :class:`dasknmf.options.RunOptions`, and of ``ModelOptions`` for models that do not say.

    Returns
    -------
    DataTree
        One child a model, named like ``hals-k8-seed0``, each as :func:`nmf` returns it.

    Examples
    --------
    >>> import dasknmf, numpy as np
    >>> A = np.kron(np.eye(2), np.ones((3, 3)))
    >>> fits = dasknmf.nmf_many(A, [{"n_components": k} for k in (1, 2)])
    >>> sorted(fits.children)
    ['hals-k1-seed0', 'hals-k2-seed0']
    """
    import xarray as xr

    from dasknmf.results import FORMAT, VERSION

    of_model, shared = split_options(options)
    chosen = tuple(
        given if isinstance(given, ModelOptions) else ModelOptions(**{**of_model, **given})
        for given in models
    )
    fits = _fit(
        network,
        FitOptions(chosen, run or shared),
        starts=[None] * len(chosen),
        scheduler=scheduler,
        workers=workers,
        memory_limit=memory_limit,
        checkpoint=checkpoint,
        checkpoint_seconds=checkpoint_seconds,
        checkpoint_iterations=checkpoint_iterations,
        resume=resume,
        storage_options=storage_options,
        progress=progress,
    )
    root = xr.Dataset(attrs={"format": FORMAT, "version": VERSION})
    return xr.DataTree.from_dict(
        {"/": root, **{model.name: fit for model, fit in zip(chosen, fits, strict=True)}}
    )


def _fit(
    network: Any,
    options: FitOptions,
    *,
    starts: list[tuple[Any, Any] | None],
    scheduler: Any,
    workers: int | None,
    memory_limit: int | str | None,
    checkpoint: Location | None,
    checkpoint_seconds: float | None,
    checkpoint_iterations: int | None,
    resume: bool,
    storage_options: StorageOptions | None,
    progress: Listener,
) -> list[xr.Dataset]:
    given = as_matrix(network, storage_options=storage_options)
    for model, start in zip(options.models, starts, strict=True):
        given.check_start(model, start)
    limit = parse_memory(memory_limit)
    with executor_for(scheduler, workers=workers, memory_limit=limit) as executor:
        operator, projection = _plan(given, options, executor, limit)
        snapshot = None
        saved = None
        if checkpoint is not None:
            snapshot = checkpoints.Checkpoints(
                checkpoint,
                {"checksum": given.checksum, **options.as_dict()},
                every_seconds=checkpoint_seconds,
                every_iterations=checkpoint_iterations,
                listener=progress,
                storage_options=storage_options,
            )
            saved = snapshot.read() if resume else None
        try:
            return _run(given, options, starts, executor, operator, projection, snapshot, saved, progress)
        finally:
            executor.everywhere(forget)


def _plan(
    given: Given, options: FitOptions, executor: Executor, limit: int | None
) -> tuple[Sweep, Projection]:
    """Return the operator, after its memory has been projected and found to fit."""
    operator = given.operator(executor, cache=0)
    ranks = [model.n_components for model in options.models]
    capacity = executor.capacity
    projection = project(
        operator.plan,
        capacity,
        columns=sum(ranks),
        widest=max(sum(ranks), sketch_width(operator.n, max(ranks))),
        basis=basis_bytes(operator.n, max(ranks)),
        tile_bytes=given.tile_bytes(operator.plan),
        live=len(ranks),
    )
    allowed = min(limit or capacity.memory, capacity.memory)
    usable = allowed if executor.local else int(allowed * USABLE)
    where = "this process" if executor.local else f"each of {capacity.processes} worker processes"
    check_memory(projection, limit=usable, where=where)
    left = usable - projection.process_bytes
    # half of what is left stays free: other programs, and what no projection sees
    return given.operator(executor, cache=left // 2), projection


def _run(
    given: Given,
    options: FitOptions,
    starts: list[tuple[Any, Any] | None],
    executor: Executor,
    operator: Sweep,
    projection: Projection,
    snapshot: checkpoints.Checkpoints | None,
    saved: checkpoints.Saved | None,
    progress: Listener,
) -> list[xr.Dataset]:
    began = time.perf_counter()
    bytes_per_sweep = operator.plan.weight
    progress(
        RunStarted(
            genes=operator.n,
            models=len(options.models),
            columns=sum(model.n_components for model in options.models),
            groups=len(operator.plan.groups),
            bytes_per_sweep=bytes_per_sweep,
            memory=projection.process_bytes,
            max_iter=options.run.max_iter,
            resumed_at=saved.iteration if saved else 0,
        )
    )
    largest = max(model.n_components for model in options.models)
    needs_spectrum = options.run.bound or (not saved and any("nndsvd" in m.init for m in options.models))
    spectrum = leading_spectrum(operator, largest, seed=0) if needs_spectrum else None
    if saved:
        models = [_restored(model, kept) for model, kept in zip(options.models, saved.models, strict=True)]
        operator.reads += saved.reads - (operator.reads if spectrum else 0)
    else:
        models = [
            _started(model, operator, spectrum, start)
            for model, start in zip(options.models, starts, strict=True)
        ]
    run = Run(
        operator,
        executor,
        models,
        options.run,
        bytes_per_sweep=bytes_per_sweep,
        listener=progress,
        snapshot=snapshot,
        seconds=(saved.seconds if saved else 0.0) + time.perf_counter() - began,
    )
    if snapshot is not None:
        snapshot.reads = lambda: operator.reads
        snapshot.begin(saved.iteration if saved else 0, run.seconds)
    run.go()
    scales: list[tuple[NDArray[np.float64], NDArray[np.float64]]] = []

    def balanced(rows: Rows) -> Rows:
        made, scale, gauge = balance(rows)
        scales.append((scale, gauge))
        return made

    exact = run.exact(balanced)
    progress(RunEnded(run.seconds, operator.reads, operator.reads * bytes_per_sweep))
    facts = {
        "network": given.name,
        "network_checksum": given.checksum,
        "genes": operator.n,
        "reads": operator.reads,
        "bytes_per_read": bytes_per_sweep,
        "seconds": run.seconds,
        "workers": executor.capacity.processes * executor.capacity.threads,
    }
    made = [
        fit_dataset(
            model,
            end,
            genes=given.genes,
            scale=scale,
            gauge=gauge,
            options=chosen,
            run=options.run,
            bound=_bound(spectrum, chosen, options, operator),
            facts=facts,
        )
        for model, end, chosen, (scale, gauge) in zip(models, exact, options.models, scales, strict=True)
    ]
    if snapshot is not None:
        snapshot.remove()
    return made


def _bound(spectrum: Spectrum | None, model: ModelOptions, options: FitOptions, operator: Sweep) -> float:
    """Return the Eckart–Young bound; nan where it was not asked for or the diagonal does not count."""
    if spectrum is None or options.run.diagonal == "ignore":
        return float("nan")
    return spectrum.relative_error(model.n_components, operator.sum_of_squares)


def _started(
    model: ModelOptions, operator: Sweep, spectrum: Spectrum | None, start: tuple[Any, Any] | None
) -> Model:
    n, k = operator.n, model.n_components
    mean = operator.total / n**2
    if start is not None:
        W, H = (np.ascontiguousarray(np.asarray(given), dtype=FACTOR) for given in (start[0], start[1]))
        W, Ht = W, np.ascontiguousarray(H.T)
    elif model.init == "random":
        W, Ht = random_start(n, k, seed=model.seed, mean=mean, dtype=FACTOR)
    else:
        assert spectrum is not None
        fill = mean if model.init == "nndsvda" else 0.0
        W, Ht = nndsvd_start(spectrum.values[:k], spectrum.vectors[:, :k], fill=fill, dtype=FACTOR)
    return Model(model.name, _solver(model), {"W": W, "H": Ht})


def _restored(model: ModelOptions, kept: dict[str, Any]) -> Model:
    fields = ("state", "objective", "squared_error", "gradient", "stop_reason", "converged")
    return Model(model.name, _solver(model), kept["rows"], **{name: kept[name] for name in fields})


def _solver(model: ModelOptions) -> Any:
    penalties = {name: value for name, value in asdict(model).items() if name[:3] in ("l1_", "l2_")}
    return solver_class(model.solver)(**penalties)


def transform(fit: xr.Dataset, rows: Any, *, max_iter: int = 500, tol: float = 1e-6) -> NDArray[np.float32]:
    """Return the loadings of new genes on the factors of a fit: argmin over W ≥ 0 of ‖rows − W H‖.

    Parameters
    ----------
    fit : Dataset
        What :func:`nmf` returned.
    rows : array-like, shape (m, n)
        Weights of ``m`` new genes to the ``n`` genes of the fit, in their order.
    max_iter : int
        Most HALS passes; the problem is convex, each pass lowers it.
    tol : float
        Stop when a pass changes the loadings by less, relative to their norm.

    Returns
    -------
    ndarray, shape (m, k)

    Raises
    ------
    InputError
        If the rows have another number of genes, or are negative or not finite.

    Examples
    --------
    >>> import dasknmf, numpy as np
    >>> A = np.kron(np.eye(2), np.ones((3, 3)))
    >>> fit = dasknmf.nmf(A, n_components=2)
    >>> loadings = dasknmf.transform(fit, A[:1])
    >>> bool(np.allclose(loadings @ fit.H.values, A[:1], atol=1e-3))
    True
    """
    from dasknmf.matrices import check_rows

    given = check_rows(rows, fit.sizes["gene"])
    penalty = {name: float(fit.attrs[name]) for name in ("l1_W", "l2_W")}
    Ht = fit["H"].values.T.astype(np.float64)
    Y = np.asarray(given @ Ht)
    G = Ht.T @ Ht
    update = partial(solver_class("hals")().update, Y=Y, G=G, FG=Y, l1=penalty["l1_W"], l2=penalty["l2_W"])
    W = np.maximum(Y, 0) / max(float(np.trace(G)), np.finfo(float).tiny)
    for _ in range(max_iter):
        new = update(W)
        change = float(np.linalg.norm(new - W))
        W = new
        if change <= tol * max(float(np.linalg.norm(W)), np.finfo(float).tiny):
            break
    return np.asarray(W, dtype=np.float32)


def checkpoint_beside(location: Location) -> str:
    """Return where the checkpoint of a result is kept by default: beside it."""
    return f"{os.fspath(location).rstrip('/')}.checkpoint"
