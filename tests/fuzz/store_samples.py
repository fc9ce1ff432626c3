"""Small stores of every kind that is opened, unmutated, and what opening each gives."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

import dasknmf
from dasknmf.engine.executor import Threads
from dasknmf.engine.sweep import Sweep
from dasknmf.events import IterationEnded
from dasknmf.network.opened import forget_opened
from dasknmf.parts import KeptParts
from dasknmf.progress import silent
from dasknmf.sketching import sketches_for, vectors_of
from tests.conftest import planted
from tests.fuzz.samples import answer_of_network

if TYPE_CHECKING:
    from pathlib import Path

NETWORKS = ("dense.zarr", "coded.zarr", "lz4.zarr", "sparse.zarr")
RESULTS = ("fit.zarr", "fits.zarr", "nested.zarr", "enrichment.zarr")
SLOW_RESULTS = ("survey.zarr", "symmetry.zarr", "comparison.zarr", "fragmentation.zarr")
OTHERS = ("run.checkpoint", "parts", "net.zarr.sketch", "weights.zarr")
STORES = (*NETWORKS, *RESULTS, *OTHERS)
ALL_STORES = (*STORES, *SLOW_RESULTS)
GENES = [f"GENE{g}" for g in range(40)]
IDENTITY = {"checksum": "sha256:none", "models": [{"n_components": 2}], "seed": 0}


def weights() -> np.ndarray:
    """Forty genes, of which a quarter of the pairs have edges."""
    A = planted(40, 3, seed=1).astype(np.float32)
    return np.where(np.minimum(A, A.T) > 0.4, np.maximum(A, A.T), 0).astype(np.float32)


def make_all(folder: Path, *, slow: bool) -> None:
    """Write every kind of store."""
    A = weights()
    for name, options in {
        "dense.zarr": {"layout": "dense"},
        "coded.zarr": {"layout": "dense", "storage": "uint8"},
        "lz4.zarr": {"layout": "dense", "storage": "float16", "codec": "lz4"},
        "sparse.zarr": {"layout": "sparse"},
        "weights.zarr": {"layout": "dense"},
        "net.zarr": {"layout": "dense"},
    }.items():
        given = A / A.max() if name == "weights.zarr" else A
        dasknmf.import_network(given, folder / name, genes=GENES, tile=24, **options)
    fit = dasknmf.nmf(folder / "dense.zarr", 3, max_iter=20)
    made: dict[str, Any] = {
        "fit.zarr": fit,
        "fits.zarr": dasknmf.nmf_many(folder / "dense.zarr", _models()),
        "nested.zarr": dasknmf.nested(folder / "dense.zarr", [3, 2], restarts=1),
        "enrichment.zarr": dasknmf.enrich(fit, {"a": GENES[:12], "b": GENES[12:30]}, min_size=3),
    }
    if slow:
        made |= {
            "survey.zarr": dasknmf.survey(folder / "dense.zarr", [2, 3], restarts=2),
            "symmetry.zarr": dasknmf.symmetry(fit, folder / "dense.zarr", restarts=2, nulls=2),
            "comparison.zarr": dasknmf.compare(
                folder / "dense.zarr", 2, solvers=["hals", "mu"], kinds=["network"], restarts=1, max_iter=10
            ),
            "fragmentation.zarr": dasknmf.fragmentation({"tree": made["nested.zarr"]}),
        }
    for name, result in made.items():
        dasknmf.save(result, folder / name)
    with suppress(_Stopped):
        resumed(folder / "net.zarr", folder / "run.checkpoint", stop=True)
    parts = KeptParts(folder / "parts", IDENTITY)
    parts.put("null-0", {"defect": 0.5, "names": ["a", "b"]}, {"cosine": np.arange(6.0).reshape(2, 3)})
    sketch_of(folder / "net.zarr")


def _models() -> Any:
    from dasknmf.mixed import model_grid

    return model_grid(["hals"], [2, 3], [0], {})


class _Stopped(Exception):  # noqa: N818
    """A run was killed."""


def _stop(event: object) -> None:
    if isinstance(event, IterationEnded) and event.iteration == 3:
        raise _Stopped


def resumed(network: Path, checkpoint: Path, *, stop: bool = False) -> Any:
    """Go on with a fit; its factors are those of one that never stopped."""
    fit = dasknmf.nmf(
        network,
        3,
        max_iter=6,
        exact=True,
        bound=False,
        tol=0.0,
        checkpoint=checkpoint,
        checkpoint_iterations=1,
        resume=True,
        progress=_stop if stop else silent,
    )
    return [fit[name].to_numpy().tolist() for name in ("W", "H", "objective", "relative_error")]


def sketch_of(network: Path) -> Any:
    """Return the sketch of a network, taken from beside it or made anew."""
    opened = dasknmf.open_network(network)
    with Threads(1) as executor:
        operator = Sweep.of_network(opened, executor)
        (sketch,) = sketches_for(opened, operator, executor, 3, listener=silent)
        facts = (sketch.sum_of_squares, sketch.captured, sketch.sweeps)
        return facts, sketch.values.tolist(), sketch.residuals.tolist(), vectors_of(sketch, executor).tolist()


def open_store(kind: str, place: Path, beside: Path) -> Any:
    """Open a store by its public function; return all that it says. Unmutated stores are in ``beside``."""
    # a process checks a tile once; here another network is at the same place each time
    forget_opened()
    if kind in NETWORKS:
        network = dasknmf.open_network(place)
        header = asdict(network.header)
        arrays = [getattr(network, name).tolist() for name in ("genes", "degree", "strength", "diagonal")]
        return header, arrays, answer_of_network(network)
    if kind == "weights.zarr":
        from dasknmf.matrices import as_matrix
        from dasknmf.pair_weights import weights_for

        found = weights_for(as_matrix(weights()), None, place)
        assert found is not None
        assert found.given is not None
        assert found.given.network is not None
        return answer_of_network(found.given.network)
    if kind == "run.checkpoint":
        return resumed(beside / "net.zarr", place)
    if kind == "parts":
        return _plain(KeptParts(place, IDENTITY, resume=True).get("null-0"))
    if kind == "net.zarr.sketch":
        return sketch_of(place.with_name("net.zarr"))
    return dasknmf.load(place)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(held) for key, held in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(held) for held in value]
    return value.tolist() if hasattr(value, "tolist") else value


def same(one: Any, other: Any) -> bool:
    """Tell whether two openings of a store gave the same, to the bit."""
    if isinstance(one, (xr.Dataset, xr.DataTree)):
        return type(one) is type(other) and bool(one.identical(other))
    return repr(one) == repr(other)
