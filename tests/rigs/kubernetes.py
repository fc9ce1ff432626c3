"""An API of Kubernetes on loopback, with a stand-in for its nodes: each pod is a real process of this machine.

``python -m tests.rigs.kubernetes FOLDER`` serves until it is told to end, and writes ``FOLDER/kubeconfig`` when it can
be asked. The objects are kept by kmock; what the API and the controllers of Kubernetes do beside is here: uids and
times, selectors of lists, pods of deployments, their restart, garbage collection by owner, and probes of readiness.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import sys
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import kmock
import yaml

from tests.rigs.names.sitecustomize import RIG, address_of

#: Seconds between two looks of the controllers.
LOOK = 0.1
#: Folder of the stand-in for the name server.
NAMES = Path(__file__).parent / "names"
DASK = "kubernetes.dask.org/v1"
KINDS = ("DaskCluster", "DaskWorkerGroup", "DaskJob", "DaskAutoscaler")
DEPLOYMENTS, PODS, SERVICES = "apps/v1/deployments", "v1/pods", "v1/services"


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _pruned(value: Any) -> Any:
    """Return an object without nulls, as the API keeps it."""
    if isinstance(value, dict):
        return {key: _pruned(item) for key, item in value.items() if item is not None}
    return [_pruned(item) for item in value] if isinstance(value, list) else value


def _cluster(item: dict[str, Any]) -> str:
    return str(item["metadata"].get("labels", {}).get("dask.org/cluster-name", ""))


def _at(item: dict[str, Any], path: str) -> Any:
    for part in path.split("."):
        item = item.get(part, {}) if isinstance(item, dict) else {}
    return item


def _selected(item: dict[str, Any], labels: str, fields: str) -> bool:
    held = _at(item, "metadata.labels")
    for term in filter(None, labels.split(",")):
        name, _, value = term.partition("=")
        if held.get(name.rstrip("!")) != value.lstrip("="):
            return False
    for term in filter(None, fields.split(",")):
        path, _, value = term.partition("=")
        if _at(item, path) != value.lstrip("="):
            return False
    return True


class Api(kmock.KubernetesEmulator):
    """Keeps objects, and what kmock leaves out of the API."""

    #: Where pods print.
    folder: Path

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        self.resources.load_bundled()
        for kind in KINDS:
            self.resources[f"{DASK}/{kind.lower()}s"] = {
                "kind": kind,
                "singular": kind.lower(),
                "namespaced": True,
                "verbs": {"get", "list", "watch", "create", "update", "patch", "delete"},
                "subresources": {"status"},
            }
        # one that today's clients take
        version = {"major": "1", "minor": "33", "gitVersion": "v1.33.0"}
        self["get /version"] << version
        self["get /version/"] << version
        self["get", re.compile(r"/api/v1/namespaces/[^/]+/pods/[^/]+/log")] << self._serve_log

    async def _handle(self, request: Any) -> Any:
        if request.resource is not None and request.action == kmock.action.CREATE:
            meta = request.data.setdefault("metadata", {})
            if "name" not in meta:
                meta["name"] = f"{meta.get('generateName', 'made-')}{uuid.uuid4().hex[:5]}"
            meta.setdefault("namespace", request.namespace or "default")
            meta |= {"uid": str(uuid.uuid4()), "creationTimestamp": _now(), "resourceVersion": "1"}
            kept = _pruned(request.data)
            request.data.clear()
            request.data.update(kept)
        return await super()._handle(request)

    async def _serve_log(self, request: Any) -> bytes:
        name = str(request.url.path).split("/")[-2]
        return (self.folder / f"{name}.log").read_bytes()

    async def _serve_list(self, request: Any) -> Any:
        found = await super()._serve_list(request)
        labels = request.params.get("labelSelector", "")
        fields = request.params.get("fieldSelector", "")
        items = [_pruned(item) for item in found["items"]]
        return {**found, "items": [item for item in items if _selected(item, labels, fields)]}


class Nodes:
    """Runs pods as processes, and keeps deployments, owners and services as the controllers of Kubernetes do."""

    def __init__(self, api: Api, folder: Path) -> None:
        self.api, self.folder = api, folder
        self.running: dict[str, asyncio.subprocess.Process] = {}

    def all(self, resource: str) -> list[dict[str, Any]]:
        """Return the objects of a resource."""
        group = kmock.resource(resource)
        return [
            dict(item.raw)
            for (kind, _, _), item in self.api.objects.items()
            if kind == group and not item.deleted
        ]

    async def look(self) -> None:
        """Do once what is to be done."""
        await self._collect_garbage()
        pods = {pod["metadata"]["uid"]: pod for pod in self.all(PODS)}
        ready = {_cluster(pod) for pod in pods.values() if pod.get("status", {}).get("ready")}
        for service in self.all(SERVICES):
            # the operator calls a cluster running when its service has a status, pending when all of it is made:
            # in this order nobody would wait long enough
            if "status" not in service and _cluster(service) in ready:
                await self._patch(SERVICES, service, {"status": {"loadBalancer": {}}})
        for uid in set(self.running) - set(pods):
            await self._end(uid)
        owned = {
            owner["uid"] for pod in pods.values() for owner in pod["metadata"].get("ownerReferences", [])
        }
        for deployment in self.all(DEPLOYMENTS):
            if deployment["metadata"]["uid"] not in owned:
                await self._make_pod(deployment)
        for pod in pods.values():
            await self._run(pod)

    async def _collect_garbage(self) -> None:
        kinds = [DEPLOYMENTS, PODS, SERVICES, *(f"{DASK}/{kind.lower()}s" for kind in KINDS)]
        held = [(kind, item) for kind in kinds for item in self.all(kind)]
        alive = {item["metadata"]["uid"] for _, item in held}
        for kind, item in held:
            owners = {owner["uid"] for owner in item["metadata"].get("ownerReferences") or []}
            if owners and not owners & alive:
                async with self.api.request("DELETE", _url(kind, item)):
                    pass

    async def _make_pod(self, deployment: dict[str, Any]) -> None:
        template = deployment["spec"]["template"]
        meta = deployment["metadata"]
        owner = {"apiVersion": "apps/v1", "kind": "Deployment", "name": meta["name"], "uid": meta["uid"]}
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": f"{meta['name']}-{uuid.uuid4().hex[:5]}",
                "namespace": meta["namespace"],
                "labels": template["metadata"].get("labels", {}),
                "ownerReferences": [owner],
            },
            "spec": template["spec"],
            "status": {"phase": "Pending"},
        }
        async with self.api.request("POST", f"/api/v1/namespaces/{meta['namespace']}/pods", json=pod):
            pass

    async def _run(self, pod: dict[str, Any]) -> None:
        uid, status = pod["metadata"]["uid"], pod.get("status", {})
        process = self.running.get(uid)
        if status.get("phase") in ("Succeeded", "Failed"):
            return
        if process is None or (process.returncode is not None and not self._ends(pod)):
            restarts = 0 if process is None else status.get("restarts", 0) + 1
            self.running[uid] = await self._start(pod)
            await self._tell(pod, "Running", ready=False, restarts=restarts)
        elif process.returncode is not None:
            await self._tell(pod, "Failed" if process.returncode else "Succeeded", ready=False)
        elif not status.get("ready") and await self._is_ready(pod):
            await self._tell(pod, "Running", ready=True, restarts=status.get("restarts", 0))

    @staticmethod
    def _ends(pod: dict[str, Any]) -> bool:
        return bool(pod["spec"].get("restartPolicy", "Always") == "Never")

    async def _start(self, pod: dict[str, Any]) -> asyncio.subprocess.Process:
        [container] = pod["spec"]["containers"]
        given = {one["name"]: str(one.get("value", "")) for one in container.get("env", [])}
        command = [*container.get("command", []), *container.get("args", [])]
        service = f"{pod['metadata']['labels'].get('dask.org/cluster-name', '')}-scheduler"
        # every pod has an address of its own, of which a service is another name
        own = address_of(service, pod["metadata"]["namespace"])
        command = [re.sub(r"\$\((\w+)\)", lambda name: given.get(name[1], ""), part) for part in command]
        command = [own if part == "0.0.0.0" else part for part in command]
        log = (self.folder / f"{pod['metadata']['name']}.log").open("ab")
        with log:
            return await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **environment(self.folder), **given},
                start_new_session=True,
            )

    async def _is_ready(self, pod: dict[str, Any]) -> bool:
        if pod["metadata"]["labels"].get("dask.org/component") != "scheduler":
            return True
        service = f"{pod['metadata']['labels']['dask.org/cluster-name']}-scheduler"
        try:
            _, writer = await asyncio.open_connection(address_of(service, pod["metadata"]["namespace"]), 8786)
        except OSError:
            return False
        writer.close()
        return True

    async def _tell(self, pod: dict[str, Any], phase: str, *, ready: bool, restarts: int = 0) -> None:
        process = self.running.get(pod["metadata"]["uid"])
        conditions = [{"type": name, "status": str(ready)} for name in ("Ready", "ContainersReady")]
        status = {
            "phase": phase,
            "conditions": conditions,
            "ready": ready,
            "restarts": restarts,
            "pid": process.pid if process else None,
            "containerStatuses": [{"name": "main", "ready": ready, "restartCount": restarts, "state": {}}],
        }
        await self._patch(PODS, pod, {"status": _pruned(status)})

    async def _patch(self, kind: str, item: dict[str, Any], change: dict[str, Any]) -> None:
        async with self.api.request("PATCH", _url(kind, item), json=change):
            pass

    async def _end(self, uid: str) -> None:
        process = self.running.pop(uid)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), 3)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)

    async def end(self) -> None:
        """End all processes."""
        await asyncio.gather(*(self._end(uid) for uid in list(self.running)))


def environment(folder: Path) -> dict[str, str]:
    """Return what a process needs to find the API, and services by their names."""
    paths = [str(NAMES), str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]
    return {
        "KUBECONFIG": str(folder / "kubeconfig"),
        RIG: str(folder),
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
    }


def _url(kind: str, item: dict[str, Any]) -> str:
    group, _, plural = kind.rpartition("/")
    root = f"/api/{group}" if group == "v1" else f"/apis/{group}"
    return f"{root}/namespaces/{item['metadata']['namespace']}/{plural}/{item['metadata']['name']}"


async def serve(folder: Path) -> None:
    """Serve until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with Api() as api, kmock.Server(api) as server:
        api.folder = folder
        nodes = Nodes(api, folder)
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "rig",
            "clusters": [{"name": "rig", "cluster": {"server": str(server.url).rstrip("/")}}],
            "users": [{"name": "rig", "user": {"token": "nobodys"}}],
            "contexts": [
                {"name": "rig", "context": {"cluster": "rig", "user": "rig", "namespace": "default"}}
            ],
        }
        (folder / "kubeconfig.new").write_text(yaml.safe_dump(config))
        (folder / "kubeconfig.new").rename(folder / "kubeconfig")
        try:
            while not stop.is_set():
                await nodes.look()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), LOOK)
        finally:
            await nodes.end()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))
