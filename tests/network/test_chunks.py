"""Tiles read straight from their files are those that zarr reads, and damage is found."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

import dasknmf
from dasknmf.errors import FormatError
from dasknmf.network.chunks import plain_chunks
from tests.conftest import planted

if TYPE_CHECKING:
    from pathlib import Path

FLOAT32 = np.dtype(np.float32)


def store(folder: Path, **options: str) -> Path:
    A = planted(100, 3, seed=0)
    A[:48, 48:96] = A[48:96, :48] = 0  # a tile that zarr never writes
    dasknmf.import_network(A, folder / "net.zarr", tile=48, **options)
    return folder / "net.zarr"


def test_they_are_the_tiles_that_zarr_reads(tmp_path: Path) -> None:
    place = store(tmp_path)
    chunks = plain_chunks(place, "tiles", FLOAT32, 48)
    assert chunks is not None
    array = dasknmf.open_network(place).array("tiles")
    for i, j in ((0, 0), (0, 1), (0, 2), (2, 2)):
        rows, columns = min(48, 100 - 48 * i), min(48, 100 - 48 * j)
        tile = chunks.read(i, j, rows, columns)
        expected = array[48 * i : 48 * i + 48, 48 * j : 48 * j + 48]
        if (i, j) == (0, 1):
            assert tile is None
            assert not expected.any()
        else:
            np.testing.assert_array_equal(tile, expected)
    dasknmf.open_network(place).verify()


def test_a_chunk_lost_while_the_network_is_in_use_is_found(tmp_path: Path) -> None:
    place = store(tmp_path)
    network = dasknmf.open_network(place)
    network.verify()
    assert len(list(network.tile_row(0, 0, 3))) == 3
    (place / "tiles" / "c" / "0" / "2").unlink()
    with pytest.raises(FormatError, match=r"tile \(0, 2\) differs from its checksum"):
        list(network.tile_row(0, 0, 3))


@pytest.mark.parametrize("codec", ["lz4", "zstd"])
def test_compressed_tiles_go_through_zarr(tmp_path: Path, codec: str) -> None:
    place = store(tmp_path, codec=codec)
    assert plain_chunks(place, "tiles", FLOAT32, 48) is None
    dasknmf.open_network(place).verify()


def test_other_places_go_through_zarr(tmp_path: Path) -> None:
    assert plain_chunks("memory://net.zarr", "tiles", FLOAT32, 48) is None
    assert plain_chunks(tmp_path, "tiles", FLOAT32, 48) is None


@pytest.mark.parametrize("damage", ["flipped", "cut", "empty"])
def test_damage_is_one_clear_error(tmp_path: Path, damage: str) -> None:
    place = store(tmp_path)
    chunk = place / "tiles" / "c" / "0" / "0"
    content = bytearray(chunk.read_bytes())
    content[1000] ^= 1
    chunk.write_bytes({"flipped": bytes(content), "cut": bytes(content[:-7]), "empty": b""}[damage])
    with pytest.raises(
        FormatError, match=r"(is damaged: it has|differs from its checksum).*import the network again"
    ):
        dasknmf.nmf(place, 2)
