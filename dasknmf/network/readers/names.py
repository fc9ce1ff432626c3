"""Names of genes: those a source has, those of a list or file, and the default ones."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

from dasknmf.errors import InputError, offenders
from dasknmf.network.gene_names import check_genes
from dasknmf.network.readers.files import as_input_file
from dasknmf.network.source import Entries, Labels, Matrix

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray


def default_names(n: int) -> NDArray[np.object_]:
    """Return the names of genes that have none: their row, counted from 0.

    Examples
    --------
    >>> default_names(3).tolist()
    ['0', '1', '2']
    """
    return np.array([str(k) for k in range(n)], dtype=object)


def names_of(index: Iterable[Any]) -> NDArray[np.object_]:
    """Return labels as strings."""
    return np.array([str(name) for name in index], dtype=object)


def gene_names(
    genes: Sequence[str] | NDArray[Any] | str | os.PathLike[str], storage_options: dict[str, Any]
) -> tuple[NDArray[np.object_], str]:
    """Return the names of the ``genes`` option, checked, and where they come from."""
    if isinstance(genes, str | os.PathLike):
        file = as_input_file(genes, storage_options)
        where = file.where
        names = [line.strip() for line in file.lines()]
        while names and not names[-1]:
            names.pop()
    else:
        where, names = "the gene list", [str(name).strip() for name in genes]
    array = np.array(names, dtype=object)
    check_genes(array, where=where)
    return array, where


def relabel(source: Entries | Matrix, own: Labels, given: tuple[NDArray[np.object_], str] | None) -> Labels:
    """Return the labels to use: the given names in place of the source's own.

    Raises
    ------
    InputError
        If there are too few or too many, or a list has genes that are not among them.
    """
    if given is None:
        check_genes(own.genes, where=source.where)
        return own
    genes, where = given
    if isinstance(source, Entries) and source.is_list:
        return _universe(source, own, genes, where)
    if len(genes) != len(own.genes):
        msg = (
            f"{where} names {len(genes):,} genes, {source.where} has {len(own.genes):,} rows; "
            "needs one name for each row, in their order"
        )
        raise InputError(msg)
    return Labels(genes, own.row_of_code)


def _universe(source: Entries, own: Labels, genes: NDArray[np.object_], where: str) -> Labels:
    """Put the genes of a list at their places among all genes."""
    place = {gene: k for k, gene in enumerate(genes.tolist())}
    unknown = [repr(gene) for gene in own.genes.tolist() if gene not in place]
    if unknown:
        msg = (
            f"{source.where}: {'a gene' if len(unknown) == 1 else 'genes'} that {where} does not name: "
            f"{offenders(unknown[:3], len(unknown))}; add them there, or leave --genes (genes=…) out"
        )
        raise InputError(msg)
    rows = np.array([place[gene] for gene in own.genes.tolist()], dtype=np.int64)
    return Labels(genes, rows if own.row_of_code is None else rows[own.row_of_code])
