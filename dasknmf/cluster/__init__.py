"""Where a run takes place: threads of this process, worker processes here, or a cluster."""

from dasknmf.cluster.opening import executor_for, parse_memory
from dasknmf.cluster.surviving import on_cluster

__all__ = ["executor_for", "on_cluster", "parse_memory"]
