"""A description of a cluster from a word, an address, a file or a mapping."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from dasknmf.cluster.description import WORDS, Cluster
from dasknmf.cluster.pods import Kubernetes
from dasknmf.cluster.sections import Slurm, beside, names_of, read_section, refuse_unknown
from dasknmf.errors import InputError
from dasknmf.storage import read_mapping


def read_cluster(given: Any = None, **changes: Any) -> Cluster:
    """Return the description of a cluster, from any of the ways to say where.

    Parameters
    ----------
    given : str, path, mapping or Cluster, optional
        A word (``threads``, ``serial``, ``local``, ``slurm``, ``kubernetes``), an address, the path of a scheduler
        file that Dask wrote, the path of a YAML or JSON file or a mapping with the names of the fields of
        :class:`Cluster`, or one of these itself; by default threads. Paths in a file are seen from its folder.
    **changes
        Fields to set in its place; None leaves what is there.

    Raises
    ------
    InputError
        If it is none of these, names a field that there is not, or has a wrong value.

    Examples
    --------
    >>> read_cluster("tls://scheduler:8786", tls="certs").kind
    'address'
    >>> read_cluster({"kind": "slurm", "workers": 8, "memory": "16GiB", "walltime": "2h"}).walltime
    7200.0
    """
    refuse_unknown(changes, Cluster, where="cluster")
    changes = {name: value for name, value in changes.items() if value is not None}
    if isinstance(given, Cluster):
        return replace(given, **changes) if changes else given
    if given is None:
        given = {"kind": "threads"}
    if isinstance(given, str) and given in WORDS:
        return Cluster(given, **changes)
    if isinstance(given, str) and "://" in given:
        return Cluster("address", address=given, **changes)
    if isinstance(given, str | os.PathLike):
        return _read_file(Path(given), changes)
    if not isinstance(given, dict):
        msg = f"cluster {type(given).__name__}: {_needed()}"
        raise InputError(msg)
    return _of_mapping(given, changes)


def _needed() -> str:
    return (
        f"give {', '.join(WORDS)}, an address such as tcp://127.0.0.1:8786, the path of a scheduler file, or of a YAML "
        f"file with: {names_of(Cluster)}"
    )


def _read_file(file: Path, changes: dict[str, Any]) -> Cluster:
    name = os.fspath(file)
    try:
        there = file.expanduser().is_file()
    except (ValueError, OSError, RuntimeError):  # a null byte, a name too long, no such user
        there = False
    if not there:
        msg = f"scheduler {name!r} is neither a word known here nor a file; {_needed()}"
        raise InputError(msg)
    file = file.expanduser()
    held = read_mapping(file, what="cluster file")
    # what a scheduler writes has its address, its type and its id; it is read again when the run connects
    if set(held) == {"address"} or (held.get("type") == "Scheduler" and "address" in held):
        return Cluster("address", scheduler_file=name, **changes)
    try:
        return _of_mapping(held, changes, folder=file.absolute().parent)
    except InputError as error:
        msg = f"cluster file {name}: {error}"
        raise InputError(msg) from error


def _of_mapping(given: dict[Any, Any], changes: dict[str, Any], *, folder: Path | None = None) -> Cluster:
    refuse_unknown(given, Cluster, where="cluster")
    held = {name: value for name, value in given.items() if value is not None}
    for name, section in (("slurm", Slurm), ("kubernetes", Kubernetes)):
        if name in held:
            held[name] = read_section(section, name, held[name], folder=folder)
    if "scheduler_file" in held:
        held["scheduler_file"] = beside(held["scheduler_file"], folder)
    if isinstance(held.get("tls"), dict):
        held["tls"] = {name: beside(value, folder) for name, value in held["tls"].items()}
    elif "tls" in held:
        held["tls"] = beside(held["tls"], folder)
    if "kind" not in held:
        held["kind"] = _kind_of(held)
    return Cluster(**{**held, **changes})


def _kind_of(held: dict[str, Any]) -> str:
    """Return the kind that a mapping without one means."""
    if "address" in held or "scheduler_file" in held:
        return "address"
    return next((name for name in ("slurm", "kubernetes") if name in held), "threads")
