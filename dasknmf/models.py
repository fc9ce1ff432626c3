"""The public functions: a network and a rank in, factors that know their genes out."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

import numpy as np

from dasknmf.errors import InputError
from dasknmf.execution import Execution
from dasknmf.fitting import fit_models
from dasknmf.matrices import check_rows
from dasknmf.mixed import shared_options
from dasknmf.options import FitOptions, ModelOptions, split_options
from dasknmf.progress import silent
from dasknmf.solvers import solver_class

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import xarray as xr
    from numpy.typing import NDArray

    from dasknmf.events import Listener
    from dasknmf.storage import Location, StorageOptions


def nmf(
    network: Any,
    n_components: int,
    *,
    solver: str = "hals",
    seed: int = 0,
    init: str = "auto",
    W: Any = None,
    H: Any = None,
    missing: Any = None,
    weights: Any = None,
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
        Symmetric and non-negative. A store may be larger than memory. So may what :func:`dasknmf.null_network` and
        :func:`dasknmf.control_network` return, of which tiles are made when they are needed.
    n_components : int
        Rank k.
    solver : str
        Algorithm, one of :func:`dasknmf.list_solvers`: iterative ones such as ``"hals"`` and ``"mu"``; some, such as
        ``"brunet"``, minimise the Kullback–Leibler divergence, for which no sketch can stand for A, so that all their
        iterations are on A, as with ``exact``; and direct ones to put beside them, such as ``"svd"``.
    seed : int
        Of the random start; a start gives bitwise the same factors on any executor.
    init : {"auto", "random", "random_acol", "nndsvd", "nndsvda"}
        Start, unless ``W`` and ``H`` are given; see :class:`dasknmf.options.ModelOptions`.
    W, H : array-like, shapes (n, k) and (k, n), optional
        Where to start.
    missing : as ``network``, optional
        Its non-zero pairs of genes are unknown: what the network has there does not matter, and the objective is over
        all others. Of a sparse network the cost is that of edges and missing pairs.
    weights : as ``network``, or callable, optional
        Ω, symmetric, from 0 to 1: ½ΣΩ∘(A − WH)² is minimised. A sparse matrix says what counts: pairs it does not have
        count with weight 0, at the cost of those it has. A function ``(rows, columns) -> ndarray`` of two arrays of
        gene numbers, pure and picklable, is called block by block, for all n² pairs; checkpoints know it by its values
        for 128 genes. All iterations of ``hals`` or ``mu``, the solvers that take weights, are then on A, as with
        ``exact``, starts are of A with unknown entries as 0, and errors are weighted; there is no Eckart–Young bound.
    scheduler : str, mapping, Cluster or distributed.Client, optional
        ``"threads"``, ``"serial"``, ``"local"``, ``"slurm"``, ``"kubernetes"``, an address, a scheduler file, a client, or
        what else :func:`dasknmf.cluster.read_cluster` takes; by default the current client, otherwise threads.
    workers : int, optional
        Threads, worker processes, jobs or pods; not with a client.
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
        Fields of :class:`dasknmf.options.ModelOptions` and :class:`dasknmf.options.RunOptions`,
        and parameters of some solvers, see :data:`dasknmf.parameters.PARAMETERS`: ``l1_W, l1_H, l2_W, l2_H,
        max_iter, tol, tol_objective, max_seconds, diagonal, bound, exact, polish`` and more.

    Returns
    -------
    Dataset
        ``W (gene, factor)``, ``H (factor, gene)``, ``scale (factor)``, ``objective (iteration)`` and more,
        see :data:`dasknmf.results.VARIABLES`; direct methods have no ``objective``, but variables of their own,
        such as ``eigenvalue``, see ``VARIABLES`` of the modules of :mod:`dasknmf.references`. Attributes hold the
        exact ``relative_error`` on A, the Eckart–Young bound beside it, the exact ``divergence`` where that was
        minimised, every option, the network's checksum, reads of A, seconds and the stop reason.

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
    given = W is not None or H is not None
    start = "given" if given else init
    model = ModelOptions(n_components, solver=solver, seed=seed, init=start, **of_model)  # type: ignore[arg-type]
    execution = Execution(
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
    starts = [(W, H) if given else None]
    return fit_models(
        network, FitOptions((model,), run), execution, starts=starts, missing=missing, weights=weights
    )[0]


def nmf_many(
    network: Any,
    models: Sequence[ModelOptions | Mapping[str, Any]],
    *,
    execution: Execution | None = None,
    missing: Any = None,
    weights: Any = None,
    **options: Any,
) -> xr.DataTree:
    """Fit several models, of any rank, seed and algorithm, that share every read of the network.

    Parameters
    ----------
    network : as in :func:`nmf`
        The network.
    models : sequence of ModelOptions or dict
        Fields of :class:`dasknmf.options.ModelOptions` each; two may not be the same.
    execution : Execution, optional
        Where and how; by default made of ``options``.
    missing, weights : optional
        Of the entries, the same for all models, as in :func:`nmf`.
    **options
        Fields of :class:`dasknmf.execution.Execution` (``scheduler``, ``memory_limit``, ``checkpoint``, …) and
        of :class:`dasknmf.options.RunOptions`; those of ``ModelOptions`` are for models that do not say.

    Returns
    -------
    DataTree
        One child a model, named like ``hals-k8``, each as :func:`nmf` returns it.

    Examples
    --------
    >>> import dasknmf, numpy as np
    >>> A = np.kron(np.eye(2), np.ones((3, 3)))
    >>> fits = dasknmf.nmf_many(A, [{"n_components": k} for k in (1, 2)])
    >>> sorted(fits.children)
    ['hals-k1', 'hals-k2']
    """
    import xarray as xr

    from dasknmf.results import FORMAT, VERSION

    if execution is None:
        names = [field.name for field in fields(Execution) if field.name in options]
        execution = Execution(**{name: options.pop(name) for name in names})
    of_model, run = split_options(options)
    chosen = tuple(
        given if isinstance(given, ModelOptions) else _with_defaults(given, of_model) for given in models
    )
    fits = fit_models(network, FitOptions(chosen, run), execution, missing=missing, weights=weights)
    root = xr.Dataset(attrs={"format": FORMAT, "version": VERSION})
    return xr.DataTree.from_dict(
        {"/": root, **{model.name: fit for model, fit in zip(chosen, fits, strict=True)}}
    )


def _with_defaults(given: Mapping[str, Any], of_model: Mapping[str, Any]) -> ModelOptions:
    solver = given.get("solver", of_model.get("solver", "hals"))
    return ModelOptions(**{**shared_options(solver, of_model), **given})


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
        If the rows have another number of genes, or are negative or not finite, or factors have signs.

    Examples
    --------
    >>> import dasknmf, numpy as np
    >>> A = np.kron(np.eye(2), np.ones((3, 3)))
    >>> fit = dasknmf.nmf(A, n_components=2)
    >>> loadings = dasknmf.transform(fit, A[:1])
    >>> bool(np.allclose(loadings @ fit.H.values, A[:1], atol=1e-3))
    True
    """
    given = check_rows(rows, fit.sizes["gene"])
    if fit.attrs.get("signed"):
        msg = f"transform: factors of solver '{fit.attrs['solver']}' have signs; needs a non-negative fit"
        raise InputError(msg)
    # penalties held for the factors as the algorithm left them: w_j was √gauge_j times what it is balanced
    gauge = np.where(np.isfinite(fit["gauge"].values), fit["gauge"].values, 1.0)
    root = np.sqrt(np.where(gauge > 0, gauge, 1.0))
    Ht = fit["H"].values.T.astype(np.float64) / root
    Y = np.asarray(given @ Ht)
    G = Ht.T @ Ht
    hals = solver_class("hals")()
    penalties = {"l1": float(fit.attrs["l1_W"]), "l2": float(fit.attrs["l2_W"])}
    W = np.maximum(Y, 0) / max(float(np.trace(G)), np.finfo(float).tiny)
    for _ in range(max_iter):
        new = hals.update(W, Y, G, Y, **penalties)
        change = float(np.linalg.norm(new - W))
        W = new
        if change <= tol * max(float(np.linalg.norm(W)), np.finfo(float).tiny):
            break
    return np.asarray(W / root, dtype=np.float32)
