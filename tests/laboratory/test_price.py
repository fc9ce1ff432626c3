"""What symmetry costs: nothing on modules, half of a lone edge, and as much as the spectrum says on pairs."""

from __future__ import annotations

import numpy as np
import pytest

import dasknmf
from dasknmf.errors import InputError
from dasknmf.execution import Execution
from dasknmf.laboratory.limits import Bounds, bounds
from dasknmf.laboratory.price import price_of_symmetry
from tests.laboratory.networks import of_involution, spectrum

SERIAL = Execution(scheduler="serial")


def bounds_of(A: np.ndarray, k: int) -> Bounds:
    return bounds(spectrum(A)[0], float((A**2).sum()), k)


@pytest.mark.parametrize("pairs", [0, 2])
def test_predicted_and_measured_prices_agree_on_planted_involutions(pairs: int) -> None:
    A, _ = of_involution(80, 6, pairs, seed=1)
    fit = dasknmf.nmf(A, 6, max_iter=300, scheduler="serial")
    found = price_of_symmetry(A, fit, bounds=bounds_of(A, 6), execution=SERIAL)
    assert found.models == ("symline", "trifactor")
    assert (found.errors >= found.bounds - 1e-6).all()
    # WSWᵀ has the pairs in S, WWᵀ cannot have their negative half
    assert found.gives_up[1] == pytest.approx(found.predicted[1], abs=0.01)
    assert found.predicted[1] == 0
    if pairs:
        negative = float((spectrum(A)[0][:6].clip(max=0) ** 2).sum() / (A**2).sum())
        assert found.predicted[0] == pytest.approx(negative)
        assert found.gives_up[0] >= found.predicted[0] - 1e-3
    else:
        assert found.gives_up[0] == pytest.approx(0, abs=0.01)
    assert found.attributes["price_wwt_predicted"] == found.predicted[0]
    assert not found.note


def test_errors_are_those_of_the_same_options_by_hand() -> None:
    A, _ = of_involution(60, 4, 1, seed=2, noise=0.05)
    chosen = {"max_iter": 17, "tol": 0.0, "tol_objective": 0.0, "exact": True, "scheduler": "serial"}
    fit = dasknmf.nmf(A, 4, seed=3, init="random_acol", **chosen)
    found = price_of_symmetry(A, fit, execution=SERIAL)
    for place, solver in enumerate(found.models):
        ends = []
        for start in ({"seed": 3, "init": "random_acol"}, {"W": fit.W.values, "H": fit.H.values}):
            own = dasknmf.nmf(A, 4, solver=solver, **start, **chosen)
            B = own.W.values.astype(float) @ own.H.values.astype(float)
            ends.append(np.linalg.norm(A - B) / np.linalg.norm(A))
        assert found.errors[place] == pytest.approx(min(ends), rel=1e-6)
        assert found.gives_up[place] == pytest.approx(
            found.errors[place] ** 2 - fit.attrs["relative_error"] ** 2
        )
    assert np.isnan(found.bounds).all()


def test_a_diagonal_that_does_not_count_has_no_bounds() -> None:
    A, _ = of_involution(40, 4, 1, seed=0)
    fit = dasknmf.nmf(A, 4, max_iter=20, diagonal="ignore", scheduler="serial")
    found = price_of_symmetry(A, fit, bounds=bounds_of(A, 4), execution=SERIAL)
    assert np.isnan(found.bounds).all()
    assert np.isfinite(found.gives_up).all()
    assert "diagonal does not count" in found.note


def test_a_divergence_gives_up_nothing_of_a_squared_error() -> None:
    A, _ = of_involution(40, 4, 1, seed=0, noise=0.1)
    fit = dasknmf.nmf(A, 4, solver="brunet", max_iter=20, scheduler="serial")
    found = price_of_symmetry(A, fit, bounds=bounds_of(A, 4), execution=SERIAL)
    assert np.isnan(found.gives_up).all()
    assert np.isfinite(found.predicted).all()
    assert "not what brunet minimises" in found.attributes["price_note"]


def test_weights_and_bounds_of_another_rank_are_refused() -> None:
    A, _ = of_involution(40, 4, 1, seed=0)
    missing = np.zeros_like(A)
    missing[0, 1] = missing[1, 0] = 1
    fit = dasknmf.nmf(A, 2, missing=missing, max_iter=2, scheduler="serial")
    with pytest.raises(InputError, match="the fit has weights"):
        price_of_symmetry(A, fit)
    whole = dasknmf.nmf(A, 2, max_iter=2, scheduler="serial")
    with pytest.raises(InputError, match="bounds of rank 3 beside a fit of rank 2"):
        price_of_symmetry(A, whole, bounds=bounds_of(A, 3))
