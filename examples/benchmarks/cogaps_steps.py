"""Steps of the CoGAPS sampler per second on one core, in whole iterations of a chain past its equilibration.

An iteration is what users wait for: the residual and the curvatures anew, twice, all steps on both factors, χ² and
the averages. Steps are counted as expected, the atoms before each iteration; seconds are those of the processor, so
that other work on the machine takes only the caches.

    python cogaps_steps.py
    python cogaps_steps.py --quick
"""

from __future__ import annotations

import argparse
import os
import time

# one core, whatever the machine has
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("NUMBA_NUM_THREADS", "1")

import numpy as np
from tables import Table

from dasknmf.atomic.chain import ChainOptions, advance, begin, chain_data, default_uncertainty, posterior

#: Steps a second that are asked for on 4,000 × 300 values.
GOAL = 1e6


def planted(genes: int, samples: int, k: int) -> np.ndarray:
    """Return data of sparse patterns with noise of one standard deviation; a network where both sizes agree."""
    rng = np.random.default_rng(0)
    W = rng.gamma(0.5, 1, (genes, k)) * (rng.random((genes, k)) < 0.4)
    if genes == samples:
        D = W @ W.T
        noise = rng.standard_normal(D.shape)
        noise = (noise + noise.T) / np.sqrt(2)
    else:
        D = W @ (rng.gamma(1, 1, (k, samples)) * (rng.random((k, samples)) < 0.5))
        noise = rng.standard_normal(D.shape)
    return np.maximum(D + default_uncertainty(D) * noise, 0).astype(np.float32)


def measure(genes: int, samples: int, k: int, iterations: int, repetitions: int, table: Table) -> None:
    """Equilibrate a chain, then time parts of its sampling."""
    D = planted(genes, samples, k)
    options = ChainOptions(k, iterations=iterations)
    data = chain_data(D, None, options, symmetric=genes == samples)
    # compile on a chain of its own
    advance(data, begin(D.shape, options), options, 1)
    began = time.process_time()
    state = advance(data, begin(D.shape, options), options, iterations)
    equilibration = time.process_time() - began
    part = iterations // repetitions
    rates, each = [], []
    for _ in range(repetitions):
        first = state.iteration
        began = time.process_time()
        state = advance(data, state, options, part)
        seconds = time.process_time() - began
        steps = np.maximum(state.atoms[first - 1 : state.iteration - 1], 10).sum()
        rates.append(steps / seconds)
        each.append(1000 * seconds / part)
    found = posterior(state, options)
    residual = (D - found["W"] @ found["H"]) / default_uncertainty(D)
    table.add(
        f"{genes:,} × {samples:,}" + (" network" if genes == samples else ""),
        k,
        f"{state.atoms[-1, 0]:,}",
        f"{state.atoms[-1, 1]:,}",
        f"{equilibration:.1f}",
        f"{np.median(each):.1f}",
        f"{np.median(rates) / 1e6:.2f}",
        f"{max(rates) / 1e6:.2f}",
        f"{max(rates) / min(rates):.2f}",
        f"{(residual**2).sum() / D.size:.2f}",
    )


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-i", "--iterations", type=int, default=300, help="of equilibration")
    parser.add_argument("-r", "--repetitions", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="small data, 50 iterations")
    parser.add_argument("--write", action="store_true", help="keep the table in RESULTS.md")
    chosen = parser.parse_args()
    sizes = [(1000, 100, 5), (4000, 300, 10), (2000, 2000, 10)]
    if chosen.quick:
        sizes, chosen.iterations = [(200, 50, 4), (100, 100, 3)], 50
    columns = ("data", "K", "atoms of W", "of H", "equilibration, s", "ms an iteration", "million steps/s")
    table = Table("Steps of the CoGAPS sampler on one core", (*columns, "best", "max/min", "χ² a value"))
    for genes, samples, k in sizes:
        measure(genes, samples, k, chosen.iterations, chosen.repetitions, table)
    if chosen.write:
        table.write(
            f"{chosen.iterations} iterations of equilibration, then {chosen.repetitions} equal parts of sampling: "
            "medians, in seconds of the processor; `max/min` is how far the parts were apart, how restless the machine "
            "was. χ² is of the means over so few samples. "
            f"Goal: {GOAL / 1e6:.0f} million steps/s on 4,000 × 300."
        )


if __name__ == "__main__":
    main()
