"""Fits on the sketch: those on the matrix where the sketch is exact, the same bits on any number of threads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import dasknmf
from dasknmf.engine.executor import Threads
from dasknmf.engine.memory import BATCH
from dasknmf.engine.sketch import make_sketches
from dasknmf.engine.sweep import Sweep
from dasknmf.options import ModelOptions, RunOptions
from dasknmf.sketched import Batch, Facts, fit_batch, make_batches
from dasknmf.solvers.initial import column_choice, random_acol_start
from tests.conftest import planted

if TYPE_CHECKING:
    from dasknmf.model import Model


def sketch_of(A: np.ndarray, k: int, *, diagonal: bool = True) -> tuple[np.ndarray, Facts]:
    with Threads(1) as executor:
        operator = Sweep.of_array(A, executor)
        (sketch,) = make_sketches(operator, executor, k, diagonal=diagonal)
        vectors = np.concatenate(executor.get(sketch.vectors))
    total = operator.total - (0 if diagonal else np.trace(A))
    return vectors, Facts(operator.n, sketch.values, sketch.sum_of_squares, total, diagonal)


def fits_of(
    models: list[ModelOptions],
    vectors: np.ndarray,
    facts: Facts,
    *,
    threads: int = 1,
    chain: bool = False,
    starts: Any = None,
    **run: Any,
) -> list[Model]:
    found: dict[int, Model] = {}
    for batch in make_batches(models, starts or [None] * len(models), RunOptions(**run), chain=chain):
        found |= dict(zip(batch.indices, fit_batch(batch, vectors, facts, threads), strict=True))
    return [found[i] for i in range(len(models))]


@pytest.mark.parametrize("solver", ["hals", "mu"])
@pytest.mark.parametrize("diagonal", ["keep", "ignore"])
def test_on_a_matrix_of_low_rank_a_fit_on_the_sketch_is_one_on_the_matrix(solver: str, diagonal: str) -> None:
    # without its diagonal it has full rank, of which 64 eigenpairs stand for the matrix
    n = 200 if diagonal == "keep" else 60
    rng = np.random.default_rng(0)
    V = rng.random((n, 6))
    A = V @ V.T
    W, H = rng.random((n, 4)) + 0.1, rng.random((4, n)) + 0.1
    options = {"W": W, "H": H, "solver": solver, "diagonal": diagonal, "max_iter": 10}
    options |= {"tol": 0, "tol_objective": 0, "bound": False}
    exact = dasknmf.nmf(A, 4, exact=True, **options)
    sketched = dasknmf.nmf(A, 4, polish=0, **options)
    for name in ("W", "H"):
        np.testing.assert_allclose(sketched[name], exact[name], rtol=2e-3, atol=2e-4)
    np.testing.assert_allclose(sketched["relative_error"], exact["relative_error"], rtol=1e-3, atol=1e-4)
    assert sketched.attrs["relative_error"] == pytest.approx(exact.attrs["relative_error"], rel=1e-4)


@pytest.mark.parametrize("chain", [False, True])
@pytest.mark.parametrize("diagonal", [True, False])
def test_bits_do_not_depend_on_threads(chain: bool, diagonal: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dasknmf.sketched.PANEL", 64)
    vectors, facts = sketch_of(planted(300, 5, seed=0), 7, diagonal=diagonal)
    models = [ModelOptions(k, init="random_acol", seed=s) for k in (2, 3, 7) for s in (0, 1)]
    models.append(ModelOptions(5, solver="mu"))
    one, *others = (
        fits_of(models, vectors, facts, threads=threads, chain=chain, max_iter=7) for threads in (1, 2, 4)
    )
    for other in others:
        for a, b in zip(one, other, strict=True):
            np.testing.assert_array_equal(a.rows["W"], b.rows["W"])
            np.testing.assert_array_equal(a.rows["H"], b.rows["H"])
            assert a.objective == b.objective


def test_a_model_is_the_same_whatever_it_is_fitted_beside() -> None:
    vectors, facts = sketch_of(planted(200, 5, seed=0), 8)
    models = [ModelOptions(k, init="random", seed=s) for k in (3, 8) for s in range(3)]
    together = fits_of(models, vectors, facts, max_iter=10)
    for model, beside in zip(models, together, strict=True):
        (alone,) = fits_of([model], vectors, facts, max_iter=10)
        np.testing.assert_allclose(alone.rows["W"], beside.rows["W"], rtol=1e-3, atol=1e-4)


def test_warm_starts_go_up_the_ranks_and_each_lowers_the_error() -> None:
    A = planted(250, 8, seed=0, noise=0.3)
    vectors, facts = sketch_of(A, 9)
    ranks = (5, 2, 9, 3)
    models = [ModelOptions(k, init="random_acol", seed=s) for k in ranks for s in (0, 1)]
    fits = fits_of(models, vectors, facts, chain=True, max_iter=100)
    assert [fit.columns for fit in fits] == [model.n_components for model in models]
    assert [fit.name for fit in fits] == [model.name for model in models]
    for seed in (0, 1):
        of_seed = sorted(
            (m.n_components, f.squared_error[-1]) for m, f in zip(models, fits, strict=True) if m.seed == seed
        )
        assert (np.diff([error for _, error in of_seed]) <= 0).all()


def test_each_rank_of_a_chain_brings_columns_that_the_rank_below_did_not() -> None:
    # two modules a rank: a chain that drew the same columns at every rank would find but a few of them
    A = np.kron(np.eye(8), np.ones((20, 20)))
    vectors, facts = sketch_of(A, 8)
    fits = fits_of([ModelOptions(k) for k in range(1, 9)], vectors, facts, chain=True, max_iter=200, tol=0)
    np.testing.assert_allclose(
        [fit.squared_error[-1] for fit in fits], 400 * np.arange(7, -1, -1), atol=0.1 * 400
    )


@given(
    models=st.lists(
        st.builds(
            ModelOptions,
            st.integers(1, 80),
            solver=st.sampled_from(["hals", "mu"]),
            seed=st.integers(0, 3),
            init=st.sampled_from(["random", "random_acol"]),
            l1_W=st.sampled_from([0.0, 0.5]),
        ),
        min_size=1,
        max_size=40,
    ),
    chain=st.booleans(),
)
def test_batches_hold_each_model_once_and_only_what_belongs_together(
    models: list[ModelOptions], chain: bool
) -> None:
    starts: list[Any] = [(i, i) for i in range(len(models))]
    batches = make_batches(models, starts, RunOptions(), chain=chain)
    assert sorted(i for batch in batches for i in batch.indices) == list(range(len(models)))
    for batch in batches:
        assert batch.models == tuple(models[i] for i in batch.indices)
        assert batch.starts == tuple(starts[i] for i in batch.indices)
        ranks = [model.n_components for model in batch.models]
        if chain:
            assert ranks == sorted(ranks)
            assert len({(m.solver, m.init, m.seed, m.l1_W) for m in batch.models}) == 1
        else:
            assert len({(m.solver, m.n_components) for m in batch.models}) == 1
            assert len(ranks) == 1 or sum(ranks) <= BATCH


@pytest.mark.parametrize("chain", [False, True])
def test_a_batch_whose_time_is_over_when_its_turn_comes_does_one_iteration(chain: bool) -> None:
    vectors, facts = sketch_of(planted(100, 4, seed=0), 4)
    models = tuple(ModelOptions(k, init="random") for k in (2, 3, 4))
    late = Batch((0, 1, 2), models, (None,) * 3, RunOptions(max_seconds=3600, tol=0), chain, began=0.0)
    fits = fit_batch(late, vectors, facts, 1)
    assert [len(fit.objective) for fit in fits] == [1, 1, 1]
    assert {fit.stop_reason for fit in fits} == {"max_seconds reached"}


@given(n=st.integers(1, 60), k=st.integers(1, 6), fill=st.sampled_from([0.0, 1.0]), seed=st.integers(0, 99))
def test_random_columns_are_means_of_five_columns_and_sum_to_what_the_matrix_does(
    n: int, k: int, fill: float, seed: int
) -> None:
    A = planted(n, 2, seed=seed) * (np.random.default_rng(seed).random((n, n)) < 0.5)
    A = np.maximum(A, A.T)
    F = np.dtype(np.float64)
    X = column_choice(n, k, seed=seed, dtype=F)
    chosen = min(5, n)
    assert ((X > 0).sum(axis=0) == chosen).all()
    np.testing.assert_allclose(X.sum(axis=0), 1)
    W, Ht = random_acol_start(A @ X, seed=seed, total=A.sum(), fill=fill, dtype=F)
    for start, picked in ((W, X[:, :k]), (Ht, X[:, k:])):
        for j in range(k):
            mean = A[:, picked[:, j] > 0].mean(axis=1)
            if not mean.any():
                assert (start[:, j] > 0).all()
                continue
            np.testing.assert_allclose(
                start[mean > 0, j] * mean.sum(), mean[mean > 0] * start[mean > 0, j].sum()
            )
            assert (start[mean == 0, j] > 0).all() == (fill > 0 or (mean > 0).all())
    if fill == 0 and A.any():
        assert (W @ Ht.T).sum() == pytest.approx(A.sum())


def test_a_start_from_random_columns_is_that_of_the_matrix_on_both_paths() -> None:
    A = planted(60, 4, seed=0)
    vectors, facts = sketch_of(A, 4)
    F = np.dtype(np.float32)
    expected = random_acol_start(
        A @ column_choice(60, 4, seed=5, dtype=F), seed=5, total=A.sum(), fill=0.0, dtype=F
    )
    from dasknmf.sketched import _start

    rows = _start(ModelOptions(4, init="random_acol", seed=5), None, facts.values, vectors, facts)
    for name, start in zip(("W", "H"), expected, strict=True):
        np.testing.assert_allclose(rows[name], start, rtol=1e-3, atol=1e-3)
    options = {"init": "random_acol", "seed": 5, "max_iter": 20, "tol": 0, "tol_objective": 0}
    exact, default = (dasknmf.nmf(A, 4, exact=exact, **options) for exact in (True, False))
    assert default.attrs["relative_error"] == pytest.approx(exact.attrs["relative_error"], rel=1e-3)
    other = dasknmf.nmf(A, 4, **{**options, "seed": 6})
    assert not np.allclose(other["W"], default["W"])
