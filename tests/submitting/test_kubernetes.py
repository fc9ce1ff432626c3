"""The DaskJob of a run; what Kubernetes makes of it is in tests/proofs/test_kubernetes.py."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from dasknmf.cluster import read_cluster
from dasknmf.errors import InputError
from dasknmf.submitting.command import read_command
from dasknmf.submitting.folder import Run
from dasknmf.submitting.kubernetes import KubernetesJobs, job_spec
from dasknmf.submitting.submission import submit

if TYPE_CHECKING:
    from pathlib import Path

pytest.importorskip("dask_kubernetes", reason="needs dask-kubernetes (pip install -e '.[kubernetes]')")

FIT = ["fit", "/data/net.zarr", "-k", "5", "-o", "s3://bucket/fit.zarr"]


def cluster(**given: Any) -> Any:
    held = {"image": "dasknmf:0.1.0", "claims": {"networks": "/data"}, "secrets": ["s3-keys"], **given}
    return read_cluster(
        {"kind": "kubernetes", "workers": 3, "memory": "2GiB", "insecure": True, "kubernetes": held}
    )


def run_of(folder: Path, arguments: list[str]) -> Run:
    return Run(folder / "fit.run", {"arguments": arguments})


def test_the_driver_is_a_pod_like_those_of_the_workers(tmp_path: Path) -> None:
    spec = job_spec(cluster(), run_of(tmp_path, FIT), "dasknmf-1", resumed=False)
    assert (spec["kind"], spec["metadata"]["name"]) == ("DaskJob", "dasknmf-1")
    driver = spec["spec"]["job"]["spec"]
    worker = spec["spec"]["cluster"]["spec"]["worker"]["spec"]
    assert spec["spec"]["cluster"]["spec"]["worker"]["replicas"] == 3
    [container], [beside] = driver["containers"], worker["containers"]
    assert container["command"] == ["python", "-m", "dasknmf"]
    assert container["args"] == [*FIT, "--cluster", "$(DASK_SCHEDULER_ADDRESS)", "--insecure"]
    # not tried again by itself, hardened as a worker is, with the same volumes, keys and limits
    assert driver["restartPolicy"] == "Never"
    for name in ("securityContext", "volumes", "automountServiceAccountToken"):
        assert driver[name] == worker[name]
    for name in ("image", "securityContext", "volumeMounts", "envFrom", "resources"):
        assert container[name] == beside[name]
    json.dumps(spec)


def test_another_attempt_resumes(tmp_path: Path) -> None:
    spec = job_spec(cluster(), run_of(tmp_path, FIT), "dasknmf-2", resumed=True)
    assert spec["spec"]["job"]["spec"]["containers"][0]["args"][-1] == "--resume"


@pytest.mark.parametrize(
    "arguments",
    [
        ["fit", "net.zarr", "-k", "5", "-o", "s3://bucket/fit.zarr"],
        ["fit", "s3://bucket/net.zarr", "-k", "5", "-o", "/elsewhere/fit.zarr"],
        [
            "fit",
            "s3://bucket/net.zarr",
            "-k",
            "5",
            "-o",
            "s3://bucket/fit.zarr",
            "--checkpoint=run.checkpoint",
        ],
        ["--storage-options", "/home/me/s3.yaml", *FIT],
    ],
)
def test_places_that_no_pod_sees_are_refused(tmp_path: Path, arguments: list[str]) -> None:
    with pytest.raises(InputError, match=r"a pod does not see it; give /data/… or s3://…"):
        job_spec(cluster(), run_of(tmp_path, arguments), "dasknmf-1", resumed=False)


def test_what_never_came_to_kubernetes_is_gone(tmp_path: Path) -> None:
    said = KubernetesJobs().state(run_of(tmp_path, FIT), {})
    assert said.word == "gone"
    assert list(KubernetesJobs().logs(run_of(tmp_path, FIT), {})) == []


def test_the_cluster_is_given_to_submit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "cluster.yaml"
    file.write_text(json.dumps(cluster().as_dict()))
    with pytest.raises(InputError, match="give the cluster to submit: dasknmf submit --cluster"):
        submit(read_command([*FIT, "--cluster", str(file)]))
    assert not (tmp_path / "fit.zarr.run").exists()
