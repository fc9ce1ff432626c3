"""Does information fragment when factors are made of factors? Real networks beside controls, with intervals.

    python examples/does_information_fragment.py                              # the E. coli network of the demo
    python examples/does_information_fragment.py string.zarr:32 trrust.zarr:16 --restarts 10

Each network is a store (or anything `dasknmf import` reads), and the factors of its first level, which are halved twice
or more. Controls: a Soules matrix, which loses nothing by construction, a nested block model, and a shuffled network.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import dasknmf
from dasknmf.nesting.decay_dataset import attribution_table, fragmentation_table

#: What a level is made of: LCLᵀ with the core C between factors, LLᵀ, or rows of L divided by a power of their norm.
SIMILARITIES: tuple[Any, ...] = ("core", "inner", 0.5, "cosine")


def ranks_from(k: int) -> list[int]:
    """Halve four times at most, down to 2 factors."""
    ranks = [k]
    while len(ranks) < 5 and ranks[-1] >= 4:
        ranks.append(-(-ranks[-1] // 2))
    return ranks


def opened(place: str) -> Any:
    if Path(place).is_dir():
        return dasknmf.open_network(place)
    store = Path(Path(place).name.split(".")[0] + ".zarr")
    return dasknmf.open_network(store) if store.exists() else dasknmf.import_network(place, store)


def runs_of(network: Any, k: int, restarts: int, similarities: tuple[Any, ...]) -> dict[str, Any]:
    found = {}
    for similarity in similarities:
        run = dasknmf.nested(network, ranks_from(k), similarity=similarity, restarts=restarts)
        kind = "" if run.attrs["kind"] == "network" else f"{run.attrs['kind']} "
        name = f"{kind}{Path(str(run.attrs['network'])).name.partition('.')[0]} {similarity}"
        found[name] = run
        kept = run["retention"].sel(branch="partner").mean("restart").to_numpy().round(2).tolist()
        print(f"{name:40} keeps {kept} of what {ranks_from(k)} factors can", flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("networks", nargs="*", help="store:factors")
    parser.add_argument("--restarts", type=int, default=10)
    parser.add_argument("-o", "--output", default="fragmentation")
    given = parser.parse_args()
    places = given.networks
    if not places:
        if not Path("dasknmf-demo/network.zarr").exists():
            from dasknmf.demo import run_demo

            run_demo("dasknmf-demo")
        places = ["dasknmf-demo/network.zarr:32"]
    runs: dict[str, Any] = {}
    for place in places:
        store, _, k = place.rpartition(":")
        network = opened(store)
        runs |= runs_of(network, int(k), given.restarts, SIMILARITIES)
        runs |= runs_of(dasknmf.null_network(network, "shuffle"), int(k), given.restarts, ("core",))
    for kind, options in (("soules", {"levels": 4}), ("sbm", {"structure": "nested", "levels": 4})):
        runs |= runs_of(dasknmf.control_network(kind, 2048, **options), 16, given.restarts, ("core",))
    found = dasknmf.fragmentation(runs)
    print(fragmentation_table(found).drop(columns="sentence").round(3).to_string(index=False))
    print("\nWhat makes the loss: differences of γ a level between runs that differ in one choice")
    print(attribution_table(found).round(3).to_string(index=False))
    print(f"\n{found.attrs['choice_sentence']}")
    for run in found["run"].to_numpy():
        print("-", str(found["sentence"].sel(run=run, quantity="retention partner").item()))
    dasknmf.save(found, f"{given.output}.zarr", overwrite=True)
    from dasknmf.report.decay import plot_retention

    # what keeps partners beside what gives the similarity to genes with small loadings, and the controls without loss
    names = [str(run) for run in found["run"].to_numpy()]
    shown = [name for name in names if name.endswith((" core", " 0.5")) and not name.startswith("null:")]
    plot_retention(found.sel(run=shown)).figure.savefig(f"{given.output}.png", dpi=110)
    print(f"saved {given.output}.zarr and {given.output}.png")


if __name__ == "__main__":
    main()
