import sys

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from dasknmf.analysis.rank import Recommendation
from dasknmf.errors import InputError, MissingDependencyError
from dasknmf.report.axes import apart
from dasknmf.report.survey import panels, plot_survey

matplotlib = pytest.importorskip("matplotlib")


def survey_of(ranks, *, restarts=4, held_out=True, stability=True):
    ranks = np.asarray(ranks)
    rng = np.random.default_rng(0)
    error = 0.9 - 0.5 * ranks / ranks.max()
    variables = {
        "relative_error": (("rank", "restart"), error[:, None] + 0.01 * rng.random((len(ranks), restarts))),
        "eckart_young": ("rank", error - 0.05),
    }
    if held_out:
        difference = error - error.min()
        variables["held_out"] = ("rank", error)
        variables["held_out_difference"] = ("rank", difference)
        variables["held_out_difference_se"] = ("rank", np.where(difference == 0, 0, 0.01))
    if stability:
        for name, shift in (("stability", 0), ("stability_low", 0.1), ("stability_high", -0.02)):
            variables[name] = ("rank", 0.9 - 0.3 * ranks / ranks.max() - shift)
        variables["cophenetic"] = ("rank", np.where(ranks == 1, np.nan, 0.95))
    return xr.Dataset(variables, coords={"rank": ranks, "restart": np.arange(restarts)})


def texts(ax):
    return [text.get_text() for text in ax.texts]


def line(ax, place):
    return ax.lines[place].get_ydata()


def test_all_panels_show_what_was_measured_by_rank():
    survey = survey_of([2, 4, 6, 8]).isel(rank=[2, 0, 3, 1])
    error, held_out, agreement = plot_survey(survey).axes
    ordered = survey.sortby("rank")
    assert sorted(line(error, 0)) == sorted(survey["relative_error"].values.ravel())
    assert line(error, 1).tolist() == ordered["relative_error"].min("restart").values.tolist()
    assert line(error, 2).tolist() == ordered["eckart_young"].values.tolist()
    assert texts(error) == ["Eckart–Young bound", "best of 4 restarts"]
    assert line(held_out, 0).tolist() == ordered["held_out"].values.tolist()
    bars = [segment[:, 1] for segment in held_out.collections[0].get_segments()]
    np.testing.assert_allclose([np.ptp(bar) for bar in bars], 0.02)
    assert texts(held_out)[0].startswith("lowest: 0.4\n")
    assert texts(agreement) == ["stability", "cophenetic"]
    assert agreement.get_xlabel() == "rank"
    assert [tick.get_text() for tick in agreement.get_xticklabels()] == ["2", "4", "6", "8"]


@pytest.mark.parametrize("given_by", ["attributes", "recommendation"])
def test_recommended_rank_and_runner_up_are_marked_in_all_panels(given_by):
    survey, recommendation = survey_of(range(2, 40)), None
    if given_by == "attributes":
        survey.attrs.update(recommended_rank=12, runner_up_rank=9)
    else:
        recommendation = Recommendation(12, "", 9, "", ())
    axes = plot_survey(survey, recommendation=recommendation).axes
    for ax in axes:
        marked = {
            line.get_xdata()[0]: line.get_linestyle() for line in ax.lines if line.get_linewidth() == 1.2
        }
        assert marked == {12: "-", 9: ":"}
    assert {"recommended: 12", "runner-up: 9"} < set(texts(axes[0]))


def test_panels_of_what_was_not_measured_are_left_out():
    assert panels(survey_of([2, 4])) == ("error", "held-out error", "agreement")
    assert panels(survey_of([2, 4], held_out=False)) == ("error", "agreement")
    assert panels(survey_of([2, 4], restarts=1, stability=False)) == ("error", "held-out error")
    assert len(plot_survey(survey_of([2, 4], held_out=False)).axes) == 2


def test_axes_that_are_given_are_used():
    figure = matplotlib.figure.Figure()
    axes = figure.subplots(1, 3)
    assert plot_survey(survey_of([2, 4]), axes=axes) is figure
    assert [ax.get_ylabel() for ax in axes] == ["relative error", "held-out error", "agreement"]
    with pytest.raises(InputError, match="3 axes; this survey has 2 panels: error, agreement"):
        plot_survey(survey_of([2, 4], held_out=False), axes=axes)


@pytest.mark.parametrize(
    "ranks", [[8], [1], [4, 8, 12, 16, 20], [1, 2, 4, 8, 16, 32, 64], range(1, 39)], ids=str
)
@pytest.mark.parametrize("held_out", [True, False])
def test_labels_do_not_overlap(ranks, held_out):
    survey = survey_of(ranks, held_out=held_out)
    survey["dispersion"] = survey["silhouette"] = survey["stability"]
    survey.attrs.update(recommended_rank=int(survey["rank"][-1]), runner_up_rank=int(survey["rank"][0]))
    figure = plot_survey(survey)
    figure.draw_without_rendering()
    for ax in figure.axes:
        boxes = [text.get_window_extent() for text in (*ax.texts, ax.title, ax._left_title)]
        boxes = [box.padded(-1) for box in boxes if box.width > 0]
        for place, box in enumerate(boxes):
            assert not any(box.overlaps(other) for other in boxes[:place])
            assert box.x0 >= 0
            assert box.x1 <= figure.bbox.width


def test_uneven_ranks_have_a_logarithmic_axis():
    uneven = plot_survey(survey_of([1, 2, 4, 8, 16, 32, 64])).axes[-1]
    assert uneven.get_xscale() == "log"
    assert [tick.get_text() for tick in uneven.get_xticklabels()] == ["1", "2", "4", "8", "16", "32", "64"]
    assert plot_survey(survey_of([2, 4, 8, 12])).axes[-1].get_xscale() == "linear"


@given(
    wanted=st.lists(st.floats(-0.5, 1.5), min_size=1, max_size=6).map(sorted),
    heights=st.lists(st.floats(0.01, 0.15), min_size=6, max_size=6),
)
def test_labels_are_moved_apart_and_no_further_than_they_must(wanted, heights):
    heights = heights[: len(wanted)]
    places = np.array(apart(wanted, heights))
    ends = places + np.array(heights) / 2
    starts = places - np.array(heights) / 2
    assert (starts[1:] >= ends[:-1] - 1e-6).all()
    assert starts.min() >= -1e-6
    assert ends.max() <= 1 + 1e-6
    assert apart(places.tolist(), heights) == pytest.approx(places.tolist(), abs=1e-6)


def test_without_matplotlib_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'dasknmf\[plot\]'"):
        plot_survey(survey_of([2, 4]))
