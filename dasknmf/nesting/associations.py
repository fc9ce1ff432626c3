"""The public function: a network in, nested gene associations out."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from dasknmf.cluster import on_cluster
from dasknmf.errors import InputError
from dasknmf.events import RunEnded
from dasknmf.execution import Execution, take_execution
from dasknmf.kept import KeptBatches
from dasknmf.matrices import as_matrix
from dasknmf.nesting.dataset import nested_dataset
from dasknmf.nesting.descent import FITS, descend
from dasknmf.nesting.options import NestedOptions, ranks_of
from dasknmf.nesting.zoom_run import run_zoom, zoom_options
from dasknmf.options import RunOptions
from dasknmf.parameters import PARAMETERS, PENALTIES
from dasknmf.parts import KeptParts
from dasknmf.sessions import open_session

if TYPE_CHECKING:
    import xarray as xr

    from dasknmf.engine.executor import Executor

#: Of a run, what nested associations do not have: fits are on the sketch, bounds are always there, the diagonal counts,
#: and a level that ends by the clock would not be the same twice.
_FIXED = {"exact", "bound", "diagonal", "max_seconds"}


def nested(
    network: Any,
    n_components: Any,
    *,
    method: str = "relational",
    loadings: str = "partner",
    similarity: str | float = "core",
    restarts: int = 3,
    levels: int | None = None,
    execution: Execution | None = None,
    **options: Any,
) -> xr.Dataset:
    """Factorize a network, then what relates its factors, level by level, and say what each level keeps.

    The network is read for its sketch and the fits of it, then once a level for ``relational`` and not at all for
    further levels of ``coarsen``; nothing of the size n×n is made.

    Parameters
    ----------
    network : as in :func:`dasknmf.nmf`
        The network; its diagonal counts.
    n_components : list of int, int, "survey", or what :func:`dasknmf.survey` returned
        Factors of each level, finest first; one number is halved, rounded up, down to a root; a survey recommends the
        first, which is halved: ``"survey"`` makes one with its defaults.
    method : {"relational", "coarsen", "zoom"}
        ``"relational"``: the similarity of genes over the loadings of a level is factorized again. ``"coarsen"``: the
        network between factors is, the core C ≥ 0 of ‖A − L C Lᵀ‖ for columns of L of norm 1; C ≈ M H', and the next
        loadings are L M (``metric="genes"`` minimises ‖L(C − M H')Lᵀ‖, ``"factors"`` ‖C − M H'‖). ``"zoom"``: from the
        root down, the subnetwork of the genes of each factor is factorized again, until a node is too small, not better
        than its null networks, not reproducible over restarts, or on the deepest level; ``n_components`` are the
        factors of the root, or of a node of each level, and ``levels`` the most splits.
    loadings : {"partner", "W", "H", "index"}
        Which loadings of a fit go on, in the tree that is returned; W, H and partner are measured in any case. See
        :func:`dasknmf.nesting.loadings.loadings_of`.
    similarity : {"core", "inner", "cosine"} or float
        Of ``relational``: L C Lᵀ with the core, which alone keeps partners; LLᵀ; or the same with rows of L divided by
        their norm, or by the power of it that is given, from 0 to 1, which hands the similarity to genes with small
        loadings. After three halvings they kept 0.97, 0.51 and 0.02 of what is possible on TRRUST (k = 16 to 2), and
        0.97, 0.96 and 0.09 on a yeast network of genetic interactions (24 to 3).
    restarts : int
        Fits of each level from different starts; each goes its own way down.
    levels : int, optional
        Most levels.
    execution : Execution, optional
        Where and how; by default made of ``options``. Its checkpoint is a folder.
    **options
        ``seed``, ``solver``, ``init``, ``metric`` and penalties (:class:`dasknmf.nesting.options.NestedOptions`);
        ``max_iter``, ``tol``, ``tol_objective`` and ``polish`` (:class:`dasknmf.options.RunOptions`); and, without
        ``execution``, fields of :class:`dasknmf.execution.Execution` (``scheduler``, ``checkpoint``, ``resume``, …). Of
        ``zoom``, also those of :class:`dasknmf.nesting.zoom_options.ZoomOptions`, such as ``membership``, ``null`` and
        ``nulls``.

    Returns
    -------
    Dataset
        See :data:`dasknmf.nesting.variables.VARIABLES`: the tree, flat, of the restart most like the others, and of
        every level, branch and restart what it keeps. :func:`nested_tree` shows it as a tree.

    Raises
    ------
    InputError
        If the network or an option cannot be used.
    MemoryLimitError
        If the projected memory is above the limit.

    Notes
    -----
    The bound E* is that of Eckart & Young, Psychometrika 1:211, 1936, by the sketch, from above.

    Examples
    --------
    Four modules, two and two of them joined:

    >>> import dasknmf, numpy as np
    >>> A = np.kron(np.kron(np.eye(2), np.ones((2, 2))) + 3 * np.eye(4) + 0.1, np.ones((8, 8)))
    >>> found = dasknmf.nested(A, [4, 2, 1], method="coarsen")
    >>> sorted(found["parent"].values.tolist())
    [-1, 4, 4, 5, 5, 6, 6]
    >>> found["retention"].sel(branch="partner").mean("restart").round(2).values.tolist()
    [1.0, 1.0, 1.0]
    """
    execution = take_execution(options, execution)
    if method == "zoom":
        chosen_zoom, run = zoom_options(
            n_components, levels=levels, options={"loadings": loadings, "restarts": restarts, **options}
        )
        return run_zoom(network, chosen_zoom, run, execution)
    own, run = _split(options)
    ranks, reason = _ranks(network, n_components, levels, execution, own)
    chosen = NestedOptions(
        ranks, method=method, loadings=loadings, similarity=similarity, restarts=restarts, **own
    )
    return run_nested(network, chosen, run, execution, reason=reason)


def _split(options: dict[str, Any]) -> tuple[dict[str, Any], RunOptions]:
    of_run = {f.name for f in fields(RunOptions)} - _FIXED
    of_nested = {"seed", "solver", "init", "metric"}
    of_model = (*PENALTIES, *PARAMETERS)
    unknown = sorted(set(options) - of_run - of_nested - set(of_model))
    if unknown:
        there = ", ".join(sorted(of_run | of_nested | set(of_model)))
        msg = f"option {unknown[0]!r} of nested associations is not known; there are: {there}"
        raise InputError(msg)
    own = {name: options[name] for name in of_nested if name in options}
    penalties = {name: options[name] for name in of_model if name in options}
    return {**own, "penalties": penalties}, RunOptions(
        **{name: options[name] for name in of_run if name in options}
    )


def _ranks(
    network: Any, given: Any, levels: int | None, execution: Execution, own: dict[str, Any]
) -> tuple[tuple[int, ...], str]:
    """Return the factors of each level, and why these."""
    import xarray as xr

    if isinstance(given, str) and given == "survey":
        from dataclasses import replace

        from dasknmf.surveying import survey

        # a checkpoint is of the levels; the sketch, the costly part, is kept beside a store
        given = survey(
            network,
            seed=own.get("seed", 0),
            solver=own.get("solver", "hals"),
            execution=replace(execution, checkpoint=None, resume=False),
        )
    if isinstance(given, xr.Dataset):
        rank = given.attrs.get("recommended_rank", "none")
        if rank == "none":
            why = given.attrs.get("reason", "it is not a survey")
            msg = f"n_components: the survey recommends no rank ({why}); give the factors of each level"
            raise InputError(msg)
        return ranks_of(int(rank), levels=levels), f"survey: {given.attrs['reason']}; then halved"
    ranks = ranks_of(given, levels=levels)
    return ranks, "halved" if hasattr(given, "__index__") else "given"


def run_nested(
    network: Any, options: NestedOptions, run: RunOptions, execution: Execution, *, reason: str = "given"
) -> xr.Dataset:
    """Find nested associations; see :func:`nested`."""
    given = as_matrix(network, storage_options=execution.storage_options)
    given.check_start(options.model(options.n_components[0], 0), None)
    identity = {"checksum": given.checksum, "nested": options.as_dict(), "run": vars(run)}
    kept = KeptParts(
        execution.checkpoint,
        identity,
        resume=execution.resume,
        storage_options=execution.storage_options,
        beside=f"{FITS}-",
    )
    batches = None
    if execution.checkpoint is not None:
        batches = KeptBatches(
            execution.checkpoint,
            FITS,
            identity,
            resume=execution.resume,
            storage_options=execution.storage_options,
        )

    def work(executor: Executor) -> xr.Dataset:
        # beside a fit, the loadings of each branch
        beside = options.restarts * (1 + len(options.branches))
        session = open_session(
            given,
            executor,
            execution,
            run,
            solver=options.solver,
            ranks=[k for k in options.n_components for _ in range(beside)],
            models=len(options.n_components) * options.restarts,
        )
        found = descend(session, options, kept, batches)
        made = nested_dataset(options, session, found, reason=reason)
        reads = session.operator.reads
        execution.progress(RunEnded(session.seconds, reads, reads * session.operator.plan.weight))
        return made

    return on_cluster(
        execution, work, reached=lambda: kept.reached() or (batches.reached() if batches else "")
    )
