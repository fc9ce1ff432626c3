"""Networks, fits and checkpoints on a real S3 server on loopback; credentials stay out of everything written."""

from __future__ import annotations

import pickle
import re
import traceback
import urllib.request
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import dasknmf
from dasknmf.errors import InputError
from dasknmf.events import IterationEnded
from dasknmf.storage import read_storage_options
from tests.conftest import planted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from distributed import Client

SECRET = "not-to-be-written-anywhere"


@pytest.fixture
def options(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    from moto.server import ThreadedMotoServer
    from s3fs import S3FileSystem

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    reset = urllib.request.Request(f"http://127.0.0.1:{port}/moto-api/reset", method="POST")
    with urllib.request.urlopen(reset):  # servers of one process share their buckets
        pass
    given = {"key": "someone", "secret": SECRET, "endpoint_url": f"http://127.0.0.1:{port}"}
    S3FileSystem.clear_instance_cache()
    S3FileSystem(**given).mkdir("bucket")
    yield given
    S3FileSystem.clear_instance_cache()
    server.stop()


def test_the_way_through_an_object_store_changes_nothing(options: dict[str, Any], tmp_path: Path) -> None:
    A = planted(90, 3, seed=0)
    dasknmf.import_network(A, tmp_path / "net.zarr", tile=32)
    remote = dasknmf.import_network(A, "s3://bucket/net.zarr", tile=32, storage_options=options)
    here = dasknmf.nmf(tmp_path / "net.zarr", 3, max_iter=20)
    there = dasknmf.nmf("s3://bucket/net.zarr", 3, max_iter=20, storage_options=options)
    np.testing.assert_array_equal(here["W"], there["W"])
    again = dasknmf.nmf("s3://bucket/net.zarr", 3, max_iter=20, storage_options=options)
    np.testing.assert_array_equal(again["W"], there["W"])
    # from the sketch that was kept there
    assert again.attrs["reads"] == 2 * 2 + 1 < there.attrs["reads"]
    assert remote.header.checksum == there.attrs["network_checksum"] == here.attrs["network_checksum"]
    dasknmf.save(there, "s3://bucket/fit.zarr", storage_options=options)
    assert dasknmf.load("s3://bucket/fit.zarr", storage_options=options).identical(there)
    with pytest.raises(InputError, match="exists already"):
        dasknmf.save(there, "s3://bucket/fit.zarr", storage_options=options)


def test_address_and_keys_may_be_of_the_environment(
    options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", options["endpoint_url"])
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", options["key"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", options["secret"])
    A = planted(40, 3, seed=0)
    made = dasknmf.import_network(A, "s3://bucket/net.zarr", tile=32, storage_options={})
    assert dasknmf.open_network("s3://bucket/net.zarr", storage_options={}).header == made.header


def test_a_checkpoint_in_an_object_store_resumes(options: dict[str, Any]) -> None:
    A = planted(50, 3, seed=0)
    run: dict[str, Any] = {"max_iter": 12, "tol": 0, "tol_objective": 0, "exact": True}
    run["storage_options"] = options

    class Stopped(Exception):  # noqa: N818
        pass

    def listen(event: object) -> None:
        if isinstance(event, IterationEnded) and event.iteration == 9:
            raise Stopped

    place = "s3://bucket/run.checkpoint"
    with pytest.raises(Stopped):
        dasknmf.nmf(A, 3, checkpoint=place, checkpoint_iterations=4, progress=listen, **run)
    begun: list[object] = []
    resumed = dasknmf.nmf(A, 3, checkpoint=place, resume=True, progress=begun.append, **run)
    assert begun[0].resumed_at == 8
    np.testing.assert_array_equal(resumed["W"], dasknmf.nmf(A, 3, **run)["W"])


def test_credentials_come_from_a_file_and_are_written_nowhere(
    options: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import json

    from s3fs import S3FileSystem

    file = tmp_path / "options.json"
    file.write_text(json.dumps(options))
    monkeypatch.setenv("DASKNMF_STORAGE_OPTIONS", str(file))
    assert read_storage_options() == options
    dasknmf.import_network(planted(20, 2, seed=0), "s3://bucket/net.zarr")
    fit = dasknmf.nmf("s3://bucket/net.zarr", 2, max_iter=3)
    dasknmf.save(fit, "s3://bucket/fit.zarr")
    filesystem = S3FileSystem(**options)
    for path in filesystem.find("bucket"):
        assert SECRET.encode() not in filesystem.cat(path), path
    assert SECRET not in repr(fit.attrs)


def test_nested_options_fit_on_every_executor(options: dict[str, Any], client: Client) -> None:
    nested = {**options, "client_kwargs": {"endpoint_url": options["endpoint_url"]}}
    del nested["endpoint_url"]
    A = planted(60, 3, seed=0)
    network = dasknmf.import_network(A, "s3://bucket/net.zarr", tile=32, storage_options=nested)
    here = dasknmf.nmf(network, 3, max_iter=5)
    there = dasknmf.nmf(pickle.loads(pickle.dumps(network)), 3, max_iter=5, scheduler=client)
    np.testing.assert_array_equal(here["W"], there["W"])
    np.testing.assert_allclose(network.to_dask().compute(scheduler="synchronous"), A, rtol=1e-6)


@pytest.mark.parametrize(
    "line",
    [
        f"secret: {SECRET}: {SECRET}",
        f"secret: '{SECRET}",
        f"secret: !{SECRET} x",
        f"secret: *{SECRET}",
        f"secret: [{SECRET}",
        f"secret: @{SECRET}",
        f"{SECRET}: 2024-13-45",
        f"{SECRET}\x07",
    ],
)
def test_no_error_quotes_a_file_that_may_hold_secrets(tmp_path: Path, line: str) -> None:
    file = tmp_path / "options.yaml"
    file.write_text(f"key: someone\n{line}\n")
    with pytest.raises(InputError, match=r"options file .*options.yaml: is neither JSON nor YAML") as caught:
        read_storage_options(file)
    shown = "".join(traceback.format_exception(caught.value))
    assert SECRET not in shown
    if "secret: " in line:
        assert re.search(r"at line [23] \(", str(caught.value))


def test_option_files_that_are_no_mapping_of_text(tmp_path: Path) -> None:
    file = tmp_path / "options.yaml"
    file.write_bytes(b"key: \xff\n")
    with pytest.raises(InputError, match=r"is not text in UTF-8 \(byte 6\)"):
        read_storage_options(file)
    file.write_text("1: one\nkey: two\n")
    with pytest.raises(InputError, match="an option whose name is no text"):
        read_storage_options(file)


def test_bad_option_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        read_storage_options(tmp_path / "none.json")
    (tmp_path / "list.json").write_text("[1]")
    with pytest.raises(InputError, match="holds list, needs a mapping"):
        read_storage_options(tmp_path / "list.json")


def test_what_cannot_be_reached_is_one_clear_error() -> None:
    nowhere = {"key": "a", "secret": "b", "endpoint_url": "http://127.0.0.1:1"}
    with pytest.raises(InputError, match=r"s3://bucket/net.zarr cannot be reached \(.*\); check the address"):
        dasknmf.open_network("s3://bucket/net.zarr", storage_options=nowhere)
    with pytest.raises(InputError, match=r"nonsense://x: .*Protocol not known"):
        dasknmf.open_network("nonsense://x")
