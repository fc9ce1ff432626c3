"""The estimator is scikit-learn's in every respect that scikit-learn checks."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.estimator_checks import estimator_checks_generator

import dasknmf
from tests.conftest import planted

#: Checks that are expected to fail, each with its reason. There is none.
EXPECTED: dict[str, str] = {}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@pytest.mark.parametrize(
    ("estimator", "check"),
    list(estimator_checks_generator(dasknmf.NMF(), mark="xfail", expected_failed_checks=EXPECTED)),
    ids=lambda value: getattr(getattr(value, "func", None), "__name__", ""),
)
def test_scikit_learns_own_checks(estimator, check) -> None:
    check(estimator)


def test_it_is_nmf_with_other_names() -> None:
    A = planted(60, 3, seed=0)
    model = dasknmf.NMF(3, max_iter=500)
    W = model.fit_transform(A)
    fit = dasknmf.nmf(A, 3, max_iter=500)
    np.testing.assert_array_equal(model.components_, fit["H"])
    np.testing.assert_allclose(W, dasknmf.transform(fit, A))
    residual = np.linalg.norm(A - fit["W"].values.astype(float) @ fit["H"].values)
    assert model.reconstruction_err_ == pytest.approx(residual, rel=1e-6)
    assert model.n_iter_ == fit.attrs["n_iter"]
    np.testing.assert_allclose(model.inverse_transform(W), W @ model.components_)
    assert model.get_feature_names_out().tolist() == ["nmf0", "nmf1", "nmf2"]


def test_it_warns_when_it_has_not_converged() -> None:
    with pytest.warns(ConvergenceWarning, match="max_iter=1 iterations; raise"):
        dasknmf.NMF(3, max_iter=1).fit(planted(60, 3, seed=0))
