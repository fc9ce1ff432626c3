"""Why W is not Hᵀ though A = Aᵀ: the question, the theorem, a network, the controls, the answer.

    python examples/why_w_is_not_h.py                        # planted factors and the E. coli network of the demo
    python examples/why_w_is_not_h.py 9606.protein.links.v12.0.txt.gz -k 32

A network may be any edge list, matrix or store that `dasknmf import` reads, such as STRING's protein.links.
"""

from __future__ import annotations

import argparse
import json
import logging
from pathlib import Path

import numpy as np

import dasknmf
from dasknmf.laboratory.tables import factor_table, measure_table, pair_table
from dasknmf.progress import LogLines


def theorem() -> None:
    """If A = WH is essentially unique and A = Aᵀ, then Hᵀ = WΠD, and Π is its own inverse."""
    print("1. The smallest example: two genes that are joined to each other and not to themselves.")
    A = np.array([[0.0, 1.0], [1.0, 0.0]])
    fit = dasknmf.nmf(A, n_components=2)
    found = dasknmf.symmetry(fit, A, restarts=0)
    print(
        f"   W = {fit.W.values.round(2).tolist()}, H = {fit.H.values.round(2).tolist()}: w_1 ∝ h_2 and w_2 ∝ h_1."
    )
    print(
        f"   Eigenvalues {found['eigenvalue'].values.round(2).tolist()}: one is negative, so one pair is expected."
    )
    symmetric = float(found["model_error"].sel(model="symline"))
    print(f"   WWᵀ cannot say this at any rank: its relative error is {symmetric:.3f}, that of WH 0.\n")


def planted() -> None:
    print(
        "2. A control of which the truth is known: 4 modules and 2 pairs of partners among 600 genes, and noise."
    )
    network = dasknmf.control_network("planted", 600, modules=4, pairs=2, noise=0.3, seed=1)
    found = dasknmf.symmetry(dasknmf.nmf(network, 8, init="random", seed=1), network, restarts=3, nulls=5)
    kinds, counts = np.unique(found["class"].values.astype(str), return_counts=True)
    print(f"   {dict(zip(kinds.tolist(), counts.tolist(), strict=True))}. {found.attrs['verdict']}\n")


def the_network(place: str | None) -> tuple[str, int]:
    """Return a store, and a rank for it."""
    if place is None:
        store = Path("dasknmf-demo/network.zarr")
        if not store.exists():
            dasknmf_demo()
        return str(store), 16
    store = Path(place) if Path(place).is_dir() else Path(Path(place).name.split(".")[0] + ".zarr")
    if not store.exists():
        dasknmf.import_network(place, store)
    return str(store), 32


def dasknmf_demo() -> None:
    from dasknmf.demo import run_demo

    run_demo("dasknmf-demo", echo=lambda _: None)


def examine(store: str, k: int, nulls: int) -> None:
    print(f"3. {store}, k = {k}: five restarts, {nulls} null networks of each of two kinds.")
    # restarts from random starts: what they share is the network's, what they do not is chance
    fits = dasknmf.nmf_many(
        store,
        [{"n_components": k, "init": "random_acol", "seed": seed} for seed in range(6)],
        progress=LogLines(),
    )
    found = dasknmf.symmetry(fits, store, nulls=nulls, progress=LogLines())
    for sentence in json.loads(found.attrs["sentences"]):
        print(f"   - {sentence}")
    print("\n   Factors:")
    print(
        factor_table(found)[
            ["class", "partner_of", "own_cosine", "partner_cosine", "cause", "W", "H"]
        ].to_string()
    )
    print("\n   What no rescaling of factors changes, and what is a gauge; beside null networks:")
    print(measure_table(found).round(3).to_string())
    pairs = pair_table(found)
    if len(pairs):
        print("\n   Genes joined across partners:")
        print(pairs.groupby(["first", "second"]).head(5).to_string(index=False))
    print(f"\n4. The answer for this network: {found.attrs['verdict']}")
    try:
        from dasknmf.report.symmetry_page import plot_symmetry

        figure = f"{Path(store).stem}-symmetry.png"
        plot_symmetry(found, fits[found.attrs["reference"]].to_dataset()).savefig(figure, dpi=120)
        print(f"   Figures: {figure}")
    except dasknmf.errors.MissingDependencyError as error:
        print(f"   No figures: {error}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("network", nargs="?", help="edge list, matrix or store")
    parser.add_argument("-k", "--n-components", type=int)
    parser.add_argument("--nulls", type=int, default=20)
    given = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    theorem()
    planted()
    store, k = the_network(given.network)
    examine(store, given.n_components or k, given.nulls)


if __name__ == "__main__":
    main()
