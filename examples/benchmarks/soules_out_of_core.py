"""A dense network larger than its workers, factorized against exact numbers.

A Soules network, generated tile by tile (40,000 genes are 3.2 GB as a float32 upper triangle), is factorized at
k = 1…7 in one run on two worker processes of 1 GiB each. Its best squared error at every rank is the tail of its
spectrum, and the peak memory of each worker is asked of the kernel (VmHWM) and must be below the limit.

    python soules_out_of_core.py         # needs 4 GB of disk, which it frees again
    python soules_out_of_core.py --quick
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from dask.utils import parse_bytes
from distributed import Client, LocalCluster
from tables import Table

import dasknmf
from dasknmf.network.soules import SoulesMatrix, write_soules

#: Eigenvalues of 16 genes; those of n genes are n / 16 times as large, so that weights stay of order one.
EIGENVALUES = (8, 5, 3, 2.5, 1.2, 1.1, 1, 0.9, *[0.3] * 8)
RANKS = range(1, 8)
TOLERANCE = 1e-3


def peak_memory() -> int:
    """Return the most bytes this process ever had resident."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


def check_disk(folder: Path, n: int) -> None:
    """Stop before writing what does not fit."""
    needed = 1.3 * n * (n + 1) / 2 * 4
    free = shutil.disk_usage(folder).free
    if free < needed:
        sys.exit(
            f"{folder} has {free / 1e9:.1f} GB free; needs {needed / 1e9:.1f}: name another with --folder"
        )


def run(store: Path, workers: int, limit: str) -> dict[str, Any]:
    """Factorize on worker processes and return the fits, the seconds and the peaks."""
    with (
        LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            memory_limit=limit,
            host="127.0.0.1",
            dashboard_address=None,
        ) as cluster,
        Client(cluster) as client,
    ):
        idle = client.run(peak_memory)
        began = time.perf_counter()
        fits = dasknmf.nmf_many(store, [{"n_components": k} for k in RANKS], scheduler=client)
        seconds = time.perf_counter() - began
        return {"fits": fits, "seconds": seconds, "idle": idle, "peak": client.run(peak_memory)}


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-n", "--genes", type=int, default=40_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--memory-limit", default="1GiB", help="of each worker process")
    parser.add_argument("--folder", type=Path, help="where the store goes; by default a temporary folder")
    parser.add_argument(
        "--keep", action="store_true", help="keep the store in --folder, and use it if it is there"
    )
    parser.add_argument("--quick", action="store_true", help="4,000 genes")
    parser.add_argument("--write", action="store_true", help="keep the table in RESULTS.md")
    chosen = parser.parse_args()
    n = 4000 if chosen.quick else chosen.genes
    if chosen.keep and not chosen.folder:
        parser.error("--keep needs --folder")
    matrix = SoulesMatrix(n, tuple(value * n / 16 for value in EIGENVALUES))
    table = Table(
        f"Soules network of {n:,} genes on {chosen.workers} workers of {chosen.memory_limit}",
        ("k", "squared error", "closed form", "relative difference", "iterations"),
    )
    folder = Path(tempfile.mkdtemp(dir=chosen.folder, prefix="soules-")) if not chosen.keep else chosen.folder
    try:
        store = folder / f"soules-{n}.zarr"
        began = time.perf_counter()
        if not store.exists():
            check_disk(folder, n)
            write_soules(store, n, matrix.values)
        writing = time.perf_counter() - began
        size = int(dasknmf.open_network(store).tile_weights.sum())
        done = run(store, chosen.workers, chosen.memory_limit)
    finally:
        if not chosen.keep:
            shutil.rmtree(folder)
    worst = 0.0
    for k in RANKS:
        fit = done["fits"][f"hals-k{k}"]
        error = fit.attrs["relative_error"] ** 2 * matrix.sum_of_squares
        difference = error / matrix.squared_error(k) - 1
        worst = max(worst, abs(difference))
        table.add(
            k, f"{error:.8g}", f"{matrix.squared_error(k):.8g}", f"{difference:.1e}", fit.sizes["iteration"]
        )
    limit = parse_bytes(chosen.memory_limit)
    peak = max(done["peak"].values())
    mib = {
        kind: ", ".join(f"{peak / 2**20:.0f}" for peak in done[kind].values()) for kind in ("idle", "peak")
    }
    reads = done["fits"][f"hals-k{max(RANKS)}"].attrs["reads"]
    seconds, rate = done["seconds"], size * reads / done["seconds"] / 1e9
    notes = (
        f"Store {size / 1e9:.2f} GB, made and written in {writing:.0f} s (0: it was there).",
        f"All ranks in {seconds:.0f} s and {reads} reads of it, {rate:.2f} GB/s.",
        f"Peak memory of the workers {mib['peak']} MiB, idle {mib['idle']} MiB, limit {limit / 2**20:.0f} MiB.",
        f"Largest relative difference {worst:.1e}, goal {TOLERANCE:.0e}.",
    )
    print(*notes, sep="\n")
    if chosen.write:
        table.write(*notes)
    if worst > TOLERANCE or peak > limit:
        sys.exit(
            "missed: " + ("error above the closed form" if worst > TOLERANCE else "memory above the limit")
        )


if __name__ == "__main__":
    main()
