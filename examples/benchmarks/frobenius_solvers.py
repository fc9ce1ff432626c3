"""How long each Frobenius solver takes to a given relative error, from the same start on the same network.

All iterate on the network itself, its tiles in memory, in this process. The goals are 1 % and 0.1 % above the least
error that any solver of the same model ended in. Of coupled factors, symhals and anls-sym, only the finished model is
symmetric, so that they run several times, with a longer schedule each; the others are followed iteration by iteration.

    python frobenius_solvers.py --network dasknmf-demo/network.zarr
    python frobenius_solvers.py --quick
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from same_as_dense import STRING, opened
from tables import Table

import dasknmf
from dasknmf.events import IterationEnded
from dasknmf.execution import Execution
from dasknmf.network.soules import SoulesMatrix
from dasknmf.solvers import SOLVERS, solver_class

#: Most iterations; solvers that multiply take many, and cheap ones.
ITERATIONS = {"hals": 150, "bpp": 100, "mu": 300, "lee": 300, "symline": 200, "symmu": 300, "trifactor": 150}
#: Lengths of the runs of coupled factors.
SCHEDULES = (40, 80, 120)
#: snmf minimises something else.
MODELS = {
    "WH": ("hals", "bpp", "mu", "lee"),
    "WWᵀ": ("symline", "symhals", "anls-sym", "symmu"),
    "WSWᵀ": ("trifactor",),
}
GOALS = (1.01, 1.001)
#: Iterations done, seconds since the first began, relative error.
History = list[tuple[int, float, float]]


def fitted(network: Any, solver: str, k: int, iterations: int) -> tuple[History, float]:
    """Iterate, and return the history and the exact error of what is returned."""
    times: list[tuple[int, float, float]] = []

    def listen(event: object) -> None:
        if isinstance(event, IterationEnded):
            times.append((event.iteration, time.perf_counter(), event.relative_error))

    execution = Execution(progress=listen, keep_sketch=False)
    options = {"max_iter": iterations, "tol": 0, "tol_objective": 0, "exact": True, "bound": False}
    models = [{"n_components": k, "solver": solver}]
    fit = next(iter(dasknmf.nmf_many(network, models, execution=execution, **options).children.values()))
    # an iteration tells when it has ended: the first began as much before as the next ones take
    began = times[0][1] - (times[-1][1] - times[0][1]) / max(1, len(times) - 1)
    history = [(i, at - began, error) for i, at, error in times]
    if solver_class(solver).looks_back:
        history = [(i - 1, at, error) for i, at, error in history[1:]]
    return history, float(fit.attrs["relative_error"])


def followed(network: Any, solver: str, k: int, share: float) -> History:
    """Return the history of a solver, its last entry the finished model."""
    fitted(network, solver, k, 2)  # compiles, and fills the cache
    if solver in ITERATIONS:
        history, error = fitted(network, solver, k, max(4, int(share * ITERATIONS[solver])))
        return [*history, (*history[-1][:2], error)]
    runs = [fitted(network, solver, k, max(4, int(share * length))) for length in SCHEDULES]
    return [(*history[-1][:2], error) for history, error in runs]


def reached(history: History, goal: float) -> tuple[str, str]:
    """Return after how many iterations and seconds an error was reached."""
    for iterations, seconds, error in history:
        if error <= goal:
            return str(iterations), f"{seconds:.2f}"
    return "not", ""


def measure(name: str, network: Any, k: int, table: Table, *, share: float = 1.0) -> None:
    """Add a row for each solver."""
    for model, solvers in MODELS.items():
        histories = {solver: followed(network, solver, k, share) for solver in solvers}
        least = min(error for history in histories.values() for *_, error in history)
        for solver, history in histories.items():
            cells = [cell for goal in GOALS for cell in reached(history, goal * least)]
            per = 1e3 * history[-1][1] / history[-1][0]
            reads = SOLVERS[solver].rounds
            table.add(name, model, solver, *cells, f"{per:.1f}", reads, f"{history[-1][2]:.5f}")


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--string", type=Path, default=STRING, help="edge list or store of STRING human")
    parser.add_argument("--network", type=Path, action="append", default=[], help="another, any number")
    parser.add_argument("-k", type=int, default=32, help="factors")
    parser.add_argument("--quick", action="store_true", help="a generated network of 600 genes instead")
    parser.add_argument("--write", action="store_true", help="keep the table in RESULTS.md")
    chosen = parser.parse_args()
    columns = (
        "network",
        "model",
        "solver",
        "iterations to 1 %",
        "seconds",
        "iterations to 0.1 %",
        "seconds ",
        "ms an iteration",
        "reads an iteration",
        "last error",
    )
    table = Table("Frobenius solvers to the same error", columns)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        if chosen.quick:
            A = SoulesMatrix(600, (300, 200, 100)).tile(range(600), range(600))
            A *= np.random.default_rng(1).uniform(0.5, 1.5, 600)[:, None]
            measure(
                "quick", dasknmf.import_network((A + A.T) / 2, folder / "quick.zarr"), 4, table, share=0.2
            )
        else:
            if chosen.string.exists():
                measure("STRING human", opened(chosen.string, folder), chosen.k, table)
            else:
                print(f"STRING human is left out: there is no {chosen.string.name}; name it with --string")
            for source in chosen.network:
                name = f"{source.parent.name}/{source.name}"
                measure(name, opened(source, folder), chosen.k, table)
    if chosen.write:
        table.write(
            f"k = {chosen.k}, NNDSVD, or NNDSVDa for what multiplies. 1 % and 0.1 % above the least error of the same "
            f"model. symhals and anls-sym: runs of {', '.join(map(str, SCHEDULES))} iterations, in which the coupling "
            "grows; the shortest that reached it. symline and trifactor take one more read every 20 iterations."
        )


if __name__ == "__main__":
    main()
