"""A chain: its constants, its schedule, its averages, and that it goes on to the same bits."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

from dasknmf.atomic.chain import (
    ChainOptions,
    advance,
    begin,
    chain_data,
    chi_squared_of,
    default_uncertainty,
    expected_rate,
    posterior,
)
from dasknmf.atomic.iterations import temperature_of
from dasknmf.errors import InputError


def data(rows: int = 30, columns: int = 12, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    W, H = rng.gamma(2, 1, (rows, 3)) * (rng.random((rows, 3)) < 0.5), rng.gamma(2, 1, (3, columns))
    return np.maximum(W @ H + 0.1 * rng.standard_normal((rows, columns)), 0)


def assert_same(a, b) -> None:
    for field in fields(a):
        np.testing.assert_array_equal(getattr(a, field.name), getattr(b, field.name), err_msg=field.name)


def test_the_chi_squared_of_nothing_is_100_for_each_value_of_at_least_1():
    D = np.random.default_rng(0).uniform(1, 30, (300, 7))
    zero = np.zeros((300, 2)), np.zeros((2, 7))
    assert chi_squared_of(D, None, *zero) == pytest.approx(100 * 300 * 7, rel=1e-13)
    assert chi_squared_of(D, np.full(D.shape, 0.5), *zero) == pytest.approx(4 * (D**2).sum())
    np.testing.assert_allclose(default_uncertainty(np.array([0.0, 0.4, 1.0, 3.0])), [0.1, 0.1, 0.1, 0.3])
    # and so it is in the chain, of which the first steps on W change nothing while H is held at 0
    options = ChainOptions(2, iterations=3, held="H")
    state = advance(chain_data(D, None, options), begin(D.shape, options, np.zeros((7, 2))), options, 6)
    np.testing.assert_allclose(state.chi_squared, 100 * 300 * 7, rtol=1e-6)


def test_the_expected_mass_of_an_atom():
    D = data()
    rate = expected_rate(D, 5, 0.02)
    assert rate == pytest.approx(0.02 * np.sqrt(5 / D[D > 0].mean()))
    assert chain_data(D, None, ChainOptions(5, alpha=0.02)).rate == pytest.approx(rate, rel=1e-6)


def test_the_temperature_rises_over_the_first_half_of_equilibration():
    assert [temperature_of(done, 10) for done in (0, 1, 5, 6, 10, 19)] == [0.0, 0.2, 1.0, 1.0, 1.0, 1.0]


def test_a_chain_ends_in_the_same_bits_wherever_it_is_cut():
    D, options = data(), ChainOptions(3, iterations=60, seed=4)
    prepared = chain_data(D, None, options)
    start = begin(D.shape, options)
    whole = advance(prepared, start, options, 120)
    assert whole.iteration == 120
    state = start
    for iterations in (1, 2, 30, 40, 1000):
        state = advance(prepared, state, options, iterations)
    assert_same(state, whole)
    assert start.iteration == 0
    assert not start.W.any()
    assert not start.atoms.any()
    other = advance(prepared, begin(D.shape, replace(options, seed=5)), replace(options, seed=5), 120)
    assert not np.array_equal(other.W, whole.W)


def test_means_and_deviations_are_those_of_the_samples():
    D, options = data(), ChainOptions(3, iterations=25, seed=1)
    prepared, state = chain_data(D, None, options), begin(D.shape, options)
    W, H = [], []
    for iteration in range(50):
        state = advance(prepared, state, options, 1)
        if iteration >= 25:
            norm = np.where(state.Ht.max(axis=0) > 0, state.Ht.max(axis=0), 1)
            W.append(state.W * norm)
            H.append((state.Ht / norm).T)
        assert state.atoms[iteration].tolist() == [len(state.mass_W), len(state.mass_H)]
        residual = (D.astype(np.float32) - state.W @ state.Ht.T) / default_uncertainty(D)
        assert state.chi_squared[iteration] == pytest.approx((residual**2).sum(), rel=1e-4)
    found = posterior(state, options)
    for name, samples in (("W", W), ("H", H)):
        np.testing.assert_allclose(found[name], np.mean(samples, axis=0), rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(found[f"{name}_sd"], np.std(samples, axis=0, ddof=1), rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("held", ["W", "H"])
def test_a_factor_that_is_held_stays_as_it_is(held: str):
    D, options = data(), ChainOptions(3, iterations=30, held=held)
    given = np.random.default_rng(0).random((D.shape[0 if held == "W" else 1], 3))
    state = advance(chain_data(D, None, options), begin(D.shape, options, given), options, 60)
    np.testing.assert_array_equal(state.W if held == "W" else state.Ht, given)
    assert (state.atoms[:, 0 if held == "W" else 1] == 0).all()
    assert state.atoms[-1].sum() > 0
    found = posterior(state, options)
    if held == "H":
        np.testing.assert_allclose(found["H"].T, given / given.max(axis=0))
        assert not found["H_sd"].any()


def test_symmetric_data_need_no_transposes_and_give_the_same_bits():
    A = data(20, 20)
    A = A + A.T
    options = ChainOptions(3, iterations=20)
    states = []
    for symmetric in (True, False):
        prepared = chain_data(A, None, options, symmetric=symmetric)
        assert (prepared.turned is None) == symmetric
        states.append(advance(prepared, begin(A.shape, options), options, 40))
    assert_same(*states)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_components": 0}, "n_components=0: needs a whole number of at least 1"),
        ({"iterations": 2.5}, "iterations=2.5: needs a whole number"),
        ({"seed": -1}, "seed=-1: needs a whole number of at least 0"),
        ({"alpha": 0}, "alpha=0: needs a finite number above 0"),
        ({"alpha": "much"}, "alpha='much': needs a finite number above 0"),
    ],
)
def test_options_no_chain_can_have(options, message):
    with pytest.raises(InputError, match=message):
        ChainOptions(**{"n_components": 2, **options})


def test_data_no_chain_can_have():
    with pytest.raises(InputError, match="all 6 values of 2 rows are 0"):
        chain_data(np.zeros((2, 3)), None, ChainOptions(1))
    with pytest.raises(InputError, match="1/S² leaves float32"):
        chain_data(np.ones((2, 3)), np.full((2, 3), 1e-30), ChainOptions(1))
