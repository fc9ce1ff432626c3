"""Trees of nested factors are clusters inside each other, as comparable as those of a clustering."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import dasknmf
from dasknmf.enriching.association_trees import association_tree
from dasknmf.enriching.trees import level_tree
from dasknmf.errors import InputError

#: Two halves of two quarters of two eighths of ten genes.
LEVELS = np.array([np.arange(80) // width for width in (40, 20, 10)])


@pytest.fixture(scope="module")
def planted():
    rng = np.random.default_rng(0)
    A = sum((LEVELS[i][:, None] == LEVELS[i]) * weight for i, weight in enumerate((0.3, 1, 3)))
    A = A + 0.05 * rng.random((80, 80))
    return (A + A.T) / 2


def nodes(tree):
    return [frozenset(tree.member[a:b].tolist()) for a, b in itertools.pairwise(tree.offset)]


@pytest.mark.parametrize("method", ["relational", "coarsen"])
def test_planted_levels_come_back_as_their_tree(planted, method):
    run = dasknmf.nested(planted, [8, 4, 2], method=method, restarts=2)
    tree = association_tree(run)
    expected = level_tree(LEVELS, run["gene"].values)
    assert set(nodes(tree)) == set(nodes(expected))
    for node, parent in zip(nodes(tree), tree.parent, strict=True):
        assert parent < 0 or node < nodes(tree)[parent]
    # supports of the same factors are far larger: most loadings are next to nothing
    assert len(run["member_gene"]) > 1.5 * len(tree.member)


def test_zoom_is_as_the_run_made_it_without_its_root(planted):
    run = dasknmf.nested(planted, [2, 2], method="zoom", levels=2, least_genes=5, least_edges=1)
    tree = association_tree(run)
    offset, gene = run["member_offset"].values, run["member_gene"].values
    found = {frozenset(gene[a:b].tolist()) for a, b in itertools.pairwise(offset)}
    assert set(nodes(tree)) == {node for node in found if len(node) < 80}
    with pytest.raises(InputError, match="leave share out"):
        association_tree(run, share=0.5)


def test_a_share_puts_genes_into_several_factors(planted):
    run = dasknmf.nested(planted, [8, 4, 2], method="relational", restarts=2)
    offset, gene = run["member_offset"].values, run["member_gene"].values
    loading = np.zeros((80, 8))
    for v in range(8):
        inside = slice(offset[v], offset[v + 1])
        loading[gene[inside], v] = run["member_loading"].values[inside]
    least = 0.02 * loading.max(axis=1, keepdims=True)
    several = {frozenset(np.flatnonzero(column).tolist()) for column in (loading >= least).T}
    assert sum(map(len, several)) > 80
    # one that is all of what is above it is there as that
    assert several <= set(nodes(association_tree(run, share=0.02)))
    assert np.diff(association_tree(run, share=1).offset)[-8:].sum() == 80
    for share in (0, 1.5):
        with pytest.raises(InputError, match="needs a number above 0"):
            association_tree(run, share=share)


def test_a_gene_of_equal_loadings_is_in_one_factor_alone(planted):
    run = dasknmf.nested(planted, [8, 4], method="coarsen", restarts=1)
    run["member_loading"][:] = 1.0
    tree = association_tree(run, min_size=1)
    leaves = np.setdiff1d(np.arange(len(tree)), tree.parent)
    assert np.bincount(np.concatenate([np.array(sorted(nodes(tree)[v])) for v in leaves])).max() == 1


def test_what_is_no_nested_run_is_refused(planted):
    fit = dasknmf.nmf(planted, n_components=2)
    with pytest.raises(InputError, match="not nested associations"):
        association_tree(fit)
