"""Gene sets: read from GMT files or given, kept as flat arrays, and laid over the genes of a network."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dasknmf.enriching.lines import Faults, file_checksum, input_file, numbered_fields
from dasknmf.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import scipy.sparse as sp
    from numpy.typing import NDArray

    from dasknmf.storage import Location, StorageOptions

#: Memberships of all sets: 160 MB; the whole of MSigDB has 4 million.
MOST_MEMBERSHIPS = 20_000_000

NEEDED = "needs a GMT file: on each line, with tabs, the name of a set, a description, and its genes"


@dataclass(frozen=True, eq=False)
class GeneSets:
    """Named sets of genes.

    Attributes
    ----------
    names : ndarray of str, shape (sets,)
        Unique.
    descriptions : ndarray of str, shape (sets,)
        Empty where there is none.
    genes : ndarray of str, shape (genes,)
        Every gene of any set once, in the order they appear.
    offset : ndarray of int64, shape (sets + 1,)
        The genes of set s are ``genes[member[offset[s]:offset[s + 1]]]``.
    member : ndarray of int64
        Places in ``genes``; within a set unique, in the order given.
    source : str
        Where they come from.
    checksum : str
        SHA-256 of the file, or "none".
    """

    names: NDArray[np.object_]
    descriptions: NDArray[np.object_]
    genes: NDArray[np.object_]
    offset: NDArray[np.int64]
    member: NDArray[np.int64]
    source: str = "given"
    checksum: str = "none"

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, name: str) -> list[str]:
        """Return the genes of a set."""
        places = np.flatnonzero(self.names == name)
        if not len(places):
            msg = f"{self.source} has no gene set '{name}'; the first is '{self.names[0]}'"
            raise KeyError(msg)
        s = int(places[0])
        return [str(gene) for gene in self.genes[self.member[self.offset[s] : self.offset[s + 1]]]]

    def over(self, genes: NDArray[np.object_]) -> sp.csr_array:
        """Return which of the given genes are in which set.

        Parameters
        ----------
        genes : ndarray of str, shape (n,)
            Unique names, such as those of a network.

        Returns
        -------
        csr_array of float64, shape (sets, n)
            1 where gene i is in set s; sums of it are exact.
        """
        import scipy.sparse as sp

        place = {gene: i for i, gene in enumerate(genes.tolist())}
        here = np.array([place.get(gene, -1) for gene in self.genes.tolist()], dtype=np.int64)[self.member]
        rows = np.repeat(np.arange(len(self)), np.diff(self.offset))[here >= 0]
        ones = np.ones(len(rows))
        return sp.csr_array((ones, (rows, here[here >= 0])), shape=(len(self), len(genes)))


def read_gene_sets(path: Location, *, storage_options: StorageOptions | None = None) -> GeneSets:
    r"""Read gene sets from a GMT file, as MSigDB, Reactome, WikiPathways and Enrichr give them.

    Parameters
    ----------
    path : path or URL
        Each line has, separated by tabs, the name of a set, its description (may be empty) and its genes. Plain,
        or ``.gz .zst .bz2 .xz .zip``. A gene that stands twice in a set counts once.
    storage_options : dict, optional
        Options of the fsspec file system of a URL.

    Returns
    -------
    GeneSets

    Raises
    ------
    InputError
        If there is no such file, it is no GMT file, a set has no name or no genes, or two have the same name;
        with the first lines that are wrong.

    Notes
    -----
    Subramanian et al., PNAS 102:15545, 2005, and the file formats of GSEA.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "sets.gmt"
    >>> _ = file.write_text("ribosome\tmade up\tRPL3\tRPL4\nproteasome\t\tPSMA1\n")
    >>> sets = read_gene_sets(file)
    >>> len(sets), sets["ribosome"]
    (2, ['RPL3', 'RPL4'])
    """
    file = input_file(path, storage_options)
    where = file.where
    ragged, unnamed, gaps, again = Faults(), Faults(), Faults(), Faults()
    lines: dict[str, int] = {}
    builder = _Builder()
    number = two = 0
    for number, (name, *rest) in numbered_fields(file, needed=NEEDED):
        two += len(rest) == 1
        if len(rest) < 2:
            ragged.add(number, f"('{name[:40]}') has {len(rest) + 1}")
        elif not name:
            unnamed.add(number, f"has genes such as '{rest[1]}'")
        elif "" in rest[1:]:
            gaps.add(number, f"('{name[:40]}')")
        elif name in lines:
            again.add(number, f"('{name[:40]}', first on line {lines[name]:,})")
        else:
            lines[name] = number
            builder.add(name, rest[0], rest[1:], where=where)
    if number == 0:
        msg = f"{where}: is empty; {NEEDED}"
        raise InputError(msg)
    ragged.check(where, "every line must have at least 3 fields", _ragged_remedy(two, ragged.count))
    unnamed.check(where, "every set must have a name", "write it in front of the first tab")
    gaps.check(where, "there must be a gene between two tabs", "leave the empty fields out")
    again.check(
        where,
        "the name of a set may stand on one line only",
        "rename the later ones; an edge list is no GMT file",
    )
    return builder.build(source=where, checksum=file_checksum(file))


def _ragged_remedy(two: int, ragged: int) -> str:
    if two == ragged:
        return f"{NEEDED}; pairs of parent and child are read with read_hierarchy, and empty sets must be left out"
    return NEEDED


def as_gene_sets(
    given: GeneSets | Location | Mapping[str, Iterable[str]] | object,
    *,
    storage_options: StorageOptions | None = None,
) -> GeneSets:
    """Return gene sets that were given as such, as a GMT file or as a mapping of names to genes.

    Raises
    ------
    InputError
        If a set has no genes, or they are nothing of the kind.

    Examples
    --------
    >>> as_gene_sets({"ribosome": ["RPL3", "RPL4", "RPL3"]})["ribosome"]
    ['RPL3', 'RPL4']
    """
    if isinstance(given, GeneSets):
        return given
    if isinstance(given, Mapping):
        builder = _Builder()
        for name, genes in given.items():
            listed = [genes] if isinstance(genes, str) else [str(gene) for gene in genes]
            if isinstance(genes, str) or not listed:
                msg = f"gene set {name!r} holds {genes!r}; needs a list of at least one gene name"
                raise InputError(msg)
            builder.add(str(name), "", listed, where="the mapping of gene sets")
        if not builder.names:
            msg = "the mapping of gene sets is empty; needs name: [genes]"
            raise InputError(msg)
        return builder.build()
    if not isinstance(given, str | os.PathLike):
        kind = type(given).__name__
        msg = f"gene_sets is of type {kind}; give a GMT file, or a mapping of names to lists of genes"
        raise InputError(msg)
    return read_gene_sets(given, storage_options=storage_options)


class _Builder:
    """Gathers sets; each gene name is kept once."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self._descriptions: list[str] = []
        self._code: dict[str, int] = {}
        self._members: list[NDArray[np.int64]] = []
        self._count = 0

    def add(self, name: str, description: str, genes: Sequence[str], *, where: str) -> None:
        code = self._code
        members = np.fromiter(
            (code.setdefault(gene, len(code)) for gene in dict.fromkeys(genes)), dtype=np.int64
        )
        self._count += len(members)
        if self._count > MOST_MEMBERSHIPS:
            msg = f"{where}: holds more than {MOST_MEMBERSHIPS:,} memberships; leave sets out"
            raise InputError(msg)
        self.names.append(name)
        self._descriptions.append(description)
        self._members.append(members)

    def build(self, **facts: str) -> GeneSets:
        sizes = [len(members) for members in self._members]
        return GeneSets(
            names=np.array(self.names, dtype=object),
            descriptions=np.array(self._descriptions, dtype=object),
            genes=np.array(list(self._code), dtype=object),
            offset=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
            member=np.concatenate(self._members),
            **facts,
        )
