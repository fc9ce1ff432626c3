"""One set of factors from the restarts of a rank, and which of them the restarts agree on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dasknmf.analysis.matching import balanced, match_restarts, restart_similarity
from dasknmf.analysis.restarts import agreed, factors, named, shared
from dasknmf.analysis.stability import interval_of_means, restart_stability
from dasknmf.errors import one_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import xarray as xr
    from numpy.typing import NDArray

    from dasknmf.analysis.matching import Factors

METHODS = ("medoid", "mean")
#: Matched similarity from which a restart has a factor: cos 45° on each side, so what is found is nearer to the
#: factor than to anything that shares nothing with it.
PRESENT = 0.5


@dataclass(frozen=True)
class Consensus:
    """Consensus factors of R restarts of one rank.

    Attributes
    ----------
    W, Ht : ndarray of float32, shape (n, k)
        Balanced, in the order of the medoid.
    medoid : int
        The restart most like all others.
    permutation : ndarray of int, shape (k, R)
        Which factor of each restart is matched to each factor of the medoid.
    matched : ndarray, shape (k, R)
        Their similarity.
    present : ndarray of bool, shape (k, R)
        Whether it is at least the threshold.
    reproducibility, low, high : ndarray, shape (k,)
        Mean of ``matched`` over the restarts other than the medoid, and its 95 % bootstrap interval over them.
    """

    W: NDArray[np.float32]
    Ht: NDArray[np.float32]
    medoid: int
    permutation: NDArray[np.intp]
    matched: NDArray[np.float64]
    present: NDArray[np.bool_]
    reproducibility: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


def consensus_factors(
    models: Sequence[Factors], *, method: str = "medoid", threshold: float = PRESENT, seed: int = 0
) -> Consensus:
    """Return consensus factors of the restarts of one rank, from arrays.

    Parameters
    ----------
    models : sequence of (W, Ht), each of shape (n, k)
        R restarts.
    method : {"medoid", "mean"}
        See :func:`consensus`.
    threshold : float
        Matched similarity from which a restart has a factor.
    seed : int
        Of the bootstrap.

    Returns
    -------
    Consensus
        Reproducibility is nan for one restart, its interval for fewer than three.

    Examples
    --------
    >>> W = np.eye(3, 2)
    >>> found = consensus_factors([(W, W), (W[:, ::-1], W[:, ::-1]), (W, W)])
    >>> found.medoid, found.permutation.tolist(), found.reproducibility.tolist()
    (0, [[0, 1, 0], [1, 0, 1]], [1.0, 1.0])
    """
    one_of("method", method, METHODS)
    between = restart_similarity(models)
    per_restart = restart_stability(between, seed=seed, resamples=1).per_restart
    # of one restart it is nan
    medoid = int(np.nan_to_num(per_restart).argmax())
    to, similar = match_restarts(between)
    permutation, matched = to[medoid].T, similar[medoid].T
    present = matched >= threshold
    if method == "medoid":
        W, Ht = balanced(models[medoid])
    else:
        W, Ht = _mean(models, permutation, np.where(present, matched, 0.0), medoid)
    others = np.delete(matched, medoid, axis=1).T
    low, high = interval_of_means(others, seed=seed)
    mean = others.mean(axis=0) if len(others) else np.full(matched.shape[0], np.nan)
    return Consensus(W, Ht, medoid, permutation, matched, present, mean, low, high)


def consensus(
    fits: xr.DataTree | Sequence[xr.Dataset],
    *,
    method: str = "medoid",
    threshold: float = PRESENT,
    seed: int = 0,
) -> xr.Dataset:
    """Return one set of factors from restarts of one rank, with how well each factor is reproduced.

    Factors of two restarts are compared as the matrices w_j h_jᵀ, by their cosine, and matched one to one. The
    medoid is the restart whose factors are most like those of all others.

    Parameters
    ----------
    fits : DataTree or sequence of Dataset
        What :func:`dasknmf.nmf_many` returned, or several of :func:`dasknmf.nmf`; all of one rank and network.
    method : {"medoid", "mean"}
        ``"medoid"``: the factors of the medoid, which are a fit of the network, with a known error. ``"mean"``:
        the mean of each of its factors and those matched to it, balanced to ‖w‖ = ‖h‖ and weighted by their
        similarity to it, without the restarts that do not have the factor.
    threshold : float
        Matched similarity from which a restart has a factor.
    seed : int
        Of the bootstrap.

    Returns
    -------
    Dataset
        ``W``, ``H``, ``scale`` and ``gauge`` as in a fit, balanced and in the order of the medoid;
        ``reproducibility (factor)``, the mean similarity to the factors matched in the other restarts, and its 95 %
        bootstrap interval over restarts, ``reproducibility_low`` and ``reproducibility_high``; ``similarity``,
        ``matched_factor`` and ``present_in``, each (factor, restart). Attributes: ``method``, ``medoid``,
        ``restarts``, ``threshold``, ``relative_error`` (of the medoid; nan for means, which are not a fit), and
        what all fits agree on.

    Raises
    ------
    InputError
        If the fits are not of one rank and the same genes in the same order.

    See Also
    --------
    missing_from : which restarts do not have a factor, by name.

    Notes
    -----
    Reproducibility is that of the factors of the medoid, also for means: a mean of restarts is like them by
    construction.

    Examples
    --------
    >>> import dasknmf, numpy as np
    >>> A = np.kron(np.eye(2), np.ones((3, 3)))
    >>> fits = dasknmf.nmf_many(A, [{"n_components": 2, "init": "random", "seed": s} for s in range(3)])
    >>> found = dasknmf.consensus(fits)
    >>> found["reproducibility"].round(3).values.tolist()
    [1.0, 1.0]
    """
    import xarray as xr

    restarts = named(fits)
    genes, k = agreed(restarts)
    found = consensus_factors(
        [factors(fit) for fit in restarts.values()], method=method, threshold=threshold, seed=seed
    )
    names = list(restarts)
    medoid = restarts[names[found.medoid]]
    labels = np.stack([fit["factor"].to_numpy() for fit in restarts.values()])
    scale = np.linalg.norm(found.W.astype(float), axis=0) * np.linalg.norm(found.Ht.astype(float), axis=0)
    gauge = medoid.get("gauge") if method == "medoid" else None
    per_factor = {
        "scale": scale,
        # of a mean of balanced factors it is that of balance
        "gauge": np.ones(k) if gauge is None else gauge.to_numpy(),
        "reproducibility": found.reproducibility,
        "reproducibility_low": found.low,
        "reproducibility_high": found.high,
    }
    per_restart = {
        "similarity": found.matched,
        "matched_factor": labels[np.arange(len(names)), found.permutation],
        "present_in": found.present,
    }
    return xr.Dataset(
        {
            "W": (("gene", "factor"), found.W),
            "H": (("factor", "gene"), np.ascontiguousarray(found.Ht.T)),
            **{name: ("factor", values) for name, values in per_factor.items()},
            **{name: (("factor", "restart"), values) for name, values in per_restart.items()},
        },
        coords={
            "gene": genes,
            "factor": medoid["factor"].to_numpy(),
            "restart": np.array(names, dtype=object),
        },
        attrs={
            **shared([fit.attrs for fit in restarts.values()]),
            "n_components": k,
            "method": method,
            "medoid": names[found.medoid],
            "restarts": len(names),
            "threshold": threshold,
            "bootstrap_seed": seed,
            # so that nobody takes one of them for a further restart
            **_seeds(list(restarts.values())),
            "relative_error": medoid.attrs.get("relative_error", np.nan) if method == "medoid" else np.nan,
        },
    )


def _seeds(fits: list[xr.Dataset]) -> dict[str, str]:
    if not all("seed" in fit.attrs for fit in fits):
        return {}
    return {"seeds": ", ".join(str(int(fit.attrs["seed"])) for fit in fits)}


def missing_from(consensus: xr.Dataset) -> dict[int, list[str]]:
    """Return the restarts that do not have a factor, for the factors that some restart does not have.

    Parameters
    ----------
    consensus : Dataset
        What :func:`consensus` returned.

    Returns
    -------
    dict
        From a factor to the names of restarts.

    Examples
    --------
    >>> import xarray as xr
    >>> present = [[True, True, True], [True, False, True]]
    >>> missing_from(xr.Dataset({"present_in": (("factor", "restart"), present)},
    ...                         {"factor": [0, 1], "restart": ["seed1", "seed2", "seed3"]}))
    {1: ['seed2']}
    """
    names = consensus["restart"].to_numpy()
    present = consensus["present_in"].transpose("factor", "restart").to_numpy()
    factors = consensus["factor"].to_numpy()
    return {
        int(factor): [str(name) for name in names[~row]]
        for factor, row in zip(factors, present, strict=True)
        if not row.all()
    }


def _mean(
    models: Sequence[Factors], permutation: NDArray[np.intp], weight: NDArray[np.float64], medoid: int
) -> Factors:
    """Return the weighted means of matched factors; a factor nobody has, the medoid included, stays as it is: 0."""
    # one restart at a time, so that memory is that of the sums
    W, Ht = (np.zeros(np.shape(side)) for side in models[medoid])
    for restart, model in enumerate(models):
        for total, side in zip((W, Ht), balanced(model), strict=True):
            total += side[:, permutation[:, restart]] * weight[:, restart]
    sums = weight.sum(axis=1)
    share = np.divide(1.0, sums, out=np.zeros_like(sums), where=sums > 0)
    return balanced((W * share, Ht * share))
