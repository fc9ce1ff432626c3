"""What pictures of a tree of nested associations share: where nodes stand, their genes, colours and partners."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from dasknmf.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    import xarray as xr
    from numpy.typing import NDArray

#: Width that every node has at least, in shares of that of an average one of the widest level: seen, but not read.
LEAST_WIDTH = 0.25
#: Leading genes of a node that a label has at most.
GENES = 8
#: Partners that are drawn, of each level: more arcs are a tangle.
PARTNERS = 8
#: Ends of the scale from 0 to 1, in between in proportion: of one hue, so that grey print has its order.
LIGHT, DARK = (219, 231, 242), (20, 76, 135)
#: Of a node for which there is no value.
NO_VALUE = "#FFFFFF"
#: What nodes can be coloured by.
COLOURS = {"reproducibility": "node_reproducibility", "nesting": "nesting"}


@dataclass(frozen=True, eq=False)
class Tree:
    """A tree laid out as an icicle: the root, or the coarsest level, on top.

    Attributes
    ----------
    nested : Dataset
        Of which it is.
    level, row, parent : ndarray of int, shape (nodes,)
        Level, its row from the top, and the node of which it is a part, -1 for none.
    genes : ndarray of int, shape (nodes,)
        Genes that belong to the node.
    left, width : ndarray, shape (nodes,)
        Its extent, as shares of the whole.
    """

    nested: xr.Dataset
    level: NDArray[np.intp]
    row: NDArray[np.intp]
    parent: NDArray[np.intp]
    genes: NDArray[np.intp]
    left: NDArray[np.float64]
    width: NDArray[np.float64]

    @property
    def rows(self) -> int:
        """Number of rows."""
        return int(self.row.max()) + 1

    def factor(self, node: int) -> int:
        """Return the number of a node in the fit it comes from."""
        return int(self.nested["factor"].to_numpy()[node])

    def row_name(self, row: int) -> tuple[str, str]:
        """Return the level that a row shows, and how many factors it has."""
        there = self.level[self.row == row]
        return f"level {there[0]}", "1 factor" if len(there) == 1 else f"{len(there)} factors"

    @cached_property
    def leading(self) -> list[list[str]]:
        """Names of the genes with the largest loadings of each node, the largest first."""
        offset = self.nested["member_offset"].to_numpy()
        place, loading = (self.nested[name].to_numpy() for name in ("member_gene", "member_loading"))
        names = self.nested["gene"].to_numpy()
        found = []
        for start, stop in pairwise(offset):
            order = np.argsort(-loading[start:stop], kind="stable")[:GENES]
            found.append([str(names[gene]) for gene in place[start:stop][order]])
        return found

    def values(self, name: str) -> NDArray[np.float64]:
        """Return a measure of nodes; nan where it is not there."""
        if name not in self.nested:
            return np.full(len(self.level), np.nan)
        return np.asarray(self.nested[name].to_numpy(), dtype=np.float64)

    def partners(self) -> list[tuple[int, int, float]]:
        """Return the pairs that are joined more strongly than each with itself, the strongest of a level first.

        Returns
        -------
        list of (node, node, share)
            Those whose 2 × 2 block of the core is indefinite, C_ij² > C_ii C_jj, which no module is; with the share
            of what their level explains that is between them. At most ``PARTNERS`` of a level.
        """
        if "link_first" not in self.nested:
            return []
        first, second = (self.nested[f"link_{end}"].to_numpy() for end in ("first", "second"))
        weight, own = self.nested["link_core"].to_numpy(), self.values("core")
        share = self.nested["link_share"].to_numpy()
        crossed = np.flatnonzero((share > 0) & (weight**2 > own[first] * own[second]))
        found, seen = [], dict.fromkeys(range(self.rows), 0)
        for link in crossed[np.argsort(-share[crossed], kind="stable")]:
            row = int(self.row[first[link]])
            if seen[row] < PARTNERS:
                seen[row] += 1
                found.append((int(first[link]), int(second[link]), float(share[link])))
        return sorted(found, key=lambda pair: int(self.row[pair[0]]))

    def about(self, node: int) -> str:
        """Return a sentence on a node, for those who point at it."""
        count = int(self.genes[node])
        said = [f"{count:,} gene{'' if count == 1 else 's'}"]
        measures = {**COLOURS, "contribution": "contribution"}
        said += [
            f"{name} {value:.2f}"
            for name, variable in measures.items()
            if np.isfinite(value := float(self.values(variable)[node]))
        ]
        reason = str(self.nested["stop_reason"].to_numpy()[node]) if "stop_reason" in self.nested else ""
        said += [f"ends here: {reason}"] if reason else []
        leading = f". Leading genes: {', '.join(self.leading[node])}" if self.leading[node] else ""
        return f"Level {self.level[node]}, factor {self.factor(node)}: {', '.join(said)}{leading}"


def tree_of(nested: xr.Dataset) -> Tree:
    """Lay out the tree of nested associations.

    The width of a node is the number of genes that belong to it. Where levels were found from the finest on, a gene
    belongs to the finest factor in which its loading is largest, and to all of which that is a part; where they were
    found from the root on, to the part of its factor in which its loading is largest. In the picture no node is
    narrower than a quarter of an average one of the level with most.

    Parameters
    ----------
    nested : Dataset
        What :func:`dasknmf.nested` returned.

    Raises
    ------
    InputError
        If there is no tree in it.
    """
    needed = ("level", "parent", "factor", "member_offset", "member_gene", "member_loading", "gene")
    lacking = [name for name in needed if name not in nested.variables]
    if lacking or not nested.sizes["node"]:
        what = ", ".join(lacking) or "nodes"
        msg = f"the tree lacks {what}; give what dasknmf.nested returned"
        raise InputError(msg)
    level, parent = (np.asarray(nested[name].to_numpy(), dtype=np.intp) for name in ("level", "parent"))
    down = nested.attrs.get("order") == "coarse-to-fine"
    row = level - level.min() if down else level.max() - level
    genes = _genes_from_root(nested, row, parent) if down else _genes_from_leaves(nested, row, parent)
    left, width = _extents(genes, row, parent)
    return Tree(nested, level, row, parent, genes, left, width)


def _owners(
    nested: xr.Dataset, nodes: NDArray[np.intp], allowed: Callable[[int, NDArray[np.intp]], Any]
) -> NDArray[np.intp]:
    """Return which of some nodes each gene belongs to, by its largest loading where it is allowed to; -1 for none."""
    offset = nested["member_offset"].to_numpy()
    place, loading = nested["member_gene"].to_numpy(), nested["member_loading"].to_numpy()
    owner = np.full(nested.sizes["gene"], -1)
    best = np.zeros(nested.sizes["gene"])
    for node in nodes:
        members = slice(int(offset[node]), int(offset[node + 1]))
        genes, values = place[members], loading[members]
        better = (values > best[genes]) & allowed(int(node), genes)
        owner[genes[better]], best[genes[better]] = node, values[better]
    return owner


def _genes_from_leaves(
    nested: xr.Dataset, row: NDArray[np.intp], parent: NDArray[np.intp]
) -> NDArray[np.intp]:
    finest = np.flatnonzero(row == row.max())
    owner = _owners(nested, finest, lambda _, genes: np.ones(len(genes), dtype=bool))
    count = np.bincount(owner[owner >= 0], minlength=len(row))
    for node in np.argsort(-row, kind="stable"):
        if parent[node] >= 0:
            count[parent[node]] += count[node]
    return count


def _genes_from_root(nested: xr.Dataset, row: NDArray[np.intp], parent: NDArray[np.intp]) -> NDArray[np.intp]:
    count = np.zeros(len(row), dtype=np.intp)
    above = np.full(nested.sizes["gene"], -1)
    for number in range(int(row.max()) + 1):
        before = above
        above = _owners(
            nested,
            np.flatnonzero(row == number),
            lambda node, genes, before=before: before[genes] == parent[node],  # type: ignore[misc]
        )
        # a gene that ends above is in no part of anything; -1 is also the parent of roots
        above[above < 0] = -2
        count += np.bincount(above[above >= 0], minlength=len(row))
    return count


def _extents(
    genes: NDArray[np.intp], row: NDArray[np.intp], parent: NDArray[np.intp]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return left ends and widths: parts inside what they are a part of, the largest first."""
    nodes = len(row)
    roots = parent < 0
    least = LEAST_WIDTH * max(int(genes[roots].sum()), 1) / int(np.bincount(row).max())
    width = np.maximum(genes.astype(float), least)
    inside = np.zeros(nodes)
    for node in np.argsort(-row, kind="stable"):
        width[node] = max(width[node], inside[node])
        if not roots[node]:
            inside[parent[node]] += width[node]
    left = np.zeros(nodes)
    at = np.zeros(nodes)
    start = 0.0
    # from the top; in a row the widest first, those without a parent after all that have none above them
    for node in np.lexsort((np.arange(nodes), -width, row)):
        if roots[node]:
            left[node], start = start, start + width[node]
        else:
            above = parent[node]
            left[node] = left[above] + at[above]
            at[above] += width[node]
    return left / start, width / start


def shade(value: float) -> str:
    """Return the colour of a value from 0 to 1; white where there is none.

    Examples
    --------
    >>> shade(0.0), shade(1.0), shade(float("nan"))
    ('#DBE7F2', '#144C87', '#FFFFFF')
    """
    if not math.isfinite(value):
        return NO_VALUE
    share = min(max(value, 0.0), 1.0)
    mixed = (round(light + share * (dark - light)) for light, dark in zip(LIGHT, DARK, strict=True))
    return "#" + "".join(f"{part:02X}" for part in mixed)


def ink_on(colour: str) -> str:
    """Return black or white, whichever is read better on a colour: their contrast is 4.5 or more on any.

    Examples
    --------
    >>> ink_on("#FFFFFF"), ink_on("#144C87")
    ('#000000', '#FFFFFF')
    """
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    # relative luminance of the Web Content Accessibility Guidelines 2
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "#000000" if (luminance + 0.05) ** 2 > 0.05 * 1.05 else "#FFFFFF"


def wrapped(
    genes: list[str], wide: float, tall: float, size: float, width_of: Callable[[str], float]
) -> list[str]:
    """Return lines of leading genes, as many as fit into a box; none where not even the first does.

    Parameters
    ----------
    genes : list of str
        The most telling first.
    wide, tall : float
        Of the box, in the unit of ``size``.
    size : float
        Of the letters.
    width_of : callable
        Width of a text in letters of size 1.

    Examples
    --------
    >>> wrapped(["TP53", "MYC", "JUN"], 50, 22, 10, lambda text: 0.6 * len(text))
    ['TP53 MYC']
    """
    lines: list[str] = []
    most = int(tall / (1.25 * size))
    for gene in genes:
        longer = f"{lines[-1]} {gene}" if lines else ""
        if lines and width_of(longer) * size <= wide:
            lines[-1] = longer
        elif len(lines) < most and width_of(gene) * size <= wide:
            lines.append(gene)
        else:
            break
    return lines
