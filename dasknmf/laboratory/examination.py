"""Why W is not Hᵀ: one call that examines fits of a network, and puts them beside restarts and null networks."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from dasknmf.errors import InputError, whole
from dasknmf.execution import Execution, take_execution
from dasknmf.laboratory.against import Against, against_nulls
from dasknmf.laboratory.assignment import Partners, classes, partners
from dasknmf.laboratory.beyond import inertia_defect
from dasknmf.laboratory.blocks import Blocks, blocks, genes_between, leading_genes, pairs_of
from dasknmf.laboratory.cause import causes
from dasknmf.laboratory.crossing import crossed
from dasknmf.laboratory.factor_similarity import SideSimilarity, side_similarity
from dasknmf.laboratory.facts import NetworkFacts, network_facts
from dasknmf.laboratory.fits import Examined, examined, options_of, seeds_of, with_restarts
from dasknmf.laboratory.limits import Bounds, bounds
from dasknmf.laboratory.measuring import measures
from dasknmf.laboratory.orientation import Orientation, orientation_of
from dasknmf.laboratory.price import Price, price_of_symmetry
from dasknmf.laboratory.recurrence import Recurrence, recurrence_of
from dasknmf.laboratory.refits import NullFits, Refits, check_kinds
from dasknmf.laboratory.relating import relations
from dasknmf.laboratory.skew import skew_shares
from dasknmf.laboratory.threshold import Threshold, threshold_of
from dasknmf.lock import locked
from dasknmf.matrices import as_matrix
from dasknmf.parts import KeptParts
from dasknmf.solvers import is_seeded

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import NDArray

    from dasknmf.matrices import Given


@dataclass(frozen=True, eq=False)
class Examination:
    """Everything that :func:`symmetry` has found, before it is put into a Dataset."""

    given: Examined
    found: Partners
    facts: NetworkFacts
    limits: Bounds
    threshold: Threshold
    classes: NDArray[np.str_]
    cause: NDArray[np.str_]
    relations: dict[str, NDArray[np.float64]]
    skew_share: NDArray[np.float64]
    recurrence: Recurrence
    orientation: Orientation
    similarity: SideSimilarity
    blocks: Blocks
    by_fit: NDArray[np.float64]
    nulls: NullFits
    against: Against
    price: Price | None
    top: int


def symmetry(
    fits: Any,
    network: Any,
    *,
    restarts: int = 5,
    nulls: int = 0,
    kinds: Any = ("shuffle", "degree"),
    price: bool = True,
    top: int = 10,
    seed: int = 0,
    execution: Execution | None = None,
    **options: Any,
) -> xr.Dataset:
    """Explain why W is not Hᵀ though A = Aᵀ: which factors are modules, which are partners, which are chance.

    If A = WH is an essentially unique factorization of a symmetric A, then Hᵀ = WΠD with Π an involution: each factor
    is its own partner, w_j ∝ h_j, a module, or one of a pair, w_i ∝ h_j and w_j ∝ h_i, two gene sets that are joined
    to each other. As many pairs are to be expected as there are negative ones among the k eigenvalues of A with the
    largest magnitude. What fits no involution is not unique, not at a minimum, or chance.

    Parameters
    ----------
    fits : Dataset, DataTree, or sequence or mapping of Dataset
        What :func:`dasknmf.nmf`, :func:`dasknmf.nmf_many` or :func:`dasknmf.survey_fit` returned; several must be
        restarts of one rank and solver, of which the one most like all others is described.
    network : as in :func:`dasknmf.nmf`
        What was factorized.
    restarts : int
        Of one fit, further fits from random starts, to tell chance from what recurs. More may be given as ``fits``.
    nulls : int
        Fits of null networks of each kind; 39 can give p = 0.05, 20 a one-sided one.
    kinds : sequence of {"shuffle", "degree", "uniform"}
        Null models, see :func:`dasknmf.null_network`.
    price : bool
        Also fit WWᵀ and WSWᵀ, to measure what symmetry costs.
    top : int
        Genes named of each side of a factor, and in blocks between partners.
    seed : int
        Of restarts, null networks, permutations and bootstraps.
    execution : Execution, optional
        Where and how; by default made of ``options``. Its checkpoint is a folder, in which fits are kept.
    **options
        Fields of :class:`dasknmf.execution.Execution` (``scheduler``, ``memory_limit``, ``checkpoint``, ``resume``, …).

    Returns
    -------
    Dataset
        See :data:`dasknmf.laboratory.variables.VARIABLES`; what was not asked for, such as null networks, is not there.
        Attributes hold ``verdict`` and ``sentences`` (a list, as JSON), every option, versions and checksums.
        :func:`dasknmf.laboratory.tables.factor_table`, ``measure_table`` and ``pair_table`` make tables of it.

    Raises
    ------
    InputError
        If fits and network do not belong together, or an option cannot be used.

    References
    ----------
    Laurberg et al., Computational Intelligence and Neuroscience 2008, on uniqueness; Sylvester, Philosophical Magazine
    4:138, 1852, for the law of inertia.

    Examples
    --------
    Two sets of genes that are joined to each other, and a module.

    >>> import dasknmf, numpy as np
    >>> A = np.zeros((9, 9))
    >>> A[:3, 3:6] = A[3:6, :3] = A[6:, 6:] = 1
    >>> found = dasknmf.symmetry(dasknmf.nmf(A, 3), A, restarts=2)
    >>> sorted(found["class"].values.tolist()), int(found["predicted_pairs"].sel(rank=3))
    (['module', 'pair', 'pair'], 1)
    """
    from dasknmf.laboratory.dataset import symmetry_dataset

    running = take_execution(options, execution)
    if options:
        there = ", ".join(f.name for f in fields(Execution))
        msg = f"option {sorted(options)[0]!r} of symmetry is not known; there are, of its execution: {there}"
        raise InputError(msg)
    asked = {
        "restarts": whole("restarts", restarts, least=0),
        "nulls": whole("nulls", nulls, least=0),
        "kinds": list(check_kinds(kinds)),
        "top": whole("top", top, least=1),
        "seed": whole("seed", seed, least=0),
        "price": bool(price),
    }
    first = examined(fits)
    given = as_matrix(network, storage_options=running.storage_options)
    _check(first, given, asked)
    with locked(running.checkpoint):
        made = _examine(first, given, network, asked, running)
    return symmetry_dataset(made, asked)


def _check(given: Examined, network: Given, asked: dict[str, Any]) -> None:
    """Refuse fits of another network than the one that is given, and refits that could not be like them."""
    was = given.fit.attrs.get("network_checksum")
    if was is not None and was != network.checksum:
        msg = (
            f"the fit is of a network with checksum {was}, {network.name} has {network.checksum}; give the network "
            "that was factorized, or fit this one"
        )
        raise InputError(msg)
    refits = asked["nulls"] or (asked["restarts"] and len(given.restarts) == 1)
    if "weights" in given.fit.attrs and refits:
        msg = (
            "the fit has weights of entries, or missing ones, which restarts and null networks made here would not "
            "have; use restarts=0 and nulls=0, and give restarts as fits: several of dasknmf.nmf with these weights"
        )
        raise InputError(msg)


def _examine(
    first: Examined, given: Given, network: Any, asked: dict[str, Any], running: Execution
) -> Examination:
    """Make the fits that are put beside the given ones, read the network, and relate all of it."""
    model, run = options_of(first.fit)
    identity = {
        "network": given.checksum,
        "fit": first.own.name,
        "options": str(model),
        "run": str(run),
        "seed": asked["seed"],
    }
    parts = KeptParts(
        running.checkpoint, identity, resume=running.resume, storage_options=running.storage_options
    )
    # its checkpoint is a folder of parts, not one of these runs
    plain = replace(running, checkpoint=None, resume=False)
    refits = Refits(network, model, run, plain, parts, asked["seed"])
    whole_set = first
    if len(first.restarts) == 1 and asked["restarts"] and is_seeded(model.solver):
        more = refits.restarts(asked["restarts"], taken=seeds_of(first.fit))
        whole_set = with_restarts(first, more)
    found = partners(first.own.model)
    pairs = pairs_of(found.partner_of)
    sets = leading_genes(first.own.model, pairs, top=asked["top"])
    facts = network_facts(network, first.fit, genes=genes_between(sets), execution=plain)
    limits = bounds(facts.values, facts.sum_of_squares, len(found.partner_of), errors=facts.errors)
    nulls = refits.nulls(asked["nulls"], asked["kinds"], again=len(whole_set.restarts) > 1)
    price = None
    if asked["price"] and "weights" not in first.fit.attrs:
        price = _price(network, first, limits, plain, parts)
    if not running.keep_checkpoint:
        parts.remove()
    between = blocks(first.own.model, pairs, sets, facts.chosen, facts.between)
    return _related(whole_set, found, facts, limits, nulls, price, between, asked)


def _related(
    given: Examined,
    found: Partners,
    facts: NetworkFacts,
    limits: Bounds,
    nulls: NullFits,
    price: Price | None,
    between: Blocks,
    asked: dict[str, Any],
) -> Examination:
    """Relate fits, network and nulls: all that needs no further fit and no read of the network."""
    own, seed = given.own, asked["seed"]
    threshold = threshold_of(nulls.kinds, nulls.cosines)
    kinds = classes(found, threshold.cosine)
    sides = crossed(own.model, [one.model for one in given.others])
    recurrence = recurrence_of(sides, seed=seed)
    by_fit = _by_fit(given, facts, recurrence)
    return Examination(
        given=given,
        found=found,
        facts=facts,
        limits=limits,
        threshold=threshold,
        classes=kinds,
        cause=causes(
            kinds,
            facts.stationarity.factors,
            converged=bool(given.fit.attrs.get("converged", False)),
            recurrence=recurrence.recurrence,
        ).cause,
        relations=relations(own.model, found, own.gauge, seed=seed),
        skew_share=skew_shares(own.model),
        recurrence=recurrence,
        orientation=orientation_of(sides, seed=seed),
        similarity=side_similarity(own.model, found.partner_of, seed=seed),
        blocks=between,
        by_fit=by_fit,
        nulls=nulls,
        against=against_nulls(by_fit[:, given.reference], nulls.by_null, nulls.kinds),
        price=price,
        top=asked["top"],
    )


def _by_fit(given: Examined, facts: NetworkFacts, recurrence: Recurrence) -> NDArray[np.float64]:
    """Return every measure of every restart, shape (measures, restarts)."""
    k = given.own.model[0].shape[1]
    # of the fit that is described, and of each other one with it
    again = np.full(len(given.restarts), np.nan)
    if given.others:
        with_it = np.median(recurrence.matched, axis=0)
        again[np.arange(len(again)) != given.reference] = with_it
        again[given.reference] = with_it.mean()
    columns = []
    for one, similar in zip(given.restarts, again, strict=True):
        found = measures(one.model, one.gauge)
        defect = inertia_defect(found["two_cycles"], facts.values, k)
        columns.append([*found.values(), defect, similar])
    return np.array(columns).T


def _price(network: Any, given: Examined, limits: Bounds, running: Execution, parts: KeptParts) -> Price:
    """Return the price of symmetry, which is kept, as it takes the longest of what is done once."""
    # it begins from the factors themselves
    digest = hashlib.sha256(b"".join(np.ascontiguousarray(side).tobytes() for side in given.own.model))
    name = f"price-{digest.hexdigest()[:16]}"
    part = parts.get(name)
    if part is not None:
        content, arrays = part
        return Price(tuple(content["models"]), note=content["note"], **arrays)
    price = price_of_symmetry(network, given.fit, bounds=limits, execution=running)
    arrays = {one: getattr(price, one) for one in ("errors", "bounds", "gives_up", "predicted")}
    parts.put(name, {"models": list(price.models), "note": price.note}, arrays)
    return price
