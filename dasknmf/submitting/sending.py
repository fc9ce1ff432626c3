"""Where a run is sent, and what is sent with it: its arguments there, and the cluster as its folder describes it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dasknmf.errors import InputError

if TYPE_CHECKING:
    from dasknmf.cluster import Cluster
    from dasknmf.submitting.command import Command


def sent(
    command: Command, cluster: Any, walltime: str | float | None, folder: Path
) -> tuple[str, list[str], dict[str, Any], dict[str, Any]]:
    """Return the place, the arguments of the command there, what is written down of the cluster, and in which files."""
    from dasknmf.cluster import read_cluster

    arguments, files = list(command.arguments), {}
    if command.cluster is not None and cluster is not None:
        msg = f"the cluster is given twice, to submit and as {command.cluster!r} to {arguments[0]}; give one"
        raise InputError(msg)
    where = command.cluster if cluster is None else cluster
    described = read_cluster(where, **command.changes)
    if not isinstance(where, str | os.PathLike):
        if where is not None:
            files["cluster.json"] = _written(described)
        where = "threads" if where is None else str(folder.absolute() / "cluster.json")
    elif Path(where).is_file():
        where = str(Path(where).absolute())
    place = described.kind if described.kind in ("slurm", "kubernetes") else "local"
    if place == "kubernetes" and command.cluster is not None:
        msg = (
            f"the driver is a pod beside its cluster, which it finds by itself; give the cluster to submit: "
            f"dasknmf submit --cluster {command.cluster} -- {arguments[0]} …"
        )
        raise InputError(msg)
    if cluster is not None and command.resumable and place != "kubernetes":
        arguments += ["--cluster", str(where)]
    about = {"kind": described.kind, "given": str(where), "changes": command.changes, "walltime": walltime}
    return place, arguments, about, files


def _written(described: Cluster) -> dict[str, Any]:
    """Return a description for a file in the folder of the run, where nothing of its text may be a secret."""
    held = described.as_dict()
    if "kubernetes" in held or held.get("slurm", {}).get("prologue"):
        msg = (
            "a description of a cluster with its own lines or environment, which may hold secrets, is not written into "
            "the folder of a run; put it in a file, and give its path"
        )
        raise InputError(msg)
    # a path in a file is seen from the folder of that file
    paths = {"scheduler_file", "ca", "cert", "key", "log_directory", "shared_directory"}

    def absolute(section: dict[str, Any]) -> dict[str, Any]:
        return {
            name: absolute(value)
            if isinstance(value, dict)
            else str(Path(value).expanduser().absolute())
            if name in paths
            else value
            for name, value in section.items()
        }

    return absolute(held)
