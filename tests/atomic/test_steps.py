"""Each step of the sampler against numerical integration of the law it is to have.

Laws are computed on grids from the Gaussian log-likelihood itself, never from s and s_μ. Seeds are fixed; a correct
step would fail a test once in ten thousand seeds. What each test finds was tried by breaking the code once; what broke
is in its docstring, with the p value it then had.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from dasknmf.atomic.domain import at_or_after, insert, make_domain, remove
from dasknmf.atomic.draws import stream
from dasknmf.atomic.side import add_mass, make_side, prepare
from dasknmf.atomic.steps import (
    REFUSED,
    Prior,
    birth,
    death,
    death_probability,
    draw_mass,
    exchange,
    move,
    take_steps,
)
from dasknmf.compiling import compiled

ODD = 1e-4
D, S, RATE = 2.0, 0.5, 0.5
GRID = 0.025
MASS = (np.arange(200) + 0.5) * GRID


def log_likelihood(mass):
    return -0.5 * ((D - mass) / S) ** 2


@compiled
def empty(domain, side):
    """Take all atoms off the line."""
    while domain.ends[0] > 0:
        bin_ = domain.bin[0]
        add_mass(side, bin_ // side.matrix.shape[1], bin_ % side.matrix.shape[1], -domain.mass[0])
        remove(domain, 0)
    side.matrix[:] = 0.0


@compiled
def put(domain, side, position, mass):
    """Put an atom on the line."""
    bin_ = position // domain.bin_length
    insert(domain, position, mass, at_or_after(domain, position))
    add_mass(side, bin_ // side.matrix.shape[1], bin_ % side.matrix.shape[1], mass)


@compiled
def replicates(domain, side, data, O, prior, masses, steps, many, numbers, found):  # noqa: E741
    """Take so many steps, from these atoms, so many times; keep the number of atoms and their mass."""
    length = domain.bin_length * len(domain.first)
    for number in range(many):
        empty(domain, side)
        prepare(side, data, O)
        for atom in range(len(masses)):
            put(domain, side, length // (len(masses) + 1) * (atom + 1), masses[atom])
        take_steps(domain, side, prior, 1.0, steps, numbers)
        found[number, 0], found[number, 1] = domain.ends[0], side.matrix[0, 0]


def one_entry(room: int = 64):
    """A problem of one value and one pattern: D = 2, S = ½, O = 1."""
    side = make_side(np.zeros((1, 1)), np.full((1, 1), 1 / S**2, np.float32))
    data, O = np.full((1, 1), D, np.float32), np.ones((1, 1))  # noqa: E741
    prepare(side, data, O)
    return make_domain(1, np.zeros(0, np.int64), np.zeros(0), room=room), side, data, O


def drawn_law(rest: np.ndarray) -> np.ndarray:
    """Law over ``MASS`` of a mass that is drawn beside so much others, (rest, mass); rows of zeros are refusals."""
    fine = (np.arange(8 * len(MASS)) + 0.5) * GRID / 8
    gain = log_likelihood(rest[:, None] + fine) - log_likelihood(rest)[:, None]
    density = np.exp(gain - RATE * fine)
    law = density.reshape(len(rest), len(MASS), 8).sum(axis=2)
    # the same without the bound at 0 is a normal law; refused where less than 5 % of it is above 0
    normal = stats.norm(D - rest - RATE * S**2, S)
    return np.where(normal.sf(0)[:, None] < 0.05, 0.0, law / law.sum(axis=1, keepdims=True))


def pooled(observed, expected, *, least: float):
    """Return both, scaled to one sum, with the cells that are expected less often taken together with the rarest."""
    order = np.argsort(expected)
    first = max(1, int(np.searchsorted(np.cumsum(expected[order]), least)) + 1)
    first = max(first, int((expected < least).sum()))
    parts = [np.append(values[order[first:]], values[order[:first]].sum()) for values in (observed, expected)]
    return parts[0], parts[1] * parts[0].sum() / parts[1].sum()


def test_death_probability():
    """Sherman et al. 2020: L·N / (L·N + α·B·(L − N))."""
    assert death_probability(3, 1, 1e15, 4.5) == pytest.approx(0.4)
    assert death_probability(10, 40, 50.0, 0.01) == pytest.approx(500 / (500 + 0.4 * 40))


def test_how_often_a_step_is_a_death():
    """Three atoms with far too much mass: each death ends one, each birth is refused.

    Broken once: α left out, p < 1e-300; births and deaths as likely, p = 1e-130.
    """
    domain, side, data, O = one_entry()  # noqa: E741
    found = np.empty((40_000, 2))
    prior = Prior(RATE, 200.0, 4.5)
    replicates(domain, side, data, O, prior, np.full(3, 20.0), 1, len(found), stream(1), found)
    deaths = int((found[:, 0] == 2).sum())
    assert (found[:, 0] >= 2).all()
    assert (found[:, 0] <= 3).all()
    assert stats.binomtest(deaths, len(found), 0.5 * 0.4).pvalue > ODD


@pytest.mark.parametrize("rest", [0.0, 1.5, 2.6])
def test_births_have_the_posterior_law_of_their_mass(rest: float):
    """Broken once: λ left out, p = 2e-44, 7e-29 and 5e-9."""
    domain, side, data, O = one_entry()  # noqa: E741
    numbers, prior = stream(2), Prior(RATE, 200.0, 1.0)
    born = []
    for _ in range(5000):
        empty(domain, side)
        prepare(side, data, O)
        if rest:
            put(domain, side, 10**9, rest)
        before = int(domain.ends[0])
        birth(domain, side, prior, 1.0, numbers)
        born += domain.mass[before : domain.ends[0]].tolist()
    assert len(born) >= 4990
    law = np.concatenate([[0.0], np.cumsum(drawn_law(np.array([rest]))[0])])
    edges = np.arange(len(MASS) + 1) * GRID
    assert stats.kstest(born, lambda x: np.interp(x, edges, law)).pvalue > ODD


def test_births_are_refused_where_less_than_a_twentieth_of_the_law_is_above_zero():
    numbers = stream(3)
    for s in (0.5, 4.0):
        edge = -REFUSED / np.sqrt(s)
        for mean, refused in ((edge * 1.001, True), (edge * 0.999, False)):
            drawn = draw_mass(numbers, s, s * mean + RATE, RATE, 0.0, 100.0)
            assert np.isnan(drawn) == refused
    assert stats.norm.cdf(REFUSED) == pytest.approx(0.95)
    assert np.isnan(draw_mass(numbers, 0.9e-5, 1.0, 0.0, 0.0, 100.0))
    # the largest mass: the law is cut there, and refused where less than 5 % of it is below
    assert draw_mass(numbers, 4.0, 4.0 * 100.5, 0.0, 0.0, 100.0) <= 100.0
    assert np.isnan(draw_mass(numbers, 4.0, 4.0 * 101.0, 0.0, 0.0, 100.0))


def test_without_any_pattern_of_the_other_factor_masses_are_exponential_and_atoms_never_die():
    side = make_side(np.zeros((2, 1)), np.ones((2, 3), np.float32))
    prepare(side, np.ones((2, 3), np.float32), np.zeros((3, 1)))
    domain = make_domain(2, np.zeros(0, np.int64), np.zeros(0), room=3000)
    prior, numbers = Prior(0.2, 500.0, 1.0), stream(4)
    for _ in range(3000):
        birth(domain, side, prior, 1.0, numbers)
    assert domain.ends[0] >= 2990
    assert stats.kstest(domain.mass[: domain.ends[0]], stats.expon(scale=5).cdf).pvalue > ODD
    before = int(domain.ends[0])
    for _ in range(100):
        death(domain, side, prior, 1.0, numbers)
    assert domain.ends[0] == before


def after_steps(alpha: float, steps: int) -> dict[int, np.ndarray]:
    """Law over cells of total mass, by number of atoms, after so many steps from nothing.

    The whole scheme on a line of one bin: what is drawn depends on the mass of the other atoms alone. A third atom is
    only followed in the last step, so it must be rare, or steps at most 3.
    """
    n = len(MASS)
    of_one, of_none = drawn_law(MASS), drawn_law(np.zeros(1))[0]
    # two masses of cells i and j are (i + j + 1)·GRID together
    of_pair = drawn_law((np.arange(2 * n - 1) + 1) * GRID)
    total = np.add.outer(np.arange(n), np.arange(n))
    ways = np.bincount(total.ravel())
    worth = np.minimum(1, np.exp(log_likelihood(MASS[:, None] + MASS) - log_likelihood(MASS)[:, None]))
    dies = 2 / (2 + alpha)
    refused, refused_pair = of_one.sum(axis=1) == 0, (of_pair.sum(axis=1) == 0)[total]
    one, two, three = of_none, np.zeros((n, n)), np.zeros(3 * n)
    for _ in range(steps - 1):
        two = (two + two.T) / 2
        sums = np.bincount(total.ravel(), weights=two.ravel())
        # a death beside the rest (rows): a mass is drawn anew, or the old one kept, and lives by its likelihood
        again = np.where(refused[:, None], two, two.sum(axis=1)[:, None] * of_one)
        born = 0.5 * (1 - dies) * sums[:, None] * of_pair
        for mass in range(n):
            three[1 + mass : 1 + mass + len(born)] += born[:, mass]
        two, one = (
            one[:, None] * of_one
            + 0.5 * dies * again * worth
            + 0.5 * (1 - dies) * two * refused_pair
            # a move within the bin changes nothing; an exchange makes every share as likely
            + 0.25 * two
            + 0.25 * (sums / ways)[total],
            one * refused + 0.5 * dies * (again * (1 - worth)).sum(axis=1),
        )
    pairs = np.bincount(total.ravel(), weights=two.ravel())
    # their sum is as often in the cell below (i + j + 1)·GRID as in that above
    return {1: one, 2: 0.5 * (np.append(pairs, 0) + np.insert(pairs, 0, 0)), 3: three}


@pytest.mark.parametrize(("alpha", "steps"), [(1e-12, 2), (2.0, 3), (1e-12, 12), (1e-12, 60)])
def test_number_and_mass_of_atoms_after_many_steps(alpha: float, steps: int):
    """The law of the whole scheme, by its transition operator, from nothing to what it tends to.

    This is the law of the published scheme, not of a posterior: an atom that is drawn is not weighed against none, a
    rebirth is by the likelihood alone, and below two atoms every step is a birth; on one bin the scheme even ends
    in a single atom so heavy that every birth is refused.
    Broken once, and p for 12 steps: λ left out of births or of deaths, < 1e-240; death without α, < 1e-30 in 3 steps;
    rebirths always accepted, < 1e-300; by the likelihood of the old mass, 5e-63; refusal at 2 % instead of 5 %,
    1e-225; shares of an exchange drawn from the sum of two uniforms, 7e-42.
    """
    domain, side, data, O = one_entry()  # noqa: E741
    found = np.empty((40_000, 2))
    replicates(
        domain, side, data, O, Prior(RATE, 200.0, alpha), np.zeros(0), steps, len(found), stream(5), found
    )
    law = after_steps(alpha, steps)
    observed, expected = [], []
    for atoms, cells in law.items():
        masses = found[found[:, 0] == atoms, 1]
        counts = np.bincount((masses / GRID).astype(int), minlength=len(cells))[: len(cells)]
        groups = np.arange(0, len(cells), 8)
        observed.append(np.add.reduceat(counts, groups))
        expected.append(np.add.reduceat(cells, groups) * len(found))
    o, e = np.concatenate(observed), np.concatenate(expected)
    assert e.sum() == pytest.approx(len(found), rel=1e-6)
    assert o.sum() == len(found)
    assert stats.chisquare(*pooled(o, e, least=20)).pvalue > ODD


@compiled
def walk(domain, side, steps, thin, numbers, found):
    """Moves and exchanges; keep the bins of both atoms and the mass of the left one, every so many."""
    for step in range(steps * thin):
        if step % 3:
            move(domain, side, 1.0, numbers)
        else:
            exchange(domain, side, 1.0, numbers)
        if step % thin == thin - 1:
            left, right = domain.ends[1], domain.ends[2]
            found[step // thin, 0], found[step // thin, 1] = domain.bin[left], domain.bin[right]
            found[step // thin, 2] = domain.mass[left]


def test_moves_and_exchanges_have_the_posterior_as_their_stationary_law():
    """Two atoms of a given mass together on the four bins of a 2 × 2 factor: 10 pairs of bins, any share.

    Both steps are reversible, so this is the posterior: places uniform, shares uniform, times the likelihood, by
    numerical integration over the share. Samples are 60 steps apart.
    Broken once: the sign of s_μ of a move, p < 1e-300; the likelihood of a move at half its weight, p = 5e-139; the
    s of one row in exchanges between rows, p = 2e-258; a move past a neighbour breaks the order and fails, too.
    """
    values = np.array([[1.2, 0.3], [0.4, 0.9]])
    noise = np.array([[0.7, 0.9], [0.8, 0.6]])
    O = np.array([[1.0, 0.4], [0.2, 0.9]])  # noqa: E741
    together = 1.8
    side = make_side(np.zeros((2, 2)), (1 / noise**2).astype(np.float32))
    prepare(side, values.astype(np.float32), O)
    domain = make_domain(4, np.zeros(0, np.int64), np.zeros(0), room=8)
    put(domain, side, domain.bin_length // 2, 1.0)
    put(domain, side, 7 * (domain.bin_length // 2), together - 1.0)
    found = np.empty((6000, 3))
    walk(domain, side, len(found), 60, stream(8), found)
    shares, parts = (np.arange(400) + 0.5) / 400 * together, 4
    weights = np.zeros((4, 4, parts))
    for left in range(4):
        for right in range(left, 4):
            likelihood = np.empty(len(shares))
            for place, share in enumerate(shares):
                F = np.zeros(4)
                F[left] += share
                F[right] += together - share
                likelihood[place] = np.exp(-0.5 * (((values - F.reshape(2, 2) @ O.T) / noise) ** 2).sum())
            times = 2 if left < right else 1
            weights[left, right] = times * likelihood.reshape(parts, -1).sum(axis=1)
    expected = weights.ravel() / weights.sum() * len(found)
    part = np.minimum((found[:, 2] / together * parts).astype(int), parts - 1)
    cell = (found[:, 0].astype(int) * 4 + found[:, 1].astype(int)) * parts + part
    counts = np.bincount(cell, minlength=len(expected))
    assert counts[expected == 0].sum() == 0
    assert stats.chisquare(*pooled(counts, expected, least=10)).pvalue > ODD
    assert domain.mass[:2].sum() == pytest.approx(together)
