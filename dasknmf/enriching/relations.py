"""Which gene set is part of which: parent–child files, and who is whose ancestor."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from dasknmf.enriching.lines import Faults, file_checksum, input_file, numbered_fields
from dasknmf.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from dasknmf.storage import Location, StorageOptions

    #: Parent and child.
    Pair: TypeAlias = tuple[str, str]

NEEDED = "needs two names on each line with a tab between them: the parent, then the child"


@dataclass(frozen=True, eq=False)
class Hierarchy:
    """Parents and children, without cycles; a child may have several parents.

    Attributes
    ----------
    names : ndarray of str, shape (names,)
        In the order they appear.
    parent, child : ndarray of int64, shape (pairs,)
        Places in ``names``; no pair twice.
    source : str
        Where they come from.
    checksum : str
        SHA-256 of the file, or "none".
    """

    names: NDArray[np.object_]
    parent: NDArray[np.int64]
    child: NDArray[np.int64]
    source: str = "given"
    checksum: str = "none"

    def ancestors(self) -> list[set[int]]:
        """Return the ancestors of each name, its transitive closure, as places in ``names``."""
        above: list[set[int]] = [set() for _ in self.names]
        parents = _listed(self.child, self.parent, len(self.names))
        for node in topological(self.parent, self.child, len(self.names)):
            for parent in parents[node]:
                above[node] |= above[parent] | {parent}
        return above


def read_hierarchy(path: Location, *, storage_options: StorageOptions | None = None) -> Hierarchy:
    r"""Read which set is part of which from a file of two columns, such as Reactome's pathway relations.

    Parameters
    ----------
    path : path or URL
        On each line, separated by a tab, the name of a parent and of its child, as in the GMT file. Plain, or
        ``.gz .zst .bz2 .xz .zip``. A pair that stands twice counts once.
    storage_options : dict, optional
        Options of the fsspec file system of a URL.

    Returns
    -------
    Hierarchy
        Names that no gene set has are kept: they may stand between sets. :func:`dasknmf.hierarchy_score` counts
        them.

    Raises
    ------
    InputError
        If there is no such file, a line has not two names, or a name is its own ancestor.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "relations.txt"
    >>> _ = file.write_text("metabolism\tlipids\nlipids\tsterols\n")
    >>> hierarchy = read_hierarchy(file)
    >>> [sorted(hierarchy.names[list(above)]) for above in hierarchy.ancestors()]
    [[], ['metabolism'], ['lipids', 'metabolism']]
    """
    file = input_file(path, storage_options)
    faults = Faults()
    pairs: dict[Pair, int] = {}
    number = 0
    for number, fields in numbered_fields(file, needed=NEEDED):
        if len(fields) != 2 or not all(fields):
            faults.add(number, f"('{fields[0][:40]}') has {sum(map(bool, fields))}")
        else:
            pairs.setdefault((fields[0], fields[1]), number)
    if number == 0:
        msg = f"{file.where}: is empty; {NEEDED}"
        raise InputError(msg)
    faults.check(file.where, "every line must have two names", NEEDED)
    return _hierarchy(list(pairs), source=file.where, checksum=file_checksum(file), lines=pairs)


def as_hierarchy(
    given: Hierarchy | Location | Iterable[Pair], *, storage_options: StorageOptions | None = None
) -> Hierarchy:
    """Return a hierarchy that was given as such, as a file or as pairs of parent and child.

    Examples
    --------
    >>> as_hierarchy([("metabolism", "lipids")]).names.tolist()
    ['metabolism', 'lipids']
    """
    if isinstance(given, Hierarchy):
        return given
    if isinstance(given, str | os.PathLike):
        return read_hierarchy(given, storage_options=storage_options)
    pairs = list(given) if isinstance(given, Iterable) else []
    if not pairs or any(isinstance(pair, str) or len(pair) != 2 for pair in pairs):
        msg = "hierarchy: needs a file of two columns, or pairs (parent, child) of names of gene sets"
        raise InputError(msg)
    return _hierarchy(list(dict.fromkeys((str(parent), str(child)) for parent, child in pairs)))


def _hierarchy(
    pairs: Sequence[Pair],
    *,
    source: str = "given",
    checksum: str = "none",
    lines: dict[Pair, int] | None = None,
) -> Hierarchy:
    """Return pairs with their names numbered; refuse cycles."""
    code: dict[str, int] = {}
    coded = [[code.setdefault(name, len(code)) for name in pair] for pair in pairs]
    parent, child = np.array(coded, dtype=np.int64).T
    names = np.array(list(code), dtype=object)
    cycle = _cycle(parent, child, len(names))
    if cycle:
        shown = [str(names[node]) for node in [*cycle, cycle[0]]]
        first = f", line {lines[shown[0], shown[1]]:,}" if lines else ""
        around = " → ".join(shown[:4] + ["…"] * (len(shown) > 5) + shown[max(4, len(shown) - 1) :])
        msg = f"{source}{first}: a set is part of itself: {around}; remove one of these lines"
        raise InputError(msg)
    return Hierarchy(names, parent, child, source=source, checksum=checksum)


def topological(parent: NDArray[np.int64], child: NDArray[np.int64], n: int) -> list[int]:
    """Return the nodes of a directed graph with parents before children; those on or below a cycle are missing.

    Notes
    -----
    Kahn, Communications of the ACM 5:558, 1962.

    Examples
    --------
    >>> topological(np.array([2, 0]), np.array([0, 1]), 3)
    [2, 0, 1]
    """
    waiting = np.bincount(child, minlength=n)
    children = _listed(parent, child, n)
    order = np.flatnonzero(waiting == 0).tolist()
    for node in order:
        for below in children[node]:
            waiting[below] -= 1
            if waiting[below] == 0:
                order.append(below)
    return order


def _cycle(parent: NDArray[np.int64], child: NDArray[np.int64], n: int) -> list[int]:
    """Return the nodes of one cycle, each the parent of the next, or none."""
    stuck = set(range(n)) - set(topological(parent, child, n))
    if not stuck:
        return []
    parents = _listed(child, parent, n)
    # what is stuck has a parent that is stuck too, so going up ends where it has been before
    path = [min(stuck)]
    while True:
        above = next(node for node in parents[path[-1]] if node in stuck)
        if above in path:
            return path[path.index(above) :][::-1]
        path.append(above)


def _listed(key: NDArray[np.int64], value: NDArray[np.int64], n: int) -> list[list[int]]:
    """Return the values of each key, from 0 to n − 1."""
    order = np.argsort(key, kind="stable")
    cuts = np.searchsorted(key[order], np.arange(1, n))
    return [part.tolist() for part in np.split(value[order], cuts)]
