"""The loop: shared reads, stopping, dropping out, and refusing to go on after a NaN."""

from __future__ import annotations

import numpy as np
import pytest

import dasknmf
from dasknmf.driver import balance
from dasknmf.errors import DasknmfError
from dasknmf.events import IterationEnded, ModelEnded, RunEnded, RunStarted
from tests.conftest import planted

A = planted(150, 5, seed=0)


def test_models_share_every_read_and_equal_those_fitted_alone() -> None:
    models = [
        {"n_components": 3, "init": "random", "seed": 1},
        {"n_components": 6, "init": "random"},
        {"n_components": 4, "solver": "mu", "init": "random"},
    ]
    options = {"max_iter": 15, "tol": 0, "tol_objective": 0, "bound": False}
    together = dasknmf.nmf_many(A, models, **options)
    for model in models:
        alone = dasknmf.nmf(A, **model, **options)
        name = f"{model.get('solver', 'hals')}-k{model['n_components']}-seed{model.get('seed', 0)}"
        child = together[name].to_dataset()
        np.testing.assert_allclose(child["W"], alone["W"], rtol=1e-4, atol=1e-5)
        # two a iteration, and one for the exact objective, whatever the number of models
        assert child.attrs["reads"] == alone.attrs["reads"] == 2 * 15 + 1


def test_models_that_are_done_drop_out() -> None:
    events = []
    fits = dasknmf.nmf_many(
        A,
        [{"n_components": 1}, {"n_components": 5}],
        max_iter=300,
        tol=1e-4,
        tol_objective=0,
        progress=events.append,
    )
    ends = [event for event in events if isinstance(event, ModelEnded)]
    assert ends[0].name == "hals-k1-seed0"
    assert ends[0].iteration < ends[1].iteration
    iterations = [event for event in events if isinstance(event, IterationEnded)]
    assert iterations[-1].live == 0
    assert isinstance(events[0], RunStarted)
    assert isinstance(events[-1], RunEnded)
    for child in fits.children.values():
        assert child.attrs["converged"] == 1
        assert child.attrs["stop_reason"] == "projected gradient below tol"
        assert child.sizes["iteration"] == child.attrs["n_iter"]


@pytest.mark.parametrize(
    ("options", "reason", "converged"),
    [
        ({"max_iter": 3}, "max_iter reached", 0),
        ({"max_seconds": 1e-9, "max_iter": 50}, "max_seconds reached", 0),
        ({"tol": 0.9, "max_iter": 50}, "projected gradient below tol", 1),
        ({"tol": 0, "tol_objective": 0.5, "max_iter": 50}, "objective settled below tol_objective", 1),
    ],
)
def test_every_stop_has_its_reason(options: dict[str, float], reason: str, converged: int) -> None:
    fit = dasknmf.nmf(A, 4, **options)
    assert fit.attrs["stop_reason"] == reason
    assert fit.attrs["converged"] == converged


def test_the_reported_error_is_exact_and_not_below_the_bound() -> None:
    fit = dasknmf.nmf(A, 5, max_iter=500)
    residual = A - fit["W"].values.astype(float) @ fit["H"].values.astype(float)
    assert fit.attrs["relative_error"] == pytest.approx(
        np.linalg.norm(residual) / np.linalg.norm(A), rel=1e-9
    )
    values = np.sort(np.abs(np.linalg.eigvalsh(A)))[::-1]
    bound = np.sqrt(1 - (values[:5] ** 2).sum() / (values**2).sum())
    assert fit.attrs["eckart_young"] == pytest.approx(bound, rel=1e-3)
    assert fit.attrs["relative_error"] >= bound
    assert fit["relative_error"].values[-1] == pytest.approx(fit.attrs["relative_error"], rel=1e-4)


def test_an_overflow_stops_at_once() -> None:
    with pytest.raises(DasknmfError, match=r"objective is (nan|inf) after iteration 1; .* rescale"):
        dasknmf.nmf(A * 1e30, 2, init="random", bound=False)


def test_balancing_keeps_the_product_and_orders_by_contribution() -> None:
    rng = np.random.default_rng(0)
    rows = {"W": rng.random((30, 4)), "H": rng.random((30, 4)) * [1, 100, 0, 10]}
    balanced, scale, gauge = balance(rows)
    np.testing.assert_allclose(balanced["W"] @ balanced["H"].T, rows["W"] @ rows["H"].T)
    np.testing.assert_allclose(
        np.linalg.norm(balanced["W"], axis=0), np.linalg.norm(balanced["H"], axis=0), atol=1e-12
    )
    assert (np.diff(scale) <= 0).all()
    assert scale[-1] == 0
    assert gauge[-1] == np.inf
    assert gauge[0] == pytest.approx(np.linalg.norm(rows["W"][:, 1]) / np.linalg.norm(rows["H"][:, 1]))


def test_the_zero_matrix_and_a_single_gene_are_no_special_cases() -> None:
    zero = dasknmf.nmf(np.zeros((6, 6)), 2)
    assert zero.attrs["relative_error"] == 0
    one = dasknmf.nmf(np.array([[4.0]]), 1)
    assert float((one["W"] @ one["H"]).values.item()) == pytest.approx(4.0)
