"""What a network says of a fit: gradients as a dense matrix has them, weights as they are, the same on any executor."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import scipy.sparse as sp

import dasknmf
from dasknmf.errors import InputError, MemoryLimitError
from dasknmf.events import SketchSwept
from dasknmf.execution import Execution
from dasknmf.laboratory import facts
from dasknmf.laboratory.facts import NetworkFacts, network_facts
from dasknmf.laboratory.stationarity import gradient_sides, projected_gradients
from dasknmf.solvers import DIRECT, SOLVERS
from tests.conftest import planted

if TYPE_CHECKING:
    from pathlib import Path

    from distributed import Client

SERIAL = Execution(scheduler="serial")
A = planted(120, 4, seed=0) + np.diag(np.arange(120) / 40)


def dense_gradients(A: np.ndarray, W: np.ndarray, H: np.ndarray, *, diagonal: bool) -> np.ndarray:
    """Lin 2007, equation 13, column by column, of ½‖M∘(WH − A)‖²; relative to (M∘A)·X."""
    M = np.ones_like(A) if diagonal else 1 - np.eye(len(A))
    R = M * (W @ H - A)
    found = []
    for F, X, E in ((W, H.T, R), (H.T, W, R.T)):
        gradient = E @ X
        gradient[(F == 0) & (gradient > 0)] = 0
        found.append(np.linalg.norm(gradient, axis=0) / np.linalg.norm((M * A) @ X, axis=0))
    return np.stack(found, axis=1)


@pytest.mark.parametrize("diagonal", ["keep", "ignore"])
@pytest.mark.parametrize("sparse", [False, True])
def test_gradients_and_weights_are_those_of_the_dense_matrix(
    diagonal: str, sparse: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = np.where(A > 0.3, A, 0) if sparse else A
    fit = dasknmf.nmf(
        sp.csr_array(network) if sparse else network, 4, max_iter=5, diagonal=diagonal, scheduler="serial"
    )
    # so few columns at once that chosen genes need further reads
    monkeypatch.setattr(facts, "COLUMNS", 10)
    genes = [7, 3, 99, 3, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59]
    found = network_facts(sp.csr_array(network) if sparse else network, fit, genes=genes, execution=SERIAL)
    expected = dense_gradients(
        network, fit.W.values.astype(float), fit.H.values.astype(float), diagonal=diagonal == "keep"
    )
    np.testing.assert_allclose(found.stationarity.sides, expected, rtol=1e-6, atol=1e-9)
    assert found.chosen.tolist() == sorted(set(genes))
    np.testing.assert_array_equal(found.between, network[np.ix_(found.chosen, found.chosen)])
    seen = network if diagonal == "keep" else network - np.diag(np.diag(network))
    values = np.linalg.eigvalsh(seen)
    values = values[np.argsort(-np.abs(values))]
    np.testing.assert_allclose(found.values[:4], values[:4], rtol=1e-4)
    assert found.sum_of_squares == pytest.approx((seen**2).sum())
    k, m = 4, len(set(genes))
    assert found.reads == found_sketch_reads(network, fit) + 1 + -(-(m - (10 - 2 * k)) // 10)


def found_sketch_reads(network: np.ndarray, fit: object) -> int:
    events: list[object] = []
    network_facts(network, fit, execution=Execution(scheduler="serial", progress=events.append))
    return sum(isinstance(event, SketchSwept) for event in events)


def test_the_gradient_of_both_sides_is_that_of_the_balanced_factors_together() -> None:
    fit = dasknmf.nmf(A, 4, max_iter=5, scheduler="serial")
    found = network_facts(A, fit, execution=SERIAL).stationarity
    W, Ht = fit.W.values.astype(float), fit.H.values.T.astype(float)
    squares = np.zeros((2, 4))
    for side, (F, X) in enumerate(((W, Ht), (Ht, W))):
        product = ((A @ X) ** 2).sum(axis=0)
        squares += np.stack([found.sides[:, side] ** 2 * product, product])
        assert F.shape == (120, 4)
    np.testing.assert_allclose(found.factors, np.sqrt(squares[0] / squares[1]), rtol=1e-8)


def test_penalties_are_in_the_gradient_as_they_were_in_the_fit() -> None:
    """At a minimum with penalties the gradient without them is far from zero, the right one is not."""
    penalties = {"l1_W": 0.5, "l2_W": 1.0, "l1_H": 0.2, "l2_H": 2.0}
    fit = dasknmf.nmf(
        A, 3, exact=True, max_iter=2000, tol=1e-6, tol_objective=0, scheduler="serial", **penalties
    )
    found = network_facts(A, fit, execution=SERIAL).stationarity.sides
    bare = fit.copy()
    bare.attrs = {**fit.attrs, **dict.fromkeys(penalties, 0.0)}
    without = network_facts(A, bare, execution=SERIAL).stationarity.sides
    assert found.max() < 1e-4
    assert without.max() > 30 * found.max()


def test_it_falls_as_a_fit_goes_on_and_is_what_stopped_it() -> None:
    early, late = (
        network_facts(
            A,
            dasknmf.nmf(A, 4, exact=True, max_iter=n, tol=1e-5, tol_objective=0, scheduler="serial"),
            execution=SERIAL,
        )
        for n in (3, 3000)
    )
    assert late.stationarity.factors.max() < 1e-4 < early.stationarity.factors.max()


def test_every_solver_has_a_gradient_or_a_reason() -> None:
    sides = {solver: gradient_sides({"solver": solver}) for solver in (*SOLVERS, *DIRECT)}
    both = {"hals", "mu", "bpp", "lee"}
    assert {solver for solver, (which, _) in sides.items() if which == "WH"} == both
    alone = {"symline", "symmu", "symhals", "anls-sym", "trifactor"}
    assert {solver for solver, (which, _) in sides.items() if which == "W"} == alone
    assert all(note.startswith("none: ") for which, note in sides.values() if not which)
    assert gradient_sides({"solver": "hals", "weights": "ω"})[0] == ""


@pytest.mark.parametrize("solver", ["symline", "trifactor", "symhals"])
def test_a_symmetric_fit_that_has_converged_is_stationary_by_w(solver: str) -> None:
    fit = dasknmf.nmf(
        A, 3, solver=solver, exact=True, max_iter=3000, tol=1e-5, tol_objective=0, scheduler="serial"
    )
    found = network_facts(A, fit, execution=SERIAL).stationarity
    assert found.factors.max() < 2e-3
    assert np.isnan(found.sides[:, 1]).all()
    assert "W alone" in found.note


def test_kl_fits_have_none_and_say_why() -> None:
    fit = dasknmf.nmf(A, 3, solver="brunet", max_iter=5, scheduler="serial")
    found = network_facts(A, fit, execution=SERIAL).stationarity
    assert np.isnan(found.factors).all()
    assert np.isnan(found.sides).all()
    assert "brunet minimises" in found.note


def test_a_dead_factor_has_nothing_to_move() -> None:
    W = np.array([[1.0, 0.0], [1.0, 0.0]])
    B = np.ones((2, 2))
    found = projected_gradients((W, W), (B @ W, B @ W), {"solver": "hals"})
    assert found.sides.tolist() == [[0.0, 0.0], [0.0, 0.0]]


def same(one: NetworkFacts, two: NetworkFacts) -> bool:
    return (
        all(
            np.array_equal(getattr(one, name), getattr(two, name))
            for name in ("values", "errors", "vectors", "between")
        )
        and np.array_equal(one.stationarity.sides, two.stationarity.sides)
        and one.reads == two.reads
    )


@pytest.mark.cluster
def test_facts_are_the_same_bits_on_threads_and_on_a_cluster(tmp_path: Path, client: Client) -> None:
    store = tmp_path / "net.zarr"
    dasknmf.import_network(A.astype(np.float32), store, tile=32)
    fit = dasknmf.nmf(store, 4, max_iter=5, scheduler="serial")
    serial, threads, cluster = (
        network_facts(
            store,
            fit,
            genes=range(20),
            execution=Execution(scheduler=where, workers=workers, keep_sketch=False),
        )
        for where, workers in (("serial", None), ("threads", 3), (client, None))
    )
    assert same(serial, threads)
    assert same(serial, cluster)
    assert serial.reads > 2


def test_a_sketch_that_is_kept_leaves_one_read(tmp_path: Path) -> None:
    store = tmp_path / "net.zarr"
    dasknmf.import_network(A.astype(np.float32), store, tile=64)
    fit = dasknmf.nmf(store, 4, max_iter=5, scheduler="serial")
    found = network_facts(store, fit, genes=range(9), execution=SERIAL)
    assert found.reads == 1
    assert found.between.tolist() == A[:9, :9].astype(np.float32).tolist()


def test_what_is_not_this_network_is_refused() -> None:
    fit = dasknmf.nmf(A, 2, max_iter=2, scheduler="serial")
    with pytest.raises(InputError, match="the fit has 120 genes and a matrix in memory 50"):
        network_facts(A[:50, :50], fit)
    with pytest.raises(InputError, match="gene 1 is 'x' in the fit and '0'"):
        network_facts(A, fit.assign_coords(gene=["x", *fit.gene.values[1:]]))
    with pytest.raises(InputError, match="place 120 is not one of 120 genes"):
        network_facts(A, fit, genes=[3, 120])
    with pytest.raises(InputError, match="place -1"):
        network_facts(A, fit, genes=[-1])
    with pytest.raises(MemoryLimitError, match="the limit is 1 MiB"):
        network_facts(A, fit, execution=Execution(scheduler="serial", memory_limit="1 MiB"))
