"""The projection refuses what does not fit, and a real run stays below it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp

import dasknmf
from dasknmf.engine.executor import Capacity
from dasknmf.engine.grid import make_plan
from dasknmf.engine.memory import check_memory, project
from dasknmf.errors import MemoryLimitError
from dasknmf.network.build import build_from_tiles
from dasknmf.network.tiles import Grid


def test_a_run_above_the_limit_is_refused_with_sizes_and_remedy(tmp_path: Path) -> None:
    dasknmf.import_network(np.ones((64, 64)), tmp_path / "ones.zarr")
    with pytest.raises(
        MemoryLimitError, match=r"needs \d+ MiB in this process and the limit is 100 MiB .*--memory-limit"
    ):
        dasknmf.nmf(tmp_path / "ones.zarr", 2, memory_limit="100 MiB")


def test_more_models_threads_and_genes_need_more() -> None:
    def needed(n: int = 20_000, threads: int = 2, columns: int = 32) -> int:
        grid = Grid(n, 2048)
        plan = make_plan(grid, np.full(grid.n_tiles, 16 * 2**20))
        capacity = Capacity(1, threads, 2**34, local=True)
        return project(
            plan, capacity, columns=columns, largest=min(columns, 64), tile_bytes=2**24, held=0, live=1
        ).process_bytes

    assert needed() < needed(threads=8)
    assert needed() < needed(columns=320)
    assert needed() < needed(n=200_000)
    with pytest.raises(MemoryLimitError, match="needs 2 MiB in the client and the limit is 1 MiB"):
        check_memory({"factors": 2**21}, limit=2**20, where="the client")


PEAK = """
import re, sys
from pathlib import Path
import numpy as np
import scipy.sparse as sp
import dasknmf
from dasknmf.events import RunStarted

given = sys.argv[1]
if given == "array":
    half = np.random.default_rng(0).random(4000)
    given = np.add.outer(half, half)
projected = []
def listen(event):
    if isinstance(event, RunStarted):
        projected.append(event.memory)
options = {"max_iter": 2, "workers": 2, "progress": listen, "memory_limit": sys.argv[2]}
if sys.argv[3] == "ratio":
    options["solver"] = "brunet"
dasknmf.nmf(given, 60, exact=sys.argv[3] == "exact", **options)
# not getrusage: its peak is inherited from the parent
print(int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) * 1024, projected[0])
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs the peak memory that Linux tells")
@pytest.mark.parametrize("path", ["sketched", "exact", "ratio"])
@pytest.mark.parametrize("kind", ["dense", "sparse", "array"])
def test_the_measured_peak_is_below_the_projection(tmp_path: Path, kind: str, path: str) -> None:
    # in a process of its own, so that the peak is its own; the limit leaves nothing for the cache
    given, limit = str(tmp_path / "net.zarr"), "1.2 GiB"
    if kind == "dense":
        grid = Grid(6144, 1536)

        def tile(i: int, j: int) -> np.ndarray:
            block = np.random.default_rng([i, j]).random((1536, 1536), dtype=np.float32)
            return block + block.T if i == j else block

        names = [str(i) for i in range(grid.n)]
        build_from_tiles(
            given, tile, genes=names, grid=grid, layout="dense", weights={}, provenance={}, threads=1
        )
        limit = "1 GiB"
    elif kind == "sparse":
        # one diagonal tile of a million edges, the widest piece that is read at once
        rng = np.random.default_rng(0)
        i, j = rng.integers(0, 20_000, (2, 1_000_000))
        pairs = np.minimum(i, j), np.maximum(i, j)
        upper = sp.coo_array((np.ones(len(i), np.float32), pairs), shape=(20_000, 20_000))
        upper.sum_duplicates()
        dasknmf.import_network(upper, given, tile=32_768)
        limit = "1.2 GiB"
    else:
        given = "array"
    done = subprocess.run(
        [sys.executable, "-c", PEAK, given, limit, path], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    peak, projected = map(int, done.stdout.split())
    assert peak <= projected
