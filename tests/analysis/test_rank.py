import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from dasknmf.analysis.rank import effective_rank, recommend
from dasknmf.analysis.rank_curves import survey_table
from dasknmf.errors import InputError


def survey_of(ranks, *, restarts=10, **measured):
    """A survey whose errors fall as they should, with what a test measures besides."""
    ranks = np.asarray(ranks)
    errors = 0.9 - 0.5 * ranks[:, None] / ranks.max() + 0.01 * np.arange(restarts)
    variables = {name: ("rank", np.asarray(values, dtype=float)) for name, values in measured.items()}
    return xr.Dataset(
        {
            "relative_error": (("rank", "restart"), errors),
            "eckart_young": ("rank", errors[:, 0] - 0.1),
            **variables,
        },
        coords={"rank": ranks, "restart": np.arange(restarts)},
    )


def held_out(errors, se):
    """Held-out errors and their paired differences to the lowest, all with one standard error."""
    errors = np.asarray(errors, dtype=float)
    difference = errors - np.nanmin(errors)
    return {
        "held_out": errors,
        "held_out_difference": difference,
        "held_out_difference_se": np.where(difference == 0, 0, se),
    }


@given(seed=st.integers(0, 10_000), n=st.integers(2, 30))
def test_the_participation_ratio_of_all_eigenvalues_is_between_the_bounds_of_some(seed, n):
    rng = np.random.default_rng(seed)
    values = rng.standard_normal(n) ** 3
    values = values[np.argsort(-np.abs(values))]
    sum_of_squares = float((values**2).sum())
    exact = sum_of_squares**2 / (values**4).sum()
    bounds = [effective_rank(values[:p], sum_of_squares) for p in range(1, n + 1)]
    for low, high in bounds:
        assert low * (1 - 1e-9) <= exact <= high * (1 + 1e-9)
    # the more is seen, the closer they are
    assert all(np.diff([low for low, _ in bounds]) >= -1e-9 * exact)
    assert all(np.diff([high for _, high in bounds]) <= 1e-9 * bounds[0].high)
    assert bounds[-1] == pytest.approx((exact, exact))


def test_the_participation_ratio_of_equal_eigenvalues_is_their_number():
    assert effective_rank(np.array([3.0, -3, 3, 3]), 36) == (4, 4)
    assert np.isnan(effective_rank(np.zeros(3), 0)).all()
    # rounding may leave the eigenvalues above ‖A‖²
    assert effective_rank(np.array([2.0]), 3.9999999).low == pytest.approx(1)


def test_the_smallest_rank_within_one_standard_error_is_recommended():
    errors = [0.9, 0.7, 0.52, 0.51, 0.50, 0.505]
    found = recommend(survey_of([1, 2, 4, 6, 8, 10], **held_out(errors, 0.015)))
    assert found.rank == 6
    assert "smallest that predicts held-out weights as well as any" in found.reason
    assert "0.51, above the lowest, 0.5 at rank 8, by 0.01 ± 0.015" in found.reason
    assert found.runner_up == 8
    assert found.runner_up_reason == "it has the lowest held-out error, 0.5"
    assert recommend(survey_of([1, 2, 4, 6, 8, 10], **held_out(errors, 0.001))).rank == 8
    assert recommend(survey_of([1, 2, 4, 6, 8, 10], **held_out(errors, 0.05))).rank == 4


@given(seed=st.integers(0, 10_000))
def test_the_recommended_rank_is_within_one_standard_error_and_no_smaller_one_is(seed):
    rng = np.random.default_rng(seed)
    errors = rng.random(12)
    errors[rng.random(12) < 0.2] = np.nan
    if np.isnan(errors).all():
        errors[3] = 0.5
    order = rng.permutation(12)
    survey = survey_of(np.arange(1, 13), **held_out(errors, 0.1)).isel(rank=order)
    found = recommend(survey)
    within = [k for k in range(1, 13) if errors[k - 1] <= np.nanmin(errors) + 0.1]
    assert found.rank == within[0]
    assert found.runner_up != found.rank


def test_a_best_rank_that_no_smaller_one_reaches_says_by_how_much():
    found = recommend(survey_of([2, 4, 6], **held_out([0.8, 0.6, 0.7], 0.02)))
    assert found.rank == 4
    assert "rank 2 is worse by 0.2 ± 0.02" in found.reason


def test_without_standard_errors_the_lowest_held_out_error_decides():
    found = recommend(survey_of([2, 4, 6], held_out=[0.8, 0.61, 0.6]))
    assert found.rank == 6
    assert "rank 4 is worse by 0.01)" in found.reason


def test_without_held_out_weights_the_largest_rank_whose_factors_recur_is_recommended():
    stability = [1, 0.99, 0.93, 0.7]
    survey = survey_of(
        [1, 2, 5, 9], stability=stability, stability_low=[1, 0.97, 0.91, 0.6], stability_high=[1] * 4
    )
    found = recommend(survey)
    assert found.rank == 5
    assert "0.93 [0.91, 1.00], at least 0.9; no weights were held out" in found.reason
    assert (found.runner_up, found.warnings) == (2, ())
    assert "most stable of the other ranks: 0.99" in found.runner_up_reason


def test_where_nothing_recurs_the_most_stable_rank_above_1_is_recommended():
    found = recommend(survey_of([1, 2, 5, 9], stability=[1, 0.5, 0.7, 0.6]))
    assert (found.rank, found.runner_up) == (5, 9)
    assert "no rank reaches a stability of 0.9" in found.reason
    assert any("do not recur well" in warning and "0.70, below 0.8" in warning for warning in found.warnings)


def test_a_peak_of_stability_is_the_runner_up():
    ranks = [2, 3, 4, 5, 6, 7, 8, 9, 10]
    stability = [1, 0.85, 0.84, 0.8, 0.95, 0.85, 0.83, 0.81, 0.82]
    errors = np.linspace(0.8, 0.5, 9)
    found = recommend(survey_of(ranks, stability=stability, **held_out(errors, 0.001)))
    assert (found.rank, found.runner_up) == (10, 6)
    assert found.runner_up_reason == "stability has a peak there: 0.95"
    assert any(
        w.startswith("stability prefers rank 6 (0.95), not 10: stability has a peak") for w in found.warnings
    )


def test_criteria_that_nearly_agree_cause_no_warning():
    ranks, predicted = [2, 6, 8, 9, 10], held_out([1, 0.5, 0.5, 0.5, 0.9], 0.1)
    near = survey_of(ranks, stability=[1, 1, 0.95, 0.7, 0.7], cophenetic=[1, 1, 1, 0.8, 0.7], **predicted)
    assert recommend(near).rank == 6
    assert recommend(near).warnings == ()
    far = survey_of(ranks, stability=[1, 1, 0.95, 0.7, 0.7], cophenetic=[1, 1, 1, 0.97, 0.8], **predicted)
    (warning,) = recommend(far).warnings
    assert warning.startswith(
        "cophenetic correlation prefers rank 9 (0.97), not 6: it is the largest rank with"
    )


def test_ends_of_the_survey_are_warned_of():
    falls = recommend(survey_of([2, 4, 6], **held_out([0.8, 0.7, 0.6], 0.01)))
    assert falls.warnings == (
        "held-out error still falls at the largest rank surveyed, 6: survey higher ranks",
    )
    flat = recommend(survey_of([2, 4, 6], **held_out([0.8, 0.605, 0.6], 0.01)))
    assert flat.rank == 4
    assert "lowest at the largest rank surveyed, 6, though within one standard error" in flat.warnings[0]
    rises = recommend(survey_of([4, 6, 8], **held_out([0.6, 0.7, 0.8], 0.01)))
    assert rises.warnings == ("rank 4 is the smallest surveyed: survey lower ranks",)
    stable = recommend(survey_of([2, 4], stability=[1, 0.97]))
    assert stable.warnings == ("rank 4 is the largest surveyed: survey higher ranks",)


def test_networks_without_modules_are_warned_of():
    one = recommend(survey_of([1, 2, 3], **held_out([0.5, 0.52, 0.55], 0.01)))
    assert one.rank == 1
    assert len(one.warnings) == 1
    assert one.warnings[0].startswith("one factor predicts as well as more")
    none = recommend(survey_of([1, 2, 3], **held_out([1.1, 1.2, 1.3], 0.01)))
    assert "better than zeros would" in none.warnings[0]


def test_few_restarts_wide_intervals_and_fits_that_did_not_converge_are_warned_of():
    measured = held_out([0.6, 0.5, 0.6], 0.01)
    measured["stability"] = [0.95, 0.85, 0.6]
    measured["stability_low"] = [0.9, 0.7, 0.5]
    measured["stability_high"] = [1, 0.9, 0.7]
    survey = survey_of([2, 4, 6], restarts=3, **measured)
    survey["relative_error"].loc[{"rank": 6}] = 0.7
    found = recommend(survey)
    assert found.rank == 4
    assert found.warnings == (
        "the stability of rank 4, 0.85 [0.70, 0.90], may be below 0.8: fit more restarts",
        "3 restarts of each rank are too few to judge stability; fit at least 5",
        "rank 6 has a larger error than a lower rank: not converged; fit with more iterations or more restarts",
    )
    one = recommend(survey_of([2, 4, 6], restarts=1, **held_out([0.6, 0.5, 0.6], 0.01)))
    assert one.warnings == ("one restart of each rank: stability cannot be judged; fit at least 5",)


def test_a_survey_with_nothing_to_choose_by_gets_no_rank():
    found = recommend(survey_of([2, 4], restarts=1, stability=[np.nan, np.nan]))
    assert (found.rank, found.runner_up) == (None, None)
    assert "hold weights out, or fit at least 5 restarts" in found.reason
    only = recommend(survey_of([4], stability=[0.5]))
    assert only.rank == 4
    assert only.reason.startswith("the only rank surveyed")
    with pytest.raises(InputError, match="the survey has no ranks"):
        recommend(xr.Dataset())


def test_the_table_has_a_row_for_each_rank_in_order_and_marks_two():
    survey = survey_of([6, 2, 4], stability=[0.7, 1, np.nan], **held_out([0.5, 0.7, 0.6], 0.01))
    survey["relative_error"].loc[{"rank": 4}] = np.nan
    survey.attrs.update(recommended_rank=6, runner_up_rank=2)
    table = survey_table(survey)
    assert table["rank"].tolist() == [2, 4, 6]
    assert table["mark"].tolist() == ["runner-up", "", "recommended"]
    assert table["held_out"].tolist() == [0.7, 0.6, 0.5]
    errors = survey["relative_error"].sel(rank=[2, 6])
    assert table["error_best"].dropna().tolist() == errors.min("restart").values.tolist()
    assert table["error_median"].dropna().tolist() == errors.median("restart").values.tolist()
    assert table[["cophenetic", "dispersion", "silhouette"]].isna().all(axis=None)
    assert survey_table(survey, recommended=4)["mark"].tolist() == ["runner-up", "recommended", ""]
