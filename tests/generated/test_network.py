"""A generated network: its face, and that a tile is the same bits wherever it is made."""

from __future__ import annotations

import dataclasses
import hashlib
import pickle

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

import dasknmf
from dasknmf.errors import InputError
from dasknmf.generated.draws import Table
from dasknmf.network.sparse_tile import SparseTile
from tests.conftest import planted
from tests.generated.whole import symmetric_weights, whole

GRAPH = sp.csr_array(symmetric_weights(150, 0.05, seed=1, hubs=1) + np.diag((np.arange(150) % 4) * 1.0))
DENSE = planted(150, 3, seed=0)
NULLS = ("shuffle", "degree", "uniform")


def every_kind(seed=5, tile=64):
    controls = [
        dasknmf.control_network(kind, 150, seed=seed, tile=tile, **options)
        for kind, options in (
            ("uniform", {}),
            ("uniform", {"density": 0.04}),
            ("uniform", {"density": 0.4}),
            ("sbm", {}),
            ("sbm", {"within": 0.1, "between": 0.01, "blocks": 7}),
            ("sbm", {"structure": "nested"}),
            ("soules", {"rest": 0.5}),
            ("planted", {"overlap": 0.3}),
        )
    ]
    return [
        *controls,
        *(
            dasknmf.null_network(network, kind, seed=seed, tile=tile)
            for network in (GRAPH, DENSE)
            for kind in NULLS
        ),
    ]


ALL = every_kind()


def name_of(network):
    return network.name.replace(" ", "-")


def digest(network, i, j):
    tile = network.tile(i, j)
    parts = (tile.pointer, tile.column, tile.weight) if isinstance(tile, SparseTile) else (tile,)
    return hashlib.sha256(b"".join(np.ascontiguousarray(part).tobytes() for part in parts)).hexdigest()


@pytest.mark.parametrize("network", ALL, ids=name_of)
def test_it_is_symmetric_and_tiles_are_of_the_type_it_says(network):
    A = whole(network)
    assert np.isfinite(A).all()
    assert A.min() >= 0
    assert (A == A.T).all()
    for _, tile in network.tile_row(0, 0, network.grid.panels):
        assert isinstance(tile, SparseTile) == network.sparse
        assert (tile.weight if network.sparse else tile).dtype == np.float32
    np.testing.assert_array_equal(network.diagonal, A.diagonal())
    np.testing.assert_allclose(network.strength, A.sum(axis=1, dtype=np.float64), rtol=1e-6)
    assert network.tile_weights.shape == (network.grid.n_tiles,)
    assert network.tile_weights.min() > 0


@pytest.mark.parametrize("network", ALL, ids=name_of)
def test_tiles_in_any_order_and_after_travelling_are_the_same_bits(network):
    places = list(network.grid.tiles())
    expected = {place: digest(network, *place) for place in places}
    travelled = pickle.loads(pickle.dumps(network))
    assert travelled.checksum == network.checksum
    assert {place: digest(travelled, *place) for place in reversed(places)} == expected
    again = every_kind()[ALL.index(network)]
    assert again.checksum == network.checksum
    assert {place: digest(again, *place) for place in places} == expected


def test_tiles_of_another_process_are_the_same_bits(client):
    made = [client.submit(digest, network, 0, 1, pure=False) for network in ALL]
    assert client.gather(made) == [digest(network, 0, 1) for network in ALL]


def test_checksums_know_every_parameter():
    first = ALL[-6]
    law = first.law
    others = [
        dataclasses.replace(first, seed=6),
        dataclasses.replace(first, genes=first.genes[::-1]),
        dataclasses.replace(first, grid=dataclasses.replace(first.grid, tile=32)),
        dataclasses.replace(first, law=dataclasses.replace(law, kind="uniform")),
        dataclasses.replace(first, law=dataclasses.replace(law, density=law.density * 1.0001)),
        dataclasses.replace(first, law=dataclasses.replace(law, diagonal=law.diagonal + 1)),
        dataclasses.replace(first, law=dataclasses.replace(law, values=Table(law.values.values * 2))),
        *ALL[:-6],
    ]
    assert len({first.checksum, *(one.checksum for one in others)}) == 1 + len(others)
    # what it is called is not what it is
    assert dataclasses.replace(first, name="x").checksum == first.checksum


@given(
    n=st.integers(2, 40),
    tile=st.integers(1, 45),
    density=st.sampled_from([0.0, 0.05, 0.3, 1.0]),
    seed=st.integers(0, 2**40),
)
def test_any_size_and_tile_is_a_symmetric_network(n, tile, density, seed):
    uniform = dasknmf.control_network("uniform", n, seed=seed, tile=tile, density=density)
    A = whole(uniform)
    assert (A == A.T).all()
    assert (A.diagonal() == 0).all()
    if density in (0, 1):
        assert (A > 0).sum() == density * n * (n - 1)
    matrix = sp.csr_array(A) if density < 0.3 else A
    for kind in NULLS:
        null = dasknmf.null_network(matrix, kind, seed=seed, tile=tile)
        N = whole(null)
        assert (N == N.T).all()
        assert np.isfinite(N).all()
        assert N.min() >= 0
        # a tile that a plan leaves out holds nothing
        for (i, j), weight in zip(null.grid.tiles(), null.tile_weights, strict=True):
            held = null.tile(i, j)
            assert weight > 0 or not (held.weight if null.sparse else held).any()


def test_what_it_says_of_itself():
    null = dasknmf.null_network(DENSE, "degree", seed=9)
    assert null.about == {"network_kind": "degree", "network_seed": 9, "null_of": null.origin}
    assert null.origin.startswith("sha256:")
    assert null.name == "degree null of a matrix in memory, seed 9"
    assert repr(null) == f"<GeneratedNetwork {null.name}: 150 genes, dense, tiles of 192>"
    assert null.nbytes < 2 * 2**20
    assert null.shape == (150, 150)


def test_a_sparse_tile_has_local_indices_of_16_bits():
    with pytest.raises(InputError, match="tile=65,537: a sparse tile has at most 65,536 genes a side"):
        dasknmf.control_network("uniform", 100, density=0.01, tile=2**16 + 1)
