"""Does information fragment? Simulated retention, and loadings of a real matrix that are split at random."""

from itertools import combinations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import nnls

import dasknmf
from dasknmf.errors import InputError
from dasknmf.nesting.decay_dataset import attribution_table, fragmentation_table
from dasknmf.nesting.decay_variables import VARIABLES

LEVELS = np.arange(5)


def nested_run(curves, *, kind="network", network="net", agreement=None, **attrs):
    """What dasknmf.nested returns of levels; `curves` maps branches to ρ of shape (R, n)."""
    n = next(iter(curves.values())).shape[1]
    branches = list(curves)
    data = {
        "retention": (("branch", "restart", "tier"), np.array(list(curves.values()))),
        "n_factors": ("tier", 2 ** np.arange(n)[::-1]),
        "bound": ("tier", 0.9 * 0.8 ** np.arange(n)),
    }
    if agreement is not None:
        data["branch_agreement"] = (("branch", "other_branch", "restart", "tier"), agreement)
    own = {"method": "relational", "loadings": "partner", "similarity": "inner", "seed": 0}
    return xr.Dataset(
        data,
        coords={"branch": branches, "other_branch": branches, "tier": np.arange(n)},
        attrs={"kind": kind, "network": network, **own, **attrs},
    )


def noisy(curve, R, seed, sd=0.02):
    rng = np.random.default_rng(seed)
    return curve * np.exp(sd * rng.standard_normal((R, len(curve))))


def verdict(curve, R=10, seed=0, sd=0.02):
    return dasknmf.fragmentation(nested_run({"partner": noisy(curve, R, seed, sd)})).attrs["verdict"]


# a fragmenting process on a real matrix: each level keeps, of every factor, one of two copies split at random


WEIGHTS = np.array([1.0, 1.1, 0.9, 1.2, 0.8, 1.0, 1.3, 0.7])


def planted_matrix():
    """Two modules u uᵀ of eight genes; its best rank-2 factorization is exact."""
    u = WEIGHTS / np.linalg.norm(WEIGHTS)
    return np.kron(np.eye(2), np.outer(u, u)), np.kron(np.eye(2), u[:, None])


def explained(A, L):
    """1 − ‖A − L C Lᵀ‖²/‖A‖² with the best C ≥ 0, by dense non-negative least squares."""
    columns = np.array([np.outer(a, b).ravel() for a in L.T for b in L.T]).T
    return 1 - nnls(columns, A.ravel())[1] ** 2 / (A**2).sum()


def split_at_random(rng, L):
    kept = np.zeros_like(L)
    for column, own in zip(kept.T, L.T, strict=True):
        genes = rng.permutation(np.flatnonzero(own))
        half = genes[: len(genes) // 2]
        column[half] = own[half]
    return kept


def planted_fragments(R, seed):
    rng = np.random.default_rng(seed)
    A, L = planted_matrix()
    rows = []
    for _ in range(R):
        level, row = L, []
        for _ in range(4):
            row.append(explained(A, level))
            level = split_at_random(rng, level)
        rows.append(row)
    return np.array(rows)


def implied_gamma():
    """Slope of E[log E_l] over l = 0 … 3, all splits enumerated.

    A module with genes S kept has the best c = 1 and explains (Σ_S u²)² of its share; halves of halves are uniform
    subsets of 8, 4, 2, 1 genes, drawn for both modules independently.
    """
    u = WEIGHTS / np.linalg.norm(WEIGHTS)
    means = []
    for size in (8, 4, 2, 1):
        kept = np.array([np.square(u[list(S)]).sum() ** 2 for S in combinations(range(8), size)])
        means.append(np.log((kept[:, None] + kept[None]) / 2).mean())
    return -np.polyfit(np.arange(4), means, 1)[0]


@pytest.mark.parametrize("R", [8, 20])
def test_a_planted_fragmenting_process_is_called_so_with_its_gamma(R):
    gamma = implied_gamma()
    # equal genes would lose half their squares a level: 2 ln 2
    assert gamma == pytest.approx(2 * np.log(2), abs=0.06)
    inside = 0
    for seed in range(20):
        found = dasknmf.fragmentation(nested_run({"partner": planted_fragments(R, seed)})).isel(
            run=0, quantity=0
        )
        assert found.attrs["verdict"] == "fragments exponentially"
        inside += found["gamma_low"].item() <= gamma <= found["gamma_high"].item()
    # 95 %, less three standard errors of twenty
    assert inside >= 17


# simulated retention


def test_without_loss_it_never_fragments():
    words = [verdict(0.9 * np.ones(5), R=R, seed=seed) for R in (5, 10) for seed in range(75)]
    assert "fragments exponentially" not in words
    assert words.count("does not fragment") >= 142


def test_without_loss_but_much_noise_it_cannot_tell_and_hardly_ever_fragments():
    words = [verdict(0.9 * np.ones(5), R=5, seed=seed, sd=0.3) for seed in range(200)]
    assert words.count("fragments exponentially") + words.count("declines, not exponentially") <= 10
    assert words.count("cannot tell") >= 180


@pytest.mark.parametrize(
    "curve", [0.95 - 0.2 * LEVELS, np.where(LEVELS < 2, 0.95, 0.4)], ids=["linear", "drop"]
)
def test_other_declines_are_not_called_exponential(curve):
    words = [verdict(curve, R=5, seed=seed) for seed in range(60)]
    assert "fragments exponentially" not in words
    assert words.count("declines, not exponentially") >= 55


def test_exponential_loss_is_called_so():
    words = [verdict(0.95 * 0.6**LEVELS, R=5, seed=seed) for seed in range(60)]
    assert words.count("fragments exponentially") >= 57


def test_three_levels_see_the_loss_but_not_its_form():
    found = dasknmf.fragmentation(nested_run({"partner": noisy(0.5 ** np.arange(3), 10, 0)}))
    assert found.attrs["verdict"] == "cannot tell"
    assert "3 levels cannot tell the form" in found.attrs["sentence"]


def test_one_restart_cannot_tell():
    found = dasknmf.fragmentation(nested_run({"partner": 0.5 ** LEVELS[None] * 1.0}))
    assert found.attrs["verdict"] == "cannot tell"
    assert "one restart has no interval" in found.attrs["sentence"]


def test_loss_that_the_lossless_control_has_too_is_not_the_networks():
    run = nested_run({"partner": noisy(0.8**LEVELS, 10, 0)})
    control = nested_run({"partner": noisy(0.8**LEVELS, 10, 1)}, kind="soules", network="soules")
    sound = nested_run({"partner": noisy(np.ones(5), 10, 1, sd=1e-6)}, kind="soules", network="soules")
    assert dasknmf.fragmentation([run]).attrs["verdict"] == "fragments exponentially"
    found = dasknmf.fragmentation([run, control])
    assert found.attrs["verdict"] == "cannot tell"
    assert "not above that of the control without loss, soules" in found.attrs["sentence"]
    found = dasknmf.fragmentation([run, sound])
    assert found.attrs["verdict"] == "fragments exponentially"
    assert found["difference"].item() == pytest.approx(-np.log(0.8), abs=0.02)
    assert found["verdict"].sel(quantity="retention partner").values[1] == "does not fragment"
    # of another similarity, it is no control
    other = dasknmf.fragmentation([run, control.assign_attrs(similarity="cosine")])
    assert other.attrs["verdict"] == "fragments exponentially"
    assert other.sizes["comparison"] == 0


def test_a_null_model_that_loses_as_much_is_told_beside_the_verdict():
    run = nested_run({"partner": noisy(0.6**LEVELS, 10, 0)})
    null = nested_run({"partner": noisy(0.6**LEVELS, 10, 1)}, kind="null:shuffle", network="shuffled")
    found = dasknmf.fragmentation({"real": run, "shuffled": null})
    assert found.attrs["verdict"] == "fragments exponentially"
    assert "no faster or slower than shuffled (null:shuffle)" in found.attrs["sentence"]
    chance = attribution_table(found).set_index("cause").loc["chance"]
    assert chance["effect_low"] < 0 < chance["effect_high"]
    assert not chance["effect_paired"]


def test_a_loss_that_does_not_matter_is_none_whatever_its_significance():
    found = dasknmf.fragmentation(nested_run({"partner": noisy(0.97**LEVELS, 10, 0, sd=1e-4)}))
    assert found["gamma_low"].item() > 0.03
    assert found.attrs["verdict"] == "does not fragment"
    stricter = dasknmf.fragmentation(
        nested_run({"partner": noisy(0.97**LEVELS, 10, 0, sd=1e-4)}), half_life=100
    )
    assert stricter.attrs["verdict"] == "fragments exponentially"


def test_agreement_of_branches_has_a_verdict_of_its_own():
    rng = np.random.default_rng(0)
    agreement = 0.5**LEVELS * np.exp(0.02 * rng.standard_normal((3, 3, 8, 5)))
    curves = {name: noisy(0.95 * np.ones(5), 8, seed) for seed, name in enumerate(("W", "H", "partner"))}
    found = dasknmf.fragmentation(nested_run(curves, agreement=agreement))
    assert found.attrs["verdict"] == "does not fragment"
    of_agreement = found.sel(run=found["run"][0], quantity="agreement W H")
    assert of_agreement["verdict"].item() == "fragments exponentially"
    assert of_agreement["gamma"].item() == pytest.approx(np.log(2), abs=0.03)
    table = fragmentation_table(found, quantity="agreement W H")
    assert table["half_life"].tolist() == [pytest.approx(1, abs=0.05)]
    assert table["verdict"].tolist() == ["fragments exponentially"]
    assert fragmentation_table(found)["quantity"].tolist() == ["retention partner"]
    with pytest.raises(InputError, match="quantity='nonsense' is not there; choose one of retention W"):
        fragmentation_table(found, quantity="nonsense")


@given(seed=st.integers(0, 1000), R=st.integers(2, 12))
def test_the_order_of_restarts_changes_nothing(seed, R):
    rng = np.random.default_rng(seed)
    curves = {name: noisy(0.6**LEVELS, R, seed + at) for at, name in enumerate(("W", "partner"))}
    order = rng.permutation(R)
    one = dasknmf.fragmentation(nested_run(curves))
    other = dasknmf.fragmentation(nested_run({name: curve[order] for name, curve in curves.items()}))
    of_restarts = ["gamma_of", "kept_of"]
    for name in of_restarts:
        assert one[name].values[..., order].tolist() == other[name].values.tolist()
    assert one.drop_vars(of_restarts).identical(other.drop_vars(of_restarts))


def test_every_variable_is_registered_and_survives_zarr(tmp_path):
    runs = [nested_run({"partner": noisy(0.6**LEVELS, 3, 0), "W": noisy(0.5**LEVELS, 3, 1)})]
    runs.append(nested_run({"partner": noisy(0.9 ** np.arange(3), 2, 0)}, similarity=0.5))
    found = dasknmf.fragmentation(runs)
    assert {name: var.dims for name, var in found.data_vars.items()} == {
        name: dims for name, (dims, _) in VARIABLES.items()
    }
    assert all(found[name].attrs["long_name"] == about for name, (_, about) in VARIABLES.items())
    assert found["run"].values.tolist() == ["net relational partner inner", "net relational partner 0.5"]
    assert (
        found["kept"].sel(quantity="retention partner").isel(run=1).isnull().values.tolist()
        == [False] * 3 + [True] * 2
    )
    assert found["bound_gamma"].values == pytest.approx([-np.log(0.8)] * 2)
    found.to_zarr(tmp_path / "found.zarr", zarr_format=3, consolidated=False)
    back = xr.open_zarr(tmp_path / "found.zarr", consolidated=False).load()
    xr.testing.assert_equal(back[["gamma"]], found[["gamma"]])
    assert back["sentence"].values.tolist() == found["sentence"].values.tolist()


def test_input_that_cannot_be_used_is_told_in_a_sentence():
    run = nested_run({"partner": noisy(0.6**LEVELS, 3, 0)})
    with pytest.raises(InputError, match=r"int given; needs what dasknmf\.nested returned"):
        dasknmf.fragmentation(3)
    with pytest.raises(InputError, match="no runs given"):
        dasknmf.fragmentation([])
    with pytest.raises(InputError, match="run 'a' is a float"):
        dasknmf.fragmentation({"a": 0.5})
    with pytest.raises(InputError, match="'retention' of a run is not there"):
        dasknmf.fragmentation(run.drop_vars("retention"))
    with pytest.raises(InputError, match=r"has dimensions .*needs \(branch, tier, restart\)"):
        dasknmf.fragmentation(run.rename(tier="level"))
    with pytest.raises(InputError, match="loadings 'W' of the run are not among its branches: partner"):
        dasknmf.fragmentation(run.assign_attrs(loadings="W"))
    with pytest.raises(InputError, match="do not increase"):
        dasknmf.fragmentation(run.isel(tier=slice(None, None, -1)))
    with pytest.raises(InputError, match="does not name its branches"):
        dasknmf.fragmentation(run.drop_vars("branch"))
    with pytest.raises(InputError, match="kind 'sules' of run"):
        dasknmf.fragmentation(run.assign_attrs(kind="sules"))
    with pytest.raises(InputError, match="half_life=0"):
        dasknmf.fragmentation(run, half_life=0)
    with pytest.raises(InputError, match="has no restarts"):
        dasknmf.fragmentation(run.isel(restart=slice(0)))
