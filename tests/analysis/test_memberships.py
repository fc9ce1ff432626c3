import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.cluster.hierarchy import cophenet, linkage
from scipy.spatial.distance import squareform

from dasknmf.analysis.memberships import (
    cophenetic,
    dispersion,
    gene_consensus,
    gene_stability,
    memberships,
    sample_genes,
)


def test_a_gene_belongs_to_its_largest_loading_in_balanced_w():
    W = np.array([[1.0, 2.0], [5.0, 3.0], [0.0, 0.0]])
    Ht = np.array([[9.0, 1.0], [0.0, 0.0], [0.0, 0.0]])
    # balanced, the columns are √(9/√26) = 1.33 and √(1/√13) = 0.53 times what they are
    assert memberships((W, Ht)).tolist() == [0, 0, -1]
    assert memberships((W * [0.1, 4], Ht / [0.1, 4])).tolist() == [0, 0, -1]


def test_the_two_sides_of_partners_are_told_apart():
    W = np.kron(np.eye(2), np.ones((3, 1)))
    assert memberships((W, W[:, ::-1])).tolist() == [0, 0, 0, 1, 1, 1]


def test_nobody_belongs_to_a_factor_that_is_zero_on_a_side():
    W = np.array([[9.0, 1.0], [9.0, 0.0]])
    assert memberships((W, np.array([[0.0, 1.0], [0.0, 1.0]]))).tolist() == [1, -1]


def test_a_sample_has_only_genes_that_belong_somewhere_and_depends_on_the_seed_alone():
    rng = np.random.default_rng(0)
    labels = np.where(rng.random((3, 500)) < 0.3, -1, 2)
    labels[:, :100] = -1
    one, again, other = (sample_genes(labels, size=50, seed=seed) for seed in (1, 1, 2))
    assert one.tolist() == again.tolist() != other.tolist()
    assert len(one) == len(set(one)) == 50
    assert (labels[:, one] >= 0).any(axis=0).all()
    # another rank, at which some genes have lost their loadings, keeps the others in the sample
    labels[:, one[:5]] = -1
    assert set(one[5:]) < set(sample_genes(labels, size=50, seed=1))


@given(seed=st.integers(0, 10_000), R=st.integers(1, 5), m=st.integers(1, 12))
def test_consensus_counts_the_restarts_that_agree(seed, R, m):
    labels = np.random.default_rng(seed).integers(-1, 3, (R, m))
    found = gene_consensus(labels)
    for i, j in np.ndindex(m, m):
        agree = sum(a == b >= 0 for a, b in zip(labels[:, i], labels[:, j], strict=True))
        assert found[i, j] == (1 if i == j else agree / R)


def test_cophenetic_correlation_of_four_genes_equals_that_by_hand():
    # 1 and 2 join at ¼, 3 and 4 at ½, both at the mean of 1, ¾, 1, ¾; the correlation is √(35/41)
    distances = squareform([0.25, 1, 0.75, 1, 0.75, 0.5])
    assert cophenetic(1 - distances) == pytest.approx(np.sqrt(35 / 41))


@given(seed=st.integers(0, 10_000))
def test_cophenetic_correlation_equals_that_of_scipy(seed):
    consensus = gene_consensus(np.random.default_rng(seed).integers(0, 3, (4, 25)))
    distances = squareform(1 - consensus, checks=False)
    assert cophenetic(consensus) == pytest.approx(cophenet(linkage(distances, "average"), distances)[0])


def test_dispersion_has_its_closed_forms():
    assert dispersion(np.eye(5)) == 1
    assert dispersion(np.full((5, 5), 0.5)) == 0
    # Kim & Park 2007: Σ 4 (c − ½)² / n²
    assert dispersion(np.array([[1, 0.25], [0.25, 1]])) == (2 + 2 * 4 / 16) / 4


@given(seed=st.integers(0, 10_000), k=st.integers(2, 5))
def test_restarts_that_differ_in_order_scale_and_gauge_agree_entirely(seed, k):
    rng = np.random.default_rng(seed)
    W = np.kron(np.eye(k), np.ones((4, 1))) + 0.1 * rng.random((4 * k, k))
    fits = []
    for _ in range(3):
        order, gauge = rng.permutation(k), 10.0 ** rng.uniform(-3, 3, k)
        fits.append(((W * gauge)[:, order], (W / gauge)[:, order]))
    assert gene_stability(fits) == (pytest.approx(1), pytest.approx(1))


def test_restarts_that_have_nothing_in_common_are_dispersed():
    rng = np.random.default_rng(2)
    fits = [(rng.random((200, 5)), rng.random((200, 5))) for _ in range(10)]
    found, spread = gene_stability(fits, size=100)
    assert found < 0.8
    assert spread < 0.6


def test_one_restart_one_factor_and_no_genes_say_nothing():
    W = np.ones((6, 1))
    assert np.isnan(gene_stability([(W, W)])).all()
    found, spread = gene_stability([(W, W)] * 3)
    assert np.isnan(found)
    assert spread == 1
    assert np.isnan(gene_stability([(W * 0, W)] * 3)).all()
