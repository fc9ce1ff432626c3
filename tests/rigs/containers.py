"""Containers by podman, in a folder of their own: a base image without a registry, and manifests that are played."""

from __future__ import annotations

import base64
import copy
import json
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import yaml

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

TOOLS = ("podman", "buildah", "runc", "mmdebstrap")
PACKAGES = (
    "podman buildah runc netavark aardvark-dns containernetworking-plugins iptables nftables mmdebstrap conmon "
    "catatonit uidmap"
)
#: What a machine without systemd needs; a file of the rig, so that no setting of the machine is changed.
CONFIG = """
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
"""
NETWORK = "dasknmf"


def missing() -> str | None:
    """Return why containers cannot run here, or None."""
    if os.geteuid() != 0:
        return "needs root"
    absent = [tool for tool in TOOLS if shutil.which(tool) is None]
    return f"needs {absent[0]}: apt-get install --no-install-recommends {PACKAGES}" if absent else None


class Containers:
    """Images, a network without a way out, and pods.

    Parameters
    ----------
    folder : Path
        Everything of podman lies here. Images stay when the rest is removed, so that a folder that is kept need not
        build them again.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "containers.conf").write_text(CONFIG, encoding="utf-8")
        storage = f"--root {folder / 'images'} --runroot {folder / 'run'}"
        self._podman = ["podman", *storage.split(), "--network-config-dir", str(folder / "networks")]
        self._environment = {
            **os.environ,
            "CONTAINERS_CONF": str(folder / "containers.conf"),
            "PODMAN_OPTIONS": storage,
            "BUILDAH_OPTIONS": storage,
            "BUILDAH_ISOLATION": "oci",
            "BUILDAH_RUNTIME": "runc",
        }
        self._secrets: dict[str, dict[str, bytes]] = {}

    def __enter__(self) -> Self:
        self._clear()
        self.podman("network", "create", "--internal", NETWORK)
        return self

    def __exit__(self, *error: object) -> None:
        self._clear()

    def _clear(self) -> None:
        for command in ("pod rm --all --force", "rm --all --force", "volume rm --all --force"):
            self.podman(*command.split(), check=False)
        for name in self.podman("secret", "ls", "--format", "{{.Name}}", check=False).split():
            self.podman("secret", "rm", name, check=False)
        self.podman("network", "rm", "--force", NETWORK, check=False)

    def podman(self, *command: str, check: bool = True) -> str:
        """Run podman and return what it said."""
        return self._run([*self._podman, *command], check=check)

    def _run(self, command: list[str], *, check: bool = True) -> str:
        done = subprocess.run(command, check=False, capture_output=True, text=True, env=self._environment)
        assert not check or done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
        return done.stdout.strip()

    def build(self, project: Path, base: str, image: str) -> None:
        """Make the base, unless it is there, and the image, by the commands that deploy/README.md gives."""
        if not self.podman("images", "--quiet", base):
            self._run([str(project / "deploy/image/base"), base])
        self._run([str(project / "deploy/image/build"), f"localhost/{base}", image])

    @property
    def gateway(self) -> str:
        """Address of this machine that containers see."""
        (network,) = json.loads(self.podman("network", "inspect", NETWORK))
        return str(network["subnets"][0]["gateway"])

    def secret(self, name: str, entries: Mapping[str, bytes]) -> None:
        """Make a secret, for variables by podman and for files here."""
        self._secrets[name] = dict(entries)
        file = self.folder / f"{name}.json"
        file.write_text(json.dumps({key: base64.b64encode(value).decode() for key, value in entries.items()}))
        self.podman("secret", "create", name, str(file))
        file.unlink()

    def play(self, document: dict[str, Any], name: str, *others: dict[str, Any], alias: str = "") -> None:
        """Start the pod that a Deployment or a Job makes, with the documents it refers to.

        What podman 4.3 does otherwise than Kubernetes is put right: it has no Jobs, publishes every port to the world,
        shares an emptyDir between pods, and leaves volumes of secrets empty.
        """
        template = copy.deepcopy(document["spec"]["template"])
        spec, renamed = template["spec"], {}
        for volume in spec["volumes"]:
            if "secret" in volume:
                claim = f"{name}-{volume['name']}"
                self._fill(claim, volume.pop("secret"))
                volume["persistentVolumeClaim"] = {"claimName": claim}
            elif "emptyDir" in volume:
                renamed[volume["name"]] = volume["name"] = f"{name}-{volume['name']}"
        old = {new.removeprefix(f"{name}-"): new for new in renamed.values()}
        for container in spec["containers"]:
            container.pop("ports", None)
            for mount in container["volumeMounts"]:
                mount["name"] = old.get(mount["name"], mount["name"])
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {**template["metadata"], "name": name},
            "spec": spec,
        }
        file = self.folder / f"{name}.yaml"
        file.write_text(yaml.safe_dump_all([*others, pod]), encoding="utf-8")
        self.podman("kube", "play", "--network", f"{NETWORK}:alias={alias or name}", str(file))

    def _fill(self, claim: str, source: dict[str, Any]) -> None:
        """Give a volume the files of a secret that a pod mounts, and no other."""
        self.podman("volume", "create", claim)
        place = Path(self.podman("volume", "inspect", claim, "--format", "{{.Mountpoint}}"))
        for item in source["items"]:
            file = place / item["path"]
            file.write_bytes(self._secrets[source["secretName"]][item["key"]])
            os.chown(file, 0, 10001)
            file.chmod(source["defaultMode"])

    def inspect(self, container: str, what: str) -> str:
        """Return a field of a container, such as ``.State.Pid``."""
        return self.podman("inspect", "--type", "container", container, "--format", "{{" + what + "}}")

    def exec(self, container: str, *command: str, check: bool = True) -> str:
        """Run a command in a container and return what it wrote."""
        return self.podman("exec", container, *command, check=check)

    def logs(self, container: str) -> str:
        """Return all that a container wrote."""
        command = [*self._podman, "logs", container]
        done = subprocess.run(command, check=False, capture_output=True, text=True, env=self._environment)
        return done.stdout + done.stderr


def wait_until(happened: Callable[[], bool], *, seconds: float, what: Callable[[], str]) -> float:
    """Wait for something, and return how many seconds it took; fail with what is known when it takes too long."""
    began = time.monotonic()
    while not happened():
        assert time.monotonic() - began < seconds, what()
        time.sleep(0.2)
    return time.monotonic() - began
