"""Sums over rows against the Gaussian log-likelihood itself."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dasknmf.atomic.domain import make_domain
from dasknmf.atomic.draws import stream
from dasknmf.atomic.iterations import chi_squared
from dasknmf.atomic.side import Side, make_side, prepare
from dasknmf.atomic.steps import Prior, between, take_steps, transfer


def problem(rows: int, columns: int, k: int, seed: int, *, dead: bool = False):
    """D, S, F and O, non-negative, with zeros."""
    rng = np.random.default_rng(seed)
    F, Ot = rng.random((rows, k)) * (rng.random((rows, k)) < 0.6), rng.random((columns, k)) * 2
    if dead:
        Ot[:, 0] = 0
    D = (rng.random((rows, columns)) * 3).astype(np.float32)
    S = rng.uniform(0.3, 2.0, (rows, columns))
    return D, S, F, Ot


def side_of(D, S, F, Ot) -> Side:
    side = make_side(F.copy(), (1 / S**2).astype(np.float32))
    prepare(side, D, Ot)
    return side


def log_likelihood(D, S, F, Ot) -> float:
    return float(-0.5 * (((D.astype(float) - F @ Ot.T) / S) ** 2).sum())


@given(
    rows=st.integers(1, 6),
    columns=st.integers(1, 40),
    k=st.integers(1, 4),
    dead=st.booleans(),
    seed=st.integers(0, 999),
)
def test_more_mass_changes_the_log_likelihood_as_the_sums_say(rows, columns, k, dead, seed):
    D, S, F, Ot = problem(rows, columns, k, seed, dead=dead)
    side = side_of(D, S, F, Ot)
    rng = np.random.default_rng(seed)
    place, source = rng.integers(rows * k, size=2)
    mass = 0.7
    changed = F.copy()
    changed[place // k, place % k] += mass
    changed[source // k, source % k] -= mass
    gain = log_likelihood(D, S, changed, Ot) - log_likelihood(D, S, F, Ot)
    if place != source:
        s, s_mu = between(side, place, source)
        assert mass * (s_mu - s * mass / 2) == pytest.approx(gain, rel=2e-4, abs=2e-4)
    assert side.dead.tolist() == [not column.any() for column in Ot.T]
    assert chi_squared(side) == pytest.approx(-2 * log_likelihood(D, S, F, Ot), rel=1e-5)
    # and mass that goes there leaves the residual that is computed anew
    if (changed >= 0).all():
        transfer(side, place, source, mass)
        np.testing.assert_allclose(side.matrix, changed, atol=1e-12)
        np.testing.assert_allclose(side.pull, side_of(D, S, changed, Ot).pull, rtol=1e-3, atol=1e-4)


@given(
    rows=st.integers(1, 12),
    columns=st.integers(1, 30),
    k=st.integers(1, 4),
    dead=st.booleans(),
    seed=st.integers(0, 999),
)
def test_factor_and_residual_are_those_of_the_atoms_after_many_steps(rows, columns, k, dead, seed):
    D, S, _, Ot = problem(rows, columns, k, seed, dead=dead)
    side = side_of(D, S, np.zeros((rows, k)), Ot)
    steps = 3000
    domain = make_domain(rows * k, np.zeros(0, np.int64), np.zeros(0), room=steps)
    take_steps(domain, side, Prior(0.1, 1000.0, 1.0), 1.0, steps, stream(seed))
    n = int(domain.ends[0])
    assert (domain.mass[:n] > 0).all()
    summed = np.bincount(domain.bin[:n], weights=domain.mass[:n], minlength=rows * k).reshape(rows, k)
    np.testing.assert_allclose(side.matrix, summed, rtol=1e-9, atol=1e-9)
    assert ((side.matrix > 0) == (np.bincount(domain.bin[:n], minlength=rows * k).reshape(rows, k) > 0)).all()
    anew = side_of(D, S, side.matrix, Ot)
    scale = np.abs(anew.weight * (D + side.matrix @ Ot.T)).max()
    np.testing.assert_allclose(side.pull, anew.pull, atol=1e-4 * scale)
