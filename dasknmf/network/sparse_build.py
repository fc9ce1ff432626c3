"""From single entries in any order to a store: an external sort, in bounded memory.

Three passes, each over a temporary file. Entries are spilled as they are read; then cut into buckets of rows
that fit in memory, and each is sorted and mended; now the number of edges, and so layout and tile, are known,
and the sorted entries, whose tile rows lie together, are written tile by tile.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from dasknmf.errors import InputError
from dasknmf.network.policies import Counts, Findings, Policies, complain, mend_entries, merge_pairs
from dasknmf.network.source import describe
from dasknmf.network.spool import RAW, SORTED, SortedEntries, Spool
from dasknmf.network.store import open_network
from dasknmf.network.tiles import Grid, dense_tile, sparse_tile
from dasknmf.network.writer import create_network

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from dasknmf.network.compression import Codec
    from dasknmf.network.encoding import Storage
    from dasknmf.network.source import Entries, Labels
    from dasknmf.network.store import Network
    from dasknmf.network.writer import NetworkWriter
    from dasknmf.storage import Location, StorageOptions

#: Peak bytes an entry takes while its bucket is sorted and merged (keys, orders, weights and their copies).
SORT_BYTES = 128
#: Fewer entries than this in a bucket would cost more in file handling than they save in memory.
SMALLEST_BUCKET = 64
#: Above this share of non-zero entries a dense store is smaller and faster than a sparse one.
DENSE_FROM = 0.1


def build_from_entries(
    location: Location,
    source: Entries,
    *,
    label: Callable[[Labels], Labels],
    layout: Literal["auto", "dense", "sparse"],
    tile: int | None,
    policies: Policies,
    provenance: dict[str, Any],
    memory_limit: int,
    scratch: Path,
    storage: Storage,
    codec: Codec | None,
    overwrite: bool,
    storage_options: StorageOptions | None,
    progress: Callable[[int, int], None] | None,
) -> Network:
    """Read the entries of a source, sort and mend them, and write the store.

    Parameters
    ----------
    location : path or URL
        Where the store is to be.
    source : Entries
        What to read.
    label : callable
        Given the labels of the source, returns those to use (the ``genes`` option).
    layout, tile, policies, storage, codec, overwrite, storage_options, progress
        As in :func:`dasknmf.import_network`.
    provenance : dict
        What is known already; counts are added.
    memory_limit : int
        Bytes for sorting.
    scratch : Path
        A folder for temporary files, which the caller removes.

    Returns
    -------
    Network
    """
    counts = Counts()
    raw, labels, sides = _spill(source, label, policies, counts, scratch, progress)
    n = len(labels.genes)
    # a matrix with nothing below (or above) its diagonal is one triangle of a symmetric matrix
    absent_is_zero = not source.is_list and min(sides) > 0
    entries = _sort(
        source, raw, labels, policies, counts, absent_is_zero=absent_is_zero, memory_limit=memory_limit
    )
    if entries.spool.length == 0:
        msg = (
            f"{source.where}: no entry is left of the {counts.entries_read:,} read; "
            "a network needs at least one edge"
        )
        raise InputError(msg)
    if progress:
        progress(800, 1000)
    dense = layout == "dense" or (layout == "auto" and 2 * entries.edges > DENSE_FROM * n * n)
    grid = Grid(n, tile or (dense_tile(n) if dense else sparse_tile(n, entries.edges)))
    with create_network(
        location,
        genes=labels.genes,
        grid=grid,
        layout="dense" if dense else "sparse",
        weights={"kind": source.kind, "diagonal": counts.diagonal(policies)},
        provenance={**provenance, "counts": counts.as_dict()},
        capacity=entries.spool.length,
        storage=storage,
        codec=codec,
        overwrite=overwrite,
        storage_options=storage_options,
    ) as writer:
        _write_tiles(writer, entries, grid, dense=dense, memory_limit=memory_limit, progress=progress)
    return open_network(location, storage_options=storage_options)


def _spill(
    source: Entries,
    label: Callable[[Labels], Labels],
    policies: Policies,
    counts: Counts,
    scratch: Path,
    progress: Callable[[int, int], None] | None,
) -> tuple[Spool, Labels, tuple[int, int]]:
    """Read the source into a temporary file; return it, the labels, entries above and below the diagonal."""
    raw = Spool(scratch / "entries", RAW)
    findings = Findings()
    above = below = 0
    for i, j, given, share in source.chunks():
        row, column, weight = mend_entries(i, j, given, policies, counts, findings)
        records = np.empty(len(weight), dtype=RAW)
        records["i"], records["j"], records["w"] = row, column, weight
        above += int(np.count_nonzero((row < column) & (weight != 0)))
        below += int(np.count_nonzero((row > column) & (weight != 0)))
        raw.append(records)
        if progress:
            progress(int(600 * min(1.0, share)), 1000)
    own = source.labels()
    if findings.worst:
        _report(source, findings, own, mapped=False)
    if counts.entries_read == 0:
        msg = f"{source.where} holds no entry; a network needs at least one edge"
        raise InputError(msg)
    return raw, label(own), (above, below)


def _report(source: Entries, findings: Findings, labels: Labels, *, mapped: bool) -> None:
    kind = findings.worst
    assert kind is not None
    first = findings.first[kind]
    if not mapped and labels.row_of_code is not None:
        rows = labels.row_of_code
        first = [found._replace(row=int(rows[found.row]), column=int(rows[found.column])) for found in first]
    if source.locate is not None:
        shown = source.locate(kind, first, labels.genes)
    else:
        shown = [describe(found, labels.genes, in_list=source.is_list) for found in first]
    complain(kind, source.where, shown, findings.count[kind])


def _canonical(
    records: NDArray[np.void], labels: Labels
) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.bool_]]:
    """Return the smaller row, the larger row, and whether the source gave them the other way round."""
    i, j = records["i"].astype(np.int64), records["j"].astype(np.int64)
    if labels.row_of_code is not None:
        i, j = labels.row_of_code[i], labels.row_of_code[j]
    return np.minimum(i, j), np.maximum(i, j), i > j


def _sort(
    source: Entries,
    raw: Spool,
    labels: Labels,
    policies: Policies,
    counts: Counts,
    *,
    absent_is_zero: bool,
    memory_limit: int,
) -> SortedEntries:
    n = len(labels.genes)
    capacity = max(SMALLEST_BUCKET, memory_limit // SORT_BYTES)
    findings = Findings()
    entries = SortedEntries(raw.path.with_name("sorted"), n)
    for bucket in _buckets(raw, labels, capacity):
        records = bucket.read(0, bucket.length)
        bucket.remove()
        row, column, flipped = _canonical(records, labels)
        key = (row * n + column) * 2 + flipped
        pair, weight = merge_pairs(
            key, records["w"].copy(), policies, counts, findings, n=n, absent_is_zero=absent_is_zero
        )
        entries.append(pair, weight, counts)
    if findings.worst:
        _report(source, findings, labels, mapped=True)
    return entries


def _buckets(raw: Spool, labels: Labels, capacity: int) -> list[Spool]:
    """Cut the entries into files of consecutive rows, none much longer than ``capacity``."""
    if raw.length <= capacity:
        return [raw]
    n = len(labels.genes)
    per_row = np.zeros(n, dtype=np.int64)
    for records in raw.blocks(capacity):
        per_row += np.bincount(_canonical(records, labels)[0], minlength=n)
    bucket_of_row = np.maximum(np.cumsum(per_row) - 1, 0) // capacity
    buckets = [Spool(raw.path.with_name(f"bucket-{b}"), RAW) for b in range(int(bucket_of_row[-1]) + 1)]
    for records in raw.blocks(capacity):
        bucket = bucket_of_row[_canonical(records, labels)[0]]
        # numpy sorts 16-bit integers by radix, many times faster
        order = np.argsort(bucket.astype(np.uint16) if len(buckets) <= 2**16 else bucket, kind="stable")
        records, bucket = records[order], bucket[order]
        present, starts = np.unique(bucket, return_index=True)
        for b, part in zip(present.tolist(), np.split(records, starts[1:]), strict=True):
            buckets[b].append(part)
    raw.remove()
    # a hub whose row fills several buckets leaves the ones between empty
    return [bucket for bucket in buckets if bucket.length]


def _write_tiles(
    writer: NetworkWriter,
    entries: SortedEntries,
    grid: Grid,
    *,
    dense: bool,
    memory_limit: int,
    progress: Callable[[int, int], None] | None,
) -> None:
    row_start = np.concatenate([[0], np.cumsum(entries.per_row)])
    capacity = max(SMALLEST_BUCKET, memory_limit // SORT_BYTES)
    done = 0
    for i in range(grid.panels):
        a, b = grid.bounds(i)
        span = int(row_start[a]), int(row_start[b])
        for j, records in _tile_row(entries.spool, span, i, grid, capacity):
            done += 1
            c = grid.bounds(j)[0]
            row, column, weight = records["row"] - a, records["column"] - c, records["weight"]
            if dense:
                writer.add(writer.write_dense(i, j, _densify(grid, i, j, row, column, weight)))
            elif len(records):
                writer.add(writer.write_sparse(i, j, row, column, weight))
            if progress:
                progress(800 + 200 * done // grid.n_tiles, 1000)


def _tile_row(
    spool: Spool, span: tuple[int, int], i: int, grid: Grid, capacity: int
) -> Iterator[tuple[int, NDArray[np.void]]]:
    """Yield (j, entries of tile (i, j)) for every j ≥ i, sorted by row and column."""
    start, stop = span
    for first, last in _column_spans(spool, span, i, grid, capacity):
        parts = []
        for at in range(start, stop, capacity):
            records = spool.read(at, min(stop, at + capacity))
            panel = records["column"] // grid.tile
            parts.append(records[(panel >= first) & (panel < last)])
        records = np.concatenate(parts) if parts else np.empty(0, dtype=SORTED)
        # stable, so that entries stay sorted by row and column within their tile
        panel = (records["column"] // grid.tile).astype(np.int64) - first
        records = records[
            np.argsort(panel.astype(np.uint16 if last - first < 2**16 else np.int64), kind="stable")
        ]
        ends = np.cumsum(np.bincount(panel, minlength=last - first))
        yield from zip(range(first, last), np.split(records, ends[:-1]), strict=True)


def _column_spans(
    spool: Spool, span: tuple[int, int], i: int, grid: Grid, capacity: int
) -> Iterator[tuple[int, int]]:
    """Yield spans [first, last) of tile columns whose entries in this tile row fit in memory together."""
    start, stop = span
    if stop - start <= capacity:
        yield i, grid.panels
        return
    per_tile = np.zeros(grid.panels, dtype=np.int64)
    for at in range(start, stop, capacity):
        records = spool.read(at, min(stop, at + capacity))
        per_tile += np.bincount(records["column"] // grid.tile, minlength=grid.panels)
    first, held = i, 0
    for j in range(i, grid.panels):
        if j > first and held + per_tile[j] > capacity:
            yield first, j
            first, held = j, 0
        held += int(per_tile[j])
    yield first, grid.panels


def _densify(
    grid: Grid, i: int, j: int, row: NDArray[Any], column: NDArray[Any], weight: NDArray[np.float32]
) -> NDArray[np.float32]:
    (a, b), (c, d) = grid.bounds(i), grid.bounds(j)
    tile = np.zeros((b - a, d - c), dtype=np.float32)
    tile[row, column] = weight
    if i == j:
        tile[column, row] = weight
    return tile
