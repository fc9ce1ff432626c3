"""Zoom: planted trees are found, chance is not, and neither executor, tiles, order nor a kill changes what is found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import xarray as xr
from scipy.stats import binom
from sklearn.metrics import adjusted_mutual_info_score

import dasknmf
from dasknmf.errors import InputError
from dasknmf.events import LevelEnded, StageAdvanced
from dasknmf.nesting import level_examination
from dasknmf.nesting.level_test import DEEPEST, NOT_BETTER

if TYPE_CHECKING:
    from pathlib import Path

    from distributed import Client


def planted_tree(n: int, *, levels: int = 2, seed: int = 0, within: float = 0.6) -> Any:
    return dasknmf.control_network("sbm", n, structure="nested", levels=levels, seed=seed, within=within)


def dense(network: Any) -> np.ndarray:
    made = np.zeros((network.n, network.n), dtype=np.float32)
    for i, j in network.grid.tiles():
        tile = network.tile(i, j)
        block = tile if isinstance(tile, np.ndarray) else tile.toarray(diagonal=i == j)
        rows, columns = (slice(*network.grid.bounds(panel)) for panel in (i, j))
        made[rows, columns], made[columns, rows] = block, block.T
    return made


def zoom(network: Any, ranks: Any = (2,), **options: Any) -> xr.Dataset:
    # which rank is taken among several is a matter of its own
    return dasknmf.nested(network, ranks, method="zoom", **{"branching": (2,), **options})


def genes_of(found: xr.Dataset, node: int) -> np.ndarray:
    members = slice(*found["member_offset"].values[node : node + 2])
    return found["gene"].values[found["member_gene"].values[members]]


def labels(found: xr.Dataset, level: int) -> np.ndarray:
    """The node of each gene on a level; -1 for genes of leaves above it."""
    made = np.full(found.sizes["gene"], -1)
    offsets, genes = found["member_offset"].values, found["member_gene"].values
    for node in np.flatnonzero(found["level"].values == level):
        made[genes[offsets[node] : offsets[node + 1]]] = node
    return made


def same(first: xr.Dataset, other: xr.Dataset) -> None:
    assert set(first.variables) == set(other.variables)
    for name in first.variables:
        np.testing.assert_array_equal(first[name].values, other[name].values, err_msg=str(name))


@pytest.fixture(scope="module")
def small() -> Any:
    return planted_tree(192)


@pytest.fixture(scope="module")
def found(small: Any) -> xr.Dataset:
    return zoom(small)


def test_a_planted_tree_of_three_levels_is_found() -> None:
    network = planted_tree(512, levels=3, within=0.9)
    found = zoom(network, levels=4, branching=(2,))
    for level, truth in enumerate(network.levels, start=1):
        assert adjusted_mutual_info_score(truth, labels(found, level)) >= 0.95
    leaves = found["level"].values == 3
    assert leaves.sum() == 8
    assert set(found["stop_reason"].values[leaves]) == {NOT_BETTER}


def test_of_shuffled_networks_the_root_is_a_leaf() -> None:
    base, seeds = planted_tree(96), 12
    stopped = 0
    for seed in range(seeds):
        found = zoom(dasknmf.null_network(base, "shuffle", seed=seed), 3, null="shuffle", levels=1, seed=seed)
        stopped += found["stop_reason"].values[0] != ""
    # each may go on with chance 1/20: of 12, so many less than once in a thousand times
    assert stopped >= seeds - binom.isf(1e-3, seeds, 0.05)


def test_what_a_node_says_is_what_its_slice_is(small: Any, found: xr.Dataset) -> None:
    A = dense(small)
    where = {gene: place for place, gene in enumerate(small.genes)}
    for node in range(found.sizes["node"]):
        genes = [where[gene] for gene in genes_of(found, node)]
        B = A[np.ix_(genes, genes)].astype(np.float64)
        assert found["node_genes"].values[node] == len(genes)
        assert found["node_edges"].values[node] == np.count_nonzero(np.triu(B, 1))
        k = int(found["node_rank"].values[node])
        if k:
            squares = np.sort(np.linalg.eigvalsh(B) ** 2)[::-1]
            np.testing.assert_allclose(
                found["node_bound"].values[node], squares[:k].sum() / squares.sum(), rtol=1e-9
            )
            assert found["node_explained"].values[node] <= found["node_bound"].values[node]
        parent = found["parent"].values[node]
        if parent >= 0:
            assert set(genes_of(found, node)) <= set(genes_of(found, parent))
            assert found["level"].values[node] == found["level"].values[parent] + 1


def test_what_a_level_keeps_is_that_of_the_best_core(small: Any, found: xr.Dataset) -> None:
    A = dense(small).astype(np.float64)
    loading, offsets = found["member_loading"].values.astype(np.float64), found["member_offset"].values
    chosen: list[int] = []
    for level in range(found.sizes["tier"]):
        chosen = [node for node in chosen if found["stop_reason"].values[node]]
        chosen += np.flatnonzero(found["level"].values == level).tolist()
        L = np.zeros((small.n, len(chosen)))
        for column, node in enumerate(chosen):
            members = slice(offsets[node], offsets[node + 1])
            L[found["member_gene"].values[members], column] = loading[members]
        L /= np.linalg.norm(L, axis=0)
        # columns that share no gene: the best core is LᵀAL
        left = np.sum((A - L @ (L.T @ A @ L) @ L.T) ** 2) / np.sum(A**2)
        np.testing.assert_allclose(found["explained"].values[0, level, 0], 1 - left, atol=1e-5)
        assert found["n_factors"].values[level] == len(chosen)
        assert found["retention"].values[0, level, 0] <= 1


def test_partners_are_links() -> None:
    network = dasknmf.control_network("planted", 200, modules=0, pairs=2, noise=0.02)
    found = zoom(network, 4, levels=1, null="shuffle")
    assert found["stop_reason"].values[0] == ""
    core, share = found["core"].values[1:], found["link_share"].values
    # what is inside a side of a pair is noise, what is between two is most of all there is
    assert np.sort(found["link_core"].values)[-2:].min() > 10 * core.max()
    assert np.sort(share)[-2:].sum() > 0.8


def test_three_blocks_are_found_in_one_step_or_two() -> None:
    blocks = dasknmf.control_network("sbm", 180, blocks=3, within=0.6)
    found = zoom(blocks, [3], levels=2, branching=(2, 3, 4))
    assert adjusted_mutual_info_score(blocks.labels, labels(found, 1)) == 1
    below = dasknmf.control_network("sbm", 180, blocks=3, within=0.6, seed=1)
    joined = np.zeros((360, 360), dtype=np.float32)
    joined[:180, :180], joined[180:, 180:] = dense(blocks), dense(below)
    found = zoom(joined, 2, levels=3, branching=(2, 3, 4))
    # the smallest number that passes: one block and two others, which are split next, or all three at once
    assert set(found["node_rank"].values[1:3].tolist()) <= {2, 3}
    leaf = np.full(360, -1)
    for node in np.flatnonzero(found["stop_reason"].values != ""):
        leaf[np.isin(found["gene"].values, genes_of(found, node))] = node
    assert adjusted_mutual_info_score(np.repeat(np.arange(6), 60), leaf) > 0.95


def test_soft_members_can_be_in_two_factors_and_carry_their_weight() -> None:
    network = dasknmf.control_network("planted", 240, modules=3, pairs=0, overlap=0.3, noise=0.02)
    found = zoom(network, 3, levels=2, membership="soft", null="shuffle")
    weight, offsets = found["member_weight"].values, found["member_offset"].values
    assert ((weight > 0) & (weight <= 1)).all()
    assert (weight[: offsets[1]] == 1).all()
    counts = np.bincount(found["member_gene"].values[offsets[1] : offsets[4]], minlength=240)
    assert (counts == 2).sum() > 20
    assert weight[offsets[1] : offsets[4]].min() < 1


def test_one_task_after_another_finds_the_same_bits_as_threads(small: Any, found: xr.Dataset) -> None:
    same(found, zoom(small, scheduler="serial"))


@pytest.mark.cluster
def test_a_cluster_finds_the_same_bits(small: Any, found: xr.Dataset, client: Client) -> None:
    same(found, zoom(small, scheduler=client))


def test_tiles_change_no_bit_of_what_is_gathered(small: Any, tmp_path: Path) -> None:
    made = []
    for tile in (64, 192):
        where = tmp_path / f"tiles{tile}.zarr"
        dasknmf.import_network(dense(small), where, tile=tile)
        made.append(zoom(where, keep_sketch=False))
    for name in (
        "parent",
        "stop_reason",
        "member_gene",
        "member_loading",
        "node_explained",
        "node_null_mean",
    ):
        if name == "member_loading":
            # that of the root is of the sketch, which adds up tiles
            roots = [one["member_offset"].values[1] for one in made]
            np.testing.assert_array_equal(*(one[name].values[a:] for one, a in zip(made, roots, strict=True)))
        else:
            np.testing.assert_array_equal(made[0][name].values, made[1][name].values, err_msg=name)


def test_the_order_of_genes_changes_nothing_but_order(small: Any) -> None:
    A = dense(small)
    order = np.random.default_rng(5).permutation(len(A))
    trees = []
    for places in (np.arange(len(A)), order):
        genes = [f"g{place}" for place in places]
        frame = xr.DataArray(A[np.ix_(places, places)], dims=("gene", "other"), coords={"gene": genes})
        found = zoom(frame)
        nodes = range(found.sizes["node"])
        trees.append(
            {(frozenset(genes_of(found, node)), str(found["stop_reason"].values[node])) for node in nodes}
        )
    assert trees[0] == trees[1]


class KilledError(Exception):
    pass


@pytest.mark.parametrize("after", [1, 3, 5])
def test_a_killed_zoom_goes_on_to_the_same_bits(
    small: Any, found: xr.Dataset, tmp_path: Path, after: int
) -> None:
    place = tmp_path / "kept"
    seen = 0

    def kill(event: Any) -> None:
        nonlocal seen
        seen += isinstance(event, StageAdvanced)
        if seen == after:
            raise KilledError

    with pytest.raises(KilledError):
        zoom(small, checkpoint=place, progress=kill)
    kept = set(place.iterdir())
    assert sum(path.name.startswith("node") for path in kept) == after
    events: list[Any] = []
    resumed = zoom(small, checkpoint=place, resume=True, progress=events.append)
    same(found, resumed)
    again = sum(isinstance(event, StageAdvanced) for event in events)
    assert again == found.sizes["node"] - after
    assert not place.exists()
    assert [event.level for event in events if isinstance(event, LevelEnded)] == [0, 1, 2]


def test_a_checkpoint_of_other_options_is_refused(small: Any, tmp_path: Path) -> None:
    place = tmp_path / "kept"
    zoom(small, levels=1, checkpoint=place, keep_checkpoint=True)
    with pytest.raises(dasknmf.errors.FormatError, match="zoom"):
        zoom(small, levels=2, checkpoint=place, resume=True)


@pytest.mark.parametrize("null", ["degree", "shuffle"])
def test_subnetworks_that_are_not_gathered_give_the_same_tree(
    small: Any, monkeypatch: pytest.MonkeyPatch, null: str
) -> None:
    gathered = zoom(small, null=null)
    # nothing is small
    monkeypatch.setattr(level_examination, "LARGEST", 0)
    large = zoom(small, null=null)
    assert large.attrs["reads"] > 2 * gathered.attrs["reads"]
    for name in ("parent", "level", "stop_reason", "node_genes"):
        np.testing.assert_array_equal(large[name].values, gathered[name].values, err_msg=name)
    np.testing.assert_allclose(large["node_explained"], gathered["node_explained"], rtol=1e-3)
    spread = gathered["node_null_sd"].values
    far = np.abs(large["node_null_mean"].values - gathered["node_null_mean"].values)
    # of 19 others from the same law
    assert (far[spread > 0] < 2.5 * spread[spread > 0]).all()
    for level in range(large.sizes["tier"]):
        assert adjusted_mutual_info_score(labels(large, level), labels(gathered, level)) > 0.99


def test_reasons_say_what_is_there_and_what_is_needed(small: Any) -> None:
    found = zoom(small, levels=1)
    assert set(found["stop_reason"].values[1:]) == {DEEPEST}
    few = zoom(small, least_genes=150)
    assert set(few["stop_reason"].values[1:]) == {"too small: 96 genes, 150 are needed"}
    empty = zoom(np.zeros((30, 30)))
    assert empty["stop_reason"].values.tolist() == ["too small: 0 genes, 16 are needed"]


def test_it_is_saved_and_is_a_tree(found: xr.Dataset, tmp_path: Path) -> None:
    dasknmf.save(found, tmp_path / "zoomed.zarr")
    back = dasknmf.load(tmp_path / "zoomed.zarr")
    same(found, back)
    tree = dasknmf.nested_tree(back)
    first = tree["level0-factor0"]
    assert sorted(first.children) == ["level1-factor0", "level1-factor1"]
    assert all(len(child.children) == 2 for child in first.children.values())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"nulls": 5}, "nulls"),
        ({"alpha": 0.01}, "give at least nulls=99"),
        ({"membership": "fuzzy"}, "membership"),
        ({"null": "uniform"}, "null"),
        ({"restarts": 1}, "restarts"),
        ({"share": 0}, "share=0: needs a number above 0"),
        ({"branching": [3, 2]}, "ascending"),
        ({"similarity_of": 1}, "option 'similarity_of' of zoom is not known"),
        ({"init": "nndsvd"}, "random_acol"),
        ({"solver": "brunet"}, "Frobenius"),
    ],
)
def test_bad_options_are_refused(small: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        zoom(small, **options)


def test_bad_ranks_are_refused(small: Any) -> None:
    with pytest.raises(InputError, match="zoom needs the factors of the root"):
        zoom(small, 2.5)
    with pytest.raises(InputError, match="levels=2"):
        zoom(small, [2, 2, 2], levels=2)
