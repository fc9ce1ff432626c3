"""Time of one sweep A·X of a sparse network on threads, beside scipy and a plain compiled loop in the same run.

scipy multiplies the whole symmetric matrix in CSR, on one core, as it always does. The plain loop is numba's, over
the entries of the same tiles in the same sweep on the same threads: only the product of a tile differs. Tiles are
in memory. Repetitions of all of them alternate, so that other work on the machine hits each alike; medians are
compared.

    python sparse_sweep.py                # 20,000 genes, 6 million edges
    python sparse_sweep.py --network network.zarr
    python sparse_sweep.py --quick
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING
from unittest.mock import patch

import numba
import numpy as np
import scipy.sparse as sp
from tables import Table

import dasknmf
from dasknmf.engine.cache import forget
from dasknmf.engine.executor import Threads
from dasknmf.engine.sweep import Sweep
from dasknmf.network.views import to_scipy

if TYPE_CHECKING:
    from collections.abc import Callable

    from dasknmf.network.store import Network

CACHE = 16 * 2**30


def random_network(location: Path, n: int, edges: int) -> Network:
    """Write a sparse network of uniform weights between uniform pairs of genes."""
    rng = np.random.default_rng(0)
    pairs = np.unique(np.sort(rng.integers(0, n, (edges, 2)), axis=1), axis=0)
    weights = 1 - rng.random(len(pairs), dtype=np.float32)
    return dasknmf.import_network(
        sp.coo_array((weights, (pairs[:, 0], pairs[:, 1])), shape=(n, n)), location, layout="sparse"
    )


@numba.njit(nogil=True)
def loop(pointer, column, weight, X_i, X_j, Y_i, Y_j, diagonal):
    """Add both products of a tile, entry by entry."""
    for r in range(len(pointer) - 1):
        for entry in range(pointer[r], pointer[r + 1]):
            c, w = column[entry], weight[entry]
            for q in range(X_i.shape[1]):
                Y_i[r, q] += w * X_j[c, q]
            if not (diagonal and c == r):
                for q in range(X_i.shape[1]):
                    Y_j[c, q] += w * X_i[r, q]


def plain(tile, X_i, X_j, Y_i, Y_j, *, diagonal) -> None:
    """Take the place of dasknmf's product of a sparse tile."""
    loop(tile.pointer, tile.column, tile.weight, X_i, X_j, Y_i, Y_j, diagonal)


def milliseconds(call: Callable[[], object]) -> float:
    """Return the milliseconds a call takes."""
    began = time.perf_counter()
    call()
    return 1000 * (time.perf_counter() - began)


def measure(network: Network, ranks: list[int], repetitions: int, table: Table) -> None:
    """Time scipy, the plain loop, and the sweep on all cores and on one, in turn."""
    A = to_scipy(network)
    threads = os.cpu_count() or 1
    for k in ranks:
        X = np.random.default_rng(0).random((network.n, k), dtype=np.float32)
        taken: dict[str, list[float]] = {"scipy": [], "plain": [], "sweep": [], "alone": []}
        with Threads(threads) as many, Threads(1) as one:
            sweep, alone = (
                partial(operator.sweep, operator.panels.split(X), columns=k, dtype=np.dtype(np.float32))
                for operator in (Sweep.of_network(network, executor, cache=CACHE) for executor in (many, one))
            )
            expected = A @ X
            # the first sweeps fill the cache and compile
            np.testing.assert_allclose(np.concatenate(sweep()), expected, rtol=1e-4)
            with patch("dasknmf.engine.compiled.add_sparse_products", plain):
                np.testing.assert_allclose(np.concatenate(sweep()), expected, rtol=1e-4)
            for _ in range(repetitions):
                taken["scipy"].append(milliseconds(lambda X=X: A @ X))
                with patch("dasknmf.engine.compiled.add_sparse_products", plain):
                    taken["plain"].append(milliseconds(sweep))
                taken["sweep"].append(milliseconds(sweep))
                taken["alone"].append(milliseconds(alone))
        forget()
        middle = {kind: median(times) for kind, times in taken.items()}
        table.add(
            k,
            *(f"{middle[kind]:.1f}" for kind in taken),
            f"{middle['scipy'] / middle['sweep']:.1f}",
            f"{middle['plain'] / middle['sweep']:.1f}",
            f"{max(max(times) / min(times) for times in taken.values()):.1f}",
        )


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-n", "--genes", type=int, default=20_000)
    parser.add_argument("-m", "--edges", type=int, default=6_000_000)
    parser.add_argument("-k", "--ranks", type=int, nargs="+", default=[2, 8, 16, 20, 32, 64, 256])
    parser.add_argument("-r", "--repetitions", type=int, default=15)
    parser.add_argument("--network", help="a sparse store to measure in place of a generated one")
    parser.add_argument("--name", help="of that network in the table")
    parser.add_argument("--quick", action="store_true", help="2,000 genes, 100,000 edges, 3 repetitions")
    parser.add_argument("--write", action="store_true", help="keep the table in RESULTS.md")
    chosen = parser.parse_args()
    if chosen.quick:
        chosen.genes, chosen.edges, chosen.repetitions = 2000, 100_000, 3
    times = [f"{name}, ms" for name in ("scipy", "plain loop", "sweep", "sweep on one core")]
    columns = ("k", *times, "scipy/sweep", "loop/sweep", "max/min")
    with tempfile.TemporaryDirectory() as folder:
        if chosen.network:
            network, name = dasknmf.open_network(chosen.network), chosen.name or Path(chosen.network).stem
        else:
            network = random_network(Path(folder) / "network.zarr", chosen.genes, chosen.edges)
            name = "uniform pairs"
        h = network.header
        table = Table(f"One sweep of {h.genes:,} genes and {h.edges:,} edges ({name})", columns)
        measure(network, chosen.ranks, chosen.repetitions, table)
    if chosen.write:
        table.write(
            f"Medians of {chosen.repetitions} repetitions that alternate. scipy uses one core, the plain loop and the "
            "sweep all of them. `max/min` is the widest range of a single measurement: how restless the machine was."
        )


if __name__ == "__main__":
    main()
