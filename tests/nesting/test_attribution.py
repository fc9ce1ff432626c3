"""What γ is made of, and which choice to take: losses that are planted one by one."""

import numpy as np
import pytest

import dasknmf
from dasknmf.nesting.decay_dataset import attribution_table
from tests.nesting.test_fragmentation import LEVELS, nested_run

R = 6


def retention(gamma, *, start=0.95, seed=0, own=0.01):
    """ρ whose restarts share what their seed does, so that pairing takes it away."""
    shared = 0.1 * np.random.default_rng(99).standard_normal((R, 1))
    noise = own * np.random.default_rng(seed).standard_normal((R, 5))
    return start * np.exp(-(gamma + shared) * LEVELS + noise)


def effect(found, cause, **where):
    table = attribution_table(found)
    rows = table[table["cause"] == cause]
    for name, value in where.items():
        rows = rows[rows[name] == value]
    assert len(rows) == 1
    return rows.iloc[0]


def runs():
    inner = {"W": retention(0.32, seed=1), "H": retention(0.31, seed=2), "partner": retention(0.3, seed=3)}
    inner["index"] = retention(0.3, start=0.53, seed=4)
    first = nested_run(inner, network="trrust")
    direct = np.stack([retention(0.02, seed=9) for _ in inner])
    first["direct_retention"] = (("branch", "restart", "tier"), direct)
    half = nested_run({"partner": retention(0.9, seed=5)}, network="trrust", similarity=0.5)
    core = nested_run({"partner": retention(0.1, seed=6)}, network="trrust", similarity="core")
    return [first, half, core]


def test_each_planted_loss_is_found_by_its_own_cause_in_pairs():
    found = dasknmf.fragmentation(runs())
    normalising = effect(found, "normalising")
    assert normalising["effect_run"] == "trrust relational partner 0.5"
    assert normalising["effect_gamma"] == pytest.approx(0.6, abs=0.02)
    assert effect(found, "semidefiniteness")["effect_gamma"] == pytest.approx(0.2, abs=0.02)
    assert effect(found, "one side", effect_branch="W")["effect_gamma"] == pytest.approx(0.02, abs=0.02)
    assert effect(found, "nesting")["effect_gamma"] == pytest.approx(0.28, abs=0.02)
    assert effect(found, "rank")["effect_gamma"] == pytest.approx(
        found.sel(quantity="direct partner")["gamma"].values[0]
    )
    # restarts differ by 0.1 in γ: pairs of the same seed do not
    spread = found["gamma_high"] - found["gamma_low"]
    width = normalising["effect_high"] - normalising["effect_low"]
    assert normalising["effect_paired"]
    assert width < 0.2 * spread.sel(quantity="retention partner").values[0]


def test_what_is_lost_before_nesting_is_not_in_gamma():
    row = effect(dasknmf.fragmentation(runs()), "index-wise")
    assert row["effect_low"] < 0 < row["effect_high"]
    assert row["effect_start"] == pytest.approx(np.log(0.95 / 0.53), abs=0.02)
    assert row["effect_start_low"] > 0.5


def test_restarts_of_other_seeds_are_not_paired_and_have_longer_intervals():
    first, half, _ = runs()
    paired = effect(dasknmf.fragmentation([first, half]), "normalising")
    unpaired = effect(dasknmf.fragmentation([first, half.assign_attrs(seed=100)]), "normalising")
    assert paired["effect_paired"]
    assert not unpaired["effect_paired"]
    assert unpaired["effect_gamma"] == pytest.approx(paired["effect_gamma"])
    assert (unpaired["effect_high"] - unpaired["effect_low"]) > 3 * (
        paired["effect_high"] - paired["effect_low"]
    )


def test_runs_that_differ_in_two_choices_are_not_compared():
    first, half, core = runs()
    found = dasknmf.fragmentation([first, half.assign_attrs(network="other")])
    assert "normalising" not in found["cause"].values
    found = dasknmf.fragmentation(
        [first, core.assign_coords(tier=np.arange(5)).assign(n_factors=("tier", [9, 7, 5, 3, 1]))]
    )
    assert "semidefiniteness" not in found["cause"].values


#: THEORY's table: retention of each level, of networks with and without partner pairs.
SEEN = {
    "costanzo2010": {
        "inner": [0.98, 0.97, 0.97, 0.97],
        0.5: [0.98, 0.75, 0.39, 0.13],
        "core": [0.98, 0.89, 0.84, 0.81],
    },
    "bioplex_human": {
        "inner": [0.96, 0.92, 0.90, 0.92],
        0.5: [0.96, 0.52, 0.20, 0.10],
        "core": [0.96, 0.92, 0.84, 0.82],
    },
    "trrust_tf_target": {
        "inner": [0.95, 0.86, 0.78, 0.34],
        0.5: [0.95, 0.12, 0.07, 0.05],
        "core": [0.95, 0.93, 0.85, 0.69],
    },
}


def seen_runs(networks):
    rng = np.random.default_rng(0)
    return [
        nested_run(
            {"partner": np.array(curve) * np.exp(0.01 * rng.standard_normal((5, 4)))},
            network=network,
            similarity=similarity,
        )
        for network in networks
        for similarity, curve in SEEN[network].items()
    ]


def test_the_choice_is_what_does_best_where_it_does_worst():
    one = dasknmf.fragmentation(seen_runs(["costanzo2010"]))
    assert "similarity=inner" in one.attrs["choice"]
    # inner is ruined where partners carry the structure; the core is never far behind
    every = dasknmf.fragmentation(seen_runs(SEEN))
    assert every.attrs["choice"] == "method=relational, loadings=partner, similarity=core"
    assert "similarity=inner" in every.attrs["choice_sentence"]
    assert "(trrust_tf_target)" in every.attrs["choice_sentence"]
    kept = every["option_kept"].values[
        (every["option_network"] == "trrust_tf_target") & every["option"].str.contains("core")
    ]
    assert kept == pytest.approx(np.prod(SEEN["trrust_tf_target"]["core"]) ** 0.25, abs=0.02)


def test_branches_that_keep_the_same_are_alike_and_partners_are_taken():
    found = dasknmf.fragmentation(runs()[:1])
    assert "loadings=partner" in found.attrs["choice"]
    alike = nested_run(
        {"W": retention(0.3, seed=1, own=1e-4), "partner": retention(0.3005, seed=2, own=1e-4)}
    )
    found = dasknmf.fragmentation(alike)
    assert "loadings=partner" in found.attrs["choice"]
    assert (
        "no worse by more than 1% of retention: method=relational, loadings=W"
        in found.attrs["choice_sentence"]
    )


def test_a_pair_that_several_runs_hold_is_told_once():
    first, half, _ = runs()
    again = first.assign_attrs(loadings="index")
    table = attribution_table(dasknmf.fragmentation([first, again, half]))
    causes = table["cause"].value_counts()
    assert causes["normalising"] == causes["index-wise"] == 1
    assert causes["one side"] == 2
    # of direct fits of partner and of index
    assert causes["nesting"] == 2


def test_one_option_is_no_choice():
    found = dasknmf.fragmentation(nested_run({"partner": retention(0.3)}))
    assert found.attrs["choice"] == ""
    assert "needs two or more options" in found.attrs["choice_sentence"]
