"""The sketch against ARPACK and dense eigenproblems, its residual and its bound against their definitions."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse.linalg import eigsh

import dasknmf
from dasknmf.engine.dask_executor import Distributed
from dasknmf.engine.executor import Threads
from dasknmf.engine.mask import draw_mask
from dasknmf.engine.sketch import MOST_SWEEPS, Sketch, make_sketches, sketch_width
from dasknmf.engine.sketch_operator import SketchOperator
from dasknmf.engine.sweep import Sweep
from tests.conftest import planted

if TYPE_CHECKING:
    from pathlib import Path

    from distributed import Client


def sketches_of(A: Any, k: int, *, tile: int = 64, workers: int = 1, **options: Any) -> list[Sketch]:
    with Threads(workers) as executor:
        operator = Sweep.of_array(A, executor, tile=tile)
        made = make_sketches(operator, executor, k, **options)
        assert all(sketch.sweeps == operator.reads <= MOST_SWEEPS for sketch in made)
    return made


def vectors_of(sketch: Sketch) -> np.ndarray:
    return np.concatenate(sketch.vectors).astype(np.float64)


def by_magnitude(values: np.ndarray) -> np.ndarray:
    return values[np.argsort(-np.abs(values), kind="stable")]


def true_bound(A: np.ndarray, k: int) -> float:
    squares = np.sort(np.linalg.eigvalsh(A) ** 2)[::-1]
    return float(np.sqrt(squares[k:].sum() / squares.sum())) if squares.any() else 0.0


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("seed", [0, 1])
def test_values_and_vectors_are_those_of_arpack(seed: int, sparse: bool) -> None:
    A = planted(400, 6, seed=seed)
    A[:50, 50:120] += 3  # a bipartite block brings a large negative eigenvalue
    A = (A + A.T) / 2
    (sketch,) = sketches_of(sp.csr_array(A) if sparse else A, 6, tile=128, seed=seed)
    values, vectors = eigsh(A, k=6, which="LM")
    order = np.argsort(-np.abs(values))
    np.testing.assert_allclose(sketch.values[:6], values[order], rtol=1e-5)
    assert (sketch.values[:6] < 0).any()
    assert (sketch.values[:6] > 0).any()
    assert (np.abs(sketch.values[:6] - values[order]) <= sketch.residuals[:6] + 1e-5 * values.max()).all()
    overlap = np.abs((vectors_of(sketch)[:, :6] * vectors[:, order]).sum(axis=0))
    np.testing.assert_allclose(overlap, 1, atol=1e-4)


def test_vectors_are_orthonormal_and_residuals_are_what_they_say() -> None:
    A = planted(500, 8, seed=0, noise=0.4)
    (sketch,) = sketches_of(A, 8)
    V = vectors_of(sketch)
    np.testing.assert_allclose(V.T @ V, np.eye(V.shape[1]), atol=2e-6)
    residuals = np.linalg.norm(A @ V - V * sketch.values, axis=0)
    np.testing.assert_allclose(sketch.residuals, residuals, atol=1e-5 * sketch.values[0])
    assert (np.diff(np.abs(sketch.values)) <= 0).all()
    assert (V[np.abs(V).argmax(axis=0), np.arange(V.shape[1])] > 0).all()


def test_the_residual_is_that_of_the_whole_basis() -> None:
    # as many genes as columns of the basis: what is kept are all Ritz pairs, so that Q T Qᵀ can be formed
    A = planted(120, 5, seed=0, noise=0.4)
    (sketch,) = sketches_of(A, 5)
    V = vectors_of(sketch)
    assert V.shape[1] == 120
    outside = np.linalg.norm(A - (V * sketch.values) @ V.T) / np.linalg.norm(A)
    assert sketch.residual == pytest.approx(outside, abs=1e-3)
    # of an unsettled one, from its parts: ‖A − QTQᵀ‖² = ‖A‖² − ‖T‖², and the leading pairs of T leave more
    A = np.random.default_rng(0).random((700, 700))
    A = (A + A.T) / 2
    (sketch,) = sketches_of(A, 5)
    V = vectors_of(sketch)
    kept = np.linalg.norm(A - (V * sketch.values) @ V.T) ** 2
    assert kept == pytest.approx((A**2).sum() - (sketch.values**2).sum(), rel=1e-5)
    assert 0 < sketch.residual**2 * (A**2).sum() < kept


def test_more_eigenpairs_than_genes_are_all_of_them() -> None:
    A = planted(5, 2, seed=0)
    (sketch,) = sketches_of(A, 9)
    np.testing.assert_allclose(np.sort(sketch.values), np.linalg.eigvalsh(A), rtol=1e-5, atol=1e-5)
    assert sketch.relative_error(5) == pytest.approx(0, abs=1e-3)
    assert sketch.sweeps == 1


def star(n: int) -> np.ndarray:
    A = np.zeros((n, n))
    A[0, 1:] = A[1:, 0] = 1
    return A


def few_edges(n: int, edges: int) -> np.ndarray:
    A = np.zeros((n, n))
    for i in range(edges):
        A[2 * i, 2 * i + 1] = A[2 * i + 1, 2 * i] = i + 1
    return A


def bipartite(n: int, *, seed: int) -> np.ndarray:
    A = np.zeros((n, n))
    A[: n // 3, n // 3 :] = np.random.default_rng(seed).random((n // 3, n - n // 3))
    return A + A.T


@pytest.mark.parametrize(
    ("A", "k"),
    [
        (np.ones((200, 200)), 3),
        (star(300), 4),
        (few_edges(100, 1), 5),
        (few_edges(500, 8), 10),
        (np.kron(np.eye(5), np.ones((20, 20))), 3),
        (np.eye(300), 4),
        (np.zeros((50, 50)), 3),
    ],
    ids=["ones", "star", "one edge", "eight edges", "cliques", "identity", "zero"],
)
def test_matrices_of_low_rank_exhaust_the_krylov_space_without_harm(A: np.ndarray, k: int) -> None:
    (sketch,) = sketches_of(A, k)
    largest = np.abs(by_magnitude(np.linalg.eigvalsh(A)))[:k]
    np.testing.assert_allclose(np.abs(sketch.values[:k]), largest, atol=1e-5 * max(1, largest[0]))
    V = vectors_of(sketch)
    np.testing.assert_allclose(V.T @ V, np.eye(V.shape[1]), atol=2e-6)
    assert sketch.sweeps <= 4


@st.composite
def symmetric(draw: st.DrawFn) -> np.ndarray:
    """Small symmetric matrices of all sorts, also of low rank, without entries, or with two sides."""
    n, seed = draw(st.integers(1, 140)), draw(st.integers(0, 999))
    rng = np.random.default_rng(seed)
    kind = draw(
        st.sampled_from(["low rank", "full", "sparse", "star", "edges", "bipartite", "zero", "scaled"])
    )
    if kind == "low rank":
        V = rng.random((n, draw(st.integers(1, 5))))
        return np.asarray(V @ V.T)
    if kind == "star":
        return star(n)
    if kind == "edges":
        return few_edges(n, min(3, n // 2))
    if kind == "bipartite":
        return bipartite(n, seed=seed)
    if kind == "zero":
        return np.zeros((n, n))
    A = rng.random((n, n)) * (rng.random((n, n)) < (0.1 if kind == "sparse" else 1))
    return np.asarray((A + A.T) * (1e6 if kind == "scaled" else 1))


@given(A=symmetric(), k=st.integers(1, 20), tile=st.integers(8, 64))
def test_the_bound_is_never_above_the_true_one(A: np.ndarray, k: int, tile: int) -> None:
    (sketch,) = sketches_of(A, k, tile=tile)
    for rank in range(1, min(k, len(A)) + 1):
        true = true_bound(A, rank)
        # an exact bound of 0 is known to the root of rounding
        assert sketch.relative_error(rank) <= true + 1e-7
        assert sketch.relative_error(rank) == pytest.approx(true, rel=1e-3, abs=3e-3)
    V = vectors_of(sketch)
    np.testing.assert_allclose(V.T @ V, np.eye(V.shape[1]), atol=3e-6)
    assert (sketch.values**2).sum() <= (A**2).sum() * (1 + 1e-5)


@pytest.mark.parametrize("kind", ["uniform", "random graph", "planted"])
def test_the_bound_errs_to_the_low_side_where_eight_reads_do_not_settle_the_spectrum(kind: str) -> None:
    rng = np.random.default_rng(0)
    n = 1000
    if kind == "uniform":
        A = rng.random((n, n))
    elif kind == "random graph":
        A = np.triu(rng.random((n, n)) < 0.02, 1).astype(float)
    else:
        A = planted(n, 12, seed=0, noise=2)
    A = A + A.T
    (sketch,) = sketches_of(A, 54, tile=256, workers=2)
    squares = np.sort(np.linalg.eigvalsh(A) ** 2)[::-1]
    for k in (1, 10, 54):
        true = np.sqrt(squares[k:].sum() / squares.sum())
        assert sketch.relative_error(k) <= true
        assert sketch.relative_error(k) == pytest.approx(true, rel=1e-3)


def test_without_the_diagonal_it_is_the_sketch_of_the_matrix_without_it() -> None:
    A = planted(300, 5, seed=0) + np.diag(np.linspace(0, 30, 300))
    B = A - np.diag(np.diag(A))
    (ignoring,) = sketches_of(A, 5, diagonal=False)
    (without,) = sketches_of(B, 5)
    np.testing.assert_allclose(ignoring.values[:20], without.values[:20], rtol=1e-4, atol=1e-4)
    assert ignoring.sum_of_squares == pytest.approx(without.sum_of_squares)
    assert ignoring.relative_error(5) == pytest.approx(without.relative_error(5), rel=1e-4)
    overlap = np.abs((vectors_of(ignoring) * vectors_of(without))[:, :4].sum(axis=0))
    np.testing.assert_allclose(overlap, 1, atol=1e-4)


@pytest.mark.parametrize("sparse", [False, True])
def test_in_the_same_reads_a_second_sketch_changes_the_first_by_rounding_only(sparse: bool) -> None:
    A = planted(300, 5, seed=0)
    given = sp.csr_array(A) if sparse else A
    (alone,) = sketches_of(given, 5)
    together, hidden = sketches_of(given, 5, mask=draw_mask(300, share=0.2, seed=1))
    np.testing.assert_allclose(together.values[:20], alone.values[:20], rtol=1e-5)
    np.testing.assert_allclose(vectors_of(together)[:, :5], vectors_of(alone)[:, :5], atol=1e-5)
    assert together.relative_error(5) == pytest.approx(alone.relative_error(5), rel=1e-5)
    assert together.sum_of_squares == hidden.sum_of_squares == pytest.approx((A**2).sum())


def test_one_sketch_may_settle_before_the_other() -> None:
    # without the mask the matrix has rank one and is done at once
    whole, hidden = sketches_of(np.ones((300, 300)), 3, mask=draw_mask(300, share=0.3, seed=0))
    assert whole.values[0] == pytest.approx(300, rel=1e-5)
    assert hidden.values[0] == pytest.approx(300, rel=0.02)


def test_each_read_is_told_with_the_share_it_captured() -> None:
    told: list[tuple[int, int, float]] = []
    A = planted(400, 6, seed=0, noise=0.5)
    (sketch,) = sketches_of(A, 6, on_sweep=lambda *event: told.append(event))
    assert [sweep for sweep, _, _ in told] == list(range(1, sketch.sweeps + 1))
    assert {most for _, most, _ in told} == {MOST_SWEEPS}
    shares = [share for _, _, share in told]
    assert all(a <= b for a, b in pairwise(shares))
    assert shares[-1] <= 1


@pytest.mark.parametrize("layout", ["dense", "sparse"])
def test_stores_give_the_same_bits_on_every_executor(layout: str, tmp_path: Path, client: Client) -> None:
    A = planted(700, 4, seed=1) * (np.random.default_rng(0).random((700, 700)) < 0.2)
    network = dasknmf.import_network(np.maximum(A, A.T), tmp_path / "net.zarr", layout=layout, tile=128)
    mask = draw_mask(700, share=0.1, seed=0)
    results = []
    for executor in (Threads(1), Threads(3), Distributed(client)):
        with executor:
            operator = Sweep.of_network(network, executor)
            sketches = make_sketches(operator, executor, 4, mask=mask, diagonal=False)
            results.append(
                [(s.values, s.residuals, np.concatenate(executor.get(s.vectors))) for s in sketches]
            )
    for other in results[1:]:
        for one, two in zip(results[0], other, strict=True):
            for a, b in zip(one, two, strict=True):
                np.testing.assert_array_equal(a, b)


@given(n=st.integers(2, 90), columns=st.integers(1, 5), tile=st.integers(5, 40), seed=st.integers(0, 99))
def test_the_operator_of_a_sketch_multiplies_as_its_eigenpairs_do(
    n: int, columns: int, tile: int, seed: int
) -> None:
    A = planted(n, 3, seed=seed)
    X = np.random.default_rng(seed).random((n, columns))
    with Threads(2) as executor:
        exact = Sweep.of_array(A, executor, tile=tile)
        (sketch,) = make_sketches(exact, executor, 5)
        operator = SketchOperator(
            sketch.values, sketch.vectors, exact.panels, executor, sum_of_squares=1.0, total=1.0
        )
        panels = executor.put(exact.panels.split(X), label="X")
        made = np.concatenate(operator.sweep(panels, columns=columns, dtype=X.dtype))
    V = vectors_of(sketch)
    np.testing.assert_allclose(made, (V * sketch.values) @ (V.T @ X), rtol=1e-9, atol=1e-9 * n)
    # a basis of all genes loses nothing but rounding
    assert len(sketch.values) < n or np.allclose(made, A @ X, rtol=1e-4, atol=1e-3)


def test_most_ranks_share_a_width() -> None:
    assert [sketch_width(20_000, k) for k in (1, 54, 55, 118)] == [64, 64, 128, 128]
    assert sketch_width(40, 30) == 40
