"""Tiles are read while others are multiplied: to the same bits, in the same order, and only a few at a time."""

from __future__ import annotations

import pickle
import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import dasknmf
from dasknmf.engine.ahead import DEPTH, ReadAhead
from dasknmf.engine.executor import Threads
from dasknmf.engine.grid import Group, make_plan
from dasknmf.engine.kernels import ArraySource
from dasknmf.engine.sweep import Sweep
from dasknmf.network.tiles import Grid
from dasknmf.storage import objects_at
from tests.conftest import planted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dasknmf.engine.grid import Plan

GRID = Grid(40, 7)


@pytest.fixture
def plan() -> Plan:
    """Groups of one and of several rows."""
    return make_plan(GRID, np.full(GRID.n_tiles, 2**22))


def places(source: ReadAhead, group: Group) -> Iterator[tuple[int, int]]:
    for i, first, last in group.tile_rows():
        for j, _ in source.tile_row(i, first, last):
            yield i, j


def test_every_group_has_its_tiles_in_order_also_again_and_elsewhere(plan: Plan) -> None:
    A = planted(40, 3, seed=0)
    for group in plan.groups:
        ahead = ReadAhead(ArraySource(A, GRID), group)
        expected = [(i, j) for i, first, last in group.tile_rows() for j in range(first, last)]
        begun = places(ahead, group)
        next(begun)
        for source in (ahead, ahead, pickle.loads(pickle.dumps(ahead))):
            assert list(places(source, group)) == expected
        for i, first, last in group.tile_rows():
            a, b = GRID.bounds(i)
            for j, tile in ahead.tile_row(i, first, last):
                c, d = GRID.bounds(j)
                np.testing.assert_array_equal(tile, A[a:b, c:d])


class Waiting:
    """A tile is there only when the reading of the one after it has begun."""

    def __init__(self, tiles: int) -> None:
        self.begun = [threading.Event() for _ in range(tiles)]

    def tile_row(self, i: int, first: int, last: int) -> Iterator[tuple[int, float]]:
        self.begun[first].set()
        assert self.begun[min(first + 1, len(self.begun) - 1)].wait(timeout=30)
        yield first, 1.0


def test_the_next_tile_is_read_before_the_present_one_is_multiplied() -> None:
    row = Group(0, rows=(0, 1), columns=(0, 4), panels=(0,), weight=4)
    assert list(places(ReadAhead(Waiting(4), row), row)) == [(0, j) for j in range(4)]


def test_only_a_few_tiles_are_under_way() -> None:
    row = Group(0, rows=(0, 1), columns=(0, 20), panels=(0,), weight=20)
    asked: list[int] = []

    class Source:
        def tile_row(self, i: int, first: int, last: int) -> Iterator[tuple[int, float]]:
            asked.append(first)
            yield first, 1.0

    for done, _ in enumerate(places(ReadAhead(Source(), row), row), start=1):
        assert len(asked) <= done + DEPTH


def test_an_error_of_reading_is_that_of_the_task(plan: Plan) -> None:
    class Broken:
        def tile_row(self, i: int, first: int, last: int) -> Iterator[tuple[int, float]]:
            msg = "disk on fire"
            raise OSError(msg)

    with pytest.raises(OSError, match="disk on fire"):
        list(places(ReadAhead(Broken(), plan.groups[0]), plan.groups[0]))


@pytest.mark.parametrize("storage", ["float32", "uint16"])
def test_products_have_the_same_bits(tmp_path: Path, storage: str) -> None:
    A = planted(100, 3, seed=0)
    X = np.random.default_rng(0).random((100, 5), dtype=np.float32)
    network = dasknmf.import_network(A, tmp_path / "n.zarr", tile=24, storage=storage)
    with Threads(2) as executor:
        operator = Sweep.of_network(network, executor)
        # tiles of 2 kB are not worth it
        assert not operator.ahead
        expected = operator @ X
        operator.ahead = True
        np.testing.assert_array_equal(operator @ X, expected)
        operator.keep_tiles(2**30)
        for _ in range(2):
            np.testing.assert_array_equal(operator @ X, expected)


def test_who_reads_ahead(tmp_path: Path) -> None:
    A = planted(100, 3, seed=0)
    far = dasknmf.import_network(A, "memory://ahead/n.zarr", layout="dense")
    sparse = dasknmf.import_network(A, "memory://ahead/s.zarr", layout="sparse")
    large = dasknmf.import_network(planted(1100, 2, seed=0), tmp_path / "n.zarr", tile=1024)
    near = dasknmf.import_network(A, tmp_path / "s.zarr", layout="sparse")
    with Threads(2) as executor:
        ahead = [Sweep.of_network(network, executor).ahead for network in (far, sparse, near, large)]
        assert ahead == [True, True, False, True]
        X = np.random.default_rng(0).random((100, 5), dtype=np.float32)
        rows_ahead, at_once = (Sweep.of_network(network, executor) @ X for network in (sparse, near))
        np.testing.assert_array_equal(rows_ahead, at_once)
        np.testing.assert_allclose(Sweep.of_network(far, executor) @ X, A @ X, rtol=1e-5)


def test_no_more_tiles_are_asked_for_at_once_than_the_projected_memory_holds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    network = dasknmf.import_network(
        planted(260, 3, seed=0), "memory://ahead/bounded.zarr", tile=32, layout="dense"
    )
    client = objects_at("memory://ahead/bounded.zarr")[0].client
    under_way, most, lock, get = 0, 0, threading.Lock(), client.get

    def counted(key: str, first: int | None, last: int | None) -> Any:
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
        try:
            return get(key, first, last)
        finally:
            with lock:
                under_way -= 1

    with Threads(2) as executor:
        operator = Sweep.of_network(network, executor)
        X = np.random.default_rng(0).random((260, 4), dtype=np.float32)
        expected = operator @ X
        monkeypatch.setattr(client, "get", counted)
        np.testing.assert_array_equal(operator @ X, expected)
    assert 1 <= most <= 2 * (1 + DEPTH)
