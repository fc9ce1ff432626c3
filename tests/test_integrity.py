"""A byte that is flipped in anything that was written is found, or changes nothing."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import xarray as xr

import dasknmf
from dasknmf.checkpoint import Checkpoints
from dasknmf.errors import DasknmfError
from dasknmf.parts import KeptParts
from dasknmf.progress import silent
from tests.conftest import planted

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

#: Of one kind of store; bytes are drawn evenly over files first, so that small ones get their share.
FLIPS = 150


def flipped_reads(
    place: Path, read: Callable[[], Any], same: Callable[[Any], bool], flips: int = FLIPS
) -> int:
    """Flip one bit after the other, and return how many were found; one that is neither found nor harmless fails."""
    rng = np.random.default_rng(7)
    files = sorted(path for path in [place, *place.rglob("*")] if path.is_file())
    found = 0
    for _ in range(flips):
        path = files[rng.integers(len(files))]
        content = bytearray(path.read_bytes())
        at, bit = int(rng.integers(len(content))), int(rng.integers(8))
        whole = bytes(content)
        content[at] ^= 1 << bit
        path.write_bytes(content)
        try:
            assert same(read()), f"byte {at} of {path.relative_to(place.parent)} was flipped and not found"
        except DasknmfError:
            found += 1
        finally:
            path.write_bytes(whole)
    return found


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ["dense", "uint8", "sparse"])
def test_in_a_network(tmp_path: Path, kind: str) -> None:
    A = planted(60, 3, seed=0)
    place = tmp_path / "net.zarr"
    options: dict[str, Any] = {"layout": "sparse"} if kind == "sparse" else {}
    if kind == "uint8":
        options = {"layout": "dense", "storage": "uint8"}
    made = dasknmf.import_network(np.where(A > 0.3, A, 0.0), place, tile=32, **options)
    header, whole, genes = made.header, np.asarray(made.to_dask()), made.genes

    def read() -> tuple[Any, ...]:
        opened = dasknmf.open_network(place)
        opened.verify()
        return opened.header, np.asarray(opened.to_dask()), opened.genes

    def same(read: tuple[Any, ...]) -> bool:
        return read[0] == header and np.array_equal(read[1], whole) and np.array_equal(read[2], genes)

    assert flipped_reads(place, read, same) > FLIPS / 2


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("tree", [False, True])
def test_in_a_result(tmp_path: Path, tree: bool) -> None:
    A = planted(40, 3, seed=0)
    made: Any = dasknmf.nmf(A, 3, max_iter=4)
    if tree:
        made = xr.DataTree.from_dict({"/": xr.Dataset(attrs=made.attrs), "/first": made, "/second": made})
    place = tmp_path / "fit.zarr"
    dasknmf.save(made, place)
    assert dasknmf.load(place).identical(made)
    assert flipped_reads(place, lambda: dasknmf.load(place), lambda read: read.identical(made)) > FLIPS / 3


def test_in_a_checkpoint(tmp_path: Path) -> None:
    place = tmp_path / "run.checkpoint"

    class Stopped(Exception):  # noqa: N818
        pass

    def stop(event: object) -> None:
        if type(event).__name__ == "CheckpointWritten":
            raise Stopped

    with pytest.raises(Stopped):
        dasknmf.nmf(
            planted(40, 3, seed=0),
            3,
            exact=True,
            tol=0,
            checkpoint=place,
            checkpoint_iterations=2,
            progress=stop,
        )

    def kept() -> Any:
        import io
        import json

        identity = json.loads(np.load(io.BytesIO(whole))["content"].tobytes())["identity"]
        return Checkpoints(place, identity, every_seconds=None, every_iterations=None, listener=silent).read()

    whole = place.read_bytes()
    before = kept()

    def same(read: Any) -> bool:
        return read.iteration == before.iteration and all(
            np.array_equal(read.models[0]["rows"][name], rows)
            for name, rows in before.models[0]["rows"].items()
        )

    assert flipped_reads(place, kept, same) > FLIPS / 2


def test_in_a_part(tmp_path: Path) -> None:
    folder = tmp_path / "parts"
    array = np.random.default_rng(0).random(200)
    KeptParts(folder, {"k": 3}).put("null", {"defect": 0.5}, {"cosine": array})

    def read() -> Any:
        return KeptParts(folder, {"k": 3}, resume=True).get("null")

    def same(read: Any) -> bool:
        return bool(read[0] == {"defect": 0.5} and np.array_equal(read[1]["cosine"], array))

    assert flipped_reads(folder, read, same) > FLIPS / 2


@pytest.mark.filterwarnings("ignore")
def test_a_kept_sketch_that_was_damaged_is_made_anew(tmp_path: Path) -> None:
    place = tmp_path / "net.zarr"
    dasknmf.import_network(planted(60, 3, seed=0), place, tile=32)
    whole = dasknmf.nmf(place, 3, max_iter=3)
    kept, good = tmp_path / "net.zarr.sketch", tmp_path / "good"
    shutil.copytree(kept, good)

    def read() -> Any:
        fit = dasknmf.nmf(place, 3, max_iter=3)
        # a sketch that was made anew replaced the damaged one
        shutil.rmtree(kept)
        shutil.copytree(good, kept)
        return fit

    def same(fit: Any) -> bool:
        return all(np.array_equal(fit[name], whole[name]) for name in ("W", "H", "objective")) and (
            fit.attrs["eckart_young"] == whole.attrs["eckart_young"]
        )

    assert flipped_reads(kept, read, same, flips=40) == 0


def test_every_chunk_that_is_written_has_a_checksum(tmp_path: Path) -> None:
    import json

    for layout in ("dense", "sparse"):
        dasknmf.import_network(planted(60, 3, seed=0), tmp_path / f"{layout}.zarr", tile=32, layout=layout)
        fit = dasknmf.nmf(tmp_path / f"{layout}.zarr", 3, max_iter=3)
    dasknmf.save(fit, tmp_path / "fit.zarr")
    abouts = [json.loads(path.read_text()) for path in tmp_path.rglob("zarr.json")]
    arrays = [about for about in abouts if about["node_type"] == "array"]
    assert len(arrays) > 20
    assert {about["codecs"][-1]["name"] for about in arrays} == {"crc32c"}
