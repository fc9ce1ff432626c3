"""What every pod of every manifest must not be able to do, and what must be said of it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.deploy.manifests import KUSTOMIZATIONS, Pod, bytes_of, of_kind, pods, services

every_kustomization = pytest.mark.parametrize("kustomization", KUSTOMIZATIONS)


@every_kustomization
def test_pods_are_nobody_and_own_nothing(kustomization: str) -> None:
    for pod in pods(kustomization):
        security = pod.spec["securityContext"]
        assert security["runAsNonRoot"] is True, pod.name
        assert security["runAsUser"] == security["runAsGroup"] == security["fsGroup"] == 10001
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod.spec["automountServiceAccountToken"] is False
        assert pod.spec["serviceAccountName"] == "dasknmf"
        assert not {"hostNetwork", "hostPID", "hostIPC", "hostAliases"} & pod.spec.keys()


@every_kustomization
def test_service_accounts_have_no_token(kustomization: str) -> None:
    for account in of_kind(kustomization, "ServiceAccount"):
        assert account["automountServiceAccountToken"] is False
    assert not of_kind(kustomization, "Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding", "Ingress")


@every_kustomization
def test_containers_cannot_rise(kustomization: str) -> None:
    for pod in pods(kustomization):
        for container in pod.containers:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "runAsNonRoot": True,
                "capabilities": {"drop": ["ALL"]},
            }, pod.name


@every_kustomization
def test_volumes_are_bounded_and_of_the_cluster(kustomization: str) -> None:
    for pod in pods(kustomization):
        mounted = {mount["mountPath"] for one in pod.containers for mount in one["volumeMounts"]}
        assert {"/tmp", "/scratch", "/etc/dask"} <= mounted  # what else is there is read-only
        for volume in pod.spec["volumes"]:
            (kind,) = volume.keys() - {"name"}
            assert kind in ("configMap", "secret", "emptyDir"), pod.name
            assert kind != "emptyDir" or "sizeLimit" in volume["emptyDir"]


@every_kustomization
def test_resources_are_asked_for_and_limited(kustomization: str) -> None:
    for pod in pods(kustomization):
        for container in pod.containers:
            requests, limits = container["resources"]["requests"], container["resources"]["limits"]
            assert requests.keys() == limits.keys() == {"cpu", "memory", "ephemeral-storage"}
            # memory that is only hoped for is what others are killed for
            assert requests["memory"] == limits["memory"], pod.name


def _workers(kustomization: str) -> list[Pod]:
    return [pod for pod in pods(kustomization) if pod.containers[0]["args"][:2] == ["dask", "worker"]]


@every_kustomization
def test_dask_spills_before_the_kernel_kills(kustomization: str) -> None:
    for pod in _workers(kustomization):
        (container,) = pod.containers
        args = container["args"]
        limit = bytes_of(args[args.index("--memory-limit") + 1])
        assert 0.5 < limit / bytes_of(container["resources"]["limits"]["memory"]) < 0.95
        assert args[args.index("--nthreads") + 1] == container["resources"]["limits"]["cpu"]


@every_kustomization
def test_images_have_a_tag_that_stays(kustomization: str) -> None:
    for pod in pods(kustomization):
        for container in pod.containers:
            name, _, tag = container["image"].partition(":")
            assert name
            assert tag
            assert tag != "latest"


@every_kustomization
def test_what_serves_has_a_probe_that_needs_no_open_port(kustomization: str) -> None:
    for pod in pods(kustomization):
        for container in pod.containers:
            if container["args"][0] != "dask":
                continue  # a run ends by itself
            assert "livenessProbe" in container
            if not _dashboard_is_open(container):
                probe = container["livenessProbe"]["exec"]["command"]
                assert "127.0.0.1" in probe[-1]
                assert "/health" in probe[-1]


def _dashboard_is_open(container: dict[str, Any]) -> bool:
    args = container["args"]
    return not str(args[args.index("--dashboard-address") + 1]).startswith("127.0.0.1:")


def _allowed(kustomization: str, labels: dict[str, str]) -> dict[int, list[dict[str, Any]]]:
    """Ports of a pod that a policy lets somebody reach, and who."""
    found: dict[int, list[dict[str, Any]]] = {}
    for policy in of_kind(kustomization, "NetworkPolicy"):
        chosen = policy["spec"]["podSelector"].get("matchLabels", {})
        if not chosen.items() <= labels.items():
            continue
        for rule in policy["spec"].get("ingress", []):
            for port in rule["ports"]:
                found.setdefault(port["port"], []).extend(rule["from"])
    return found


@pytest.mark.parametrize("kustomization", [name for name in KUSTOMIZATIONS if name != "run"])
def test_nothing_is_reached_but_what_a_policy_names(kustomization: str) -> None:
    (default,) = [
        policy
        for policy in of_kind(kustomization, "NetworkPolicy")
        if policy["metadata"]["name"] == "default-deny"
    ]
    assert default["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    for policy in of_kind(kustomization, "NetworkPolicy"):
        for rule in policy["spec"].get("ingress", []):
            # an empty list of peers, or none, is everybody
            assert rule["from"]
            assert rule["ports"]
            assert all(peer["podSelector"]["matchLabels"] for peer in rule["from"])


@pytest.mark.parametrize("kustomization", [name for name in KUSTOMIZATIONS if name != "run"])
def test_every_port_is_covered_by_a_policy(kustomization: str) -> None:
    for service in services(kustomization):
        assert service["type"] == "ClusterIP"
        for pod in pods(kustomization):
            if service["selector"].items() <= pod.labels.items():
                assert {port["port"] for port in service["ports"]} <= _allowed(
                    kustomization, pod.labels
                ).keys()
    for pod in pods(kustomization):
        assert pod.labels["dasknmf/peer"] == "true"
        ports = {port["containerPort"] for one in pod.containers for port in one.get("ports", [])}
        allowed = _allowed(kustomization, pod.labels)
        assert ports <= allowed.keys(), pod.name
        for port in ports & {8787, 8789}:  # without authentication: not even for peers
            assert all(
                peer["podSelector"]["matchLabels"] != {"dasknmf/peer": "true"} for peer in allowed[port]
            )


def test_the_object_store_rule_leaves_out_the_keys_of_the_node() -> None:
    for policy in of_kind("overlays/tls", "NetworkPolicy"):
        for rule in policy["spec"].get("egress", []):
            for peer in rule["to"]:
                if "ipBlock" in peer:
                    assert "169.254.0.0/16" in peer["ipBlock"]["except"]


@every_kustomization
def test_secrets_are_only_referred_to(kustomization: str) -> None:
    assert not of_kind(kustomization, "Secret")
    for pod in pods(kustomization):
        for container in pod.containers:
            for variable in container.get("env", []):
                assert not any(word in variable["name"] for word in ("KEY", "SECRET", "TOKEN", "PASSWORD"))


def test_a_pod_sees_the_key_of_its_role_alone() -> None:
    for kustomization in ("overlays/tls", "run"):
        for pod in pods(kustomization):
            (tls,) = [volume["secret"] for volume in pod.spec["volumes"] if volume["name"] == "tls"]
            keys = [item["key"] for item in tls["items"] if item["key"].endswith("-key.pem")]
            assert len(keys) == 1
            assert "ca-key.pem" not in keys


def test_the_scheduler_is_never_on_a_node_that_is_taken_away_and_workers_may_be() -> None:
    for kustomization in ("overlays/tls", "overlays/operator", "overlays/operator-job"):
        for pod in pods(kustomization):
            command = pod.containers[0]["args"][1]
            if command == "scheduler":
                affinity = pod.spec["affinity"]["nodeAffinity"]
                assert affinity["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
                assert "tolerations" not in pod.spec
            if command == "worker":
                assert {"key": "dasknmf/spot", "operator": "Exists", "effect": "NoSchedule"} in pod.spec[
                    "tolerations"
                ]
                assert pod.spec["topologySpreadConstraints"]


def test_plain_deployments_have_budgets_and_do_not_run_without_certificates() -> None:
    budgets = {budget["metadata"]["name"] for budget in of_kind("base", "PodDisruptionBudget")}
    assert budgets == {deployment["metadata"]["name"] for deployment in of_kind("base", "Deployment")}
    (config,) = of_kind("base", "ConfigMap")
    assert "require-encryption: true" in config["data"]["dask.yaml"]


def test_a_run_goes_on_from_its_checkpoint_when_its_pod_is_lost() -> None:
    (job,) = of_kind("run", "Job")
    (container,) = job["spec"]["template"]["spec"]["containers"]
    assert "--resume" in container["args"]
    assert job["spec"]["backoffLimit"] > 0
    actions = [rule["action"] for rule in job["spec"]["podFailurePolicy"]["rules"]]
    assert actions == ["Ignore", "FailJob"]
