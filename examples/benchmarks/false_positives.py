"""How often do the tests of the symmetry laboratory call chance significant, at 5 %: on uniform random networks.

A test is right if it rejects a null hypothesis that holds at most 5 % of the time. So each is measured where its own
hypothesis holds by construction, and beside it where a user will meet it, which is another matter: restarts of one
random matrix find its own minima, and that they do so again is no false positive. The column "holds" tells the two
apart. Of each network one p-value, of a factor drawn at random, makes the rate and its Clopper–Pearson interval, since
factors of one network are not independent; "all factors" is the rate over all of them, "any q" the share of
networks with a q of at most 5 %. "could be" is the largest level up to 5 % that the test can have: with few coins,
few factors or measures with ties p takes few values.

Another test is measured by one more entry in TESTS.

    python false_positives.py --nulls 400 --write
    python false_positives.py --quick
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from math import factorial
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import binom, binomtest
from tables import Table

import dasknmf
from dasknmf.analysis.matching import cosines, match
from dasknmf.analysis.restarts import factors
from dasknmf.laboratory.against import against_nulls
from dasknmf.laboratory.crossing import crossed
from dasknmf.laboratory.factor_similarity import side_similarity
from dasknmf.laboratory.multiplicity import q_values
from dasknmf.laboratory.orientation import orientation_of
from dasknmf.laboratory.recurrence import recurrence_of

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


def partners(model) -> np.ndarray:
    """The rows of H assigned to the columns of W by their cosines."""
    W, Ht = model
    return match(cosines([W], [Ht], len(W)))[0]


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
        return np.array([getattr(getattr(side_similarity(model, partners(model)), which), value)])

    return p_values


def verdict_unrelated(one: Null, _: list[Null], rng: np.random.Generator) -> np.ndarray:
    """0 where the sentence says that factors may be compared, 1 otherwise."""
    model = shuffled(unrelated(one), rng)
    found = side_similarity(model, partners(model))
    return np.array([float(not (found.index.enough or found.matched.enough))])


# against nulls


def measures(model) -> list[float]:
    """Return asymmetry, median cosine of partners, and how many factors are their own partner: a whole number."""
    W, Ht = model
    M = W.astype(float) @ Ht.T.astype(float)
    to, values = match(cosines([W], [Ht], len(W)))
    own = float((to == np.arange(len(to))).sum())
    return [float(np.linalg.norm(M - M.T) / np.linalg.norm(M)), float(np.median(values)), own]


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


TESTS = [
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


def measure(test: Test, nulls: list[Null]) -> tuple[object, ...]:
    """Return the row of a test."""
    rejected, tried, all_p, any_q = 0, 0, [], []
    rank = nulls[0].fits[0][0].shape[1]
    for number, one in enumerate(nulls):
        rng = np.random.default_rng([number, 5])
        p = test.p_values(one, nulls, rng)
        any_q.append(bool((q_values(p) <= LEVEL).any()))
        p = p[~np.isnan(p)]
        all_p.extend(p)
        if len(p):
            tried += 1
            rejected += bool(p[np.random.default_rng([number, 6]).integers(len(p))] <= LEVEL)
    row: tuple[object, ...] = (test.name, test.set_up, test.holds, f"{100 * test.could_be(rank):.1f}", tried)
    if not tried:
        return (*row, "", "", "", "")
    interval = binomtest(rejected, tried).proportion_ci(0.95, "exact")
    ends = f"{100 * interval.low:.1f} to {100 * interval.high:.1f}"
    every = f"{100 * np.mean(np.array(all_p) <= LEVEL):.1f}"
    return (*row, f"{100 * rejected / tried:.1f}", ends, every, f"{100 * np.mean(any_q):.1f}")


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--nulls", type=int, default=400, help="random networks")
    parser.add_argument("--rank", type=int, default=4)
    parser.add_argument("--solver", default="hals", help="of A ≈ WH")
    parser.add_argument("--quick", action="store_true", help="12 networks")
    parser.add_argument("--write", action="store_true", help="keep the table in RESULTS.md")
    chosen = parser.parse_args()
    number = 12 if chosen.quick else chosen.nulls
    began = time.perf_counter()
    nulls = [null(i, chosen.solver, chosen.rank) for i in range(number)]
    seconds = time.perf_counter() - began
    table = Table(
        f"Tests of chance on {number} uniform random networks ({chosen.solver}, k = {chosen.rank})",
        (
            "test",
            "set-up",
            "holds",
            "could be, %",
            "networks",
            "p ≤ 5 %, %",
            "95 %",
            "all factors, %",
            "any q ≤ 5 %, %",
        ),
    )
    for test in TESTS:
        table.add(*measure(test, nulls))
    note = (
        f"{GENES} genes, {RESTARTS} restarts beside the reference. Fits took {seconds / number:.2f} s a "
        f"network, the tests {time.perf_counter() - began - seconds:.0f} s in all."
    )
    print(note)
    if chosen.write:
        table.write(note)


if __name__ == "__main__":
    main()
