"""How far apart must planted blocks be for ``zoom`` to find their tree, and how often does it find one in chance?

A nested block model of three halvings, in which chances of an edge grow by equal factors from 0.03 between the two
halves to ``within`` in the eight innermost blocks. Adjusted mutual information of each planted partition with the nodes
of its level; genes of leaves above it are one more group. "snr" is (λ / edge)² of the innermost split, as expected, λ
its eigenvalue and edge that of the bulk around it: below 1 it cannot be seen in the spectrum of what is split. "beyond"
counts nodes below the innermost blocks, of which there should be none.

    python zoom_difficulty.py --genes 512 --seeds 3 --write
    python zoom_difficulty.py --quick
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from sklearn.metrics import adjusted_mutual_info_score
from tables import Table

import dasknmf

WITHIN = (0.2, 0.3, 0.45, 0.6, 0.75, 0.9)
BETWEEN = 0.03


def labels(found: object, level: int) -> np.ndarray:
    """Return the node of each gene on a level, -1 where it is in a leaf above."""
    made = np.full(found.sizes["gene"], -1)
    offsets, genes = found["member_offset"].values, found["member_gene"].values
    for node in np.flatnonzero(found["level"].values == level):
        made[genes[offsets[node] : offsets[node + 1]]] = node
    return made


def innermost_snr(n: int, within: float) -> float:
    """Return (λ / edge)² of two blocks of n / 8 genes."""
    beside = within * (BETWEEN / within) ** (1 / 3)
    half, mean = n / 8, (within + beside) / 2
    # weights are uniform on (0, 1]: mean 1/2, mean square 1/3
    edge = 2 * np.sqrt(2 * half * (mean / 3 - mean**2 / 4))
    return float((half * (within - beside) / 2 / edge) ** 2)


def row(n: int, within: float, seeds: int) -> tuple[object, ...]:
    """Return what is found of trees of one difficulty."""
    scores, beyond, began = np.zeros(3), 0, time.perf_counter()
    for seed in range(seeds):
        network = dasknmf.control_network(
            "sbm", n, structure="nested", levels=3, within=within, between=BETWEEN, seed=seed
        )
        found = dasknmf.nested(network, 2, method="zoom", levels=4, seed=seed)
        scores += [
            adjusted_mutual_info_score(truth, labels(found, level))
            for level, truth in enumerate(network.levels, start=1)
        ]
        beyond += int((found["level"] == 4).sum())
    shown = [f"{score:.3f}" for score in scores / seeds]
    return within, innermost_snr(n, within), *shown, beyond, (time.perf_counter() - began) / seeds


def leaves_of_chance(n: int, count: int, null: str) -> str:
    """Say how often the root of a shuffled network is a leaf."""
    base = dasknmf.control_network("sbm", n, structure="nested", levels=3)
    stopped = 0
    for seed in range(count):
        shuffled = dasknmf.null_network(base, "shuffle", seed=seed)
        found = dasknmf.nested(shuffled, 4, method="zoom", levels=1, null=null, seed=seed)
        stopped += bool(found["stop_reason"].values[0])
    return f"The root is a leaf in {stopped} of {count} shuffled networks with `null={null}`."


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--genes", type=int, default=512)
    parser.add_argument("--seeds", type=int, default=3, help="trees of each difficulty")
    parser.add_argument("--shuffled", type=int, default=40, help="networks without structure")
    parser.add_argument("--quick", action="store_true", help="one small tree, two small shuffled networks")
    parser.add_argument("--write", action="store_true", help="keep the table in RESULTS.md")
    chosen = parser.parse_args()
    n, seeds, shuffled = (128, 1, 2) if chosen.quick else (chosen.genes, chosen.seeds, chosen.shuffled)
    table = Table(
        f"Trees planted in {n} genes, found by zoom",
        ("within", "snr", "AMI, level 1", "level 2", "level 3", "beyond", "seconds a tree"),
    )
    for within in WITHIN[-1:] if chosen.quick else WITHIN:
        table.add(*row(n, within, seeds))
    notes = [
        f"{seeds} trees of each.",
        *(leaves_of_chance(n, shuffled, null) for null in ("degree", "shuffle")),
    ]
    print(*notes, sep="\n")
    if chosen.write:
        table.write(*notes)


if __name__ == "__main__":
    main()
