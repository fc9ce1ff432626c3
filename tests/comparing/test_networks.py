"""The kinds of network that algorithms are compared on."""

import numpy as np
import pytest

from dasknmf.comparing.networks import KINDS, check_kinds, network_of
from dasknmf.errors import InputError
from dasknmf.matrices import as_matrix
from tests.laboratory.planted import planted


def test_each_kind_is_the_network_one_of_its_nulls_or_planted():
    A = planted(60)[1]
    given = as_matrix(A)
    made = {kind: network_of(A, given, kind, 12, 5) for kind in KINDS}
    assert made["network"] is A
    for kind in ("shuffle", "degree", "uniform"):
        assert (made[kind].kind, made[kind].seed, made[kind].n) == (kind, 5, 60)
    weights = A.to_numpy()[np.triu_indices(60, 1)].astype(np.float32)
    assert set(made["shuffle"].tile(0, 0)[np.triu_indices(60, 1)]) <= set(weights)
    truth = np.asarray(made["planted"].truth)
    # of 12 factors half are in pairs
    assert (truth != np.arange(12)).sum() == 6
    assert made["planted"].n == 60
    other = network_of(A, given, "planted", 12, 6)
    assert not np.array_equal(made["planted"].tile(0, 0), other.tile(0, 0))


def test_kinds_are_checked():
    assert check_kinds("degree") == ("degree",)
    with pytest.raises(InputError, match="'random' is no kind of network"):
        check_kinds(["network", "random"])
    with pytest.raises(InputError, match="there is none"):
        check_kinds([])
