"""The tree of nested associations as plain SVG, for a page that nothing else is loaded into."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dasknmf.errors import InputError
from dasknmf.report.axes import INK, VERMILLION
from dasknmf.report.nodes import Tree, ink_on, shade
from dasknmf.report.tree import CLOSE, EDGE, GAP, STEPS, arc_points, arc_width, coloured, fitting_label

if TYPE_CHECKING:
    import xarray as xr

#: Of the SVG, in its own units: of a row, of the names of levels at the left, and of the key on top.
SVG_ROW, SVG_LEFT, SVG_TOP = 70.0, 72.0, 26.0
#: Width of letters of any sans-serif font, of size 1: the widest that browsers take for it.
LOWER, UPPER = 0.58, 0.72


def tree_svg(nested: xr.Dataset, *, width: float = 960, colour: str = "reproducibility") -> str:
    """Return the icicle of :func:`plot_icicle` as SVG that needs nothing else: no script, no style sheet, no font.

    Parameters
    ----------
    nested : Dataset
        What :func:`dasknmf.nested` returned.
    width : float
        In CSS pixels; the height follows. It can be scaled, as it has a ``viewBox``.
    colour : {"reproducibility", "nesting"}
        What boxes are coloured by.

    Returns
    -------
    str
        An ``<svg>`` element. Each node is a ``<g class="node">`` with its ``<title>``, which browsers show where one
        points at, and ``data-node``, ``data-parent``, ``data-left`` and ``data-width`` (shares of the whole), which
        are all that a script needs to zoom.

    Raises
    ------
    InputError
        If there is no tree, or the colour or width cannot be used.

    Examples
    --------
    >>> import dasknmf, numpy as np
    >>> A = np.kron(np.eye(2), np.ones((3, 3))) + 0.1
    >>> tree_svg(dasknmf.nested(A, [2, 1], restarts=1)).count('<g class="node"')
    3
    """
    tree, values = coloured(nested, colour)
    across = width - SVG_LEFT - 1
    if not across >= SVG_LEFT:
        msg = f"width={width}: needs {2 * SVG_LEFT + 1:g} pixels or more"
        raise InputError(msg)
    pairs = tree.partners()
    step = SVG_ROW * (1 + (GAP if pairs else CLOSE))
    height = SVG_TOP + step * tree.rows
    said = f"{len(values)} factors on {tree.rows} levels; boxes are as wide as they have genes, by colour: {colour}"
    name = nested.attrs.get("network", "a network")
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="icicle" viewBox="0 0 {width:g} {height:g}" '
        f'width="{width:g}" height="{height:g}" role="graphics-document" aria-roledescription="tree of factors" '
        f'aria-label="{_safe(f"Nested associations of {name}: {said}")}" font-family="sans-serif">'
    )
    out = [
        head,
        f"<desc>{_safe(said)}. Parts stand below what they are a part of; arcs join partners.</desc>",
        *_svg_key(colour, pairs=bool(pairs)),
    ]
    for row in range(tree.rows):
        y = SVG_TOP + step * row + SVG_ROW / 2
        level, count = tree.row_name(row)
        out.append(
            f'<text x="0" y="{y:g}" font-size="11" fill="{INK}">{level}<tspan x="0" dy="13">{count}</tspan></text>'
        )
    for node, value in enumerate(values):
        out.append(_svg_node(tree, node, shade(value), across, SVG_TOP + step * tree.row[node]))
    for first, second, share in pairs:
        ends, low = arc_points(tree, first, second)
        y = SVG_TOP + step * tree.row[first] + SVG_ROW
        x = [SVG_LEFT + across * end for end in ends]
        out.append(
            f'<path class="partners" data-first="{first}" data-second="{second}" '
            f'd="M{x[0]:.2f} {y:g}Q{sum(x) / 2:.2f} {y + 2 * low * SVG_ROW:.2f} {x[1]:.2f} {y:g}" fill="none" '
            f'stroke="{VERMILLION}" stroke-width="{arc_width(share):.2f}" stroke-linecap="round"><title>'
            f"Partners: factors {tree.factor(first)} and {tree.factor(second)} of level {tree.level[first]}, "
            f"{share:.1%} of what it explains</title></path>"
        )
    return "\n".join([*out, "</svg>"])


def _svg_node(tree: Tree, node: int, fill: str, across: float, y: float) -> str:
    wide = across * float(tree.width[node])
    x = SVG_LEFT + across * float(tree.left[node])
    about = _safe(tree.about(node))
    label = fitting_label(
        tree.leading[node],
        wide,
        SVG_ROW,
        lambda text: sum(UPPER if letter.isupper() or letter in "MW@" else LOWER for letter in text),
    )
    words = ""
    if label is not None:
        size, line = label.size, 1.15 * label.size
        middle = f"translate({x + wide / 2:.2f} {y + SVG_ROW / 2:.2f})" + (" rotate(-90)" * label.upwards)
        first = 0.35 * size - line * (len(label.lines) - 1) / 2
        spans = "".join(
            f'<tspan x="0" y="{first + at * line:.2f}">{_safe(text)}</tspan>'
            for at, text in enumerate(label.lines)
        )
        words = (
            f'<text transform="{middle}" font-size="{size:g}" font-style="italic" text-anchor="middle" '
            f'fill="{ink_on(fill)}" pointer-events="none">{spans}</text>'
        )
    return (
        f'<g class="node" role="graphics-symbol" aria-roledescription="factor" aria-label="{about}" '
        f'data-node="{node}" data-parent="{tree.parent[node]}" data-left="{tree.left[node]:.6f}" '
        f'data-width="{tree.width[node]:.6f}"><title>{about}</title><rect x="{x:.2f}" y="{y:g}" '
        f'width="{wide:.2f}" height="{SVG_ROW:g}" fill="{fill}" stroke="{EDGE}" stroke-width="0.7"/>{words}</g>'
    )


def _svg_key(colour: str, *, pairs: bool) -> list[str]:
    """Return the scale of colours, and what an arc is."""
    out = [f'<text x="{SVG_LEFT:g}" y="15" font-size="11" fill="{INK}">{colour}</text>']
    x = SVG_LEFT + 7.0 * len(colour) + 4
    for value in STEPS:
        out.append(
            f'<rect x="{x:g}" y="5" width="30" height="13" fill="{shade(value)}" stroke="{EDGE}" stroke-width="0.7"/>'
            f'<text x="{x + 15:g}" y="15" font-size="9" text-anchor="middle" fill="{ink_on(shade(value))}">'
            f"{value:g}</text>"
        )
        x += 30
    if pairs:
        out.append(
            f'<path d="M{x + 16:g} 9q14 10 28 0" fill="none" stroke="{VERMILLION}" stroke-width="2"/>'
            f'<text x="{x + 50:g}" y="15" font-size="11" fill="{INK}">partners</text>'
        )
    return out


def _safe(text: str) -> str:
    """Return a text for XML, without the control characters it cannot hold."""
    from xml.sax.saxutils import escape

    return escape("".join(letter for letter in text if letter >= " "), {'"': "&quot;"})
