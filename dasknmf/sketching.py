"""The sketch of a network for a run: taken from beside the store where it was kept, otherwise made and kept."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from dasknmf.engine.sketch import Sketch, make_sketches, sketch_width
from dasknmf.errors import DasknmfError
from dasknmf.events import SketchSwept
from dasknmf.network.checksum import tile_checksum
from dasknmf.sealed_group import SEAL, check_files, open_array, open_group, read_array, seal_of, sealed
from dasknmf.storage import checked_codecs, exists, is_remote, local_path, open_store, publish

if TYPE_CHECKING:
    from dasknmf.engine.executor import Executor
    from dasknmf.engine.mask import Mask
    from dasknmf.engine.normalised import Normalised
    from dasknmf.engine.sweep import Sweep
    from dasknmf.events import Listener
    from dasknmf.network.store import Network

FORMAT = "dasknmf-sketch"
#: Of the format, and of the way sketches are made: another version is made anew.
VERSION = 3
_ARRAYS = ("values", "residuals", "vectors")
#: Largest sketch that is kept, and that goes as a whole to a task: 2 million genes at a width of 64.
LARGEST = 2**30

logger = logging.getLogger("dasknmf")


def sketches_for(
    network: Network | None,
    operator: Sweep | Normalised,
    executor: Executor,
    k: int,
    *,
    diagonal: bool = True,
    mask: Mask | None = None,
    keep: bool = True,
    matrix: str = "",
    listener: Listener,
) -> list[Sketch]:
    """Return the sketch of A, and with a mask that of A without what is held out.

    Parameters
    ----------
    network : Network, optional
        The store, beside which the sketch of A is kept; nothing is kept of a matrix in memory.
    operator : Sweep or Normalised
        The matrix.
    executor : Executor
        The operator's own.
    k : int
        Largest rank to be fitted.
    diagonal : bool
        False leaves the diagonal out.
    mask : Mask, optional
        What the second sketch does not see; it is not kept.
    keep : bool
        Use, and leave, a sketch beside the store.
    matrix : str
        What the matrix is, where it is not A but made of it; it knows itself that a diagonal is left out.
    listener : callable
        Receives :class:`dasknmf.events.SketchSwept`.
    """
    began = time.perf_counter()
    place = _place(network, k, diagonal=diagonal, matrix=matrix) if network is not None and keep else None
    found = _read(place, network, operator, executor) if place and network else None

    def tell(sweep: int, most: int, captured: float) -> None:
        listener(SketchSwept(sweep, most, captured, time.perf_counter() - began, matrix))

    made = []
    if found is None or mask is not None:
        made = make_sketches(
            operator,
            executor,
            k,
            mask=mask,
            whole=found is None,
            diagonal=diagonal or bool(matrix),
            on_sweep=tell,
        )
    # that of groups of another size has other last bits, which no run should find there
    if found is None and place and network and executor.parts == 1:
        _keep(made[0], place, network, executor)
    return made if found is None else [found, *made]


def vectors_of(sketch: Sketch, executor: Executor) -> np.ndarray[Any, Any]:
    """Bring the vectors of a sketch here, shape (n, p)."""
    return np.concatenate(executor.get(sketch.vectors))


def _place(network: Network, k: int, *, diagonal: bool, matrix: str) -> str:
    of = f"{matrix and '-'}{matrix}{'' if diagonal else '-no-diagonal'}"
    return f"{network.location}.sketch/width{sketch_width(network.n, k)}{of}.zarr"


def _identity(network: Network) -> dict[str, Any]:
    return {"format": FORMAT, "version": VERSION, "network_checksum": network.header.checksum}


def _read(place: str, network: Network, operator: Sweep | Normalised, executor: Executor) -> Sketch | None:
    """Return the sketch that was kept, if it is whole and of this network."""
    try:
        if not exists(place, storage_options=network.storage_options):
            return None
        check_files(place, where=place, remedy="it is made anew")
        group, about = open_group(
            place, where=place, what="it is made anew", storage_options=network.storage_options
        )
        if not about.get("complete") or {**about, **_identity(network)} != about:
            return None
        shapes = about.get("shapes") or {}
        if about.get(SEAL) != seal_of(about) or not set(_ARRAYS) <= set(shapes):
            logger.info("the sketch at %s is damaged and is made anew", place)
            return None
        values, residuals, vectors = (_array(group, name, shapes[name], place) for name in _ARRAYS)
        # a chunk that is lost reads as zeros
        if about["checksum"] != str(tile_checksum((values, residuals, vectors))):
            logger.info("the sketch at %s is damaged and is made anew", place)
            return None
        return Sketch(
            values,
            residuals,
            executor.put(operator.panels.split(vectors), label="vectors"),
            float(about["sum_of_squares"]),
            float(about["captured"]),
            int(about["sweeps"]),
        )
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, DasknmfError) as error:
        logger.info("the sketch at %s cannot be read (%s) and is made anew", place, error)
        return None


def _array(group: Any, name: str, known: list[Any], place: str) -> np.ndarray[Any, Any]:
    """Return an array of a sketch, which must be as its attributes say."""
    remedy = "it is made anew"
    array = open_array(group, name, shape=known[1:], dtype=known[0], where=place, remedy=remedy)
    return read_array(array, name, where=place, remedy=remedy)


def _keep(sketch: Sketch, place: str, network: Network, executor: Executor) -> None:
    """Leave a sketch beside its network, where that can be written."""
    import zarr

    if 4 * network.n * len(sketch.values) > LARGEST:
        return
    options = network.storage_options
    try:
        if not is_remote(place):
            local_path(place).parent.mkdir(exist_ok=True)
        with publish(place, overwrite=True, storage_options=options) as target:
            group = zarr.open_group(open_store(target, mode="a", storage_options=options), mode="w")
            held = (sketch.values, sketch.residuals, vectors_of(sketch, executor))
            arrays = dict(zip(_ARRAYS, held, strict=True))
            for name, array in arrays.items():
                chunks = (min(2**14, max(1, len(array))), *array.shape[1:])
                group.create_array(
                    name, shape=array.shape, dtype=array.dtype, chunks=chunks, compressors=checked_codecs()
                )[...] = array
            about = sealed(
                {
                    **_identity(network),
                    "sum_of_squares": sketch.sum_of_squares,
                    "captured": sketch.captured,
                    "sweeps": sketch.sweeps,
                    "checksum": str(tile_checksum(tuple(arrays.values()))),
                    "shapes": {name: [array.dtype.name, *array.shape] for name, array in arrays.items()},
                    "complete": True,
                }
            )
            group.attrs.update(about)
    except (OSError, DasknmfError, ValueError) as error:
        logger.info("the sketch is not kept at %s (%s); the next run makes it anew", place, error)
