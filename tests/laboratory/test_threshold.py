"""The cosine from which partners are believed."""

import numpy as np
import pytest

from dasknmf.laboratory.threshold import HIGHEST, USUAL, threshold_of


def test_it_is_the_95_percent_quantile_of_the_factors_of_shuffled_networks_alone():
    rng = np.random.default_rng(0)
    cosines = [rng.uniform(0.3, 0.9, 8) for _ in range(12)]
    kinds = ["shuffle", "degree"] * 6
    own = np.sort(np.concatenate(cosines[::2]))
    place = 0.95 * (len(own) - 1)
    low = int(place)
    expected = own[low] + (place - low) * (own[low + 1] - own[low])
    found = threshold_of(kinds, cosines)
    assert found.cosine == pytest.approx(expected, rel=1e-12)
    assert found.reason == f"95% of 48 factors of 6 shuffled networks are below {expected:.3f}"


def test_few_factors_or_none_leave_the_usual_one():
    assert threshold_of([], []).reason == "no shuffled networks: the usual 0.9"
    assert threshold_of(["degree"] * 9, [np.ones(8)] * 9).reason == "no shuffled networks: the usual 0.9"
    few = threshold_of(["shuffle"] * 3, [np.full(13, 0.2)] * 3)
    assert (few.cosine, few.reason) == (
        USUAL,
        "39 factors of shuffled networks are too few to say: the usual 0.9",
    )
    assert threshold_of(["shuffle"] * 4, [np.full(10, 0.2)] * 4).cosine == pytest.approx(0.2)


def test_partners_as_alike_as_0_99_are_believed_whatever_nulls_have():
    found = threshold_of(["shuffle"] * 5, [np.full(8, 0.999)] * 5)
    assert found.cosine == HIGHEST
    assert found.reason.endswith("are below 0.999; at most 0.99")
