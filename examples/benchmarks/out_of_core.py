"""One sweep of a dense network that no worker could hold, from a cold disk, beside plainly reading its files.

100,000 generated genes are 20 GB as the upper triangle in float32, 10 GB in float16, which is taken where only that
fits. Two worker processes of 1 GiB multiply it with k columns; two processes read the same files and do nothing
with them. Before each, the files are dropped from the page cache (``posix_fadvise``, Linux); the two alternate.

    python out_of_core.py --folder /somewhere/with/22/GB
    python out_of_core.py --quick
"""

from __future__ import annotations

import argparse
import gc
import multiprocessing
import shutil
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from measure import bytes_read, drop_from_cache, mib, peak_memory, run
from tables import Table

GOAL = 1.3
#: Bytes that stay free on the disk.
SPARE = 2 * 2**30


def write(*, store: str, genes: int, storage: str, tile: int | None) -> dict[str, Any]:
    """Generate the network, if it is not there."""
    from generated import write_dense_uniform

    import dasknmf

    began = time.perf_counter()
    if not Path(store).exists():
        write_dense_uniform(store, genes, storage=storage, tile=tile)
    header = dasknmf.open_network(store).header
    size = sum(file.stat().st_size for file in Path(store).rglob("*") if file.is_file())
    return {
        "seconds": time.perf_counter() - began,
        "size": size,
        "genes": header.genes,
        "dtype": header.dtype,
    }


def read_plainly(files: list[str]) -> int:
    """Read files into one buffer and do nothing with them."""
    buffer = bytearray(max(Path(file).stat().st_size for file in files))
    read = 0
    for file in files:
        with Path(file).open("rb", buffering=0) as opened:
            read += opened.readinto(buffer)
    return read


def sweeps(*, store: str, k: int, workers: int, memory_limit: str, repetitions: int) -> dict[str, Any]:
    """Alternate plain reads and sweeps, each from a cold page cache."""
    from distributed import Client, LocalCluster, wait

    import dasknmf
    from dasknmf.engine.dask_executor import Distributed
    from dasknmf.engine.sweep import Sweep

    network = dasknmf.open_network(store)
    files = sorted(str(file) for file in (Path(store) / "tiles" / "c").rglob("*") if file.is_file())
    shares = [files[first::workers] for first in range(workers)]
    rows = np.random.default_rng(0).random((network.n, k), dtype=np.float32)
    rounds = []
    with (
        ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as readers,
        LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            memory_limit=memory_limit,
            host="127.0.0.1",
            dashboard_address=None,
        ) as cluster,
        Client(cluster) as client,
        Distributed(client) as executor,
    ):
        operator = Sweep.of_network(network, executor)
        X = executor.put(operator.panels.split(rows), label="panel")
        wait(X)
        list(readers.map(read_plainly, [share[:1] for share in shares]))  # starts the processes
        idle = max(client.run(peak_memory).values())
        for _ in range(repetitions):
            cold = drop_from_cache(store)
            began = time.perf_counter()
            read = sum(readers.map(read_plainly, shares))
            plain = time.perf_counter() - began
            drop_from_cache(store)
            before = sum(client.run(bytes_read).values())
            began = time.perf_counter()
            made = operator.sweep(X, columns=k, dtype=np.dtype(np.float32))
            wait(made)
            swept = time.perf_counter() - began
            after = sum(client.run(bytes_read).values())
            rounds.append({"plain": plain, "read": read, "swept": swept, "read by sweep": after - before})
            del made
            gc.collect()  # the futures of a sweep must be gone before the next
        peaks = list(client.run(peak_memory).values())
    return {"rounds": rounds, "idle": idle, "peaks": peaks, "cold": cold, "groups": len(operator.plan.groups)}


def choose_storage(folder: Path, genes: int) -> str:
    """Return the widest storage that fits the free disk."""
    free = shutil.disk_usage(folder).free - SPARE
    pairs = 1.05 * genes * (genes + 1) / 2
    for storage, size in (("float32", 4), ("float16", 2)):
        if free >= size * pairs:
            return storage
    message = f"{folder} has {free / 1e9:.0f} GB to spare; needs {2 * pairs / 1e9:.0f}: take another --folder"
    raise SystemExit(message)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-n", "--genes", type=int, default=100_000)
    parser.add_argument("-k", "--rank", type=int, default=32, help="columns of X")
    parser.add_argument("-r", "--repetitions", type=int, default=5)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--memory-limit", default="1GiB", help="of each worker process")
    parser.add_argument("--storage", choices=("auto", "float32", "float16"), default="auto")
    parser.add_argument("--folder", type=Path, help="where the store goes; by default a temporary folder")
    parser.add_argument(
        "--keep", action="store_true", help="keep the store in --folder, and use it if it is there"
    )
    parser.add_argument("--quick", action="store_true", help="6,000 genes in tiles of 512, 2 repetitions")
    parser.add_argument("--write", action="store_true", help="keep the table in RESULTS.md")
    chosen = parser.parse_args()
    if chosen.keep and not chosen.folder:
        parser.error("--keep needs --folder")
    tile = None
    if chosen.quick:
        chosen.genes, chosen.repetitions, tile = 6000, 2, 512
    if chosen.folder:
        chosen.folder.mkdir(parents=True, exist_ok=True)
    folder = (
        chosen.folder if chosen.keep else Path(tempfile.mkdtemp(dir=chosen.folder, prefix="out-of-core-"))
    )
    try:
        storage = chosen.storage
        if storage == "auto":
            there = [name for name in ("float32", "float16") if _store(folder, chosen.genes, name).exists()]
            storage = there[0] if there else choose_storage(folder, chosen.genes)
        store = _store(folder, chosen.genes, storage)
        made = run("out_of_core:write", store=store, genes=chosen.genes, storage=storage, tile=tile)
        if "failed" in made:
            raise SystemExit(made["failed"])
        table = Table(
            f"One sweep of {chosen.genes:,} dense genes out of core, k = {chosen.rank}",
            ("round", "plain read, s", "GB/s", "sweep, s", "GB/s of sweep", "GB read by sweep", "sweep/read"),
        )
        done = run(
            "out_of_core:sweeps",
            store=store,
            k=chosen.rank,
            workers=chosen.workers,
            memory_limit=chosen.memory_limit,
            repetitions=chosen.repetitions,
        )
    finally:
        if not chosen.keep:
            shutil.rmtree(folder)
    if "failed" in done:
        raise SystemExit(done["failed"])
    for number, taken in enumerate(done["rounds"], start=1):
        size = taken["read"] / 1e9
        table.add(
            number,
            taken["plain"],
            size / taken["plain"],
            taken["swept"],
            size / taken["swept"],
            taken["read by sweep"] / 1e9,
            f"{taken['swept'] / taken['plain']:.2f}",
        )
    plain, swept = (min(taken[name] for taken in done["rounds"]) for name in ("plain", "swept"))
    table.add("least", plain, "", swept, "", "", f"{swept / plain:.2f}")
    notes = (
        (
            f"{made['dtype']}, {made['size'] / 1e9:.1f} GB, written in {made['seconds']:.0f} s (0: it was there), "
            f"{done['groups']} tile groups. Files {'were' if done['cold'] else 'could not be'} dropped from the page "
            "cache before each. The first sweep compares every tile with its SHA-256; a later one does so for the "
            f"tiles that come to another worker than before. Goal: a sweep within {GOAL} of the plain read."
        ),
        (
            f"Peak memory of {chosen.workers} workers {', '.join(map(mib, done['peaks']))} MiB, idle "
            f"{mib(done['idle'])} MiB, limit {chosen.memory_limit} each; of the client, with the scheduler, "
            f"{mib(done['peak'])} MiB."
        ),
    )
    print(*notes, sep="\n")
    if chosen.write:
        table.write(*notes)


def _store(folder: Path, genes: int, storage: str) -> Path:
    return folder / f"dense-{genes}-{storage}.zarr"


if __name__ == "__main__":
    main()
