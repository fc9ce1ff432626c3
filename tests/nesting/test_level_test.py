"""The test of a level: exact under the null, corrected for its nodes, and in the order of its reasons."""

from __future__ import annotations

import numpy as np
from scipy.stats import binomtest

from dasknmf.nesting.level_test import NOT_BETTER, NOT_REPRODUCIBLE, corrected_p, rank_p, verdict
from dasknmf.nesting.zoom_options import ZoomOptions

OPTIONS = ZoomOptions((2,))


def test_the_rank_is_that_among_all() -> None:
    explained = np.array([[0.5, 0.1, 0.6, 0.5], [0.9, 0.1, 0.6, 0.5]])
    assert rank_p(explained).tolist() == [0.75, 0.25]


def test_families_of_nulls_err_no_more_often_than_they_may() -> None:
    rng = np.random.default_rng(0)
    # rows of different sizes and spreads, as nodes are
    wrong = sum(
        bool((corrected_p(rng.gamma(2, size=(30, 20)) * scale + shift) <= 0.05).any())
        for scale, shift in zip(rng.uniform(0.1, 9, (400, 30, 1)), rng.normal(size=(400, 30, 1)), strict=True)
    )
    assert binomtest(wrong, 400, 0.05, alternative="greater").pvalue > 1e-3


def test_what_stands_out_is_found_among_many_with_nineteen_nulls() -> None:
    explained = np.random.default_rng(1).normal(size=(200, 20))
    explained[:150, 0] += 30
    found = corrected_p(explained)
    assert (found[:150] <= 0.05).all()
    assert (found[150:] > 0.05).all()


def test_one_row_is_corrected_for_nothing() -> None:
    explained = np.random.default_rng(2).normal(size=(1, 20))
    np.testing.assert_array_equal(corrected_p(explained), rank_p(explained))


def test_nulls_that_are_all_alike_say_nothing() -> None:
    assert corrected_p(np.ones((1, 20))).tolist() == [1.0]


def test_the_first_rank_that_passes_both_is_taken_and_reasons_come_in_order() -> None:
    assert verdict([0.05, 0.05], [0.95, 0.99], OPTIONS) == (0, "")
    assert verdict([0.9, 0.05], [0.95, 0.99], OPTIONS) == (1, "")
    assert verdict([0.9, 0.05], [0.95, 0.5], OPTIONS) == (1, NOT_REPRODUCIBLE)
    assert verdict([0.9, 0.9], [0.5, 0.5], OPTIONS) == (0, NOT_BETTER)
