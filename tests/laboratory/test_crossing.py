import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dasknmf.errors import InputError
from dasknmf.laboratory.crossing import crossed


def sparse_fit(rng, n, k):
    W, Ht = (rng.random((n, k)) * (rng.random((n, k)) < 0.5) for _ in range(2))
    return W * 10.0 ** rng.uniform(-12, 6, k), Ht


def unit(side):
    norms = np.linalg.norm(side, axis=0)
    return np.divide(side, norms, out=np.zeros_like(side), where=norms > 0)


@given(
    seed=st.integers(0, 10_000),
    n=st.integers(1, 30),
    k=st.integers(1, 5),
    rank=st.integers(1, 5),
    R=st.integers(0, 4),
)
def test_all_cosines_of_sides_and_all_scales(seed, n, k, rank, R):
    rng = np.random.default_rng(seed)
    reference, restarts = sparse_fit(rng, n, k), [sparse_fit(rng, n, rank) for _ in range(R)]
    found = crossed(reference, restarts)
    W, Ht = map(unit, reference)
    assert found.ww.shape == found.hw.shape == (R, k, rank if R else k)
    for r, (V, Gt) in enumerate(restarts):
        np.testing.assert_allclose(found.ww[r], W.T @ unit(V), atol=1e-6)
        np.testing.assert_allclose(found.hh[r], Ht.T @ unit(Gt), atol=1e-6)
        np.testing.assert_allclose(found.wh[r], W.T @ unit(Gt), atol=1e-6)
        np.testing.assert_allclose(found.hw[r], Ht.T @ unit(V), atol=1e-6)
        np.testing.assert_allclose(
            found.scale[r], np.linalg.norm(V, axis=0) * np.linalg.norm(Gt, axis=0), rtol=1e-12
        )


def test_restarts_of_two_ranks_are_refused():
    fit = [(np.eye(4, k), np.eye(4, k)) for k in (1, 2, 3)]
    with pytest.raises(InputError, match="ranks 2, 3"):
        crossed(fit[0], fit[1:])
    with pytest.raises(InputError, match="same n"):
        crossed((np.eye(3), np.eye(3)), [(np.eye(4, 3), np.eye(4, 3))])
