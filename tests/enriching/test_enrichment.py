"""Enrichment of factors: every cell against scipy, planted sets, the choices of a user, and what is refused."""

from __future__ import annotations

import itertools
import json
import logging
from fractions import Fraction
from math import comb

import numpy as np
import pytest
import scipy.sparse as sp
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import fisher_exact, hypergeom, mannwhitneyu, norm

import dasknmf
from dasknmf.enriching.overlap import overlap_test, participation, top_ranks
from dasknmf.enriching.rank_sums import rank_test
from dasknmf.enriching.variables import VARIABLES
from dasknmf.errors import InputError
from tests.conftest import DATA


def fit_of(W, Ht=None, genes=None):
    W = np.asarray(W, dtype=np.float32)
    H = W.T if Ht is None else np.asarray(Ht, dtype=np.float32).T
    genes = [f"g{i}" for i in range(len(W))] if genes is None else genes
    return xr.Dataset(
        {"W": (("gene", "factor"), W), "H": (("factor", "gene"), H)},
        coords={"gene": np.array(genes, dtype=object), "factor": np.arange(W.shape[1])},
        attrs={"network": "net.zarr", "network_checksum": "sha256:0"},
    )


@pytest.fixture(scope="module")
def sparse_fit():
    rng = np.random.default_rng(0)
    # many zeros and rounded values, so that loadings tie
    W, Ht = (rng.random((120, 4)).round(1) * (rng.random((120, 4)) < 0.4) for _ in range(2))
    return fit_of(W, Ht)


@pytest.fixture(scope="module")
def sets():
    rng = np.random.default_rng(1)
    drawn = {
        f"s{i}": [f"g{j}" for j in rng.choice(150, rng.integers(3, 50), replace=False)] for i in range(25)
    }
    return {**drawn, "unknown": ["zz1", "zz2"]}


@pytest.mark.parametrize("universe", ["sets", "network"])
def test_every_cell_equals_scipy(sparse_fit, sets, universe):
    sets = (
        {name: genes for name, genes in sets.items() if name in ("s0", "s1", "s2", "s3")}
        if universe == "sets"
        else sets
    )
    sets = {name: genes for name, genes in sets.items() if name != "unknown"}
    found = dasknmf.enrich(sparse_fit, sets, min_size=2, universe=universe)
    genes = sparse_fit["gene"].values
    known = set(itertools.chain.from_iterable(sets.values()))
    counted = np.array([universe == "network" or gene in known for gene in genes])
    assert universe == "network" or not counted.all()
    assert found["in_universe"].values.tolist() == counted.tolist()
    for side, factor in itertools.product("WH", range(4)):
        loading = sparse_fit[side].sel(factor=factor).values.astype(float)
        number = round((loading**2).sum() ** 2 / (loading**4).sum())
        top = loading >= np.sort(loading)[::-1][number - 1]
        cells = found.sel(side=side, factor=factor)
        assert cells["top"] == (top & counted).sum()
        p = []
        for name in found["set"].values:
            inside = np.isin(genes, sets[name])
            table = [[(a & b & counted).sum() for b in (top, ~top)] for a in (inside, ~inside)]
            cell = cells.sel(set=name)
            exact = fisher_exact(table, alternative="greater")
            assert cell["overlap"] == table[0][0]
            assert cell["p"].item() == pytest.approx(exact.pvalue, rel=1e-10)
            assert cell["odds_ratio"].item() == pytest.approx(exact.statistic)
            expected = top[counted].mean() * inside.sum()
            assert cell["fold"].item() == pytest.approx(table[0][0] / expected)
            out = loading[counted & ~inside]
            rank = mannwhitneyu(
                loading[inside], out, alternative="greater", method="asymptotic", use_continuity=False
            )
            assert cell["auroc"].item() == pytest.approx(rank.statistic / (inside.sum() * len(out)))
            assert norm.sf(cell["z"].item()) == pytest.approx(rank.pvalue, rel=1e-9)
            p.append((cell["p"].item(), cell["rank_p"].item()))
        for column, name in enumerate(("q", "rank_q")):
            values = np.array(p)[:, column]
            # q of p_i: the smallest over all j with p_j ≥ p_i of m p_j / rank(p_j)
            q = [min(1, *(len(p) * b / (values <= b).sum() for b in values if b >= a)) for a in values]
            np.testing.assert_allclose(cells[name], q)


@given(data=st.data(), N=st.integers(1, 3000))
def test_overlaps_have_the_exact_chance(data, N):
    K, n = data.draw(st.integers(0, N)), data.draw(st.integers(0, N))
    x = data.draw(st.integers(max(0, K + n - N), min(K, n)))
    p = overlap_test(np.array([float(x)]), np.array([float(K)]), np.array([float(n)]), N).p.item()
    expected = hypergeom.sf(x - 1, N, K, n)
    assert p == pytest.approx(expected, rel=1e-9, abs=1e-300)


def test_an_overlap_far_in_the_tail_equals_whole_numbers():
    N, K, n, x = 17_000, 300, 250, 120
    ways = sum(comb(K, i) * comb(N - K, n - i) for i in range(x, n + 1))
    p = overlap_test(np.array([120.0]), np.array([300.0]), np.array([250.0]), N).p.item()
    assert p == pytest.approx(float(Fraction(ways, comb(N, n))), rel=1e-9)
    assert p < 1e-100


def test_the_rank_p_is_that_of_all_sets_of_the_size():
    rng = np.random.default_rng(2)
    loading = (rng.random(18) ** 3 * (rng.random(18) < 0.6)).round(2)
    subsets = np.array(list(itertools.combinations(range(18), 5)))
    members = np.zeros((len(subsets), 18))
    np.put_along_axis(members, subsets, 1, axis=1)
    found = rank_test(sp.csr_array(members), loading[:, None])
    z = found.z[:, 0]
    # exact moments
    assert z.mean() == pytest.approx(0, abs=1e-12)
    assert z.std() == pytest.approx(1)
    # p beside the share of all 8,568 sets with such a z or more
    exact = (z[:, None] <= z[None, :] + 1e-12).mean(axis=1)
    strong = (exact < 0.2) & (exact > 0.005)
    assert np.abs(np.log2(found.p[strong, 0] / exact[strong])).max() < 0.7
    assert np.abs(found.p[:, 0] - exact).max() < 0.06


def test_skewed_ranks_do_not_make_chance_significant():
    rng = np.random.default_rng(3)
    loadings = rng.random((4000, 10)) * (rng.random((4000, 10)) < 0.03)
    drawn = np.array([rng.choice(4000, 8, replace=False) for _ in range(5000)])
    members = sp.csr_array((np.ones(40_000), drawn.ravel(), np.arange(0, 40_001, 8)), shape=(5000, 4000))
    found = rank_test(members, loadings)
    called = (found.p < 1e-4).mean() / 1e-4
    by_normal = (norm.sf(found.z) < 1e-4).mean() / 1e-4
    assert called < 2
    assert by_normal > 20


def test_planted_sets_are_found_and_shuffled_ones_are_not():
    rng = np.random.default_rng(4)
    n, k = 600, 5
    module = np.repeat(np.arange(k), n // k)
    W = (module[:, None] == np.arange(k)) * (0.5 + rng.random((n, k))) + 0.05 * rng.random((n, k))
    fit = fit_of(W)
    planted = {
        f"m{j}": [f"g{i}" for i in rng.permutation(np.flatnonzero(module == j))[:40]] for j in range(k)
    }
    names = [f"g{i}" for i in range(n)]
    noise = {f"n{j}": rng.choice(names, 40, replace=False).tolist() for j in range(100)}
    found = dasknmf.enrich(fit, {**noise, **planted}, sides="W", universe="network")
    best = dasknmf.enrichment_table(found, n=1)
    assert best["set"].tolist() == [f"m{j}" for j in range(k)]
    assert dasknmf.enrichment_table(found, n=1, by="rank")["set"].tolist() == [f"m{j}" for j in range(k)]
    assert (best["q"] < 1e-10).all()
    # 40 genes of a module of 120, whose others are as high: (480 + 40) / 560
    assert best["auroc"].to_numpy() == pytest.approx(0.93, abs=0.03)
    called = found[["q", "rank_q"]].sel(set=list(noise)).to_array() < 0.05
    assert called.sum() <= 2


def test_known_genes_are_enriched_by_being_known_only_where_all_genes_count():
    rng = np.random.default_rng(5)
    # the first 300 of 1,000 genes are known, and have the larger loadings
    W = rng.random((1000, 6)) * np.where(np.arange(1000) < 300, 3, 1)[:, None]
    drawn = {f"s{i}": [f"g{j}" for j in rng.choice(300, 30, replace=False)] for i in range(100)}
    fit = fit_of(W)
    among_all = dasknmf.enrich(fit, drawn, universe="network", sides="W", n_top=100)
    among_known = dasknmf.enrich(fit, drawn, sides="W", n_top=100)
    for q in ("q", "rank_q"):
        assert (among_all[q] < 0.05).mean() > 0.9
        assert (among_known[q] < 0.05).sum() <= 3


def test_the_order_of_genes_and_sets_does_not_matter(sparse_fit, sets):
    found = dasknmf.enrich(sparse_fit, sets, n_top=10)
    order = np.random.default_rng(6).permutation(120)
    turned = dasknmf.enrich(sparse_fit.isel(gene=order), dict(reversed(sets.items())), n_top=10)
    for name in ("overlap", "p", "q", "auroc", "z", "rank_p", "rank_q", "size"):
        np.testing.assert_allclose(turned[name].sel(set=found["set"]), found[name], rtol=1e-12, err_msg=name)


def test_the_top_is_what_carries_a_factor():
    W = np.zeros((1000, 3))
    W[:100, 0] = 7
    W[:, 1] = 0.01
    W[:50, 1] = 1
    assert participation(W).tolist() == [100, 50, 0]
    assert (top_ranks(W, n_top=None) > 0).sum(axis=0).tolist() == [100, 50, 0]
    assert participation(W * 1e-200).tolist() == [100, 50, 0]
    # ties with the last are in, zeros never
    assert (top_ranks(W, n_top=60) > 0).sum(axis=0).tolist() == [100, 1000, 0]


def test_a_factor_of_zeros_has_no_enrichment(sets):
    found = dasknmf.enrich(fit_of(np.zeros((120, 2))), sets)
    assert (found["p"] == 1).all()
    assert (found["q"] == 1).all()
    assert (found["rank_p"] == 1).all()
    assert (found["auroc"] == 0.5).all()
    assert found["top"].values.tolist() == [[0, 0], [0, 0]]


def test_the_mean_is_of_a_factor_and_its_partner(sets):
    rng = np.random.default_rng(7)
    W = rng.random((120, 3)) ** 4
    partner = [1, 0, 2]
    # h_j is w of its partner, on another scale
    fit = fit_of(W, W[:, partner] * [1, 20, 3])
    found = dasknmf.enrich(fit, sets, sides=("W", "H", "mean"))
    assert found["partner_of"].values.tolist() == partner
    np.testing.assert_allclose(found["z"].sel(side="mean"), found["z"].sel(side="W"), atol=1e-9)
    np.testing.assert_allclose(
        found["z"].sel(side="H").isel(factor=partner), found["z"].sel(side="W"), atol=1e-9
    )
    told = dasknmf.enrich(fit, sets, sides="mean", partner_of=[0, 1, 2])
    unit = [side / np.linalg.norm(side, axis=0) for side in (fit["W"].values, fit["H"].values.T)]
    expected = dasknmf.enrich(fit_of(unit[0] + unit[1]), sets, sides="W")
    np.testing.assert_allclose(told["auroc"].values, expected["auroc"].values, atol=0.01)


def test_rows_hold_the_cells_in_order(sparse_fit, sets):
    found = dasknmf.enrich(sparse_fit, sets)
    rows = dasknmf.enrichment_table(found)
    assert len(rows) == found["p"].size
    assert rows["factor"].is_monotonic_increasing
    for (factor, side), part in rows.groupby(["factor", "side"]):
        assert part["p"].is_monotonic_increasing
        cells = found.sel(factor=factor, side=side, set=part["set"].tolist())
        for name in ("overlap", "p", "rank_q", "odds_ratio", "size"):
            np.testing.assert_array_equal(part[name], cells[name])
        assert (part["top"] == cells["top"].item()).all()
        loading = sparse_fit[side].sel(factor=factor).to_series()
        for row in part.itertuples():
            genes = row.genes.split()
            assert len(genes) == row.overlap
            assert set(genes) <= set(sets[row.set])
            assert loading[genes].is_monotonic_decreasing
    best = dasknmf.enrichment_table(found, n=2)
    assert best.equals(rows.groupby(["factor", "side"], sort=False).head(2).reset_index(drop=True))
    some = dasknmf.enrichment_table(found, max_q=0.5, by="rank")
    assert len(some) == (found["rank_q"] <= 0.5).sum()


def test_the_result_says_how_it_was_made_and_keeps(sparse_fit, sets, tmp_path):
    found = dasknmf.enrich(sparse_fit, sets, n_top=30, max_size=40, sides=("W", "mean"))
    a = found.attrs
    assert (a["n_top"], a["min_size"], a["max_size"], a["universe"]) == (30, 5, 40, "sets")
    assert (a["network"], a["gene_sets"], a["sets_given"]) == ("net.zarr", "given", 26)
    assert a["sets_tested"] == found.sizes["set"] == ((found["size"] >= 5) & (found["size"] <= 40)).sum()
    assert "dasknmf" in json.loads(a["versions"])
    assert {name: VARIABLES[name][0] for name in found.data_vars} == {
        name: found[name].dims for name in found.data_vars
    }
    assert set(found.data_vars) == set(VARIABLES)
    found.to_zarr(tmp_path / "enriched.zarr", zarr_format=3, consolidated=False)
    again = xr.open_zarr(tmp_path / "enriched.zarr", consolidated=False)
    xr.testing.assert_equal(
        again.drop_vars(["side", "set", "gene", "description"]),
        found.drop_vars(["side", "set", "gene", "description"]),
    )
    assert dasknmf.enrichment_table(again)["set"].tolist() == dasknmf.enrichment_table(found)["set"].tolist()


def test_names_of_another_kind_are_shown_beside_ours(sparse_fit, caplog):
    with pytest.raises(
        InputError, match="names such as YBR228W, YLR135W, the network such as g0, g1, g2; take sets"
    ):
        dasknmf.enrich(sparse_fit, {"CPX-1355": ["YBR228W", "YLR135W"]})
    with pytest.raises(
        InputError, match=r"such as G0, G1, G2, the network such as g0.*9 names differ in capitals"
    ):
        dasknmf.enrich(sparse_fit, {"a": [f"G{i}" for i in range(9)]})
    few = {"a": [f"g{i}" for i in range(6)], "b": [f"Y{i}" for i in range(200)]}
    with caplog.at_level(logging.WARNING, "dasknmf"):
        dasknmf.enrich(sparse_fit, few)
    assert "only 6 of the 206 genes of given are in the network of 120: the sets have names" in caplog.text


def test_a_small_network_in_large_sets_is_no_mismatch(sparse_fit, caplog):
    large = {"a": [f"g{i}" for i in range(100)], "b": [f"g{i}" for i in range(5000)]}
    with caplog.at_level(logging.WARNING, "dasknmf"):
        dasknmf.enrich(sparse_fit, large)
    assert not caplog.records


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sides": "V"}, "sides='V' is not known; choose one of W, H, mean"),
        ({"sides": ()}, "needs one or several of"),
        ({"sides": ("W", "W")}, "each once"),
        ({"n_top": 0}, "n_top=0: needs a whole number"),
        ({"min_size": 0}, "min_size=0"),
        ({"max_size": 2}, "max_size=2: needs a whole number of at least 5"),
        ({"universe": "all"}, "universe='all' is not known"),
        ({"min_size": 400}, r"no set of given has 400 to 500 genes in the network \(the largest has"),
        ({"partner_of": [0, 1, 2, 3]}, "only for sides='mean'"),
        ({"sides": "mean", "partner_of": [0, 0, 1, 2]}, "each once"),
    ],
)
def test_options_that_cannot_be_used_are_refused(sparse_fit, sets, options, message):
    with pytest.raises(InputError, match=message):
        dasknmf.enrich(sparse_fit, sets, **options)


def test_fits_that_cannot_be_used_are_refused(sparse_fit, sets):
    with pytest.raises(InputError, match="lacks H"):
        dasknmf.enrich(sparse_fit.drop_vars("H"), sets)
    with pytest.raises(InputError, match="names a gene twice"):
        dasknmf.enrich(fit_of(np.ones((3, 1)), genes=["g1", "g1", "g2"]), sets)
    with pytest.raises(InputError, match="negative or not finite"):
        dasknmf.enrich(fit_of(np.full((120, 1), np.nan)), sets)
    with pytest.raises(InputError, match="lacks size, top"):
        dasknmf.enrichment_table(sparse_fit)


@pytest.mark.data
@pytest.mark.skipif(not (DATA / "genesets").is_dir(), reason="needs the real networks and gene sets")
def test_factors_of_string_are_known_pathways(tmp_path):
    folder = DATA / "string_human_dnet"
    dasknmf.import_network(folder / "edges.tsv.gz", tmp_path / "string.zarr")
    fit = dasknmf.nmf(tmp_path / "string.zarr", n_components=8)
    file = DATA / "genesets" / "reactome_human_symbols.gmt.gz"
    found = dasknmf.enrich(fit, file)
    assert found.attrs["genes_shared"] > 10_000
    best = dasknmf.enrichment_table(found, n=1)
    assert (best["q"] < 1e-30).all()
    shuffled = fit.assign_coords(gene=np.random.default_rng(0).permutation(fit["gene"].values))
    assert (dasknmf.enrich(shuffled, file)["q"] < 0.05).any("set").sum() <= 3
