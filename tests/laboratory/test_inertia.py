"""The inertia law: counts of a dense spectrum, of an involution, and within errors of every choice there is."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dasknmf.errors import InputError
from dasknmf.laboratory.inertia import inertia, model_inertia, model_spectrum
from dasknmf.network.soules import SoulesMatrix
from tests.conftest import planted
from tests.laboratory.networks import involution, of_involution, spectrum


def negative_of_largest(values: np.ndarray, k: int) -> int:
    return int((values[np.argsort(-np.abs(values), kind="stable")[:k]] < 0).sum())


@pytest.mark.parametrize("kind", ["planted", "bipartite", "involution", "random"])
def test_predicted_pairs_are_the_negative_ones_of_the_largest_eigenvalues(kind: str) -> None:
    rng = np.random.default_rng(0)
    B = rng.random((20, 30))
    R = rng.random((50, 50))
    A = {
        "planted": planted(60, 5, seed=1),
        "bipartite": np.block([[np.zeros((20, 20)), B], [B.T, np.zeros((30, 30))]]),
        "involution": of_involution(60, 8, 3, seed=2, noise=0.01)[0],
        "random": R + R.T,
    }[kind]
    values, _ = spectrum(A)
    ranks = np.arange(1, 17)
    found = inertia(values, np.zeros(len(values)), ranks)
    expected = [negative_of_largest(values, k) for k in ranks]
    assert found.predicted.tolist() == expected
    if kind == "bipartite":
        # ±σ of B: half of every even rank
        assert found.predicted[1::2].tolist() == (ranks[1::2] // 2).tolist()
    if kind == "involution":
        assert found.predicted[7] == 3


def test_one_edge_is_one_pair() -> None:
    values, _ = spectrum(np.array([[0.0, 1.0], [1.0, 0.0]]))
    found = inertia(values, [1e-9, 1e-9], 2)
    assert (found.predicted.item(), found.low.item(), found.high.item()) == (1, 1, 1)


def test_a_soules_matrix_has_no_pair_at_any_rank() -> None:
    whole = slice(0, 16)
    made = SoulesMatrix(16, (8, 5, 3, 2.5, 1.2, 1.1, 1, 0.9), rest=0.3)
    values, _ = spectrum(made.tile(whole, whole))
    assert inertia(values, np.full(16, 1e-9), range(1, 17)).high.max() == 0


@given(
    pairs=st.lists(st.tuples(st.integers(-4, 4), st.integers(0, 2)), min_size=1, max_size=5), data=st.data()
)
def test_low_and_high_are_the_ends_over_every_choice_within_errors(
    pairs: list[tuple[int, int]], data: st.DataObject
) -> None:
    """Whole numbers hold both ends, zero and ties; of ties, either may come first."""
    theta, error = (np.array(part, float) for part in zip(*pairs, strict=True))
    k = data.draw(st.integers(1, len(theta)))
    counts = []
    for choice in product(*(np.arange(t - e, t + e + 1) for t, e in zip(theta, error, strict=True))):
        values = np.array(choice)
        for sign in (-1, 1):
            order = np.lexsort((sign * values, -np.abs(values)))
            counts.append(int((values[order[:k]] < 0).sum()))
    found = inertia(theta, error, k)
    assert found.low.item() == min(counts)
    assert found.high.item() == max(counts)
    assert found.low.item() <= found.predicted.item() <= found.high.item()


@given(seed=st.integers(0, 999), k=st.integers(1, 12), size=st.floats(0, 2))
def test_the_range_covers_the_truth_of_any_values_within_the_errors(seed: int, k: int, size: float) -> None:
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=12)
    errors = size * rng.random(12)
    seen = truth + errors * rng.uniform(-1, 1, 12)
    found = inertia(seen, errors, k)
    assert found.low.item() <= negative_of_largest(truth, k) <= found.high.item()


@given(seed=st.integers(0, 999), k=st.integers(1, 8), data=st.data())
def test_the_inertia_of_an_involution_is_its_2_cycles(seed: int, k: int, data: st.DataObject) -> None:
    """Sylvester's law: W of full column rank changes no sign, however it mixes."""
    pairs = data.draw(st.integers(0, k // 2))
    rng = np.random.default_rng(seed)
    W = rng.random((40, k)) + np.eye(40, k)
    partner = involution(k, pairs)
    scale = np.zeros((k, k))
    size = rng.random(k) + 0.5
    scale[np.arange(k), partner] = size[np.minimum(np.arange(k), partner)]
    values, _ = spectrum(W @ scale @ W.T)
    assert inertia(values, np.full(40, 1e-10), k).predicted.item() == pairs
    assert inertia(values, np.full(40, 1e-10), k).high.item() == pairs
    # the same of the model that is this factorization, of which the 2k × 2k problem must say so
    assert model_inertia((W, (scale @ W.T).T)) == pairs


@given(n=st.integers(2, 30), k=st.integers(1, 6), seed=st.integers(0, 999))
def test_the_spectrum_of_a_model_is_that_of_its_symmetric_part(n: int, k: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    W, Ht = (rng.random((n, k)) * 10.0 ** rng.integers(-3, 4, k) for _ in range(2))
    dense, _ = spectrum((W @ Ht.T + Ht @ W.T) / 2)
    found = model_spectrum((W, Ht))
    m = min(n, 2 * k)
    np.testing.assert_allclose(np.sort(found[:m]), np.sort(dense[:m]), atol=1e-7 * abs(dense[0]))
    np.testing.assert_allclose(found[m:], 0, atol=1e-7 * abs(dense[0]))


def test_a_symmetric_fit_and_a_dead_factor_have_no_pair() -> None:
    W = np.random.default_rng(0).random((50, 4)).astype(np.float32)
    assert model_inertia((W, W)) == 0
    W[:, 2] = 0
    assert model_inertia((W, W)) == 0


@pytest.mark.parametrize(
    ("values", "errors", "ranks", "says"),
    [
        ([1.0, 2.0], [0.1], 1, "2 eigenvalues and 1 errors"),
        ([1.0], [-0.1], 1, "errors of at least 0"),
        ([1.0, np.nan], [0.1, 0.1], 1, "finite"),
        ([1.0, 2.0], [0.1, 0.1], [1, 3], "rank 3 of 2 eigenvalues"),
        ([1.0, 2.0], [0.1, 0.1], 0, "rank 0 of 2 eigenvalues"),
    ],
)
def test_what_cannot_be_counted_is_refused(values: list, errors: list, ranks: object, says: str) -> None:
    with pytest.raises(InputError, match=says):
        inertia(values, errors, ranks)
