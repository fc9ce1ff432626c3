"""Runs as ``DaskJob`` of the Dask operator of Kubernetes: a cluster, and a pod beside it with the driver.

The pod does not see the folder of the run, which stays with who sent it: how the run is, and what it prints, is asked
of Kubernetes. Network, output and checkpoint are in an object store, or on a volume that the description of the cluster
mounts.
"""

from __future__ import annotations

import copy
import re
import uuid
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from dasknmf.errors import InputError, missing_dependency
from dasknmf.storage import is_remote
from dasknmf.submitting.place import Said

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dasknmf.cluster import Cluster
    from dasknmf.submitting.folder import Run

VERSION = "kubernetes.dask.org/v1"
#: What the operator says of a DaskJob, and what that means here.
_WORDS: dict[str, Said] = {
    "Running": Said("running"),
    "Successful": Said("done"),
    "Failed": Said("failed", "its pod failed"),
}
#: Of arguments that are places and not options.
_PLACE = re.compile(r"^[^-].*\.(zarr|checkpoint|html|png|svg|pdf|tsv|npz|ya?ml|json)/?$")


class KubernetesJobs:
    """Makes ``DaskJob`` objects, and asks Kubernetes for them."""

    def submit(self, run: Run, number: int) -> dict[str, Any]:
        """Make the DaskJob of an attempt, and return its name."""
        from dasknmf.cluster import read_cluster

        about = run.asked["cluster"]
        cluster = read_cluster(about["given"], **about["changes"])
        name = f"dasknmf-{uuid.uuid4().hex[:10]}"
        spec = job_spec(cluster, run, name, resumed=number > 1)
        namespace = cluster.kubernetes.namespace if cluster.kubernetes else None
        made = _asked(lambda: _daskjob()(spec, namespace=namespace))
        _asked(made.create)
        return {"job": name, "namespace": made.namespace}

    def state(self, run: Run, handle: dict[str, Any]) -> Said:
        """Say what the operator knows of the job."""
        del run
        if not handle:
            return Said("gone", "it never came to Kubernetes")
        try:
            found = _found(handle)
        except InputError as error:
            return Said("silent", str(error))
        if found is None:
            return Said("gone", f"Kubernetes: there is no DaskJob {handle['job']}")
        told = found.raw.get("status", {}).get("jobStatus", "")
        return _WORDS.get(told, Said("queued", f"Kubernetes: DaskJob {handle['job']} {told or 'is new'}"))

    def cancel(self, run: Run, handle: dict[str, Any], *, kill: bool) -> None:
        """Delete the job, its driver and its workers; what the driver did since its last checkpoint is lost."""
        del run, kill
        found = _found(handle) if handle else None
        if found is not None:
            _asked(found.delete)

    def logs(self, run: Run, handle: dict[str, Any]) -> Iterator[str]:
        """Yield what the driver has printed, as long as Kubernetes keeps its pod."""
        del run
        if not handle:
            return
        import kr8s

        def read() -> list[str]:
            pod = kr8s.objects.Pod.get(f"{handle['job']}-runner", namespace=handle["namespace"])
            return [f"{line}\n" for line in pod.logs()]

        try:
            yield from read()
        except kr8s.NotFoundError:
            return


def job_spec(cluster: Cluster, run: Run, name: str, *, resumed: bool) -> dict[str, Any]:
    """Return the ``DaskJob`` of a run.

    Parameters
    ----------
    cluster : Cluster
        Of kind ``kubernetes``, with an image.
    run : Run
        Its arguments.
    name : str
        Of the job, and of the cluster that it has.
    resumed : bool
        Whether it goes on from a checkpoint.

    Raises
    ------
    InputError
        If an argument is a place that no pod sees.
    """
    from dasknmf.cluster.kubernetes import cluster_spec

    arguments = [str(argument) for argument in run.asked["arguments"]]
    _check_places(arguments, cluster)
    made = cluster_spec(cluster, name)
    driver = copy.deepcopy(made["spec"]["worker"]["spec"])
    container = driver["containers"][0]
    container["name"] = "driver"
    # DASK_SCHEDULER_ADDRESS is given by the operator; its network policy is what guards plain tcp
    where = ["--cluster", "$(DASK_SCHEDULER_ADDRESS)", "--insecure"]
    container["command"] = ["python", "-m", "dasknmf"]
    container["args"] = [*arguments, *where, *(["--resume"] if resumed else [])]
    # a command that failed would fail again; one whose pod was lost goes on with `dasknmf resume`
    driver["restartPolicy"] = "Never"
    return {
        "apiVersion": VERSION,
        "kind": "DaskJob",
        "metadata": {"name": name, "labels": made["metadata"].get("labels", {})},
        "spec": {"job": {"spec": driver}, "cluster": {"spec": made["spec"]}},
    }


def _check_places(arguments: list[str], cluster: Cluster) -> None:
    mounted = [
        PurePosixPath(path) for path in (cluster.kubernetes.claims if cluster.kubernetes else {}).values()
    ]
    for argument in arguments:
        place = argument.partition("=")[2] if argument.startswith("--") else argument
        if not _PLACE.match(place) or is_remote(place):
            continue
        path = PurePosixPath(place)
        if not any(path.is_relative_to(folder) for folder in mounted):
            seen = " or ".join([*(f"{folder}/…" for folder in mounted), "s3://…"])
            msg = (
                f"{place}: a pod does not see it; give {seen} (kubernetes: claims in the description of the cluster "
                "mounts a volume)"
            )
            raise InputError(msg)


def _found(handle: dict[str, Any]) -> Any:
    import kr8s

    def get() -> Any:
        try:
            return _daskjob().get(handle["job"], namespace=handle["namespace"])
        except kr8s.NotFoundError:
            return None

    return _asked(get)


def _daskjob() -> Any:
    try:
        from kr8s.objects import new_class
    except ImportError as error:
        raise missing_dependency("kr8s", extra="kubernetes", purpose="a run on Kubernetes") from error
    return new_class("DaskJob", VERSION)


def _asked(ask: Any) -> Any:
    """Return what Kubernetes answers, or raise one error that says what went wrong."""
    try:
        return ask()
    except InputError:
        raise
    except Exception as error:  # of kr8s, httpx, and of the credentials of a cloud
        if isinstance(error, ImportError):
            raise
        said = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        msg = f"kubernetes: no answer of use ({said}); check the context with: kubectl get daskjobs"
        raise InputError(msg) from error
