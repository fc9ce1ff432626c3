"""Do nested factors follow known pathways and their parents, more than their null and more than other trees?

    python examples/nested_factors_and_pathways.py string.zarr reactome.gmt.gz ReactomePathwaysRelation.txt
    python examples/nested_factors_and_pathways.py string.zarr … --groups 128,64,32,16 --seeds 2
    python examples/nested_factors_and_pathways.py string.zarr … --blocks-python /usr/bin/python3

The network is a store, or anything `dasknmf import` reads, with gene names as in the sets. What is scored is the share
of pairs of a pathway and its child whose best clusters are one below the other, both with a Jaccard similarity of 0.1.

What makes it fair: each method has the same numbers of groups on each level, as each cluster more is one more chance;
genes of `relational` and `coarsen` are in the factor of their largest loading, as in a clustering; other trees are cut
so that no level is spent on clusters of a few genes, and topological overlaps, which WGCNA links by their average, also
by Ward's method, as averages chain. The null exchanges the finest clusters: modules stay, and only their nesting is
chance. (Shuffled genes follow nothing; any modules beat them.) Intervals resample the top-level pathways, each with all
that is below it, and seeds. "pathways themselves" links genes by the sets they are in (Ward): it knows the answer.

Nested stochastic block models are compared where graph-tool can be imported, by this Python or by --blocks-python. It
is not on the Python package index; Debian has it as python3-graph-tool (LGPL). They choose their own numbers of groups,
so the levels of no more groups than asked for are used, which are often fewer: that column is not at equal numbers.

STRING human with 32 groups and three seeds takes about ten minutes on two free cores, of 128 groups each seed six more,
and nested blocks ten of their own. Runs are kept. What was measured is in benchmarks/RESULTS.md.
"""

from __future__ import annotations

import argparse
import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from other_trees import Rivals

import dasknmf
from dasknmf.enriching.association_trees import association_tree

#: Of the bootstrap.
DRAWS = 2000
SCORED = (
    *("method", "groups", "nodes", "follow, %", "clusters exchanged, % (95 %)", "p"),
    *("same node, %", "recovered, %", "possible, %"),
)
GAPS = ("method", "less", "of the pairs, %", "95 %")


class Scores:
    """What a method's trees follow, over seeds."""

    def __init__(self, trees: list[Any], given: argparse.Namespace) -> None:
        options: dict[str, Any] = {"permutations": given.permutations, "null": "clusters"}
        found = [
            dasknmf.hierarchy_score(tree, given.sets, given.hierarchy, seed=seed, **options)
            for seed, tree in enumerate(trees)
        ]
        self.nodes = float(np.mean([one.attrs["nodes"] for one in found]))
        self.possible = float(np.mean([one.attrs["pairs_possible"] for one in found]))
        self.mean = {
            name: float(np.mean([one["measured"].sel(measure=name) for one in found]))
            for name in ("pairs_follow", "pairs_same", "pairs_recovered")
        }
        self.null = np.mean([one["by_null"].sel(measure="pairs_follow") for one in found], axis=0)
        self.p = float((1 + (self.null >= self.mean["pairs_follow"] - 1e-12).sum()) / (1 + len(self.null)))
        roots = given.roots
        pair = [
            dict(zip(pairs_of(one), one["pair_relation"].values == "follows", strict=True)) for one in found
        ]
        #: of each seed, of each top-level pathway: pairs that are followed
        self.followed = np.array(
            [np.bincount([roots[name] for name, _ in one], list(one.values()), given.tops) for one in pair]
        )
        self.asked = np.bincount([roots[name] for name, _ in pair[0]], minlength=given.tops)


def pairs_of(found: Any) -> list[tuple[str, str]]:
    names = found["set"].values
    return [
        (str(names[a]), str(names[b]))
        for a, b in zip(found["pair_parent"].values, found["pair_child"].values, strict=True)
    ]


def gap(ours: Scores, theirs: Scores, seed: int = 0) -> tuple[float, float, float]:
    """Return how much more of the pairs is followed, in per cent, with 95 % of a bootstrap of pathways and seeds."""
    rng = np.random.default_rng(seed)
    drawn = []
    for _ in range(DRAWS):
        tops = rng.integers(len(ours.asked), size=len(ours.asked))
        shares = []
        for one in (ours, theirs):
            seeds = rng.integers(len(one.followed), size=len(one.followed))
            # an own list of genes may leave out pairs
            shares.append(one.followed[seeds].mean(axis=0)[tops].sum() / max(1, one.asked[tops].sum()))
        drawn.append(100 * (shares[0] - shares[1]))
    measured = 100 * (ours.mean["pairs_follow"] - theirs.mean["pairs_follow"])
    low, high = np.quantile(drawn, (0.025, 0.975))
    return measured, float(low), float(high)


def ours(network: Any, given: argparse.Namespace) -> dict[str, tuple[tuple[int, ...], list[Any]]]:
    """Return the numbers of groups and the trees of nested factors of each method; runs are kept."""
    found: dict[str, tuple[tuple[int, ...], list[Any]]] = {}
    for method in ("relational", "coarsen"):
        options: dict[str, Any] = {"method": method, "restarts": 1}
        runs = [kept_run(network, given, given.groups, seed, options) for seed in range(given.seeds)]
        found[method] = given.groups, [association_tree(run) for run in runs]
    options = {"method": "zoom", "levels": len(given.groups)}
    runs = [kept_run(network, given, given.zoom, seed, options) for seed in range(given.zoom_seeds)]
    counts = [run["n_factors"].values[1:] for run in runs]
    middle = np.median([count[: min(map(len, counts))] for count in counts], axis=0).astype(int)
    found["zoom"] = tuple(sorted(set(middle.tolist()), reverse=True)), [association_tree(run) for run in runs]
    return found


def kept_run(network: Any, given: argparse.Namespace, ranks: Any, seed: int, options: dict[str, Any]) -> Any:
    place = Path(given.keep) / f"{options['method']}-{'-'.join(map(str, ranks))}-seed{seed}.zarr"
    if not place.exists():
        dasknmf.save(dasknmf.nested(network, ranks, seed=seed, **options), place)
        print(f"{place.name} made", flush=True)
    return dasknmf.load(place)


def verdict(method: str, score: Scores, gaps: dict[str, tuple[float, float, float]]) -> str:
    share, chance = 100 * score.mean["pairs_follow"], 100 * score.null.mean()
    nests = "more than" if score.p <= 0.05 else "not told from"
    kinds: dict[str, list[str]] = {"more than": [], "not told from": [], "less than": []}
    for name, (_, low, high) in gaps.items():
        kinds["more than" if low > 0 else "less than" if high < 0 else "not told from"].append(f"'{name}'")
    said = "; ".join(f"{kind} {', '.join(names)}" for kind, names in kinds.items() if names)
    return (
        f"{method} follows {share:.1f} % of the pairs, {nests} its clusters in exchanged places "
        f"({chance:.1f} %, p = {score.p:.2g}); {said}."
    )


def line(method: str, groups: tuple[int, ...], score: Scores) -> list[str]:
    low, high = 100 * np.quantile(score.null, (0.025, 0.975))
    shares = (100 * score.mean[name] for name in ("pairs_same", "pairs_recovered"))
    return [
        method,
        "/".join(map(str, groups)),
        f"{score.nodes:.0f}",
        f"{100 * score.mean['pairs_follow']:.2f}",
        f"{100 * score.null.mean():.2f} ({low:.2f} to {high:.2f})",
        f"{score.p:.2g}",
        *(f"{share:.1f}" for share in shares),
        f"{100 * score.possible:.0f}",
    ]


def compared(given: argparse.Namespace, network: Any) -> None:
    began = time.perf_counter()
    Path(given.keep).mkdir(parents=True, exist_ok=True)
    nested = ours(network, given)
    print(f"nested factors after {time.perf_counter() - began:.0f} s", flush=True)
    rivals = Rivals(network, given)
    rows, gaps, sentences = [], [], []
    scored: dict[tuple[int, ...], dict[str, Scores]] = {}
    for method, (groups, trees) in nested.items():
        if groups not in scored:
            scored[groups] = {name: Scores(own, given) for name, own in rivals.trees(groups).items()}
            rows += [line(name, groups, score) for name, score in scored[groups].items()]
        score = Scores(trees, given)
        rows.append(line(f"**{method}**", groups, score))
        more = {name: gap(score, other) for name, other in scored[groups].items()}
        gaps += [
            [method, name, f"{v:+.2f}", f"{low:+.2f} to {high:+.2f}"] for name, (v, low, high) in more.items()
        ]
        del more["pathways themselves"]
        sentences.append(verdict(method, score, more))
    printed(SCORED, rows)
    printed(GAPS, gaps)
    print(*(f"- {sentence}" for sentence in sentences), sep="\n")
    print(f"\n{time.perf_counter() - began:.0f} s in all")


def printed(head: tuple[str, ...], rows: list[list[str]]) -> None:
    print("", *(f"| {' | '.join(row)} |" for row in [head, ["---"] * len(head), *rows]), "", sep="\n")


def top_level(hierarchy: Any) -> dict[str, int]:
    """Return the number of a pathway without parents that each pathway is below, the first of several."""
    names, ancestors = hierarchy.names, hierarchy.ancestors()
    tops = [place for place, above in enumerate(ancestors) if not above]
    number = {place: i for i, place in enumerate(tops)}
    return {
        str(name): number[min(top for top in {place, *above} if top in number)]
        for place, (name, above) in enumerate(zip(names, ancestors, strict=True))
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("network", help="store, or what dasknmf import reads")
    parser.add_argument("sets", help="gene sets, GMT")
    parser.add_argument("hierarchy", help="parents and children, two columns")
    parser.add_argument("--groups", default="32,16,8,4", help="of each level, finest first")
    parser.add_argument("--zoom", help="factors of the root and of each node; by default for the same groups")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--zoom-seeds", type=int, default=1, help="a zoom takes minutes")
    parser.add_argument("--blocks-seeds", type=int, default=1, help="nested blocks take ten minutes")
    parser.add_argument("--permutations", type=int, default=200)
    parser.add_argument("--blocks-python", default=sys.executable, help="a Python that has graph-tool")
    parser.add_argument(
        "--keep", default="nested-blocks", help="folder of blocks, which take ten minutes a seed"
    )
    given = parser.parse_args()
    given.groups = tuple(sorted(map(int, given.groups.split(",")), reverse=True))
    if given.zoom is None:
        upwards = given.groups[::-1]
        given.zoom = [upwards[0], *(-(-b // a) for a, b in pairwise(upwards))]
    else:
        given.zoom = list(map(int, given.zoom.split(",")))
    given.sets = dasknmf.read_gene_sets(given.sets)
    given.hierarchy = dasknmf.read_hierarchy(given.hierarchy)
    given.roots = top_level(given.hierarchy)
    given.tops = max(given.roots.values()) + 1
    place = Path(given.network)
    store = place if place.is_dir() else Path(f"{place.name.partition('.')[0]}.zarr")
    network = dasknmf.open_network(store) if store.is_dir() else dasknmf.import_network(place, store)
    compared(given, network)


if __name__ == "__main__":
    main()
