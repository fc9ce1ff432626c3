"""One model, and a survey of 200, of a dense genome-scale network: dasknmf beside scikit-learn and nmf-rs in one run.

The network is one of co-expression, |r|⁶, of real expression if it is beside the repository, else of random modules.
dasknmf starts from the store on disk, the first time from a cold page cache; peers start from the dense float32 array
in memory. Each runs in a process of its own. Reads of A are those a fit counts; GB read are those of its read calls.

    python dense_beside_peers.py             # 22,283 genes: 3 GB of disk, 12 GB of memory for the peers
    python dense_beside_peers.py --part model
    python dense_beside_peers.py --quick
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from dense_storage import EXPRESSION
from measure import mib, run, versions
from tables import Table

RANKS = [2, 4, 6, 8, 12, 16, 20, 24, 28, 32]
#: Ranks at which scikit-learn is timed for the survey; between them its time is interpolated.
TIMED = [2, 8, 16, 24, 32]
ITERATIONS = 100
#: (solver, start) of scikit-learn, and methods of nmf-rs.
SKLEARN = [("cd", "random"), ("cd", "nndsvda"), ("mu", "random"), ("mu", "nndsvda")]
NMF_RS = ["hals", "lee"]


def one_model(store: str, matrix: str, genes: int, chosen: argparse.Namespace) -> None:
    """Fit rank k with each."""
    columns = (
        "what",
        "iterations",
        "seconds",
        "relative error",
        "seconds to dasknmf's error",
        "reads of A",
        "GB read",
        "peak, MiB",
        "times dasknmf",
    )
    k = chosen.rank
    table = Table(f"One model of {genes:,} dense genes, k = {k}, beside peers", columns)
    ours = run("contenders:dasknmf_nmf", store=store, k=k)
    if "failed" in ours:
        table.add("dasknmf", ours["failed"], *[""] * 7)
        return
    names = ("first run: cold files, compiling", "second run", "third run: sketch kept")
    for name, done in zip(names, ours["runs"], strict=True):
        table.add(
            f"dasknmf.nmf, {name}",
            done["iterations"],
            done["seconds"],
            f"{done['relative_error']:.6f}",
            "",
            done["reads"],
            done["read"] / 1e9,
            mib(ours["peak"]),
            "",
        )
    second = ours["runs"][1]
    error = second["relative_error"]
    for solver, init in SKLEARN:
        found = run(
            "contenders:sklearn",
            matrix=matrix,
            k=k,
            init=init,
            solver=solver,
            iterations=chosen.iterations,
            step=10,
        )
        table.add(*_peer(f"scikit-learn {solver}, {init}", found, error, second["seconds"]))
    for method in NMF_RS:
        found = run(
            "contenders:nmf_rs",
            most_seconds=chosen.most_seconds,
            matrix=matrix,
            k=k,
            method=method,
            iterations=chosen.iterations,
            threads=os.cpu_count(),
        )
        table.add(*_peer(f"nmf-rs {method}, nndsvd", found, error, second["seconds"]))
    if chosen.write:
        table.write(
            f"{versions('scikit-learn', 'nmf-rs')}. dasknmf starts from the store on disk and ends with the exact "
            f"objective (importing it, {ours['import']:.1f} s, is not counted, nor is that of a peer). Peers start "
            "from the dense array in memory, and their objective is computed outside their time. scikit-learn does "
            "all its iterations (tol=0), in float32, in steps of 10 that go on from one another; seconds to "
            "dasknmf's error are those after the first step that is no worse. nmf-rs makes float64 of any input. "
            "Goal: scikit-learn cd takes 20 times dasknmf's second run or more, at an error that is no better."
        )


def _peer(name: str, found: dict[str, Any], error: float, seconds: float) -> tuple[Any, ...]:
    if "failed" in found:
        return (name, found["failed"], *[""] * 7)
    there = [taken for _, taken, reached in found.get("path", []) if reached <= error]
    if there:
        reached = f"{there[0]:.4g}"
    elif "path" in found:
        reached = "never"
    else:
        reached = f"{found['seconds']:.4g}" if found["error"] <= error else "never"
    return (
        name,
        found["iterations"],
        found["seconds"],
        f"{found['error']:.6f}",
        reached,
        "in memory",
        "",
        mib(found["peak"]),
        f"{found['seconds'] / seconds:.1f}",
    )


def many_models(store: str, matrix: str, genes: int, chosen: argparse.Namespace) -> None:
    """Survey, and extrapolate what scikit-learn takes for the same models."""
    ranks, restarts = chosen.ranks, chosen.restarts
    models = len(ranks) * restarts
    table = Table(
        f"Survey of {models} models of {genes:,} dense genes, beside scikit-learn",
        ("what", "seconds", "relative error", "reads of A", "GB read", "peak, MiB"),
    )
    survey = {"store": store, "ranks": ranks, "restarts": restarts}
    limits: list[str | None] = [*chosen.memory_limits, None]
    ours: dict[float, dict[str, Any]] = {}
    notes = []
    for share in (0.05, 0.0):
        name = f"dasknmf.survey, held out {share:g}"
        for limit in limits:
            found = run("contenders:dasknmf_survey", held_out=share, memory_limit=limit, **survey)
            if not found.get("failed", "").startswith("refused"):
                break
            notes.append(f"{name}, memory_limit={limit}, {found['failed']}.")
            print(notes[-1])
        ours[share] = found
        within = f", limit {limit}" if limit else ", no limit"
        if "failed" in found:
            table.add(name + within, found["failed"], *[""] * 4)
            continue
        errors = ", ".join(f"{found['errors'][str(k)]:.4f}" for k in (ranks[0], ranks[-1]))
        cells = (found["seconds"], errors, found["reads"], found["read"] / 1e9, mib(found["peak"]))
        table.add(name + within, *cells)
    timed: dict[int, float] = {}
    for k in [k for k in TIMED if k in ranks]:
        found = run("contenders:sklearn_default", matrix=matrix, k=k, iterations=chosen.iterations)
        if "failed" in found:
            table.add(f"scikit-learn cd, k = {k}", found["failed"], *[""] * 4)
            continue
        timed[k] = found["seconds"]
        name = f"scikit-learn cd, k = {k}, {found['iterations']} iterations"
        table.add(name, found["seconds"], f"{found['error']:.4f}", "in memory", "", mib(found["peak"]))
    if timed:
        each = np.interp(ranks, list(timed), list(timed.values()))
        expected = restarts * float(each.sum())
        table.add(f"scikit-learn cd, {models} models, extrapolated", expected, *[""] * 4)
        notes += [
            f"scikit-learn takes {expected / found['seconds']:.0f} times the survey with held out {share:g}."
            for share, found in ours.items()
            if "failed" not in found
        ]
    print(*notes, sep="\n")
    if chosen.write:
        table.write(
            f"{versions('scikit-learn')}. Ranks {', '.join(map(str, ranks))}, {restarts} restarts. A survey is "
            "measured in its first run: cold files, compiling, no sketch kept. Its errors are medians of the "
            "restarts at the first and the last rank. scikit-learn is timed at a few ranks with its defaults "
            f"(tol=1e-4, at most {chosen.iterations} iterations, one random start, from the array in memory); "
            f"other ranks are interpolated, and the sum is taken {restarts} times. Goals: under 300 s, at most 12 "
            "reads, at most 2 GiB, scikit-learn 100 times as long or more.",
            *notes,
        )


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-n", "--genes", type=int, default=22_283)
    parser.add_argument("-k", "--rank", type=int, default=32)
    parser.add_argument("--ranks", type=int, nargs="+", default=RANKS, help="of the survey")
    parser.add_argument("--restarts", type=int, default=20, help="of each of them")
    parser.add_argument("--iterations", type=int, default=ITERATIONS, help="of the peers")
    parser.add_argument(
        "--memory-limits", nargs="*", default=["2GiB", "4GiB"], help="of the survey; the first not refused"
    )
    parser.add_argument("--most-seconds", type=float, default=1800, help="for nmf-rs")
    parser.add_argument("--part", choices=("model", "survey", "both"), default="both")
    parser.add_argument(
        "--expression", type=Path, default=EXPRESSION, help="an .npz file with X, genes × samples"
    )
    parser.add_argument("--folder", help="where the store goes; by default a temporary folder")
    parser.add_argument("--quick", action="store_true", help="2,048 genes, 3 ranks, 3 restarts")
    parser.add_argument("--write", action="store_true", help="keep the tables in RESULTS.md")
    chosen = parser.parse_args()
    if chosen.quick:
        chosen.genes, chosen.ranks, chosen.restarts, chosen.iterations = 2048, [2, 8, 16], 3, 20
    with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
        store, matrix = (str(Path(folder) / name) for name in ("network.zarr", "matrix.npy"))
        made = run(
            "contenders:write_dense",
            store=store,
            expression=chosen.expression.resolve(),
            genes=chosen.genes,
            file=matrix,
        )
        if "failed" in made:
            raise SystemExit(made["failed"])
        if chosen.part in ("model", "both"):
            one_model(store, matrix, made["genes"], chosen)
        if chosen.part in ("survey", "both"):
            many_models(store, matrix, made["genes"], chosen)


if __name__ == "__main__":
    main()
