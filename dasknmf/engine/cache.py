"""Tiles kept in the memory a run has left, per process, so that a network that fits is read once."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dasknmf.engine.kernels import Tile, TileSource

_lock = threading.Lock()
_kept: dict[tuple[str, int, int, int], list[tuple[int, Tile]]] = {}
_used = 0


@dataclass(frozen=True)
class CachedSource:
    """A tile source that keeps what it reads until ``budget`` bytes are used, and drops nothing.

    A sweep reads tiles in the same order each time; whatever evicts the oldest would miss every time.

    Parameters
    ----------
    source : TileSource
        Where tiles are read.
    key : str
        Identity of the matrix; another key empties the cache of its process.
    budget : int
        Bytes per process.
    """

    source: TileSource
    key: str
    budget: int

    def tile_row(self, i: int, first: int, last: int) -> Iterable[tuple[int, Tile]]:
        """Yield (j, tile (i, j)) for first ≤ j < last, from memory where it is there."""
        name = (self.key, i, first, last)
        kept = _kept.get(name)
        if kept is not None:
            return kept
        _only(self.key)
        if _used >= self.budget:
            return self.source.tile_row(i, first, last)
        return self._read_and_keep(name)

    def _read_and_keep(self, name: tuple[str, int, int, int]) -> Iterable[tuple[int, Tile]]:
        global _used
        read = []
        full = False
        for j, tile in self.source.tile_row(*name[1:]):
            yield j, tile
            if not full:
                read.append((j, tile))
                full = _used + sum(int(tile.nbytes) for _, tile in read) > self.budget
                if full:
                    read.clear()
        if full:
            return
        size = sum(int(tile.nbytes) for _, tile in read)
        with _lock:
            if name not in _kept and _used + size <= self.budget:
                _kept[name] = read
                _used += size


def _only(key: str) -> None:
    """Empty the cache if it holds tiles of another matrix, such as one whose run was killed."""
    with _lock:
        if any(name[0] != key for name in _kept):
            _clear()


def _clear() -> None:
    global _used
    _kept.clear()
    _used = 0


def forget() -> None:
    """Empty the cache of this process."""
    with _lock:
        _clear()
