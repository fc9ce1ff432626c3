"""The skew part of WH against dense matrices."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from dasknmf.laboratory.skew import asymmetry, skew_shares
from tests.laboratory.involutions import sides


@given(seed=st.integers(0, 10_000), n=st.integers(2, 30), k=st.integers(1, 6), decades=st.floats(0, 20))
def test_both_are_those_of_dense_matrices_in_any_gauge(seed, n, k, decades):
    rng = np.random.default_rng(seed)
    W, Ht = rng.random((2, n, k)) * (rng.random((2, n, k)) < 0.6) + 0.01 * rng.random((2, n, k))
    whole = W @ Ht.T
    skew = (whole - whole.T) / 2
    parts = [(np.outer(w, h) - np.outer(h, w)) / 2 for w, h in zip(W.T, Ht.T, strict=True)]
    gauge = 10.0 ** rng.uniform(-decades, decades, k)
    model = W * gauge, Ht / gauge
    assert asymmetry(model) == pytest.approx(
        np.linalg.norm(whole - whole.T) / np.linalg.norm(whole), abs=1e-9
    )
    shares = skew_shares(model)
    np.testing.assert_allclose(shares, [(part * skew).sum() / (skew**2).sum() for part in parts], atol=1e-8)
    assert shares.sum() == pytest.approx(1)


@given(modules=st.integers(0, 3), pairs=st.integers(0, 3), seed=st.integers(0, 10_000))
def test_partners_have_no_skew_part_and_nothing_to_share(modules, pairs, seed):
    k = modules + 2 * pairs
    assume(k > 0)
    rng = np.random.default_rng(seed)
    W, Ht, _ = sides(60, modules, pairs, rng)
    gauge = rng.uniform(0.1, 10, k)
    # the rounding of float32 loadings is no asymmetry either
    model = (W * gauge).astype(np.float32), (Ht / gauge).astype(np.float32)
    assert asymmetry(model) == 0
    assert skew_shares(model).tolist() == [0.0] * k


def test_a_single_direction_without_its_mirror_is_all_of_it():
    W, Ht = np.eye(4)[:, :3], np.eye(4)[:, [0, 1, 3]]
    assert asymmetry((W[:, 2:], Ht[:, 2:])) == pytest.approx(np.sqrt(2))
    np.testing.assert_allclose(skew_shares((W, Ht)), [0, 0, 1], atol=1e-12)


def test_nothing_is_nan_and_has_no_shares():
    nothing = np.zeros((3, 2))
    assert np.isnan(asymmetry((nothing, nothing)))
    assert skew_shares((nothing, nothing)).tolist() == [0, 0]
