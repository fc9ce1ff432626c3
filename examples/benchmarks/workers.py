"""Two worker processes against one, and what the scheduler takes for a sweep of which the kernels are empty.

The tiles of a generated dense network are in the memory of every worker before anything is timed, so that a sweep is
arithmetic and scheduling; sweeps on one worker, on two, and on one and two threads of one process alternate, and the
least is taken. The empty sweeps have the graph of real ones: each group of tiles takes its row panels, and each row
panel the sum of its groups. From these, the time of a sweep of a million genes on a thousand workers is estimated.

    python workers.py              # 32,768 genes: 2 GB of disk, 9 GB of memory
    python workers.py --quick
"""

from __future__ import annotations

import argparse
import gc
import tempfile
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import numpy as np
from measure import mib, peak_memory, run
from tables import Table

if TYPE_CHECKING:
    from distributed import Client

CACHE = 2**34
GOAL = 1.7
#: Tile rows of an empty sweep, for about 100, 1,000 and 10,000 groups of one tile each.
TILE_ROWS = {100: 14, 1000: 45, 10_000: 141}
#: Of the estimate, not measured here: what one worker of a cluster reads, and its network carries, in bytes a second.
DISK, NETWORK = 5e8, 1e9


def write(*, store: str, genes: int) -> dict[str, Any]:
    """Generate the network."""
    from generated import write_dense_uniform

    write_dense_uniform(store, genes)
    return {}


def start(stack: ExitStack, workers: int) -> Client:
    """Start worker processes of one thread each."""
    from distributed import Client, LocalCluster

    cluster = LocalCluster(
        n_workers=workers,
        threads_per_worker=1,
        memory_limit=0,
        host="127.0.0.1",
        dashboard_address=None,
    )
    return stack.enter_context(Client(stack.enter_context(cluster), set_as_default=False))


def finish(client: Client, made: list[Any]) -> None:
    """Wait until everything is made, and leave it where it is."""
    from distributed import wait

    with client.as_current():
        wait(made)


def load(source: Any, spans: list[tuple[int, int, int]]) -> None:
    """Bring every tile into the memory of a worker, in the pieces that its tasks ask for."""
    for i, first, last in spans:
        list(source.tile_row(i, first, last))


def cached(*, store: str, ranks: list[int], repetitions: int) -> dict[str, Any]:
    """Time sweeps of tiles in memory on one worker, two workers, one thread and two threads, in turn."""
    import dasknmf
    from dasknmf.engine.dask_executor import Distributed
    from dasknmf.engine.executor import Threads
    from dasknmf.engine.sweep import Sweep

    network = dasknmf.open_network(store)
    rng = np.random.default_rng(0)
    with ExitStack() as stack:
        clients = {f"{count} workers": start(stack, count) for count in (1, 2)}
        executors: dict[str, Any] = {
            name: stack.enter_context(Distributed(client)) for name, client in clients.items()
        }
        executors |= {f"{count} threads": stack.enter_context(Threads(count)) for count in (1, 2)}
        operators = {
            name: Sweep.of_network(network, executor, cache=CACHE) for name, executor in executors.items()
        }
        any_of_them = next(iter(operators.values()))
        plan = any_of_them.plan
        # tiles that are read ahead are kept one by one, others by tile row of a group
        spans = [span for group in plan.groups for span in group.tile_rows()]
        if any_of_them.ahead:
            spans = [(i, j, j + 1) for i, first, last in spans for j in range(first, last)]
        fill = partial(load, any_of_them.source, spans)
        for client in clients.values():
            client.run(fill)
        fill()
        taken = []
        for k in ranks:
            X = rng.random((network.n, k), dtype=np.float32)
            panels = {
                name: executors[name].put(operator.panels.split(X), label="panel")
                for name, operator in operators.items()
            }
            times: dict[str, list[float]] = {name: [] for name in operators}
            for repetition in range(repetitions + 1):
                for name, operator in operators.items():
                    began = time.perf_counter()
                    made = operator.sweep(panels[name], columns=k, dtype=np.dtype(np.float32))
                    if name in clients:
                        finish(clients[name], made)
                    if repetition:  # the first compiles and moves X
                        times[name].append(time.perf_counter() - began)
                    del made
                    gc.collect()
            taken.append({name: min(found) for name, found in times.items()})
        peaks = {name: max(client.run(peak_memory).values()) for name, client in clients.items()}
    return {"taken": taken, "peaks": peaks, "weight": plan.weight, "groups": len(plan.groups), "n": network.n}


def nothing(_: Any, panels: Any, group: Any, *__: Any) -> tuple[np.ndarray, ...]:
    """Take the place of multiplying a group: one zero for each row panel it touches."""
    return tuple(np.zeros((1, 1), dtype=np.float32) for _ in panels.touched(group))


def empty(*, sizes: list[int], workers: int, repetitions: int) -> dict[str, Any]:
    """Time sweeps of which the kernels do nothing."""
    from dasknmf.engine.dask_executor import Distributed
    from dasknmf.engine.grid import LARGEST_GROUP, Grid, make_plan
    from dasknmf.engine.sweep import Sweep

    rows = []
    with ExitStack() as stack:
        client = start(stack, workers)
        executor = stack.enter_context(Distributed(client))
        stack.enter_context(patch("dasknmf.engine.sweep.multiply_group", nothing))
        # so that every tile is a group, however many there are
        stack.enter_context(patch("dasknmf.engine.grid.MOST_GROUPS", 10**9))
        for size in sizes:
            grid = Grid(TILE_ROWS[size] * 2048, 2048)
            plan = make_plan(grid, np.full(grid.n_tiles, LARGEST_GROUP))
            operator = Sweep(np.zeros(0), plan, executor, sum_of_squares=0.0, total=0.0, diagonal=np.zeros(0))
            X = executor.put(plan.panels.split(np.zeros((grid.n, 1), np.float32)), label="panel")
            finish(client, X)
            times = []
            for _ in range(repetitions + 1):
                began = time.perf_counter()
                made = operator.sweep(X, columns=1, dtype=np.dtype(np.float32))
                submitted = time.perf_counter() - began
                finish(client, made)
                times.append((time.perf_counter() - began, submitted))
                del made
                gc.collect()
            seconds, submitted = min(times[1:])
            groups, panels = len(plan.groups), len(plan.panels)
            rows.append({"groups": groups, "panels": panels, "seconds": seconds, "submitted": submitted})
    return {"rows": rows}


def estimate(bytes_a_second: float, seconds_a_group: float, k: int) -> list[str]:
    """Return the arithmetic for a million dense genes on a thousand workers."""
    from dasknmf.engine.grid import Grid, make_plan
    from dasknmf.network.tiles import dense_tile

    n, workers = 1_000_000, 1000
    grid = Grid(n, dense_tile(n))
    sides = np.array([b - a for a, b in map(grid.bounds, range(grid.panels))], dtype=np.int64)
    plan = make_plan(grid, (np.outer(sides, sides) * 4)[np.triu_indices(grid.panels)])
    groups, weight = len(plan.groups), plan.weight
    largest = max(group.weight for group in plan.groups)
    touched = sum(span.stop - span.start for group in plan.groups for span in plan.panels.touched(group))
    scheduling = groups * seconds_a_group
    share = max(weight / workers, largest)
    reading, arithmetic = share / DISK, share / bytes_a_second
    moved = 2 * touched * k * 4
    moving = moved / workers / NETWORK
    total = scheduling + max(reading, arithmetic) + moving
    return [
        (
            f"Estimate for {n:,} dense genes on {workers:,} workers of one thread, k = {k}: {weight / 1e12:.2f} TB in "
            f"{grid.n_tiles:,} tiles make {groups:,} groups of at most {largest / 1e9:.2f} GB and "
            f"{len(plan.panels)} row panels."
        ),
        (
            f"Scheduling: {groups:,} groups × {1000 * seconds_a_group:.2f} ms = {scheduling:.1f} s, measured above, "
            "the client and the scheduler in one process on this machine."
        ),
        (
            f"Arithmetic: a worker has max({weight / 1e12:.2f} TB / {workers:,}, one group) = {share / 1e9:.2f} GB at "
            f"{bytes_a_second / 1e9:.2f} GB/s (one worker above) = {arithmetic:.1f} s; reading the same at "
            f"{DISK / 1e9:.1f} GB/s a worker (assumed) = {reading:.1f} s, beside it."
        ),
        (
            f"Network: panels of X to groups and partial sums back, 2 × {touched:,} rows × {k} × 4 bytes = "
            f"{moved / 1e9:.1f} GB, over {workers:,} workers of {NETWORK / 1e9:.0f} GB/s (assumed) = {moving:.2f} s."
        ),
        (
            f"Together {scheduling:.1f} + max({reading:.1f}, {arithmetic:.1f}) + {moving:.2f} = {total:.1f} s a sweep, "
            f"if groups fall evenly; where some workers get ⌈{groups:,} / {workers:,}⌉ = {-(-groups // workers)} of "
            f"them, {scheduling + -(-groups // workers) * largest * max(1 / DISK, 1 / bytes_a_second) + moving:.1f} s."
        ),
    ]


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-n", "--genes", type=int, default=32_768)
    parser.add_argument("-k", "--ranks", type=int, nargs="+", default=[32, 128], help="columns of X")
    parser.add_argument("-r", "--repetitions", type=int, default=7)
    parser.add_argument("--groups", type=int, nargs="+", choices=TILE_ROWS, default=list(TILE_ROWS))
    parser.add_argument("--folder", help="where the store goes; by default a temporary folder")
    parser.add_argument(
        "--quick", action="store_true", help="4,096 genes, 100 and 1,000 groups, 2 repetitions"
    )
    parser.add_argument("--write", action="store_true", help="keep the tables in RESULTS.md")
    chosen = parser.parse_args()
    if chosen.quick:
        chosen.genes, chosen.repetitions, chosen.groups = 4096, 2, [100, 1000]
    with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
        store = str(Path(folder) / "network.zarr")
        made = run("workers:write", store=store, genes=chosen.genes)
        if "failed" in made:
            raise SystemExit(made["failed"])
        names = ("1 workers", "2 workers", "1 threads", "2 threads")
        speed = Table(
            f"Two workers against one, {chosen.genes:,} dense genes in memory",
            (
                "k",
                "one worker, s",
                "two, s",
                "one thread, s",
                "two, s",
                "workers 1/2",
                "threads 1/2",
                "peak of one, MiB",
                "of two",
            ),
        )
        done = run("workers:cached", store=store, ranks=chosen.ranks, repetitions=chosen.repetitions)
    if "failed" in done:
        raise SystemExit(done["failed"])
    for k, taken in zip(chosen.ranks, done["taken"], strict=True):
        ratios = (taken[f"1 {kind}"] / taken[f"2 {kind}"] for kind in ("workers", "threads"))
        speed.add(
            k,
            *(taken[name] for name in names),
            *(f"{ratio:.2f}" for ratio in ratios),
            *(mib(done["peaks"][name]) for name in names[:2]),
        )
    if chosen.write:
        speed.write(
            f"{done['weight'] / 1e9:.2f} GB in {done['groups']} groups, in the memory of every worker; the least of "
            f"{chosen.repetitions} that alternate. What two threads of one process gain is what the machine has to "
            f"give. Goal: {GOAL} with two workers."
        )
    graph = Table(
        "Scheduling of a sweep with empty kernels, two workers",
        ("groups", "row panels", "seconds", "of it submitting", "ms a group"),
    )
    found = run("workers:empty", sizes=chosen.groups, workers=2, repetitions=min(3, chosen.repetitions))
    if "failed" in found:
        raise SystemExit(found["failed"])
    for row in found["rows"]:
        each = 1000 * row["seconds"] / row["groups"]
        graph.add(row["groups"], row["panels"], row["seconds"], row["submitted"], each)
    last = found["rows"][-1]
    rate = done["weight"] / done["taken"][0]["1 workers"]
    notes = estimate(rate, last["seconds"] / last["groups"], chosen.ranks[0])
    print(*notes, sep="\n")
    if chosen.write:
        graph.write(
            "The client, the scheduler and both workers share two cores. The least of "
            f"{min(3, chosen.repetitions)} sweeps, each submitted anew.",
            *notes,
        )


if __name__ == "__main__":
    main()
