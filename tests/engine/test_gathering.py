"""Subnetworks gathered by one read, and multiplied where they lie, are those of dense slices."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from dasknmf.engine.dask_executor import Distributed
from dasknmf.engine.executor import Threads
from dasknmf.engine.gathering import Members, gather, layers_of
from dasknmf.engine.subnetwork import SubnetworkSweep, shared_sketches
from dasknmf.engine.sweep import Sweep
from tests.conftest import planted
from tests.references.networks import leading, mixed

if TYPE_CHECKING:
    from distributed import Client


def network(n: int, *, seed: int) -> np.ndarray:
    return mixed(n, seed=seed).astype(np.float32)


def hard_sets(n: int, count: int, *, seed: int) -> list[Members]:
    """Some genes are in no set, some sets are empty."""
    label = np.random.default_rng(seed).integers(-1, count, n)
    return [Members(np.flatnonzero(label == number)) for number in range(count)]


def soft_sets(n: int, count: int, *, seed: int) -> list[Members]:
    rng = np.random.default_rng(seed)
    weights = rng.uniform(0.1, 1, (count, n)) * (rng.random((count, n)) < 0.5)
    return [Members(np.flatnonzero(own), own[own > 0]) for own in weights]


def sliced(A: np.ndarray, one: Members) -> np.ndarray:
    inside = A[np.ix_(one.genes, one.genes)]
    if one.weights is None:
        return inside
    return (inside * np.outer(one.weights, one.weights)).astype(np.float32)


@given(
    n=st.integers(1, 50),
    tile=st.integers(3, 40),
    count=st.integers(1, 5),
    soft=st.booleans(),
    sparse=st.booleans(),
    seed=st.integers(0, 99),
)
def test_gathered_subnetworks_are_slices(
    n: int, tile: int, count: int, soft: bool, sparse: bool, seed: int
) -> None:
    A = network(n, seed=seed)
    sets = (soft_sets if soft else hard_sets)(n, count, seed=seed)
    with Threads(2) as executor:
        operator = Sweep.of_array(sp.csr_array(A) if sparse else A, executor, tile=tile)
        made = gather(operator, sets, sparse=sparse)
        assert operator.reads == 1
    for matrix, one in zip(made, sets, strict=True):
        assert sp.issparse(matrix) == sparse
        assert matrix.dtype == np.float32
        np.testing.assert_array_equal(matrix.toarray() if sparse else matrix, sliced(A, one))


def test_hard_membership_is_one_layer_and_soft_membership_no_more_than_sets() -> None:
    assert len(layers_of(hard_sets(40, 6, seed=1), 40)) == 1
    layers = layers_of(soft_sets(40, 6, seed=1), 40)
    assert 2 <= len(layers) <= 6
    assert sum(int((layer.label >= 0).sum()) for layer in layers) == sum(
        len(one) for one in soft_sets(40, 6, seed=1)
    )


@given(
    n=st.integers(2, 50),
    tile=st.integers(3, 40),
    columns=st.integers(1, 4),
    sparse=st.booleans(),
    seed=st.integers(0, 99),
)
def test_a_subnetwork_multiplies_as_the_dense_one(
    n: int, tile: int, columns: int, sparse: bool, seed: int
) -> None:
    A = mixed(n, seed=seed)
    rng = np.random.default_rng(seed)
    weights = rng.random(n) * (rng.random(n) < 0.6)
    X = rng.standard_normal((n, columns))
    D = np.diag(weights)
    with Threads(2) as executor:
        whole = Sweep.of_array(sp.csr_array(A) if sparse else A, executor, tile=tile)
        body = SubnetworkSweep(whole, weights)
        np.testing.assert_allclose(body @ X, D @ A @ D @ X, atol=1e-12)
        W, H = (executor.put([[part] for part in body.panels.split(side)], label="X") for side in (X, 2 * X))
        inner = body.inner(W, H, models=1)
        assert (whole.reads, body.reads) == (1, 2)
    B = D @ A @ D
    np.testing.assert_allclose(inner, [np.sum(B * (X @ (2 * X).T))], rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(body.sum_of_squares, np.sum(B**2), atol=1e-10)
    np.testing.assert_allclose(body.total, B.sum(), atol=1e-10)
    np.testing.assert_allclose(body.diagonal, B.diagonal(), atol=1e-6)


def test_sketches_of_several_subnetworks_share_their_reads() -> None:
    n, k = 400, 4
    A = planted(n, 6, seed=2).astype(np.float32)
    halves = [(np.arange(n) % 2 == part).astype(np.float64) for part in (0, 1)]
    with Threads(2) as executor:
        whole = Sweep.of_array(A, executor, tile=96)
        bodies = [SubnetworkSweep(whole, weights) for weights in halves]
        sketches = shared_sketches(bodies, executor, k)
        assert whole.reads == max(sketch.sweeps for sketch in sketches) <= 6
    for sketch, weights in zip(sketches, halves, strict=True):
        D = np.diag(weights)
        np.testing.assert_allclose(sketch.values[:k], leading(D @ A @ D, k)[0], rtol=1e-4)


@pytest.mark.cluster
@pytest.mark.parametrize("sparse", [False, True])
def test_workers_gather_and_multiply_the_same_bits(client: Client, sparse: bool) -> None:
    n = 150
    A = network(n, seed=3)
    sets = soft_sets(n, 3, seed=3)
    X = np.random.default_rng(3).random((n, 2)).astype(np.float32)
    found = []
    for executor in (Threads(1), Threads(2), Distributed(client)):
        with executor:
            operator = Sweep.of_array(sp.csr_array(A) if sparse else A, executor, tile=40)
            weights = np.zeros(n)
            weights[sets[0].genes] = sets[0].weights
            body = SubnetworkSweep(operator, weights)
            gathered = gather(operator, sets, sparse=sparse)
            arrays = [matrix.toarray() if sparse else matrix for matrix in gathered]
            found.append([*arrays, body @ X, np.array([body.sum_of_squares])])
    for others in found[1:]:
        for first, other in zip(found[0], others, strict=True):
            np.testing.assert_array_equal(first, other)
