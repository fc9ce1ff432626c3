"""From an edge list to the modules of a network: several ranks and starts in one run, on a local Dask cluster.

    python examples/modules_of_a_network.py edges.tsv.gz

The edge list may be any that `dasknmf import` reads, such as STRING's protein.links.
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path

from distributed import Client, LocalCluster

import dasknmf
from dasknmf.progress import LogLines


def main(edges: str) -> None:
    store = Path(edges).name.split(".")[0] + ".zarr"
    network = dasknmf.open_network(store) if Path(store).exists() else dasknmf.import_network(edges, store)
    print(network)

    models = [{"n_components": k, "init": "nndsvd"} for k in (8, 16, 32)]
    models += [{"n_components": 16, "init": "random", "seed": seed} for seed in range(1, 4)]
    # worker processes on loopback; give the address of a cluster to Client instead
    with LocalCluster(threads_per_worker=1, host="127.0.0.1") as cluster, Client(cluster):
        fits = dasknmf.nmf_many(network, models, max_iter=100, progress=LogLines())

    print("model            error   bound   reads of A")
    for name, fit in fits.children.items():
        facts = fit.attrs
        print(f"{name:16} {facts['relative_error']:.4f}  {facts['eckart_young']:.4f}  {facts['reads']}")

    best = fits["hals-k32"].to_dataset()
    for factor, genes in dasknmf.top_genes(best, n=8).query("side == 'W'").groupby("factor"):
        print(factor, *genes["gene"])


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    main(sys.argv[1])
