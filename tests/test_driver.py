"""The loop: shared reads, stopping, dropping out, and refusing to go on after a NaN."""

from __future__ import annotations

import numpy as np
import pytest

import dasknmf
from dasknmf.errors import DasknmfError
from dasknmf.events import IterationEnded, ModelEnded, RunEnded, RunStarted
from dasknmf.model import balance
from dasknmf.options import ModelOptions
from tests.conftest import planted

A = planted(150, 5, seed=0)


def test_models_share_every_read_and_equal_those_fitted_alone() -> None:
    models = [
        {"n_components": 3, "init": "random", "seed": 1},
        {"n_components": 6, "init": "random"},
        {"n_components": 4, "solver": "mu", "init": "random"},
    ]
    options = {"max_iter": 15, "tol": 0, "tol_objective": 0, "bound": False, "exact": True}
    together = dasknmf.nmf_many(A, models, **options)
    for model in models:
        alone = dasknmf.nmf(A, **model, **options)
        name = ModelOptions(**model).name
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
        exact=True,
        progress=events.append,
    )
    ends = [event for event in events if isinstance(event, ModelEnded)]
    assert ends[0].name == "hals-k1"
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
    fit = dasknmf.nmf(A, 4, exact=True, **options)
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


def test_a_given_start_is_not_written_to_and_may_be_read_only() -> None:
    rng = np.random.default_rng(0)
    W, H = rng.random((150, 1), dtype=np.float32), rng.random((1, 150), dtype=np.float32)
    kept = W.copy(), H.copy()
    W.flags.writeable = H.flags.writeable = False
    dasknmf.nmf(A, 1, W=W, H=H, max_iter=3)
    np.testing.assert_array_equal(W, kept[0])
    np.testing.assert_array_equal(H, kept[1])


def test_nothing_off_an_ignored_diagonal_is_fitted_without_error() -> None:
    for seed in range(4):
        D = np.diag(np.random.default_rng(seed).random(50))
        fit = dasknmf.nmf(D, 3, init="random", seed=seed, diagonal="ignore", max_iter=50)
        assert fit.attrs["relative_error"] == 0
        assert np.isfinite(fit["relative_error"]).all()


def test_a_factor_that_a_penalty_ends_costs_nothing_any_more() -> None:
    fit = dasknmf.nmf(A, 2, l1_W=1e6, l1_H=1.0, init="random")
    assert float(fit["objective"][-1]) == pytest.approx((A**2).sum() / 2, rel=1e-6)


def test_mu_keeps_a_row_of_zeros() -> None:
    W, H = np.random.default_rng(0).random((2, 150, 3))
    W[7] = 0
    fit = dasknmf.nmf(A, 3, solver="mu", W=W, H=H.T, max_iter=20)
    assert (fit["W"][7] == 0).all()
    assert np.isfinite(fit.attrs["relative_error"])


def test_names_say_what_is_not_the_default() -> None:
    assert ModelOptions(8).name == "hals-k8"
    assert ModelOptions(np.int64(8), solver="mu", init="random", seed=np.int64(3)).name == "mu-k8-seed3"
    assert ModelOptions(8, init="nndsvda", l1_W=np.float32(0.5)).name == "hals-k8-nndsvda-l1_W=0.5"
    fits = dasknmf.nmf_many(
        A,
        [{"n_components": 3, "init": init} for init in ("random", "nndsvd")]
        + [{"n_components": 3, "l1_W": 1.0}],
    )
    assert set(fits.children) == {"hals-k3-seed0", "hals-k3", "hals-k3-l1_W=1"}
