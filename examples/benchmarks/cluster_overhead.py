"""What a cluster on one machine costs beside threads, and what checkpoints cost a run.

Whole fits with a fixed number of iterations on the network (`exact=True`), in turn: threads, two worker processes
through `scheduler="local"`, and a scheduler and two workers that are there already. The same bits come out, which is
checked. Then the time that checkpoints take in a run: written after every iteration, each is timed by its event; at the
default interval of 60 s the share is that time in 60 s.

    python cluster_overhead.py --string string.zarr   # or its edge list; and 16,384 generated dense genes, 1 GB
    python cluster_overhead.py --quick                # 2,048 genes
"""

from __future__ import annotations

import argparse
import hashlib
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from measure import mib, run
from tables import Table

#: Seconds between checkpoints by default.
INTERVAL = 60.0
GOAL = 0.03
EXACT = {"exact": True, "init": "random", "seed": 0, "tol": 0, "tol_objective": 0, "bound": False}


def write(*, store: str, genes: int) -> dict[str, Any]:
    """Generate the dense network."""
    from generated import write_dense_uniform

    write_dense_uniform(store, genes)
    return {}


def bring(*, store: str, source: str) -> dict[str, Any]:
    """Import the given network."""
    import dasknmf

    dasknmf.import_network(source, store)
    return {}


def bits_of(fit: Any) -> str:
    """Return the SHA-256 of the factors."""
    return hashlib.sha256(fit.W.values.tobytes() + fit.H.values.tobytes()).hexdigest()


def fits(*, store: str, k: int, iterations: int, repetitions: int) -> dict[str, Any]:
    """Time whole fits on threads, on processes of their own, and on a cluster that is there, in turn."""
    from distributed import Client, LocalCluster

    import dasknmf

    with (
        LocalCluster(
            n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None, memory_limit=0
        ) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        where = {"threads": ("threads", 2), "local": ("local", 2), "cluster": (client, None)}
        seconds: dict[str, list[float]] = {name: [] for name in where}
        bits = set()
        for repetition in range(repetitions + 1):
            for name, (scheduler, workers) in where.items():
                began = time.perf_counter()
                fit = dasknmf.nmf(
                    store,
                    k,
                    max_iter=iterations,
                    scheduler=scheduler,
                    workers=workers,
                    **EXACT,
                )
                if repetition:  # the first compiles
                    seconds[name].append(time.perf_counter() - began)
                bits.add(bits_of(fit))
    return {"seconds": seconds, "bits": len(bits)}


def checkpoints(*, store: str, k: int, iterations: int, place: str) -> dict[str, Any]:
    """Time checkpoints: one after every iteration."""
    import dasknmf
    from dasknmf.events import CheckpointWritten

    taken: list[float] = []

    def listen(event: object) -> None:
        if isinstance(event, CheckpointWritten):
            taken.append(event.seconds)

    began = time.perf_counter()
    dasknmf.nmf(
        store, k, max_iter=iterations, checkpoint=place, checkpoint_iterations=1, progress=listen, **EXACT
    )
    return {"taken": taken, "seconds": time.perf_counter() - began}


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--string", help="edge list or store of STRING")
    parser.add_argument("--genes", type=int, default=16_384)
    parser.add_argument("-k", type=int, default=32)
    parser.add_argument("--iterations", type=int, default=20)
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--quick", action="store_true")
    given = parser.parse_args()
    if given.quick:
        given.genes, given.iterations, given.repetitions = 2048, 5, 1
    columns = ("network", "where", "seconds", "of threads", "max/min")
    table = Table("A cluster on one machine beside threads", columns)
    costs = Table(
        "What checkpoints cost", ("network", "seconds each", "share at 60 s", "run, s", "checkpoints")
    )
    with tempfile.TemporaryDirectory() as folder:
        stores = {}
        if given.string:
            stores["STRING human"] = given.string
            if not given.string.rstrip("/").endswith(".zarr"):
                stores["STRING human"] = f"{folder}/string.zarr"
                run("cluster_overhead:bring", store=stores["STRING human"], source=given.string)
        stores[f"{given.genes:,} dense genes"] = f"{folder}/dense.zarr"
        run("cluster_overhead:write", store=f"{folder}/dense.zarr", genes=given.genes)
        for name, store in stores.items():
            found = run(
                "cluster_overhead:fits",
                store=store,
                k=given.k,
                iterations=given.iterations,
                repetitions=given.repetitions,
            )
            base = statistics.median(found["seconds"]["threads"])
            for where, seconds in found["seconds"].items():
                spread = max(seconds) / min(seconds)
                table.add(name, where, statistics.median(seconds), statistics.median(seconds) / base, spread)
            assert found["bits"] == 1, "the factors differ"
            place = str(Path(folder) / "run.checkpoint")
            cost = run(
                "cluster_overhead:checkpoints",
                store=store,
                k=given.k,
                iterations=given.iterations,
                place=place,
            )
            each = statistics.median(cost["taken"])
            costs.add(name, each, f"{each / INTERVAL:.2%}", cost["seconds"], len(cost["taken"]))
            print(f"peak {mib(found['peak'])} MiB" if "peak" in found else "")
    if not given.quick:
        table.write(
            f"Medians of {given.repetitions} fits that alternate, k = {given.k}, {given.iterations} iterations on the "
            "network; `local` starts and ends two worker processes each time, `cluster` has them. The factors have the "
            "same bits."
        )
        costs.write(f"Medians; goal: below {GOAL:.0%} of a run at the default interval of {INTERVAL:.0f} s.")


if __name__ == "__main__":
    main()
