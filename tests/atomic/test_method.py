"""cogaps through the door of nmf: the same chain, balanced like every fit, beside other solvers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

import dasknmf
from dasknmf.errors import InputError
from tests.conftest import planted

if TYPE_CHECKING:
    from pathlib import Path

A = 10 * planted(40, 3, seed=1)


@pytest.mark.parametrize("options", [{}, {"sets": 2}, {"alpha": 0.05}])
def test_factors_are_those_of_the_sampler_balanced(options: dict[str, float]) -> None:
    fit = dasknmf.nmf(A, 3, solver="cogaps", iterations=30, seed=4, **options)
    alone = dasknmf.cogaps(A, 3, iterations=30, seed=4, **options)
    model = alone["W"].values.astype(np.float64) @ alone["H"].values
    np.testing.assert_allclose(fit["W"].values @ fit["H"].values, model, rtol=1e-4, atol=1e-4 * model.max())
    np.testing.assert_allclose(np.linalg.norm(fit["W"], axis=0), np.linalg.norm(fit["H"], axis=1), rtol=1e-4)
    # a deviation is the same share of its mean as before, and the error is that of the means on A
    share = (fit["W_sd"] / fit["W"].where(fit["W"] > 0)).max("gene").values
    before = (alone["W_sd"] / alone["W"].where(alone["W"] > 0)).max("gene").values
    np.testing.assert_allclose(np.sort(share), np.sort(before), rtol=1e-3)
    error = np.linalg.norm(A - model) / np.linalg.norm(A)
    assert fit.attrs["relative_error"] == pytest.approx(error, rel=1e-4)
    assert fit["chi_squared"].values.tolist() == alone["chi_squared"].values.tolist()
    assert fit.attrs["iterations"] == 30


def test_it_stands_beside_other_solvers_and_is_saved(tmp_path: Path) -> None:
    fits = dasknmf.nmf_many(
        A, [{"n_components": 2, "solver": "cogaps", "iterations": 10}, {"n_components": 2}], max_iter=5
    )
    dasknmf.save(fits, tmp_path / "fits.zarr")
    loaded = dasknmf.load(tmp_path / "fits.zarr")
    assert set(loaded.children) == {"cogaps-k2-iterations=10", "hals-k2"}
    np.testing.assert_array_equal(
        loaded["cogaps-k2-iterations=10"]["H_sd"], fits["cogaps-k2-iterations=10"]["H_sd"]
    )


def test_a_diagonal_that_does_not_count_is_refused() -> None:
    with pytest.raises(InputError, match="solver 'cogaps' has a likelihood for every entry"):
        dasknmf.nmf(A, 2, solver="cogaps", diagonal="ignore")
