"""Trees of gene clusters by other methods than nested factors, to compare these with."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp
from scipy.cluster.hierarchy import linkage
from scipy.spatial.distance import squareform

import dasknmf
from dasknmf.enriching.linked_factors import factor_tree
from dasknmf.enriching.trees import level_tree, linkage_tree
from dasknmf.network.views import to_scipy

if TYPE_CHECKING:
    import argparse

#: Least genes of a module of the linkage of genes: the default of WGCNA.
LEAST = 30
#: What the Python that has graph-tool is asked: the blocks of each gene, finest level first.
BLOCKS = """
import sys
import numpy as np
from graph_tool import Graph, openmp_set_num_threads, seed_rng
from graph_tool.inference import minimize_nested_blockmodel_dl
folder, genes, seed = sys.argv[1], *map(int, sys.argv[2:])
openmp_set_num_threads(1)
seed_rng(seed + 1)
np.random.seed(seed)
graph = Graph(directed=False)
graph.add_vertex(genes)
graph.add_edge_list(np.load(folder + "/edges.npy"))
levels, of_gene = [], np.arange(genes)
for level in minimize_nested_blockmodel_dl(graph).get_levels():
    of_gene = np.asarray(level.b.a)[of_gene]
    levels.append(np.unique(of_gene, return_inverse=True)[1])
np.save(f"{folder}/blocks{seed}.npy", np.array(levels[::-1]))
"""


class Rivals:
    """Trees by other methods, cut at any numbers of groups."""

    def __init__(self, network: Any, given: argparse.Namespace) -> None:
        self.network, self.genes, self.seeds = network, network.genes, given.seeds
        found = to_scipy(network) if network.header.layout == "sparse" else np.asarray(network.to_dask())
        self.adjacency = sp.csr_array(found, dtype=np.float32)
        self.adjacency.setdiag(0)
        self.adjacency.eliminate_zeros()
        self.made: dict[tuple[int, ...], dict[str, list[Any]]] = {}
        kept = Path(given.keep)
        overlap = None
        self.linked = {}
        for method in ("average", "ward"):
            if not (place := kept / f"overlap-{method}.npy").exists():
                overlap = topological_overlap(self.adjacency) if overlap is None else overlap
                np.save(place, linked(overlap, method))
            self.linked[f"topological overlap, {method}"] = np.load(place)
        members = given.sets.over(self.genes).T.tocsr().astype(np.float32)
        norms = np.sqrt(members.power(2).sum(axis=1))
        self.annotated = np.flatnonzero(norms > 0)
        unit = sp.diags_array(1 / norms[self.annotated]) @ members[self.annotated]
        self.known = linked((unit @ unit.T).toarray(), "ward")
        self.blocks = nested_blocks(self.adjacency, given)

    def trees(self, groups: tuple[int, ...]) -> dict[str, list[Any]]:
        """Return the trees of each method at these groups, finest first, of several seeds where it has any."""
        if groups not in self.made:
            flat: dict[str, list[Any]] = {"spectral, linked": [], "flat NMF, linked": []}
            for seed in range(self.seeds):
                for name, options in (
                    ("spectral, linked", {"solver": "spectral", "tau": 1.0}),
                    ("flat NMF, linked", {"init": "random_acol"}),
                ):
                    fit = dasknmf.nmf(self.network, n_components=groups[0], seed=seed, **options)
                    flat[name].append(factor_tree(fit, clusters=groups))
            made = {
                **flat,
                **{
                    name: [linkage_tree(Z, self.genes, clusters=groups, min_size=LEAST)]
                    for name, Z in self.linked.items()
                },
                "pathways themselves": [
                    linkage_tree(self.known, self.genes[self.annotated], clusters=groups, min_size=LEAST)
                ],
            }
            blocks = [[level for level in levels if level.max() < groups[0]] for levels in self.blocks]
            if all(blocks) and blocks:
                made["nested blocks"] = [level_tree(np.array(levels), self.genes) for levels in blocks]
            self.made[groups] = made
        return self.made[groups]


def nested_blocks(adjacency: sp.csr_array, given: argparse.Namespace) -> list[Any]:
    """Return the blocks of each gene on each level, coarsest first, of each seed, or nothing; they are kept."""
    upper = sp.triu(adjacency, 1).tocoo()
    kept = Path(given.keep)
    np.save(kept / "edges.npy", np.column_stack([upper.row, upper.col]))
    found = []
    for seed in range(given.blocks_seeds):
        if not (kept / f"blocks{seed}.npy").exists():
            command = [given.blocks_python, "-c", BLOCKS, str(kept), str(adjacency.shape[0]), str(seed)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if "No module named 'graph_tool'" in done.stderr:
                print(f"nested blocks: {given.blocks_python} cannot import graph_tool; left out")
                return []
            if done.returncode:
                raise RuntimeError(done.stderr)
        found.append(np.load(kept / f"blocks{seed}.npy"))
        print(f"nested blocks: {[int(level.max()) + 1 for level in found[-1]]}", flush=True)
    return found


def topological_overlap(adjacency: sp.csr_array) -> Any:
    """Return (a² + a) / (min(k, k') + 1 − a) with weights up to 1: Zhang & Horvath 2005."""
    a = adjacency / adjacency.max()
    strength = np.asarray(a.sum(axis=1)).ravel()
    shared = (a @ a + a).tocoo()
    direct = sp.csr_array(a)[shared.row, shared.col]
    least = np.minimum(strength[shared.row], strength[shared.col])
    values = shared.data / (least + 1 - np.asarray(direct).ravel())
    return sp.coo_array((values, (shared.row, shared.col)), shape=a.shape, dtype=np.float32).toarray()


def linked(similarity: Any, method: str) -> Any:
    """Link genes by one minus their similarity."""
    distance = (1 - similarity).clip(0)
    np.fill_diagonal(distance, 0)
    return linkage(squareform(distance, checks=False), method)
