"""Which genes count, which sets are tested, and whether the names of both are of one kind."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from dasknmf.errors import InputError, one_of, whole

if TYPE_CHECKING:
    import scipy.sparse as sp
    from numpy.typing import NDArray

    from dasknmf.enriching.gene_sets import GeneSets

Universe = Literal["sets", "network"]
#: Shared genes over those of the smaller of the two, below which names are probably of different kinds. Symbols of
#: STRING and Reactome share 0.88, STRING and KEGG 0.89.
FEW = 0.3

logger = logging.getLogger("dasknmf")


@dataclass(frozen=True, eq=False)
class Tested:
    """Sets that are tested, over the genes that count.

    Attributes
    ----------
    members : csr_array, shape (tested sets, genes of the universe)
        1 where a gene is in a set.
    sets : ndarray of int, shape (tested sets,)
        Their places among those given.
    genes : ndarray of int, shape (genes of the universe,)
        Their places in the network.
    shared : int
        Genes of the network that are in any set.
    """

    members: sp.csr_array
    sets: NDArray[np.int64]
    genes: NDArray[np.int64]
    shared: int


def tested_sets(
    sets: GeneSets, genes: NDArray[np.object_], *, universe: Universe, min_size: int, max_size: int
) -> Tested:
    """Return the sets of a size within the universe, and warn if few names agree.

    Raises
    ------
    InputError
        If there are none, or genes are not unique; with examples of both names.
    """
    one_of("universe", universe, ("sets", "network"))
    whole("min_size", min_size, least=1)
    whole("max_size", max_size, least=min_size)
    if len(set(genes.tolist())) < len(genes):
        msg = "the fit names a gene twice; give its genes unique names first: fit.assign_coords(gene=[...])"
        raise InputError(msg)
    members = sets.over(genes)
    inside = np.flatnonzero(np.diff(members.tocsc().indptr))
    if not len(inside):
        msg = f"no gene of {sets.source} is in the network: {_examples(sets, genes)}"
        raise InputError(msg)
    if len(inside) < FEW * min(len(genes), len(sets.genes)):
        logger.warning(
            "only %s of the %s genes of %s are in the network of %s: %s",
            *(f"{len(inside):,}", f"{len(sets.genes):,}", sets.source, f"{len(genes):,}"),
            _examples(sets, genes),
        )
    counted = inside if universe == "sets" else np.arange(len(genes))
    size = np.diff(members.indptr)
    kept = np.flatnonzero((size >= min_size) & (size <= max_size))
    if not len(kept):
        msg = (
            f"no set of {sets.source} has {min_size} to {max_size} genes in the network (the largest has "
            f"{size.max():,}, {len(inside):,} genes are shared); change min_size or max_size, or the sets"
        )
        raise InputError(msg)
    return Tested(members[kept][:, counted], kept, counted, len(inside))


def _examples(sets: GeneSets, genes: NDArray[np.object_]) -> str:
    theirs, ours = (", ".join(map(str, names[:3])) for names in (sets.genes, genes))
    remedy = "take sets with the identifiers and of the species of the network"
    folded = {str(gene).casefold() for gene in genes}
    alike = sum(str(gene).casefold() in folded for gene in sets.genes)
    if alike >= FEW * min(len(genes), len(sets.genes)):
        remedy = f"{alike:,} names differ in capitals alone: write both alike, if they are of one species"
    return f"the sets have names such as {theirs}, the network such as {ours}; {remedy}"
