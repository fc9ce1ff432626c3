"""How often do the tests of the symmetry laboratory call chance significant, at 5 %: on uniform random networks.

A test is right if it rejects a null hypothesis that holds at most 5 % of the time. So each is measured where its own
hypothesis holds by construction, and beside it where a user will meet it, which is another matter: restarts of one
random matrix find its own minima, and that they do so again is no false positive. The column "holds" tells the two
apart. Of each network one p-value, of a factor drawn at random, makes the rate and its Clopper–Pearson interval, since
factors of one network are not independent; "all factors" is the rate over all of them, "any q" the share of
networks with a q of at most 5 %. "could be" is the largest level up to 5 % that the test can have: with few coins,
few factors or measures with ties p takes few values.

Another test is measured by one more entry in TESTS of chance_tests.py.

    python false_positives.py --nulls 400 --write
    python false_positives.py --quick
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from chance_tests import GENES, LEVEL, RESTARTS, TESTS, Null, Test, null
from scipy.stats import binomtest
from tables import Table

from dasknmf.laboratory.multiplicity import q_values


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
