"""A sketch that is kept beside its network: used again with the same bits, and made anew where it is not whole."""

from __future__ import annotations

import logging
import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest
import zarr

import dasknmf
from dasknmf.engine.executor import Threads
from dasknmf.events import SketchSwept
from dasknmf.execution import Execution
from tests.conftest import planted

if TYPE_CHECKING:
    from pathlib import Path

    import xarray as xr

A = planted(200, 4, seed=0, noise=0.4)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    dasknmf.import_network(A, tmp_path / "net.zarr", tile=64)
    return tmp_path / "net.zarr"


def swept(store: Path, **options: object) -> tuple[xr.Dataset, int]:
    """Fit, and count the reads that went into a sketch."""
    events: list[object] = []
    fit = dasknmf.nmf(store, 3, max_iter=10, progress=events.append, **options)
    return fit, sum(isinstance(event, SketchSwept) for event in events)


def kept_beside(store: Path) -> Path:
    return store.with_name("net.zarr.sketch") / "width64.zarr"


def same(one: xr.Dataset, two: xr.Dataset) -> bool:
    names = ("relative_error", "eckart_young")
    return all(np.array_equal(one[name], two[name]) for name in one.data_vars) and all(
        one.attrs[name] == two.attrs[name] for name in names
    )


def test_a_second_run_takes_the_sketch_that_the_first_left(store: Path) -> None:
    first, reads = swept(store)
    assert reads > 1
    again, none = swept(store)
    assert none == 0
    assert first.attrs["reads"] - again.attrs["reads"] == reads
    assert same(first, again)
    # another rank of the same width, another solver, and an exact run that starts from it
    assert swept(store, solver="mu")[1] == 0
    assert swept(store, exact=True)[1] == 0
    assert dasknmf.nmf(store, 20, max_iter=3).attrs["reads"] == 2 * 2 + 1
    # but not one without the diagonal, which is another matrix
    assert swept(store, diagonal="ignore")[1] > 0
    assert swept(store, diagonal="ignore")[1] == 0
    assert len(list(store.with_name("net.zarr.sketch").iterdir())) == 2


def test_nothing_is_kept_where_that_is_not_wanted(store: Path) -> None:
    from dasknmf.fitting import fit_models
    from dasknmf.options import FitOptions, ModelOptions, RunOptions

    options = FitOptions((ModelOptions(3),), RunOptions(max_iter=10))
    (fit,) = fit_models(store, options, Execution(keep_sketch=False))
    assert not store.with_name("net.zarr.sketch").exists()
    kept, _ = swept(store)
    assert same(fit, kept)
    assert same(fit, swept(store)[0])


@pytest.mark.parametrize("scheduler", ["serial", "threads"])
def test_a_sketch_that_was_read_gives_the_bits_of_one_that_was_made(store: Path, scheduler: str) -> None:
    made, _ = swept(store, scheduler=scheduler, workers=None)
    read, reads = swept(store, scheduler="serial")
    assert reads == 0
    assert same(made, read)


def lose_chunk(name: str, place: Path) -> None:
    (chunk,) = (file for file in (place / name / "c").rglob("*") if file.is_file())
    chunk.unlink()


def cut_chunk(place: Path) -> None:
    (chunk,) = (file for file in (place / "vectors" / "c").rglob("*") if file.is_file())
    chunk.write_bytes(chunk.read_bytes()[: chunk.stat().st_size // 2])


def unfinish(place: Path) -> None:
    group = zarr.open_group(str(place), mode="a")
    group.attrs["complete"] = False


def age(place: Path) -> None:
    group = zarr.open_group(str(place), mode="a")
    group.attrs["version"] = 0


def change(place: Path) -> None:
    group = zarr.open_group(str(place), mode="a")
    group["values"][0] = 1.0


@pytest.mark.parametrize(
    "damage",
    [
        *(lambda place, name=name: lose_chunk(name, place) for name in ("values", "residuals", "vectors")),
        cut_chunk,
        unfinish,
        age,
        change,
        lambda place: (place / "zarr.json").write_text("{"),
        lambda place: (place / "zarr.json").unlink(),
        lambda place: shutil.rmtree(place / "vectors"),
    ],
    ids=[
        *("no values", "no residuals", "no vectors", "cut", "unfinished"),
        *("old", "changed", "broken", "no group", "no array"),
    ],
)
def test_what_is_not_a_whole_sketch_of_this_version_is_made_anew(store: Path, damage) -> None:
    first, reads = swept(store)
    damage(kept_beside(store))
    again, anew = swept(store)
    assert anew == reads
    assert same(first, again)
    assert swept(store)[1] == 0


def test_the_sketch_of_another_network_is_not_taken(store: Path) -> None:
    swept(store)
    dasknmf.import_network(A**2, store, tile=64, overwrite=True)
    fit, reads = swept(store)
    assert reads > 0
    fresh = dasknmf.import_network(A**2, store.with_name("fresh.zarr"), tile=64)
    assert same(fit, dasknmf.nmf(fresh, 3, max_iter=10))
    assert swept(store)[1] == 0


def test_where_nothing_can_be_written_a_run_goes_on_and_says_so(
    store: Path, caplog: pytest.LogCaptureFixture
) -> None:
    # stands for a folder that may only be read, which the root of a container may write to
    store.with_name("net.zarr.sketch").write_text("in the way")
    with caplog.at_level(logging.INFO, logger="dasknmf"):
        fit, reads = swept(store)
    assert reads > 0
    assert "the sketch is not kept at" in caplog.text
    store.with_name("net.zarr.sketch").unlink()
    assert same(fit, swept(store)[0])


def test_a_sketch_that_is_too_large_to_be_kept_is_not(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dasknmf.sketching.LARGEST", 1000)
    assert swept(store)[1] > 0
    assert not kept_beside(store).exists()


def test_of_a_matrix_in_memory_nothing_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    dasknmf.nmf(A, 3, max_iter=3)
    assert list(tmp_path.iterdir()) == []


def test_with_a_mask_the_kept_sketch_stands_and_only_the_other_is_made(store: Path) -> None:
    from dasknmf.engine.mask import draw_mask
    from dasknmf.engine.sweep import Sweep
    from dasknmf.progress import silent
    from dasknmf.sketching import sketches_for

    network = dasknmf.open_network(store)
    mask = draw_mask(200, share=0.1, seed=0)
    found = []
    for _ in range(2):
        with Threads(1) as executor:
            operator = Sweep.of_network(network, executor)
            pair = sketches_for(network, operator, executor, 3, mask=mask, listener=silent)
            found.append([(sketch.values, np.concatenate(sketch.vectors)) for sketch in pair])
            assert len(pair) == 2
    for first, again in zip(found[0][0], found[1][0], strict=True):
        np.testing.assert_array_equal(first, again)
    np.testing.assert_allclose(found[0][1][0][:10], found[1][1][0][:10], rtol=1e-4)
