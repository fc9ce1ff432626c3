"""Genes in sets: at random or as given, each gene in one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from dasknmf.errors import InputError, offenders, whole

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Random numbers of the partition are not those of a chain, whose keys begin with 0 and 1.
_KEY = 2


def gene_sets(sets: Any, genes: NDArray[np.object_], *, seed: int) -> list[NDArray[np.intp]]:
    """Return the rows of each set, in the order of the genes.

    Parameters
    ----------
    sets : int, or sequence of sequences
        How many sets of about the same size, at random; or the gene names, or rows, of each.
    genes : ndarray of str
        All genes.
    seed : int
        Of the random partition.

    Returns
    -------
    list of ndarray of int

    Raises
    ------
    InputError
        If there are fewer than two sets, more than genes, or a gene is in none or in two.

    Examples
    --------
    >>> genes = np.array(["a", "b", "c"], dtype=object)
    >>> [rows.tolist() for rows in gene_sets([["c", "a"], ["b"]], genes, seed=0)]
    [[0, 2], [1]]
    """
    if isinstance(sets, int | np.integer):
        count = whole("sets", sets, least=2)
        if count > len(genes):
            msg = f"sets={count}: there are {len(genes):,} genes; needs at least one gene in each set"
            raise InputError(msg)
        order = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(_KEY,))).permutation(len(genes))
        return [np.sort(part) for part in np.array_split(order, count)]
    number = {gene: row for row, gene in enumerate(genes)}
    try:
        parts = [[_row(gene, number, len(genes)) for gene in part] for part in sets]
    except TypeError as error:
        msg = f"sets={sets!r}: needs a number of sets, or a list of lists of gene names"
        raise InputError(msg) from error
    if len(parts) < 2 or not all(parts):
        msg = f"sets: {len(parts)} were given, {parts.count([])} of them empty; needs two or more, none empty"
        raise InputError(msg)
    times = np.bincount(np.concatenate(parts), minlength=len(genes))
    wrong = np.flatnonzero(times != 1)
    if len(wrong):
        shown = offenders((f"'{genes[row]}' is in {times[row]}" for row in wrong[:3]), len(wrong))
        msg = f"sets: {shown}; needs every gene in one set"
        raise InputError(msg)
    return [np.sort(np.array(part, dtype=np.intp)) for part in parts]


def _row(gene: Any, number: dict[str, int], genes: int) -> int:
    if isinstance(gene, int | np.integer) and 0 <= gene < genes:
        return int(gene)
    if gene not in number:
        msg = f"sets: {gene!r} is no gene of the data; needs gene names, or rows from 0 to {genes - 1}"
        raise InputError(msg)
    return number[gene]
