"""Where a run takes place changes no bit of it."""

from __future__ import annotations

import json
import os
import signal
import threading
from typing import TYPE_CHECKING

import numpy as np
import pytest

import dasknmf
from dasknmf.cluster import executor_for
from dasknmf.engine.dask_executor import Distributed
from dasknmf.engine.executor import Threads
from dasknmf.errors import InputError
from dasknmf.events import IterationEnded
from tests.conftest import planted

if TYPE_CHECKING:
    from pathlib import Path

    import xarray as xr
    from distributed import Client

OPTIONS = {"max_iter": 8, "tol": 0, "tol_objective": 0, "seed": 3, "init": "random", "exact": True}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("cluster") / "net.zarr"
    dasknmf.import_network(planted(400, 5, seed=0), place, tile=64)
    return place


@pytest.fixture(scope="module")
def serial(store: Path) -> xr.Dataset:
    return dasknmf.nmf(store, 6, scheduler="serial", **OPTIONS)


def same_bits(one: xr.Dataset, two: xr.Dataset) -> bool:
    return all(
        np.array_equal(one[name], two[name]) for name in ("W", "H", "objective", "scale", "gauge")
    ) and (one.attrs["relative_error"] == two.attrs["relative_error"])


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_threads_give_the_bits_of_a_serial_run(store: Path, serial: xr.Dataset, workers: int) -> None:
    assert same_bits(dasknmf.nmf(store, 6, scheduler="threads", workers=workers, **OPTIONS), serial)


def test_nndsvd_too(store: Path, client: Client) -> None:
    options = {**OPTIONS, "init": "nndsvd"}
    here = dasknmf.nmf(store, 6, scheduler="threads", **options)
    assert same_bits(dasknmf.nmf(store, 6, scheduler=client, **options), here)


@pytest.mark.parametrize("solver", ["hals", "mu"])
@pytest.mark.parametrize("diagonal", ["keep", "ignore"])
@pytest.mark.parametrize("k", [1, 2, 17])
@pytest.mark.parametrize("order", ["C", "F"])
def test_a_matrix_in_memory_too(client: Client, solver: str, diagonal: str, k: int, order: str) -> None:
    # arrays come off the wire at odd addresses and in C order, and products of small k are the most delicate
    A = np.asarray(planted(300, 4, seed=1), dtype=np.float32, order=order)
    options = {
        "solver": solver,
        "diagonal": diagonal,
        "max_iter": 3,
        "tol": 0,
        "init": "random",
        "exact": True,
    }
    serial = dasknmf.nmf(A, k, scheduler="serial", **options)
    assert same_bits(dasknmf.nmf(A, k, scheduler=client, **options), serial)


def test_several_row_panels_too(client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dasknmf.engine.grid.SMALL_PANEL", 128)
    monkeypatch.setattr("dasknmf.engine.grid.SMALLEST_DENSE_GROUP", 1)
    dasknmf.import_network(planted(700, 4, seed=1), tmp_path / "net.zarr", tile=64)
    options = {**OPTIONS, "diagonal": "ignore", "scheduler": "serial"}
    serial = dasknmf.nmf(tmp_path / "net.zarr", 9, **options)
    assert same_bits(dasknmf.nmf(tmp_path / "net.zarr", 9, **{**options, "scheduler": client}), serial)


@pytest.mark.cluster
@pytest.mark.parametrize("workers", [1, 3])
def test_local_worker_processes_too(store: Path, serial: xr.Dataset, workers: int) -> None:
    assert same_bits(dasknmf.nmf(store, 6, scheduler="local", workers=workers, **OPTIONS), serial)


def test_an_address_and_a_scheduler_file_too(
    store: Path, serial: xr.Dataset, client: Client, tmp_path: Path
) -> None:
    address = client.scheduler.address
    assert same_bits(dasknmf.nmf(store, 6, scheduler=address, **OPTIONS), serial)
    file = tmp_path / "scheduler.json"
    file.write_text(json.dumps({"address": address}))
    assert same_bits(dasknmf.nmf(store, 6, scheduler=str(file), **OPTIONS), serial)


def test_the_current_client_is_used_and_otherwise_threads(client: Client) -> None:
    with executor_for() as executor:
        assert isinstance(executor, Threads)
    with client.as_current(), executor_for() as executor:
        assert isinstance(executor, Distributed)
        assert executor.client is client


def test_a_worker_killed_in_the_middle_costs_no_bit(store: Path, serial: xr.Dataset) -> None:
    from distributed import Client, LocalCluster

    with (
        LocalCluster(
            n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0"
        ) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        victims = list(client.run(os.getpid).values())
        killed = threading.Event()

        def listen(event: object) -> None:
            if isinstance(event, IterationEnded) and event.iteration == 3:
                os.kill(victims[0], signal.SIGKILL)
                killed.set()

        fit = dasknmf.nmf(store, 6, scheduler=client, progress=listen, **OPTIONS)
        assert killed.is_set()
    assert same_bits(fit, serial)


@pytest.mark.parametrize(
    ("scheduler", "message"),
    [
        (
            "nowhere",
            "'nowhere' is neither a word known here nor a file; give threads, serial, local, slurm, kubernetes, an",
        ),
        (
            "tcp://127.0.0.1:1",
            "no Dask scheduler answers at tcp://127.0.0.1:1 .* start one with: dask scheduler",
        ),
    ],
)
def test_a_scheduler_that_is_not_there(
    store: Path, scheduler: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dasknmf.cluster.connecting.TIMEOUT", 1.0)
    with pytest.raises(InputError, match=message):
        dasknmf.nmf(store, 2, scheduler=scheduler)


def test_a_scheduler_without_workers_is_one_clear_error(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from distributed import LocalCluster

    monkeypatch.setattr("dasknmf.cluster.connecting.TIMEOUT", 1.0)
    with LocalCluster(n_workers=0, host="127.0.0.1", dashboard_address="127.0.0.1:0") as cluster:
        address = cluster.scheduler_address
        with pytest.raises(InputError, match=f"no worker for 1s; start one with: dask worker {address}$"):
            dasknmf.nmf(store, 2, scheduler=address)
        file = tmp_path / "scheduler.json"
        file.write_text(json.dumps({"address": address}))
        with pytest.raises(InputError, match=rf"dask worker --scheduler-file {file}$"):
            dasknmf.nmf(store, 2, scheduler=str(file))


@pytest.mark.parametrize("workers", [0, -1, "2", 1.5, True])
@pytest.mark.parametrize("scheduler", ["threads", "local"])
def test_workers_are_a_whole_number(store: Path, scheduler: str, workers: object) -> None:
    with pytest.raises(
        InputError, match=rf"workers={workers!r}: needs a whole number, 1 or more; leave it out"
    ):
        dasknmf.nmf(store, 2, scheduler=scheduler, workers=workers)


def test_a_large_matrix_in_memory_is_not_sent_to_workers(client: Client) -> None:
    with pytest.raises(InputError, match=r"cannot go to the workers .* dasknmf.import_network\(matrix"):
        dasknmf.nmf(np.ones((4200, 4200), dtype=np.float32), 2, scheduler=client)


@pytest.mark.parametrize("limit", ["much", -1, "0", [1]])
def test_a_memory_limit_that_is_none(store: Path, limit: object) -> None:
    with pytest.raises(InputError, match="memory limit"):
        dasknmf.nmf(store, 2, memory_limit=limit)
