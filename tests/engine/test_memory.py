"""The projection refuses what does not fit, and a real run stays below it."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest

import dasknmf
from dasknmf.engine.executor import Capacity
from dasknmf.engine.grid import make_plan
from dasknmf.engine.memory import check_memory, project
from dasknmf.errors import MemoryLimitError
from dasknmf.network.tiles import Grid

if TYPE_CHECKING:
    from pathlib import Path


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
            plan, capacity, columns=columns, widest=columns, basis=0, tile_bytes=2**24, live=1
        ).process_bytes

    assert needed() < needed(threads=8)
    assert needed() < needed(columns=320)
    assert needed() < needed(n=200_000)
    with pytest.raises(MemoryLimitError):
        check_memory(
            project(
                make_plan(Grid(100, 64), np.ones(3, np.int64)),
                Capacity(1, 1, 1, local=True),
                columns=1,
                widest=1,
                basis=0,
                tile_bytes=1,
                live=1,
            ),
            limit=1,
            where="here",
        )


def test_the_measured_peak_is_below_the_projection(tmp_path: Path) -> None:
    # 180 MiB of tiles, 60 components, in a process of its own so that its peak is its own
    code = """
import resource, sys
import numpy as np
import dasknmf
from dasknmf.events import RunStarted
from dasknmf.network.build import build_from_tiles
from dasknmf.network.tiles import Grid

n, grid = 9216, Grid(9216, 1536)
rng = lambda i, j: np.random.default_rng([i, j])
def tile(i, j):
    block = rng(i, j).random((1536, 1536), dtype=np.float32)
    return block + block.T if i == j else block
names = [str(i) for i in range(n)]
build_from_tiles(sys.argv[1], tile, genes=names, grid=grid, layout="dense", weights={}, provenance={}, threads=1)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
projected = []
def listen(event):
    if isinstance(event, RunStarted):
        projected.append(event.memory)
# a limit just above the projection leaves nothing for the cache
dasknmf.nmf(sys.argv[1], 60, max_iter=3, workers=2, progress=listen, memory_limit="600 MiB")
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, projected[0])
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "net.zarr")], capture_output=True, text=True, check=True
    )
    peak, projected = map(int, done.stdout.splitlines()[1].split())
    assert peak < 600 * 2**20
    assert projected < 600 * 2**20
