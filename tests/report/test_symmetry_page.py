"""Figures of a symmetry that show it whole: the inertia law, nulls, restarts, algorithms, and the page of all."""

import sys

import numpy as np
import pytest
from scipy import stats

from dasknmf.errors import InputError, MissingDependencyError
from dasknmf.report.classes import CLASSES
from dasknmf.report.comparison import plot_comparison
from dasknmf.report.inertia import plot_inertia
from dasknmf.report.nulls import EACH, null_measures, plot_null_distributions
from dasknmf.report.partners import plot_partner_matrix
from dasknmf.report.restarts import plot_restart_stability
from dasknmf.report.scatter import plot_factor_scatter
from dasknmf.report.slopes import plot_slope_fan
from dasknmf.report.symmetry_page import plot_symmetry, telling
from tests.report.planted import MEASURES, comparison_of, planted_fit, symmetry_of

matplotlib = pytest.importorskip("matplotlib")


@pytest.fixture(scope="module")
def fit():
    return planted_fit(modules=3, pairs=2)


@pytest.fixture(scope="module")
def symmetry(fit):
    return symmetry_of(fit)


def texts(ax):
    return [text.get_text() for text in ax.texts if text.get_text()]


def labelled(ax, start):
    return next(line for line in ax.lines if str(line.get_label()).startswith(start))


def test_inertia_shows_predicted_pairs_by_rank_and_the_pairs_found_at_the_rank_of_the_fit(symmetry):
    ax = plot_inertia(symmetry.isel(rank=np.random.default_rng(0).permutation(24)))
    rank, predicted = labelled(ax, "predicted").get_data()
    assert rank.tolist() == list(range(1, 25))
    assert predicted.tolist() == symmetry["predicted_pairs"].values.tolist()
    found = labelled(ax, "found")
    assert [list(values) for values in found.get_data()] == [[7], [2]]
    every = symmetry["by_fit"].sel(measure="two_cycles").values
    assert found.get_label() == f"found at rank 7: 2 ({every.min():g} to {every.max():g} in 5 restarts)"
    (span,) = next(art for art in ax.collections if hasattr(art, "get_segments")).get_segments()
    assert span.tolist() == [[7, every.min()], [7, every.max()]]
    band = ax.collections[0].get_paths()[0].vertices
    assert (band[:, 1].min(), band[:, 1].max()) == (
        symmetry["predicted_low"].min(),
        symmetry["predicted_high"].max(),
    )
    cut = labelled(ax, "cuts")
    assert cut.get_xdata().tolist() == symmetry["rank"].values[symmetry["splits"].values > 0].tolist()
    assert (cut.get_ydata() < 0).all()


def test_pairs_of_one_fit_are_counted_by_class_and_have_no_range(symmetry):
    bare = symmetry.drop_vars(["measured", "by_fit", "splits"])
    bare["class"] = bare["class"].where(
        bare["factor"] != int(bare["factor"][bare["class"] == "module"][0]), "pair"
    )
    ax = plot_inertia(bare)
    assert labelled(ax, "found").get_label() == "found at rank 7: 2.5"
    assert not [line for line in ax.lines if line.get_label().startswith("cuts")]


def test_every_null_fit_is_a_point_and_the_measure_a_line_with_its_interval(symmetry):
    figure = plot_null_distributions(symmetry)
    assert null_measures(symmetry) == MEASURES
    assert [ax.get_title(loc="left") for ax in figure.axes[:2]] == ["matched cosine", "involution defect"]
    assert figure.axes[4].get_title(loc="left") == "own slope dispersion (gauge)"
    for ax, measure in zip(figure.axes, MEASURES, strict=True):
        values = symmetry.sel(measure=measure)
        points = [
            art.get_offsets() for art in ax.collections if hasattr(art, "get_sizes") and len(art.get_sizes())
        ]
        for row, (kind, drawn) in enumerate(zip(("degree", "shuffle"), points, strict=True)):
            null = values["by_null"].values[values["null_kind"].values == kind]
            assert drawn[:, 0].tolist() == null.tolist()
            assert (np.abs(drawn[:, 1] - row) < 0.5).all()
            box = ax.patches[row]
            quartiles = np.percentile(null, [25, 75])
            np.testing.assert_allclose([box.get_x(), box.get_x() + box.get_width()], quartiles)
        assert ax.lines[0].get_xdata() == [float(values["measured"])] * 2
        span = ax.patches[2]
        np.testing.assert_allclose(
            [span.get_x(), span.get_x() + span.get_width()], [values["low"], values["high"]]
        )
        told = [
            f"p = {float(values['p'].sel(kind=kind)):.2g}, z = {float(values['z'].sel(kind=kind)):.2g}"
            for kind in ("degree", "shuffle")
        ]
        assert texts(ax) == told
        assert [label.get_text() for label in ax.get_yticklabels()] == ["degree\n20 fits", "shuffle\n20 fits"]


def test_few_null_fits_have_no_box_and_many_are_a_violin(fit):
    few = plot_null_distributions(symmetry_of(fit, nulls=3), measures=["two_cycles"]).axes[0]
    assert len(few.patches) == 1
    many = plot_null_distributions(symmetry_of(fit, nulls=EACH + 1), measures=["two_cycles"]).axes[0]
    assert not [art for art in many.collections if hasattr(art, "get_sizes") and len(art.get_sizes())]
    assert len(many.patches) == 3
    same = symmetry_of(fit, nulls=EACH + 1)
    same["by_null"][:] = 1.0
    alike = plot_null_distributions(same, measures=["two_cycles"]).axes[0]
    points = [art for art in alike.collections if hasattr(art, "get_sizes") and len(art.get_sizes())]
    assert [len(art.get_offsets()) for art in points] == [EACH + 1] * 2


def test_what_nulls_lack_is_said(fit, symmetry):
    with pytest.raises(InputError, match=r"no null fits to draw; call dasknmf\.symmetry with nulls=20"):
        plot_null_distributions(symmetry_of(fit, nulls=0))
    with pytest.raises(
        InputError, match=r"measures=\['skew'\]: not measured on nulls; choose from matched_cosine"
    ):
        plot_null_distributions(symmetry, measures=["two_cycles", "skew"])
    axes = matplotlib.figure.Figure().subplots(1, 3)
    with pytest.raises(InputError, match="3 axes; there are 1 measures: two_cycles"):
        plot_null_distributions(symmetry, measures=["two_cycles"], axes=axes)


def test_restarts_are_sorted_by_recurrence_with_orientation_beside(symmetry):
    ax = plot_restart_stability(symmetry)
    order = np.argsort(-symmetry["recurrence"].values, kind="stable")
    beside = ax.figure.axes[1]
    for drawn, name in ((ax, "recurrence"), (beside, "orientation")):
        dots = [line for line in drawn.lines if line.get_marker() != "None"]
        assert [line.get_xdata()[0] for line in dots] == symmetry[name].values[order].tolist()
        assert [line.get_ydata()[0] for line in dots] == list(range(7))
        styles = [CLASSES[name] for name in symmetry["class"].values[order]]
        assert [(line.get_color(), line.get_marker()) for line in dots] == [style[:2] for style in styles]
        ends = np.array([art.get_segments()[0][:, 0] for art in drawn.collections])
        expected = np.stack([symmetry[f"{name}_low"][order], symmetry[f"{name}_high"][order]], axis=1)
        np.testing.assert_array_equal(ends, expected)
    assert [int(label.get_text().split()[0]) for label in ax.get_yticklabels()] == order.tolist()


def test_without_orientation_nothing_is_drawn_beside(symmetry):
    assert len(plot_restart_stability(symmetry.drop_vars("orientation")).figure.axes) == 1


def test_a_comparison_shows_the_mean_with_its_interval_for_each_solver_and_network():
    comparison = comparison_of()
    figure = plot_comparison(comparison, measures=["matched_linearity", "own_slope_dispersion"])
    ax = figure.axes[0]
    values = comparison["matched_linearity"].values
    rows = []
    for place in range(3):
        points, spans = ax.collections[2 * place : 2 * place + 2]
        assert sorted(points.get_offsets()[:, 0]) == sorted(values[place].ravel())
        means = ax.lines[place]
        np.testing.assert_allclose(means.get_xdata(), values[place].mean(axis=1))
        rows.append(means.get_ydata())
        for solver, segment in enumerate(spans.get_segments()):
            each = values[place, solver]
            expected = stats.t.interval(0.95, 4, each.mean(), stats.sem(each))
            np.testing.assert_allclose(segment[:, 0], expected)
    assert len({line.get_marker() for line in ax.lines[:3]}) == 3
    # a network stands where no other does, in the row of its solver
    assert (np.diff(np.sort(np.ravel(rows))) > 0.1).all()
    assert (np.rint(rows) == np.arange(6)).all()
    assert [label.get_text() for label in ax.get_yticklabels()] == comparison["solver"].values.tolist()


def test_an_interval_that_is_given_is_drawn_and_one_restart_has_none():
    one = comparison_of(restarts=1)
    spans = plot_comparison(one, measures=["matched_linearity"]).axes[0].collections[1]
    assert not any(len(segment) for segment in spans.get_segments())
    mean = one["matched_linearity"].mean("restart")
    given = one.assign(matched_linearity_low=mean - 0.1, matched_linearity_high=mean + 0.2)
    spans = plot_comparison(given, measures=["matched_linearity"]).axes[0].collections[1]
    np.testing.assert_allclose([np.ptp(segment[:, 0]) for segment in spans.get_segments()], 0.3)
    with pytest.raises(
        InputError, match=r"measures=\['x'\]: not in the comparison; choose from matched_linearity"
    ):
        plot_comparison(given, measures=["x"])


def titles(figure):
    return [ax.get_title(loc="left") for ax in figure.axes if ax.get_title(loc="left")]


@pytest.fixture(scope="module")
def whole_page(fit, symmetry):
    return titles(plot_symmetry(symmetry, fit))


def test_the_page_has_what_was_measured(fit, symmetry):
    symmetry = symmetry.assign_attrs(verdict="W is not Hᵀ, because of two pairs. " * 9)
    figure = plot_symmetry(symmetry, fit)
    assert titles(figure)[:9] == [
        "Partners; fixed points: 3, 2-cycles: 2",
        "Pairs by the inertia law",
        "Slopes, balanced",
        "Slopes, the algorithm's own",
        "Recurrence of factors",
        # what the page draws first, then the order of measures
        "involution defect",
        "matched cosine",
        "matched linearity",
        "two cycles",
    ]
    assert [title for title in titles(figure) if title.startswith("W")] == [
        f"W{factor} · H{int(symmetry['partner_of'][factor])}" for factor in telling(symmetry)
    ]
    assert " ".join(figure.get_suptitle().split()) == (
        "Symmetry of planted, hals, 7 factors " + ("W is not Hᵀ, because of two pairs. " * 9).strip()
    )


@pytest.mark.parametrize(
    ("lacking", "given"),
    [
        (("matched", "involution", "two cycles"), {"nulls": 0}),
        (("Recurrence",), {"restarts": 1}),
        (("Recurrence", "matched", "involution", "two cycles"), {"nulls": 0, "restarts": 1}),
        (("Pairs",), {"ranks": 0}),
        (("W",), {}),
    ],
    ids=["nulls", "restarts", "both", "ranks", "fit"],
)
def test_the_page_leaves_out_what_is_absent(fit, whole_page, lacking, given):
    figure = plot_symmetry(symmetry_of(fit, **given), None if lacking == ("W",) else fit)
    assert set(titles(figure)) == {title for title in whole_page if not title.startswith(lacking)}
    assert all(ax.has_data() for ax in figure.axes)


def test_the_page_of_40_factors_has_no_label_outside_it():
    fit = planted_fit(modules=16, pairs=10, loose=4, genes=2000)
    figure = plot_symmetry(symmetry_of(fit, kinds=("degree", "shuffle", "uniform"), ranks=60), fit)
    figure.draw_without_rendering()
    for ax in figure.axes:
        for text in (*ax.texts, ax._left_title, ax.xaxis.label, ax.yaxis.label, *ax.get_yticklabels()):
            box = matplotlib.text.Text.get_window_extent(text)
            if box.width > 0 and text.get_visible():
                assert box.x0 >= -1, text
                assert box.x1 <= figure.bbox.width + 1, text


def test_axes_that_are_given_are_used_and_pyplot_knows_none_of_the_figures(fit, symmetry):
    from matplotlib import pyplot as plt

    before = plt.get_fignums()
    figure = matplotlib.figure.Figure(figsize=(20, 5))
    axes = figure.subplots(1, 9)
    for ax, draw in zip(
        axes, (plot_partner_matrix, plot_slope_fan, plot_inertia, plot_restart_stability), strict=False
    ):
        assert draw(symmetry, ax=ax) is ax
        assert draw(symmetry).figure is not figure
    assert plot_null_distributions(symmetry, measures=["two_cycles"], axes=axes[4:5]) is figure
    assert plot_factor_scatter(fit, symmetry, factors=[0, 1], axes=axes[5:7]) is figure
    assert plot_comparison(comparison_of(), measures=["matched_linearity"], axes=axes[7:8]) is figure
    assert [ax.has_data() for ax in axes] == [True] * 8 + [False]
    plot_symmetry(symmetry)
    assert plt.get_fignums() == before


def test_a_dataset_of_something_else_is_refused(fit):
    for draw in (plot_partner_matrix, plot_slope_fan, plot_inertia, plot_restart_stability, plot_symmetry):
        with pytest.raises(InputError, match=r"the symmetry lacks .*; give what dasknmf\.symmetry returned"):
            draw(fit)


def test_without_matplotlib_the_extra_is_named(symmetry, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'dasknmf\[plot\]'"):
        plot_symmetry(symmetry)
