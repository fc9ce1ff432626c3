import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import rankdata

from dasknmf.analysis.recovery import auroc, module_recovery
from dasknmf.errors import InputError

GENES = [f"g{i}" for i in range(60)]


def fit_of(W, H):
    return xr.Dataset(
        {"W": (("gene", "factor"), W), "H": (("factor", "gene"), H)},
        coords={"gene": np.array(GENES, dtype=object), "factor": np.arange(W.shape[1])},
    )


@pytest.fixture
def random_fit():
    rng = np.random.default_rng(3)
    # rounded, so that loadings tie
    return fit_of(rng.random((60, 4)).round(1), rng.random((4, 60)).round(1))


@pytest.fixture
def modules():
    weights = np.random.default_rng(4).standard_normal((60, 5))
    return pd.DataFrame(weights, index=GENES, columns=[f"m{i}" for i in range(5)])


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(2, 40), levels=st.integers(1, 9))
def test_auroc_equals_that_of_scikit_learn_with_ties(seed, n, levels):
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, levels, (n, 2)).astype(float)
    inside = np.zeros(n, dtype=bool)
    inside[rng.choice(n, rng.integers(1, n), replace=False)] = True
    found = auroc(inside[None], rankdata(scores, axis=0))[0]
    np.testing.assert_allclose(found, [metrics.roc_auc_score(inside, score) for score in scores.T])


def test_a_module_is_scored_by_its_best_factor_of_either_side(random_fit, modules):
    metrics = pytest.importorskip("sklearn.metrics")
    found = module_recovery(random_fit, modules, size=7)
    for module in modules:
        inside = modules[module].abs().rank(ascending=False) <= 7
        scores = {
            (factor, side): metrics.roc_auc_score(inside, random_fit[side].sel(factor=factor))
            for factor in range(4)
            for side in ("W", "H")
        }
        row = found.sel(module=module)
        assert row["auroc"].item() == pytest.approx(max(scores.values()))
        best = row["factor"].item(), row["side"].item()
        assert scores[best] == pytest.approx(max(scores.values()))
        assert row["genes"].item() == 7
    assert found.attrs["median_auroc"] == pytest.approx(float(found["auroc"].median()))
    assert found.attrs["recovered"] == int((found["auroc"] > 0.9).sum())


def test_planted_modules_are_found_and_shuffled_ones_are_not(modules):
    W = modules.abs().to_numpy() ** 3
    found = module_recovery(fit_of(W, W.T), modules, size=5)
    assert found["auroc"].values.tolist() == [1.0] * 5
    assert found["factor"].values.tolist() == [0, 1, 2, 3, 4]
    assert found.attrs["recovered"] == 5
    assert found.attrs["median_shuffled"] < 0.9


def test_the_shuffle_depends_on_the_seed_alone(random_fit, modules):
    one, again, other = (module_recovery(random_fit, modules, seed=seed) for seed in (1, 1, 2))
    assert one.identical(again)
    assert not one["shuffled"].equals(other["shuffled"])
    assert one["auroc"].equals(other["auroc"])


def test_genes_the_fit_lacks_and_the_order_of_genes_do_not_matter(random_fit, modules):
    more = pd.concat([modules, pd.DataFrame(9.0, index=["absent"], columns=modules.columns)])
    shuffled = more.sample(frac=1, random_state=0)
    assert module_recovery(random_fit, shuffled).identical(module_recovery(random_fit, modules))


def test_modules_that_cannot_be_scored_are_refused(random_fit, modules):
    with pytest.raises(InputError, match="begins 0, 1, 2; it must be unique gene names"):
        module_recovery(random_fit, modules.reset_index(drop=True))
    with pytest.raises(InputError, match="for any gene of the fit: 'm1'; 'm3'; 2 in all"):
        module_recovery(random_fit, modules.assign(m1=0.0, m3=np.inf))
    with pytest.raises(InputError, match="size=60: a module needs"):
        module_recovery(random_fit, modules, size=60)
