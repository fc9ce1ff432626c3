"""Networks whose involution is planted, factorized from random starts: is it found, and how does it fade?"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

import dasknmf
from dasknmf.analysis.matching import match, similarity
from dasknmf.laboratory.assignment import partners
from dasknmf.laboratory.measuring import measures
from tests.laboratory.involutions import network, sides

#: What noise of each gene pair is uniform up to, over the mean of the planted part.
MODERATE = 4.0
FADING = (8.0, 16.0, 24.0, 32.0, 64.0, 128.0)


def fitted(seed, noise):
    """A fit of 4 modules and 3 pairs over 200 genes, and the factors planted in its network."""
    A, *planted = network(200, 4, 3, seed=seed, noise=noise)
    found = dasknmf.nmf(A, 10, seed=seed, init="random", exact=True)
    return (found["W"].values.astype(float), found["H"].values.T.astype(float)), planted


def test_the_planted_involution_is_found_in_19_of_20_seeds():
    right = 0
    for seed in range(20):
        fit, planted = fitted(seed, MODERATE)
        place = match(similarity([planted], [fit]))[0]
        expected = np.empty(10, dtype=int)
        expected[place] = place[[0, 1, 2, 3, 5, 4, 7, 6, 9, 8]]
        right += partners(fit).partner_of.tolist() == expected.tolist()
    assert right >= 19


def test_cosines_fall_and_the_involution_breaks_as_noise_grows():
    tables = [(noise, measures(fitted(seed, noise)[0])) for noise in FADING for seed in range(6)]
    noise = [each for each, _ in tables]

    def trend(name):
        return spearmanr(noise, [table[name] for _, table in tables])

    assert trend("cosine").statistic < -0.7
    assert trend("pearson").statistic < -0.7
    assert trend("asymmetry").statistic > 0.7
    for name in ("involution_defect", "broken"):
        assert trend(name).statistic > 0
        assert trend(name).pvalue < 0.01
    clean = [table for each, table in tables if each == FADING[0]]
    assert all(table["involution_defect"] == 0 for table in clean)


def test_the_defect_grows_smoothly_with_noise_on_the_factors():
    """Noise of its own on either side, up to sides that have nothing to do with each other."""
    grid = np.linspace(0, 1, 11)
    defects, cosine = np.zeros(len(grid)), np.zeros(len(grid))
    for seed in range(20):
        rng = np.random.default_rng(seed)
        W, Ht, _ = sides(100, 4, 3, rng)
        other = 1.5 * rng.random((2, *W.shape)) * (rng.random((2, *W.shape)) < 0.2)
        for at, share in enumerate(grid):
            table = measures(((1 - share) * W + share * other[0], (1 - share) * Ht + share * other[1]))
            defects[at] += table["involution_defect"] / 20
            cosine[at] += table["cosine"] / 20
    assert defects[0] == 0
    assert defects[-1] > 0.2
    assert (np.diff(defects) >= 0).all()
    assert (np.diff(defects)[grid[:-1] > 0.55] > 0).all()
    assert (np.diff(cosine) < 0).all()
    # no step of the grid has more than half of all the way
    assert np.abs(np.diff(defects)).max() < 0.5 * defects.max()
    assert cosine[0] == pytest.approx(1)
