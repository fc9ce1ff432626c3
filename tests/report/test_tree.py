"""The icicle of nested associations: where boxes stand, what they say, and the same as SVG."""

import re
from xml.etree import ElementTree as ET

import numpy as np
import pytest
import xarray as xr

import dasknmf
from dasknmf.errors import InputError
from dasknmf.report.levels import level_panels, plot_levels
from dasknmf.report.nesting_page import plot_nested
from dasknmf.report.nodes import PARTNERS, ink_on, shade, tree_of
from dasknmf.report.tree import plot_icicle
from dasknmf.report.vector_tree import tree_svg
from tests.conftest import planted

matplotlib = pytest.importorskip("matplotlib")


@pytest.fixture(scope="module")
def relational():
    return dasknmf.nested(planted(120, 8, seed=0), [8, 4, 2, 1], restarts=2, max_iter=50)


def tree_with(parents, levels, members, *, order, genes=12, **variables):
    """A tree by its schema; `members` of a node are pairs of gene and loading."""
    flat = [pair for own in members for pair in own]
    data = {
        "level": ("node", levels),
        "parent": ("node", parents),
        "factor": ("node", np.arange(len(parents))),
        "member_offset": ("end", np.cumsum([0, *map(len, members)])),
        "member_gene": ("member", np.array([gene for gene, _ in flat], dtype=int)),
        "member_loading": ("member", np.array([loading for _, loading in flat], dtype=float)),
        **variables,
    }
    names = np.array([f"GENE{gene}" for gene in range(genes)], dtype=object)
    return xr.Dataset(data, coords={"gene": names}, attrs={"order": order})


def zoomed():
    """A root of 12 genes; 6 and 5 in its parts, one in none; the first has two parts, with one gene in both."""
    ones = [[(gene, 1.0) for gene in genes] for genes in (range(12), range(6), range(6, 11))]
    fine = [[(gene, 2.0) for gene in range(4)], [(gene, 1.0) for gene in (3, 4, 5)]]
    return tree_with(
        [-1, 0, 0, 1, 1],
        [0, 1, 1, 2, 2],
        [*ones, *fine],
        order="coarse-to-fine",
        stop_reason=("node", np.array(["", "", "too small <30 & done", "", ""], dtype=object)),
        node_reproducibility=("node", [1.0, 0.5, 0.0, 0.9, np.nan]),
    )


def large(depth=9, genes=2000):
    """A binary tree of 2^depth − 1 factors, finest first, with a partner for each factor of a level."""
    rng = np.random.default_rng(0)
    sizes = [2**level for level in range(depth - 1, -1, -1)]
    firsts = np.cumsum([0, *sizes])
    levels = np.repeat(np.arange(depth), sizes)
    parents = np.concatenate(
        [firsts[level + 1] + np.arange(size) // 2 for level, size in enumerate(sizes[:-1])] + [[-1]]
    )
    members = []
    for level, size in enumerate(sizes):
        parts = np.array_split(np.arange(genes), size)
        members += [[(gene, level + 0.1 + rng.random()) for gene in own] for own in parts]
    first = np.arange(0, len(levels) - 1, 2)
    return tree_with(
        parents,
        levels,
        members,
        order="fine-to-coarse",
        genes=genes,
        node_reproducibility=("node", rng.random(len(levels))),
        core=("node", np.full(len(levels), 0.1)),
        link_first=("link", first),
        link_second=("link", first + 1),
        link_core=("link", rng.random(len(first)) + 0.2),
        link_share=("link", rng.random(len(first)) / 5),
    )


def boxes_of(ax):
    return ax.collections[-1].get_paths()


def extent_of(path):
    low, high = path.vertices.min(axis=0), path.vertices.max(axis=0)
    return low[0], high[0], low[1], high[1]


def overlapping(texts):
    boxes = [text.get_window_extent().padded(-0.5) for text in texts]
    return [(i, j) for j, box in enumerate(boxes) for i in range(j) if box.overlaps(boxes[i])]


def test_genes_of_levels_found_from_the_finest_are_those_of_their_parts(relational):
    tree = tree_of(relational)
    finest = np.flatnonzero(tree.level == 0)
    loadings = np.zeros((120, len(finest)))
    offset = relational["member_offset"].values
    for column, node in zip(loadings.T, finest, strict=True):
        members = slice(offset[node], offset[node + 1])
        column[relational["member_gene"].values[members]] = relational["member_loading"].values[members]
    expected = np.bincount(loadings.argmax(axis=1)[loadings.max(axis=1) > 0], minlength=len(finest))
    assert tree.genes[finest].tolist() == expected.tolist()
    for node in np.flatnonzero(tree.level > 0):
        assert tree.genes[node] == tree.genes[tree.parent == node].sum()
    assert tree.row.tolist() == (3 - tree.level).tolist()


def test_genes_of_levels_found_from_the_root_go_down_to_one_part_or_stay():
    tree = tree_of(zoomed())
    # gene 3 is in both parts and belongs to that with its larger loading, gene 11 stays at the root
    assert tree.genes.tolist() == [12, 6, 5, 4, 2]
    assert tree.row.tolist() == [0, 1, 1, 2, 2]
    np.testing.assert_allclose(tree.width, np.array([12, 6, 5, 4, 2]) / 12)
    np.testing.assert_allclose(tree.left, np.array([0, 0, 6, 0, 4]) / 12)


@pytest.mark.parametrize("made", ["relational", "zoomed", "large"])
def test_parts_are_inside_what_they_are_part_of_and_beside_each_other(made, relational):
    tree = tree_of({"relational": lambda: relational, "zoomed": zoomed, "large": large}[made]())
    right = tree.left + tree.width
    has = tree.parent >= 0
    above = tree.parent[has]
    assert (tree.left[has] >= tree.left[above] - 1e-12).all()
    assert (right[has] <= right[above] + 1e-12).all()
    for row in range(tree.rows):
        here = np.flatnonzero(tree.row == row)
        here = here[np.argsort(tree.left[here], kind="stable")]
        assert (right[here][:-1] <= tree.left[here][1:] + 1e-12).all()
    assert tree.width.min() > 0


def test_a_factor_without_parent_and_without_genes_stands_by_itself():
    nested = tree_with(
        [2, -1, -1], [0, 0, 1], [[(0, 1.0), (1, 1.0)], [], [(0, 1.0)]], order="fine-to-coarse", genes=2
    )
    tree = tree_of(nested)
    assert tree.genes.tolist() == [2, 0, 2]
    assert tree.left[1] >= tree.left[2] + tree.width[2]
    assert tree.width[1] > 0
    assert tree_svg(nested).count('<g class="node"') == 3


def test_boxes_are_nodes_coloured_by_their_measure(relational):
    tree = tree_of(relational)
    for colour, name in (("reproducibility", "node_reproducibility"), ("nesting", "nesting")):
        ax = plot_icicle(relational, colour=colour)
        drawn = ax.collections[-1]
        for node, path in enumerate(boxes_of(ax)):
            left, right, top, bottom = extent_of(path)
            assert (left, right) == pytest.approx((tree.left[node], tree.left[node] + tree.width[node]))
            assert bottom - top == pytest.approx(1)
            given = matplotlib.colors.to_hex(drawn.get_facecolor()[node]).upper()
            assert given == shade(float(relational[name].values[node]))
        tops = [extent_of(path)[2] for path in boxes_of(ax)]
        assert (np.argsort(np.unique(tops)) == np.arange(4)).all()
    assert [label.get_text() for label in ax.get_yticklabels()] == [
        "level 3\n1 factor",
        "level 2\n2 factors",
        "level 1\n4 factors",
        "level 0\n8 factors",
    ]


def test_labels_begin_with_the_leading_gene_and_stay_in_their_boxes(relational):
    for nested in (relational, zoomed(), large()):
        tree, ax = tree_of(nested), plot_icicle(nested)
        ax.figure.draw_without_rendering()
        boxes = [ax.transData.transform(path.vertices) for path in boxes_of(ax)]
        assert ax.texts
        for text in ax.texts:
            at = ax.transData.transform(text.get_position())
            inside = [
                node
                for node, box in enumerate(boxes)
                if (box.min(axis=0) <= at).all() and (at <= box.max(axis=0)).all()
            ]
            (node,) = inside
            said = text.get_text().split()
            assert said == tree.leading[node][: len(said)]
            extent = text.get_window_extent()
            assert extent.x0 >= boxes[node][:, 0].min() - 0.5
            assert extent.x1 <= boxes[node][:, 0].max() + 0.5
            assert extent.y0 >= boxes[node][:, 1].min() - 0.5
            assert extent.y1 <= boxes[node][:, 1].max() + 0.5
        assert not overlapping(ax.texts)


def test_partners_are_pairs_whose_block_of_the_core_is_indefinite():
    nested = tree_with(
        [-1] * 3,
        [0] * 3,
        [[(gene, 1.0)] for gene in range(3)],
        order="fine-to-coarse",
        core=("node", [0.1, 0.2, 2.0]),
        link_first=("link", [0, 0, 1]),
        link_second=("link", [1, 2, 2]),
        link_core=("link", [1.0, 0.4, 0.7]),
        link_share=("link", [0.3, 0.2, 0.1]),
    )
    cores = np.array([[0.1, 1.0, 0.4], [1.0, 0.2, 0.7], [0.4, 0.7, 2.0]])
    indefinite = [
        (i, j)
        for i in range(3)
        for j in range(i + 1, 3)
        if np.linalg.eigvalsh(cores[np.ix_([i, j], [i, j])])[0] < 0
    ]
    assert [pair[:2] for pair in tree_of(nested).partners()] == indefinite == [(0, 1), (1, 2)]
    arcs = [patch for patch in plot_icicle(nested).patches if type(patch).__name__ == "PathPatch"]
    tree = tree_of(nested)
    middle = tree.left + tree.width / 2
    for arc, (i, j) in zip(arcs, indefinite, strict=True):
        assert sorted(arc.get_path().vertices[[0, 2], 0]) == pytest.approx(sorted(middle[[i, j]]))
    assert arcs[0].get_linewidth() > arcs[1].get_linewidth()
    assert tree_svg(nested).count('class="partners"') == 2


def test_of_many_partners_the_strongest_of_each_level_are_drawn():
    nested = large()
    tree = tree_of(nested)
    pairs = tree.partners()
    for row in range(tree.rows - 1):
        drawn = [share for first, _, share in pairs if tree.row[first] == row]
        links = tree.row[nested["link_first"].values] == row
        expected = np.sort(nested["link_share"].values[links])[::-1][:PARTNERS]
        assert drawn == expected.tolist()


def test_500_nodes_are_all_drawn_and_written_in_half_a_megabyte():
    nested = large()
    ax = plot_icicle(nested)
    ax.figure.draw_without_rendering()
    svg = tree_svg(nested)
    assert len(boxes_of(ax)) == nested.sizes["node"] == 511
    assert len(svg) < 500_000
    assert svg.count('<g class="node"') == 511


SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize("made", ["relational", "zoomed", "large"])
def test_the_svg_has_every_node_with_its_title_and_nothing_from_elsewhere(made, relational):
    nested = {"relational": lambda: relational, "zoomed": zoomed, "large": large}[made]()
    tree, svg = tree_of(nested), tree_svg(nested, width=800)
    root = ET.fromstring(svg)
    assert root.get("role") == "graphics-document"
    assert f"{nested.sizes['node']} factors" in root.get("aria-label")
    nodes = [group for group in root.iter(f"{SVG}g") if group.get("class") == "node"]
    assert [int(group.get("data-node")) for group in nodes] == list(range(nested.sizes["node"]))
    across = 800 - 72 - 1
    for node, group in enumerate(nodes):
        assert group.find(f"{SVG}title").text == tree.about(node) == group.get("aria-label")
        assert int(group.get("data-parent")) == tree.parent[node]
        box = group.find(f"{SVG}rect")
        assert float(box.get("width")) == pytest.approx(across * tree.width[node], abs=0.006)
        assert float(box.get("x")) == pytest.approx(72 + across * tree.left[node], abs=0.006)
        assert box.get("fill") == shade(tree.values("node_reproducibility")[node])
        written = [span.text for span in group.iter(f"{SVG}tspan")]
        said = " ".join(written).split()
        assert said == tree.leading[node][: len(said)]
    assert {element.tag.removeprefix(SVG) for element in root.iter()} <= {
        "svg", "desc", "g", "title", "rect", "text", "tspan", "path",
    }  # fmt: skip
    assert not re.search(r"href|url\(|<script|<style|\bon\w+=", svg)


def test_names_that_are_markup_stay_text():
    nested = zoomed()
    nested["gene"] = ("gene", np.array(['<b>&"x"\x07', *nested["gene"].values[1:]], dtype=object))
    root = ET.fromstring(tree_svg(nested.assign_attrs(network="a<b")))
    titles = [title.text for title in root.iter(f"{SVG}title")]
    assert '<b>&"x"' in titles[0]
    assert "ends here: too small <30 & done" in titles[2]


def test_colours_are_darker_for_more_and_letters_on_them_have_contrast():
    def luminance(colour):
        parts = np.array(matplotlib.colors.to_rgb(colour))
        linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
        return linear @ [0.2126, 0.7152, 0.0722]

    values = [luminance(shade(value)) for value in np.linspace(0, 1, 101)]
    assert (np.diff(values) < 0).all()
    for value in np.linspace(0, 1, 101):
        ends = sorted([luminance(shade(value)), luminance(ink_on(shade(value)))])
        assert (ends[1] + 0.05) / (ends[0] + 0.05) >= 4.5


def test_levels_show_means_ranges_and_what_they_are_compared_with(relational):
    figure = plot_levels(relational)
    panels = level_panels(relational)
    assert [panel.variable for panel in panels] == [
        "explained", "retention", "marginal", "reproducibility", "membership_agreement",
    ]  # fmt: skip
    for ax, panel in zip(figure.axes, panels, strict=True):
        values = relational[panel.variable]
        for place, branch in enumerate(relational["branch"].values):
            each = values.sel(branch=branch)
            line = ax.lines[place]
            np.testing.assert_allclose(line.get_ydata(), each.mean("restart"))
            assert np.rint(line.get_xdata()).tolist() == [0, 1, 2, 3]
            ends = np.array([segment[:, 1] for segment in ax.collections[place].get_segments()])
            np.testing.assert_allclose(ends, np.stack([each.min("restart"), each.max("restart")], axis=1))
        assert [label.get_text() for label in ax.get_xticklabels()] == ["0\n8", "1\n4", "2\n2", "3\n1"]
    np.testing.assert_allclose(figure.axes[0].lines[3].get_ydata(), relational["bound"])
    direct = relational["direct_retention"].sel(branch="partner").mean("restart")
    np.testing.assert_allclose(figure.axes[1].lines[3].get_ydata(), direct)
    markers = [line.get_marker() for line in figure.axes[0].lines[:3]]
    assert len(set(markers)) == 3


def test_levels_that_were_not_measured_are_left_out(relational):
    one = relational.drop_vars(["marginal", "membership_agreement"])
    one["reproducibility"] = one["reproducibility"] * np.nan
    assert len(plot_levels(one).axes) == 2
    axes = matplotlib.figure.Figure().subplots(1, 3)
    with pytest.raises(InputError, match="3 axes; there are 2 panels: explained, retention"):
        plot_levels(one, axes=axes)
    with pytest.raises(InputError, match="no level was measured"):
        plot_levels(zoomed())
    assert len(plot_nested(zoomed()).axes) == 1
    assert len(plot_nested(relational).axes) == 6


def test_what_a_tree_lacks_is_said(relational):
    with pytest.raises(InputError, match=r"the tree lacks member_gene; give what dasknmf\.nested returned"):
        plot_icicle(relational.drop_vars("member_gene"))
    with pytest.raises(InputError, match="colour='size' is not there; choose reproducibility or nesting"):
        tree_svg(relational, colour="size")
    with pytest.raises(InputError, match="width=100: needs 145 pixels or more"):
        tree_svg(relational, width=100)


def test_axes_that_are_given_are_used_and_pyplot_knows_no_figure(relational):
    from matplotlib import pyplot as plt

    before = plt.get_fignums()
    figure = matplotlib.figure.Figure(figsize=(20, 4))
    axes = figure.subplots(1, 6)
    assert plot_icicle(relational, ax=axes[0]) is axes[0]
    assert plot_levels(relational, axes=axes[1:]) is figure
    plot_nested(relational)
    assert plt.get_fignums() == before
