"""The manifests render, and every field of every document is one that Kubernetes, or the Dask operator, knows."""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.manifests import DEPLOY, KUSTOMIZATIONS, of_kind, pods, rendered, services

DASK = "kubernetes.dask.org/v1"
CRDS = "dask_kubernetes/operator/deployment/helm/dask-kubernetes-operator/crds"


def test_all_kustomizations_are_looked_at() -> None:
    found = {
        str(path.parent.relative_to(DEPLOY / "kubernetes")) for path in DEPLOY.rglob("kustomization.yaml")
    }
    assert found - {"common", "common-operator"} == set(KUSTOMIZATIONS)


@pytest.mark.parametrize("version", ["1.31", None])
@pytest.mark.parametrize("kustomization", KUSTOMIZATIONS)
def test_kinds_of_kubernetes_are_valid_to_the_last_field(kustomization: str, version: str | None) -> None:
    validate = pytest.importorskip("kubernetes_validate")
    for document in rendered(kustomization):
        if document["apiVersion"] != DASK:
            validate.validate(document, version or validate.latest_version(), strict=True)


def test_a_field_that_does_not_exist_would_be_found() -> None:
    validate = pytest.importorskip("kubernetes_validate")
    (scheduler, *_) = of_kind("base", "Deployment")
    wrong = {**scheduler, "spec": {**scheduler["spec"], "replica": 1}}
    with pytest.raises(validate.ValidationError):
        validate.validate(wrong, validate.latest_version(), strict=True)


def closed(schema: Any) -> Any:
    """Return a schema in which no object has other properties than those it names."""
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: closed(value) for key, value in schema.items()}
    if isinstance(schema.get("properties"), dict) and "additionalProperties" not in schema:
        found["additionalProperties"] = bool(schema.get("x-kubernetes-preserve-unknown-fields"))
    return found


@pytest.fixture(scope="module")
def dask_schemas() -> dict[str, Any]:
    try:
        folder = Path(str(distribution("dask-kubernetes").locate_file(CRDS)))
    except PackageNotFoundError:
        pytest.skip("needs the resource definitions in dask-kubernetes: pip install dask-kubernetes")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    found = {}
    for file in folder.glob("*.yaml"):
        spec = yaml.load(file.read_text(encoding="utf-8"), Loader=loader)["spec"]
        schema = closed(spec["versions"][0]["schema"]["openAPIV3Schema"])
        for name in ("apiVersion", "kind", "metadata"):
            schema["properties"].setdefault(name, {})
        found[spec["names"]["kind"]] = schema
    return found


@pytest.mark.parametrize("kustomization", ["overlays/operator", "overlays/operator-job"])
def test_kinds_of_the_operator_are_valid_to_the_last_field(
    kustomization: str, dask_schemas: dict[str, Any]
) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    documents = [document for document in rendered(kustomization) if document["apiVersion"] == DASK]
    assert documents
    for document in documents:
        jsonschema.validate(document, dask_schemas[document["kind"]])


def test_a_field_that_the_operator_does_not_know_would_be_found(dask_schemas: dict[str, Any]) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    (cluster,) = of_kind("overlays/operator", "DaskCluster")
    worker = {**cluster["spec"]["worker"], "replica": 2}
    with pytest.raises(jsonschema.ValidationError, match="replica"):
        jsonschema.validate(
            {**cluster, "spec": {**cluster["spec"], "worker": worker}}, dask_schemas["DaskCluster"]
        )


@pytest.mark.parametrize("kustomization", KUSTOMIZATIONS)
def test_services_lead_to_ports_of_pods(kustomization: str) -> None:
    for service in services(kustomization):
        chosen = [pod for pod in pods(kustomization) if service["selector"].items() <= pod.labels.items()]
        assert chosen
        for pod in chosen:
            named = {port["name"] for one in pod.containers for port in one.get("ports", [])}
            assert {port["targetPort"] for port in service["ports"]} <= named


def test_every_pod_that_reads_a_config_or_a_secret_has_it_or_is_told_to_make_it() -> None:
    made = {document["metadata"]["name"] for document in of_kind("overlays/tls", "ConfigMap", "Secret")}
    readme = (DEPLOY / "README.md").read_text(encoding="utf-8")
    for kustomization in KUSTOMIZATIONS:
        for pod in pods(kustomization):
            wanted = {volume["configMap"]["name"] for volume in pod.spec["volumes"] if "configMap" in volume}
            secrets = {volume["secret"]["secretName"] for volume in pod.spec["volumes"] if "secret" in volume}
            secrets |= {
                one["secretRef"]["name"]
                for container in pod.containers
                for one in container.get("envFrom", [])
            }
            assert wanted <= made
            assert all(re.search(rf"create secret generic {name}\b", readme) for name in secrets)


def test_dask_reads_what_the_config_says() -> None:
    import dask

    of = {name: of_kind(name, "ConfigMap")[0]["data"] for name in ("overlays/tls", "overlays/operator")}
    settings = {
        name: dask.config.merge(*(yaml.safe_load(data[key]) for key in sorted(data)))
        for name, data in of.items()
    }
    tls = settings["overlays/tls"]["distributed"]["comm"]
    assert tls["default-scheme"] == "tls"
    assert tls["require-encryption"] is True
    operator = settings["overlays/operator"]["distributed"]
    assert operator["comm"]["default-scheme"] == "tcp"
    # no name is misspelt: Dask has a default for each
    dask.config.refresh()
    from distributed import Security  # noqa: F401 # brings the defaults of distributed

    for name in ("overlays/tls", "overlays/operator"):
        assert not list(_unknown(settings[name]["distributed"], "distributed", dask.config))


def _unknown(given: dict[str, Any], prefix: str, config: Any) -> Any:
    for key, value in given.items():
        path = f"{prefix}.{key}"
        if isinstance(value, dict):
            yield from _unknown(value, path, config)
        elif config.get(path, "absent") == "absent":
            yield path
