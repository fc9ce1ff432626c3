"""Which known gene sets are in which factors, by their top genes and by all their loadings."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.stats import false_discovery_control

from dasknmf.enriching.gene_sets import as_gene_sets
from dasknmf.enriching.overlap import overlap_test, top_ranks
from dasknmf.enriching.rank_sums import rank_test
from dasknmf.enriching.sides import side_loadings
from dasknmf.enriching.universe import tested_sets
from dasknmf.enriching.variables import VARIABLES
from dasknmf.errors import InputError, whole
from dasknmf.results import ENRICHMENT, VERSION, versions

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import xarray as xr
    from numpy.typing import ArrayLike, NDArray

    from dasknmf.enriching.gene_sets import GeneSets
    from dasknmf.enriching.universe import Tested, Universe
    from dasknmf.storage import Location, StorageOptions

#: Attributes that tell the fits of a network apart.
OF_FIT = ("solver", "n_components", "seed", "init", "relative_error")


def enrich(
    fit: xr.Dataset,
    gene_sets: GeneSets | Location | Mapping[str, Iterable[str]],
    *,
    sides: Sequence[str] = ("W", "H"),
    n_top: int | None = None,
    min_size: int = 5,
    max_size: int = 500,
    universe: Universe = "sets",
    partner_of: ArrayLike | None = None,
    storage_options: StorageOptions | None = None,
) -> xr.Dataset:
    """Test every factor of a fit for known gene sets.

    Two tests for every factor, side and set. The top genes: are more of them in the set than if they were drawn
    blindly (hypergeometric, the one-sided exact test of Fisher)? All loadings: are those of the set larger than the
    others (rank sums of Mann and Whitney, with all ties)? Each is corrected by Benjamini and Hochberg over the sets of
    one factor and side, which is the family of questions asked of a factor; over many factors, some sets pass by
    chance.

    Parameters
    ----------
    fit : Dataset
        What :func:`dasknmf.nmf` returned.
    gene_sets : GMT file, mapping or GeneSets
        A path or URL (:func:`dasknmf.read_gene_sets`), or names of sets with their genes. Names of genes must be those
        of the network, to the letter.
    sides : sequence of {"W", "H", "mean"}
        Which loadings. On a symmetric network the row of H with w_j's genes may belong to another factor, its
        partner; ``"mean"`` is the mean of w_j and that row, both brought to unit length.
    n_top : int, optional
        Top genes of a factor, of all genes of the network. By default its participation number (Σw²)² / Σw⁴, as
        many genes as carry it: a fixed number cuts large modules and dilutes small ones. Genes that tie with the last
        are in too, genes with loading 0 never are.
    min_size, max_size : int
        Genes of the network that a set must have. The smallest cannot be significant, the largest say little.
    universe : {"sets", "network"}
        Which genes could have been drawn: those of the network that are in any set, or all. A gene that no set has
        cannot be in an overlap, and known genes have more edges, so with ``"network"`` being known at all counts as
        enrichment: on STRING, sets of Reactome with their genes shuffled among the known ones were then called, at
        q 0.05, in 5 of 64 sides of factors by top genes and in 11 by all loadings; with ``"sets"`` in 1 by either.
    partner_of : sequence of int, shape (factors,), optional
        For ``"mean"``: the row of H for each column of W, such as ``partner_of`` of ``dasknmf.symmetry``. By default
        the assignment with the largest sum of cosines.
    storage_options : dict, optional
        Options of the fsspec file system of a URL.

    Returns
    -------
    Dataset
        Over ``side``, ``factor`` and ``set``: ``overlap``, ``odds_ratio``, ``fold``, ``p``, ``q`` of the top genes,
        ``auroc``, ``z``, ``rank_p``, ``rank_q`` of all loadings; sizes, top genes and members of sets beside them
        (each variable has a ``long_name``). Attributes: every parameter, file and checksum, sets and genes that were
        given, shared and tested. :func:`dasknmf.enrichment_table` makes rows of it.

    Raises
    ------
    InputError
        If no set has enough genes in the network, with names of both; or an option is not known.

    Notes
    -----
    Fisher 1935; Mann & Whitney 1947; Benjamini & Hochberg, JRSS B 57:289, 1995. Both tests take genes for independent
    draws. Genes of a pathway are not, in any network, so a small p says that a factor is about a set and not how
    surely it would be again (Goeman & Bühlmann, Bioinformatics 23:980, 2007; Wu & Smyth, NAR 40:e133, 2012); a null
    for that must be fitted anew.

    Examples
    --------
    >>> import xarray as xr
    >>> genes = [f"g{i}" for i in range(8)]
    >>> w = np.array([[5.0, 4, 4, 0, 0, 0, 0, 0], [0, 0, 0, 1, 1, 1, 1, 0]])
    >>> fit = xr.Dataset(
    ...     {"W": (("gene", "factor"), w.T), "H": (("factor", "gene"), w)},
    ...     coords={"gene": genes, "factor": [0, 1]},
    ... )
    >>> found = enrich(fit, {"a": genes[:3], "b": genes[3:]}, min_size=2, sides="W")
    >>> found["overlap"].sel(side="W").values.tolist()
    [[3, 0], [0, 4]]
    >>> round(1 / found["p"].sel(side="W", factor=0, set="a").item(), 6)  # C(8, 3)
    56.0
    """
    sets = as_gene_sets(gene_sets, storage_options=storage_options)
    if n_top is not None:
        whole("n_top", n_top, least=1)
    by_side, partners = side_loadings(fit, sides, partner_of)
    genes = np.asarray(fit["gene"].to_numpy(), dtype=object)
    if not fit.sizes["factor"]:
        msg = "the fit has no factors"
        raise InputError(msg)
    tested = tested_sets(sets, genes, universe=universe, min_size=min_size, max_size=max_size)
    # all sides next to each other, so that every set meets all factors in one product
    values = np.hstack(list(by_side.values()))
    ranks = top_ranks(values, n_top=n_top)
    shape = (len(by_side), fit.sizes["factor"])
    variables: dict[str, NDArray[Any]] = {
        **{name: cells.T.reshape(*shape, -1) for name, cells in _tests(tested, values, ranks).items()},
        "top": (ranks[tested.genes] > 0).sum(axis=0).reshape(shape),
        "top_rank": ranks.T.reshape(*shape, -1).astype(np.int32),
        **_members(tested, len(genes)),
        "given_size": np.diff(sets.offset)[tested.sets],
        **({} if partners is None else {"partner_of": partners}),
    }
    attributes = {
        "format": ENRICHMENT,
        "version": VERSION,
        "sides": list(by_side),
        "n_top": "participation number" if n_top is None else n_top,
        "min_size": min_size,
        "max_size": max_size,
        "universe": universe,
        **_facts(fit, sets, tested),
        "versions": json.dumps(versions()),
    }
    coordinates = {
        "side": np.array(list(by_side), dtype=object),
        "factor": fit["factor"].to_numpy(),
        "set": sets.names[tested.sets],
        "description": ("set", sets.descriptions[tested.sets]),
        "gene": genes,
    }
    return _dataset(variables, coordinates, attributes)


def _tests(tested: Tested, values: NDArray[np.float64], ranks: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
    """Return the results of both tests by name, each of shape (sets, factors of all sides)."""
    top = (ranks[tested.genes] > 0).astype(np.float64)
    overlap = tested.members @ top
    size = np.diff(tested.members.indptr)[:, None]
    drawn = overlap_test(overlap, size, top.sum(axis=0)[None], len(tested.genes))
    ranked = rank_test(tested.members, values[tested.genes])
    return {
        "overlap": overlap.astype(np.int64),
        "odds_ratio": drawn.odds_ratio,
        "fold": drawn.fold,
        "p": drawn.p,
        "q": false_discovery_control(drawn.p, axis=0),
        "auroc": ranked.auroc,
        "z": ranked.z,
        "rank_p": ranked.p,
        "rank_q": false_discovery_control(ranked.p, axis=0),
    }


def _facts(fit: xr.Dataset, sets: GeneSets, tested: Tested) -> dict[str, Any]:
    return {
        "gene_sets": sets.source,
        "gene_sets_checksum": sets.checksum,
        "sets_given": len(sets),
        "sets_tested": len(tested.sets),
        "genes_of_sets": len(sets.genes),
        "genes_of_network": fit.sizes["gene"],
        "genes_shared": tested.shared,
        "genes_of_universe": len(tested.genes),
        "correction": "Benjamini–Hochberg over the sets of each factor and side",
        **{name: fit.attrs[name] for name in ("network", "network_checksum") if name in fit.attrs},
        # of which fit of a network it is
        **{f"fit_{name}": fit.attrs[name] for name in OF_FIT if name in fit.attrs},
    }


def _members(tested: Tested, n: int) -> dict[str, NDArray[Any]]:
    members = tested.members
    return {
        "size": np.diff(members.indptr).astype(np.int64),
        "set_offset": np.asarray(members.indptr, dtype=np.int64),
        "set_gene": tested.genes[members.indices],
        "in_universe": np.isin(np.arange(n), tested.genes),
    }


def _dataset(
    variables: dict[str, NDArray[Any]], coordinates: dict[str, Any], attributes: dict[str, Any]
) -> xr.Dataset:
    import xarray as xr

    return xr.Dataset(
        {
            name: (VARIABLES[name][0], variables[name], {"long_name": VARIABLES[name][1]})
            for name in VARIABLES
            if name in variables
        },
        coords=coordinates,
        attrs=attributes,
    )
