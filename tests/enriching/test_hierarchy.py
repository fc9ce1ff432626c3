"""Trees of gene clusters, and whether they follow a hierarchy of sets."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import xarray as xr
from scipy.cluster.hierarchy import fcluster, linkage

import dasknmf
from dasknmf.enriching.cuts import branch_levels
from dasknmf.enriching.gene_sets import as_gene_sets
from dasknmf.enriching.linked_factors import factor_tree
from dasknmf.enriching.matched import matched_sets
from dasknmf.enriching.relations import as_hierarchy
from dasknmf.enriching.trees import Tree, level_tree, linkage_tree
from dasknmf.errors import InputError
from tests.conftest import DATA

GENES = [f"g{i:03}" for i in range(160)]
#: Three levels of halves: 2, 4 and 8 clusters.
LEVELS = np.array([np.arange(160) // width for width in (80, 40, 20)])


def planted():
    """Sets that are the clusters of LEVELS, and their parents and children."""
    sets = {
        f"l{level}c{cluster}": [GENES[i] for i in np.flatnonzero(labels == cluster)]
        for level, labels in enumerate(LEVELS)
        for cluster in np.unique(labels)
    }
    pairs = [
        (f"l{level}c{cluster // 2}", f"l{level + 1}c{cluster}")
        for level in (0, 1)
        for cluster in range(4 << level)
    ]
    return sets, pairs


def brute_force(tree, sets, pairs, least):
    """All measures of a small tree, from Python sets and the definitions."""
    named = sorted({name for pair in pairs for name in pair} & set(sets))
    nodes = [set(tree.genes[tree.member[a:b]]) for a, b in itertools.pairwise(tree.offset)]
    counted = set(tree.genes) & set().union(*(sets[name] for name in named))
    nodes, known = [node & counted for node in nodes], {name: set(sets[name]) & counted for name in named}
    known = {name: genes for name, genes in known.items() if len(genes) >= 5}
    tested = [v for v, node in enumerate(nodes) if len(node) >= 5]
    likeness = {(s, v): len(known[s] & nodes[v]) / len(known[s] | nodes[v]) for s in known for v in tested}
    node_set = {v: max(known, key=lambda s: likeness[s, v]) for v in tested}
    set_node = {s: max(tested, key=lambda v: likeness[s, v]) for s in known}

    def above(name):
        parents = {a for a, b in pairs if b == name}
        return parents.union(*map(above, parents))

    def over(v):
        return set() if tree.parent[v] < 0 else {int(tree.parent[v])} | over(tree.parent[v])

    edges = [(int(tree.parent[v]), v) for v in tested if tree.parent[v] in tested]
    asked = [(a, b) for a, b in pairs if a in known and b in known and known[a] != known[b]]
    good = [(a, b) for a, b in asked if min(likeness[s, set_node[s]] for s in (a, b)) >= least]
    good = [(set_node[a], set_node[b]) for a, b in good]
    return {
        "edges_follow": np.mean([node_set[u] in above(node_set[v]) for u, v in edges]),
        "edges_same": np.mean([node_set[u] == node_set[v] for u, v in edges]),
        "edges_reversed": np.mean([node_set[v] in above(node_set[u]) for u, v in edges]),
        "pairs_follow": sum(a in over(b) for a, b in good) / len(asked),
        "pairs_same": sum(a == b for a, b in good) / len(asked),
        "pairs_reversed": sum(b in over(a) for a, b in good) / len(asked),
        "pairs_recovered": len(good) / len(asked),
        "pairs_order": sum(a in over(b) for a, b in good) / max(1, sum(a != b for a, b in good)),
        "node_similarity": np.mean([likeness[node_set[v], v] for v in tested]),
        "set_similarity": np.mean([likeness[s, set_node[s]] for s in known]),
    }


def test_a_tree_that_is_the_hierarchy_follows_it_and_shuffles_do_not():
    sets, pairs = planted()
    found = dasknmf.hierarchy_score(level_tree(LEVELS, GENES), sets, pairs, permutations=99)
    measured = found["measured"].to_series()
    for name in ("edges_follow", "pairs_follow", "pairs_recovered", "node_similarity", "set_similarity"):
        assert measured[name] == 1
    assert measured["edges_same"] == measured["pairs_same"] == measured["edges_reversed"] == 0
    assert set(found["edge_relation"].values) == {"follows"}
    assert found["set"].values[found["node_set"]].tolist() == sorted(sets)
    for name in ("edges_follow", "pairs_follow", "set_similarity"):
        assert found["p"].sel(measure=name) == 0.01
        assert found["z"].sel(measure=name) > 3


def test_a_measure_that_all_shuffles_share_has_no_z():
    sets, pairs = planted()
    sets = {**sets, "all": GENES, "nearly": GENES[:150]}
    tree = level_tree([np.zeros(160, dtype=int), *LEVELS], GENES)
    found = dasknmf.hierarchy_score(
        tree, sets, [*pairs, ("all", "nearly")], permutations=30, min_similarity=0.8
    ).sel(measure="pairs_recovered")
    assert found["measured"] == 1
    # a root of all genes is like nearly all of them, however shuffled
    assert found["by_null"].values.tolist() == [1 / 13] * 30
    assert np.isnan(found["z"])


def test_a_tree_on_its_head_is_reversed():
    sets, pairs = planted()
    found = dasknmf.hierarchy_score(level_tree(LEVELS, GENES), sets, [(b, a) for a, b in pairs[:2]])
    assert found["measured"].sel(measure=["pairs_follow", "pairs_reversed"]).values.tolist() == [0, 1]


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("least", [0.0, 0.2])
def test_measures_equal_their_definitions(seed, least):
    rng = np.random.default_rng(seed)
    # a random tree: every node a part of its parent's genes, clusters overlap
    parent, members = [-1], [rng.permutation(60)[:50]]
    for v in range(1, 14):
        parent.append(int(rng.integers(-1, v)))
        pool = np.arange(60) if parent[v] < 0 else members[parent[v]]
        members.append(rng.permutation(pool)[: max(3, len(pool) * 2 // 3)])
    tree = Tree(parent, np.cumsum([0, *map(len, members)]), np.concatenate(members), GENES[:60])
    sets = {
        f"s{i:02}": [GENES[j] for j in rng.choice(80, rng.integers(4, 40), replace=False)] for i in range(20)
    }
    drawn = np.sort(rng.integers(0, 17, (25, 2)), axis=1)
    pairs = list(dict.fromkeys((f"s{a:02}", f"s{b:02}") for a, b in drawn if a < b))
    pairs.append(("s00", "no such set"))
    found = dasknmf.hierarchy_score(tree, sets, pairs, permutations=20, seed=seed, min_similarity=least)
    expected = brute_force(tree, sets, pairs, least)
    for name, value in expected.items():
        assert found["measured"].sel(measure=name).item() == pytest.approx(value), name
    assert found.attrs["names_without_set"] == 1
    null = found["by_null"].values
    measured = found["measured"].values[:, None]
    np.testing.assert_allclose(found["p"], (1 + (null >= measured).sum(axis=1)) / 21)
    np.testing.assert_allclose(found["null_mean"], null.mean(axis=1))


def test_a_tree_of_shuffled_genes_is_like_its_null():
    sets, pairs = planted()
    p = []
    for seed in range(40):
        shuffled = np.random.default_rng(seed).permutation(GENES)
        tree = level_tree(LEVELS, shuffled)
        found = dasknmf.hierarchy_score(tree, sets, pairs, permutations=39, seed=seed, min_similarity=0)
        p.append(found["p"].sel(measure=["edges_follow", "pairs_follow", "set_similarity"]).values)
    assert (np.array(p) <= 0.05).mean(axis=0).max() <= 0.2


def test_a_seed_gives_the_same_bits_and_the_order_of_sets_does_not_matter():
    sets, pairs = planted()
    tree = level_tree(LEVELS, np.roll(GENES, 7))
    one, again, other = (
        dasknmf.hierarchy_score(tree, sets, pairs, permutations=9, seed=s) for s in (1, 1, 2)
    )
    assert one.identical(again)
    assert not one["by_null"].equals(other["by_null"])
    turned = dasknmf.hierarchy_score(tree, dict(reversed(sets.items())), pairs[::-1], permutations=9, seed=1)
    assert turned["measured"].equals(one["measured"])
    assert turned["node_set"].equals(one["node_set"])


def branches(Z, count, least):
    """Branches of a dendrogram from their definition: split the highest merge until there are enough."""
    inside = {i: {i} for i in range(len(Z) + 1)}
    for step, (a, b) in enumerate(Z[:, :2].astype(int)):
        inside[len(Z) + 1 + step] = inside[a] | inside[b]
    alive = {2 * len(Z)}
    while len(alive) < count:
        # a branch whose sides are both too small stays
        open_ = [
            v
            for v in alive
            if v > len(Z) and max(len(inside[int(w)]) for w in Z[v - len(Z) - 1, :2]) >= least
        ]
        if not open_:
            break
        top = max(open_)
        alive.remove(top)
        alive |= {int(w) for w in Z[top - len(Z) - 1, :2] if len(inside[int(w)]) >= least}
    return {frozenset(inside[v]) for v in alive}


@pytest.mark.parametrize("least", [1, 3, 20])
@pytest.mark.parametrize("method", ["average", "single"])
def test_a_linkage_is_cut_into_branches(least, method):
    rng = np.random.default_rng(0)
    points = rng.standard_normal((160, 3))
    Z = linkage(points, method)
    tree = linkage_tree(Z, GENES, clusters=(8, 2, 4), min_size=least)
    nodes = [frozenset(tree.member[a:b].tolist()) for a, b in itertools.pairwise(tree.offset)]
    assert len(nodes) == len(set(nodes))
    assert set(nodes) == set().union(*(branches(Z, count, least) for count in (2, 4, 8)))
    for node, parent in zip(nodes, tree.parent, strict=True):
        containing = [other for other in nodes if other > node]
        assert (nodes[parent] if parent >= 0 else None) == (min(containing, key=len) if containing else None)


def test_branches_of_single_genes_are_the_clusters_of_one_height():
    Z = linkage(np.random.default_rng(1).standard_normal((160, 3)), "average")
    for count, labels in zip((2, 5, 160), branch_levels(Z, [160, 2, 5], min_size=1), strict=True):
        expected = fcluster(Z, count, "maxclust")
        assert len(set(zip(labels.tolist(), expected.tolist(), strict=True))) == count


def test_one_height_cuts_single_genes_off_where_branches_are_modules():
    rng = np.random.default_rng(0)
    points = np.concatenate([rng.normal(c, 0.3, (40, 2)) for c in ((0, 0), (6, 0), (0, 6))])
    far = np.concatenate([points, [[60, 60], [90, 0], [0, 90]]])
    Z = linkage(far, "average")
    assert sorted(np.bincount(fcluster(Z, 3, "maxclust"))[1:])[:2] == [1, 2]
    (labels,) = branch_levels(Z, [3], min_size=20)
    assert [set(labels[i : i + 40].tolist()) for i in (0, 40, 80)] in [
        [{a}, {b}, {c}] for a, b, c in itertools.permutations(range(3))
    ]
    assert labels[120:].tolist() == [-1, -1, -1]


def test_a_linkage_is_cut_at_several_heights():
    Z = linkage(np.random.default_rng(0).standard_normal((160, 3)), "average")
    heights = Z[[-2, -6], 2] * 1.000001
    assert len(linkage_tree(Z, GENES, heights=heights, min_size=1)) == len(
        {frozenset(np.flatnonzero(fcluster(Z, h, "distance") == c)) for h in heights for c in range(1, 7)}
        - {frozenset()}
    )


def test_genes_of_no_cluster_count_against_a_tree():
    sets, pairs = planted()
    # the first half of each cluster alone
    half = np.arange(160) % 20 < 10
    found = dasknmf.hierarchy_score(
        level_tree(np.where(half, LEVELS, -1), GENES), sets, pairs, permutations=1
    )
    assert found["set_similarity"].values.tolist() == [0.5] * len(sets)


def test_exchanged_clusters_keep_modules_and_lose_nesting():
    sets, pairs = planted()
    right = level_tree(LEVELS, GENES)
    # modules are what they were, but those of a half are not under it
    order = np.random.default_rng(0).permutation(8)
    wrong = level_tree(np.array([order // 4, order // 2, order])[:, LEVELS[2]], GENES)
    for tree, at_most in ((right, 0.01), (wrong, 1.0)):
        found = dasknmf.hierarchy_score(tree, sets, pairs, permutations=99, null="clusters")
        by_null = found["by_null"]
        # eight innermost sets of fourteen are recovered whatever is above them
        assert (by_null.sel(measure="set_similarity") >= 8 / 14).all()
        assert found["p"].sel(measure="pairs_follow") <= at_most
        assert found["null_mean"].sel(measure="pairs_follow") < 0.5
    assert found["p"].sel(measure="pairs_follow") > 0.05


def test_exchanged_clusters_are_what_a_tree_of_random_nesting_gives():
    sets, pairs = planted()
    p = []
    for seed in range(40):
        order = np.random.default_rng(seed).permutation(8)
        tree = level_tree(np.array([order // 4, order // 2, order])[:, LEVELS[2]], GENES)
        found = dasknmf.hierarchy_score(tree, sets, pairs, permutations=39, null="clusters", seed=seed)
        p.append(float(found["p"].sel(measure="pairs_agree")))
    assert np.mean(np.array(p) <= 0.05) <= 0.15


def test_an_exchange_moves_whole_clusters_within_a_depth():
    sets, pairs = planted()
    # an uneven tree: one half is not split, and has genes of its own beside its part
    levels = np.array([LEVELS[0], np.where((LEVELS[0] == 1) & (LEVELS[1] == 3), -1, LEVELS[1])])
    tree = level_tree(levels, GENES)
    matched = matched_sets(tree, as_gene_sets(sets), as_hierarchy(pairs), min_size=5, max_size=200)
    draw, rng = matched.exchanges(), np.random.default_rng(0)
    for _ in range(20):
        moved = matched.clusters[draw(rng)]
        # genes of one cluster stay together, and the shape is as it was
        for before, after in ((matched.clusters, moved), (moved, matched.clusters)):
            kinds = {}
            for a, b in zip(map(bytes, before), map(bytes, after), strict=True):
                assert kinds.setdefault(a, b) == b
        assert (moved[120:] == matched.clusters[120:]).all()
        assert sorted(moved.sum(axis=0)) == sorted(matched.clusters.sum(axis=0))


def test_overlapping_clusters_have_no_places_to_exchange():
    sets, pairs = planted()
    tree = Tree([-1, -1], [0, 80, 160], np.concatenate([np.arange(80), np.arange(40, 120)]), GENES)
    with pytest.raises(InputError, match="a gene is in several clusters"):
        dasknmf.hierarchy_score(tree, sets, pairs, null="clusters")


def test_pairs_are_possible_where_sizes_are_near_enough():
    sets, pairs = planted()
    # nodes of 160 and 10 genes: sets of 80 are like the first, no set of 20 or 40 at 0.6 like the second
    tree = level_tree([np.zeros(160, dtype=int), np.where(np.arange(160) < 10, 0, -1)], GENES)
    found = dasknmf.hierarchy_score(tree, sets, pairs, permutations=1, min_similarity=0.5)
    assert found.attrs["pairs_possible"] == 0
    found = dasknmf.hierarchy_score(tree, sets, pairs, permutations=1, min_similarity=0.25)
    # 40 in 160 above and 10 in 20 below, and 80 in 160 above and 10 in 40 below
    assert found.attrs["pairs_possible"] == 1
    found = dasknmf.hierarchy_score(tree, sets, pairs, permutations=1, min_similarity=0.4)
    assert not found["pair_possible"].any()
    own = dasknmf.hierarchy_score(level_tree(LEVELS, GENES), sets, pairs, permutations=1, min_similarity=1)
    assert own["pair_possible"].all()


def test_factors_of_nested_modules_are_linked_as_they_are_nested():
    A = sum(
        np.kron(np.eye(160 // width), np.full((width, width), weight))
        for width, weight in ((80, 1), (40, 2), (20, 4))
    )
    np.fill_diagonal(A, 0)
    sets, pairs = planted()
    for solver in ("spectral", "hals"):
        fit = dasknmf.nmf(A, n_components=8, solver=solver).assign_coords(gene=np.array(GENES, dtype=object))
        measured = dasknmf.hierarchy_score(factor_tree(fit), sets, pairs, permutations=19)[
            "measured"
        ].to_series()
        for name in ("edges_follow", "pairs_follow", "set_similarity"):
            assert measured[name] == 1, (solver, name)


def test_genes_of_no_factor_are_in_no_node():
    W = np.kron(np.eye(3), np.ones((6, 1)))
    W = np.vstack([W, np.zeros((2, 3))])
    fit = xr.Dataset(
        {"W": (("gene", "factor"), W), "H": (("factor", "gene"), W.T)},
        coords={"gene": np.array(GENES[:20], dtype=object), "factor": range(3)},
    )
    tree = factor_tree(fit)
    assert np.unique(tree.member).tolist() == list(range(18))
    assert np.diff(tree.offset).tolist().count(6) == 3
    with pytest.raises(InputError, match="belong to 1 factor"):
        factor_tree(fit.isel(factor=[0]))


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        (([-1, 0], [0, 2], [0, 1]), "offset must have 3 places"),
        (([-1, 0], [0, 2, 1], [0]), "offset must not fall"),
        (([-1], [0, 1], [5]), "members must be places in genes, from 0 to 2"),
        (([-1], [0, 2], [1, 1]), "a gene may be in a node only once"),
        (([-2], [0, 1], [0]), "parents must be nodes"),
        (([1, 0], [0, 1, 2], [0, 1]), "a node is its own ancestor"),
    ],
)
def test_arrays_that_are_no_tree_are_refused(arrays, message):
    with pytest.raises(InputError, match=message):
        Tree(*arrays, GENES[:3])


def test_what_makes_no_tree_is_refused():
    with pytest.raises(InputError, match="cluster 0 of level 1 is in several of level 0"):
        level_tree([[0, 0, 1, 1], [0, 1, 0, 1]], GENES[:4], min_size=1)
    with pytest.raises(InputError, match="no cluster is large enough"):
        level_tree([[0, 0, 1, 1]], GENES[:4])
    with pytest.raises(InputError, match="needs whole numbers"):
        level_tree([[0, 0, 1]], GENES[:4])
    Z = linkage(np.random.default_rng(0).random((30, 2)), "centroid")
    with pytest.raises(InputError, match="whose heights never fall"):
        linkage_tree(Z, GENES[:30])
    with pytest.raises(InputError, match="no cuts"):
        linkage_tree(linkage(np.arange(4.0)[:, None]), GENES[:4], clusters=())


def test_names_that_do_not_meet_are_refused_with_examples():
    sets, pairs = planted()
    tree = level_tree(LEVELS, GENES)
    with pytest.raises(
        InputError, match="names no set of given: the hierarchy has names such as a, b, the sets"
    ):
        dasknmf.hierarchy_score(tree, sets, [("a", "b")])
    with pytest.raises(InputError, match="such as g000, g001, g002, the tree such as x0, x1, x2"):
        dasknmf.hierarchy_score(level_tree(LEVELS, [f"x{i}" for i in range(160)]), sets, pairs)
    with pytest.raises(InputError, match="0 sets have 300 to 2000 genes"):
        dasknmf.hierarchy_score(tree, sets, pairs, min_size=300)
    with pytest.raises(InputError, match="null='weights'"):
        dasknmf.hierarchy_score(tree, sets, pairs, null="weights")
    with pytest.raises(InputError, match="permutations=0"):
        dasknmf.hierarchy_score(tree, sets, pairs, permutations=0)


@pytest.mark.data
@pytest.mark.skipif(not (DATA / "genesets").is_dir(), reason="needs the real gene sets")
def test_reactome_follows_itself():
    folder = DATA / "genesets"
    sets = dasknmf.read_gene_sets(folder / "reactome_human_symbols.gmt.gz")
    hierarchy = dasknmf.read_hierarchy(folder / "ReactomePathwaysRelationHuman.txt")
    # the tree of all pathways that have parent or child, under one parent each
    inside = np.isin(sets.names, hierarchy.names)
    sets = as_gene_sets({name: sets[name] for name in sets.names[inside]})
    place = {name: s for s, name in enumerate(sets.names.tolist())}
    parent = np.full(len(sets), -1)
    for a, b in zip(hierarchy.names[hierarchy.parent], hierarchy.names[hierarchy.child], strict=True):
        if a in place and b in place:
            parent[place[b]] = place[a]
    tree = Tree(parent, sets.offset, sets.member, sets.genes)
    found = dasknmf.hierarchy_score(tree, sets, hierarchy, permutations=2, max_size=5000)
    measured = found["measured"].to_series()
    assert measured["node_similarity"] == 1
    # pathways of the same genes cannot be told apart, and some have several parents
    assert measured["pairs_agree"] > 0.95
    assert measured["edges_agree"] > 0.95
