"""What each null model keeps of a network, and that nothing else of it is left."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.stats import ks_2samp, kstest

import dasknmf
from dasknmf.errors import InputError
from tests.conftest import planted
from tests.generated.whole import off_diagonal, symmetric_weights, whole

DRAWS = 200
#: A dense network of modules, and a graph with hubs and self-loops.
DENSE = planted(90, 3, seed=0)
GRAPH = symmetric_weights(90, 0.06, seed=1, hubs=2) + np.diag((np.arange(90) % 3) * 2.0)
SPARSE = sp.csr_array(GRAPH)


def z_of_means(draws, target):
    """How many standard errors the mean of each column is from its target."""
    draws = np.asarray(draws)
    error = draws.std(axis=0, ddof=1) / np.sqrt(len(draws))
    # what never varies, as the degree of a gene that is joined to all, is to be right
    return (draws.mean(axis=0) - target) / np.maximum(error, 1e-9)


def nulls(network, kind, **options):
    return (whole(dasknmf.null_network(network, kind, seed=seed, **options)) for seed in range(DRAWS))


@pytest.mark.parametrize("kind", ["shuffle", "degree", "uniform"])
@pytest.mark.parametrize("network", [DENSE, GRAPH, SPARSE], ids=["dense", "dense graph", "sparse"])
def test_nulls_are_symmetric_and_have_genes_and_diagonal_of_the_network(network, kind):
    null = dasknmf.null_network(network, kind, seed=3, tile=32)
    A = whole(null)
    assert (A == A.T).all()
    assert A.min() >= 0
    np.testing.assert_array_equal(A.diagonal(), network.diagonal().astype(np.float32))
    np.testing.assert_array_equal(null.diagonal, A.diagonal())
    np.testing.assert_allclose(null.strength, A.sum(axis=1, dtype=np.float64), rtol=1e-12)
    assert null.genes.tolist() == [str(i) for i in range(90)]
    if kind != "degree":
        own = off_diagonal(np.asarray(network.todense() if sp.issparse(network) else network))
        # of 4,005 pairs the correlation of chance is 0.016
        assert abs(np.corrcoef(off_diagonal(A), own)[0, 1]) < 0.08


@pytest.mark.parametrize("kind", ["degree", "shuffle"])
def test_degrees_and_strengths_are_kept_in_the_mean_by_degree_alone(kind):
    degrees, strengths = [], []
    for A in nulls(SPARSE, kind):
        A = A - np.diag(A.diagonal())
        degrees.append((A > 0).sum(axis=1))
        strengths.append(A.sum(axis=1))
    graph = GRAPH - np.diag(GRAPH.diagonal())
    found = [
        abs(z_of_means(draws, target)).max()
        for draws, target in ((degrees, (graph > 0).sum(axis=1)), (strengths, graph.sum(axis=1)))
    ]
    assert max(found) < 5 if kind == "degree" else min(found) > 50
    totals = [np.sum(draws, axis=1) for draws in (degrees, strengths)]
    if kind == "degree":
        assert abs(z_of_means(totals[0], (graph > 0).sum())) < 4
        assert abs(z_of_means(totals[1], graph.sum())) < 4


def test_strengths_of_a_dense_network_are_kept_in_the_mean():
    strengths = [A.sum(axis=1) - A.diagonal() for A in nulls(DENSE, "degree")]
    assert abs(z_of_means(strengths, DENSE.sum(axis=1) - DENSE.diagonal())).max() < 5
    # and tell its genes apart in each single network
    assert np.corrcoef(strengths[0], DENSE.sum(axis=1))[0, 1] > 0.9


def test_a_network_of_equal_weights_has_nulls_of_the_same_weight():
    graph = sp.csr_array((symmetric_weights(200, 0.05, seed=4) > 0) * 2.5)
    for kind in ("shuffle", "degree"):
        values = np.unique(whole(dasknmf.null_network(graph, kind, seed=1)))
        np.testing.assert_array_equal(values, np.float32([0, 2.5]))


@pytest.mark.parametrize("network", [DENSE, SPARSE], ids=["dense", "sparse"])
def test_shuffled_weights_have_the_distribution_of_the_network(network):
    own = off_diagonal(np.asarray(network.todense() if sp.issparse(network) else network))
    drawn = np.concatenate(
        [off_diagonal(whole(dasknmf.null_network(network, "shuffle", seed=s))) for s in range(5)]
    )
    if sp.issparse(network):
        edges = [(off_diagonal(A) > 0).sum() for A in nulls(network, "shuffle")]
        assert abs(z_of_means(edges, (own > 0).sum())) < 4
        density = (own > 0).mean()
        assert np.var(edges) == pytest.approx(len(own) * density * (1 - density), rel=0.5)
        own, drawn = own[own > 0], drawn[drawn > 0]
    # every weight is one of the network's, and all are drawn alike
    assert set(np.unique(drawn)) <= set(own.astype(np.float32))
    assert ks_2samp(own, drawn).pvalue > 1e-3


def test_of_more_weights_than_a_table_has_a_sample_is_taken(monkeypatch):
    monkeypatch.setattr("dasknmf.null_models.MOST_WEIGHTS", 2**11)
    A = planted(300, 4, seed=2)
    null = dasknmf.null_network(A, "shuffle")
    table = null.law.values.values
    assert 2**11 - 12 * 2**5.5 < len(table) <= 2**11
    assert ks_2samp(off_diagonal(A), table).pvalue > 1e-3
    graph = sp.csr_array(np.where(np.quantile(A, 0.8) < A, A, 0))
    table = dasknmf.null_network(graph, "shuffle").law.values.values
    assert len(table) <= 2**11
    assert ks_2samp(off_diagonal(graph.toarray())[off_diagonal(graph.toarray()) > 0], table).pvalue > 1e-3


def test_uniform_keeps_density_and_mean_weight_unless_told_otherwise():
    own = off_diagonal(GRAPH)
    edges = [off_diagonal(A) for A in nulls(SPARSE, "uniform")]
    assert abs(z_of_means([(one > 0).sum() for one in edges], (own > 0).sum())) < 4
    assert abs(z_of_means([one.sum() for one in edges], own.sum())) < 4
    drawn = np.concatenate(edges)
    drawn = drawn[drawn > 0]
    assert kstest(drawn / (2 * own[own > 0].mean()), "uniform").pvalue > 1e-3
    null = dasknmf.null_network(SPARSE, "uniform", density=0.5, upper=3)
    values = off_diagonal(whole(null))
    assert not null.sparse
    assert abs((values > 0).mean() - 0.5) < 5 * 0.5 / len(values) ** 0.5
    assert 2.9 < values.max() <= 3


def test_a_store_and_a_matrix_have_the_same_nulls(tmp_path):
    for network in (DENSE.astype(np.float32), SPARSE.astype(np.float32)):
        store = tmp_path / f"{sp.issparse(network)}.zarr"
        dasknmf.import_network(network, store, tile=32)
        for kind in ("shuffle", "degree", "uniform"):
            from_store = dasknmf.null_network(store, kind, seed=2)
            assert from_store.origin == dasknmf.open_network(store).header.checksum
            np.testing.assert_allclose(
                whole(from_store), whole(dasknmf.null_network(network, kind, seed=2)), rtol=1e-4
            )


def test_a_null_of_a_control_is_one_too():
    control = dasknmf.control_network("planted", 120, seed=1, tile=50)
    null = dasknmf.null_network(control, "degree", seed=1)
    assert null.origin == control.checksum
    assert null.genes.tolist() == control.genes.tolist()
    strengths = [dasknmf.null_network(control, "degree", seed=seed).strength for seed in range(30)]
    assert np.corrcoef(np.mean(strengths, axis=0), control.strength)[0, 1] > 0.98


def test_a_graph_without_edges_has_nulls_without_edges():
    for kind in ("shuffle", "degree", "uniform"):
        assert not whole(dasknmf.null_network(sp.csr_array((5, 5)), kind)).any()
        assert not whole(dasknmf.null_network(np.zeros((5, 5)), kind)).any()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kind": "rows"}, "kind='rows' is not known; choose one of shuffle, degree, uniform"),
        ({"kind": "shuffle", "seed": -1}, "seed=-1: needs a whole number of at least 0"),
        ({"kind": "shuffle", "density": 0.5}, "density=0.5: kind='shuffle' keeps that of the network"),
        ({"kind": "degree", "upper": 1}, "upper=1: kind='degree' keeps"),
        ({"kind": "uniform", "density": 2}, "density=2: needs a number from 0 to 1"),
        ({"kind": "uniform", "upper": 0}, "upper=0: needs a number above 0"),
        ({"kind": "shuffle", "tile": 0}, "tile=0: needs a whole number"),
        ({"kind": "shuffle", "network": np.ones((1, 1))}, "has 1 gene; a null model needs at least 2"),
        ({"kind": "shuffle", "network": "nowhere.zarr"}, "there is no network at nowhere.zarr"),
    ],
)
def test_what_cannot_be_used_is_one_clear_error(arguments, message):
    with pytest.raises(InputError, match=message):
        dasknmf.null_network(**{"network": DENSE, **arguments})
