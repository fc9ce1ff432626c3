"""Runs on generated networks: products, sums, bits, memory, and every way in."""

from __future__ import annotations

import tracemalloc
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import scipy.sparse as sp

import dasknmf
from dasknmf.engine import cache
from dasknmf.engine.dask_executor import Distributed
from dasknmf.engine.executor import Threads
from dasknmf.engine.generated_sweep import GeneratedSweep
from dasknmf.errors import InputError
from dasknmf.matrices import as_matrix
from tests.conftest import planted
from tests.generated.whole import symmetric_weights, whole

if TYPE_CHECKING:
    from pathlib import Path

    import xarray as xr
    from distributed import Client

    from dasknmf.generated.network import GeneratedNetwork

GRAPH = sp.csr_array(symmetric_weights(300, 0.05, seed=1, hubs=1) + np.diag((np.arange(300) % 4) * 1.0))
NETWORKS = {
    "dense shuffle": dasknmf.null_network(planted(300, 4, seed=0), "shuffle", seed=1, tile=64),
    "sparse degree": dasknmf.null_network(GRAPH, "degree", seed=1, tile=64),
    "planted": dasknmf.control_network("planted", 300, seed=1, tile=64),
    "sparse sbm": dasknmf.control_network("sbm", 300, within=0.2, between=0.01, seed=1, tile=64),
    "soules": dasknmf.control_network("soules", 300, rest=2.0, tile=64),
}
every = pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)


@every
@pytest.mark.parametrize("kept", [0, 100_000, 10**9])
def test_products_and_sums_are_those_of_the_whole_matrix(network: GeneratedNetwork, kept: int) -> None:
    cache.forget()
    A = whole(network).astype(np.float64)
    X = np.random.default_rng(0).random((300, 3))
    formula = network.sums is not None
    with Threads(2) as executor:
        operator = GeneratedSweep(network, executor)
        operator.keep_tiles(kept)
        for _ in range(2):
            np.testing.assert_allclose(operator @ X, A @ X, rtol=1e-10)
        np.testing.assert_allclose(operator.sum_of_squares, (A**2).sum(), rtol=1e-6 if formula else 1e-12)
        np.testing.assert_allclose(operator.total, A.sum(), rtol=1e-6 if formula else 1e-12)
        np.testing.assert_array_equal(operator.diagonal, A.diagonal().astype(np.float32))
        assert operator.reads == (2 if formula else 3)
    cache.forget()


def test_tiles_that_are_kept_are_not_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    cache.forget()
    network = NETWORKS["dense shuffle"]
    made = []
    law = type(network.law)
    tile = law.tile

    def counted(self: Any, grid: Any, i: int, j: int, rng: Any) -> Any:
        made.append((i, j))
        return tile(self, grid, i, j, rng)

    monkeypatch.setattr(law, "tile", counted)
    with Threads(1) as executor:
        operator = GeneratedSweep(network, executor)
        operator.keep_tiles(10**8)
        first = operator @ np.eye(300, 2)
        assert sorted(made) == list(network.grid.tiles())
        np.testing.assert_array_equal(operator @ np.eye(300, 2), first)
        assert operator.total > 0
        assert len(made) == network.grid.n_tiles
    cache.forget()


def same_bits(one: xr.Dataset, two: xr.Dataset) -> bool:
    return all(np.array_equal(one[name], two[name]) for name in ("W", "H", "scale", "gauge")) and (
        one.attrs["relative_error"] == two.attrs["relative_error"]
    )


@every
@pytest.mark.parametrize(
    "options",
    [{"exact": True, "init": "random"}, {}, {"solver": "brunet", "init": "random"}],
    ids=["exact", "sketch", "brunet"],
)
def test_a_fit_is_the_same_bits_anywhere(
    network: GeneratedNetwork, client: Client, options: dict[str, Any]
) -> None:
    options = {**options, "max_iter": 6, "seed": 3}
    serial = dasknmf.nmf(network, 4, scheduler="serial", **options)
    assert same_bits(dasknmf.nmf(network, 4, scheduler="threads", workers=2, **options), serial)
    assert same_bits(dasknmf.nmf(network, 4, scheduler=client, **options), serial)


def test_several_row_panels_are_the_same_bits_too(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dasknmf.engine.grid.SMALL_PANEL", 128)
    monkeypatch.setattr("dasknmf.engine.generated_sweep.SMALLEST_DENSE_GROUP", 2**14)
    network = NETWORKS["planted"]
    with Threads(1) as executor:
        assert len(GeneratedSweep(network, executor).panels) > 2
        expected = GeneratedSweep(network, executor)
        facts = expected.sum_of_squares, expected.total, expected.diagonal
    with Distributed(client) as executor:
        found = GeneratedSweep(network, executor)
        assert (found.sum_of_squares, found.total) == facts[:2]
        np.testing.assert_array_equal(found.diagonal, facts[2])


@every
def test_factors_are_those_of_the_matrix_it_stands_for(network: GeneratedNetwork) -> None:
    A = whole(network)
    matrix = sp.csr_array(A) if network.sparse else A
    fits = dasknmf.nmf_many(network, [{"n_components": k} for k in (2, 4)], polish=3)
    for name, expected in dasknmf.nmf_many(
        matrix, [{"n_components": k} for k in (2, 4)], polish=3
    ).children.items():
        fit = fits[name]
        assert fit.attrs["relative_error"] == pytest.approx(expected.attrs["relative_error"], abs=1e-4)
        bound = "eckart_young"
        assert fit.attrs[bound] == pytest.approx(expected.attrs[bound], abs=1e-4)
        assert fit["gene"].values.tolist() == network.genes.tolist()


def test_results_say_what_it_was_and_can_be_saved(tmp_path: Path) -> None:
    network = NETWORKS["sparse degree"]
    fit = dasknmf.nmf(network, 2, max_iter=5)
    dasknmf.save(fit, tmp_path / "fit.zarr")
    about = dasknmf.load(tmp_path / "fit.zarr").attrs
    assert about["network"] == "degree null of a matrix in memory, seed 1"
    assert (about["network_kind"], about["network_seed"]) == ("degree", 1)
    assert about["network_checksum"] == network.checksum
    assert about["null_of"] == as_matrix(GRAPH).checksum


def test_a_survey_finds_the_planted_rank_and_nothing_in_its_shuffle() -> None:
    network = dasknmf.control_network("planted", 200, seed=1, modules=3, pairs=0, tile=64)
    found = dasknmf.survey(network, range(1, 6), restarts=3)
    assert found.attrs["recommended_rank"] == 3
    assert found.attrs["network_kind"] == "planted"
    shuffled = dasknmf.survey(dasknmf.null_network(network, "shuffle", tile=64), range(1, 6), restarts=3)
    assert shuffled.attrs["recommended_rank"] == 1


def test_other_ways_in_take_it_as_they_take_the_matrix() -> None:
    network = NETWORKS["planted"]
    A = whole(network)
    for solver in ("spectral", "svd"):
        of_network, of_matrix = (dasknmf.nmf(given, 4, solver=solver) for given in (network, A))
        assert of_network.attrs["relative_error"] == pytest.approx(
            of_matrix.attrs["relative_error"], abs=1e-3
        )
    fit = dasknmf.nmf(network, 4, diagonal="ignore", max_iter=30)
    assert fit.attrs["relative_error"] == pytest.approx(
        dasknmf.nmf(A, 4, diagonal="ignore", max_iter=30).attrs["relative_error"], abs=1e-3
    )


def test_cogaps_samples_the_matrix_it_stands_for(client: Client) -> None:
    network = dasknmf.null_network(GRAPH[:40, :40], "shuffle", tile=16)
    options = {"solver": "cogaps", "iterations": 10, "seed": 2}
    expected = dasknmf.nmf(whole(network), 2, **options)
    for scheduler in ("threads", client):
        fit = dasknmf.nmf(network, 2, scheduler=scheduler, **options)
        np.testing.assert_array_equal(fit["W"], expected["W"])
    rows = np.array([30, 2, 17])
    from dasknmf.atomic.strips import read_rows

    np.testing.assert_array_equal(read_rows(network, rows), whole(network)[rows])


def test_pairs_of_it_may_be_missing_or_weighted() -> None:
    network = NETWORKS["planted"]
    A = whole(network)
    rng = np.random.default_rng(0)
    hidden = np.triu(rng.random(A.shape) < 0.1)
    missing = sp.csr_array((hidden | hidden.T).astype(np.float32))
    options = {"max_iter": 10, "init": "random"}
    expected = dasknmf.nmf(A, 3, missing=missing, **options)
    assert dasknmf.nmf(network, 3, missing=missing, **options).attrs["relative_error"] == pytest.approx(
        expected.attrs["relative_error"], abs=1e-5
    )
    weights = dasknmf.control_network("uniform", 300, seed=4, tile=64)
    given = dasknmf.nmf(A, 3, weights=whole(weights), **options)
    of_network = dasknmf.nmf(network, 3, weights=weights, **options)
    assert of_network.attrs["relative_error"] == pytest.approx(given.attrs["relative_error"], abs=1e-5)
    with pytest.raises(InputError, match=r"has tiles of 32 genes and .* of 64; needs the same"):
        dasknmf.nmf(network, 3, weights=dasknmf.control_network("uniform", 300, tile=32))


@pytest.mark.parametrize("kind", ["uniform", "planted", "soules", "shuffle", "degree"])
def test_20000_dense_genes_never_take_the_memory_of_their_matrix(kind: str) -> None:
    n = 20_000
    if kind in ("shuffle", "degree"):
        network = dasknmf.null_network(planted(200, 3, seed=0), kind)
        law = network.law
        from dataclasses import replace

        from dasknmf.generated.network import grid_for, numbered

        arrays = {
            name: np.resize(getattr(law, name), n) for name in ("x", "r", "diagonal") if hasattr(law, name)
        }
        network = replace(network, genes=numbered(n), grid=grid_for(n, None), law=replace(law, **arrays))
    else:
        network = dasknmf.control_network(kind, n)
    given = as_matrix(network)
    with Threads(1) as executor:
        operator = given.operator(executor)
        tracemalloc.start()
        # tiles of the diagonal are made of more parts than others
        network.tile(0, 0)
        network.tile(0, 1)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak <= given.tile_bytes(operator.plan)
        assert given.tile_bytes(operator.plan) < n * n * 4 / 15


@pytest.mark.parametrize("kind", ["shuffle", "degree", "uniform", "sbm"])
def test_a_sparse_tile_takes_no_more_than_projected(kind: str) -> None:
    if kind == "sbm":
        network = dasknmf.control_network("sbm", 6000, within=0.1, between=0.01)
    else:
        matrix = sp.random_array((6000, 6000), density=0.02, rng=np.random.default_rng(0))
        network = dasknmf.null_network(sp.csr_array(matrix + matrix.T), kind)
    assert network.sparse
    given = as_matrix(network)
    with Threads(1) as executor:
        plan = given.operator(executor).plan
    network.tile(0, 0)
    tracemalloc.start()
    network.tile(0, 1)
    network.tile(0, 0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak <= given.tile_bytes(plan)
