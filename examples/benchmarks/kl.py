"""An iteration of brunet, Kullback–Leibler NMF, beside scikit-learn and nmf-rs: on a sparse and on a dense network.

All start from the same W and H. An iteration is what a run of several takes longer than a run of one, divided by how
many more it has: without opening, checking, compiling and the final objective. Runs alternate, each in a process of its
own, and the fastest of each counts; processor seconds are given too, since on a busy machine they are what can be
compared. The divergence after the longer run is computed in float64 from the factors each returned: it is the same.
scikit-learn updates W before H, so it is given the transposed start.

    python kl.py --sparse network.zarr --dense dasknmf-demo/network.zarr --write
    python kl.py --quick
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from contenders import matrix_of
from measure import run, versions
from tables import Table

#: The dense network of ``dasknmf demo``, and STRING human.
DATA = Path(__file__).parents[3] / "shared" / "data"
STRING = DATA / "string_human_dnet" / "edges.tsv.gz"
ITERATIONS = 10
#: Rows of A at a time, of what is computed in float64.
BLOCK = 1024


def divergence(A: Any, W: np.ndarray, H: np.ndarray) -> float:
    """Return Σ A log(A / WH) − A + WH in float64, over the stored entries, or a block of rows at a time."""
    W, H = W.astype(np.float64), H.astype(np.float64)
    total = float(W.sum(axis=0) @ H.sum(axis=1))
    for first in range(0, A.shape[0], BLOCK):
        rows = A[first : first + BLOCK]
        if hasattr(rows, "tocoo"):
            there = rows.tocoo()
            values = there.data.astype(np.float64)
            model = np.einsum("ek,ek->e", W[first + there.row], H.T[there.col])
        else:
            values, model = rows.astype(np.float64).ravel(), (W[first : first + BLOCK] @ H).ravel()
            values, model = values[values > 0], model[values > 0]
        total += float((values * np.log(values / model)).sum() - values.sum())
    return total


def write_matrix(*, store: str, file: str) -> dict[str, Any]:
    """Write the matrix of a store as peers start from it."""
    import scipy.sparse as sp

    import dasknmf
    from dasknmf.network.views import to_scipy

    network = dasknmf.open_network(store)
    if network.header.layout == "sparse":
        sp.save_npz(f"{file}.npz", sp.csr_matrix(to_scipy(network)).astype(np.float32), compressed=False)
        return {"genes": network.n, "edges": network.header.edges, "file": f"{file}.npz"}
    np.save(f"{file}.npy", np.asarray(network.to_dask().compute(), dtype=np.float32))
    return {"genes": network.n, "edges": network.header.edges, "file": f"{file}.npy"}


def start_of(n: int, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Return W and H all start from."""
    rng = np.random.default_rng(0)
    return rng.random((n, k)), rng.random((k, n))


def timed(fit: Any, iterations: int, *, warm: bool = True) -> dict[str, Any]:
    """Time a fit of so many more iterations than one; the first call of all is for compiling and imports."""
    if warm:
        fit(1)
    found = []
    for count in (1, 1 + iterations):
        began, worked = time.perf_counter(), time.process_time()
        made = fit(count)
        found.append((time.perf_counter() - began, time.process_time() - worked))
    (a, b), (c, d) = found
    return {"seconds": (c - a) / iterations, "processor": (d - b) / iterations, "made": made}


def dasknmf_brunet(*, store: str, matrix: str, k: int, iterations: int, threads: int) -> dict[str, Any]:
    """Iterate from a store, of which the tiles stay in memory."""
    import dasknmf

    A = matrix_of(matrix)
    W, H = start_of(A.shape[0], k)
    options = {"bound": False, "tol": 0, "tol_objective": 0, "workers": threads}
    found = timed(
        lambda count: dasknmf.nmf(store, k, solver="brunet", W=W, H=H, max_iter=count, **options), iterations
    )
    fit = found.pop("made")
    return {**found, "divergence": divergence(A, fit["W"].values, fit["H"].values)}


def sklearn_mu(*, matrix: str, k: int, iterations: int, threads: int) -> dict[str, Any]:
    """Iterate scikit-learn's multiplicative updates."""
    from sklearn.decomposition import non_negative_factorization
    from threadpoolctl import threadpool_limits

    A = matrix_of(matrix)
    W, H = (factor.astype(np.float32) for factor in start_of(A.shape[0], k))

    def fit(count: int) -> Any:
        return non_negative_factorization(
            A,
            np.ascontiguousarray(H.T),
            np.ascontiguousarray(W.T),
            n_components=k,
            init="custom",
            solver="mu",
            beta_loss="kullback-leibler",
            max_iter=count,
            tol=0,
        )

    with threadpool_limits(threads):
        found = timed(fit, iterations)
    made = found.pop("made")
    return {**found, "divergence": divergence(A, made[0], made[1])}


def nmf_rs_brunet(*, matrix: str, k: int, iterations: int, threads: int) -> dict[str, Any]:
    """Iterate nmf-rs, which makes a dense float64 array of any matrix."""
    from nmf_rs import nmf

    A = matrix_of(matrix)
    dense = (A.toarray() if hasattr(A, "toarray") else A).astype(np.float64)
    W, H = start_of(A.shape[0], k)
    found = timed(
        lambda count: nmf(dense, k, "brunet", W0=W, H0=H, max_iter=count, num_threads=threads),
        iterations,
        warm=False,
    )
    made = found.pop("made")
    return {**found, "divergence": divergence(A, np.asarray(made.W), np.asarray(made.H))}


def beside(name: str, store: str, chosen: argparse.Namespace) -> None:
    """Iterate on a network with all of them."""
    with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
        made = run("kl:write_matrix", store=store, file=str(Path(folder) / "matrix"))
        if "failed" in made:
            raise SystemExit(made["failed"])
        table = Table(
            f"Kullback–Leibler: {name}, {made['genes']:,} genes and {made['edges']:,} edges, k = {chosen.rank}",
            (
                "what",
                "threads",
                "iterations",
                "ms",
                "processor ms",
                "times dasknmf",
                "processor",
                "divergence",
            ),
        )
        given = {"matrix": made["file"], "k": chosen.rank, "threads": chosen.threads}
        tasks = {
            "dasknmf brunet": (
                "kl:dasknmf_brunet",
                {**given, "store": store, "iterations": chosen.iterations},
            ),
            "scikit-learn mu": ("kl:sklearn_mu", {**given, "iterations": chosen.iterations}),
            "nmf-rs brunet": ("kl:nmf_rs_brunet", {**given, "iterations": chosen.peer_iterations}),
        }
        found: dict[str, list[dict[str, Any]]] = {what: [] for what in tasks}
        for number in range(chosen.rounds):
            for what, (task, options) in tasks.items():
                if what.startswith("nmf-rs") and number:
                    continue  # it takes minutes
                found[what].append(run(task, most_seconds=chosen.most_seconds, **options))
        report(table, tasks, found, chosen.threads)
        if chosen.write:
            used = versions("scikit-learn", "nmf-rs")
            table.write(f"Fastest of {chosen.rounds} runs each (nmf-rs of one), which alternate. {used}.")


def report(table: Table, tasks: dict[str, Any], found: dict[str, list[dict[str, Any]]], threads: int) -> None:
    """Fill the table."""
    best: dict[str, dict[str, float]] = {}
    for what, (_, options) in tasks.items():
        good = [one for one in found[what] if "failed" not in one]
        if not good:
            table.add(what, threads, "", "", "", "", "", found[what][0]["failed"])
            continue
        best[what] = {name: min(one[name] for one in good) for name in ("seconds", "processor")}
        own, ours = best[what], best["dasknmf brunet"]
        table.add(
            what,
            threads,
            options["iterations"],
            f"{1e3 * own['seconds']:.1f}",
            f"{1e3 * own['processor']:.1f}",
            f"{own['seconds'] / ours['seconds']:.1f}",
            f"{own['processor'] / ours['processor']:.1f}",
            f"{good[0]['divergence']:.7g} after {options['iterations'] + 1}",
        )


def stores(chosen: argparse.Namespace, folder: str) -> dict[str, str]:
    """Return the networks by name, made where they are not given."""
    import dasknmf
    from dasknmf.ecoli import fetch_ecoli, synthetic_ecoli

    found = {}
    if chosen.part in ("sparse", "both"):
        store = chosen.sparse
        if store is None:
            store = f"{folder}/string.zarr"
            dasknmf.import_network(STRING, store, layout="sparse")
        found["STRING human"] = store
    if chosen.part in ("dense", "both"):
        store = chosen.dense
        if store is None:
            store = f"{folder}/dense.zarr"
            data = synthetic_ecoli(seed=0) if chosen.quick else fetch_ecoli()
            dasknmf.coexpression(data.expression, store)
        found["dense co-expression of E. coli"] = store
    return found


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sparse", help="a sparse store; by default STRING human is imported")
    parser.add_argument("--dense", help="a dense store; by default that of dasknmf demo is made")
    parser.add_argument("--part", choices=("sparse", "dense", "both"), default="both")
    parser.add_argument("--rank", type=int, default=32)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--iterations", type=int, default=ITERATIONS, help="timed")
    parser.add_argument("--peer-iterations", type=int, default=1, help="timed of nmf-rs")
    parser.add_argument("--rounds", type=int, default=3, help="of alternating runs")
    parser.add_argument("--most-seconds", type=float, default=600, help="for one run of a peer")
    parser.add_argument("--folder", help="where files go; by default a temporary folder")
    parser.add_argument("--quick", action="store_true", help="planted modules of 1,000 genes only")
    parser.add_argument("--write", action="store_true", help="keep the tables in RESULTS.md")
    chosen = parser.parse_args()
    if chosen.quick:
        chosen.part, chosen.rounds, chosen.rank = "dense", 1, 8
    with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
        for name, store in stores(chosen, folder).items():
            beside(name, str(Path(store).resolve()), chosen)


if __name__ == "__main__":
    main()
