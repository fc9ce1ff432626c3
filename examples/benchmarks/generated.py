"""Networks of any size, generated tile by tile from a seed: sparse ones of modules and background, and dense ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from dasknmf.network.build import build_from_tiles
from dasknmf.network.store import open_network
from dasknmf.network.tiles import Grid, dense_tile, sparse_tile
from dasknmf.network.writer import create_network

if TYPE_CHECKING:
    from pathlib import Path

    from dasknmf.network.store import Network

MODULES = 40
#: One gene in so many is in a module; half of the pairs within one are edges, and heavier than the others.
GENES_A_MODULE_GENE = 25
WITHIN = 0.5


def write_sparse_modules(location: str | Path, n: int, edges: int, *, seed: int = 0) -> Network:
    """Write a sparse network of about ``edges`` edges: 40 modules of scattered genes, the others at random.

    Not through ``build_from_tiles``, whose tiles are dense arrays: one of a million genes would take 2.6 GB.
    """
    grid = Grid(n, sparse_tile(n, edges))
    rng = np.random.default_rng([seed, 0])
    module = np.full(n, -1)
    members = rng.permutation(n)[: n // GENES_A_MODULE_GENE]
    module[members] = np.arange(len(members)) % MODULES
    size = len(members) / MODULES
    background = max(0.0, edges - MODULES * WITHIN * size * (size - 1) / 2)
    with create_network(
        location,
        genes=[f"g{gene}" for gene in range(n)],
        grid=grid,
        layout="sparse",
        weights={"kind": "modules and background", "diagonal": "empty"},
        provenance={"made_by": "generated.py", "seed": seed, "modules": MODULES},
        capacity=int(1.1 * edges) + 1000,
    ) as writer:
        for i, j in grid.tiles():
            rows, columns = (module[slice(*grid.bounds(t))] for t in (i, j))
            share = len(rows) * len(columns) / (n * n / 2) * background
            writer.add(
                writer.write_sparse(i, j, *_entries(rows, columns, share, [seed, 1, i, j], diagonal=i == j))
            )
    return open_network(location)


def _entries(
    rows: np.ndarray, columns: np.ndarray, background: float, seed: list[int], *, diagonal: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the sorted entries of a tile, given the module of each gene."""
    rng = np.random.default_rng(seed)
    width = len(columns)
    inside = []
    for m in range(MODULES):
        r, c = np.flatnonzero(rows == m), np.flatnonzero(columns == m)
        drawn = rng.random((len(r), len(c))) < WITHIN
        inside.append((r[:, None] * width + c)[drawn])
    within = np.concatenate(inside)
    others = rng.integers(0, len(rows) * width, rng.poisson(background))
    key, first = np.unique(np.concatenate([within, others]), return_index=True)
    heavy = first < len(within)
    weight = rng.random(len(key), dtype=np.float32)
    weight = np.where(heavy, 0.5 + 0.5 * weight, 0.4 * weight + 1e-3).astype(np.float32)
    row, column = key // width, key % width
    if diagonal:
        kept = row < column
        row, column, weight = row[kept], column[kept], weight[kept]
    return row, column, weight


def write_dense_uniform(
    location: str | Path, n: int, *, storage: Any = "float32", tile: int | None = None
) -> Network:
    """Write a dense network whose tiles are one block of uniform weights, each times a number of its own."""
    grid = Grid(n, tile or dense_tile(n))
    block = np.random.default_rng(0).random((grid.tile, grid.tile), dtype=np.float32)
    symmetric = np.triu(block) + np.triu(block, 1).T

    def make(i: int, j: int) -> np.ndarray:
        rows, columns = grid.shape(i, j)
        factor = np.float32(0.5 + ((i * 7919 + j * 104_729) % 1000) / 2000)
        return (symmetric if i == j else block)[:rows, :columns] * factor

    return build_from_tiles(
        location,
        make,
        genes=[f"g{gene}" for gene in range(n)],
        grid=grid,
        layout="dense",
        weights={"kind": "uniform", "diagonal": "kept"},
        provenance={"made_by": "generated.py"},
        storage=storage,
    )
