"""spectral: eigenvectors of the normalised network, modules, and the least-squares factors of these."""

from __future__ import annotations

import logging

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.sparse.linalg import eigsh
from sklearn.cluster import SpectralClustering
from sklearn.metrics import adjusted_rand_score

import dasknmf
from tests.references.networks import apart, leading, mixed, normalised, partition, without_diagonal

SIZES = [60, 40, 30, 20]
MODULE = np.repeat(np.arange(4), SIZES)


@given(
    n=st.integers(2, 60),
    rank=st.floats(0, 1),
    tile=st.integers(5, 40),
    density=st.sampled_from([0.2, 0.6, 1.0]),
    layout=st.sampled_from(["dense", "sparse"]),
    diagonal=st.sampled_from(["keep", "ignore"]),
    tau=st.sampled_from([0.0, 1.0]),
    seed=st.integers(0, 99),
)
def test_the_embedding_is_that_of_the_dense_normalised_matrix(
    n: int,
    rank: float,
    tile: int,
    density: float,
    layout: str,
    diagonal: str,
    tau: float,
    seed: int,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    k = 1 + int(rank * (n - 1))
    given = mixed(n, seed=seed, density=density).astype(np.float32).astype(float)
    assume(given.any())
    place = tmp_path_factory.mktemp("spectral") / "net.zarr"
    dasknmf.import_network(given, place, tile=tile, layout=layout)
    fit = dasknmf.nmf(place, k, solver="spectral", diagonal=diagonal, tau=tau)
    A = given if diagonal == "keep" else without_diagonal(given)
    N = normalised(A, tau=tau)
    values, V = leading(N, k)
    np.testing.assert_allclose(np.abs(fit["eigenvalue"]), np.abs(values), atol=2e-5)
    alone = A.sum(axis=1) == 0
    assert (fit["label"].values[alone] == -1).all()
    assert not fit["embedding"].values[alone].any()
    lengths = np.linalg.norm(V, axis=1)
    far = ~alone & (lengths > 1e-2)
    assert (fit["label"].values[far] >= 0).all()
    if apart(N, k):
        # whatever basis of the space was found, rows have the same angles
        E = fit["embedding"].values[far].astype(float)
        rows = V[far] / lengths[far, None]
        np.testing.assert_allclose(E @ E.T, rows @ rows.T, atol=2e-2)


@pytest.mark.parametrize("sparse", [False, True])
def test_eigenvalues_are_those_of_arpack_negative_ones_too(sparse: bool) -> None:
    A = mixed(400, seed=3)
    fit = dasknmf.nmf(sp.csr_array(A) if sparse else A, 6, solver="spectral")
    values = eigsh(normalised(A), k=6, which="LM", v0=np.ones(400), return_eigenvectors=False)
    values = values[np.argsort(-np.abs(values))]
    assert (values < 0).any()
    assert fit["eigenvalue"].values[0] == pytest.approx(1, abs=1e-5)
    inside = np.abs(fit["eigenvalue"].values - values)
    assert (inside <= fit["eigenvalue_error"].values + 1e-6).all()


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("tau", [0.0, 1.0])
def test_a_planted_partition_is_found_as_scikit_learn_finds_it(seed: int, tau: float) -> None:
    A = partition(SIZES, seed=seed)
    labels = dasknmf.nmf(A, 4, solver="spectral", tau=tau, seed=seed)["label"].values
    assert adjusted_rand_score(MODULE, labels) == 1
    theirs = SpectralClustering(4, affinity="precomputed", random_state=0).fit_predict(A)
    assert adjusted_rand_score(theirs, labels) == 1


def test_small_components_come_before_modules_unless_tau_is_added(caplog: pytest.LogCaptureFixture) -> None:
    pairs = sp.block_diag([partition(SIZES, seed=0), *[np.array([[0.0, 1.0], [1.0, 0.0]])] * 12]).toarray()
    with caplog.at_level(logging.WARNING, logger="dasknmf"):
        plain = dasknmf.nmf(pairs, 4, solver="spectral")["label"].values
    assert "4 of 4 eigenvectors of the normalised network have |λ| near 1" in caplog.text
    assert adjusted_rand_score(MODULE, plain[:150]) < 0.5
    caplog.clear()
    with caplog.at_level(logging.WARNING, logger="dasknmf"):
        helped = dasknmf.nmf(pairs, 4, solver="spectral", tau=1)["label"].values
    assert caplog.text == ""
    assert adjusted_rand_score(MODULE, helped[:150]) == 1


@given(
    n=st.integers(2, 25),
    k=st.integers(1, 6),
    diagonal=st.sampled_from(["keep", "ignore"]),
    seed=st.integers(0, 99),
)
def test_given_the_modules_no_other_factors_are_nearer_to_the_network(
    n: int, k: int, diagonal: str, seed: int
) -> None:
    A, k = mixed(n, seed=seed), min(k, n)
    fit = dasknmf.nmf(A, k, solver="spectral", diagonal=diagonal)
    labels = fit["label"].values
    member = (labels[:, None] == np.arange(k)).astype(float)
    W, H, core = (fit[name].values.astype(float) for name in ("W", "H", "core"))
    assert ((W > 0) <= (member > 0)).all()
    counts = np.ones((n, n), bool) if diagonal == "keep" else ~np.eye(n, dtype=bool)
    size = np.linalg.norm(A) + 1e-30
    best = np.zeros((n, n))
    for j in range(n):
        rows = counts[:, j]
        best[:, j] = member @ np.linalg.lstsq(member[rows], A[rows, j], rcond=None)[0]
    np.testing.assert_allclose((W @ H)[counts], best[counts], atol=2e-6 * size)
    blocks = np.kron(member, member)[counts.ravel()]
    means = (np.kron(member, member) @ np.linalg.lstsq(blocks, A[counts], rcond=None)[0]).reshape(n, n)
    np.testing.assert_allclose((W @ core @ W.T)[counts], means[counts], atol=2e-6 * size)
    error = np.linalg.norm((A - means)[counts]) / (np.linalg.norm(A[counts]) or 1)
    assert fit.attrs["core_relative_error"] == pytest.approx(error, abs=2e-3)
    errors = [np.linalg.norm((A - M)[counts]) for M in (W @ H, means)]
    assert errors[0] <= errors[1] + 1e-5 * size


def test_factors_are_balanced_ordered_and_not_negative() -> None:
    fit = dasknmf.nmf(partition(SIZES, seed=0), 4, solver="spectral")
    W, H = fit["W"].values, fit["H"].values
    assert (W >= 0).all()
    assert (H >= 0).all()
    assert (np.diff(fit["scale"]) <= 0).all()
    np.testing.assert_allclose(np.linalg.norm(W, axis=0), np.linalg.norm(H, axis=1), rtol=1e-5)
    np.testing.assert_array_equal(fit["label"], W.argmax(axis=1))
    np.testing.assert_allclose(fit["core"].values, fit["core"].values.T)
    assert fit.attrs["signed"] == 0
    assert fit["embedding"].dims == ("gene", "eigenpair")


@pytest.mark.parametrize(("A", "k"), [(np.zeros((4, 4)), 2), (np.ones((6, 6)), 4), (np.eye(5), 3)])
def test_fewer_modules_than_factors_leave_some_empty(A: np.ndarray, k: int) -> None:
    fit = dasknmf.nmf(A, k, solver="spectral", diagonal="ignore")
    placed = fit["label"].values[fit["label"].values >= 0]
    assert len(np.unique(placed)) <= k
    assert np.isfinite(fit["W"]).all()
    assert fit.attrs["unplaced_genes"] == (0 if A.sum() > 5 else len(A))
    loaded = (fit["W"].values != 0).any(axis=0)
    assert (loaded == np.isin(np.arange(k), placed)).all()


def test_seeds_are_of_k_means_and_the_best_start_counts() -> None:
    A = mixed(200, seed=5)
    one, two, again = (dasknmf.nmf(A, 12, solver="spectral", seed=s) for s in (0, 1, 0))
    assert one.identical(again.assign_attrs(seconds=one.attrs["seconds"]))
    assert one.attrs["inertia"] == pytest.approx(two.attrs["inertia"], rel=0.05)
    np.testing.assert_array_equal(one["embedding"], two["embedding"])
