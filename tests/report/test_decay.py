"""Figures of a test of fragmentation: retention by level, its rate, and what makes it."""

import numpy as np
import pytest
from click.testing import CliRunner

import dasknmf
from dasknmf.cli import commands
from dasknmf.errors import InputError
from dasknmf.report.curves import effect_names, looks, short_names
from dasknmf.report.decay import plot_attribution, plot_gamma, plot_retention
from dasknmf.report.nesting_page import plot_fragmentation
from tests.nesting.test_attribution import runs
from tests.nesting.test_fragmentation import LEVELS, nested_run, noisy

matplotlib = pytest.importorskip("matplotlib")


def many():
    """Three runs of a network, two of others that lose nothing, and a control of each sort: 8."""
    lossless = 0.97 * np.ones(5)
    others = [nested_run({"partner": noisy(lossless, 4, seed)}, network=f"other{seed}") for seed in (1, 2)]
    kinds = ("soules", "planted-nested", "null:degree")
    controls = [
        nested_run({"partner": noisy(lossless, 3, seed)}, kind=kind, network="control")
        for seed, kind in enumerate(kinds)
    ]
    return dasknmf.fragmentation([*runs(), *others, *controls])


@pytest.fixture(scope="module")
def found():
    return many()


@pytest.fixture(scope="module")
def two():
    steep = nested_run({"partner": noisy(0.5**LEVELS, 6, 0)}, network="steep")
    return dasknmf.fragmentation([steep, nested_run({"partner": noisy(np.ones(5), 3, 1)}, kind="soules")])


def invoke(*arguments):
    return CliRunner().invoke(commands, list(arguments), catch_exceptions=False)


def texts(ax):
    return [text for text in ax.texts if text.get_text()]


def numbers_of(ax):
    """Labels of ticks inside the limits; matplotlib keeps others, which it does not draw."""
    low, high = sorted(ax.get_ylim())
    return [
        label for label, at in zip(ax.get_yticklabels(), ax.get_yticks(), strict=True) if low <= at <= high
    ]


def clear_of_each_other(figure, artists):
    figure.draw_without_rendering()
    boxes = [matplotlib.text.Text.get_window_extent(artist) for artist in artists]
    boxes = [box.padded(-0.5) for box in boxes if box.width > 0]
    for place, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[:place])
        assert box.x0 >= -1
        assert box.x1 <= figure.bbox.width + 1
        assert box.y0 >= -1
        assert box.y1 <= figure.bbox.height + 1


def test_retention_shows_restarts_means_and_the_exponential(two):
    ax = plot_retention(two)
    assert ax.get_yscale() == "log"
    for run in range(2):
        own = two.isel(run=run).sel(quantity="retention partner")
        restarts, means, fit = ax.lines[3 * run : 3 * run + 3]
        np.testing.assert_array_equal(restarts.get_ydata(), own["kept_of"].values.ravel())
        np.testing.assert_array_equal(means.get_ydata(), own["kept"].values)
        np.testing.assert_allclose(
            fit.get_ydata(), float(own["start"]) * np.exp(-float(own["gamma"]) * LEVELS)
        )
        assert np.rint(means.get_xdata()).tolist() == LEVELS.tolist()
        said = next(
            text.get_text() for text in texts(ax) if f"γ = {float(own['gamma']):.2g} (" in text.get_text()
        )
        assert f"({float(own['gamma_low']):.2g} to {float(own['gamma_high']):.2g})" in said


def test_the_values_of_restarts_are_those_of_the_runs(two):
    given = noisy(0.5**LEVELS, 6, 0)
    kept = two["kept_of"].isel(run=0).sel(quantity="retention partner")
    np.testing.assert_allclose(kept.transpose("restart", "tier").values, given)
    # a run with fewer restarts than another
    assert np.isnan(two["kept_of"].isel(run=1).values).sum() == 3 * 5
    assert len(plot_retention(two.drop_vars("kept_of")).lines) == len(plot_retention(two).lines) - 2


def test_runs_are_told_apart_without_colour(found):
    drawn = looks(found)
    assert len({(look.marker, look.filled) for look in drawn}) == len(drawn) == 8
    network = (found["kind"].values == "network").tolist()
    assert [look.filled for look in drawn] == network
    lines = {str(look.line) for look, own in zip(drawn, network, strict=True) if not own}
    assert len(lines) == 3
    assert "-" not in lines


def test_gamma_is_shown_with_its_interval_bound_and_verdict(found):
    ax = plot_gamma(found)
    names = [label.get_text().replace("\n", " ") for label in ax.get_yticklabels()]
    assert names == short_names(found["run"].values.tolist())
    spans = [art.get_segments()[0] for art in ax.collections]
    points = [line for line in ax.lines if line.get_marker() != "None"]
    for row in range(8):
        own = found.isel(run=row)
        own = own.sel(quantity=f"retention {own['loadings'].item()}")
        assert spans[row].tolist() == [[float(own["gamma_low"]), row], [float(own["gamma_high"]), row]]
        assert points[row].get_xdata()[0] == float(own["gamma"])
        assert texts(ax)[row].get_text() == own["verdict"].item()
    upright = [line.get_xdata()[0] for line in ax.lines if line.get_marker() == "None"]
    assert upright == [0, found.attrs["gamma_bound"]]
    # γ of 0.9 and of 0 on one axis
    assert ax.get_xscale() == "symlog"
    low, high = ax.get_xlim()
    assert low < found["gamma_low"].sel(quantity="retention partner").min()
    assert high > found["gamma_high"].sel(quantity="retention partner").max()


def test_small_rates_have_a_linear_axis_that_shows_the_bound():
    flat = dasknmf.fragmentation(nested_run({"partner": noisy(np.ones(5), 5, 0)}))
    ax = plot_gamma(flat)
    assert ax.get_xscale() == "linear"
    assert ax.get_xlim()[0] < 0 < flat.attrs["gamma_bound"] < ax.get_xlim()[1]


def test_one_restart_has_no_interval_and_a_lower_bound_has_an_arrow():
    one = dasknmf.fragmentation(nested_run({"partner": 0.5 ** LEVELS[None] * 1.0}))
    ax = plot_gamma(one)
    assert not ax.collections
    assert [text.get_text() for text in texts(ax)] == ["cannot tell"]
    assert "one restart" in texts(plot_retention(one))[0].get_text()
    gone = (
        np.array([1, 0.1, 0.0, 0.0, 0.0])
        * np.ones((4, 1))
        * np.exp(0.01 * np.random.default_rng(0).standard_normal((4, 5)))
    )
    bounded = dasknmf.fragmentation(nested_run({"partner": gone}))
    own = bounded.isel(run=0, quantity=0)
    assert np.isinf(own["gamma_high"])
    drawn = plot_gamma(bounded)
    (span,) = [art.get_segments()[0] for art in drawn.collections]
    assert span[:, 0].tolist() == [float(own["gamma_low"]), float(own["gamma"])]
    assert [text.arrow_patch is not None for text in drawn.texts if not text.get_text()] == [True]
    assert np.isfinite(drawn.get_xlim()).all()


def test_attribution_shows_every_effect_under_its_cause(found):
    ax = plot_attribution(found)
    points = [line for line in ax.lines if line.get_marker() != "None"]
    assert [line.get_xdata()[0] for line in points] == found["effect_gamma"].values.tolist()
    filled = [line.get_markerfacecolor() != "white" for line in points]
    assert filled == (found["effect_paired"].values == 1).tolist()
    known = np.isfinite(found["effect_low"].values) & np.isfinite(found["effect_high"].values)
    known &= found["effect_at_least"].values == 0
    ends = [art.get_segments()[0][:, 0].tolist() for art in ax.collections][: known.sum()]
    expected = np.stack([found["effect_low"], found["effect_high"]], axis=1)[known]
    assert ends == expected.tolist()
    causes = list(dict.fromkeys(found["cause"].values))
    assert [text.get_text() for text in texts(ax)] == causes
    assert [label.get_text() for label in ax.get_yticklabels()] == effect_names(found)
    with pytest.raises(InputError, match="no effects to draw"):
        plot_attribution(found.isel(effect=[]))


def test_labels_of_8_runs_do_not_overlap_and_stay_in_the_figure(found):
    for draw in (plot_retention, plot_gamma, plot_attribution):
        ax = draw(found)
        clear_of_each_other(ax.figure, [*texts(ax), ax._left_title, *numbers_of(ax), ax.xaxis.label])
    figure = plot_fragmentation(found)
    every = [text for ax in figure.axes for text in (*texts(ax), ax._left_title, *numbers_of(ax))]
    clear_of_each_other(figure, [*every, figure._suptitle])


def test_names_are_short_but_never_alike():
    assert short_names(["a/x.zarr core", "b/x.zarr core"]) == ["a/x.zarr core", "b/x.zarr core"]
    assert short_names(["s3://bucket/x.nested.zarr", "y"]) == ["x", "y"]
    assert short_names(["net", "net inner"]) == ["net", "inner"]


def test_another_quantity_can_be_drawn_and_what_is_not_there_is_said(found, two):
    ax = plot_retention(found, quantity="retention W")
    own = found.isel(run=0).sel(quantity="retention W")
    np.testing.assert_array_equal(ax.lines[1].get_ydata(), own["kept"].values)
    for draw in (plot_retention, plot_gamma):
        with pytest.raises(InputError, match="quantity='x' is not there; choose one of retention partner"):
            draw(two, quantity="x")
        with pytest.raises(InputError, match=r"the test lacks kept; give what dasknmf\.fragmentation"):
            draw(two.drop_vars("kept"))


def test_axes_that_are_given_are_used_and_pyplot_knows_no_figure(found):
    from matplotlib import pyplot as plt

    before = plt.get_fignums()
    axes = matplotlib.figure.Figure(figsize=(20, 5)).subplots(1, 3)
    for ax, draw in zip(axes, (plot_retention, plot_gamma, plot_attribution), strict=True):
        assert draw(found, ax=ax) is ax
        assert ax.has_data()
    plot_fragmentation(found)
    assert plt.get_fignums() == before


def test_commands_draw_their_pages(tmp_path):
    A = np.kron(np.kron(np.eye(2), np.ones((2, 2))) + 3 * np.eye(4) + 0.1, np.ones((8, 8)))
    np.save(tmp_path / "a.npy", A)
    net, out, page = (str(tmp_path / name) for name in ("net.zarr", "nested.zarr", "page.svg"))
    assert invoke("import", str(tmp_path / "a.npy"), net).exit_code == 0
    nested = invoke("nest", net, "-k", "4,2,1", "-o", out, "--figure", page)
    assert f"saved {out}, {page}" in nested.output
    rates = str(tmp_path / "rates.png")
    assert f"saved {rates}" in invoke("fragmentation", out, "--figure", rates).output
    assert (tmp_path / "page.svg").read_text(encoding="utf-8").startswith("<?xml")
    assert (tmp_path / "rates.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(InputError, match=r"end its name in \.png, \.svg or \.pdf"):
        invoke("fragmentation", out, "--figure", str(tmp_path / "rates.wrong"))
