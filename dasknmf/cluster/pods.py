"""The part of a description of a cluster that Kubernetes has."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, fields
from typing import Any

from dasknmf.cluster.sections import check_flag, check_table, check_text, check_texts, put
from dasknmf.errors import InputError

#: Names that Kubernetes takes: RFC 1123 labels.
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
#: Names of variables whose value is most likely a secret.
_SECRET = re.compile(r"SECRET|PASSW|TOKEN|CREDENTIAL|PRIVATE", re.IGNORECASE)


@dataclass(frozen=True)
class Kubernetes:
    """How a cluster of the Dask operator is asked for, or found.

    Parameters
    ----------
    name : str, optional
        Of the ``DaskCluster``; by default one that is made up.
    connect : bool
        Use the cluster of that name, and leave it there; otherwise one is made, and deleted afterwards.
    namespace : str, optional
        By default the current one.
    image : str, optional
        With dasknmf in it; needed where a cluster is made.
    env : mapping
        Variables of scheduler and workers; what is secret belongs in ``secrets``.
    secrets : list of str
        Kubernetes Secrets whose entries become variables, such as the credentials of an object store.
    service_account : str, optional
        Of the pods; its token is not mounted.
    resources : mapping, optional
        ``requests`` and ``limits`` of a worker; by default from ``threads`` and ``memory``.
    claims : mapping
        PersistentVolumeClaims, and where they are mounted: ``{"networks": "/data"}``.
    node_selector, labels : mapping
        Of the pods.
    tolerations : list of mapping
        Of the workers, such as that of spot machines.
    idle_seconds : int
        After so many seconds without tasks the operator deletes the cluster, also when its client has died.
    """

    name: str | None = None
    connect: bool = False
    namespace: str | None = None
    image: str | None = None
    env: dict[str, str] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()
    service_account: str | None = None
    resources: dict[str, dict[str, str]] | None = None
    claims: dict[str, str] = field(default_factory=dict)
    node_selector: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    tolerations: tuple[dict[str, Any], ...] = ()
    idle_seconds: int = 3600

    def __post_init__(self) -> None:
        where = "kubernetes"
        check_text(self, where, "name", "namespace", "image", "service_account")
        for name in ("name", "namespace"):
            value = getattr(self, name)
            if value is not None and not _LABEL.fullmatch(value):
                msg = f"{where}.{name}={value!r}: needs small letters, digits and hyphens, 63 at most"
                raise InputError(msg)
        check_texts(self, where, "secrets")
        check_flag(self, where, "connect")
        for name in ("env", "claims", "node_selector", "labels"):
            check_table(self, where, name)
        self._check_env()
        self._check_lists()
        self._check_connect()

    def _check_env(self) -> None:
        secret = next((name for name in self.env if _SECRET.search(name)), None)
        if secret is not None:
            msg = (
                f"kubernetes.env: {secret} looks like a secret, which every reader of the cluster's description would "
                "see; put it in a Secret (kubectl create secret generic NAME) and name that: secrets: [NAME]"
            )
            raise InputError(msg)
        wrong = next((path for path in self.claims.values() if not path.startswith("/")), None)
        if wrong is not None:
            msg = f"kubernetes.claims: {wrong!r}: needs an absolute path to mount at, such as /data"
            raise InputError(msg)

    def _check_lists(self) -> None:
        tolerations = self.tolerations
        if not isinstance(tolerations, list | tuple) or not all(isinstance(one, dict) for one in tolerations):
            msg = "kubernetes.tolerations: needs a list of mappings, such as [{key: spot, operator: Exists}]"
            raise InputError(msg)
        put(self, "tolerations", tuple(tolerations))
        held = self.resources
        good = held is None or (
            isinstance(held, dict)
            and set(held) <= {"requests", "limits"}
            and all(
                isinstance(part, dict)
                and all(isinstance(value, str | int | float) for value in part.values())
                for part in held.values()
            )
        )
        if not good:
            msg = "kubernetes.resources: needs requests and limits, such as {limits: {cpu: 4, memory: 16Gi}}"
            raise InputError(msg)
        whole = isinstance(self.idle_seconds, int) and not isinstance(self.idle_seconds, bool)
        if not whole or self.idle_seconds < 0:
            msg = (
                f"kubernetes.idle_seconds={self.idle_seconds!r}: needs a whole number of seconds; 0 is never"
            )
            raise InputError(msg)

    def _check_connect(self) -> None:
        if not self.connect:
            return
        if self.name is None:
            msg = "kubernetes.connect: needs the name of the cluster: name: NAME"
            raise InputError(msg)
        fresh = Kubernetes(name=self.name, namespace=self.namespace)
        made = [
            f.name
            for f in fields(self)
            if f.name != "connect" and getattr(self, f.name) != getattr(fresh, f.name)
        ]
        if made:
            msg = f"kubernetes.{made[0]} is of a cluster that is made; leave it out, or connect: true"
            raise InputError(msg)
