"""The tree of gene clusters that nested factors make."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dasknmf.enriching.trees import Tree, tree_of_clusters
from dasknmf.errors import InputError, not_negative, whole
from dasknmf.results import NESTED

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import NDArray


def association_tree(nested: xr.Dataset, *, share: float | None = None, min_size: int = 5) -> Tree:
    """Return the tree of nested factors, by the genes that belong to each.

    Of ``relational`` and ``coarsen`` a factor has a loading for thousands of genes, most of them next to nothing: on
    STRING human one of 32 has half of all genes, and no set is like that. Here genes belong to factors of the finest
    level, and a node above is the union of what is below it: clusters are inside their parents, and, with ``share=1``,
    as hard as those of a clustering that they are compared with. Nodes of ``zoom`` are what the run made them.

    Parameters
    ----------
    nested : Dataset
        What :func:`dasknmf.nested` returned.
    share : float, optional
        A gene is in all factors of the finest level in which its loading is at least this part of its largest: above 0,
        by default 1, which is one factor, the first of equals. Not of ``zoom``, where ``membership`` decided.
    min_size : int
        Smaller clusters, and those equal to the one above, are left out.

    Returns
    -------
    Tree
        Clusters and their parents; the root of ``zoom``, all genes, is left out.

    Raises
    ------
    InputError
        If ``nested`` is something else, or ``share`` is given of a zoom.

    Examples
    --------
    >>> import dasknmf
    >>> A = np.kron(np.kron(np.eye(2), np.ones((2, 2))) + 3 * np.eye(4) + 0.1, np.ones((8, 8)))
    >>> tree = association_tree(dasknmf.nested(A, [4, 2], method="coarsen"))
    >>> sorted(tree.parent.tolist()), np.diff(tree.offset).tolist()
    ([-1, -1, 0, 0, 1, 1], [16, 16, 8, 8, 8, 8])
    """
    if nested.attrs.get("format") != NESTED:
        msg = "not nested associations; give what dasknmf.nested returned"
        raise InputError(msg)
    whole("min_size", min_size, least=1)
    zoom = nested.attrs["order"] != "fine-to-coarse"
    if zoom and share is not None:
        msg = (
            f"share={share!r}: nodes of a zoom have the genes that its membership gave them; leave share out"
        )
        raise InputError(msg)
    members = _as_found(nested) if zoom else _belonging(nested, 1.0 if share is None else share)
    parent, level = nested["parent"].to_numpy(), nested["level"].to_numpy()
    if zoom:
        # all genes, which says nothing
        members[0] = members[0][:0]
    clusters = [
        (int(v), int(parent[v]), members[v]) for v in np.argsort(level if zoom else -level, kind="stable")
    ]
    return tree_of_clusters(clusters, nested["gene"].to_numpy(), min_size=min_size)


def _as_found(nested: xr.Dataset) -> list[NDArray[np.int64]]:
    offset, gene = nested["member_offset"].to_numpy(), nested["member_gene"].to_numpy()
    return [np.sort(part) for part in np.split(gene, offset[1:-1])]


def _belonging(nested: xr.Dataset, share: float) -> list[NDArray[np.int64]]:
    """Return the genes of each node: of the finest level by their loadings, above as unions."""
    if not 0 < not_negative("share", share) <= 1:
        msg = f"share={share:g}: needs a number above 0, at most 1"
        raise InputError(msg)
    offset = nested["member_offset"].to_numpy()
    gene, loading = nested["member_gene"].to_numpy(), nested["member_loading"].to_numpy()
    node = np.repeat(np.arange(len(offset) - 1), np.diff(offset))
    finest = nested["level"].to_numpy()[node] == 0
    node, gene, loading = node[finest], gene[finest], loading[finest]
    largest = np.zeros(nested.sizes["gene"], dtype=loading.dtype)
    np.maximum.at(largest, gene, loading)
    inside = loading >= share * largest[gene]
    if share == 1:
        # nodes ascend, so the first place of a gene is its first factor
        first = np.unique(gene[inside], return_index=True)[1]
        inside = np.flatnonzero(inside)[first]
    members = [np.zeros(0, dtype=np.int64)] * (len(offset) - 1)
    for one in np.unique(node[inside]):
        members[one] = np.sort(gene[inside][node[inside] == one])
    parent, level = nested["parent"].to_numpy(), nested["level"].to_numpy()
    for one in np.argsort(level, kind="stable"):
        if parent[one] >= 0:
            members[parent[one]] = np.union1d(members[parent[one]], members[one])
    return members
