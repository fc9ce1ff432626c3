"""Figures of a symmetry that show its factors: partners, slopes, W against H."""

from itertools import pairwise

import numpy as np
import pytest

from dasknmf.errors import InputError
from dasknmf.report.classes import CLASSES, cycles
from dasknmf.report.non_decreasing import monotone
from dasknmf.report.partners import plot_partner_matrix
from dasknmf.report.scatter import DENSE, LARGEST, POINTS, plot_factor_scatter
from dasknmf.report.slopes import plot_slope_fan, slope_intervals
from tests.report.planted import planted_fit, symmetry_of

matplotlib = pytest.importorskip("matplotlib")


@pytest.fixture(scope="module")
def small():
    fit = planted_fit(modules=3, pairs=2)
    return fit, symmetry_of(fit)


@pytest.fixture(scope="module")
def large():
    fit = planted_fit(modules=16, pairs=10, loose=4, genes=2000)
    return fit, symmetry_of(fit)


def boxes(texts):
    """Of the letters, without lines to what they name; shrunk by a pixel, since letters have a margin."""
    drawn = [text for text in texts if text.get_text()]
    return [matplotlib.text.Text.get_window_extent(text).padded(-1) for text in drawn]


def assert_apart(texts):
    found = boxes(texts)
    assert found
    for place, box in enumerate(found):
        assert not any(box.overlaps(other) for other in found[:place])


def colour(line):
    return matplotlib.colors.to_hex(line.get_color()).upper()


def test_the_matrix_is_in_the_order_of_cycles_and_frames_the_pairs(small):
    _, symmetry = small
    ax = plot_partner_matrix(symmetry)
    order = [int(label.get_text().split()[0]) for label in ax.get_yticklabels()]
    assert sorted(order) == list(range(7))
    lengths = symmetry["cycle_length"].values[order]
    assert lengths.tolist() == [1, 1, 1, 2, 2, 2, 2]
    partner = symmetry["partner_of"].values
    assert [partner[order[3]], partner[order[5]]] == [order[4], order[6]]
    shown = ax.images[0].get_array()
    assert np.array_equal(shown, symmetry["cosine"].values[np.ix_(order, order)])
    frames = [(patch.get_xy(), patch.get_width(), patch.get_height()) for patch in ax.patches]
    assert frames == [((2.5, 2.5), 2, 2), ((4.5, 4.5), 2, 2)]
    # the dark cells are those of the planted modules, and off the diagonal those of the planted pairs
    assert np.argwhere(shown > 0.8).tolist() == [[0, 0], [1, 1], [2, 2], [3, 4], [4, 3], [5, 6], [6, 5]]
    dots = ax.collections[0].get_offsets()
    assert dots[:, ::-1].tolist() == np.argwhere(shown > 0.8).tolist()
    assert ax.get_title(loc="left") == "Partners; fixed points: 3, 2-cycles: 2"


def test_columns_of_the_matrix_have_the_top_genes_of_h(small):
    _, symmetry = small
    ax = plot_partner_matrix(symmetry)
    for side, labels in (("W", ax.get_yticklabels()), ("H", ax.get_xticklabels())):
        for number, gene in (label.get_text().split() for label in labels):
            assert gene == symmetry["top_gene"].sel(factor=int(number), side=side, top=0).item()


def test_a_broken_involution_has_its_longer_cycle_and_unmatched_factors_last(small):
    symmetry = small[1].copy(deep=True)
    symmetry["partner_of"][:] = [2, 1, 3, 0, 4, 6, -1]
    symmetry["cycle_length"][:] = [3, 1, 3, 3, 1, 0, 0]
    symmetry["class"][:] = [
        "unresolved",
        "module",
        "unresolved",
        "unresolved",
        "module",
        "unresolved",
        "unresolved",
    ]
    assert cycles(symmetry) == [[1], [4], [0, 2, 3], [5], [6]]
    ax = plot_partner_matrix(symmetry)
    (frame,) = ax.patches
    assert (frame.get_xy(), frame.get_width(), frame.get_linestyle()) == ((1.5, 1.5), 3, "--")
    assert len(ax.collections[0].get_offsets()) == 5
    assert ax.get_title(loc="left") == "Partners; fixed points: 2, longer: 1, unmatched: 2"


def test_names_at_the_matrix_of_40_factors_do_not_overlap(large):
    ax = plot_partner_matrix(large[1])
    ax.figure.draw_without_rendering()
    for labels in (ax.get_yticklabels(), ax.get_xticklabels()):
        assert len(labels) == 40
        found = [label.get_window_extent() for label in labels]
        for one, other in pairwise(found):
            assert not one.padded(-1.5).overlaps(other.padded(-1.5))
        assert all(box.x0 >= 0 and box.y0 >= 0 for box in found)
    assert ax.yaxis.label.get_window_extent().x0 >= 0


def rays(ax):
    """The lines from the origin that are not those of the scale."""
    styles = {style.colour.upper(): name for name, style in CLASSES.items()}
    found = [line for line in ax.lines if line.get_linewidth() == 1.6]
    return [(line.get_xydata(), styles[colour(line)]) for line in found]


def test_a_balanced_ray_has_the_slope_of_its_factor_and_the_colour_of_its_class(small):
    _, symmetry = small
    found = rays(plot_slope_fan(symmetry))
    assert all(points[0].tolist() == [0, 0] for points, _ in found)
    np.testing.assert_allclose([np.hypot(*points[1]) for points, _ in found], 1)
    np.testing.assert_allclose([points[1, 1] / points[1, 0] for points, _ in found], symmetry["slope"])
    assert [name for _, name in found] == symmetry["class"].values.tolist()


def test_wedges_end_where_the_intervals_of_slopes_do(small):
    _, symmetry = small
    wedges = [patch.get_xy() for patch in plot_slope_fan(symmetry).patches]
    slopes = [wedge[1:25, 1] / wedge[1:25, 0] for wedge in wedges]
    np.testing.assert_allclose([slope[0] for slope in slopes], symmetry["slope_low"])
    np.testing.assert_allclose([slope[-1] for slope in slopes], symmetry["slope_high"])


def test_own_slopes_have_logarithmic_angles_so_that_0_01_and_100_can_be_read(small):
    symmetry = small[1].copy(deep=True)
    symmetry["own_slope"][:] = [0.01, 100, 1, 10, 0.1, 1, 0]
    ax = plot_slope_fan(symmetry, own=True)
    angles = [np.degrees(np.arctan2(*points[1, ::-1])) for points, _ in rays(ax)]
    np.testing.assert_allclose(angles, [0, 90, 45, 67.5, 22.5, 45], atol=1e-9)
    assert {"0.01", "0.1", "1", "10", "100"} <= {text.get_text() for text in ax.texts}
    (told,) = [text.get_text() for text in ax.texts if "sd" in text.get_text()]
    sd = np.log([0.01, 100, 1, 10, 0.1, 1]).std(ddof=1)
    assert told == f"sd of log slope {sd:.2g}\n1 without a slope"


def test_the_interval_of_an_own_slope_is_that_of_the_rescaled_factors(small):
    fit, symmetry = small
    gauge = (symmetry["own_slope"] / symmetry["slope"]).values
    W, Ht = fit["W"].values, fit["H"].values.T[:, symmetry["partner_of"].values] * gauge
    slope = (W * Ht).sum(0) / (W**2).sum(0)
    half = 1.96 * np.sqrt((W**2 * (Ht - slope * W) ** 2).sum(0)) / (W**2).sum(0)
    for found, expected in zip(
        slope_intervals(symmetry, own=True), (slope, slope - half, slope + half), strict=True
    ):
        np.testing.assert_allclose(found, expected)


@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("size", ["small", "large"])
def test_numbers_of_a_fan_do_not_overlap(size, own, request):
    ax = plot_slope_fan(request.getfixturevalue(size)[1], own=own)
    ax.figure.draw_without_rendering()
    assert_apart(ax.texts)


def scattered(ax):
    return np.asarray(ax.collections[0].get_offsets())


def test_each_panel_shows_w_against_the_row_of_h_of_the_partner(small):
    fit, symmetry = small
    figure = plot_factor_scatter(fit, symmetry, factors=[0, 4])
    for ax, factor in zip(figure.axes, (0, 4), strict=True):
        partner = int(symmetry["partner_of"][factor])
        w, h = fit["W"].values[:, factor], fit["H"].values[partner]
        # balanced: the norms of both sides of a factor are equal, as they are in the planted fit
        expected = np.stack([w, h], axis=1)[(w > 0) | (h > 0)]
        assert len(scattered(ax)) == len(expected)
        np.testing.assert_allclose(np.sort(scattered(ax), axis=0), np.sort(expected, axis=0), rtol=1e-6)
        x, y = next(line for line in ax.lines if line.get_linewidth() == 1.6).get_data()
        assert (x[0], y[0]) == (0, 0)
        assert y[1] / x[1] == pytest.approx(float(symmetry["slope"][factor]))
        assert ax.get_title(loc="left") == f"W{factor} · H{partner}"


def test_scaling_a_side_of_a_factor_changes_no_point(small):
    fit, symmetry = small
    scale = np.geomspace(0.01, 100, 7)
    scaled = fit.assign(W=fit["W"] * scale, H=fit["H"] / scale[:, None])
    before, after = (plot_factor_scatter(given, symmetry).axes for given in (fit, scaled))
    for one, other in zip(before, after, strict=True):
        np.testing.assert_allclose(scattered(one), scattered(other), rtol=1e-5)


def test_many_genes_are_sampled_by_the_seed_and_the_largest_always_there():
    fit = planted_fit(modules=1, pairs=1, genes=8000)
    symmetry = symmetry_of(fit)
    first, again, other = (
        scattered(plot_factor_scatter(fit, symmetry, factors=[0], seed=seed).axes[0]) for seed in (0, 0, 1)
    )
    assert len(first) == POINTS
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert np.array_equal(first[:LARGEST], other[:LARGEST])
    assert len(np.unique(first, axis=0)) == POINTS
    w, h = fit["W"].values[:, 0], fit["H"].values[int(symmetry["partner_of"][0])]
    assert first[:, 0].max() == pytest.approx(w.max(), rel=1e-6)
    assert first[:, 1].max() == pytest.approx(h.max(), rel=1e-6)


def test_of_very_many_genes_density_counts_each_once():
    fit = planted_fit(modules=1, pairs=0, genes=4 * DENSE)
    ax, bar = plot_factor_scatter(fit, symmetry_of(fit)).axes
    hexagons, points = ax.collections[0], ax.collections[1]
    w, h = fit["W"].values[:, 0], fit["H"].values[0]
    there = ((w > 0) | (h > 0)).sum()
    assert there > DENSE
    assert hexagons.get_array().sum() == there
    assert isinstance(hexagons.norm, matplotlib.colors.LogNorm)
    assert len(points.get_offsets()) == LARGEST
    assert bar.get_ylabel() == "genes of a hexagon"


@pytest.mark.parametrize("size", ["small", "large"])
def test_names_of_genes_do_not_overlap_and_stay_inside(size, request):
    fit, symmetry = request.getfixturevalue(size)
    figure = plot_factor_scatter(fit, symmetry)
    figure.draw_without_rendering()
    assert len(figure.axes) == fit.sizes["factor"]
    for ax in figure.axes:
        assert_apart(ax.texts)
        inside = ax.get_window_extent().padded(1)
        assert all(inside.x0 <= box.x0 and box.x1 <= inside.x1 for box in boxes(ax.texts))
        titles = [ax._left_title, ax._right_title]
        assert_apart(titles)


def test_a_fit_of_another_rank_and_unknown_factors_are_refused(small, large):
    with pytest.raises(InputError, match=r"a fit of 40 factors and a symmetry of 7.*hals-seed0"):
        plot_factor_scatter(large[0], small[1])
    with pytest.raises(InputError, match=r"factors=\[9\]: not in the symmetry"):
        plot_factor_scatter(*small, factors=[0, 9])


def test_the_monotone_line_is_the_mean_at_equal_loadings():
    """By the max-min formula of isotonic regression, over distinct x."""
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 12, 60).astype(float), rng.random(60)
    at = np.unique(x)
    means = {(a, b): y[(x >= a) & (x <= b)].mean() for a in at for b in at if a <= b}
    expected = [max(min(means[a, b] for b in at if b >= v) for a in at if a <= v) for v in at]
    corners, values = monotone(x, y)
    for v, value in zip(at, expected, strict=True):
        block = next(i for i in range(0, len(corners), 2) if corners[i] <= v <= corners[i + 1])
        assert values[block] == pytest.approx(value)
        assert values[block + 1] == values[block]
