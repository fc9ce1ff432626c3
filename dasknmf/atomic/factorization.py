"""The public function: data and a number of patterns in, what they most likely are and how sure that is out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dasknmf.atomic.fitting import FitOptions, fit_data
from dasknmf.atomic.given import as_given
from dasknmf.atomic.keeping import keeping_of
from dasknmf.cluster import on_cluster, parse_memory
from dasknmf.execution import Execution
from dasknmf.progress import silent

if TYPE_CHECKING:
    from collections.abc import Mapping

    import xarray as xr

    from dasknmf.engine.executor import Executor
    from dasknmf.events import Listener
    from dasknmf.storage import Location, StorageOptions


def cogaps(
    data: Any,
    n_patterns: int,
    *,
    uncertainty: Any = None,
    iterations: int = 1000,
    seed: int = 0,
    alpha: float = 0.01,
    fixed: Mapping[str, Any] | None = None,
    sets: Any = None,
    cut: int | None = None,
    scheduler: Any = None,
    workers: int | None = None,
    memory_limit: int | str | None = None,
    checkpoint: Location | None = None,
    checkpoint_seconds: float | None = 60.0,
    checkpoint_iterations: int | None = None,
    resume: bool = False,
    storage_options: StorageOptions | None = None,
    progress: Listener = silent,
    patience: float = 600.0,
) -> xr.Dataset:
    """Factorize non-negative data, D ≈ WH, by CoGAPS: a Gibbs sampler of sparse non-negative W and H.

    Parameters
    ----------
    data : ndarray, sparse array, DataFrame, DataArray, Network, path or URL
        D, genes × samples, 0 or more; logarithms of counts rather than counts. A symmetric one is a network, and its
        samples are genes. A store is read into memory, with ``sets`` only some rows a task.
    n_patterns : int
        K.
    uncertainty : as data, optional
        S, the standard deviation of each value; by default max(0.1·D, 0.1).
    iterations : int
        Of equilibration, and as many of sampling. Published analyses take from 1,000 to 50,000.
    seed : int
        Gives bitwise the same result on any executor, of one kind of processor.
    alpha : float
        Atoms a bin expected before the data are seen; larger is less sparse.
    fixed : mapping, optional
        ``{"H": patterns}`` (K × samples) or ``{"W": loadings}`` (genes × K): that factor is held as given.
    sets : int or list of lists, optional
        For data of a whole genome: cut the genes in so many sets at random, or as given by name or row; sample
        each in a task of its own; hold the patterns found in half of the sets or more; and sample the loadings of
        all genes, each set in a task again. K then is the number of these patterns.
    cut : int, optional
        Clusters that the patterns of all sets are cut into; by default ``n_patterns``.
    scheduler, workers, memory_limit : optional
        Where it runs, as in :func:`dasknmf.nmf`. One chain is one thread; sets run beside each other.
    checkpoint : path or URL, optional
        File for checkpoints of a chain, or folder for the sets that have ended; removed when the run is done.
    checkpoint_seconds, checkpoint_iterations : optional
        How often, of a chain; whichever comes first.
    resume : bool
        Go on from ``checkpoint`` if it is there, to the same bits.
    storage_options : dict, optional
        Options of the fsspec file system of URLs.
    progress : callable, optional
        Receives :class:`dasknmf.events.ChainAdvanced`, about once a second, or
        :class:`dasknmf.events.SetsSampled`.
    patience : float
        Seconds that it waits for a worker, or for a cluster that was lost to come back.

    Returns
    -------
    Dataset
        ``W``, ``W_sd (gene, factor)``, ``H``, ``H_sd (factor, sample)``: posterior means and standard deviations of
        W·norm and H/norm, norm the largest entry of each row of H; ``chi_squared (iteration)``, ``atoms (side,
        iteration)`` and more, see :data:`dasknmf.atomic.dataset.VARIABLES`. Attributes hold ``chi_squared`` and the
        relative error of the means, λ as ``rate``, every parameter and versions; and ``chi_squared_change``, that of
        the chain's mean χ² from the first half of sampling to the second: well below 0, it had not settled, and
        wants more iterations.

    Raises
    ------
    InputError
        If the data or an option cannot be used.
    MemoryLimitError
        If the projected memory is above the limit.

    Notes
    -----
    Both factors are sums of atoms, point masses on a line of a bin for each entry, with masses ~ Exponential(λ),
    λ = α·√(K / mean of the non-zeros of D), and a Gaussian likelihood. An iteration is Poisson(max(atoms, 10)) steps
    on W, then on H: birth, death, move and exchange; temperature min(1, 2·iteration/iterations) in equilibration.
    The two halves of an atom exchange within one bin are drawn uniformly, their exact conditional law.

    References
    ----------
    Fertig, Ding, Favorov, Parmigiani, Ochs, Bioinformatics 26:2792, 2010; Stein-O'Brien et al., Bioinformatics
    33:1892, 2017 (sets); Sherman, Gao, Fertig, BMC Bioinformatics 21:453, 2020.

    Examples
    --------
    >>> import dasknmf, numpy as np
    >>> D = np.kron(np.eye(2), np.full((4, 3), 5.0))
    >>> fit = dasknmf.cogaps(D, 2, seed=1)
    >>> fit.W.shape, fit.H.shape, bool(fit.attrs["relative_error"] < 0.1)
    ((8, 2), (2, 6), True)
    """
    options = FitOptions(n_patterns, iterations=iterations, seed=seed, alpha=alpha, cut=cut)
    given = as_given(data, uncertainty, storage_options=storage_options)
    keeping = keeping_of(
        checkpoint,
        {"data": given.checksum, **options.identity(given, fixed, sets)},
        many=sets is not None,
        every_seconds=checkpoint_seconds,
        every_iterations=checkpoint_iterations,
        resume=resume,
        storage_options=storage_options,
        listener=progress,
    )
    execution = Execution(
        scheduler=scheduler,
        workers=workers,
        memory_limit=memory_limit,
        checkpoint=checkpoint,
        storage_options=storage_options,
        progress=progress,
        patience=patience,
    )
    limit = parse_memory(memory_limit)

    def work(executor: Executor) -> xr.Dataset:
        return fit_data(given, options, executor, fixed=fixed, sets=sets, keeping=keeping, memory_limit=limit)

    return on_cluster(execution, work, reached=keeping.reached)
