"""Hosts on one machine: a network namespace each, all on one bridge, without a route to anywhere else.

Needs root and iproute2. The bridge is in a namespace of its own, so that hosts of several tests at once may have the
same addresses.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import uuid
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from tests.rigs.sessions import Rig, Started, kill

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

PREFIX = "dasknmf"


def missing() -> str:
    """Return why there can be no hosts here; nothing where there can be."""
    if shutil.which("ip") is None:
        return "needs iproute2: apt-get install iproute2"
    if os.geteuid() != 0:
        return "needs root, to make network namespaces"
    name = f"{PREFIX}-{os.getpid()}-{uuid.uuid4().hex[:6]}"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True, check=False)
    if made.returncode:
        return f"no network namespace can be made here: {made.stderr.strip()}"
    _ip("netns", "delete", name)
    return ""


class Host:
    """A machine of its own, as far as the network goes; made by :func:`hosts`."""

    def __init__(self, name: str, address: str, namespace: str, bridge: str, port: str, rig: Rig) -> None:
        self.name, self.address = name, address
        self._namespace, self._bridge, self._port, self._rig = namespace, bridge, port, rig

    def run(
        self,
        command: Sequence[str],
        *,
        log: Path,
        environment: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> Started:
        """Start a process inside; its number is that of the command itself."""
        inside = ["ip", "netns", "exec", self._namespace, *command]
        return self._rig.start(inside, log=log, environment=environment, cwd=cwd)

    def cut(self) -> None:
        """Take the link away: nothing is refused, nothing arrives."""
        _ip("-n", self._bridge, "link", "set", self._port, "down")

    def restore(self) -> None:
        """Give the link back."""
        _ip("-n", self._bridge, "link", "set", self._port, "up")


@contextmanager
def hosts(names: Sequence[str], rig: Rig) -> Iterator[dict[str, Host]]:
    """Give hosts by name, with the addresses 10.77.0.1, 10.77.0.2 …, until the block ends.

    Parameters
    ----------
    names : sequence of str
        Of the hosts.
    rig : Rig
        What runs inside belongs to it.
    """
    _sweep()
    run = f"{PREFIX}-{os.getpid()}-{uuid.uuid4().hex[:6]}"
    bridge = f"{run}-bridge"
    made: list[str] = []
    try:
        _add(bridge, made)
        _ip("-n", bridge, "link", "add", "bridge", "type", "bridge")
        _ip("-n", bridge, "link", "set", "bridge", "up")
        found = {}
        for number, name in enumerate(names, 1):
            namespace, port, address = f"{run}-{name}", f"port{number}", f"10.77.0.{number}"
            _add(namespace, made)
            of_port = ("peer", "name", port, "netns", bridge)
            _ip("link", "add", "eth0", "netns", namespace, "type", "veth", *of_port)
            _ip("-n", bridge, "link", "set", port, "master", "bridge", "up")
            _ip("-n", namespace, "address", "add", f"{address}/24", "dev", "eth0")
            _ip("-n", namespace, "link", "set", "eth0", "up")
            found[name] = Host(name, address, namespace, bridge, port, rig)
        yield found
    finally:
        for namespace in reversed(made):
            _remove(namespace)


def _add(namespace: str, made: list[str]) -> None:
    _ip("netns", "add", namespace)
    made.append(namespace)
    _ip("-n", namespace, "link", "set", "lo", "up")


def _remove(namespace: str) -> None:
    """End what runs inside, and remove the namespace with its links."""
    for pid in _ip("netns", "pids", namespace).split():
        kill(int(pid))
    with suppress(subprocess.CalledProcessError):
        _ip("netns", "delete", namespace)


def _sweep() -> None:
    """Remove what a run that was killed left behind."""
    for namespace in re.findall(rf"^{PREFIX}-\d+-\S+", _ip("netns", "list"), re.MULTILINE):
        if not Path(f"/proc/{namespace.split('-')[1]}").exists():
            _remove(namespace)


def _ip(*arguments: str) -> str:
    return subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True).stdout
