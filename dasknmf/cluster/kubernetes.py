"""Workers as pods of the Dask operator of Kubernetes, through dask-kubernetes."""

from __future__ import annotations

import os
import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from dasknmf.cluster.pods import Kubernetes
from dasknmf.cluster.slurm import with_room
from dasknmf.cluster.timeouts import as_environment, timeouts
from dasknmf.cluster.waiting import wait_for_workers
from dasknmf.errors import DasknmfError, InputError, missing_dependency

if TYPE_CHECKING:
    from collections.abc import Iterator

    from distributed import Client

    from dasknmf.cluster.description import Cluster

#: Seconds until the first pod runs: a new machine of a cloud takes minutes, and so does a large image.
WAIT = 900.0
#: The user of the image, and what its pods may do.
USER = 10001
_POD_SECURITY = {
    "runAsNonRoot": True,
    "runAsUser": USER,
    "runAsGroup": USER,
    "fsGroup": USER,
    "seccompProfile": {"type": "RuntimeDefault"},
}
_CONTAINER_SECURITY = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}
#: Of the scheduler, which holds no data.
_SCHEDULER_RESOURCES = {
    "requests": {"cpu": "500m", "memory": "512Mi"},
    "limits": {"cpu": "2", "memory": "2Gi"},
}


def cluster_spec(cluster: Cluster, name: str) -> dict[str, Any]:
    """Return the ``DaskCluster`` of a description.

    Made by dask-kubernetes, with its commands replaced: it calls ``dask-scheduler`` and ``dask-worker``, which
    distributed has no more since 2026.6.

    Parameters
    ----------
    cluster : Cluster
        Of kind ``kubernetes``, with an image.
    name : str
        Of the cluster.
    """
    from dask_kubernetes.operator import make_cluster_spec

    held = cluster.kubernetes or Kubernetes()
    variables = {**as_environment(timeouts()), "NUMBA_CACHE_DIR": "/tmp/numba", **held.env}  # noqa: S108 # in the pod
    spec: dict[str, Any] = make_cluster_spec(
        name=name,
        image=held.image,
        n_workers=cluster.workers or 1,
        env=[{"name": key, "value": value} for key, value in variables.items()],
        worker_command=["dask", "worker"],
        idle_timeout=held.idle_seconds,
    )
    if held.labels:
        spec["metadata"]["labels"] = dict(held.labels)
    worker, scheduler = (spec["spec"][part]["spec"] for part in ("worker", "scheduler"))
    arguments = worker["containers"][0]["args"]
    arguments += ["--nthreads", str(cluster.threads or 1)]
    if cluster.memory is not None:
        # below the limit of the pod, so that Dask spills or restarts before the kernel kills
        arguments += ["--memory-limit", str(cluster.memory)]
    scheduler["containers"][0]["args"] = ["dask", "scheduler", "--host", "0.0.0.0"]  # noqa: S104 # of the pod
    worker["containers"][0]["resources"] = held.resources or _resources(cluster)
    scheduler["containers"][0]["resources"] = _SCHEDULER_RESOURCES
    worker["tolerations"] = list(held.tolerations)
    for pod in (worker, scheduler):
        _harden(pod, held)
    _mount(worker, held.claims)
    return spec


def _resources(cluster: Cluster) -> dict[str, dict[str, str]] | None:
    held = {"cpu": str(cluster.threads or 1)}
    if cluster.memory is None:
        return {"requests": held}
    memory = f"{-(-with_room(cluster.memory) // 2**20)}Mi"
    return {"requests": {**held, "memory": memory}, "limits": {"memory": memory}}


def _harden(pod: dict[str, Any], held: Kubernetes) -> None:
    container = pod["containers"][0]
    container["securityContext"] = dict(_CONTAINER_SECURITY)
    container["volumeMounts"] = [{"name": "scratch", "mountPath": "/tmp"}]  # noqa: S108 # in the pod
    if held.secrets:
        container["envFrom"] = [{"secretRef": {"name": secret}} for secret in held.secrets]
    pod["securityContext"] = dict(_POD_SECURITY)
    pod["automountServiceAccountToken"] = False
    pod["volumes"] = [{"name": "scratch", "emptyDir": {}}]
    if held.service_account is not None:
        pod["serviceAccountName"] = held.service_account
    if held.node_selector:
        pod["nodeSelector"] = dict(held.node_selector)


def _mount(pod: dict[str, Any], claims: dict[str, str]) -> None:
    for number, (claim, path) in enumerate(claims.items()):
        pod["volumes"].append({"name": f"claim-{number}", "persistentVolumeClaim": {"claimName": claim}})
        pod["containers"][0]["volumeMounts"].append({"name": f"claim-{number}", "mountPath": path})


@contextmanager
def kubernetes_pods(cluster: Cluster) -> Iterator[Client]:
    """Make a ``DaskCluster``, or find one by its name, give a client, and delete what was made.

    Raises
    ------
    InputError
        If the API cannot be reached, the operator does not act, or no worker comes.
    MissingDependencyError
        Without the extra ``kubernetes``.
    """
    from distributed import Client

    held = cluster.kubernetes or Kubernetes()
    workers = cluster.workers or 1
    with _started(cluster, held) as started, Client(started, set_as_default=False) as client:
        wait_for_workers(
            client,
            workers,
            wait=cluster.wait or WAIT,
            of=f"the DaskCluster {started.name}",
            remedy=f"see why with: kubectl describe pods -l dask.org/cluster-name={started.name}",
        )
        yield client


@contextmanager
def _started(cluster: Cluster, held: Kubernetes) -> Iterator[Any]:
    try:
        from dask_kubernetes.operator import KubeCluster
        from dask_kubernetes.operator.kubecluster.kubecluster import CreateMode
    except ImportError as error:
        raise missing_dependency(
            "dask_kubernetes", extra="kubernetes", purpose="a cluster on Kubernetes"
        ) from error
    wait = int(cluster.wait or WAIT)
    name = held.name or f"dasknmf-{uuid.uuid4().hex[:8]}"
    try:
        if held.connect:
            started = KubeCluster.from_name(name, namespace=held.namespace, quiet=True, resource_timeout=wait)
        else:
            # whether it is deleted is left to KubeCluster: told to, it also deletes one of this name that it refused
            started = KubeCluster(
                custom_cluster_spec=cluster_spec(cluster, name),
                namespace=held.namespace,
                create_mode=CreateMode.CREATE_ONLY,
                resource_timeout=wait,
                quiet=True,
            )
    except DasknmfError:
        raise
    except Exception as error:  # of kr8s, httpx, kopf, distributed and the operator
        said = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        does = "found" if held.connect else "made"
        where = os.environ.get("KUBECONFIG", "the current context")
        msg = (
            f"kubernetes: the cluster {name} cannot be {does} ({said}); check {where} with: kubectl get daskclusters, "
            "and that the Dask operator runs"
        )
        raise InputError(msg) from error
    with started:
        yield started
