"""The image built without a network inside, and the manifests played as containers: TLS, object store, a worker killed.

Minutes long, most of them for the base image: only with DASKNMF_PROOFS=long. DASKNMF_CONTAINERS names a folder in which
images are kept for the next time.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from click.testing import CliRunner

import dasknmf
from dasknmf.cli import commands
from tests.conftest import DATA, planted
from tests.deploy.manifests import of_kind
from tests.rigs.containers import NETWORK, Containers, missing, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [
    pytest.mark.proof,
    pytest.mark.skipif(
        os.environ.get("DASKNMF_PROOFS") != "long", reason="minutes long: DASKNMF_PROOFS=long"
    ),
    pytest.mark.skipif(missing() is not None, reason=str(missing())),
]
PROJECT = Path(__file__).parents[2]
IMAGE = "dasknmf:0.1.0"
WORKERS = ("worker-0", "worker-1", "worker-2")
#: Long enough for a worker to be killed in the middle of it, and no less because it converges.
RUN = ["--exact", "--max-iter", "40", "--tol", "0", "--tol-objective", "0", "--checkpoint-seconds", "3"]
KEYS = {"key": "a-key", "secret": "not-to-be-written-anywhere"}


@pytest.fixture(scope="module")
def containers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Containers]:
    folder = os.environ.get("DASKNMF_CONTAINERS")
    with Containers(Path(folder) if folder else tmp_path_factory.mktemp("containers")) as made:
        made.build(PROJECT, "python-base:trixie", IMAGE)
        yield made


@pytest.fixture(scope="module")
def bucket(containers: Containers) -> Iterator[dict[str, Any]]:
    """Options of an object store that containers see at the address of this machine; no way leads out of it."""
    from moto.server import ThreadedMotoServer
    from s3fs import S3FileSystem

    # the bridge has its address from the first container on
    containers.podman("run", "--detach", "--network", NETWORK, IMAGE, "sleep", "infinity")
    with socket.create_server((containers.gateway, 0)):
        pass
    server = ThreadedMotoServer(ip_address=containers.gateway, port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    options = {**KEYS, "endpoint_url": f"http://{host}:{port}"}
    S3FileSystem.clear_instance_cache()
    S3FileSystem(**options).mkdir("networks")
    S3FileSystem(**options).mkdir("results")
    containers.secret(
        "dasknmf-object-store",
        {
            "AWS_ACCESS_KEY_ID": KEYS["key"].encode(),
            "AWS_SECRET_ACCESS_KEY": KEYS["secret"].encode(),
            "AWS_ENDPOINT_URL": options["endpoint_url"].encode(),
        },
    )
    yield options
    S3FileSystem.clear_instance_cache()
    server.stop()


@pytest.fixture(scope="module")
def network(bucket: dict[str, Any]) -> str:
    """STRING human where it is, a planted network elsewhere; in the object store."""
    folder = DATA / "string_human_dnet"
    source = folder / "edges.tsv.gz" if folder.is_dir() else planted(4000, 12, seed=0)
    dasknmf.import_network(source, "s3://networks/string.zarr", storage_options=bucket)
    return "s3://networks/string.zarr"


@pytest.fixture(scope="module")
def cluster(containers: Containers, bucket: dict[str, Any]) -> Containers:
    """The scheduler and three workers of overlays/tls."""
    folder = containers.folder / "certs"
    shutil.rmtree(folder, ignore_errors=True)
    made = CliRunner().invoke(commands, ["certs", str(folder)])
    assert made.exit_code == 0, made.output
    # what kubectl create secret --from-file=certs takes
    files = {file.name: file.read_bytes() for file in folder.iterdir()}
    assert "ca-key.pem" not in files
    containers.secret("dasknmf-tls", files)
    (config,) = of_kind("overlays/tls", "ConfigMap")
    deployments = {one["metadata"]["name"]: one for one in of_kind("overlays/tls", "Deployment")}
    containers.play(deployments["dasknmf-scheduler"], "scheduler", config, alias="dasknmf-scheduler")
    for worker in WORKERS:
        containers.play(deployments["dasknmf-worker"], worker, config)
    wait_until(
        lambda: registered(containers) == len(WORKERS),
        seconds=120,
        what=lambda: containers.logs("scheduler-scheduler") + containers.logs("worker-0-worker"),
    )
    return containers


def registered(containers: Containers) -> int:
    """How often a worker came to the scheduler."""
    return containers.logs("scheduler-scheduler").count("Register worker addr")


def start(containers: Containers, name: str, output: str, *changes: str, scheduler: str | None = None) -> str:
    """Start the Job of deploy/kubernetes/run with another output and a run that does not end early."""
    (job,) = of_kind("run", "Job")
    (config,) = of_kind("overlays/tls", "ConfigMap")
    args = job["spec"]["template"]["spec"]["containers"][0]["args"]
    changed = {"-o": output} | ({"--cluster": scheduler} if scheduler else {})
    for option, value in changed.items():
        args[args.index(option) + 1] = value
    args += changes
    containers.play(job, name, config)
    return f"{name}-fit"


def ended(containers: Containers, container: str) -> bool:
    return containers.inspect(container, ".State.Status") == "exited"


def test_the_image_holds_what_it_should_and_no_compiler(containers: Containers) -> None:
    run = ["run", "--rm", "--network", "none", "--read-only", IMAGE]
    assert containers.podman(*run, "dasknmf", "--version").startswith("dasknmf")
    for absent in ("gcc", "cc", "pip", "make"):
        assert not containers.podman(*run, "sh", "-c", f"command -v {absent}", check=False)
    assert containers.podman(*run, "id", "-u") == "10001"
    labels = containers.podman("image", "inspect", IMAGE, "--format", "{{json .Labels}}")
    assert "org.opencontainers.image.revision" in labels
    size = int(containers.podman("image", "inspect", IMAGE, "--format", "{{.Size}}"))
    print(f"\nimage: {size / 1e6:.0f} MB, base and all")
    assert size < 1e9


def test_containers_cannot_rise_and_answer_their_probes(cluster: Containers) -> None:
    for deployment in of_kind("overlays/tls", "Deployment"):
        (container,) = deployment["spec"]["template"]["spec"]["containers"]
        for name in ("scheduler",) if container["name"] == "scheduler" else WORKERS:
            where = f"{name}-{container['name']}"
            status = cluster.exec(where, "cat", "/proc/1/status")
            lines = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
            assert lines["Uid"].split()[0] == "10001"
            assert int(lines["CapEff"], 16) == int(lines["CapBnd"], 16) == 0
            assert lines["NoNewPrivs"] == "1"
            assert lines["Seccomp"] == "2"
            refused = cluster.exec(where, "sh", "-c", "touch /opt/dasknmf/x 2>&1; true")
            assert "Read-only file system" in refused
            for probe in ("startupProbe", "livenessProbe"):
                cluster.exec(where, *container[probe]["exec"]["command"])
            assert cluster.exec(where, "ls", "/tls").split() == sorted(
                ["ca.pem", f"{container['name']}.pem", f"{container['name']}-key.pem"]
            )


def test_a_peer_reaches_neither_the_dashboard_nor_a_plain_port(cluster: Containers) -> None:
    connect = "import socket; socket.create_connection(('dasknmf-scheduler', {}), timeout=5)"
    cluster.exec("worker-0-worker", "python3", "-c", connect.format(8786))
    # the same from another pod would be 'ok' if the dashboard listened to more than its own
    tried = f"try:\n    {connect.format(8787)}\nexcept ConnectionRefusedError:\n    print('refused')"
    assert cluster.exec("worker-0-worker", "python3", "-c", tried) == "refused"
    plain = (
        "from distributed import Client, Security\n"
        "try:\n    Client('tcp://dasknmf-scheduler:8786', timeout='5s', security=Security(require_encryption=False))\n"
        "except OSError:\n    print('refused')"
    )
    assert cluster.exec("worker-0-worker", "python3", "-c", plain).splitlines()[-1] == "refused"


def test_a_worker_killed_in_the_middle_changes_no_bit(
    cluster: Containers, network: str, bucket: dict[str, Any]
) -> None:
    from s3fs import S3FileSystem

    began = time.monotonic()
    run = start(cluster, "fit", "s3://results/distributed.zarr", *RUN)
    store = S3FileSystem(**bucket, use_listings_cache=False)
    waiting = {"seconds": 600.0, "what": lambda: cluster.logs(run)}
    wait_until(lambda: store.exists("results/distributed.zarr.checkpoint"), **waiting)
    assert not ended(cluster, run)
    # of the machine's own processes this is the first of the container, so that all of it dies, as by the kernel
    os.kill(int(cluster.inspect("worker-1-worker", ".State.Pid")), signal.SIGKILL)
    back = wait_until(lambda: registered(cluster) == len(WORKERS) + 1, **waiting)
    assert not ended(cluster, run), "the run was over before the worker was back; make it longer"
    wait_until(lambda: ended(cluster, run), **waiting)
    distributed_seconds = time.monotonic() - began
    assert cluster.inspect(run, ".State.ExitCode") == "0", cluster.logs(run)
    assert int(cluster.inspect("worker-1-worker", ".RestartCount")) >= 1

    began = time.monotonic()
    reference = start(cluster, "serial", "s3://results/serial.zarr", *RUN, scheduler="serial")
    wait_until(lambda: ended(cluster, reference), **{**waiting, "what": lambda: cluster.logs(reference)})
    assert cluster.inspect(reference, ".State.ExitCode") == "0", cluster.logs(reference)
    print(
        f"\nthree containers, one killed and back after {back:.1f} s: {distributed_seconds:.1f} s; serial: "
        f"{time.monotonic() - began:.1f} s"
    )
    found = dasknmf.load("s3://results/distributed.zarr", storage_options=bucket)
    expected = dasknmf.load("s3://results/serial.zarr", storage_options=bucket)
    assert found.attrs["n_iter"] == expected.attrs["n_iter"] == 40
    for name in ("W", "H", "objective"):
        np.testing.assert_array_equal(found[name].to_numpy(), expected[name].to_numpy())
    print(f"{found.sizes['gene']:,} genes, relative error {found.attrs['relative_error']:.4f}, the same bits")
    assert not store.exists("results/distributed.zarr.checkpoint")
    for written in (cluster.logs(run), str(found.attrs)):
        assert KEYS["secret"] not in written
