"""Time of one sweep A·X of a dense network on threads, against the floor measured in the same run.

The floor is the larger of reading the same chunk files with plain ``readinto`` on as many threads, and of one
float32 numpy product of the same arithmetic, n×n by n×k, on all cores. Repetitions of all of them alternate,
so that other work on the machine hits each alike; medians are compared.

    python sweep_floor.py                # 16,384 genes: 576 MiB on disk, 1 GiB in memory for the floor
    python sweep_floor.py --quick
"""

from __future__ import annotations

import argparse
import os
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import numpy as np
from tables import Table

from dasknmf.engine.cache import forget
from dasknmf.engine.executor import Threads
from dasknmf.engine.sweep import Sweep
from dasknmf.network.build import build_from_tiles
from dasknmf.network.tiles import Grid, dense_tile

if TYPE_CHECKING:
    from collections.abc import Callable

    from dasknmf.network.store import Network

CACHE = 16 * 2**30


def random_network(location: Path, n: int) -> Network:
    """Write a dense network of uniform weights, tile by tile."""
    grid = Grid(n, dense_tile(n))

    def tile(i: int, j: int) -> np.ndarray:
        (a, b), (c, d) = grid.bounds(i), grid.bounds(j)
        weights = np.random.default_rng([i, j]).random((b - a, d - c), dtype=np.float32)
        return np.triu(weights) + np.triu(weights, 1).T if i == j else weights

    return build_from_tiles(
        location,
        tile,
        genes=[f"g{gene}" for gene in range(n)],
        grid=grid,
        layout="dense",
        weights={"kind": "uniform", "diagonal": "kept"},
        provenance={"made_by": "sweep_floor.py"},
    )


class PlainRead:
    """Reads all chunk files into one buffer a thread, and does nothing with them."""

    def __init__(self, store: Path, threads: int) -> None:
        self.files = sorted(file for file in (store / "tiles" / "c").rglob("*") if file.is_file())
        self.buffers = threading.local()
        self.pool = ThreadPoolExecutor(threads)

    def __call__(self) -> None:
        for _ in self.pool.map(self._read, self.files):
            pass

    def _read(self, file: Path) -> None:
        size = file.stat().st_size
        if len(getattr(self.buffers, "bytes", b"")) < size:
            self.buffers.bytes = bytearray(size)
        with file.open("rb", buffering=0) as opened:
            opened.readinto(memoryview(self.buffers.bytes)[:size])


def seconds(call: Callable[[], object]) -> float:
    """Return the seconds a call takes."""
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def measure(network: Network, ranks: list[int], repetitions: int, table: Table) -> None:
    """Time reading, the plain product and both kinds of sweep, in turn."""
    n, threads = network.n, os.cpu_count() or 1
    read = PlainRead(Path(network.location), threads)
    rng = np.random.default_rng(0)
    A = rng.random((n, n), dtype=np.float32)
    for k in ranks:
        X = rng.random((n, k), dtype=np.float32)
        taken: dict[str, list[float]] = {"read": [], "product": [], "uncached": [], "cached": []}
        with Threads(threads) as executor:
            cached = Sweep.of_network(network, executor, cache=CACHE)
            cached @ X  # the first sweep fills the cache
        for _ in range(repetitions):
            taken["read"].append(seconds(read))
            taken["product"].append(seconds(lambda X=X: A @ X))
            for kind, cache in (("uncached", 0), ("cached", CACHE)):
                with Threads(threads) as executor:
                    operator = Sweep.of_network(network, executor, cache=cache)
                    taken[kind].append(seconds(lambda operator=operator, X=X: operator @ X))
        forget()
        middle = {kind: median(times) for kind, times in taken.items()}
        floor = max(middle["read"], middle["product"])
        spread = max((max(times) / min(times) for times in taken.values()), default=1.0)
        table.add(
            k,
            *(f"{1000 * middle[kind]:.0f}" for kind in taken),
            *(f"{middle[kind] / floor:.2f}" for kind in ("uncached", "cached")),
            f"{spread:.1f}",
        )


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-n", "--genes", type=int, default=16_384)
    parser.add_argument("-k", "--ranks", type=int, nargs="+", default=[16, 64, 256])
    parser.add_argument("-r", "--repetitions", type=int, default=9)
    parser.add_argument("--folder", help="where the store goes; by default a temporary folder")
    parser.add_argument("--quick", action="store_true", help="2,048 genes, 3 repetitions")
    parser.add_argument("--write", action="store_true", help="keep the table in RESULTS.md")
    chosen = parser.parse_args()
    if chosen.quick:
        chosen.genes, chosen.repetitions = 2048, 3
    times = [f"{name}, ms" for name in ("read", "product", "sweep", "cached sweep")]
    columns = ("k", *times, "sweep/floor", "cached/floor", "max/min")
    with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
        network = random_network(Path(folder) / "network.zarr", chosen.genes)
        size = int(network.tile_weights.sum()) / 2**20
        table = Table(f"One sweep of {chosen.genes:,} dense genes ({size:,.0f} MiB)", columns)
        measure(network, chosen.ranks, chosen.repetitions, table)
    if chosen.write:
        table.write(
            f"Medians of {chosen.repetitions} repetitions that alternate; goal: within 1.5 of the floor. `max/min` "
            "is the widest range of a single measurement: how restless the machine was. Files come from the page "
            "cache, so the plain read costs what copying memory costs."
        )


if __name__ == "__main__":
    main()
