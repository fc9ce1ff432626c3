"""Stands in for the name server of a Kubernetes cluster: each of its services is an address of loopback.

Python imports this by itself where its folder is on PYTHONPATH.
"""

from __future__ import annotations

import os
import re
import socket
import zlib
from typing import Any

#: Which rig a process is of.
RIG = "DASKNMF_NAMES"
_SERVICE = re.compile(r"(?P<service>[a-z0-9-]+-scheduler)\.(?P<namespace>[a-z0-9-]+)(\.svc\.cluster\.local)?")
_resolve = socket.getaddrinfo


def address_of(service: str, namespace: str) -> str:
    """Return the address of a service: the same in every process of a rig, and another one in other rigs."""
    number = zlib.crc32(f"{service}.{namespace} {os.environ.get(RIG, '')}".encode())
    return f"127.{64 + number % 64}.{number // 64 % 256}.{1 + number // 16384 % 254}"


def _getaddrinfo(host: Any, *arguments: Any, **named: Any) -> Any:
    name = host.decode() if isinstance(host, bytes) else host
    found = _SERVICE.fullmatch(name) if isinstance(name, str) else None
    return _resolve(address_of(found["service"], found["namespace"]) if found else host, *arguments, **named)


socket.getaddrinfo = _getaddrinfo
