"""Fits on pods of the real operator, on an API of Kubernetes whose nodes are processes of this machine."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import urllib.request
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import yaml

import dasknmf
from tests.conftest import planted
from tests.rigs.sessions import Rig, Started, rig

kubernetes = pytest.importorskip("tests.rigs.kubernetes", reason="needs kmock (pip install -e '.[dev]')")
pytest.importorskip("dask_kubernetes", reason="needs dask-kubernetes (pip install -e '.[kubernetes]')")

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.proof

ITERATIONS = 200
SAME = [
    "--exact",
    "--init",
    "random",
    "--seed",
    "3",
    "--max-iter",
    ITERATIONS,
    "--tol",
    0,
    "--tol-objective",
    0,
]


class Kube:
    """The API, the operator, and commands that find them."""

    def __init__(self, processes: Rig, folder: Path) -> None:
        self.processes, self.folder = processes, folder
        self.names = kubernetes.environment(folder)

    def start(self, *command: object, log: str) -> Started:
        return self.processes.start(list(map(str, command)), log=self.folder / log, environment=self.names)

    def all(self, path: str) -> list[dict[str, Any]]:
        config = yaml.safe_load((self.folder / "kubeconfig").read_text())
        server = config["clusters"][0]["cluster"]["server"]
        with urllib.request.urlopen(f"{server}/{path}") as answer:
            return list(json.load(answer)["items"])

    def pods(self, component: str) -> list[dict[str, Any]]:
        return [
            pod
            for pod in self.all("api/v1/pods")
            if pod["metadata"]["labels"]["dask.org/component"] == component
        ]

    def wait_for_pods(self, component: str, count: int, *, seconds: float = 60) -> list[dict[str, Any]]:
        until = time.monotonic() + seconds
        while len(found := self.pods(component)) != count:
            assert time.monotonic() < until, f"{len(found)} pods of {component}, not {count}"
            time.sleep(0.2)
        return found


@pytest.fixture
def kube(tmp_path: Path) -> Iterator[Kube]:
    with _kube(tmp_path) as made:
        yield made


@contextmanager
def _kube(folder: Path) -> Iterator[Kube]:
    with rig() as processes:
        made = Kube(processes, folder)
        api = made.start(sys.executable, "-m", "tests.rigs.kubernetes", folder, log="api.log")
        until = time.monotonic() + 60
        while not (folder / "kubeconfig").exists():
            assert api.alive, api.text()
            assert time.monotonic() < until
            time.sleep(0.1)
        operator = made.start(
            "kopf", "run", "-m", "dask_kubernetes.operator.controller", "-A", log="operator.log"
        )
        operator.wait_for("Initial authentication has finished", seconds=60)
        yield made


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("kubernetes") / "net.zarr"
    dasknmf.import_network(planted(500, 5, seed=0), place, tile=128)
    return place


@pytest.fixture(scope="module")
def serial(network: Path) -> Any:
    options = {
        "exact": True,
        "init": "random",
        "seed": 3,
        "tol": 0,
        "tol_objective": 0,
        "max_iter": ITERATIONS,
    }
    return dasknmf.nmf(network, 5, scheduler="serial", **options)


def described(folder: Path, **kubernetes_options: Any) -> Path:
    file = folder / "cluster.yaml"
    held = {
        "kind": "kubernetes",
        "workers": 2,
        "memory": "1GiB",
        "insecure": True,
        "kubernetes": {
            "image": "dasknmf:test",
            "namespace": "default",
            "name": "genes",
            **kubernetes_options,
        },
    }
    file.write_text(yaml.safe_dump(held))
    return file


def check_same(output: Path, serial: Any) -> None:
    found = dasknmf.load(output)
    for name in ("W", "H", "objective", "scale"):
        np.testing.assert_array_equal(found[name], serial[name])


def test_a_fit_makes_its_pods_loses_one_and_leaves_none(kube: Kube, network: Path, serial: Any) -> None:
    output = kube.folder / "fit.zarr"
    fit = ["dasknmf", "fit", network, "-k", 5, "--cluster", described(kube.folder), "-o", output, *SAME]
    run = kube.start(*fit, "--checkpoint-iterations", 20, log="fit.log")
    run.wait_for("checkpoint after iteration", seconds=90)
    workers = kube.wait_for_pods("worker", 2)
    # the container of a worker ends in the middle; its pod starts it again
    os.killpg(workers[0]["status"]["pid"], signal.SIGKILL)
    assert run.wait(seconds=120) == 0, run.text()
    check_same(output, serial)
    kube.wait_for_pods("worker", 0)
    kube.wait_for_pods("scheduler", 0)
    assert not kube.all("apis/kubernetes.dask.org/v1/daskclusters")


SCALED = """
import sys
from dasknmf.cluster.reading import read_cluster
from dasknmf.cluster.kubernetes import kubernetes_pods
import dasknmf
with kubernetes_pods(read_cluster(sys.argv[1])) as client:
    cluster = client.cluster
    fits = []
    def fit():
        fits.append(dasknmf.nmf(sys.argv[2], 5, exact=True, init="random", seed=3, max_iter=5, scheduler=client))
    fit()
    cluster.scale(3)
    client.wait_for_workers(3, timeout=60)
    fit()
    cluster.scale(1)
    import time
    while len(client.scheduler_info(n_workers=-1)["workers"]) != 1:
        time.sleep(0.2)
    fit()
    cluster.adapt(minimum=2, maximum=3)
    client.wait_for_workers(2, timeout=90)
    fit()
    assert all(one.W.equals(fits[0].W) for one in fits)
    print("all of them", flush=True)
"""


def test_scaled_up_down_and_adapted_the_bits_stay(kube: Kube, network: Path) -> None:
    described(kube.folder)
    run = kube.start(sys.executable, "-c", SCALED, kube.folder / "cluster.yaml", network, log="scaled.log")
    run.wait_for("all of them", seconds=180)
    assert run.wait(seconds=120) == 0, run.text()
    kube.wait_for_pods("worker", 0)


def test_a_run_is_submitted_cancelled_and_resumed(kube: Kube, network: Path, serial: Any) -> None:
    """The driver is a pod of a DaskJob; a volume is a folder of this machine, at the same place in every pod."""
    shared = str(network.parent)
    file, output = (
        described(kube.folder, name=None, claims={"networks": shared}),
        network.parent / "submitted.zarr",
    )
    fit = ["fit", network, "-k", 5, "-o", output, *SAME, "--checkpoint-iterations", 20]
    folder = kube.folder / "the.run"

    def ask(*command: object, log: str) -> str:
        run = kube.start("dasknmf", *command, log=log)
        assert run.wait(seconds=90) == 0, run.text()
        return run.text()

    def wait_until(state: str) -> dict[str, Any]:
        until = time.monotonic() + 150
        while True:
            said = ask("status", folder, "--json", log="status.log")
            found = json.loads(said[said.index("{") :].splitlines()[0])
            if found["state"] == state:
                return dict(found)
            assert time.monotonic() < until, found
            time.sleep(1)

    ask("submit", "--cluster", file, "--run-folder", folder, "--", *fit, log="submit.log")
    wait_until("running")
    until = time.monotonic() + 90
    while "checkpoint after iteration" not in ask("logs", folder, log="logs.log"):
        assert time.monotonic() < until
        time.sleep(1)
    ask("cancel", folder, log="cancel.log")
    wait_until("cancelled")
    kube.wait_for_pods("worker", 0)
    assert not output.exists()
    ask("resume", folder, log="resume.log")
    wait_until("done")
    assert "resumed after iteration" in ask("logs", folder, log="logs2.log")
    check_same(output, serial)
    refused = kube.start(
        "dasknmf", "submit", "--cluster", file, "--", *fit[:5], "fit.zarr", log="refused.log"
    )
    assert refused.wait(seconds=60) == 1
    assert "fit.zarr: a pod does not see it" in refused.text()


def test_without_an_operator_there_is_one_error(tmp_path: Path, network: Path) -> None:
    with rig() as processes:
        kube = Kube(processes, tmp_path)
        kube.start(sys.executable, "-m", "tests.rigs.kubernetes", tmp_path, log="api.log")
        while not (tmp_path / "kubeconfig").exists():
            time.sleep(0.1)
        file = described(tmp_path)
        held = yaml.safe_load(file.read_text()) | {"wait": 6}
        file.write_text(yaml.safe_dump(held))
        output = tmp_path / "fit.zarr"
        run = kube.start("dasknmf", "fit", network, "-k", 5, "--cluster", file, "-o", output, log="fit.log")
        assert run.wait(seconds=60) == 1
        [line] = [line for line in run.text().splitlines() if line.startswith("dasknmf: ")]
        assert "the Dask operator runs" in line
        assert "Traceback" not in run.text()
        assert not output.exists()
        assert not kube.all("apis/kubernetes.dask.org/v1/daskclusters")
