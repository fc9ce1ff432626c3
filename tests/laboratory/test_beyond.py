"""Measures of a fit that need the spectrum of its network, or a restart."""

from itertools import permutations

import numpy as np
import pytest

from dasknmf.laboratory.beyond import BEYOND, EVERY, inertia_defect, recurrence_with
from dasknmf.laboratory.measuring import MEASURES
from dasknmf.laboratory.variables import VARIABLES


def test_the_defect_is_pairs_less_negative_ones_of_the_largest_eigenvalues():
    # two pairs of genes with an edge each, and three with a loop
    A = np.zeros((7, 7))
    A[0, 1] = A[1, 0] = 5
    A[2, 3] = A[3, 2] = 2
    A[range(4, 7), range(4, 7)] = 4, 3, 1
    values = np.linalg.eigvalsh(A)
    values = values[np.argsort(-np.abs(values), kind="stable")]
    # 5, -5, 4, 3, 2, -2, 1
    assert [inertia_defect(2, values, k) for k in (2, 4, 6, 7)] == [1.0, 1.0, 0.0, 0.0]
    assert np.isnan(inertia_defect(2, values, 8))


def test_recurrence_is_that_of_the_best_match_with_sides_swapped_or_not():
    rng = np.random.default_rng(0)
    (W, H), (V, G) = ((rng.random((30, 4)) ** 3, rng.random((30, 4)) ** 3) for _ in range(2))

    def cosine(a, b):
        return (a / np.linalg.norm(a, axis=0)).T @ (b / np.linalg.norm(b, axis=0))

    similar = np.maximum(cosine(W, V) * cosine(H, G), cosine(W, G) * cosine(H, V))
    best = max(permutations(range(4)), key=lambda order: similar[range(4), order].sum())
    assert recurrence_with((W, H), (V, G)) == pytest.approx(np.median(similar[range(4), best]), abs=1e-5)
    assert recurrence_with((W, H), (H[:, ::-1], W[:, ::-1])) == pytest.approx(1, abs=1e-5)


def test_names_are_once_each_and_described():
    assert list(EVERY) == [*MEASURES, *BEYOND]
    assert not set(MEASURES) & set(BEYOND)
    assert all(len(dims) for dims, _ in VARIABLES.values())
