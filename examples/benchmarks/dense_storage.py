"""What storage and codec of a dense network cost and save: bytes, error, and time of a sweep A·X, cold and warm.

The network is one of co-expression, |r|⁶, of real expression if it is beside the repository, else of random modules.
Cold: its files are dropped from the page cache first (``posix_fadvise``, Linux). A cold sweep is compared with reading
the same files plainly on as many threads, and with the floor: the larger of that and a warm sweep. Repetitions of all
rows alternate, so that other work on the machine hits each alike, and the least is taken, since other work only adds.

    python dense_storage.py              # 22,283 genes: 8 GiB of disk
    python dense_storage.py --quick
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from sweep_floor import PlainRead, seconds
from tables import Table

import dasknmf
from dasknmf.engine.executor import Threads
from dasknmf.engine.sweep import Sweep
from dasknmf.network.build import build_from_tiles
from dasknmf.network.compression import CODECS
from dasknmf.network.encoding import STORAGES

if TYPE_CHECKING:
    from dasknmf.network.store import Network

EXPRESSION = Path(__file__).parents[3] / "shared" / "data" / "bladder_expr" / "expr.npz"
TIMES = ("cold read", "cold sweep", "warm sweep")


def expression(file: Path, genes: int) -> np.ndarray:
    """Return genes × samples, from a file with ``X`` or at random."""
    if file.exists():
        with np.load(file) as held:
            return held["X"][:genes].astype(np.float64)
    print(f"{file} is not there; random modules instead")
    rng = np.random.default_rng(0)
    return rng.standard_normal((genes, 12)) @ rng.standard_normal((12, 57)) + 2 * rng.standard_normal(
        (genes, 57)
    )


def stored_as(network: Network, location: Path, storage: str, codec: str) -> Network:
    """Write the same weights another way."""
    return build_from_tiles(
        location,
        lambda i, j: next(tile for _, tile in network.tile_row(i, j, j + 1)),
        genes=network.genes,
        grid=network.grid,
        layout="dense",
        weights=network.header.weights,
        provenance={"made_by": "dense_storage.py"},
        storage=storage,
        codec=codec,
    )


def drop_from_cache(files: list[Path]) -> bool:
    """Make the next read come from the disk, where that can be asked for."""
    if not hasattr(os, "posix_fadvise"):
        return False
    for file in files:
        handle = os.open(file, os.O_RDONLY)
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(handle)
    return True


class Row:
    """One storage and codec, and how long it took."""

    def __init__(self, network: Network, codec: str, threads: Threads, X: np.ndarray) -> None:
        self.network, self.codec, self.X = network, codec, X
        self.read = PlainRead(Path(network.location), threads.workers)
        self.operator = Sweep.of_network(network, threads)
        self.operator @ X  # checks every tile, which only the first sweep does
        self.taken: dict[str, list[float]] = {name: [] for name in TIMES}

    def measure(self) -> None:
        """Time each way once."""
        cold = drop_from_cache(self.read.files)
        self.taken["cold read"].append(seconds(self.read) if cold else np.nan)
        drop_from_cache(self.read.files)
        first = seconds(lambda: self.operator @ self.X)
        self.taken["cold sweep"].append(first if cold else np.nan)
        self.taken["warm sweep"].append(seconds(lambda: self.operator @ self.X))

    @property
    def least(self) -> dict[str, float]:
        """Least seconds of each."""
        return {name: min(times) for name, times in self.taken.items()}

    def cells(self, plain: dict[str, float]) -> tuple[str, ...]:
        """Return the row of the table; ``plain`` are the times of float32, uncompressed."""
        header, least = self.network.header, self.least
        size = sum(file.stat().st_size for file in self.read.files)
        return (
            header.dtype,
            self.codec,
            f"{size / 2**20:,.0f}",
            f"{header.storage_error:.1e}",
            f"{header.largest_storage_error:.1e}",
            f"{100 * header.lost_edges / (header.edges + header.lost_edges):.1f}",
            *(f"{1000 * least[name]:.0f}" for name in TIMES),
            f"{least['cold sweep'] / least['cold read']:.2f}",
            f"{least['cold sweep'] / max(least['cold read'], least['warm sweep']):.2f}",
            *(f"{least[name] / plain[name]:.2f}" for name in ("cold sweep", "warm sweep")),
        )


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-n", "--genes", type=int, default=22_283)
    parser.add_argument("-k", "--rank", type=int, default=32)
    parser.add_argument("-r", "--repetitions", type=int, default=5)
    parser.add_argument(
        "--expression", type=Path, default=EXPRESSION, help="an .npz file with X, genes × samples"
    )
    parser.add_argument("--folder", help="where the stores go; by default a temporary folder")
    parser.add_argument("--quick", action="store_true", help="2,048 genes, 2 repetitions")
    parser.add_argument("--write", action="store_true", help="keep the table in RESULTS.md")
    chosen = parser.parse_args()
    if chosen.quick:
        chosen.genes, chosen.repetitions = 2048, 2
    columns = (
        "storage",
        "codec",
        "MiB",
        "error",
        "largest",
        "lost edges, %",
        *(f"{name}, ms" for name in TIMES),
    )
    comparisons = ("cold sweep/read", "cold sweep/floor", "cold/float32", "warm/float32")
    values = expression(chosen.expression, chosen.genes)
    genes = [f"g{gene}" for gene in range(len(values))]
    table = Table(f"Storage of {len(genes):,} dense genes, k = {chosen.rank}", (*columns, *comparisons))
    X = np.random.default_rng(0).random((len(genes), chosen.rank), dtype=np.float32)
    with tempfile.TemporaryDirectory(dir=chosen.folder) as folder, Threads() as threads:
        exact = dasknmf.coexpression(values, Path(folder) / "exact.zarr", genes=genes)
        rows = [
            Row(stored_as(exact, Path(folder) / f"{storage}-{codec}.zarr", storage, codec), codec, threads, X)
            for storage in STORAGES
            for codec in CODECS
        ]
        os.sync()
        for _ in range(chosen.repetitions):
            for row in rows:
                row.measure()
        for row in rows:
            table.add(*row.cells(rows[0].least))
    if chosen.write:
        table.write(
            f"The least of {chosen.repetitions} repetitions that alternate. Cold: files dropped from the page cache "
            "before. `error` is ‖A − stored‖ / ‖A‖ and `largest` that of one weight (the largest weight is 1), as the "
            "header states them; lost edges became 0. The floor is the larger of the cold read and the warm sweep. "
            "Goal: a cold sweep within 1.3 of the cold read, where that is the floor."
        )


if __name__ == "__main__":
    main()
