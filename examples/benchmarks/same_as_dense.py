"""HALS from a store against a dense float64 one, and the same bits on every executor.

From the same start and after the same iterations, the relative error must equal that of the 30 lines of dense
numpy below to 1e-4; the factors must be bitwise the same on serial, threads, and 1, 2 and 3 worker processes.
The networks are STRING human, from ``shared/data`` beside the repository or ``--string``, and any stores or
files given, such as the one ``dasknmf demo`` leaves behind.

    python same_as_dense.py --network dasknmf-demo/network.zarr:60
    python same_as_dense.py --quick
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from tables import Table

import dasknmf
from dasknmf.network.soules import SoulesMatrix

STRING = Path(__file__).parents[3] / "shared" / "data" / "string_human_dnet" / "edges.tsv.gz"
EXECUTORS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("serial", {"scheduler": "serial"}),
    ("threads", {"scheduler": "threads"}),
    *(
        (f"{workers} process{'es' * (workers > 1)}", {"scheduler": "local", "workers": workers})
        for workers in (1, 2, 3)
    ),
)
TOLERANCE = 1e-4


def dense_hals(A: np.ndarray, W: np.ndarray, H: np.ndarray, iterations: int) -> float:
    """Return ‖A − WH‖ / ‖A‖ after so many iterations of HALS in float64, each factor in turn."""
    A, W, Ht = A.astype(np.float64), W.astype(np.float64), H.T.astype(np.float64)
    for _ in range(iterations):
        for F, X in ((W, Ht), (Ht, W)):
            Y, G = A @ X, X.T @ X
            for j in range(F.shape[1]):
                if G[j, j] > 0:
                    F[:, j] = np.maximum(F[:, j] + (Y[:, j] - F @ G[:, j]) / G[j, j], 0)
    square, block = 0.0, 1024
    for first in range(0, len(A), block):
        rows = slice(first, first + block)
        square += float(((A[rows] - W[rows] @ Ht.T) ** 2).sum())
    return float(np.sqrt(square) / np.linalg.norm(A))


def compare(name: str, network: Any, k: int, iterations: int, table: Table) -> bool:
    """Add a row an executor; return if all of them agree with the dense reference and with each other."""
    n = network.n
    rng = np.random.default_rng(0)
    scale = np.sqrt(network.header.total / n**2 / k)
    W, H = (
        np.abs(rng.standard_normal(shape)).astype(np.float32) * np.float32(scale)
        for shape in ((n, k), (k, n))
    )
    began = time.perf_counter()
    expected = dense_hals(network.to_dask().compute(), W, H, iterations)
    table.add(
        name,
        n,
        k,
        iterations,
        "dense float64",
        f"{time.perf_counter() - began:.1f}",
        f"{expected:.6f}",
        "",
        "",
    )
    first, good = "", True
    for executor, how in EXECUTORS:
        began = time.perf_counter()
        fit = dasknmf.nmf(
            network, k, W=W, H=H, max_iter=iterations, tol=0, tol_objective=0, bound=False, **how
        )
        seconds = time.perf_counter() - began
        digest = hashlib.sha256(fit["W"].values.tobytes() + fit["H"].values.tobytes()).hexdigest()[:8]
        first = first or digest
        difference = fit.attrs["relative_error"] / expected - 1
        good &= digest == first and abs(difference) <= TOLERANCE and fit.sizes["iteration"] == iterations
        error = f"{fit.attrs['relative_error']:.6f}"
        table.add(name, n, k, iterations, executor, f"{seconds:.1f}", error, f"{difference:.1e}", digest)
    return good


def opened(source: Path, folder: Path) -> Any:
    """Open a store, or import a file into one first."""
    if source.is_dir():
        return dasknmf.open_network(source)
    return dasknmf.import_network(source, folder / f"{source.parent.name}-{source.name}.zarr")


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--string", type=Path, default=STRING, help="edge list or store of STRING human")
    parser.add_argument(
        "--network", action="append", default=[], metavar="PATH[:K]", help="another, any number"
    )
    parser.add_argument("-k", type=int, default=32, help="factors, where a network does not say")
    parser.add_argument("-i", "--iterations", type=int, default=50)
    parser.add_argument("--quick", action="store_true", help="a generated network of 600 genes instead")
    parser.add_argument("--write", action="store_true", help="keep the table in RESULTS.md")
    chosen = parser.parse_args()
    columns = ("network", "genes", "k", "iterations", "on", "seconds", "relative error", "to dense", "bits")
    table = Table("The same as dense HALS, on any executor", columns)
    good = True
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        if chosen.quick:
            A = SoulesMatrix(600, (300, 200, 100)).tile(range(600), range(600))
            A *= np.random.default_rng(1).uniform(0.5, 1.5, 600)[:, None]
            network = dasknmf.import_network((A + A.T) / 2, folder / "quick.zarr", tile=128)
            good &= compare("quick", network, 4, 20, table)
        else:
            if chosen.string.exists():
                good &= compare(
                    "STRING human", opened(chosen.string, folder), chosen.k, chosen.iterations, table
                )
            else:
                print(f"STRING human is left out: there is no {chosen.string.name}; name it with --string")
            for given in chosen.network:
                path, _, k = given.rpartition(":") if given.rpartition(":")[2].isdigit() else (given, "", "")
                source = Path(path)
                name = f"{source.parent.name}/{source.name}"
                good &= compare(name, opened(source, folder), int(k or chosen.k), chosen.iterations, table)
    if chosen.write:
        table.write("`bits` is the start of the SHA-256 of W and H. Seconds include starting the processes.")
    if not good:
        sys.exit("missed: the relative errors differ by more than 1e-4, or the factors are not the same bits")


if __name__ == "__main__":
    main()
