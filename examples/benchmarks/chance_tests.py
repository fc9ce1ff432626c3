"""The tests of the symmetry laboratory on fits of random networks: where their null hypotheses hold, and where not."""

from __future__ import annotations

from dataclasses import dataclass
from math import factorial
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import binom

import dasknmf
from dasknmf.analysis.restarts import factors
from dasknmf.laboratory.against import against_nulls
from dasknmf.laboratory.assignment import partners
from dasknmf.laboratory.crossing import crossed
from dasknmf.laboratory.curvature import curvature_test
from dasknmf.laboratory.factor_similarity import side_similarity
from dasknmf.laboratory.orientation import orientation_of
from dasknmf.laboratory.recurrence import recurrence_of
from dasknmf.laboratory.relating import relations

if TYPE_CHECKING:
    from collections.abc import Callable

GENES, RESTARTS = 150, 6
LEVEL = 0.05
#: Fits of nulls beside one: 2/40 is the first p to reach 5 %.
BESIDE = 39


@dataclass(frozen=True)
class Null:
    """Fits of a random network and its restarts, and of as many other random networks."""

    fits: list
    strangers: list


@dataclass(frozen=True)
class Test:
    """A test where its null hypothesis holds, or does not: p-values of the factors (or measures) of one network."""

    name: str
    set_up: str
    holds: str
    could_be: Callable[[int], float]
    p_values: Callable[[Null, list[Null], np.random.Generator], np.ndarray]


def uniform(seed: int, n: int = GENES) -> np.ndarray:
    """Return a symmetric matrix of uniform random weights."""
    upper = np.triu(np.random.default_rng(seed).random((n, n)))
    return upper + np.triu(upper, 1).T


def fitted(seed: int, starts: range, solver: str, rank: int) -> list:
    """Return (W, Ht) of some starts on a random network."""
    models = [{"n_components": rank, "solver": solver, "init": "random", "seed": start} for start in starts]
    tree = dasknmf.nmf_many(uniform(seed), models)
    return [factors(child.to_dataset()) for child in tree.children.values()]


def null(number: int, solver: str, rank: int) -> Null:
    """Return a null; no matrix and no start is used in another."""
    first = number * (1 + RESTARTS)
    fits = fitted(first, range(1 + RESTARTS), solver, rank)
    strangers = [fitted(first + r, range(100 + r, 101 + r), solver, rank)[0] for r in range(1, 1 + RESTARTS)]
    return Null(fits, strangers)


# recurrence


def recurrence_paired(one: Null, _: list[Null], rng: np.random.Generator) -> np.ndarray:
    """Sides of restarts put together by a draw."""
    restarts = [shuffled(fit, rng) for fit in one.fits[1:]]
    return recurrence_of(crossed(one.fits[0], restarts)).p


def recurrence_strangers(one: Null, _: list[Null], __: np.random.Generator) -> np.ndarray:
    return recurrence_of(crossed(one.fits[0], one.strangers)).p


def recurrence_restarts(one: Null, _: list[Null], __: np.random.Generator) -> np.ndarray:
    return recurrence_of(crossed(one.fits[0], one.fits[1:])).p


# orientation


def thrown(one: Null, rng: np.random.Generator):
    """Restarts transposed by a coin."""
    return crossed(one.fits[0], [fit[:: rng.choice([-1, 1])] for fit in one.fits[1:]])


def orientation_thrown(one: Null, _: list[Null], rng: np.random.Generator) -> np.ndarray:
    return orientation_of(thrown(one, rng)).p


def orientation_restarts(one: Null, _: list[Null], __: np.random.Generator) -> np.ndarray:
    return orientation_of(crossed(one.fits[0], one.fits[1:])).p


def pooled_thrown(one: Null, _: list[Null], rng: np.random.Generator) -> np.ndarray:
    return np.array([orientation_of(thrown(one, rng)).pooled_p])


def pooled_restarts(one: Null, _: list[Null], __: np.random.Generator) -> np.ndarray:
    return np.array([orientation_of(crossed(one.fits[0], one.fits[1:])).pooled_p])


# comparing factors within W


def unrelated(one: Null):
    """W of one network and H of another."""
    return one.fits[0][0], one.strangers[0][1]


def shuffled(model, rng: np.random.Generator):
    W, Ht = model
    return W, Ht[:, rng.permutation(Ht.shape[1])]


def similarity_test(make: Callable, which: str, value: str) -> Callable:
    """Return the test of an agreement of a model made from a null."""

    def p_values(one: Null, _: list[Null], rng: np.random.Generator) -> np.ndarray:
        model = make(one, rng)
        return np.array([getattr(getattr(side_similarity(model, partners(model).partner_of), which), value)])

    return p_values


def verdict_unrelated(one: Null, _: list[Null], rng: np.random.Generator) -> np.ndarray:
    """0 where the sentence says that factors may be compared, 1 otherwise."""
    model = shuffled(unrelated(one), rng)
    found = side_similarity(model, partners(model).partner_of)
    return np.array([float(not (found.index.enough or found.matched.enough))])


# against nulls


def measures(model) -> list[float]:
    """Return asymmetry, median cosine of partners, and how many factors are their own partner: a whole number."""
    W, Ht = model
    M = W.astype(float) @ Ht.T.astype(float)
    found = partners(model)
    asymmetry = float(np.linalg.norm(M - M.T) / np.linalg.norm(M))
    return [asymmetry, float(np.median(found.partner_cosine)), float(found.fixed_points)]


def against(one: Null, everything: list[Null], rng: np.random.Generator) -> np.ndarray:
    others = [(i, r) for i, other in enumerate(everything) if other is not one for r in range(RESTARTS)]
    drawn = rng.choice(len(others), min(BESIDE, len(others)), replace=False)
    nulls = [measures(everything[others[d][0]].strangers[others[d][1]]) for d in drawn]
    return against_nulls(measures(one.fits[0]), np.array(nulls).T, ["uniform"] * len(nulls)).p[:, 0]


def of_coins(R: int) -> float:
    """Return the largest level up to 5 % of a two-sided test of R fair coins."""
    levels = [2 * binom.cdf(heads, R, 0.5) for heads in range(R // 2)]
    return max([level for level in levels if level <= LEVEL], default=0.0)


def of_orders(number: int) -> float:
    return int(LEVEL * number) / number


def full(_: int) -> float:
    return LEVEL


def coins(_: int) -> float:
    return of_coins(RESTARTS)


def flips(_: int) -> float:
    return of_orders(2 ** (RESTARTS - 1))


def orders(rank: int) -> float:
    """Beyond rank 6 orders are drawn, 999 of them."""
    return of_orders(factorial(rank)) if rank <= 6 else LEVEL


def verdicts(rank: int) -> float:
    """Either of two agreements makes a verdict, each at half of 5 %."""
    return 0.0 if rank <= 4 else LEVEL


def curvature_of_lines(one: Null, nulls: list[Null], rng: np.random.Generator) -> np.ndarray:
    """The partner is a line of w, and noise that is as likely above it as below: columns w are those of the fit."""
    del nulls
    W = one.fits[0][0].astype(np.float64)
    noise = 0.3 * W.mean() * rng.choice([-1.0, 1.0], W.shape) * rng.random(W.shape)
    return np.array(
        [
            curvature_test(x, 0.7 * x + e, seed=int(rng.integers(2**31)))
            for x, e in zip(W.T, noise.T, strict=True)
        ]
    )


def curvature_of_fits(one: Null, nulls: list[Null], rng: np.random.Generator) -> np.ndarray:
    del nulls
    model = one.fits[0]
    return relations(model, partners(model), seed=int(rng.integers(2**31)))["curvature_p"]


TESTS = [
    Test("curvature", "a line and even noise", "yes", full, curvature_of_lines),
    Test("curvature", "W and H of a fit", "no: which are linear is not known", full, curvature_of_fits),
    Test("recurrence", "restarts, sides paired at random", "yes", full, recurrence_paired),
    Test(
        "recurrence",
        "other networks as restarts",
        "nearly: w and h of a fit are alike",
        full,
        recurrence_strangers,
    ),
    Test("recurrence", "restarts of the network", "no: both sides fit the same A", full, recurrence_restarts),
    Test("orientation", "restarts transposed by a coin", "yes", coins, orientation_thrown),
    Test(
        "orientation", "restarts of the network", "if W and H are treated alike", coins, orientation_restarts
    ),
    Test("orientation, pooled", "restarts transposed by a coin", "yes", flips, pooled_thrown),
    Test(
        "orientation, pooled",
        "restarts of the network",
        "if W and H are treated alike",
        flips,
        pooled_restarts,
    ),
]
for label, value in (("Mantel", "mantel_p"), ("CKA", "cka_p")):
    for which, set_up, holds, make in (
        ("index", "W and H of two networks, shuffled", "yes", lambda one, rng: shuffled(unrelated(one), rng)),
        ("index", "the same by contribution", "no: both are sorted", lambda one, _: unrelated(one)),
        ("index", "W and H of a fit", "no: one network", lambda one, _: one.fits[0]),
        ("matched", "W and H of two networks", "no: partners are chosen", lambda one, _: unrelated(one)),
        ("matched", "W and H of a fit", "no: one network", lambda one, _: one.fits[0]),
    ):
        TESTS.append(Test(f"{label}, {which}", set_up, holds, orders, similarity_test(make, which, value)))
TESTS += [
    Test("verdict: comparable", "W and H of two networks, shuffled", "yes", verdicts, verdict_unrelated),
    Test("against", f"one more null beside {BESIDE}", "yes", full, against),
]
