"""Why w_j is not h_j."""

from __future__ import annotations

import numpy as np
import pytest

from dasknmf.errors import InputError
from dasknmf.laboratory.cause import TOLERANCE, causes
from dasknmf.options import RunOptions


def test_only_what_is_neither_module_nor_pair_is_asked_for_its_gradient() -> None:
    found = causes(["module", "pair", "module", "pair"], [1.0, 1.0, np.nan, 0.0])
    assert found.cause.tolist() == ["symmetric", "structure", "symmetric", "structure"]


def test_a_gradient_that_is_not_there_counts_as_the_whole_fit_does() -> None:
    given = ["unresolved"] * 3
    gradient = [np.nan, TOLERANCE, 2 * TOLERANCE]
    assert causes(given, gradient).cause.tolist() == ["non-convergence", "non-uniqueness", "non-convergence"]
    said = causes(given, gradient, converged=True).cause.tolist()
    assert said == ["non-uniqueness", "non-uniqueness", "non-convergence"]


def test_a_factor_that_no_restart_has_again_supports_non_uniqueness_alone() -> None:
    found = causes(
        ["unresolved", "unresolved", "unresolved", "unresolved", "pair"],
        [0.0, 0.0, 0.0, 1.0, 0.0],
        recurrence=[0.3, 0.99, np.nan, 0.3, 0.3],
    )
    assert found.cause.tolist() == [*["non-uniqueness"] * 3, "non-convergence", "structure"]
    assert found.supported.tolist() == [True, False, False, False, False]


def test_the_tolerance_is_where_fits_stop() -> None:
    assert RunOptions().tol == TOLERANCE


def test_what_is_not_a_class_is_refused() -> None:
    with pytest.raises(InputError, match="class 'moduli' is not known"):
        causes(["moduli"], [0.0])
    with pytest.raises(InputError, match="2 classes, 1 gradients"):
        causes(["module", "pair"], [0.0])
