import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import dasknmf
from dasknmf.analysis.consensus import consensus_factors, missing_from
from dasknmf.analysis.matching import balanced, match, similarity
from dasknmf.errors import InputError

GENES = [f"g{i}" for i in range(40)]


def fit_of(W, Ht, **attrs):
    return xr.Dataset(
        {"W": (("gene", "factor"), W), "H": (("factor", "gene"), Ht.T)},
        coords={"gene": np.array(GENES, dtype=object), "factor": np.arange(W.shape[1])},
        attrs=attrs,
    )


def truth(seed, k):
    rng = np.random.default_rng(seed)
    return tuple(rng.random((40, k)) * (rng.random((40, k)) < 0.3) for _ in range(2))


def restarts(*, seed=0, R=5, k=3, noise=0.1):
    rng = np.random.default_rng(seed + 1)
    fits = []
    for _ in range(R):
        order, gauge = rng.permutation(k), 10.0 ** rng.uniform(-2, 2, k)
        W, Ht = (side + noise * rng.random((40, k)) for side in truth(seed, k))
        fits.append(((W * gauge)[:, order], (Ht / gauge)[:, order]))
    return fits


@given(seed=st.integers(0, 10_000), R=st.integers(2, 5), noise=st.floats(0, 0.5))
def test_the_medoid_is_the_restart_most_like_the_others(seed, R, noise):
    fits = restarts(seed=seed, R=R, noise=noise)
    matched = [[match(similarity([a], [b]))[1] for b in fits] for a in fits]
    means = [np.mean([matched[a][b] for b in range(R) if b != a]) for a in range(R)]
    found = consensus_factors(fits)
    assert means[found.medoid] == pytest.approx(max(means), abs=1e-6)
    expected = np.mean([matched[found.medoid][b] for b in range(R) if b != found.medoid], axis=0)
    np.testing.assert_allclose(found.reproducibility, expected, atol=1e-6)
    for ours, its in zip((found.W, found.Ht), balanced(fits[found.medoid]), strict=True):
        assert np.array_equal(ours, its)
    if R > 2:
        assert (found.low <= found.reproducibility + 1e-9).all()
        assert (found.reproducibility <= found.high + 1e-9).all()


def test_a_mean_is_nearer_to_the_truth_than_any_restart():
    noisy = restarts(R=12, noise=0.2)
    # the noise is uniform, its mean 0.1
    expected = tuple(side + 0.1 for side in truth(0, 3))
    found = consensus_factors(noisy, method="mean")
    of_mean = match(similarity([(found.W, found.Ht)], [expected]))[1].mean()
    assert of_mean > max(match(similarity([fit], [expected]))[1].mean() for fit in noisy)
    np.testing.assert_allclose(np.linalg.norm(found.W, axis=0), np.linalg.norm(found.Ht, axis=0), rtol=1e-5)


def test_a_mean_of_restarts_that_differ_in_order_and_gauge_is_each_of_them():
    fits = restarts(noise=0)
    found = consensus_factors(fits, method="mean")
    np.testing.assert_allclose(found.W, balanced(fits[found.medoid])[0], rtol=1e-5)
    np.testing.assert_allclose(found.reproducibility, 1, atol=1e-6)


def test_a_restart_without_a_factor_is_named_and_left_out_of_its_mean():
    fits = restarts(noise=0.02)
    outlier = fits[3][0].copy(), fits[3][1].copy()
    lost = match(similarity([fits[0]], [fits[3]]))[0][1]
    unlike = np.zeros(40)
    unlike[fits[3][0][:, lost].argmin()] = 1
    outlier[0][:, lost] = outlier[1][:, lost] = unlike
    with_outlier = [*fits[:3], outlier, fits[4]]
    tree = xr.DataTree.from_dict({f"seed{i}": fit_of(*fit) for i, fit in enumerate(with_outlier)})
    for method in ("medoid", "mean"):
        found = dasknmf.consensus(tree, method=method)
        (factor,) = missing_from(found)
        assert missing_from(found) == {factor: ["seed3"]}
        row = found.sel(factor=factor)
        assert row["similarity"].sel(restart="seed3") < 0.5
        assert row["reproducibility"] < row["reproducibility_high"] <= 1
    mean = consensus_factors(with_outlier, method="mean")
    four = consensus_factors([*fits[:3], fits[4]], method="mean")
    to = match(similarity([(mean.W, mean.Ht)], [(four.W, four.Ht)]))[0]
    np.testing.assert_allclose(mean.W[:, factor], four.W[:, to[factor]], rtol=1e-3)


def test_one_restart_is_its_own_consensus_and_says_nothing_of_reproducibility():
    fits = restarts(R=1)
    for method in ("medoid", "mean"):
        found = consensus_factors(fits, method=method)
        np.testing.assert_allclose(found.W, balanced(fits[0])[0], rtol=1e-5)
        assert np.isnan([found.reproducibility, found.low, found.high]).all()
    two = consensus_factors(restarts(R=2))
    assert np.isfinite(two.reproducibility).all()
    assert np.isnan([two.low, two.high]).all()


def test_a_factor_that_is_zero_in_all_restarts_is_nowhere():
    fits = [(W.copy(), Ht) for W, Ht in restarts(R=3)]
    for place, (W, Ht) in enumerate(fits):
        keep = match(similarity([fits[0]], [(W, Ht)]))[0]
        fits[place] = np.where(np.arange(3) == keep[0], 0, W), Ht
    for method in ("medoid", "mean"):
        found = consensus_factors(fits, method=method)
        dead = np.flatnonzero(~found.W.any(axis=0))
        assert len(dead) == 1
        assert not found.present[dead].any()
        assert found.reproducibility[dead].tolist() == [0]


def test_fits_of_a_network_give_a_consensus_that_can_be_saved_and_used(tmp_path):
    rng = np.random.default_rng(0)
    V = np.kron(np.eye(3), np.ones((8, 1))) + 0.1 * rng.random((24, 3))
    models = [{"n_components": 3, "init": "random", "seed": seed} for seed in range(4)]
    fits = dasknmf.nmf_many(V @ V.T, models, max_iter=100)
    found = dasknmf.consensus(fits)
    medoid = fits[found.attrs["medoid"]].to_dataset()
    assert found.attrs["relative_error"] == medoid.attrs["relative_error"]
    assert found.attrs["network_checksum"] == medoid.attrs["network_checksum"]
    assert "seed" not in found.attrs
    assert found["restart"].values.tolist() == [f"hals-k3-seed{seed}" for seed in range(4)]
    xr.testing.assert_allclose(
        found["W"] @ found["H"].rename(gene="other"), medoid["W"] @ medoid["H"].rename(gene="other")
    )
    np.testing.assert_allclose(found["scale"], medoid["scale"], rtol=1e-5)
    assert dasknmf.transform(found, V[:1] @ V.T).shape == (1, 3)

    mean = dasknmf.consensus([child.to_dataset() for child in fits.children.values()], method="mean")
    assert np.isnan(mean.attrs["relative_error"])
    assert mean["restart"].values.tolist() == ["0", "1", "2", "3"]
    dasknmf.save(mean, tmp_path / "mean.zarr")
    assert dasknmf.load(tmp_path / "mean.zarr").identical(mean)
    assert len(dasknmf.top_genes(mean, n=2)) == 3 * 2 * 2


def test_the_matched_factor_is_given_by_its_label():
    (W, Ht), order = restarts(R=1)[0], [2, 0, 1]
    other = fit_of(W[:, order], Ht[:, order]).assign_coords(factor=[10, 11, 12])
    found = dasknmf.consensus([fit_of(W, Ht), other])
    assert found["matched_factor"].sel(restart="1").values.tolist() == [11, 12, 10]


def test_fits_that_have_no_consensus_are_refused():
    (W, Ht), (V, Gt) = restarts(R=2)
    one = fit_of(W, Ht)
    with pytest.raises(InputError, match=r"one fit; a consensus needs its restarts"):
        dasknmf.consensus(one)
    with pytest.raises(InputError, match="no fits; give what"):
        dasknmf.consensus([])
    with pytest.raises(InputError, match="'1' has rank 2 and '0' 3; give fits of one rank"):
        dasknmf.consensus([one, fit_of(V[:, :2], Gt[:, :2])])
    with pytest.raises(InputError, match="'1' has 39 genes and '0' 40"):
        dasknmf.consensus([one, fit_of(V, Gt).isel(gene=slice(39))])
    swapped = fit_of(V, Gt).isel(gene=[1, 0, *range(2, 40)])
    with pytest.raises(InputError, match="gene 1 is 'g1' in '1' and 'g0' in '0', 2 differ; give fits of one"):
        dasknmf.consensus([one, swapped])
    with pytest.raises(InputError, match="lacks W"):
        dasknmf.consensus([one, xr.Dataset()])
    with pytest.raises(InputError, match="method='median' is not known"):
        dasknmf.consensus([one, one], method="median")
