"""One way to say where a run takes place: the same in Python, on the command line and in a YAML file."""

from __future__ import annotations

import os
import re
from dataclasses import asdict, dataclass
from typing import Any

from dasknmf.cluster.pods import Kubernetes
from dasknmf.cluster.quantities import parse_duration, parse_memory
from dasknmf.cluster.sections import TLS, Slurm, check_flag, read_section
from dasknmf.errors import InputError, one_of

#: The kinds that are said with a word; an address or a scheduler file says its kind itself.
WORDS = ("threads", "serial", "local", "slurm", "kubernetes")
KINDS = ("threads", "serial", "local", "address", "slurm", "kubernetes")

#: Which fields mean something to which kinds; elsewhere they are refused, since they would do nothing.
APPLIES = {
    "address": ("address",),
    "scheduler_file": ("address",),
    "workers": ("threads", "local", "address", "slurm", "kubernetes"),
    "threads": ("local", "slurm", "kubernetes"),
    "memory": KINDS,
    "walltime": ("slurm",),
    "wait": ("address", "slurm", "kubernetes"),
    "tls": ("local", "address", "slurm"),
    "insecure": ("address", "slurm", "kubernetes"),
    "slurm": ("slurm",),
    "kubernetes": ("kubernetes",),
}
_ADDRESS = re.compile(r"(tcp|tls)://(\[[0-9A-Fa-f:.]+\]|[^\s/:\[\]@]+):(\d{1,5})")
_INSTEAD = {
    ("threads", "threads"): "; say workers: N for threads of this process",
    ("kubernetes", "tls"): (
        ": dask-kubernetes speaks plain tcp:// only. Run Deployments with TLS and give their address, or guard its "
        "ports with NetworkPolicies and say so: insecure: true (--insecure)"
    ),
}


@dataclass(frozen=True)
class Cluster:
    """Where a run takes place. Nothing is started or connected to by making one.

    Parameters
    ----------
    kind : {"threads", "serial", "local", "address", "slurm", "kubernetes"}
        Threads of this process; one task after another; worker processes on this machine; a cluster that is there
        already; jobs of Slurm; pods of the Dask operator of Kubernetes.
    address : str, optional
        ``tcp://HOST:PORT`` or ``tls://HOST:PORT`` of a scheduler.
    scheduler_file : path, optional
        What ``dask scheduler --scheduler-file`` wrote, in place of an address.
    workers : int, optional
        Threads of ``threads``, worker processes of ``local``, jobs of ``slurm`` and pods of ``kubernetes``; of an
        address, how many to wait for. By default one per core here, else 1.
    threads : int, optional
        Of each worker, 1 by default.
    memory : int, optional
        Bytes of each process, also as ``"16GiB"``; of an address, how much of its workers' a run may use.
    walltime : float, optional
        Seconds of each job of Slurm, also as ``"2h"`` or ``"1-12:00:00"``.
    wait : float, optional
        Seconds until the first worker must be there, also as ``"10 min"``.
    tls : TLS, optional
        Files of the CA, the certificate and the key, as a mapping too, or the folder that ``dasknmf certs`` made.
    insecure : bool
        Plain ``tcp://`` beyond loopback is meant: whoever reaches its ports runs code.
    slurm : Slurm, optional
        More about the jobs.
    kubernetes : Kubernetes, optional
        More about the pods.

    Raises
    ------
    InputError
        If a value is wrong, or means nothing to this kind.

    Examples
    --------
    >>> Cluster("local", workers=2, memory="1GiB").memory
    1073741824
    """

    kind: str = "threads"
    address: str | None = None
    scheduler_file: str | None = None
    workers: int | None = None
    threads: int | None = None
    memory: int | None = None
    walltime: float | None = None
    wait: float | None = None
    tls: TLS | None = None
    insecure: bool = False
    slurm: Slurm | None = None
    kubernetes: Kubernetes | None = None

    def __post_init__(self) -> None:
        one_of("cluster kind", self.kind, KINDS)
        for name, kinds in APPLIES.items():
            if getattr(self, name) not in (None, False) and self.kind not in kinds:
                instead = _INSTEAD.get((self.kind, name), f"; it is for {', '.join(kinds)}")
                msg = f"{name} means nothing to {self.kind}{instead}"
                raise InputError(msg)
        for name in ("workers", "threads"):
            self._check_count(name)
        self._set("memory", parse_memory(self.memory))
        self._set("walltime", parse_duration(self.walltime, name="walltime"))
        self._set("wait", parse_duration(self.wait, name="wait"))
        for name, section in (("slurm", Slurm), ("kubernetes", Kubernetes)):
            if getattr(self, name) is not None:
                self._set(name, read_section(section, name, getattr(self, name)))
        check_flag(self, "cluster", "insecure")
        self._check_address()
        self._check_tls()
        self._check_kubernetes()

    def as_dict(self) -> dict[str, Any]:
        """Return the fields that say something, as a mapping that :func:`read_cluster` takes."""
        held = {name: value for name, value in asdict(self).items() if value not in (None, False)}
        return {name: _plain(value) for name, value in held.items()}

    def _set(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)  # frozen once it is made

    def _check_count(self, name: str) -> None:
        value = getattr(self, name)
        if value is None:
            return
        if isinstance(value, bool) or not hasattr(value, "__index__") or not 1 <= value < 2**31:
            option = (
                "leave it out for one per core (--workers N)" if name == "workers" else "leave it out for 1"
            )
            msg = f"{name}={value!r}: needs a whole number, 1 or more; {option}"
            raise InputError(msg)
        self._set(name, int(value))

    def _check_address(self) -> None:
        file: Any = self.scheduler_file
        if isinstance(file, os.PathLike):
            self._set("scheduler_file", os.fspath(file))
        given = [value for value in (self.address, self.scheduler_file) if value is not None]
        if self.kind == "address" and len(given) != 1:
            msg = "cluster of kind address: needs an address or a scheduler_file, one of the two"
            raise InputError(msg)
        if self.address is not None:
            check_address(self.address)
        if self.scheduler_file is not None and not (
            isinstance(self.scheduler_file, str) and self.scheduler_file
        ):
            msg = f"scheduler_file={self.scheduler_file!r}: needs the path of a file"
            raise InputError(msg)

    def _check_tls(self) -> None:
        tls: Any = self.tls
        if tls is None:
            return
        if isinstance(tls, str | os.PathLike):
            # a client's certificate cannot pass for a scheduler's, so what starts one takes the other
            self._set("tls", TLS.of_folder(tls, role="client" if self.kind == "address" else "scheduler"))
        elif not isinstance(tls, TLS):
            if not isinstance(tls, dict) or set(tls) != {"ca", "cert", "key"}:
                msg = "tls: needs ca, cert and key, paths of PEM files, or the folder that dasknmf certs made"
                raise InputError(msg)
            self._set("tls", TLS(**tls))
        if self.insecure:
            msg = "tls and insecure are both given; leave one out"
            raise InputError(msg)
        if self.address is not None and self.address.startswith("tcp://"):
            msg = f"tls is given, but {self.address} is plain tcp; say tls://{self.address.removeprefix('tcp://')}"
            raise InputError(msg)

    def _check_kubernetes(self) -> None:
        if self.kind == "slurm" and self.memory is None:
            msg = "slurm: needs the memory of each worker, such as memory: 16GiB (--memory-limit 16GiB)"
            raise InputError(msg)
        if self.kind != "kubernetes":
            return
        held = self.kubernetes or Kubernetes()
        if not held.connect and held.image is None:
            msg = (
                "kubernetes: needs the image of its pods, with dasknmf in it; in a file that --cluster names: "
                "{kind: kubernetes, insecure: true, kubernetes: {image: REGISTRY/dasknmf:TAG}}"
            )
            raise InputError(msg)
        if held.connect and self.threads is not None:
            msg = "threads is of a cluster that is made; leave it out, or connect: true"
            raise InputError(msg)
        if not self.insecure:
            msg = (
                "kubernetes: dask-kubernetes speaks plain tcp:// only, so whoever reaches a port of its scheduler or "
                "workers runs code there; guard them with NetworkPolicies and say insecure: true (--insecure), or run "
                "Deployments with TLS and give their address, tls://HOST:8786"
            )
            raise InputError(msg)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(held) for key, held in value.items() if held not in (None, (), {})}
    return [_plain(held) for held in value] if isinstance(value, tuple) else value


def check_address(address: Any) -> None:
    """Refuse what is no address of a scheduler."""
    match = _ADDRESS.fullmatch(address) if isinstance(address, str) else None
    if match is None or not 0 < int(match[3]) < 65536:
        msg = f"address {address!r}: needs tcp://HOST:PORT or tls://HOST:PORT, such as tls://127.0.0.1:8786"
        raise InputError(msg)
