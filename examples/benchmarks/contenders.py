"""dasknmf and its peers, each as it is measured; every function runs in a process of its own (see measure.py).

dasknmf starts from the store on disk and ends with the exact objective. A peer starts from its matrix in memory, and
its objective is computed outside its time: both are in its favour.
"""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
from measure import Clock, drop_from_cache

#: Rows of A in float64 at a time.
BLOCK = 1024


def dasknmf_nmf(*, store: str, k: int, runs: int = 2, kept: bool = True) -> dict[str, Any]:
    """Fit from the store, the first time from a cold page cache and with compiling, then warm.

    ``kept`` does one more from the sketch that the last run left beside the store.
    """
    began = time.perf_counter()
    import dasknmf

    fit_network = dasknmf.nmf  # what dasknmf offers is imported when it is first asked for
    imported = time.perf_counter() - began
    done = []
    for number in range(runs + kept):
        if number < runs:
            # otherwise only the very first fit would make the sketch
            shutil.rmtree(f"{store}.sketch", ignore_errors=True)
        if number == 0:
            drop_from_cache(store)
        clock = Clock()
        fit = fit_network(store, k)
        facts = {name: fit.attrs[name] for name in ("relative_error", "reads", "bytes_per_read")}
        done.append({**clock.stop(), **facts, "iterations": fit.sizes["iteration"]})
    return {"import": imported, "runs": done}


def dasknmf_survey(
    *, store: str, ranks: list[int], restarts: int, held_out: float, memory_limit: str | None
) -> dict[str, Any]:
    """Survey from the store once, from a cold page cache and with compiling."""
    began = time.perf_counter()
    import dasknmf
    from dasknmf.errors import MemoryLimitError
    from dasknmf.execution import Execution

    survey = dasknmf.survey  # what dasknmf offers is imported when it is first asked for
    imported = time.perf_counter() - began
    drop_from_cache(store)
    clock = Clock()
    execution = Execution(memory_limit=memory_limit, keep_sketch=False)
    try:
        found = survey(store, ranks, restarts=restarts, held_out=held_out, execution=execution)
    except MemoryLimitError as error:
        return {"failed": f"refused: {error}"}
    errors = found["relative_error"].median("restart").values
    return {
        "import": imported,
        **clock.stop(),
        "reads": int(found.attrs["reads"]),
        "bytes_per_read": int(found.attrs["bytes_per_read"]),
        "errors": dict(zip(map(str, ranks), map(float, errors), strict=True)),
        "recommended": str(found.attrs["recommended_rank"]),
    }


def matrix_of(file: str) -> Any:
    """Load a dense matrix (.npy) or a sparse one (.npz)."""
    if file.endswith(".npy"):
        return np.load(file)
    import scipy.sparse as sp

    return sp.csr_matrix(sp.load_npz(file))  # scikit-learn 1.4 does not take sparse arrays


def relative_error(A: Any, W: np.ndarray, H: np.ndarray) -> float:
    """Return ‖A − WH‖ / ‖A‖ in float64, without making WH."""
    W, H = W.astype(np.float64), H.astype(np.float64)
    squares = cross = 0.0
    for first in range(0, A.shape[0], BLOCK):
        rows = A[first : first + BLOCK].astype(np.float64)
        squares += float(rows.multiply(rows).sum() if hasattr(rows, "multiply") else np.vdot(rows, rows))
        cross += float(np.vdot(rows @ H.T, W[first : first + BLOCK]))
    fitted = float(np.vdot(W.T @ W, H @ H.T))
    return float(np.sqrt(max(0.0, squares - 2 * cross + fitted) / squares))


def sklearn(
    *,
    matrix: str,
    k: int,
    init: str,
    solver: str = "cd",
    iterations: int,
    step: int,
    until_error: float = 0.0,
    until_seconds: float = float("inf"),
) -> dict[str, Any]:
    """Iterate in steps that each start where the last one ended, and look at the error between them.

    Coordinate descent and multiplicative updates have no memory but W and H, so ``iterations`` in steps are the
    iterations of one call with ``tol=0``; the time of checking the input anew is in it, that of the error is not.
    Ends at ``iterations``, at ``until_error`` or after ``until_seconds``, whichever comes first.
    """
    from sklearn.decomposition import non_negative_factorization as fit

    A = matrix_of(matrix)
    small = np.random.default_rng(0).random((64, 64)).astype(np.float32)
    fit(small, n_components=2, init="nndsvda", max_iter=2, tol=0)  # loads what it needs
    W = H = None
    seconds, done, reached, path = 0.0, 0, None, []
    while done < iterations and seconds < until_seconds:
        began = time.perf_counter()
        W, H, _ = fit(
            A,
            W=W,
            H=H,
            n_components=k,
            init=init if done == 0 else "custom",
            solver=solver,
            max_iter=min(step, iterations - done),
            tol=0,
            random_state=0,
        )
        seconds += time.perf_counter() - began
        done += min(step, iterations - done)
        path.append((done, seconds, relative_error(A, W, H)))
        if path[-1][2] <= until_error:
            reached = seconds
            break
    return {"seconds": seconds, "iterations": done, "error": path[-1][2], "reached": reached, "path": path}


def sklearn_default(*, matrix: str, k: int, iterations: int) -> dict[str, Any]:
    """Fit once from a random start with its default tolerance, as one model of a survey."""
    from sklearn.decomposition import NMF

    A = matrix_of(matrix)
    model = NMF(n_components=k, init="random", max_iter=iterations, random_state=0)
    began = time.perf_counter()
    W = model.fit_transform(A)
    seconds = time.perf_counter() - began
    return {
        "seconds": seconds,
        "iterations": int(model.n_iter_),
        "error": relative_error(A, W, model.components_),
    }


def nmf_rs(*, matrix: str, k: int, method: str, iterations: int, threads: int) -> dict[str, Any]:
    """Fit once from NNDSVD, the start its documentation recommends, on float64, which it makes of any input."""
    from nmf_rs import nmf, nndsvd_init

    A = matrix_of(matrix).astype(np.float64)
    began = time.perf_counter()
    W, H = nndsvd_init(A, k, fill="mean")
    found = nmf(A, k, method, W0=W, H0=H, max_iter=iterations, num_threads=threads)
    seconds = time.perf_counter() - began
    error = relative_error(A, np.asarray(found.W), np.asarray(found.H))
    return {"seconds": seconds, "iterations": iterations, "error": error}


def write_dense(*, store: str, expression: str, genes: int, file: str) -> dict[str, Any]:
    """Make the co-expression store, and the dense array of the same weights that peers start from."""
    from dense_storage import expression as read

    import dasknmf

    values = read(Path(expression), genes)
    network = dasknmf.coexpression(values, store, genes=[f"g{gene}" for gene in range(len(values))])
    whole = np.lib.format.open_memmap(file, mode="w+", dtype=np.float32, shape=(network.n, network.n))
    for i in range(network.grid.panels):
        rows = slice(*network.grid.bounds(i))
        for j, tile in network.tile_row(i, i, network.grid.panels):
            columns = slice(*network.grid.bounds(j))
            whole[rows, columns] = tile
            whole[columns, rows] = tile.T
    whole.flush()
    return {"genes": network.n, "edges": network.header.edges}


def write_sparse(*, store: str, source: str, file: str) -> dict[str, Any]:
    """Import a network, and write the symmetric scipy matrix that peers start from."""
    import scipy.sparse as sp

    import dasknmf
    from dasknmf.network.views import to_scipy

    given = sp.load_npz(source) if source.endswith(".npz") else source
    network = dasknmf.import_network(given, store, layout="sparse")
    A = sp.csr_matrix(to_scipy(network)).astype(np.float32)
    sp.save_npz(file, A, compressed=False)
    return {"genes": network.n, "edges": network.header.edges}
